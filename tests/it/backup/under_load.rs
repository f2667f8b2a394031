//! A backup is taken while a whole desk registers, and killed at any moment leaves nothing half under its name.

use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    process::Stdio,
    sync::{Condvar, Mutex},
    thread,
    time::{Duration, Instant},
};

use super::{Office, run};
use crate::{
    commands::milaf,
    raw_http::Connection,
    real_server::{Clerk, House, reference_in},
};

const CLIENTS: u32 = 8;

/// How much the clients may still register. Without a bound the database grows as long as a backup of it takes, and the
/// next one takes longer.
struct Work {
    left: Mutex<Option<u32>>,
    changed: Condvar,
}

impl Work {
    fn new(left: u32) -> Self {
        Self { left: Mutex::new(Some(left)), changed: Condvar::new() }
    }

    /// Waits for the next piece; `None` when there will be no more.
    fn take(&self) -> Option<()> {
        let left = self.left.lock().unwrap();
        let mut left = self.changed.wait_while(left, |left| *left == Some(0)).unwrap();
        *left.as_mut()? -= 1;
        Some(())
    }

    fn give(&self, more: u32) {
        *self.left.lock().unwrap().as_mut().unwrap() += more;
        self.changed.notify_all();
    }

    fn end(&self) {
        *self.left.lock().unwrap() = None;
        self.changed.notify_all();
    }
}

/// Ends the work also when a test fails, or its clients would wait for ever.
struct EndOf<'a>(&'a Work);

impl Drop for EndOf<'_> {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// Registers until there is no more work; every acknowledged reference is kept.
fn keep_registering(house: &House, clerk: &Clerk, client: u32, work: &Work, acknowledged: &Mutex<BTreeSet<String>>) {
    let mut connection = Connection::open(house.address).unwrap();
    for turn in 0.. {
        if work.take().is_none() {
            break;
        }
        let name = format!("Applicant {turn} of {client}");
        let fields = [("procedure", "NRU"), ("applicant", name.as_str())];
        let answer = connection.send(&clerk.register(&format!("{client:016x}{turn:016x}"), &fields).bytes()).unwrap();
        assert_eq!(answer.status, 303, "{}", answer.head);
        let reference = reference_in(answer.header("location").unwrap()).unwrap().to_owned();
        acknowledged.lock().unwrap().insert(reference);
    }
}

fn references(database: &Path) -> BTreeSet<String> {
    let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
    let connection = rusqlite::Connection::open_with_flags(database, flags).unwrap();
    let mut statement = connection.prepare("SELECT reference FROM dossiers").unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

#[test]
fn a_backup_is_whole_while_everyone_registers() {
    let house = House::new();
    let server = house.serve();
    let folder = tempfile::tempdir().unwrap();
    let clerks: Vec<Clerk> = (0..CLIENTS).map(|_| house.sign_in()).collect();
    let (work, acknowledged) = (Work::new(5000), Mutex::new(BTreeSet::new()));
    let mut taken = Vec::new();
    let mut meanwhile = 0;
    thread::scope(|scope| {
        for (client, clerk) in (0..CLIENTS).zip(&clerks) {
            let (house, work, acknowledged) = (&house, &work, &acknowledged);
            scope.spawn(move || keep_registering(house, clerk, client, work, acknowledged));
        }
        let _ended = EndOf(&work);
        for round in 0..5 {
            let before = acknowledged.lock().unwrap().clone();
            let file = folder.path().join(format!("{round}.db"));
            house.run(&["backup", "--to", file.to_str().unwrap()], "");
            meanwhile += acknowledged.lock().unwrap().len() - before.len();
            taken.push((file, before));
        }
    });
    server.kill();
    assert!(meanwhile > 100, "only {meanwhile} registrations went on while the backups were taken");
    let acknowledged = acknowledged.into_inner().unwrap();
    println!("{meanwhile} of {} registrations during 5 backups", acknowledged.len());

    let data = house.data();
    for (file, before) in &taken {
        let kept = references(file);
        assert!(kept.is_superset(before), "what was acknowledged before the backup is in it");
        assert!(kept.is_subset(&references(&data.database())), "nothing else is in it");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), taken.len(), "one file each, and nothing beside");
        // The backup serves in a folder of its own, with what belongs beside it.
        let place = tempfile::tempdir().unwrap();
        for name in ["issuer.toml", "catalogue.toml", "logo.png", "log-name"] {
            fs::copy(data.root().join(name), place.path().join(name)).unwrap();
        }
        super::copy_folder(&data.keys(), &place.path().join("keys"));
        fs::copy(file, place.path().join("milaf.db")).unwrap();
        let arguments = ["doctor", "--data", place.path().to_str().unwrap(), "--adopt-checkpoint"];
        let found = milaf(&arguments, "").expect(0).text();
        assert!(found.contains("ok    database: the file is sound"), "{found}");
        assert!(found.contains(&format!("{} entries recomputed", 2 * kept.len())), "{found}");
    }
}

#[test]
fn a_killed_backup_leaves_no_half_file_under_its_name() {
    let house = House::new();
    let server = house.serve();
    let clerks: Vec<Clerk> = (0..CLIENTS).map(|_| house.sign_in()).collect();
    let (work, acknowledged) = (Work::new(200), Mutex::new(BTreeSet::new()));
    let folder = tempfile::tempdir().unwrap();
    let (file, beside) = (folder.path().join("milaf.db"), folder.path().join("milaf.db.new"));
    let (mut finished, mut killed) = (0, 0);
    thread::scope(|scope| {
        for (client, clerk) in (0..CLIENTS).zip(&clerks) {
            let (house, work, acknowledged) = (&house, &work, &acknowledged);
            scope.spawn(move || keep_registering(house, clerk, client, work, acknowledged));
        }
        let _ended = EndOf(&work);
        let arguments = ["backup", "--replace", "--to", file.to_str().unwrap()];
        let start = || {
            let quiet = || Stdio::null();
            let mut child = house.command(&arguments).stdin(quiet()).stdout(quiet()).stderr(quiet()).spawn().unwrap();
            // The moment counts from when the file in the making appears.
            while !beside.exists() && child.try_wait().unwrap().is_none() {
                thread::yield_now();
            }
            (child, Instant::now())
        };
        let (mut child, appeared) = start();
        assert!(child.wait().unwrap().success());
        // How long the latest one that finished had its file in the making; the moments to kill are spread over that.
        let mut takes = appeared.elapsed();
        let mut whole = references(&file);
        for round in 0..30_u32 {
            work.give(40);
            let (mut child, appeared) = start();
            while appeared.elapsed() < takes * round / 12 && child.try_wait().unwrap().is_none() {
                thread::yield_now();
            }
            let _ = child.kill();
            if child.wait().unwrap().success() {
                finished += 1;
                takes = appeared.elapsed().max(Duration::from_millis(1));
            } else if beside.exists() {
                killed += 1;
                // The database grows, and with it what a backup takes.
                takes += takes / 16;
            }
            // Killed before the rename it is the older one, untouched, and after it the new one.
            let now = references(&file);
            assert!(now.is_superset(&whole), "round {round}: the backup under the name is another");
            whole = now;
            let connection = rusqlite::Connection::open(&file).unwrap();
            let check: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
            let (leaves, size): (i64, i64) = connection
                .query_row("SELECT (SELECT count(*) FROM events), (SELECT max(size) FROM heads)", [], |row| {
                    Ok((row.get(0)?, row.get(1)?))
                })
                .unwrap();
            assert_eq!((check.as_str(), leaves), ("ok", size), "round {round}");
        }
    });
    println!("{finished} backups finished, {killed} were killed midway");
    assert!(killed >= 5, "only {killed} backups were killed midway");
    house.run(&["backup", "--replace", "--to", file.to_str().unwrap()], "");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "what killed ones left behind is gone");
    assert_eq!(references(&file), acknowledged.into_inner().unwrap());
    server.kill();
}

#[test]
fn a_backup_s_place_is_chosen_with_care() {
    let office = Office::new();
    office.register("First", &[]);
    let file = super::backup(&office, "kept.db");
    let mode = std::os::unix::fs::MetadataExt::mode(&fs::metadata(&file).unwrap());
    assert_eq!(mode & 0o777, 0o600, "readable by its owner only");
    let before = fs::read(&file).unwrap();
    super::refuses(&office, "backup", &["--to", &file], 1, &["--replace"]);
    assert_eq!(fs::read(&file).unwrap(), before);
    office.register("Second", &[]);
    run(&office, "backup", &["--to", &file, "--replace"]).expect(0);
    assert_eq!(references(Path::new(&file)).len(), 2);

    let inside = office.path("data/milaf.db").display().to_string();
    super::refuses(&office, "backup", &["--to", &inside, "--replace"], 2, &["lies in the data folder"]);
    super::refuses(&office, "backup", &["--to", &office.data(), "--replace"], 2, &["is a folder"]);
    let nowhere = office.path("nowhere/kept.db").display().to_string();
    super::refuses(&office, "backup", &["--to", &nowhere], 1, &["cannot be used"]);
    fs::write(office.path("used.db-wal"), "").unwrap();
    let used = office.path("used.db").display().to_string();
    super::refuses(&office, "backup", &["--to", &used], 1, &["used.db-wal lies beside"]);

    let other = office.path("other.db");
    let held = fs::File::create(office.path("other.db.new")).unwrap();
    held.try_lock().unwrap();
    super::refuses(&office, "backup", &["--to", other.to_str().unwrap()], 1, &["another backup"]);
    drop(held);
    run(&office, "backup", &["--to", other.to_str().unwrap()]).expect(0);
    assert!(!office.path("other.db.new").exists());
}
