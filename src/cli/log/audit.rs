//! `milaf log audit`: every hash of a log recomputed, and everything that was published of it compared.

use std::{path::Path, process::ExitCode, time::Instant};

use anyhow::Context;
use clap::Args;

use super::{
    folder::Folder,
    papers,
    trust::{Trust, TrustArguments},
    web::{Web, is_address},
};
use crate::{
    audit::{Expectations, Findings, KnownRoot, LogReport, Place, SourceError, TileSource, audit_log},
    cli::{
        UsageError,
        terminal::{progress, say},
    },
};

/// How many findings are printed for people; `--json` has them all.
const SHOWN: usize = 50;
const LIMITS: &str = "What this does not prove: that an entry tells the truth, or the date on it; it only proves that nothing was \
    changed, removed or inserted since. That others see the same log: compare the root with theirs, or ask for checkpoints that \
    witnesses have cosigned.";

/// Check a mirror, or a log on the web, from the first entry to the last
#[derive(Debug, Args)]
#[command(
    long_about = "Recomputes every hash of a public log and compares it with its tiles, its signed checkpoint, every checkpoint \
        that the mirror has kept from before, and the receipts given. Whatever differs is listed with its place.",
    after_help = "Examples:\n  milaf log audit /srv/mirror\n  milaf log audit /srv/mirror --keys keys.json --receipt scanned.txt\n  \
        milaf log audit https://suivi.example.ma --keys keys.json --json\n\n\
        Exit codes: 0 nothing is wrong, 1 something is, 2 it cannot be read, or the command line has to be written otherwise."
)]
pub(super) struct Audit {
    /// A mirror's folder, or the office's address
    #[arg(value_name = "DIR|URL")]
    log: String,
    #[command(flatten)]
    trust: TrustArguments,
    /// A receipt's address, or a file with one on each line; may stand several times
    #[arg(long = "receipt", value_name = "URL|FILE")]
    receipts: Vec<String>,
    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
}

impl Audit {
    #[expect(clippy::unused_async, reason = "an office's own database is read asynchronously")]
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let mut trust = Trust::given(&self.trust)?;
        let papers = papers::read(&self.receipts, &trust.seal)?;
        let start = Instant::now();
        let (report, earlier) = if is_address(&self.log) {
            let web = Web::new(&self.log)?;
            need_keys(&trust, "give the log's key with --key, or the office's keys with --keys")?;
            let threads = rayon::ThreadPoolBuilder::new().num_threads(8).build().context("no threads to work with")?;
            (threads.install(|| audit(&web, &trust, Vec::new(), papers))?, Findings::default())
        } else {
            let folder = Folder::new(Path::new(&self.log));
            if !folder.path().is_dir() {
                return Err(UsageError(format!("{} is no folder", self.log)).into());
            }
            for key in if trust.is_empty() { folder.keys()? } else { Vec::new() } {
                trust.add(&key)?;
            }
            need_keys(&trust, "the mirror remembers no key; give the log's with --key")?;
            let (known, findings) = earlier(&folder, &trust)?;
            (audit(&folder, &trust, known, papers)?, findings)
        };
        let mut report = report;
        report.findings.append(earlier);
        tell(&report, start.elapsed().as_secs_f64(), self.json)
    }
}

fn need_keys(trust: &Trust, what: &str) -> anyhow::Result<()> {
    if trust.is_empty() { Err(UsageError(what.to_owned()).into()) } else { Ok(()) }
}

/// The heads kept from before, and what is wrong with them already.
fn earlier(folder: &Folder, trust: &Trust) -> anyhow::Result<(Vec<KnownRoot>, Findings)> {
    let (mut known, mut findings) = (Vec::new(), Findings::default());
    for (size, note) in folder.earlier().map_err(|error| UsageError(format!("checkpoints cannot be read: {error}")))? {
        let place = Place::EarlierCheckpoint(size);
        match trust.head(&note) {
            Ok(head) if head.size == size => known.push(KnownRoot { place, size, root: head.root }),
            Ok(head) => findings.add(place, format!("it is one of {} entries", head.size)),
            Err(why) => findings.add(place, why),
        }
    }
    if let Some(evidence) = folder.has_evidence() {
        let what = format!("the log has shown two histories; both notes are in {}", evidence.display());
        findings.add(Place::Checkpoint, what);
    }
    Ok((known, findings))
}

fn audit(
    source: &dyn TileSource,
    trust: &Trust,
    known: Vec<KnownRoot>,
    papers: Vec<crate::audit::Paper>,
) -> anyhow::Result<LogReport> {
    let headless = |what: String| {
        let mut findings = Findings::default();
        findings.add(Place::Checkpoint, what);
        LogReport { head: None, entries: 0, tiles: 0, roots: 0, findings }
    };
    let note = match source.checkpoint() {
        Ok(note) => note,
        Err(SourceError::Unreadable(cause)) => return Err(UsageError(format!("checkpoint: {cause}")).into()),
        Err(error) => return Ok(headless(error.to_string())),
    };
    let head = match trust.head(&note) {
        Ok(head) => head,
        Err(why) => return Ok(headless(format!("{why}, so there is no head to compare anything with"))),
    };
    let bar = progress(head.size, "recomputing the log");
    let expectations = Expectations::new(known, papers);
    let outcome = audit_log(source, &head, &expectations, &mut |done| bar.set_position(done));
    bar.finish_and_clear();
    outcome.map_err(|error| UsageError(error.to_string()).into())
}

fn tell(report: &LogReport, seconds: f64, json: bool) -> anyhow::Result<ExitCode> {
    let findings = &report.findings;
    if json {
        let listed: Vec<_> = findings
            .listed()
            .iter()
            .map(|finding| serde_json::json!({ "place": finding.place.to_string(), "what": finding.what }))
            .collect();
        let head = report.head.as_ref().map(
            |head| serde_json::json!({ "origin": head.origin, "size": head.size, "root": hex::encode(head.root) }),
        );
        say(&serde_json::to_string_pretty(&serde_json::json!({
            "clean": findings.is_empty(),
            "checkpoint": head,
            "entries": report.entries,
            "tiles": report.tiles,
            "roots_compared": report.roots,
            "findings": listed,
            "more_findings": findings.more(),
            "seconds": seconds,
        }))?)?;
    } else {
        tell_people(report, seconds)?;
    }
    Ok(if findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn tell_people(report: &LogReport, seconds: f64) -> anyhow::Result<()> {
    let findings = &report.findings;
    for finding in findings.listed().iter().take(SHOWN) {
        say(&format!("wrong  {finding}"))?;
    }
    let more = findings.listed().len().saturating_sub(SHOWN) as u64 + findings.more();
    if more > 0 {
        say(&format!("wrong  and {more} more"))?;
    }
    if let Some(head) = &report.head {
        #[expect(clippy::cast_precision_loss, reason = "a count of entries is far below 2^52")]
        let speed = report.entries as f64 / seconds.max(1e-6);
        say(&format!(
            "{}: {} entries and {} tiles recomputed, {} roots compared, in {seconds:.1} s ({speed:.0} entries a second)\n\
             head: {} entries, root {}",
            head.origin,
            report.entries,
            report.tiles,
            report.roots,
            head.size,
            hex::encode(head.root)
        ))?;
    }
    let verdict = if findings.is_empty() {
        "Nothing is wrong: the entries are those that every one of these checkpoints was signed over."
    } else {
        "This log is not what was signed. Keep the folder as it is, and what is listed above with it."
    };
    say(&format!("\n{verdict}\n{LIMITS}"))
}
