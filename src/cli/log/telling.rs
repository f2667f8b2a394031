//! What an audit tells: for people in a few lines, for programs as one JSON object.

use std::process::ExitCode;

use crate::{
    audit::{Findings, LogReport},
    cli::terminal::say,
    service::OfficeReport,
};

/// How many findings are printed for people; `--json` has all that are listed.
const SHOWN: usize = 50;
const OF_THE_LOG: &str = "What this does not prove: that an entry tells the truth, or the date on it; only that nothing was changed, \
    removed or inserted since. Whether others see the same log: compare the root with theirs, or ask with --policy for the \
    cosignatures of witnesses. What is in the entries stays hidden.";
const OF_THE_OFFICE: &str = "What this does not prove: that what was registered is true, or was registered at once. Accounts, \
    passwords, sessions and counted tries are in no log, so who was added or removed does not show here. A history rewritten \
    together with its whole tree shows only by a checkpoint or a paper from before: give those that others kept with \
    --checkpoint and --receipt.";

/// Prints the report on a public log.
///
/// # Errors
/// When stdout does not take it.
pub(super) fn of_log(report: &LogReport, seconds: f64, json: bool) -> anyhow::Result<ExitCode> {
    let head = report.head.as_ref();
    let facts = serde_json::json!({
        "checkpoint": head.map(|head| {
            serde_json::json!({ "origin": head.origin, "size": head.size, "root": hex::encode(head.root) })
        }),
        "entries": report.entries,
        "tiles": report.tiles,
        "roots_compared": report.roots,
    });
    let done = head.map_or_else(String::new, |head| {
        format!(
            "{}: {} entries and {} tiles recomputed, {} roots compared, {}\nhead: {} entries, root {}\n",
            head.origin,
            report.entries,
            report.tiles,
            report.roots,
            speed(report.entries, seconds),
            head.size,
            hex::encode(head.root)
        )
    });
    let good = "Nothing is wrong: the entries are those that every one of these checkpoints was signed over.";
    let bad = "This log is not what was signed. Keep everything as it is, with this list.";
    Told { findings: &report.findings, facts, done, good, bad, limits: OF_THE_LOG, seconds, json }.say()
}

/// Prints the report on an office's database.
///
/// # Errors
/// When stdout does not take it.
pub(super) fn of_office(report: &OfficeReport, seconds: f64, json: bool) -> anyhow::Result<ExitCode> {
    let facts = serde_json::json!({
        "entries": report.entries,
        "dossiers": report.dossiers,
        "receipts": report.receipts,
        "erased_entries": report.erased,
        "roots_compared": report.roots,
    });
    let erased = match report.erased {
        0 => String::new(),
        erased => format!("{erased} entries have no content any more: the log tells of their erasure\n"),
    };
    let done = format!(
        "{} entries, {} dossiers and {} receipts compared, {} checkpoints and roots, {}\n{}",
        report.entries,
        report.dossiers,
        report.receipts,
        report.roots,
        speed(report.entries, seconds),
        erased
    );
    let good = "Nothing is wrong: every row follows from the log, and the log is what was signed.";
    let bad = "The database is not what its log says. Keep it as it is, with this list and the checkpoint file.";
    Told { findings: &report.findings, facts, done, good, bad, limits: OF_THE_OFFICE, seconds, json }.say()
}

fn speed(entries: u64, seconds: f64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "a count of entries is far below 2^52")]
    let speed = entries as f64 / seconds.max(1e-6);
    format!("in {seconds:.1} s ({speed:.0} entries a second)")
}

struct Told<'a> {
    findings: &'a Findings,
    facts: serde_json::Value,
    done: String,
    good: &'a str,
    bad: &'a str,
    limits: &'a str,
    seconds: f64,
    json: bool,
}

impl Told<'_> {
    fn say(mut self) -> anyhow::Result<ExitCode> {
        let clean = self.findings.is_empty();
        if self.json {
            self.facts["clean"] = clean.into();
            self.facts["findings"] = self.listed();
            self.facts["notes"] = self.findings.noted().iter().map(ToString::to_string).collect();
            self.facts["more_findings"] = self.findings.more().into();
            self.facts["seconds"] = self.seconds.into();
            say(&serde_json::to_string_pretty(&self.facts)?)?;
        } else {
            for finding in self.findings.listed().iter().take(SHOWN) {
                say(&format!("wrong  {finding}"))?;
            }
            for note in self.findings.noted().iter().take(SHOWN) {
                say(&format!("note   {note}"))?;
            }
            let more = self.findings.listed().len().saturating_sub(SHOWN) as u64 + self.findings.more();
            if more > 0 {
                say(&format!("wrong  and {more} more"))?;
            }
            let verdict = if clean { self.good } else { self.bad };
            say(&format!("{}\n{verdict}\n{}", self.done, self.limits))?;
        }
        Ok(if clean { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    fn listed(&self) -> serde_json::Value {
        let finding = |finding: &crate::audit::Finding| serde_json::json!({ "place": finding.place.to_string(), "what": finding.what });
        self.findings.listed().iter().map(finding).collect()
    }
}
