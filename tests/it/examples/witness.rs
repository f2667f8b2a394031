//! `examples/witness` and `examples/policy`: a witness as its unit runs it, and the file by which an office asks it.

use std::{collections::BTreeSet, fs, process::Command};

use milaf::{
    config::Issuer,
    tlog::{CosignatureVerifier, Policy},
};

use super::{
    site::{Site, ran, shipped},
    unit::{Unit, forbidden, judge},
};
use crate::{
    node_process::{Node, wait},
    raw_http::{Request, exchange},
    real_server::free_address,
    witness::{log_key, submission_of},
};

const SERVICE: &str = "witness/milaf-witness.service";
const DATA: &str = "/var/lib/milaf-witness";

/// A site on which a witness was prepared as the README says, and its key.
fn site() -> (Site, CosignatureVerifier) {
    let site = Site::new();
    fs::create_dir_all(site.path(DATA)).unwrap();
    let readme = shipped("witness/README.md");
    for step in
        ["milaf witness key --data /var/lib/milaf-witness --name witness.tribunal.example", "MILAF_LOGS=\"--log "]
    {
        assert!(readme.contains(step), "the README says {step}");
    }
    let mut key = Command::new(env!("CARGO_BIN_EXE_milaf"));
    let told = ran(key.args(["witness", "key", "--name", "witness.tribunal.example", "--data"]).arg(site.path(DATA)));
    let key = CosignatureVerifier::parse(told.trim()).unwrap();
    site.write("/etc/milaf-witness.conf", &format!("MILAF_LOGS=\"--log {}\"\n", log_key().vkey()), 0o644);
    (site, key)
}

#[test]
fn systemd_finds_nothing_wrong_with_the_witness() {
    let (site, _) = site();
    judge(&site, &[SERVICE], 15);
}

#[test]
fn the_unit_runs_a_witness_that_cosigns() {
    let (mut site, key) = site();
    let address = free_address();
    site.place("127.0.0.1:8090", &address.to_string());
    let unit = Unit::new(&site, SERVICE);
    let manager = unit.listen();
    let node = Node::spawn(unit.start(&[], &[&site.path(DATA)]));
    manager.hear("READY=1");
    let (note, body) = submission_of(4);
    let answer = exchange(address, &Request::new("POST", "/add-checkpoint").body(body).closing());
    assert_eq!(answer.status, 200, "{}\n{}", answer.text(), node.log());
    assert!(key.verify(&format!("{note}{}", answer.text())).unwrap().is_some());
    manager.hear("WATCHDOG=1");
    node.signal("TERM");
    manager.hear("STOPPING=1");
    let (status, log) = node.end();
    assert!(status.success(), "{log}");
}

#[test]
fn the_filter_of_system_calls_forbids_nothing_that_a_witness_needs() {
    let (site, _) = site();
    let trace = site.path("/trace");
    let mut witness = Command::new("strace");
    // Not between the test and the program, so that signals reach the program.
    witness.args(["-D", "-f", "-qq", "-e", "signal=none", "-o"]).arg(&trace).arg(env!("CARGO_BIN_EXE_milaf"));
    witness.args(["witness", "--listen", "127.0.0.1:0", "--log", &log_key().vkey(), "--data"]).arg(site.path(DATA));
    let node = Node::spawn(witness);
    let answer = exchange(node.address, &Request::new("POST", "/add-checkpoint").body(submission_of(4).1).closing());
    assert_eq!(answer.status, 200, "{}", answer.text());
    node.stop();
    let read = || fs::read_to_string(&trace).unwrap();
    assert!(wait(|| read().contains("exit_group(")).is_ok(), "the trace has no end");
    assert_eq!(forbidden(&Unit::new(&site, SERVICE), &read()), BTreeSet::new());
}

#[test]
fn the_policy_can_be_read_and_fits_the_example_office() {
    let policy = Policy::parse(shipped("policy").as_bytes()).unwrap();
    let origin = format!("{}/log", Issuer::example().public_url.host());
    assert_eq!(policy.logs().map(|log| log.name().to_owned()).collect::<Vec<_>>(), [origin]);
    let witnesses = policy.witnesses();
    assert_eq!(witnesses.len(), 3);
    for witness in witnesses {
        let host = witness.url.as_deref().unwrap().strip_prefix("https://").unwrap();
        assert_eq!(host, witness.verifier.name(), "a witness is called as it is reached");
    }
    assert!(policy.asks_for_witnesses());
    assert!(shipped("witness/README.md").contains(witnesses[0].url.as_deref().unwrap()));
}
