//! Whatever the day and the hour, the demonstration shows every state.

use std::{collections::BTreeMap, path::Path};

use jiff::{ToSpan, civil::date};

use super::{Deed, plan};
use crate::{
    config::Issuer,
    dossier::{Command, PublicState},
};

/// The state that each dossier's acts lead to.
fn states(issuer: &Issuer, now: jiff::Timestamp, dossiers: usize) -> BTreeMap<PublicState, usize> {
    let mut last = BTreeMap::new();
    for act in plan(issuer, now, dossiers) {
        let state = match &act.deed {
            Deed::Register(_) => PublicState::Registered,
            Deed::Command(Command::EnterStep { step }) => {
                let steps = issuer.catalogue.procedures().iter().flat_map(crate::dossier::Procedure::steps);
                steps.filter(|found| found.code == *step).map(|found| found.state).next().unwrap()
            }
            Deed::Command(Command::RequestComplement { .. }) => PublicState::Incomplete,
            Deed::Command(Command::ReceiveComplement { .. }) => PublicState::InReview,
            Deed::Command(Command::ScheduleCommission { .. }) => PublicState::Scheduled,
            Deed::Command(Command::Adjourn { .. }) => PublicState::Adjourned,
            Deed::Command(Command::Decide { .. }) => PublicState::Decided,
            Deed::Command(Command::MarkReady) => PublicState::Ready,
            Deed::Command(Command::Collect { .. }) => PublicState::Collected,
            Deed::Command(Command::Withdraw { .. }) => PublicState::Withdrawn,
            Deed::Command(_) | Deed::Reprint | Deed::Replace(_) => continue,
        };
        last.insert(act.dossier, state);
    }
    let mut counts = BTreeMap::new();
    for state in last.into_values() {
        *counts.entry(state).or_default() += 1;
    }
    counts
}

#[test]
fn every_state_is_shown_on_every_day() {
    let issuer = Issuer::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/issuer.toml")).unwrap();
    let mut day = date(2026, 1, 1);
    while day < date(2028, 1, 1) {
        for (hour, dossiers) in [(0, 30), (11, 30), (23, 30), (11, 200)] {
            let now = issuer.timezone.to_timestamp(day.at(hour, 30, 0, 0)).unwrap();
            let counts = states(&issuer, now, dossiers);
            assert_eq!(counts.len(), 9, "{dossiers} dossiers on {day} at {hour}: {counts:?}");
        }
        // Every weekday comes up, and every season.
        day = day.saturating_add(5.days());
    }
}
