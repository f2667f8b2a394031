//! A primary that is frozen, as by a machine that swaps or a disk that hangs: it answers nothing, its connections stay open,
//! and when it comes back it takes it that it is the primary.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::{
    thread,
    time::{Duration, Instant},
};

use super::{
    agency::Agency,
    clients::{Client, EndOnPanic, Notes, Pulse},
    cluster::{Cluster, waiting},
};
use crate::{
    form_page::FormPage,
    postgres_server::{PostgresServer, wait_until},
    randomness::{Randomness, seed},
    raw_http::exchange,
    real_server::Clerk,
};

const CLERKS: usize = 4;
/// From the promotion of the standby to the next acknowledgement. A node has to find out by waiting that a server does not
/// answer, other than after a death, which its connections show.
const LIMIT: Duration = Duration::from_secs(20);

#[test]
fn a_frozen_primary_is_left_and_never_gone_back_to() {
    let mut randomness = Randomness(seed());
    let mut cluster = Cluster::start();
    let mut agency = Agency::over(&[cluster.url(), cluster.url()]);
    agency.open();
    let clerks: Vec<Clerk> = (0..CLERKS).map(|_| agency.sign_in()).collect();
    let pulse = Pulse::default();
    let address = agency.proxy.address;
    let open = FormPage::of(&agency.ask(&FormPage::ask(&clerks[0], "REQ")).unwrap().text());

    let (notes, former) = thread::scope(|scope| {
        let _end = EndOnPanic(&pulse);
        let client = |(name, clerk)| Client { name, clerk, address, randomness: Randomness(randomness.next()) };
        let at_work: Vec<_> = clerks.iter().enumerate().map(client).map(|client| client.work(scope, &pulse)).collect();
        pulse.wait_for(CLERKS);

        let frozen = cluster.primary().freeze();
        pulse.mark();
        for number in [0, 1] {
            agency.node(number).wait_until_ready_says(503, "database\n");
        }
        let form = open.clone().with("applicant", "Nobody");
        let answer = exchange(agency.address(0), &form.request(&clerks[0]).closing());
        assert_eq!((answer.status, answer.header("retry-after")), (503, Some("10")), "{}", answer.head);
        assert_eq!(FormPage::of(&answer.text()).value("applicant"), "Nobody");
        assert!(pulse.is_silent(), "a frozen server acknowledges nothing");

        let promoted = Instant::now();
        cluster.promote();
        let former = cluster.former();
        let (first, last) = pulse.wait_for(CLERKS);
        let (first, last) = (first.duration_since(promoted), last.duration_since(promoted));
        println!("after the promotion: first {first:.2?}, everybody {last:.2?}");
        assert!(first <= LIMIT, "{first:?}");

        // It comes back and takes writes, but has no standby any more, so that it can acknowledge nothing.
        drop(frozen);
        acknowledges_nothing(&former, &cluster.database, "CREATE TABLE lost ()");
        works_on(&pulse);
        assert_eq!(connections(&former), 0, "no node has gone back");

        // Its machine starts it again. What had never been acknowledged is there now for everyone to read.
        former.kill();
        former.restart();
        acknowledges_nothing(&former, &cluster.database, "CREATE TABLE lost_again ()");
        agency.kill(0);
        agency.start(0);
        agency.proxy.wait_until_up(&[0, 1]);
        works_on(&pulse);
        assert_eq!(connections(&former), 0, "a node that starts does not take it for the primary either");

        pulse.end();
        let mut notes = Notes::default();
        for client in at_work {
            notes.add(client.join().unwrap());
        }
        (notes, former)
    });
    println!("sent again: {:?}", notes.sent_again);
    agency.close(&notes.acknowledged);
    drop(former);
}

/// Everybody is told something after this moment.
fn works_on(pulse: &Pulse) {
    pulse.mark();
    pulse.wait_for(CLERKS);
}

/// A commit on this server waits for a standby that it does not have.
fn acknowledges_nothing(server: &PostgresServer, database: &str, statement: &str) {
    assert_eq!(server.sql("postgres", "SELECT pg_is_in_recovery()"), "f", "it takes it that it is the primary");
    let mut commit = server.work(database, statement);
    wait_until("the commit waits", || waiting(server, statement) == 1);
    assert!(!commit.has_ended());
}

/// How many connections nodes have to a server.
fn connections(server: &PostgresServer) -> usize {
    let nodes = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'milaf'";
    server.sql("postgres", nodes).parse().unwrap()
}
