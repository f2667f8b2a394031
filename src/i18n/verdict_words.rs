//! A verdict about a receipt in the reader's language, for the page and for the command line alike.
//!
//! It words what was judged and judges nothing: which sentence is shown follows from the outcome alone.

use jiff::Timestamp;

use super::{text, text_with};
use crate::{
    audit::{Answer, Check, CheckKind, Outcome, Verdict},
    dossier::Language,
};

/// The answer in two or three words.
pub fn answer(language: Language, verdict: &Verdict) -> String {
    let answer = verdict.answer.name();
    let of_dossier = verdict.dossier.is_some();
    text(language, &if of_dossier { format!("verify-history-{answer}") } else { format!("verify-answer-{answer}") })
}

/// What the answer means for whoever holds the paper.
pub fn lead(language: Language, verdict: &Verdict) -> String {
    let answer = verdict.answer.name();
    let of_dossier = verdict.dossier.is_some();
    text(language, &if of_dossier { format!("verify-dossier-{answer}") } else { format!("verify-lead-{answer}") })
}

pub fn check_name(language: Language, kind: CheckKind) -> String {
    text(language, &format!("verify-check-{}", kind.name()))
}

/// What stands between a name and its value: French sets a narrow space before it.
pub const fn colon(language: Language) -> &'static str {
    match language {
        Language::French => "\u{202f}: ",
        Language::Arabic | Language::Tamazight | Language::English => ": ",
    }
}

/// `yes`, `no`, and so on: for readers who see no signs.
pub fn outcome(language: Language, outcome: Outcome) -> String {
    text(language, &format!("verify-outcome-{}", outcome.name()))
}

/// Why a check came out as it did.
pub fn explanation(language: Language, verdict: &Verdict, check: Check) -> String {
    let ended = if check.kind == CheckKind::Replaced { &verdict.replaced } else { &verdict.revoked };
    let since = ended.as_ref().map(|ended| moment_ms(ended.since_ms)).unwrap_or_default();
    let reason = ended.as_ref().map(|ended| ended.reason.clone()).unwrap_or_default();
    let index = verdict.stated.as_ref().map(|stated| stated.leaf_index.to_string()).unwrap_or_default();
    let size = verdict.log_size.map(|size| size.to_string()).unwrap_or_default();
    let values = [
        ("host", verdict.host.as_deref().unwrap_or_default()),
        ("since", since.as_str()),
        ("reason", reason.as_str()),
        ("index", index.as_str()),
        ("size", size.as_str()),
        ("place", verdict.place.as_deref().unwrap_or_default()),
    ];
    text_with(language, &format!("verify-{}-{}", check.kind.name(), check.outcome.name()), &values)
}

/// What is known of the receipt, as labels and values. Only what is proven, but for the host and the receipt's number.
pub fn facts(language: Language, verdict: &Verdict) -> Vec<(String, String)> {
    let mut facts = Vec::new();
    if let Some(dossier) = &verdict.dossier {
        facts.push((text(language, "verify-reference"), dossier.clone()));
    }
    if let Some(stated) = &verdict.stated {
        facts.push((text(language, "verify-reference"), stated.reference.clone()));
        facts.push((text(language, "verify-issued"), moment(stated.issued_at)));
    }
    if let Some(after) = verdict.published_after.and_then(|seconds| i64::try_from(seconds).ok()) {
        facts.push((text(language, "verify-published-after"), moment(after)));
    }
    if let Some(by) = verdict.published_by.and_then(|seconds| i64::try_from(seconds).ok()) {
        facts.push((text(language, "verify-published-by"), moment(by)));
    }
    if let Some(stated) = &verdict.stated {
        let values = [("index", stated.leaf_index.to_string()), ("size", stated.tree_size.to_string())];
        let values = values.each_ref().map(|(name, value)| (*name, value.as_str()));
        facts.push((text(language, "verify-entry"), text_with(language, "verify-entry-of", &values)));
        facts.push((text(language, "verify-key-id"), hex::encode(stated.kid)));
    }
    if !verdict.witnesses.is_empty() {
        facts.push((text(language, "verify-witnessed-by"), verdict.witnesses.join(", ")));
    }
    // One that is not the office's must not be read as its address; the check itself names it.
    if let Some(host) = verdict.host.as_ref().filter(|_| verdict.outcome(CheckKind::Host) != Some(Outcome::Failed)) {
        facts.push((text(language, "verify-office"), host.clone()));
    }
    if let Some(id) = verdict.receipt_id {
        facts.push((text(language, "verify-receipt"), id.to_string()));
    }
    facts
}

/// What the verdict leaves open, so that nobody reads more into it. Nothing for a receipt that is not genuine.
pub fn limits(language: Language, verdict: &Verdict) -> Vec<String> {
    limit_keys(verdict).into_iter().map(|key| text(language, key)).collect()
}

/// The same as keys, for who has other words for some.
pub fn limit_keys(verdict: &Verdict) -> Vec<&'static str> {
    if verdict.stated.is_none() || verdict.answer == Answer::NotGenuine {
        return Vec::new();
    }
    let clock = if verdict.published_by.is_some() { "verify-limit-clock-bounded" } else { "verify-limit-clock" };
    let mut keys = vec!["verify-limit-truth", "verify-limit-holder", clock];
    if verdict.outcome(CheckKind::Inclusion) != Some(Outcome::Passed) {
        keys.push("verify-limit-register");
    } else if verdict.outcome(CheckKind::Witnesses).is_none() {
        keys.push("verify-limit-witnesses");
    }
    keys
}

/// Since when the seal's key is revoked, if it is.
pub fn revoked_since(verdict: &Verdict) -> Option<String> {
    verdict.revoked.as_ref().map(|ended| moment_ms(ended.since_ms))
}

/// `24/11/2026 10:42:07 UTC`. Universal time, because a verdict travels further than a paper.
pub fn moment(seconds: i64) -> String {
    match Timestamp::from_second(seconds) {
        Ok(moment) => moment.strftime("%d/%m/%Y %H:%M:%S UTC").to_string(),
        // A seal may state a year that no calendar has.
        Err(_) => seconds.to_string(),
    }
}

fn moment_ms(milliseconds: i64) -> String {
    moment(milliseconds.div_euclid(1000))
}
