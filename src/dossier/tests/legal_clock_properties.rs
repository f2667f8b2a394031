//! What must hold for every clock, whatever the term, the calendar and the order of events.

use std::collections::BTreeSet;

use jiff::{
    Span,
    civil::{Date, Weekday},
};
use proptest::prelude::*;

use super::{legal_clock::dossier, samples::parse};
use crate::dossier::{ClockState, LegalClock, WorkCalendar};

fn day(offset: i64) -> Date {
    parse::<Date>("2027-11-01").saturating_add(Span::new().days(offset))
}

fn calendar(holidays: &BTreeSet<i64>) -> WorkCalendar {
    let dated = holidays.iter().map(|offset| day(*offset)).collect();
    WorkCalendar::new(vec![Weekday::Saturday, Weekday::Sunday], Vec::new(), dated)
}

#[derive(Clone, Debug)]
struct Life {
    deposit: i64,
    request: Option<i64>,
    complete: Option<i64>,
    extension: Option<(i64, u16)>,
    answer: Option<i64>,
}

impl Life {
    /// The life as it is known on a day: an event of tomorrow is not known today.
    fn known(&self, today: i64) -> Self {
        Self {
            deposit: self.deposit,
            request: self.request.filter(|on| *on <= today),
            complete: self.complete.filter(|on| *on <= today),
            extension: self.extension.filter(|(on, _)| *on <= today),
            answer: self.answer.filter(|on| *on <= today),
        }
    }

    fn clock(&self, term: &str, calendar: &WorkCalendar, today: i64) -> LegalClock {
        let extension = self.extension.map(|(on, count)| (on, count.to_string()));
        let mut events: Vec<(i64, &str)> = Vec::new();
        events.extend(self.request.map(|on| (on, "request")));
        events.extend(self.complete.map(|on| (on, "complete")));
        events.extend(extension.as_ref().map(|(on, count)| (*on, count.as_str())));
        events.extend(self.answer.map(|on| (on, "decided")));
        events.sort_by_key(|(on, _)| *on);
        let events: Vec<(Date, &str)> = events.into_iter().map(|(on, name)| (day(on), name)).collect();
        let dossier = dossier(term, day(self.deposit), &events);
        LegalClock::of(&dossier, calendar, day(today)).expect("the sample dossier has a rule")
    }
}

fn life() -> impl Strategy<Value = Life> {
    let extension = prop::option::of((0..60_i64, 1..40_u16));
    let answer = prop::option::weighted(0.2, 100..160_i64);
    (0..30_i64, prop::option::of((0..20_i64, prop::option::of(0..40_i64))), extension, answer).prop_map(
        |(deposit, pause, extension, answer)| {
            let request = pause.map(|(wait, _)| deposit + wait);
            let complete = pause.and_then(|(wait, length)| length.map(|length| deposit + wait + length));
            let extension = extension.map(|(wait, count)| (deposit + wait, count));
            Life { deposit, request, complete, extension, answer }
        },
    )
}

fn holidays() -> impl Strategy<Value = BTreeSet<i64>> {
    prop::collection::btree_set(0..200_i64, 0..25)
}

fn term() -> impl Strategy<Value = String> {
    (1..40_u16, "[dw]", prop::bool::ANY)
        .prop_map(|(count, unit, roll)| format!("{count}{unit}{}", if roll { "!" } else { "" }))
}

/// The last day found the slow way: walk from the deposit and count every day that is not paused.
fn walked(life: &Life, working: bool, count: u32, calendar: &WorkCalendar) -> Date {
    let paused = |offset| life.request.is_some_and(|from| offset >= from) && life.complete.is_none_or(|to| offset < to);
    let mut left = count;
    let mut offset = life.deposit;
    while left > 0 {
        offset += 1;
        if !paused(offset) && (!working || calendar.is_working_day(day(offset))) {
            left -= 1;
        }
    }
    day(offset)
}

proptest! {
    #[test]
    fn the_last_day_is_the_one_on_which_the_last_counting_day_falls(
        life in life(), holidays in holidays(), count in 21..60_u16, working: bool,
    ) {
        // A term longer than any wait for the request, so that every request comes in time.
        prop_assume!(life.request.is_none() || life.complete.is_some());
        let life = Life { extension: None, ..life };
        let calendar = calendar(&holidays);
        let term = format!("{count}{}", if working { 'w' } else { 'd' });
        let clock = life.clock(&term, &calendar, 300);
        prop_assert_eq!(clock.due, Some(walked(&life, working, count.into(), &calendar)));
    }

    #[test]
    fn a_new_holiday_never_makes_the_last_day_earlier(
        life in life(), mut holidays in holidays(), added in 0..200_i64, term in term(), today in 0..200_i64,
    ) {
        let before = life.clock(&term, &calendar(&holidays), today).due;
        holidays.insert(added);
        let after = life.clock(&term, &calendar(&holidays), today).due;
        // No last day yet is later than any.
        prop_assert!(after.is_none_or(|after| before.is_some_and(|before| before <= after)), "{before:?} {after:?}");
    }

    #[test]
    fn the_state_agrees_with_the_days(life in life(), holidays in holidays(), term in term(), today in 0..200_i64) {
        let clock = life.known(today).clock(&term, &calendar(&holidays), today);
        let today = day(today);
        match clock.state {
            ClockState::Running => prop_assert!(clock.due.is_some_and(|due| today <= due)),
            ClockState::Suspended => prop_assert!(clock.due.is_none() && clock.pauses.iter().any(|pause| pause.to.is_none())),
            ClockState::Stopped(on) => prop_assert_eq!(Some(on), life.answer.map(day)),
            ClockState::Overdue => prop_assert!(clock.due.is_some_and(|due| today > due)),
        }
        if let Some(due) = clock.due {
            prop_assert!(due > clock.start);
            prop_assert!(clock.day <= clock.of || today > due);
            prop_assert!(!clock.rule.roll_to_working_day || calendar(&holidays).is_working_day(due));
        }
    }

    #[test]
    fn the_days_never_run_backwards(life in life(), holidays in holidays(), term in term(), today in 0..200_i64) {
        let today = today.max(life.deposit);
        let calendar = calendar(&holidays);
        let (now, next) = (life.known(today).clock(&term, &calendar, today), life.known(today + 1).clock(&term, &calendar, today + 1));
        prop_assert!(next.day >= now.day, "{now:?} {next:?}");
        prop_assert!(next.due.is_none() || now.due.is_none() || next.due >= now.due);
    }
}
