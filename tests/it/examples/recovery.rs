//! `examples/three-nodes/BACKUP.md`: a base backup under load, a lost server, and a database that is put back in time.

use std::{
    collections::BTreeSet,
    fs,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use super::{
    database::{as_postgres, furnish, primary},
    site::{Site, both, ran},
    three_nodes::{Machine, new_keys},
    unit::Unit,
};
use crate::{
    node_process::Node,
    postgres_server::{PostgresServer, wait_until},
    raw_http::Connection,
    real_server::{ACCOUNT, Clerk, PASSWORD, free_address, reference_in, sign_in_by},
};

/// Two nodes over one server, which keeps its backups as shipped.
struct Office {
    database: Site,
    server: PostgresServer,
    machines: [Machine; 2],
}

impl Office {
    fn new() -> Self {
        let mut database = Site::new();
        furnish(&mut database);
        // The standby has a test of its own; here nobody would confirm the commits.
        let server = primary(&mut database, &["synchronous_standby_names="]);
        let (servers, keys) = ([server.port(), free_address().port()], new_keys());
        let machines = [0, 1].map(|_| Machine::new(&database, servers, &keys));
        machines[0].admin(&["account", "add", ACCOUNT], PASSWORD, 0);
        Self { database, server, machines }
    }

    fn start(&self) -> [Node; 2] {
        [0, 1].map(|at: usize| self.machines[at].start())
    }

    fn sign_in(&self) -> Clerk {
        let mut connection = Connection::open(self.machines[0].address).unwrap();
        sign_in_by(&mut |request| connection.send(&request.bytes()).unwrap())
    }

    /// Runs a script of the database's machine, and gives what it said.
    fn script(&self, name: &str, arguments: &[&str]) -> String {
        let mut script = as_postgres(&self.server, &self.database.path(&format!("/usr/local/lib/milaf/{name}")));
        ran(script.args(arguments).env("MILAF_BASES_KEPT", "1"))
    }

    fn references(&self) -> BTreeSet<String> {
        self.server.sql("milaf", "SELECT reference FROM dossiers").lines().map(str::to_owned).collect()
    }

    /// Moves the data folder aside, makes it anew from the base backup, and starts the server on it.
    fn restore(&self, base: &str, more: &[&str], aside: &str) {
        let data = self.server.data();
        fs::rename(&data, data.with_file_name(aside)).unwrap();
        let told = self.script("restore-database", &[&[base, data.to_str().unwrap()], more].concat());
        assert!(told.contains("is ready"), "{told}");
        self.server.restart();
        let recovered = || self.server.sql("postgres", "SELECT pg_is_in_recovery()") == "f";
        wait_until("the server has come to the moment that was asked for", recovered);
    }

    fn published(&self, machine: usize) -> (String, u64) {
        let note = fs::read_to_string(self.machines[machine].data().join("checkpoint")).unwrap();
        let mut lines = note.lines();
        (lines.next().unwrap().to_owned(), lines.next().unwrap().parse().unwrap())
    }
}

/// Registers at a node until it is told to stop or the node cannot any more, and notes what was acknowledged.
fn register(machine: &Machine, clerk: &Clerk, round: &str, over: &AtomicBool, noted: &Mutex<BTreeSet<String>>) {
    let mut connection = Connection::open(machine.address).unwrap();
    for turn in 0.. {
        let key = format!("{round}-{}-{turn}", machine.address.port());
        let form = clerk.register(&key, &[("procedure", "NRU"), ("applicant", "Fatima Ben Ali")]);
        let Ok(answer) = connection.send(&form.bytes()) else { return };
        if over.load(Ordering::Relaxed) || answer.status != 303 {
            return;
        }
        noted.lock().unwrap().insert(reference_in(answer.header("location").unwrap()).unwrap().to_owned());
    }
}

#[test]
fn a_lost_server_comes_back_whole_and_one_put_back_in_time_is_told_by_the_log() {
    let office = Office::new();
    let (server, machines) = (&office.server, &office.machines);
    let old_base = office.database.path("/backup/milaf/base-2020-01-01T000000Z");
    fs::create_dir(&old_base).unwrap();
    office.database.give_to_postgres("/backup/milaf");

    // A base backup while everybody works, and then a server that dies in the middle of it.
    let nodes = office.start();
    let clerk = office.sign_in();
    let (over, noted) = (AtomicBool::new(false), Mutex::new(BTreeSet::new()));
    let count = || noted.lock().unwrap().len();
    let (base, moment) = thread::scope(|scope| {
        // Whoever waits for an answer when the server dies is not to be waited for.
        let nodes = nodes;
        for machine in machines {
            let (clerk, over, noted) = (&clerk, &over, &noted);
            scope.spawn(move || register(machine, clerk, "first", over, noted));
        }
        wait_until("work goes on", || count() > 10);
        let base = office.script("base-backup", &[]).trim().to_owned();
        let before = count();
        wait_until("work goes on after the backup", || count() > before + 10);
        let moment = server.sql("postgres", "SELECT clock_timestamp()");
        let before = count();
        wait_until("work goes on after the moment", || count() > before + 10);
        server.kill();
        over.store(true, Ordering::Relaxed);
        drop(nodes);
        (base, moment)
    });
    assert!(!old_base.exists(), "the oldest are removed");
    let acknowledged = noted.into_inner().unwrap();

    let wal = server.data().with_file_name("lost").join("pg_wal");
    office.restore(&base, &["--wal", wal.to_str().unwrap()], "lost");
    let found = office.references();
    let lost: Vec<_> = acknowledged.difference(&found).collect();
    assert_eq!(lost, Vec::<&String>::new(), "acknowledged and not there");
    let nodes = office.start();
    assert!(machines[1].admin(&["doctor"], "", 0).contains("ok    checkpoint"));
    let registered = machines[0].admin(&["register", "--procedure", "NRU", "--applicant", "Ali", "--json"], "", 0);
    let size = || server.sql("milaf", "SELECT max(size) FROM heads").parse::<u64>().unwrap();
    wait_until("both have published it", || [0, 1].iter().all(|node| office.published(*node).1 == size()));
    stop(nodes);
    let (published, all) = (size(), office.references());

    // Back to a moment before the end: every node refuses, and says so.
    server.stop();
    office.restore(&base, &["--until", &moment], "whole");
    let kept = size();
    assert!(kept < published && office.references().is_subset(&all));
    for machine in machines {
        let unit = Unit::new(&machine.site, "three-nodes/milaf.service");
        let refused = unit.start(&[], &[&machine.data()]).output().unwrap();
        assert_eq!(refused.status.code(), Some(1), "{}", both(&refused));
        assert!(both(&refused).contains("older than what was published"), "{}", both(&refused));
    }
    // What was signed out since must not be signed in again.
    server.sql("milaf", "DELETE FROM sessions");

    let accept = ["restore", "--accept-rollback", "--reason", "a table was deleted by mistake"];
    let told = machines[0].admin(&accept, "", 0);
    let entries = format!("Entries {kept} to {}, {} of them, are lost", published - 1, published - kept);
    assert!(told.contains(&entries) && told.contains("suivi.example.ma/log-2"), "{entries:?} is not in {told}");
    let told = machines[1].admin(&accept, "", 0);
    assert!(told.contains("the log goes on as suivi.example.ma/log-2"), "{told}");
    let nodes = office.start();
    for machine in machines {
        let found = machine.admin(&["doctor"], "", 0);
        assert!(found.contains("ok    rollback: accepted") && found.contains("a table was deleted"), "{found}");
    }
    let number = |text: &str| {
        let registered: serde_json::Value = serde_json::from_str(text).unwrap();
        registered["reference"].as_str().unwrap().rsplit('-').next().unwrap().parse::<u32>().unwrap()
    };
    let next = machines[1].admin(&["register", "--procedure", "NRU", "--applicant", "Salma", "--json"], "", 0);
    assert!(number(&next) > number(&registered), "a number that a lost paper carries was given again: {next}");
    wait_until("both publish the new log", || {
        [0, 1].iter().all(|node| office.published(*node) == ("suivi.example.ma/log-2".to_owned(), size()))
    });
    stop(nodes);

    // The archive holds nothing half-made, and what is there already is not written over.
    let archive = office.database.path("/backup/milaf/wal");
    let names: Vec<_> =
        fs::read_dir(&archive).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert!(!names.iter().any(|name| name.contains(".new")), "{names:?}");
    let file = names.iter().find(|name| name.len() == 24).unwrap();
    let kept = fs::read(archive.join(file)).unwrap();
    let other = office.database.write("/backup/milaf/other", "another file", 0o644);
    let mut again = as_postgres(server, &office.database.path("/usr/local/lib/milaf/archive-wal"));
    let refused = again.arg(&other).arg(file).output().unwrap();
    assert!(!refused.status.success() && fs::read(archive.join(file)).unwrap() == kept, "it was written over");
}

/// Both leave at the same time.
fn stop(nodes: [Node; 2]) {
    for node in &nodes {
        node.signal("TERM");
    }
    for node in nodes {
        let (status, log) = node.end();
        assert!(status.success(), "{log}");
    }
}
