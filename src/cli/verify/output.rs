//! The answers on the standard output: for people in their language, for programs as JSON.

use std::io::{self, StdoutLock, Write};

use jiff::Timestamp;
use serde::Serialize;

use super::{
    Tally,
    judging::{Judged, LARGEST_MB, Problem},
};
use crate::{
    audit::{Answer, Ended, Outcome},
    dossier::Language,
    i18n::{text_with, verdict_words},
};

pub(super) struct Output {
    language: Language,
    unicode: bool,
    json: bool,
    brief: bool,
    stdout: StdoutLock<'static>,
}

/// What a program reads. Its names are a format: they are added to, never changed.
#[derive(Serialize)]
struct Line<'a> {
    input: &'a str,
    answer: &'static str,
    exit_code: u8,
    /// Why there was nothing to judge.
    problem: Option<&'static str>,
    reference: Option<&'a str>,
    receipt_id: Option<String>,
    host: Option<&'a str>,
    /// By the office's own clock, RFC 3339.
    issued_at: Option<String>,
    leaf_index: Option<u64>,
    tree_size: Option<u64>,
    root: Option<String>,
    kid: Option<String>,
    log_size: Option<u64>,
    published_after: Option<String>,
    published_by: Option<String>,
    witnesses: &'a [String],
    revoked: Option<EndedLine<'a>>,
    replaced: Option<EndedLine<'a>>,
    checks: Vec<CheckLine>,
}

#[derive(Serialize)]
struct EndedLine<'a> {
    since: Option<String>,
    reason: &'a str,
}

#[derive(Serialize)]
struct CheckLine {
    check: &'static str,
    outcome: &'static str,
    explanation: String,
}

impl Output {
    pub(super) fn new(language: Language, unicode: bool, json: bool, brief: bool) -> Self {
        Self { language, unicode, json, brief, stdout: io::stdout().lock() }
    }

    pub(super) fn tell(&mut self, judged: &Judged) -> anyhow::Result<()> {
        let text = if self.json {
            serde_json::to_string(&line(self.language, judged))? + "\n"
        } else if self.brief {
            brief(self.language, judged) + "\n"
        } else {
            self.full(judged)
        };
        self.write(&text)
    }

    pub(super) fn sum(&mut self, tally: &Tally) -> anyhow::Result<()> {
        if !self.json {
            let text = sum(self.language, tally) + "\n";
            self.write(&text)?;
        }
        Ok(())
    }

    fn write(&mut self, text: &str) -> anyhow::Result<()> {
        // A terminal that writes from the left shows the marks that isolate a value's direction as noise.
        if self.language == Language::Arabic || self.json {
            self.stdout.write_all(text.as_bytes())?;
        } else {
            self.stdout.write_all(plain(text).as_bytes())?;
        }
        self.stdout.flush()?;
        Ok(())
    }

    fn full(&self, judged: &Judged) -> String {
        let (language, verdict) = (self.language, &judged.verdict);
        let mut lines = vec![judged.name.clone(), verdict_words::answer(language, verdict)];
        if let Some(problem) = &judged.problem {
            lines.push(format!("  {}", problem_words(language, problem)));
            return lines.join("\n") + "\n\n";
        }
        lines.push(verdict_words::lead(language, verdict));
        lines.push(String::new());
        let (facts, colon) = (verdict_words::facts(language, verdict), verdict_words::colon(language));
        lines.extend(facts.iter().map(|(label, value)| format!("  {label}{colon}{value}")));
        lines.push(String::new());
        for check in &verdict.checks {
            let name = verdict_words::check_name(language, check.kind);
            let why = verdict_words::explanation(language, verdict, *check);
            lines.push(format!("  {} {name}{colon}{why}", self.sign(check.outcome)));
        }
        let limits = verdict_words::limits(language, verdict);
        if !limits.is_empty() {
            lines.push(format!("\n{}{}", crate::i18n::text(language, "verify-limits"), colon.trim_end()));
            lines.extend(limits.iter().map(|limit| format!("  - {limit}")));
        }
        lines.join("\n") + "\n\n"
    }

    fn sign(&self, outcome: Outcome) -> &'static str {
        match (outcome, self.unicode) {
            (Outcome::Passed, true) => "✓",
            (Outcome::Failed, true) => "✗",
            (Outcome::Missing, true) => "?",
            (Outcome::NotLookedAt, true) => "–",
            (Outcome::Passed, false) => "[ok]",
            (Outcome::Failed, false) => "[NO]",
            (Outcome::Missing, false) => "[?] ",
            (Outcome::NotLookedAt, false) => "[-] ",
        }
    }
}

/// The reason in one sentence: what is wrong or missing, or what kept it from being judged.
pub(super) fn why(language: Language, judged: &Judged) -> String {
    match (&judged.problem, judged.verdict.decisive()) {
        (Some(problem), _) => problem_words(language, problem),
        (None, Some(check)) => {
            let name = verdict_words::check_name(language, check.kind);
            let why = verdict_words::explanation(language, &judged.verdict, check);
            format!("{name}{}{why}", verdict_words::colon(language))
        }
        (None, None) => String::new(),
    }
}

/// The values without the marks that isolate their direction.
pub(super) fn plain(text: &str) -> String {
    text.replace(['\u{2068}', '\u{2069}'], "")
}

pub(super) fn sum(language: Language, tally: &Tally) -> String {
    let count = |answer| tally.of(answer).to_string();
    let values = [
        ("all", tally.all().to_string()),
        ("genuine", count(Answer::Genuine)),
        ("not", count(Answer::NotGenuine)),
        ("ended", count(Answer::NoLongerInForce)),
        ("cannot", count(Answer::CannotTell)),
    ];
    text_with(language, "verify-sum", &values.each_ref().map(|(name, value)| (*name, value.as_str())))
}

/// Seconds since 1970 as RFC 3339.
pub(super) fn moment(seconds: i64) -> Option<String> {
    Timestamp::from_second(seconds).ok().map(|moment| moment.to_string())
}

fn brief(language: Language, judged: &Judged) -> String {
    let verdict = &judged.verdict;
    let reference = verdict.stated.as_ref().map_or("-", |stated| stated.reference.as_str());
    let why = why(language, judged);
    let separator = if why.is_empty() { "" } else { "  " };
    format!("{}  {}  {reference}{separator}{why}", verdict_words::answer(language, verdict), judged.name)
}

fn problem_words(language: Language, problem: &Problem) -> String {
    match problem {
        Problem::Unreadable(reason) => text_with(language, "verify-problem-unreadable", &[("reason", reason)]),
        Problem::Large => text_with(language, "verify-problem-large", &[("size", &LARGEST_MB.to_string())]),
        Problem::Huge => crate::i18n::text(language, "verify-problem-huge"),
        Problem::Damaged => crate::i18n::text(language, "verify-problem-damaged"),
        Problem::Slow => crate::i18n::text(language, "verify-problem-slow"),
        Problem::NoCode => crate::i18n::text(language, "verify-problem-no-code"),
        Problem::Unknown => crate::i18n::text(language, "verify-problem-unknown"),
        Problem::Proof => crate::i18n::text(language, "verify-problem-proof"),
        Problem::Empty => crate::i18n::text(language, "verify-problem-empty"),
    }
}

fn line(language: Language, judged: &Judged) -> Line<'_> {
    let verdict = &judged.verdict;
    let stated = verdict.stated.as_ref();
    let witnessed = |seconds: Option<u64>| moment(i64::try_from(seconds?).ok()?);
    Line {
        input: &judged.name,
        answer: verdict.answer.name(),
        exit_code: verdict.answer.exit_code(),
        problem: judged.problem.as_ref().map(Problem::name),
        reference: stated.map(|stated| stated.reference.as_str()),
        receipt_id: verdict.receipt_id.map(|id| id.to_string()),
        host: verdict.host.as_deref(),
        issued_at: stated.and_then(|stated| moment(stated.issued_at)),
        leaf_index: stated.map(|stated| stated.leaf_index),
        tree_size: stated.map(|stated| stated.tree_size),
        root: stated.map(|stated| hex::encode(stated.root)),
        kid: stated.map(|stated| hex::encode(stated.kid)),
        log_size: verdict.log_size,
        published_after: witnessed(verdict.published_after),
        published_by: witnessed(verdict.published_by),
        witnesses: &verdict.witnesses,
        revoked: verdict.revoked.as_ref().map(ended_line),
        replaced: verdict.replaced.as_ref().map(ended_line),
        checks: verdict
            .checks
            .iter()
            .map(|check| CheckLine {
                check: check.kind.name(),
                outcome: check.outcome.name(),
                explanation: plain(&verdict_words::explanation(language, verdict, *check)),
            })
            .collect(),
    }
}

fn ended_line(ended: &Ended) -> EndedLine<'_> {
    EndedLine { since: moment(ended.since_ms.div_euclid(1000)), reason: &ended.reason }
}
