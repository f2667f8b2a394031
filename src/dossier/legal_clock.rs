//! The legal clock, which returns its reasoning as data so that every page can show it.
//!
//! The figures come from the rule that the dossier keeps. How days are counted is our reading, to be confirmed by a jurist,
//! and stated here so that it can be argued with:
//!
//! - The day of deposit is day 0. A term of N calendar days ends with the day of deposit + N; one of N working days with the
//!   N-th working day after the deposit; one of N months with the same day N months later, or that month's last day.
//! - The complement request pauses the clock when the rule says so. The day of the request is the first that does not count
//!   and the day on which the last document came is the first that counts again; the day of deposit counts in neither case.
//!   The paused days, in the rule's unit (calendar days for months), move the last day.
//! - The one extension adds to the term in its unit. Months are added to the day of deposit at once, so that a short month
//!   in between takes nothing away.
//! - When the rule says so, a last day on a rest day or holiday moves to the next working day. Days on which the office is
//!   closed still count inside a term of calendar days.
//! - A term that has ended is not brought back: a request or an extension made after the last day changes nothing.
//! - The clock stops on the day of the first answer: decided, ready, handed over or withdrawn.
//!
//! The clock says when the term ends and never what follows from it: `silence` is shown, not executed. Storing the last day
//! when a dossier is registered was rejected, because holidays that follow the moon become known later.

use jiff::{Span, civil::Date};

use super::{
    calendar::WorkCalendar,
    catalogue::TermUnit,
    event::RuleTerms,
    state::{Complement, Dossier},
};

/// A suspension by the complement request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pause {
    pub from: Date,
    /// The day on which the documents were complete; absent while it lasts.
    pub to: Option<Date>,
    /// Days of the rule's unit (calendar days for months) that do not count.
    pub days: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockState {
    Running,
    Suspended,
    /// Decided, ready or withdrawn on that day: nothing more runs.
    Stopped(Date),
    /// The legal date has passed without an answer. What that means is the rule's `silence`; the software decides nothing.
    Overdue,
}

/// Why the legal date is what it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LegalClock {
    pub rule: RuleTerms,
    /// The day of deposit, which is day 0.
    pub start: Date,
    pub pauses: Vec<Pause>,
    /// In the rule's unit.
    pub extension: Option<u16>,
    /// Day `day` of `of`: days of the rule's unit that have counted so far and in all; calendar days when the unit is months.
    /// `day` goes beyond `of` only after the last day, which may have moved to a working day.
    pub day: u32,
    pub of: u32,
    /// The last day of the term; absent while the clock is suspended, because nobody knows it then.
    pub due: Option<Date>,
    pub state: ClockState,
}

impl LegalClock {
    /// The clock as it stands at the end of `today`; `None` when no rule applied on the day of deposit.
    pub fn of(dossier: &Dossier, calendar: &WorkCalendar, today: Date) -> Option<Self> {
        let rule = dossier.registration.rule.clone()?;
        let mut count =
            Count { rule: &rule, calendar, start: dossier.registration.deposited_on, added: 0, pause: None };
        count.take_into_account(dossier);
        let stopped_on = dossier.clock_stopped_on();
        let until = stopped_on.unwrap_or(today);
        let (day, of, due) = (count.day(until), count.of(), count.due());
        let state = match (stopped_on, due) {
            (Some(day), _) => ClockState::Stopped(day),
            (None, None) => ClockState::Suspended,
            (None, Some(due)) if today > due => ClockState::Overdue,
            (None, Some(_)) => ClockState::Running,
        };
        Some(Self {
            start: count.start,
            pauses: count.pause.iter().map(|pause| count.shown(*pause, until)).collect(),
            extension: (count.added > 0).then_some(count.added),
            day: if due.is_none_or(|due| until <= due) { day.min(of) } else { day },
            of,
            due,
            state,
            rule,
        })
    }
}

/// The days from `from` up to, but without, `to` do not count; without `to` none does any more.
#[derive(Clone, Copy)]
struct Interval {
    from: Date,
    to: Option<Date>,
}

/// The term with what has changed it so far.
struct Count<'a> {
    rule: &'a RuleTerms,
    calendar: &'a WorkCalendar,
    start: Date,
    added: u16,
    pause: Option<Interval>,
}

impl Count<'_> {
    /// Request and extension in the order of their days, each only if the term had not ended by then.
    fn take_into_account(&mut self, dossier: &Dossier) {
        let suspends = |_: &&Complement| self.rule.suspended_by_complement;
        let request = dossier.complement.as_ref().filter(suspends);
        let pause = request.map(|complement| Interval { from: complement.requested_on, to: complement.completed_on });
        let extension = dossier.extension.as_ref();
        let extension_first = match (pause, extension) {
            (Some(pause), Some(extension)) => extension.on <= pause.from,
            _ => false,
        };
        for extending in [extension_first, !extension_first] {
            if extending {
                self.added = extension.filter(|extension| !self.ended_before(extension.on)).map_or(0, |e| e.count);
            } else {
                self.pause = pause.filter(|pause| !self.ended_before(pause.from));
            }
        }
    }

    fn ended_before(&self, day: Date) -> bool {
        self.due().is_some_and(|due| due < day)
    }

    fn length(&self) -> u32 {
        u32::from(self.rule.term.count) + u32::from(self.added)
    }

    /// The last day; `None` while the pause lasts.
    fn due(&self) -> Option<Date> {
        let paused = match self.pause {
            None => 0,
            Some(Interval { from, to }) => self.paused(from, to?),
        };
        let last = match self.rule.term.unit {
            TermUnit::CalendarDays => after_days(self.start, self.length() + paused),
            TermUnit::WorkingDays => self.calendar.add_working_days(self.start, self.length() + paused),
            TermUnit::Months => after_days(self.after_months(), paused),
        };
        Some(if self.rule.roll_to_working_day { self.calendar.next_working_day(last) } else { last })
    }

    fn of(&self) -> u32 {
        match self.rule.term.unit {
            TermUnit::CalendarDays | TermUnit::WorkingDays => self.length(),
            TermUnit::Months => days_between(self.start, self.after_months()),
        }
    }

    /// The days that have counted by the end of `until`.
    fn day(&self, until: Date) -> u32 {
        let paused = self.pause.map_or(0, |pause| self.paused(pause.from, first_counting_day(pause, until)));
        self.days(self.start, until).saturating_sub(paused)
    }

    fn shown(&self, pause: Interval, until: Date) -> Pause {
        let days = self.paused(pause.from, first_counting_day(pause, until));
        Pause { from: pause.from, to: pause.to, days }
    }

    /// The days that would have counted from `from` up to, but without, `to`.
    fn paused(&self, from: Date, to: Date) -> u32 {
        self.days(before(from).max(self.start), before(to))
    }

    /// Days of the rule's unit after `from`, up to and with `to`.
    fn days(&self, from: Date, to: Date) -> u32 {
        match self.rule.term.unit {
            TermUnit::WorkingDays => self.calendar.working_days_between(from, to),
            TermUnit::CalendarDays | TermUnit::Months => days_between(from, to),
        }
    }

    fn after_months(&self) -> Date {
        self.start.saturating_add(Span::new().months(self.length()))
    }
}

/// Seen at the end of `until`: an open pause, or one that ends later, holds `until` too.
fn first_counting_day(pause: Interval, until: Date) -> Date {
    let next = after_days(until, 1);
    pause.to.map_or(next, |to| to.min(next))
}

fn before(day: Date) -> Date {
    day.saturating_sub(Span::new().days(1))
}

fn after_days(day: Date, count: u32) -> Date {
    // More days than a calendar of 9,999 years has, but fewer than a span refuses.
    day.saturating_add(Span::new().days(count.min(7_000_000)))
}

fn days_between(from: Date, to: Date) -> u32 {
    let days = from.until(to).map_or(0, |span| span.get_days());
    u32::try_from(days).unwrap_or(0)
}
