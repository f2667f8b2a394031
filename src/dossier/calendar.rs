//! Which days are working days.
//!
//! Rest days and holidays are data: the fixed ones come every year, the religious ones are entered per year because they
//! follow the moon. Computing the lunar ones was rejected, since the official day depends on a sighting and a decree.

use std::collections::BTreeSet;

use jiff::{
    Span,
    civil::{Date, Weekday},
};

/// A holiday on the same day every year.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FixedHoliday {
    pub month: i8,
    pub day: i8,
}

#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct WorkCalendar {
    rest_days: Vec<Weekday>,
    fixed: BTreeSet<FixedHoliday>,
    dated: BTreeSet<Date>,
}

/// A year and a day: a calendar without a working day in it has none at all, and a search must end.
const LONGEST_SEARCH: usize = 367;

impl WorkCalendar {
    pub fn new(rest_days: Vec<Weekday>, fixed: Vec<FixedHoliday>, dated: BTreeSet<Date>) -> Self {
        Self { rest_days, fixed: fixed.into_iter().collect(), dated }
    }

    pub fn is_working_day(&self, day: Date) -> bool {
        !self.rest_days.contains(&day.weekday())
            && !self.fixed.contains(&FixedHoliday { month: day.month(), day: day.day() })
            && !self.dated.contains(&day)
    }

    /// The day itself when it is a working day. A calendar that has no working day at all gives the day back.
    pub fn next_working_day(&self, day: Date) -> Date {
        days_from(day).take(LONGEST_SEARCH).find(|candidate| self.is_working_day(*candidate)).unwrap_or(day)
    }

    /// The `count`-th working day after `day`; `day` itself, working or not, when `count` is 0.
    pub fn add_working_days(&self, day: Date, count: u32) -> Date {
        (0..count).fold(day, |reached, _| self.next_working_day(following(reached)))
    }

    /// The number of working days after `from_exclusive` up to and with `to_inclusive`; 0 when there is no such day.
    pub fn working_days_between(&self, from_exclusive: Date, to_inclusive: Date) -> u32 {
        let mut count = 0;
        for day in days_from(from_exclusive).skip(1).take_while(|day| *day <= to_inclusive) {
            count += u32::from(self.is_working_day(day));
        }
        count
    }
}

fn days_from(day: Date) -> impl Iterator<Item = Date> {
    std::iter::successors(Some(day), |day| day.tomorrow().ok())
}

/// The next day; the last day that a `Date` can be is followed by itself.
fn following(day: Date) -> Date {
    day.saturating_add(Span::new().days(1))
}
