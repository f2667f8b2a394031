//! The legal date with its reasoning, so that anyone can count along.
//!
//! This never says what follows from a date that has passed: silence has meanings that a court decides, not a page.

use super::frame::Frame;
use crate::{
    dossier::{ClockState, LegalClock, Pause, Procedure, Term, TermUnit},
    i18n, print,
};

#[derive(Debug)]
pub(super) struct Legal {
    /// The last day, or why there is none.
    pub(super) due: Option<String>,
    pub(super) notice: Option<String>,
    pub(super) overdue: bool,
    pub(super) day: u32,
    pub(super) of: u32,
    pub(super) progress: Option<String>,
    pub(super) reasons: Vec<String>,
    pub(super) rule: String,
}

pub(super) fn legal(frame: &Frame<'_>, procedure: &Procedure, clock: &LegalClock) -> Legal {
    let due = clock.due.map(i18n::date);
    let dated = |key: &str, date: &str| Some(frame.with(key, &[("date", date)]));
    let notice = match clock.state {
        ClockState::Running => None,
        ClockState::Suspended => {
            let since = clock.pauses.iter().rfind(|pause| pause.to.is_none()).map_or(clock.start, |pause| pause.from);
            dated("legal-suspended", &i18n::date(since))
        }
        ClockState::Overdue => dated("legal-overdue", due.as_deref().unwrap_or_default()),
        ClockState::Stopped(on) => dated("legal-stopped", &i18n::date(on)),
    };
    let overdue = clock.state == ClockState::Overdue;
    // A date that counts no more is a part of the reasoning, and nothing to wait for.
    let stopped = matches!(clock.state, ClockState::Stopped(_));
    Legal {
        reasons: reasons(frame, procedure, clock, due.as_deref().filter(|_| stopped)),
        due: due.filter(|_| !stopped),
        notice,
        overdue,
        day: clock.day,
        of: clock.of,
        progress: (!overdue && !stopped)
            .then(|| frame.with("legal-day", &[("day", &clock.day.to_string()), ("of", &clock.of.to_string())])),
        rule: clock.rule.id.to_string(),
    }
}

/// `last_day` is named where the page does not show it above.
fn reasons(frame: &Frame<'_>, procedure: &Procedure, clock: &LegalClock, last_day: Option<&str>) -> Vec<String> {
    let unit = clock.rule.term.unit;
    let term = |term: Term| print::term(term, frame.language);
    let mut reasons = vec![
        frame.with("legal-start", &[("date", &i18n::date(clock.start))]),
        frame.with("legal-term", &[("term", &term(clock.rule.term))]),
    ];
    // Pauses of a term in months are counted in calendar days.
    let pause_unit = if unit == TermUnit::Months { TermUnit::CalendarDays } else { unit };
    for Pause { from, to, days } in &clock.pauses {
        let count = u16::try_from(*days).unwrap_or(u16::MAX);
        let (from, days) = (i18n::date(*from), term(Term { count, unit: pause_unit }));
        reasons.push(match to {
            Some(to) => frame.with("legal-pause", &[("from", &from), ("to", &i18n::date(*to)), ("term", &days)]),
            None => frame.with("legal-pause-open", &[("from", &from), ("term", &days)]),
        });
    }
    if let Some(count) = clock.extension {
        reasons.push(frame.with("legal-extension", &[("term", &term(Term { count, unit }))]));
    }
    if let Some(date) = last_day {
        reasons.push(frame.with("legal-last-day", &[("date", date)]));
    }
    // A rule that has left the catalogue still counts for this dossier; only its words are gone.
    if let Some(rule) = procedure.rule(&clock.rule.id) {
        reasons.push(frame.with("legal-basis", &[("basis", frame.of(&rule.basis))]));
    }
    reasons
}
