//! `milaf log audit`: every hash of a log recomputed, and everything that was published of it compared.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    time::Instant,
};

use anyhow::Context;
use clap::Args;

use super::{
    folder::Folder,
    office, papers, telling,
    trust::{Trust, TrustArguments, policy},
    web::{Web, is_address},
};
use crate::{
    audit::{Expectations, Findings, KnownRoot, LogReport, Paper, Place, SourceError, TileSource, audit_log},
    cli::{DataArgument, UsageError, terminal::progress},
    config::DatabaseUrl,
};

/// How many files of a site are asked for at once.
const AT_ONCE: usize = 6;

/// Check a mirror, a log on the web or an office's own database, from the first entry to the last
#[derive(Debug, Args)]
#[command(
    long_about = "Recomputes every hash of a public log and compares it with its tiles, its signed checkpoint, every checkpoint \
        that the mirror has kept from before, and the receipts given. With --data, an office's own database instead: records, \
        nonces, commitments, leaves, the tree, heads, seals and checkpoints are recomputed, and every dossier, receipt and \
        number is compared with what the log says of it. Whatever differs is listed with its place. It only reads, and may run \
        beside a server.",
    after_help = "Examples:\n  milaf log audit /srv/mirror\n  milaf log audit /srv/mirror --keys keys.json --receipt scanned.txt\n  \
        milaf log audit https://suivi.example.ma --keys keys.json --policy policy.txt --json\n  \
        milaf log audit --data /srv/milaf --checkpoint court/checkpoints/6000\n\n\
        Exit codes: 0 nothing is wrong, 1 something is, 2 it cannot be read, or the command line has to be written otherwise."
)]
pub(super) struct Audit {
    /// A mirror's folder, or the office's address
    #[arg(value_name = "DIR|URL", required_unless_present = "data")]
    log: Option<String>,
    /// The office's own data folder instead, with its database
    #[arg(long, value_name = "DIR", conflicts_with = "log")]
    data: Option<PathBuf>,
    /// Where the office's database is, if not in its folder: `postgres://USER@HOST/NAME`
    #[arg(long, value_name = "URL", requires = "data")]
    database: Option<DatabaseUrl>,
    #[command(flatten)]
    trust: TrustArguments,
    /// Which witnesses must have cosigned the checkpoint, as C2SP's tlog-policy writes it
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// A receipt's address, or a file with one on each line; may stand several times
    #[arg(long = "receipt", value_name = "URL|FILE")]
    receipts: Vec<String>,
    /// A checkpoint that somebody kept; may stand several times
    #[arg(long = "checkpoint", value_name = "FILE")]
    checkpoints: Vec<PathBuf>,
    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
}

impl Audit {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let trust = Trust { policy: policy(self.policy.as_deref())?, ..Trust::given(&self.trust)? };
        if let Some(data) = self.data {
            let place = DataArgument { data, database: self.database };
            let given = office::Given { trust, checkpoints: &self.checkpoints, receipts: &self.receipts };
            let (report, seconds) = office::audit(&place, given).await?;
            return telling::of_office(&report, seconds, self.json);
        }
        let log = self.log.unwrap_or_default();
        let start = Instant::now();
        let report = tokio::task::block_in_place(|| public(&log, trust, &self.receipts, &self.checkpoints))?;
        telling::of_log(&report, start.elapsed().as_secs_f64(), self.json)
    }
}

/// Audits a folder or a site.
fn public(log: &str, mut trust: Trust, receipts: &[String], checkpoints: &[PathBuf]) -> anyhow::Result<LogReport> {
    let papers = papers::read(receipts, &trust.seal)?;
    let folder = (!is_address(log)).then(|| Folder::new(Path::new(log)));
    if let Some(folder) = &folder {
        if !folder.path().is_dir() {
            return Err(UsageError(format!("{log} is no folder")).into());
        }
        for key in if trust.is_empty() { folder.keys()? } else { Vec::new() } {
            trust.add(&key)?;
        }
    }
    need_keys(&trust)?;
    let (mut known, mut findings) = given(checkpoints, &trust)?;
    let mut report = if let Some(folder) = &folder {
        earlier(folder, &trust, &mut known, &mut findings)?;
        audit(folder, &trust, known, papers)?
    } else {
        let web = Web::new(log)?;
        let threads =
            rayon::ThreadPoolBuilder::new().num_threads(AT_ONCE).build().context("no threads to work with")?;
        threads.install(|| audit(&web, &trust, known, papers))?
    };
    report.findings.append(findings);
    Ok(report)
}

fn need_keys(trust: &Trust) -> anyhow::Result<()> {
    if trust.is_empty() {
        let what = "no key of the log is known: give it with --key, or the office's keys with --keys";
        return Err(UsageError(what.to_owned()).into());
    }
    Ok(())
}

/// Checkpoints given on the command line.
fn given(paths: &[PathBuf], trust: &Trust) -> anyhow::Result<(Vec<KnownRoot>, Findings)> {
    let (mut known, mut findings) = (Vec::new(), Findings::default());
    for path in paths {
        let name = path.display().to_string();
        let note = std::fs::read_to_string(path).map_err(|error| UsageError(format!("{name}: {error}")))?;
        match trust.head(&note) {
            Ok(head) => known.push(KnownRoot { place: Place::File(name), size: head.size, root: head.root }),
            Err(why) => findings.add(Place::File(name), why),
        }
    }
    Ok((known, findings))
}

/// The heads kept from before, and what is wrong with them already.
fn earlier(folder: &Folder, trust: &Trust, known: &mut Vec<KnownRoot>, findings: &mut Findings) -> anyhow::Result<()> {
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
    Ok(())
}

fn audit(
    source: &dyn TileSource,
    trust: &Trust,
    known: Vec<KnownRoot>,
    papers: Vec<Paper>,
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
    let head = match trust.witnessed_head(&note) {
        Ok(head) => head,
        Err(why) => return Ok(headless(format!("{why}, so there is no head to compare anything with"))),
    };
    let bar = progress(head.size, "recomputing the log");
    let expectations = Expectations::new(known, papers);
    let outcome = audit_log(source, &head, &expectations, &mut |done| bar.set_position(done));
    bar.finish_and_clear();
    outcome.map_err(|error| UsageError(error.to_string()).into())
}
