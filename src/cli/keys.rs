//! `milaf keys`: what keys the office has, another in the place of one, one that is not to be believed any more.
//!
//! A new key's file is durable before the log tells of it, so a command that is killed in between leaves a key that nobody
//! uses, and the next run takes it. The other order was rejected: it could leave an office whose log names a key that nobody
//! has. Nothing secret is ever printed.

use std::{fs, path::PathBuf, process::ExitCode};

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use jiff::Timestamp;
use zeroize::Zeroizing;

use super::{
    DataArgument, UsageError,
    key_table::{as_json, as_table, key_rows},
    open::Office,
    terminal::say,
};
use crate::{
    audit::keys_file,
    clock::{Environment, SystemEnvironment},
    config::{KeyError, KeyFiles, KeyPlace, replace_file},
    dossier::Paragraph,
    service::{Actor, KeyRefusal},
    tlog::KeyPurpose,
};

/// List, rotate, revoke and publish the office's keys
#[derive(Debug, Args)]
#[command(
    long_about = "Lists, rotates, revokes and publishes the office's keys.\n\nThere are three kinds, numbered from 0: token keys \
        make the codes on receipts and stay on the server, seal keys sign receipts, log keys sign the log's checkpoints. Every \
        change is an entry of the log and is published, with its times, at /.well-known/milaf/keys.json.",
    after_help = "Examples:\n  milaf keys list --data /srv/milaf\n  milaf keys rotate seal --data /srv/milaf\n  \
        milaf keys revoke seal --key 0 --reason 'the server was stolen' --since 2026-09-01T03:00:00Z --data /srv/milaf\n  \
        milaf keys export --out keys.json --data /srv/milaf"
)]
pub(super) struct KeysCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    List(List),
    Rotate(Rotate),
    Revoke(Revoke),
    Export(Export),
    New(New),
}

/// Show every key: since when, until when, revoked or not, and where it lies
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  milaf keys list --data /srv/milaf\n  milaf keys list --json --data /srv/milaf")]
struct List {
    #[command(flatten)]
    data: DataArgument,
    /// Write JSON instead of a table
    #[arg(long)]
    json: bool,
}

/// Let a new key take over; what older ones made stays good
#[derive(Debug, Args)]
#[command(
    long_about = "Lets a new key take over, about ten seconds after the command; what the ones before it made stays good.\n\n\
        The server may run meanwhile, and no request is lost. Where the keys are files of the data folder, the new one is made \
        there. Where they are credentials or environment variables, the command names the one to provide, and goes on when it \
        is there.\n\nWith several nodes, make the file first with --prepare, bring it to the folder of every other node, closed \
        to other users, and then run the command without it: a node without the file is not ready and issues nothing.\n\nKeep \
        every token key, a revoked one too. The file of an older seal or log key may be deleted once the new one is in use.",
    after_help = "Examples:\n  milaf keys rotate seal --data /srv/milaf\n  \
        milaf keys rotate token --prepare --data /srv/milaf"
)]
struct Rotate {
    /// token, seal or log
    #[arg(value_parser = purpose)]
    purpose: KeyPurpose,
    #[command(flatten)]
    data: DataArgument,
    /// Make the new key's file and nothing more, so that it can be brought to other nodes first
    #[arg(long)]
    prepare: bool,
}

/// Declare that a key is not to be believed from a moment on
#[derive(Debug, Args)]
#[command(
    long_about = "Declares that a key is not to be believed from a moment on.\n\nThe moment may lie in the past, such as the \
        night of the theft, and never in the future. A receipt sealed before it is believed where the log confirms it. The \
        receipts of a revoked token key open no page any more: whoever scans one is asked to come to the desk, where `replace` \
        gives another. A revocation cannot be taken back. The key in use has to be rotated first.",
    after_help = "Examples:\n  milaf keys revoke seal --key 0 --reason 'the server was stolen' --data /srv/milaf\n  \
        milaf keys revoke seal --key 0 --reason 'stolen' --since 2026-09-01T03:00:00+01:00 --data /srv/milaf"
)]
struct Revoke {
    /// token, seal or log
    #[arg(value_parser = purpose)]
    purpose: KeyPurpose,
    /// The key's number, as `milaf keys list` shows it
    #[arg(long, value_name = "N")]
    key: u32,
    /// Why; everybody can read it, so it must name nobody
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    reason: Paragraph,
    /// From this moment on, such as 2026-09-01T03:00:00Z; now, if it is left out
    #[arg(long, value_name = "TIME")]
    since: Option<Timestamp>,
    #[command(flatten)]
    data: DataArgument,
}

/// Write keys.json, with which receipts and checkpoints can be verified elsewhere
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  milaf keys export --data /srv/milaf\n  milaf keys export --out keys.json --data /srv/milaf"
)]
struct Export {
    #[command(flatten)]
    data: DataArgument,
    /// The file to write; stdout, if it is left out
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Make a new secret key's file, to be provided as a credential or an environment variable
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  milaf keys new --out /etc/milaf/seal-1.key")]
struct New {
    /// The file to make, readable by its owner alone; never one that is there
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

fn purpose(text: &str) -> Result<KeyPurpose, String> {
    KeyPurpose::from_name(text).ok_or_else(|| "write token, seal or log".to_owned())
}

fn reason(text: &str) -> Result<Paragraph, String> {
    Paragraph::new(text).map_err(|error| error.to_string())
}

impl KeysCommand {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        match self.action {
            Action::List(command) => command.run().await?,
            Action::Rotate(command) => command.run().await?,
            Action::Revoke(command) => command.run().await?,
            Action::Export(command) => command.run().await?,
            Action::New(command) => command.run()?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl List {
    async fn run(self) -> anyhow::Result<()> {
        let office = Office::open(&self.data.place()?, None).await?;
        let rows = key_rows(&office.service);
        office.close().await;
        say(&if self.json { as_json(&rows) } else { as_table(&rows) })
    }
}

impl Rotate {
    async fn run(self) -> anyhow::Result<()> {
        let place = self.data.place()?;
        let office = Office::open(&place, None).await?;
        let (purpose, name) = (self.purpose, self.purpose.name());
        let number = office.service.next_key(purpose).map_err(told)?;
        let wanted = office.service.place_of_key(purpose, number);
        match place.keys() {
            KeyPlace::Folder(folder) => {
                let made = drawn(|fill| KeyFiles::add(&folder, purpose, number, fill))?;
                if self.prepare {
                    office.close().await;
                    let made = if made { "is made" } else { "was made before" };
                    return say(&format!(
                        "{wanted} {made}, and nothing uses it yet. Bring it to every other node, closed to other users, and \
                         then run: milaf keys rotate {name} --data DIR"
                    ));
                }
            }
            _ if self.prepare => {
                return Err(UsageError(format!(
                    "the keys come from {}, where this command writes nothing. Make the new one with `milaf keys new --out \
                     FILE` and provide it as {wanted} on every node",
                    place.keys()
                ))
                .into());
            }
            KeyPlace::Credentials(_) | KeyPlace::Environment => {}
        }
        let rotated = office.service.rotate_key(&Actor::new("cli"), purpose).await;
        let (number, from) = match rotated {
            Err(KeyRefusal::Missing { .. }) => bail!(
                "the keys come from {}, so the new {name} key has to be provided there as {wanted}. Make one with `milaf keys \
                 new --out FILE`, provide it on every node, restart them, and run this command again. Nothing has been changed",
                place.keys()
            ),
            rotated => rotated.map_err(told)?,
        };
        office.finish().await?;
        let keep = match purpose {
            KeyPurpose::Token => "Keep the older token keys: receipts in people's hands depend on them.",
            KeyPurpose::Seal | KeyPurpose::Log => {
                "The older key's file may be deleted after that; what it signed stays good."
            }
        };
        say(&format!("{name} key {number} takes over at {from}: {wanted}. Keep a copy of it with the backup. {keep}"))
    }
}

impl Revoke {
    async fn run(self) -> anyhow::Result<()> {
        let office = Office::open(&self.data.place()?, None).await?;
        let since = self.since.unwrap_or_else(|| office.service.now());
        let (purpose, number) = (self.purpose, self.key);
        let actor = Actor::new("cli");
        let revoked = office.service.revoke_key(&actor, purpose, number, since, self.reason.as_str()).await;
        let since = revoked.map_err(told)?;
        office.finish().await?;
        let name = purpose.name();
        say(&format!("{name} key {number} is revoked: what it made from {since} on is not believed any more."))
    }
}

impl Export {
    async fn run(self) -> anyhow::Result<()> {
        let office = Office::open(&self.data.place()?, None).await?;
        let keys = keys_file::write(&office.service.published_keys());
        office.close().await;
        let keys = keys?;
        match &self.out {
            Some(path) => replace_file(path, &keys).with_context(|| format!("{} cannot be written", path.display())),
            None => say(String::from_utf8(keys).context("the keys are no text")?.trim_end()),
        }
    }
}

impl New {
    fn run(self) -> anyhow::Result<()> {
        if fs::symlink_metadata(&self.out).is_ok() {
            bail!(KeyError::Exists { path: self.out });
        }
        drawn(|fill| KeyFiles::write_new(&self.out, fill))?;
        say(&format!("{} holds a new secret key. Show it to nobody.", self.out.display()))
    }
}

/// Bytes first: a source of randomness that fails must leave no file.
fn drawn<T>(make: impl FnOnce(&mut dyn FnMut(&mut [u8])) -> Result<T, KeyError>) -> anyhow::Result<T> {
    let mut secret = Zeroizing::new([0; 32]);
    SystemEnvironment.fill(&mut secret[..])?;
    Ok(make(&mut |buffer| buffer.copy_from_slice(&secret[..]))?)
}

/// What can be said otherwise on the command line is told as such.
fn told(refusal: KeyRefusal) -> anyhow::Error {
    match refusal {
        KeyRefusal::NoSuchKey { .. } | KeyRefusal::Future { .. } => UsageError(refusal.to_string()).into(),
        _ => refusal.into(),
    }
}
