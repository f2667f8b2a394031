//! Nodes and primaries killed with signal 9, in random order, under sixteen clerks.
//!
//! `MILAF_FAILOVER_ROUNDS` sets how many times; `MILAF_SEED` the order.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::{
    env, thread,
    time::{Duration, Instant},
};

use super::{
    agency::Agency,
    clients::{Client, EndOnPanic, Notes, Pulse},
    cluster::Cluster,
};
use crate::{
    randomness::{Randomness, seed},
    real_server::Clerk,
};

const ROUNDS: u32 = 20;
const CLERKS: usize = 16;
/// From a kill to the next acknowledgement of a form that was sent after it.
const LIMIT: Duration = Duration::from_secs(10);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Victim {
    Node(usize),
    Primary,
}

/// How long after the kill somebody was told a reference, and how long until everybody was.
struct Recovery {
    victim: Victim,
    first: Duration,
    everybody: Duration,
}

#[test]
fn what_was_acknowledged_survives_every_failover() {
    let rounds = env::var("MILAF_FAILOVER_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(ROUNDS);
    let mut randomness = Randomness(seed());
    let mut cluster = Cluster::start();
    let mut agency = Agency::over(&[cluster.url(), cluster.url()]);
    agency.open();
    let clerks: Vec<Clerk> = (0..CLERKS).map(|_| agency.sign_in()).collect();
    let pulse = Pulse::default();
    let address = agency.proxy.address;
    let mut recoveries = Vec::new();
    let began = Instant::now();

    let notes = thread::scope(|scope| {
        let _end = EndOnPanic(&pulse);
        let client = |(name, clerk)| Client { name, clerk, address, randomness: Randomness(randomness.next()) };
        let at_work: Vec<_> = clerks.iter().enumerate().map(client).map(|client| client.work(scope, &pulse)).collect();
        pulse.wait_for(CLERKS);
        for round in 1..=rounds {
            wait_until_a_random_moment(&mut randomness);
            let victim = match randomness.below(4) {
                0 => Victim::Node(0),
                1 => Victim::Node(1),
                _ => Victim::Primary,
            };
            let killed = Instant::now();
            kill(victim, &pulse, &mut agency, &mut cluster);
            let (first, last) = pulse.wait_for(CLERKS);
            let (first, everybody) = (first.duration_since(killed), last.duration_since(killed));
            println!("round {round:3}: {victim:?}, first {first:.2?}, everybody {everybody:.2?}");
            assert!(first <= LIMIT, "round {round}: nobody could register for {first:?} after {victim:?} was killed");
            recoveries.push(Recovery { victim, first, everybody });
            if victim == Victim::Primary {
                cluster.rewind();
            }
        }
        pulse.end();
        let mut notes = Notes::default();
        for client in at_work {
            notes.add(client.join().unwrap());
        }
        notes
    });

    println!("{rounds} rounds in {:.0} s; sent again: {:?}", began.elapsed().as_secs_f64(), notes.sent_again);
    tell("a node", recoveries.iter().filter(|recovery| recovery.victim != Victim::Primary));
    tell("the primary", recoveries.iter().filter(|recovery| recovery.victim == Victim::Primary));
    let again: usize = notes.sent_again.values().sum();
    assert!(notes.acknowledged.len() > 10 * CLERKS && again > CLERKS, "the load was too light to prove anything");
    agency.close(&notes.acknowledged);
}

/// Parking may end early, so the clock decides.
fn wait_until_a_random_moment(randomness: &mut Randomness) {
    let moment = Instant::now() + Duration::from_millis(randomness.below(500));
    while let Some(left) = moment.checked_duration_since(Instant::now()) {
        thread::park_timeout(left);
    }
}

/// Kills, begins to count when the victim is dead, and does what an operator's watchdog does next.
fn kill(victim: Victim, pulse: &Pulse, agency: &mut Agency, cluster: &mut Cluster) {
    match victim {
        Victim::Node(number) => {
            agency.kill(number);
            pulse.mark();
            agency.start(number);
        }
        Victim::Primary => {
            cluster.primary().kill();
            pulse.mark();
            cluster.promote();
        }
    }
}

fn tell<'a>(what: &str, recoveries: impl Iterator<Item = &'a Recovery>) {
    let (mut first, mut everybody): (Vec<_>, Vec<_>) =
        recoveries.map(|recovery| (recovery.first, recovery.everybody)).unzip();
    first.sort_unstable();
    everybody.sort_unstable();
    if let (Some(worst), Some(latest)) = (first.last(), everybody.last()) {
        let (median, usual) = (first[first.len() / 2], everybody[everybody.len() / 2]);
        println!(
            "after {} kills of {what}: next acknowledgement median {median:.2?}, worst {worst:.2?}; everybody's median \
             {usual:.2?}, worst {latest:.2?}",
            first.len()
        );
    }
}
