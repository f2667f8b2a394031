//! Clock cases computed by hand on a paper calendar.

use jiff::civil::Date;

use super::{
    calendar::morocco,
    samples::{codes, fold, paragraph, parse, position, recorded, registered},
};
use crate::dossier::{ClockState, Dossier, Event, LegalClock, Outcome, Recorded, RuleTerms, Silence, Term, TermUnit};

/// `15d` calendar days, `10w` working days, `2m` months; `!` rolls the last day, `~` is not suspended by a complement.
pub(super) fn terms(text: &str) -> RuleTerms {
    let figure = text.trim_end_matches(['!', '~']);
    let (count, unit) = figure.split_at(figure.len() - 1);
    let unit = match unit {
        "d" => TermUnit::CalendarDays,
        "w" => TermUnit::WorkingDays,
        _ => TermUnit::Months,
    };
    RuleTerms {
        id: parse("rule"),
        term: Term { count: parse(count), unit },
        suspended_by_complement: !text.contains('~'),
        extension: Some(15),
        roll_to_working_day: text.contains('!'),
        silence: Silence::Nothing,
    }
}

fn event(name: &str) -> Event {
    match name {
        "request" => {
            Event::ComplementRequested { position: position("incomplete"), documents: codes("form"), message: None }
        }
        "complete" => Event::ComplementReceived { documents: codes("form"), position: Some(position("in_review")) },
        "decided" => Event::Decided { position: position("decided"), outcome: Outcome::Favourable, reservations: None },
        "ready" => Event::Ready { position: position("ready") },
        "withdrawn" => Event::Withdrawn { position: position("withdrawn"), reason: None },
        extension => Event::Extended { count: parse(extension), reason: paragraph("technical study") },
    }
}

/// `events` are pairs of a day and a name; a number is an extension by so much.
pub(super) fn dossier(term: &str, deposit: Date, events: &[(Date, &str)]) -> Dossier {
    let mut history: Vec<Recorded> = registered(deposit);
    if let Event::Registered(registration) = &mut history[0].event {
        registration.rule = Some(terms(term));
    }
    history.extend(events.iter().map(|(day, name)| recorded(*day, event(name))));
    fold(&history)
}

fn shown(clock: &LegalClock) -> String {
    let state = match clock.state {
        ClockState::Running => "running".to_owned(),
        ClockState::Suspended => "suspended".to_owned(),
        ClockState::Stopped(day) => format!("stopped {day}"),
        ClockState::Overdue => "overdue".to_owned(),
    };
    let due = clock.due.map_or("open".to_owned(), |due| due.to_string());
    let pauses = clock.pauses.first().map(|pause| format!(" paused {}", pause.days)).unwrap_or_default();
    assert!(clock.pauses.len() < 2, "there is one complement request at most");
    let extension = clock.extension.map(|count| format!(" extended {count}")).unwrap_or_default();
    format!("{}/{} {due} {state}{pauses}{extension}", clock.day, clock.of)
}

/// Term, deposit, events, today, and what the clock shows.
type Case = (&'static str, &'static str, &'static str, &'static str, &'static str);

fn check(cases: &[Case]) {
    for (term, deposit, events, today, expected) in cases {
        let words: Vec<&str> = events.split_whitespace().collect();
        let events: Vec<(Date, &str)> = words.chunks(2).map(|pair| (parse(pair[0]), pair[1])).collect();
        let dossier = dossier(term, parse(deposit), &events);
        let clock = LegalClock::of(&dossier, &morocco(), parse(today)).expect("a dossier with a rule has a clock");
        assert_eq!(shown(&clock), *expected, "{term} from {deposit}, {events:?}, seen on {today}");
        assert_eq!(clock.start, parse::<Date>(deposit));
    }
}

#[test]
fn calendar_days() {
    check(&[
        ("15d", "2026-03-02", "", "2026-03-02", "0/15 2026-03-17 running"),
        ("15d", "2026-03-02", "", "2026-03-10", "8/15 2026-03-17 running"),
        ("15d", "2026-03-02", "", "2026-03-17", "15/15 2026-03-17 running"),
        ("15d", "2026-03-02", "", "2026-03-18", "16/15 2026-03-17 overdue"),
        ("15d", "2026-03-02", "", "2026-03-01", "0/15 2026-03-17 running"),
        ("30d", "2026-12-15", "", "2027-01-05", "21/30 2027-01-14 running"),
        ("30d", "2026-12-15", "", "2027-01-15", "31/30 2027-01-14 overdue"),
        ("60d", "2028-01-01", "", "2028-02-29", "59/60 2028-03-01 running"),
        ("60d", "2027-01-01", "", "2027-03-03", "61/60 2027-03-02 overdue"),
        ("15d", "2028-02-14", "", "2028-02-29", "15/15 2028-02-29 running"),
        ("15d", "2028-02-29", "", "2028-03-01", "1/15 2028-03-15 running"),
    ]);
}

#[test]
fn a_last_day_without_work_rolls_only_when_the_rule_says_so() {
    check(&[
        ("30d!", "2026-12-15", "", "2027-01-14", "30/30 2027-01-15 running"),
        ("30d!", "2026-12-15", "", "2027-01-15", "30/30 2027-01-15 running"),
        ("30d!", "2026-12-15", "", "2027-01-16", "32/30 2027-01-15 overdue"),
        ("15d!", "2026-03-06", "", "2026-03-20", "14/15 2026-03-23 running"),
        ("15d", "2026-03-06", "", "2026-03-22", "16/15 2026-03-21 overdue"),
        ("15d!", "2026-08-05", "", "2026-08-24", "15/15 2026-08-24 running"),
        ("15d!", "2026-08-05", "", "2026-08-25", "20/15 2026-08-24 overdue"),
        ("15d!", "2026-03-02", "", "2026-03-16", "14/15 2026-03-17 running"),
        ("2m!", "2026-03-01", "", "2026-05-03", "61/61 2026-05-04 running"),
        ("2m", "2026-03-01", "", "2026-05-02", "62/61 2026-05-01 overdue"),
        (
            "15d!",
            "2026-03-02",
            "2026-03-06 request 2026-03-11 complete",
            "2026-03-12",
            "5/15 2026-03-23 running paused 5",
        ),
    ]);
}

#[test]
fn working_days() {
    check(&[
        ("10w", "2026-03-02", "", "2026-03-08", "4/10 2026-03-16 running"),
        ("15w", "2026-03-02", "", "2026-03-20", "13/15 2026-03-24 running"),
        ("5w", "2026-03-07", "", "2026-03-08", "0/5 2026-03-13 running"),
        ("10w", "2026-12-24", "", "2027-01-01", "5/10 2027-01-08 running"),
        ("5w", "2027-01-08", "", "2027-01-20", "6/5 2027-01-19 overdue"),
        ("5w", "2028-02-25", "", "2028-02-29", "2/5 2028-03-03 running"),
        ("3w", "2026-08-18", "", "2026-08-23", "1/3 2026-08-25 running"),
        ("3w", "2026-03-02", "", "2026-03-08", "4/3 2026-03-05 overdue"),
        ("4w", "2026-03-02", "", "2026-03-07", "4/4 2026-03-06 overdue"),
        ("3w!", "2026-08-18", "", "2026-08-25", "3/3 2026-08-25 running"),
    ]);
}

#[test]
fn months() {
    check(&[
        ("2m", "2026-03-02", "", "2026-04-01", "30/61 2026-05-02 running"),
        ("1m", "2026-01-31", "", "2026-02-28", "28/28 2026-02-28 running"),
        ("1m", "2028-01-31", "", "2028-03-01", "30/29 2028-02-29 overdue"),
        ("2m", "2026-12-31", "", "2027-01-01", "1/59 2027-02-28 running"),
        ("2m", "2027-12-31", "", "2028-02-29", "60/60 2028-02-29 running"),
        ("1m", "2028-02-29", "", "2028-03-10", "10/29 2028-03-29 running"),
        ("12m", "2028-02-29", "", "2028-02-29", "0/365 2029-02-28 running"),
        ("3m", "2026-11-30", "", "2026-12-01", "1/90 2027-02-28 running"),
    ]);
}

#[test]
fn pauses() {
    check(&[
        ("15d", "2026-03-02", "2026-03-06 request", "2026-03-06", "3/15 open suspended paused 1"),
        ("15d", "2026-03-02", "2026-03-06 request", "2026-03-10", "3/15 open suspended paused 5"),
        (
            "15d",
            "2026-03-02",
            "2026-03-06 request 2026-03-11 complete",
            "2026-03-11",
            "4/15 2026-03-22 running paused 5",
        ),
        (
            "15d",
            "2026-03-02",
            "2026-03-06 request 2026-03-06 complete",
            "2026-03-06",
            "4/15 2026-03-17 running paused 0",
        ),
        ("15d", "2026-03-02", "2026-03-02 request", "2026-03-04", "0/15 open suspended paused 2"),
        (
            "15d",
            "2026-03-02",
            "2026-03-02 request 2026-03-05 complete",
            "2026-03-05",
            "1/15 2026-03-19 running paused 2",
        ),
        (
            "15d",
            "2026-03-02",
            "2026-03-17 request 2026-03-20 complete",
            "2026-03-20",
            "15/15 2026-03-20 running paused 3",
        ),
        ("15d~", "2026-03-02", "2026-03-06 request", "2026-03-10", "8/15 2026-03-17 running"),
        ("15d", "2026-03-02", "2026-03-18 request", "2026-03-25", "23/15 2026-03-17 overdue"),
        (
            "15d",
            "2028-02-20",
            "2028-02-28 request 2028-03-02 complete",
            "2028-03-02",
            "8/15 2028-03-09 running paused 3",
        ),
        (
            "10w",
            "2026-03-02",
            "2026-03-05 request 2026-03-10 complete",
            "2026-03-10",
            "3/10 2026-03-19 running paused 3",
        ),
        (
            "15w",
            "2026-03-02",
            "2026-03-18 request 2026-03-24 complete",
            "2026-03-24",
            "12/15 2026-03-27 running paused 3",
        ),
        (
            "10w",
            "2026-03-02",
            "2026-03-07 request 2026-03-09 complete",
            "2026-03-09",
            "5/10 2026-03-16 running paused 0",
        ),
        ("10w", "2026-03-02", "2026-03-05 request", "2026-03-08", "2/10 open suspended paused 2"),
        (
            "2m",
            "2026-03-02",
            "2026-03-10 request 2026-03-20 complete",
            "2026-03-20",
            "8/61 2026-05-12 running paused 10",
        ),
        (
            "1m",
            "2026-01-31",
            "2026-02-10 request 2026-02-15 complete",
            "2026-02-15",
            "10/28 2026-03-05 running paused 5",
        ),
        ("30d", "2026-12-15", "2026-12-20 request", "2027-01-10", "4/30 open suspended paused 22"),
    ]);
}

#[test]
fn extensions() {
    check(&[
        ("15d", "2026-03-02", "2026-03-10 15", "2026-03-18", "16/30 2026-04-01 running extended 15"),
        ("15d", "2026-03-02", "2026-03-17 15", "2026-03-18", "16/30 2026-04-01 running extended 15"),
        ("15d", "2026-03-02", "2026-03-18 15", "2026-03-20", "18/15 2026-03-17 overdue"),
        ("10w", "2026-03-02", "2026-03-10 5", "2026-03-16", "10/15 2026-03-24 running extended 5"),
        ("1m", "2026-01-31", "2026-02-10 1", "2026-02-28", "28/59 2026-03-31 running extended 1"),
        (
            "15d",
            "2026-03-02",
            "2026-03-06 request 2026-03-11 complete 2026-03-22 15",
            "2026-03-23",
            "16/30 2026-04-06 running paused 5 extended 15",
        ),
        (
            "15d",
            "2026-03-02",
            "2026-03-10 15 2026-03-20 request 2026-03-25 complete",
            "2026-03-25",
            "18/30 2026-04-06 running paused 5 extended 15",
        ),
    ]);
}

#[test]
fn stops() {
    check(&[
        ("15d", "2026-03-02", "2026-03-12 decided", "2026-05-01", "10/15 2026-03-17 stopped 2026-03-12"),
        ("15d", "2026-03-02", "2026-03-20 decided", "2026-03-25", "18/15 2026-03-17 stopped 2026-03-20"),
        (
            "15d",
            "2026-03-02",
            "2026-03-12 decided 2026-03-16 ready",
            "2026-04-01",
            "10/15 2026-03-17 stopped 2026-03-12",
        ),
        ("15d", "2026-03-02", "2026-03-13 ready", "2026-04-01", "11/15 2026-03-17 stopped 2026-03-13"),
        ("15d", "2026-03-02", "2026-03-05 withdrawn", "2026-04-01", "3/15 2026-03-17 stopped 2026-03-05"),
        ("15d", "2026-03-02", "2026-03-02 decided", "2026-04-01", "0/15 2026-03-17 stopped 2026-03-02"),
        (
            "15d",
            "2026-03-02",
            "2026-03-06 request 2026-03-09 withdrawn",
            "2026-04-01",
            "3/15 open stopped 2026-03-09 paused 4",
        ),
        ("30d!", "2026-12-15", "2027-01-15 decided", "2027-02-01", "30/30 2027-01-15 stopped 2027-01-15"),
        ("10w", "2026-03-02", "2026-03-07 decided", "2026-03-20", "4/10 2026-03-16 stopped 2026-03-07"),
    ]);
}

#[test]
fn a_dossier_keeps_the_rule_of_its_day_of_deposit() {
    for (deposit, due) in [
        ("2019-06-03", None),
        ("2023-07-12", Some("2023-09-11")),
        ("2023-07-13", Some("2023-07-28")),
        ("2026-03-02", Some("2026-03-17")),
    ] {
        let dossier = fold(&registered(parse(deposit)));
        let clock = LegalClock::of(&dossier, &morocco(), parse(deposit));
        assert_eq!(clock.and_then(|clock| clock.due), due.map(parse::<Date>), "{deposit}");
    }
}
