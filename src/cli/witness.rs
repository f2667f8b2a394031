//! `milaf witness`: a witness of other people's logs, for a court or an association.

use std::{fs, net::SocketAddr, path::PathBuf, process::ExitCode, sync::Arc};

use anyhow::Context;
use clap::{Args, Subcommand};
use tokio::net::TcpListener;
use tracing::level_filters::LevelFilter;

use super::{
    UsageError,
    log_lines::start_log,
    serving::{self, Signals},
    supervisor::{self, Supervisor},
    terminal::say,
};
use crate::{
    clock::SystemEnvironment,
    tlog::NoteVerifier,
    witness::{self, Witness, WitnessFolder, WitnessLimits},
};

/// Watch public logs and cosign their checkpoints, as a court or an association does
#[derive(Debug, Args)]
#[command(
    subcommand_negates_reqs = true,
    args_conflicts_with_subcommands = true,
    long_about = "Watches public logs and cosigns their checkpoints, as a court or an association does, so that an office \
        cannot show two people two histories.\n\n\
        A log submits each checkpoint with a proof that it extends the last one (C2SP tlog-witness, POST /add-checkpoint). The \
        witness checks both, stores what it is about to sign, and answers with its signature and the time. It never signs two \
        checkpoints that contradict each other. GET / tells its name, its key and what it has seen; \
        GET /HASH/checkpoint gives the last checkpoint of a log.\n\n\
        Its key and its name are made in --data at the first start. Whoever wants its cosignature writes the key that it prints \
        into a policy file; the key alone, without starting: milaf witness key --data DIR.\n\n\
        Run it on another machine than the office's, behind a web server with a certificate if it is reached over the Internet. \
        Never put its folder back from a backup: a witness that forgets what it has signed can be made to sign the opposite. \
        Give --log again with a log's new key before it changes, and keep the old one while it is in use.\n\n\
        Under systemd, Type=notify, WatchdogSec= and a socket unit with one ListenStream= work. MILAF_LOG says how much is told \
        on stderr.",
    after_help = "Examples:\n  milaf witness key --data /srv/witness --name witness.tribunal.example\n  \
        milaf witness --log suivi.example.ma/log+0a1b2c3d+AY… --listen 127.0.0.1:8090 --data /srv/witness"
)]
pub(super) struct WitnessCommand {
    #[command(subcommand)]
    command: Option<WitnessSubcommand>,
    /// A log's verifier key, as the log publishes it; may be given several times
    #[arg(long, value_name = "VKEY", required = true, value_parser = log_key)]
    log: Vec<NoteVerifier>,
    /// The address and port to listen on; port 0 takes any free one
    #[arg(long, value_name = "ADDRESS", required = true, value_parser = serving::listen_address)]
    listen: Option<SocketAddr>,
    /// The witness's own folder, which is made if it is not there
    #[arg(long, value_name = "DIR", required = true)]
    data: Option<PathBuf>,
    /// The witness's name, best the address under which it is reached without scheme; chosen once [default: HOST/witness]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
}

#[derive(Debug, Subcommand)]
enum WitnessSubcommand {
    /// Print the witness's verifier key, which is made if it is not there
    Key {
        /// The witness's own folder
        #[arg(long, value_name = "DIR")]
        data: PathBuf,
        /// The witness's name, chosen once [default: HOST/witness]
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
    },
}

fn log_key(text: &str) -> Result<NoteVerifier, String> {
    NoteVerifier::parse(text).map_err(|error| {
        format!(
            "{error}: it is NAME+ID+KEY, of a plain Ed25519 key, as `milaf keys export` or the log's operator tells it"
        )
    })
}

impl WitnessCommand {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        match self {
            Self { command: Some(WitnessSubcommand::Key { data, name }), .. } => print_key(&data, name.as_deref()),
            Self { log, listen: Some(listen), data: Some(data), name, .. } => {
                serve(log, listen, &data, name.as_deref()).await
            }
            _ => Err(UsageError("a witness needs --log, --listen and --data".to_owned()).into()),
        }
    }
}

/// A running witness has its key already, so the folder is only locked to make one.
fn print_key(data: &std::path::Path, name: Option<&str>) -> anyhow::Result<ExitCode> {
    let known = WitnessFolder::verifier_in(data)?.filter(|known| name.is_none_or(|name| name == known.name()));
    let verifier = match known {
        Some(verifier) => verifier,
        None => WitnessFolder::open(data)?.signer(name, &usual_name(), &SystemEnvironment)?.verifier().clone(),
    };
    say(&verifier.to_string())?;
    Ok(ExitCode::SUCCESS)
}

async fn serve(
    logs: Vec<NoteVerifier>,
    listen: SocketAddr,
    data: &std::path::Path,
    name: Option<&str>,
) -> anyhow::Result<ExitCode> {
    let inherited = supervisor::listener()?;
    start_log(LevelFilter::INFO)?;
    let folder = WitnessFolder::open(data)?;
    let signer = folder.signer(name, &usual_name(), &SystemEnvironment)?;
    let witness = Arc::new(Witness::new(folder, signer, logs, Arc::new(SystemEnvironment))?);
    let mut signals = Signals::new()?;
    let listener = match inherited {
        Some(listener) => TcpListener::from_std(listener).context("the inherited socket cannot be used")?,
        None => serving::bind("--listen", listen).await?,
    };
    say(&format!(
        "Listening on http://{}\nWitness key: {}\nStop with Ctrl-C.",
        listener.local_addr()?,
        witness.vkey()
    ))?;
    let supervisor = Supervisor::new();
    supervisor.ready();
    let stopped = async {
        tokio::select! {
            () = signals.next() => {}
            () = supervisor.live() => {}
        }
        supervisor.stopping();
    };
    witness::serve(witness, listener, WitnessLimits::default(), stopped).await.context("the witness ended")?;
    Ok(ExitCode::SUCCESS)
}

/// After the machine, because a name has to tell one witness from another.
fn usual_name() -> String {
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = host.trim();
    if host.is_empty() { "witness".to_owned() } else { format!("{host}/witness") }
}
