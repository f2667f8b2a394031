//! The command line: one file per command, and the only places that build a concrete store.
//!
//! A command reads its arguments, opens what it needs, calls the service and prints. It must never decide anything about a
//! dossier, and never print a secret that it was not asked for. Commands that spoke to a running server over HTTP were
//! rejected: an administrator needs them most when the server does not run, and the database may be shared.

mod accept;
mod account;
mod backup;
mod copy;
mod copying;
mod demo;
mod doctor;
mod erase;
mod evidence;
mod init;
mod key_table;
mod keys;
mod lock;
mod log;
mod log_lines;
mod loss;
mod migrate;
mod open;
mod password;
mod place;
mod read_codes;
mod receipt;
mod register;
mod restore;
mod serve;
mod serving;
mod supervisor;
mod terminal;
mod verify;
mod whole;
mod witness;
mod witnesses;

use std::{io, path::PathBuf, process::ExitCode};

use anyhow::Context;
use clap::{Args, Parser, Subcommand};

use self::place::Place;
use crate::config::{DataDir, DatabaseUrl};

/// Dossier receipts with one signed QR code, a status page for any phone, and a history nobody can rewrite.
#[derive(Debug, Parser)]
#[command(
    name = "milaf",
    version,
    arg_required_else_help = true,
    subcommand_required = true,
    disable_help_subcommand = true,
    after_help = "To see it at work: milaf demo\nTo set up an office: milaf init --help",
    after_long_help = "To see it at work:\n  milaf demo\n\n\
        To set up an office:\n  milaf init --issuer issuer.toml --data /srv/milaf\n  \
        milaf account add clerk --data /srv/milaf\n  milaf serve --data /srv/milaf\n\n\
        Exit codes: 0 done, 1 failed, 2 the command line has to be written otherwise;\n\
        milaf verify has its own."
)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Demo(demo::Demo),
    Init(init::Init),
    Serve(serve::Serve),
    Account(account::AccountCommand),
    Register(Box<register::Register>),
    Receipt(receipt::Receipt),
    Evidence(evidence::Evidence),
    Erase(erase::Erase),
    Doctor(doctor::Doctor),
    Keys(keys::KeysCommand),
    Migrate(migrate::Migrate),
    Backup(backup::Backup),
    Copy(copy::Copy),
    Restore(restore::Restore),
    Verify(Box<verify::Verify>),
    ReadCodes(read_codes::ReadCodes),
    Witness(witness::WitnessCommand),
    Log(log::LogCommand),
}

/// The data folder and its database, for every command that needs an office.
#[derive(Debug, Args)]
struct DataArgument {
    /// The office's data folder, as `milaf init` made it
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Where the database is, if not in the folder: `postgres://USER@HOST/NAME`. A password belongs in `MILAF_DATABASE` or in
    /// node.toml, because others can read a command line
    #[arg(long, value_name = "URL")]
    database: Option<DatabaseUrl>,
}

impl DataArgument {
    fn folder(&self) -> DataDir {
        DataDir::new(&self.data)
    }

    /// The folder with its settings and its database: the command line's, else the environment's, else the settings', else
    /// the folder's own.
    fn place(&self) -> anyhow::Result<Place> {
        Place::find(self.folder(), self.database.as_ref())
    }
}

impl Cli {
    /// Runs the command to its end.
    ///
    /// # Errors
    /// Whatever kept it from ending well; see [`message`] and [`exit_code`].
    pub fn run(self) -> anyhow::Result<ExitCode> {
        // Alone in its process: the threads of a runtime would take from the room that it is given.
        if let Command::ReadCodes(command) = self.command {
            return command.run();
        }
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .context("the system gives no threads to run on")?;
        runtime.block_on(async {
            match self.command {
                Command::Demo(command) => command.run().await,
                Command::Init(command) => command.run().await,
                Command::Serve(command) => command.run().await,
                Command::Account(command) => command.run().await,
                Command::Register(command) => command.run().await,
                Command::Receipt(command) => command.run().await,
                Command::Evidence(command) => command.run().await,
                Command::Erase(command) => command.run().await,
                Command::Doctor(command) => command.run().await,
                Command::Keys(command) => command.run().await,
                Command::Migrate(command) => command.run().await,
                Command::Backup(command) => command.run().await,
                Command::Copy(command) => command.run().await,
                Command::Restore(command) => command.run().await,
                Command::Verify(command) => Ok(command.run()),
                Command::ReadCodes(command) => command.run(),
                Command::Witness(command) => command.run().await,
                Command::Log(command) => command.run().await,
            }
        })
    }
}

/// What was asked for cannot be meant: the command line, or a value in it, has to be written otherwise.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct UsageError(String);

/// What to tell of an error: each cause once, though messages of libraries tend to quote their own cause. `None` when the
/// reader of the output went away, because then nobody is left to tell.
pub fn message(error: &anyhow::Error) -> Option<String> {
    if reader_is_gone(error) {
        return None;
    }
    let mut message = String::new();
    for cause in error.chain() {
        let text = cause.to_string();
        if message.is_empty() {
            message = text;
        } else if !message.contains(&text) {
            message.push_str(": ");
            message.push_str(&text);
        }
    }
    Some(message)
}

/// The exit code of a command line that cannot be read: 2, but for `milaf verify`, whose 2 is an answer.
pub fn misuse() -> ExitCode {
    let verify = std::env::args_os().nth(1).is_some_and(|command| command == "verify");
    ExitCode::from(if verify { verify::CANNOT_BEGIN } else { 2 })
}

/// The exit code of an error: 2 for a command line that has to be written otherwise, else 1.
pub fn exit_code(error: &anyhow::Error) -> ExitCode {
    if reader_is_gone(error) {
        ExitCode::SUCCESS
    } else if error.chain().any(<dyn std::error::Error>::is::<UsageError>) {
        ExitCode::from(2)
    } else {
        ExitCode::FAILURE
    }
}

fn reader_is_gone(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }

    #[test]
    fn a_cause_is_told_once() {
        let error = anyhow::anyhow!("disk full").context("cannot write x: disk full").context("no receipt");
        assert_eq!(message(&error).as_deref(), Some("no receipt: cannot write x: disk full"));
        let gone = anyhow::Error::from(io::Error::from(io::ErrorKind::BrokenPipe)).context("printing");
        assert_eq!(message(&gone), None);
    }
}
