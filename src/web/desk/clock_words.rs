//! The legal clock's reasoning in words, step by step, so that a clerk can explain the date to whoever asks.

use super::shell::Shell;
use crate::{
    dossier::{ClockState, LegalClock, Procedure},
    i18n,
};

pub(super) struct ClockWords {
    /// The answer in a sentence.
    pub state: String,
    pub overdue: bool,
    /// How it comes about, in order.
    pub reasons: Vec<String>,
}

pub(super) fn clock_words(shell: &Shell, clock: &LegalClock, procedure: Option<&Procedure>) -> ClockWords {
    let language = shell.language;
    let due = clock.due.map(i18n::date).unwrap_or_default();
    let state = match clock.state {
        ClockState::Running => shell.with("desk-clock-running", "due", &due),
        ClockState::Suspended => shell.t("desk-clock-suspended"),
        ClockState::Stopped(on) => shell.with("desk-clock-stopped", "on", &i18n::date(on)),
        ClockState::Overdue => shell.with("desk-clock-overdue", "due", &due),
    };
    let unit = shell.t(&format!("desk-unit-{}", clock.rule.term.unit.as_str().replace('_', "-")));
    let mut reasons = vec![shell.with("desk-clock-start", "on", &i18n::date(clock.start))];
    let count = clock.rule.term.count.to_string();
    reasons.push(i18n::text_with(language, "desk-clock-term", &[("count", &count), ("unit", &unit)]));
    for pause in &clock.pauses {
        let (from, days) = (i18n::date(pause.from), pause.days.to_string());
        reasons.push(match pause.to {
            Some(to) => {
                let values = [("from", from.as_str()), ("to", &i18n::date(to)), ("days", &days)];
                i18n::text_with(language, "desk-clock-paused", &values)
            }
            None => i18n::text_with(language, "desk-clock-paused-open", &[("from", &from), ("days", &days)]),
        });
    }
    if let Some(extension) = clock.extension {
        let values = [("count", extension.to_string()), ("unit", unit)];
        let values: Vec<(&str, &str)> = values.iter().map(|(name, value)| (*name, value.as_str())).collect();
        reasons.push(i18n::text_with(language, "desk-clock-extended", &values));
    }
    if clock.rule.roll_to_working_day {
        reasons.push(shell.t("desk-clock-rolls"));
    }
    let (day, of) = (clock.day.to_string(), clock.of.to_string());
    reasons.push(i18n::text_with(language, "desk-clock-day", &[("day", &day), ("of", &of)]));
    reasons.push(shell.t(&format!("desk-silence-{}", clock.rule.silence)));
    let rule = clock.rule.id.to_string();
    let basis = procedure.and_then(|procedure| procedure.rule(&clock.rule.id));
    let basis = basis.map_or_else(String::new, |basis| basis.basis.get(language).to_owned());
    reasons.push(i18n::text_with(language, "desk-clock-basis", &[("rule", &rule), ("basis", &basis)]));
    ClockWords { state, overdue: clock.state == ClockState::Overdue, reasons }
}
