//! `milaf log`: what somebody outside the office does with its public log, and an administrator with the office's own.
//!
//! These commands need no office: a court's or a journalist's laptop has neither keys nor a database. Asking the server
//! whether its log is right was rejected, because it is the server that is being checked.

mod audit;
mod folder;
mod mirror;
mod mirroring;
mod papers;
mod trust;
mod web;

use std::process::ExitCode;

pub(super) use self::{
    folder::Folder,
    trust::read_keys,
    web::{Web, is_address},
};

use clap::{Args, Subcommand};

/// Copy the public log and check it, without trusting whoever serves it
#[derive(Debug, Args)]
#[command(
    arg_required_else_help = true,
    subcommand_required = true,
    disable_help_subcommand = true,
    after_help = "Examples:\n  milaf log mirror https://suivi.example.ma --to /srv/mirror\n  milaf log audit /srv/mirror"
)]
pub(super) struct LogCommand {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Mirror(mirror::Mirror),
    Audit(audit::Audit),
}

impl LogCommand {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        match self.what {
            What::Mirror(command) => command.run(),
            What::Audit(command) => command.run().await,
        }
    }
}
