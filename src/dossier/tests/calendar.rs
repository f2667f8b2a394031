use std::collections::BTreeSet;

use jiff::civil::{Date, Weekday};
use proptest::prelude::*;

use super::samples::parse;
use crate::dossier::{FixedHoliday, WorkCalendar};

/// Saturday and Sunday, the fixed holidays of Morocco, and two days of Aïd al-Fitr in 2026.
pub(super) fn morocco() -> WorkCalendar {
    let fixed = [(1, 1), (1, 11), (1, 14), (5, 1), (7, 30), (8, 14), (8, 20), (8, 21), (11, 6), (11, 18)];
    let dated = BTreeSet::from([parse("2026-03-20"), parse("2026-03-21")]);
    let fixed = fixed.into_iter().map(|(month, day)| FixedHoliday { month, day }).collect();
    WorkCalendar::new(vec![Weekday::Saturday, Weekday::Sunday], fixed, dated)
}

#[test]
fn the_next_working_day_skips_rest_days_and_holidays() {
    for (day, expected) in [
        ("2026-03-02", "2026-03-02"),
        ("2026-03-07", "2026-03-09"),
        ("2026-03-20", "2026-03-23"),
        ("2026-08-20", "2026-08-24"),
        ("2026-12-31", "2026-12-31"),
        ("2027-01-01", "2027-01-04"),
        ("2028-02-29", "2028-02-29"),
    ] {
        assert_eq!(morocco().next_working_day(parse(day)), parse::<Date>(expected), "{day}");
    }
}

#[test]
fn working_days_are_counted_from_the_day_after() {
    for (from, to, expected) in [
        ("2026-03-02", "2026-03-02", 0),
        ("2026-03-02", "2026-03-01", 0),
        ("2026-03-02", "2026-03-03", 1),
        ("2026-03-06", "2026-03-09", 1),
        ("2026-03-16", "2026-03-24", 5),
        ("2026-12-31", "2027-01-15", 8),
    ] {
        assert_eq!(morocco().working_days_between(parse(from), parse(to)), expected, "{from} {to}");
    }
}

#[test]
fn a_calendar_without_working_days_still_answers() {
    let all = (1..=7).map(|day| Weekday::from_monday_one_offset(day).unwrap()).collect();
    let calendar = WorkCalendar::new(all, Vec::new(), BTreeSet::new());
    let day: Date = parse("2026-03-02");
    assert!(!calendar.is_working_day(day));
    assert_eq!(calendar.next_working_day(day), day);
    assert_eq!(calendar.working_days_between(day, parse("2026-04-02")), 0);
}

proptest! {
    #[test]
    fn adding_and_counting_agree(offset in 0..2000_i64, count in 0..200_u32) {
        let start = parse::<Date>("2026-01-01").saturating_add(jiff::Span::new().days(offset));
        let end = morocco().add_working_days(start, count);
        prop_assert_eq!(morocco().working_days_between(start, end), count);
        prop_assert!(count == 0 || morocco().is_working_day(end));
    }
}
