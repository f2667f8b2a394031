//! `milaf doctor`: looks an office over and says what is wrong and what to do about it.

use std::{env, fs, os::unix::fs::MetadataExt, path::Path, process::ExitCode, time::Duration};

use anyhow::Context;
use clap::Args;
use jiff::Timestamp;

use super::{
    DataArgument,
    key_table::{KeyRow, key_rows},
    open::{Database, Office, Papers, load_issuer},
    place::Place,
    terminal::{progress, say},
    witnesses::look_at_witnesses,
};
use crate::{
    clock::{Environment, SystemEnvironment},
    config::{DatabaseUrl, Issuer, KeyFiles, KeyPlace, PUBLIC_URL_VARIABLE},
    print::QrSymbol,
    receipt::{KeyRing, PublicUrl, ReceiptId, SealClaims, receipt_url_compact, receipt_url_sealed},
    service::{ServiceError, StartError},
    store::WaitsFor,
    tlog::Record,
};

/// What a thermal printer of 203 dpi prints on paper of 58 mm.
const DOTS_ON_58_MM: usize = 384;
const DOTS_PER_MODULE: usize = 4;
/// Four modules at each side.
const QUIET_ZONE: usize = 8;
const RESTORE: &str = "Keep this folder aside and restore the last backup that `milaf doctor` finds sound";
/// Clocks of servers differ by less.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(5);

/// Look an office over: configuration, keys, database, clock, log, QR code
#[derive(Debug, Args)]
#[command(
    long_about = "Looks an office over and prints a line for each thing: ok, warn or fail, and what to do.\n\nThe configuration, \
        the keys' permissions, the database's file, the clock, the whole log recomputed from its records, the published \
        checkpoint, the size of the QR code, the holidays of this year and the next, and every text and figure that still \
        needs a native speaker's or a jurist's review. It may run while the server does. The exit code is 1 when anything \
        fails.",
    after_help = "Examples:\n  milaf doctor --data /srv/milaf\n  milaf doctor --data /srv/milaf --adopt-checkpoint"
)]
pub(super) struct Doctor {
    #[command(flatten)]
    data: DataArgument,
    /// Write a lost checkpoint file anew from a database that is sound; only when the backups do not have it either
    #[arg(long)]
    adopt_checkpoint: bool,
}

/// Whether any of the lines printed so far is a warning or a failure.
#[derive(Default)]
pub(super) struct Findings {
    warned: bool,
    failed: bool,
}

impl Findings {
    #[expect(clippy::unused_self, reason = "the three lines are told alike")]
    pub(super) fn ok(&self, what: &str) -> anyhow::Result<()> {
        say(&format!("ok    {}", indented(what)))
    }

    pub(super) fn warn(&mut self, what: &str) -> anyhow::Result<()> {
        self.warned = true;
        say(&format!("warn  {}", indented(what)))
    }

    pub(super) fn fail(&mut self, what: &str) -> anyhow::Result<()> {
        self.failed = true;
        say(&format!("fail  {}", indented(what)))
    }
}

fn indented(text: &str) -> String {
    text.replace('\n', "\n      ")
}

impl Doctor {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let place = self.data.place()?;
        let mut findings = Findings::default();
        if let Some(office) = open(&place, &mut findings).await? {
            look_at_server(&office, &place, &mut findings).await?;
            let sound = look_at_log(&office, place.data.root(), &mut findings).await?;
            look_at_key_changes(&office, &mut findings).await?;
            look_at_start(&office, &mut findings, self.adopt_checkpoint && sound).await?;
            look_at_witnesses(&office, &place, &mut findings).await?;
            look_at_clock(&office, &mut findings).await?;
            office.close().await;
        }
        let (summary, code) = match (findings.failed, findings.warned) {
            (true, _) => ("Something fails: mend it before this office is used.", ExitCode::FAILURE),
            (false, true) => ("Nothing fails; the warnings say what is left to do.", ExitCode::SUCCESS),
            (false, false) => ("All is well.", ExitCode::SUCCESS),
        };
        say(&format!("\n{summary}"))?;
        Ok(code)
    }
}

/// Everything that can be said without the database, and then the database, unless something before it fails.
async fn open(place: &Place, findings: &mut Findings) -> anyhow::Result<Option<Office>> {
    let data = &place.data;
    let loaded = match load_issuer(data, None) {
        Ok(loaded) => Some(loaded),
        Err(error) => {
            findings.fail(&super::message(&error).unwrap_or_default())?;
            None
        }
    };
    if let Some((issuer, _)) = &loaded {
        look_at_configuration(issuer, findings)?;
    } else if !data.issuer_file().exists() {
        // It is no office's folder, and of what it lacks one line is enough.
        return Ok(None);
    }
    look_at_keys(place, findings)?;
    let Some(loaded) = loaded else { return Ok(None) };
    let papers = match Papers::load(data, loaded) {
        Ok(papers) => papers,
        Err(error) => {
            // The keys' own lines have said it, unless they fit together in no ring.
            if KeyFiles::problems(&place.keys(), |name| env::var_os(name)).is_empty() {
                findings.fail(&super::message(&error).unwrap_or_default())?;
            }
            return Ok(None);
        }
    };
    match Office::over(place, papers, Database::MustExist).await {
        Ok(office) => {
            look_at_symbol(&office.service.issuer().public_url, &office.service.keys(), findings)?;
            Ok(Some(office))
        }
        Err(error) => {
            findings.fail(&super::message(&error).unwrap_or_default())?;
            Ok(None)
        }
    }
}

fn look_at_configuration(issuer: &Issuer, findings: &mut Findings) -> anyhow::Result<()> {
    let (procedures, offices) = (issuer.catalogue.procedures().len(), issuer.offices.len());
    findings.ok(&format!(
        "configuration: {procedures} procedures, {offices} offices, public address {}",
        issuer.public_url
    ))?;
    if env::var_os(PUBLIC_URL_VARIABLE).is_some_and(|text| !text.is_empty()) {
        findings.warn(&format!("{PUBLIC_URL_VARIABLE} is set and goes before public_url in issuer.toml"))?;
    }
    if !issuer.public_url.is_https() {
        findings.warn(
            "the public address is not https: passwords and status pages travel in clear. Fine for a demonstration; for \
             an office, put a web server with a certificate in front and write its address as public_url",
        )?;
    }
    let year = issuer.civil_day(SystemEnvironment.now()).year();
    for year in [year, year.saturating_add(1)] {
        if issuer.calendar_years().contains(&year) {
            findings.ok(&format!("calendar: the movable holidays of {year} are entered"))?;
        } else {
            findings.warn(&format!(
                "calendar: no movable holiday of {year} is entered, so terms that reach into it may be miscounted. Add them \
                 to [[calendar.dated]] in issuer.toml"
            ))?;
        }
    }
    let mut reviews = issuer.reviews();
    reviews.extend(crate::i18n::unreviewed());
    if reviews.is_empty() {
        return findings.ok("review: every text and figure is confirmed");
    }
    findings.warn(&format!(
        "review: {} texts and figures are marked unconfirmed. Have each confirmed, correct it, and remove its mark:\n  {}",
        reviews.len(),
        reviews.join("\n  ")
    ))
}

fn look_at_keys(place: &Place, findings: &mut Findings) -> anyhow::Result<()> {
    let keys = place.keys();
    let problems = KeyFiles::problems(&keys, |name| env::var_os(name));
    if problems.is_empty() {
        findings.ok(&match keys {
            KeyPlace::Folder(_) => "keys: each its own, closed to other users".to_owned(),
            KeyPlace::Credentials(_) | KeyPlace::Environment => format!("keys: each its own, from {keys}"),
        })?;
    }
    for problem in problems {
        findings.fail(&format!("keys: {problem}"))?;
    }
    let DatabaseUrl::Sqlite(database) = &place.database else { return Ok(()) };
    if let Ok(metadata) = fs::metadata(database)
        && metadata.mode() & 0o077 != 0
    {
        findings.warn(&format!(
            "database: other users may read it (mode {:03o}). Run: chmod 600 '{}'",
            metadata.mode() & 0o777,
            database.display()
        ))?;
    }
    Ok(())
}

/// The symbol of a receipt as long as they come.
fn look_at_symbol(base: &PublicUrl, keys: &KeyRing, findings: &mut Findings) -> anyhow::Result<()> {
    let receipt_id = ReceiptId::new([0xff; 8]);
    let token = keys.token_keys.issue(receipt_id);
    let seal = keys.seal(&SealClaims {
        issued_at: 4_000_000_000,
        receipt_id,
        reference: "PCPPP-2026-000001".to_owned(),
        leaf_index: 99_999_999,
        commitment16: [0xff; 16],
        tree_size: 99_999_999,
        root: [0xff; 32],
    });
    for (kind, url) in
        [("sealed", receipt_url_sealed(base, &token, &seal)), ("compact", receipt_url_compact(base, &token))]
    {
        let symbol = match QrSymbol::new(&url) {
            Ok(symbol) => symbol,
            Err(error) => {
                findings.fail(&format!("QR code, {kind}: {error}. Choose a shorter public_url"))?;
                continue;
            }
        };
        let dots = (symbol.width() + QUIET_ZONE) * DOTS_PER_MODULE;
        let size = format!(
            "QR code, {kind}: version {}, {} modules, {dots} dots at {DOTS_PER_MODULE} a module",
            symbol.version(),
            symbol.width()
        );
        if dots <= DOTS_ON_58_MM {
            findings.ok(&format!("{size}, fits paper of 58 mm"))?;
        } else {
            findings.warn(&format!("{size}, too wide for paper of 58 mm. A shorter host name makes it smaller"))?;
        }
    }
    Ok(())
}

/// What stands between this node and its database, where that is on a server.
async fn look_at_server(office: &Office, place: &Place, findings: &mut Findings) -> anyhow::Result<()> {
    let facts = match office.store.server_facts().await {
        Ok(Some(facts)) => facts,
        Ok(None) => return Ok(()),
        Err(error) => {
            return findings
                .fail(&format!("database: {} does not answer: {error}. Look at the server", place.database));
        }
    };
    findings.ok(&format!(
        "database: PostgreSQL {} at {}, schema {}",
        facts.version,
        place.database,
        office.store.schema().now
    ))?;
    match facts.waits_for {
        WaitsFor::NamedStandbys => {}
        WaitsFor::Nobody => findings.warn(
            "database: no standby confirms a commit, so what was acknowledged is lost with the server's disk. Give every \
             server a cluster_name, and set synchronous_standby_names = 'ANY 1 (NAME, NAME)' when there is a standby",
        )?,
        WaitsFor::Anybody => findings.warn(
            "database: anybody counts as a standby, even a backup in the making, which cannot take over. Name the servers, \
             by their cluster_name, in synchronous_standby_names = 'ANY 1 (NAME, NAME)'",
        )?,
    }
    if !facts.encrypted {
        findings.warn(
            "database: the connection is not encrypted. On another machine than the server, use sslmode=verify-full and \
             sslrootcert",
        )?;
    }
    let apart = office.service.now().duration_since(facts.now).abs();
    if apart.unsigned_abs() > CLOCK_TOLERANCE {
        findings.fail(&format!(
            "clock: this machine and the database server are {} seconds apart. Set both by NTP: the date on a receipt is \
             this machine's",
            apart.as_secs()
        ))?;
    }
    Ok(())
}

/// Says whether file and log are sound.
async fn look_at_log(office: &Office, data: &Path, findings: &mut Findings) -> anyhow::Result<bool> {
    let mut sound = true;
    match office.store.check_storage().await {
        Ok(problems) if problems.is_empty() => findings.ok("database: the file is sound")?,
        Ok(problems) => {
            sound = false;
            findings.fail(&format!("database: the file is damaged. {RESTORE}:\n  {}", problems.join("\n  ")))?;
        }
        Err(error) => {
            sound = false;
            findings.fail(&format!("database: {error}. {RESTORE}"))?;
        }
    }
    let bar = progress(0, "recomputing the log");
    let report = office
        .service
        .inspect_log(&mut |done, all| {
            bar.set_length(all);
            bar.set_position(done);
        })
        .await;
    bar.finish_and_clear();
    match report {
        Ok(report) if report.problems.is_empty() => {
            let root = hex::encode(&report.root[..8]);
            let next = format!("Compare every row with it: milaf log audit --data {}", data.display());
            findings
                .ok(&format!("log: {} entries recomputed from their records, root {root}…\n{next}", report.size))?;
            look_at_rollbacks(office, findings).await?;
        }
        Ok(report) => {
            sound = false;
            let (shown, rest) = report.problems.split_at(report.problems.len().min(20));
            let more = if rest.is_empty() { String::new() } else { format!("\n  and {} more", rest.len()) };
            findings
                .fail(&format!("log: the records do not give the log. {RESTORE}:\n  {}{more}", shown.join("\n  ")))?;
        }
        Err(error) => {
            sound = false;
            findings.fail(&format!("log: {error}. {RESTORE}"))?;
        }
    }
    Ok(sound)
}

/// Each is told for ever, because papers and witnesses may still speak of what was lost.
async fn look_at_rollbacks(office: &Office, findings: &Findings) -> anyhow::Result<()> {
    for rollback in office.service.accepted_rollbacks().await? {
        let lost = match &rollback.lost {
            Some(lost) => format!("the log {} ended, with a published checkpoint of {}", lost.origin, lost.size),
            None => "the checkpoint that was lost cannot be read".to_owned(),
        };
        findings.ok(&format!(
            "rollback: accepted {at} by {actor} at entry {leaf}: {lost}. Reason: {reason}",
            at = rollback.at,
            actor = rollback.actor,
            leaf = rollback.leaf_index,
            reason = rollback.reason.replace('\n', " "),
        ))?;
    }
    Ok(())
}

/// What the log says of the keys, and which of their files are wanting.
async fn look_at_key_changes(office: &Office, findings: &mut Findings) -> anyhow::Result<()> {
    if let Err(error) = office.service.refresh_keys().await {
        return findings.fail(&format!("keys: what the log says of them cannot be read: {error}. {RESTORE}"));
    }
    let told: Vec<String> = key_rows(&office.service).iter().map(KeyRow::line).collect();
    findings.ok(&format!("keys, as the log tells:\n  {}", told.join("\n  ")))?;
    for problem in office.service.key_problems() {
        findings.fail(&format!("keys: {problem}"))?;
    }
    Ok(())
}

async fn look_at_start(office: &Office, findings: &mut Findings, adopt: bool) -> anyhow::Result<()> {
    match office.check_start().await {
        Ok(()) if office.service.published_note().is_some() => {
            findings.ok("checkpoint: the published one is a part of this log")
        }
        Ok(()) => findings.ok("checkpoint: none is published yet"),
        Err(StartError::CheckpointFileMissing { .. } | StartError::NeverPublished { .. }) if adopt => {
            match office.service.adopt_checkpoint().await {
                Ok(size) => findings
                    .warn(&format!("checkpoint: the lost file was written anew from the database, at {size} entries")),
                Err(error) => findings.fail(&start_problem(&error)),
            }
        }
        Err(error) => findings.fail(&start_problem(&error)),
    }
}

/// The errors of a start say themselves what to do, but for those of the database.
fn start_problem(error: &StartError) -> String {
    match error {
        StartError::Service(ServiceError::Damaged(_)) => format!("checkpoint: {error}. {RESTORE}"),
        StartError::Service(_) => format!("checkpoint: {error}. Nothing has been changed; try again"),
        StartError::Keys { problems } => format!("keys: {problems}"),
        StartError::UnfinishedCopy { .. } | StartError::Moved { .. } => format!("database: {error}"),
        _ => format!("checkpoint: {error}"),
    }
}

async fn look_at_clock(office: &Office, findings: &mut Findings) -> anyhow::Result<()> {
    let now = office.service.now();
    match last_event(office).await {
        Ok(None) => findings.ok(&format!("clock: {now}; nothing is registered yet")),
        Ok(Some(last)) if now.saturating_add(CLOCK_TOLERANCE).is_ok_and(|limit| limit < last) => {
            findings.fail(&format!(
                "clock: this machine says {now}, and the last event happened at {last}. Set the clock, by NTP for example, \
                 before anything is registered"
            ))
        }
        Ok(Some(last)) => findings.ok(&format!("clock: {now}, after the last event at {last}")),
        Err(cause) => findings.fail(&format!(
            "clock: this machine says {now}, and when the last event happened cannot be read: {cause:#}. {RESTORE}"
        )),
    }
}

async fn last_event(office: &Office) -> anyhow::Result<Option<Timestamp>> {
    let head = office.store.head().await?;
    let Some(last) = head.size.checked_sub(1) else { return Ok(None) };
    let rows = office.store.log_rows(last, 1).await?;
    let row = rows.first().context("its entry is missing")?;
    let content = row.content.as_ref().context("its record is missing")?;
    Ok(Some(Timestamp::from_millisecond(Record::decode(&content.record)?.at_ms)?))
}
