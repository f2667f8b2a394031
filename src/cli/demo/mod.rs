//! `milaf demo`: an imaginary office with dossiers of the last ninety days, ready to try.
//!
//! The dossiers come to be through the service and the store, at moments of a stepped clock, exactly as a desk would have
//! made them: a ready-made database would prove nothing. A folder is filled once and only if this command made it, so that
//! a real office can never receive imaginary dossiers.

mod dice;
mod fill;
mod lives;
mod people;
mod texts;

use std::{fs, io::Write, net::SocketAddr, os::unix::fs::OpenOptionsExt, path::PathBuf, process::ExitCode};

use anyhow::{Context, bail};
use clap::Args;
use tracing::level_filters::LevelFilter;

use super::{
    log_lines::start_log,
    open::{Database, Office, create_keys, name_log},
    password,
    place::Place,
    serving,
    terminal::say,
};
use crate::{
    config::DataDir,
    dossier::{PublicState, Role},
    print::QrSymbol,
    receipt::PublicUrl,
};

/// Its presence says that this command made the folder.
const MARKER: &str = "DEMONSTRATION";
const MARKER_TEXT: &str =
    "This folder was made by `milaf demo`. Its dossiers, people and keys are imaginary: never use it for an office.\n";
const ACCOUNT: &str = "clerk";

/// Try it: an imaginary office with dossiers, keys and pages
#[derive(Debug, Args)]
#[command(
    long_about = "Makes an imaginary office, with keys, the example configuration and dossiers of the last 90 days in every \
        state, prints how to sign in and a receipt to scan, and serves it. Run again, it goes on with the same data, under the address of that run.\n\n\
        For a phone on the same network, listen on every address and name the one that the phone reaches.",
    after_help = "Examples:\n  milaf demo\n  milaf demo --listen 0.0.0.0:8080 --public-url http://192.168.1.20:8080"
)]
pub(super) struct Demo {
    /// The folder for the imaginary office
    #[arg(long, value_name = "DIR", default_value = "./data")]
    data: PathBuf,
    /// The address and port to listen on; port 0 takes any free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080", value_parser = serving::listen_address)]
    listen: SocketAddr,
    /// What the phone's browser reaches; by default http:// and the address listened on
    #[arg(long, value_name = "URL", value_parser = public_url)]
    public_url: Option<PublicUrl>,
    /// How many dossiers to make the first time
    #[arg(long, value_name = "NUMBER", default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=20_000))]
    dossiers: u32,
}

fn public_url(text: &str) -> Result<PublicUrl, String> {
    PublicUrl::parse(text).map_err(|error| error.to_string())
}

impl Demo {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        start_log(LevelFilter::WARN)?;
        let data = DataDir::new(&self.data);
        refuse_a_real_office(&data)?;
        let listener = serving::bind("--listen", self.listen).await?;
        let bound = listener.local_addr()?;
        let address = match &self.public_url {
            Some(address) => address.clone(),
            None => PublicUrl::parse(&reachable(bound))?,
        };
        install(&data, &address)?;
        let office =
            Office::open_unchecked(&Place::of_one_file(data.clone()), Some(address.as_str()), Database::MayBeMade)
                .await?;
        office.check_start().await?;
        if office.service.latest(1, None).await?.is_empty() {
            // As every new office does: a log with entries and without any checkpoint would be refused.
            office.publish().await?;
            fill::fill(&office, self.dossiers as usize).await?;
            office.publish().await?;
        } else if office.service.accounts().await?.is_empty() {
            // The clerk's account is made after the dossiers.
            bail!(
                "an earlier run was interrupted while it made the dossiers of {folder}. They are imaginary: remove the folder and \
                 run this again",
                folder = data.root().display()
            );
        }
        say(&format!(
            "An imaginary office in {folder}. Its dossiers, people and keys are made up.\n\n\
             The desk          {desk}\n{account}\n\
             Public pages      {public}\n",
            folder = data.root().display(),
            desk = address.join("desk"),
            public = address.join(""),
            account = account(&office, &data).await?,
        ))?;
        show_sample(&office).await?;
        if self.public_url.is_none() {
            let port = bound.port();
            say(&format!(
                "For a phone on the same network: --listen 0.0.0.0:{port} --public-url http://ADDRESS-OF-THIS-MACHINE:{port}"
            ))?;
        }
        say("Stop with Ctrl-C.")?;
        serving::serve(office, serving::Node::plain(listener)).await?;
        Ok(ExitCode::SUCCESS)
    }
}

/// The address that a browser on this machine reaches. A public URL knows no IPv6 address, and 0.0.0.0 is nobody's.
fn reachable(bound: SocketAddr) -> String {
    match bound {
        SocketAddr::V4(address) if !address.ip().is_unspecified() => format!("http://{address}"),
        SocketAddr::V4(address) => format!("http://127.0.0.1:{}", address.port()),
        SocketAddr::V6(address) => format!("http://localhost:{}", address.port()),
    }
}

fn refuse_a_real_office(data: &DataDir) -> anyhow::Result<()> {
    let (folder, marker) = (data.root(), data.root().join(MARKER));
    if marker.exists() || !folder.exists() {
        return Ok(());
    }
    let mut entries =
        fs::read_dir(folder).with_context(|| format!("{} is no folder that can be read", folder.display()))?;
    if entries.next().is_some() {
        bail!(
            "{} holds something that `milaf demo` did not make, and imaginary dossiers must not be mixed with it. Choose \
             another folder with --data",
            folder.display()
        );
    }
    Ok(())
}

/// The example issuer under this run's address, its keys and its log's name. The address is written into the file each time,
/// so that other commands on the same folder print QR codes that this run answers; the log keeps its first name.
fn install(data: &DataDir, address: &PublicUrl) -> anyhow::Result<()> {
    data.create()?;
    let marker = data.root().join(MARKER);
    if !marker.exists() {
        fs::write(&marker, MARKER_TEXT).with_context(|| format!("{} cannot be written", marker.display()))?;
    }
    if !data.issuer_file().exists() {
        data.install_example()?;
    }
    let file = data.issuer_file();
    let text = fs::read_to_string(&file).with_context(|| format!("{} cannot be read", file.display()))?;
    replace_issuer_file(data, &with_public_url(&text, address))
        .with_context(|| format!("{} cannot be written", file.display()))?;
    name_log(data)?;
    if !data.keys().exists() {
        create_keys(&data.keys())?;
    }
    Ok(())
}

fn with_public_url(text: &str, address: &PublicUrl) -> String {
    let line = |line: &str| {
        if line.starts_with("public_url ") { format!("public_url = \"{address}\"\n") } else { format!("{line}\n") }
    };
    text.lines().map(line).collect()
}

fn replace_issuer_file(data: &DataDir, text: &str) -> std::io::Result<()> {
    let beside = data.issuer_file().with_extension("toml.new");
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o644).open(&beside)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&beside, data.issuer_file())
}

/// The lines about the clerk's account, which is made the first time.
async fn account(office: &Office, data: &DataDir) -> anyhow::Result<String> {
    if office.service.accounts().await?.iter().any(|account| account.name == ACCOUNT) {
        return Ok(format!(
            "  name            {ACCOUNT}\n  password        as printed the first time; \
             a new one: milaf account password {ACCOUNT} --generate --data {}",
            data.root().display()
        ));
    }
    let password = password::generate()?;
    office
        .service
        .add_account(ACCOUNT, Role::Manager, &password)
        .await?
        .context("the clerk's account cannot be made")?;
    Ok(format!("  name            {ACCOUNT}\n  password        {}", *password))
}

/// A receipt that has something to say on the second level: one that waits for documents, if there is one.
async fn show_sample(office: &Office) -> anyhow::Result<()> {
    let rows = office.service.latest(100, None).await?;
    let waiting = rows.iter().filter(|row| row.position.state == PublicState::Incomplete);
    let mut sample = None;
    for row in waiting.chain(rows.first()) {
        sample = office.service.receipt(&row.reference).await?.map(|view| (row, view));
        if sample.as_ref().is_some_and(|(_, view)| !view.dossier.second_level_digits().is_empty()) {
            break;
        }
    }
    let Some((row, view)) = sample else { return Ok(()) };
    // The seal only proves the paper; without it the symbol is small enough for a terminal.
    let url = view.url.rsplit_once('/').map_or(view.url.as_str(), |(compact, _)| compact);
    let digits: Vec<_> = view.dossier.second_level_digits().iter().map(|digits| digits.as_str().to_owned()).collect();
    let second = if digits.is_empty() { "none".to_owned() } else { digits.join(" or ") };
    say(&format!(
        "A receipt to scan: {reference}\n\n{symbol}\n  {url}\n\n  Code to type      {code}\n  Last four digits  {second}\n  \
         On paper          milaf receipt {reference} --data {data} --format pdf --out {reference}.pdf\n",
        reference = row.reference,
        symbol = QrSymbol::new(url)?.terminal(),
        code = view.code,
        data = office.data.root().display(),
    ))
}
