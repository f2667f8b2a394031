//! Without its standby a primary acknowledges nothing: writing waits, and it does not lie.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::thread;

use super::{
    agency::Agency,
    cluster::{Cluster, waiting},
};
use crate::{
    form_page::{FormPage, reference_told},
    ledger::Acknowledged,
    postgres_server::{PostgresServer, wait_until},
    raw_http::{Answer, exchange},
    real_server::House,
};

const INSERT: &str = "INSERT INTO kept VALUES (1)";

/// Two forms wait, one of them in a node that dies, and the proxy hands it to the other node. They come back as forms. When
/// a standby is back, each is sent again and is one dossier.
#[test]
fn writes_wait_for_the_standby_and_the_form_of_a_dead_node_is_one_dossier() {
    let cluster = Cluster::start();
    let mut agency = Agency::over(&[cluster.url(), cluster.url()]);
    agency.start(0);
    agency.proxy.wait_until_up(&[0]);
    let clerk = agency.sign_in();
    let fill_in = |agency: &Agency, applicant: &str| {
        FormPage::of(&agency.ask(&FormPage::ask(&clerk, "NRU")).unwrap().text()).with("applicant", applicant)
    };
    let mut acknowledged = Acknowledged::new();
    let before = agency.ask(&fill_in(&agency, "Before").request(&clerk)).unwrap();
    acknowledged.insert(reference_told(&before), "Before".to_owned());

    let wishes = ["In a dead node", "In the other"];
    let forms = wishes.map(|applicant| fill_in(&agency, applicant));
    cluster.standbys().iter().for_each(PostgresServer::kill);
    let proxy = agency.proxy.address;
    let answers: [Answer; 2] = thread::scope(|scope| {
        let mut requests = forms.iter().map(|form| form.request(&clerk));
        let mut send = || {
            let request = requests.next().unwrap();
            scope.spawn(move || exchange(proxy, &request.closing()))
        };
        let first = send();
        wait_until("the commit waits", || waiting(cluster.primary(), "COMMIT") == 1);
        agency.start(1);
        agency.proxy.wait_until_up(&[0, 1]);
        agency.kill(0);
        let second = send();
        [first, second].map(|answer| answer.join().unwrap())
    });
    assert_eq!(waiting(cluster.primary(), "COMMIT"), 1, "what the dead node asked for still waits");
    for ((applicant, sent), answer) in wishes.iter().zip(&forms).zip(&answers) {
        assert_eq!(answer.status, 503, "{applicant}: {}\n{}", answer.head, answer.text());
        assert!(answer.header("x-request-id").is_some(), "{applicant} in a node's words: {}", answer.head);
        let form = FormPage::of(&answer.text());
        assert_eq!((form.value("applicant"), form.value("form-key")), (*applicant, sent.value("form-key")));
    }

    cluster.standbys()[0].restart();
    cluster.wait_for_standbys(1);
    for (applicant, answer) in wishes.iter().zip(&answers) {
        let form = FormPage::of(&answer.text());
        let told = || reference_told(&agency.ask(&form.request(&clerk)).unwrap());
        let reference = told();
        assert_eq!(told(), reference, "sent twice");
        acknowledged.insert(reference, (*applicant).to_owned());
    }
    agency.close(&acknowledged);
}

/// Why standbys have to be named: under `*` whoever streams counts, and a backup in the making can be promoted by nobody.
#[test]
fn a_base_backup_passes_for_a_standby_unless_standbys_are_named() {
    let primary = PostgresServer::start(&[]);
    let house = House::on_server(&primary.socket_url(&primary.create_database()));
    let database = primary.create_database();
    primary.sql(&database, "CREATE TABLE kept (n BIGINT)");
    let _backup = primary.slow_backup();
    let streams = "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'";
    wait_until("the backup streams", || primary.sql("postgres", streams) == "1");
    for (names, counts) in [("ANY 1 (*)", true), ("ANY 1 (db1, db2)", false)] {
        primary.configure("synchronous_standby_names", names);
        let told = String::from_utf8(house.run(&["doctor"], "").stdout).unwrap();
        assert_eq!(told.contains("warn  database: anybody counts as a standby"), counts, "{told}");
        let mut commit = primary.work(&database, INSERT);
        wait_until("the commit waits", || waiting(&primary, INSERT) == 1);
        let written = primary.sql("postgres", "SELECT pg_current_wal_insert_lsn()");
        // A backup confirms what it has received at the end of each segment.
        primary.sql("postgres", "SELECT pg_switch_wal()");
        let confirmed = format!("SELECT flush_lsn >= '{written}' FROM pg_stat_replication WHERE state = 'streaming'");
        wait_until("the backup has it", || primary.sql("postgres", &confirmed) == "t");
        if counts {
            wait_until("it is acknowledged", || commit.has_ended());
        } else {
            assert!(!commit.has_ended() && waiting(&primary, INSERT) == 1, "no standby has it");
        }
    }
}
