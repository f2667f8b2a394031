//! `milaf doctor`: every line it can print, each brought about as it would come about, and each with what to do.
//!
//! Four lines cannot be brought about: that every text is confirmed, and that all is well, as long as the program ships words
//! that no native speaker has confirmed; and that a QR code is too wide or too long, because the longest name that a host
//! may have still fits.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod tampering;

use std::{fs, os::unix::fs::PermissionsExt, path::Path, sync::Arc};

use jiff::{SignedDuration, Timestamp};
use milaf::{
    clock::{Environment, SteppedEnvironment, SystemEnvironment},
    config::{DataDir, Issuer, KeyFiles},
    receipt::{KeyRing, SealKey, TokenKey, TokenKeys},
    service::{IdentityKey, LiveKeys, Parts, RawIntake, Service},
    store::{SqliteStore, Store},
    tlog::LogKey,
};
use rusqlite::Connection;

use crate::{
    commands::{Office, Ran, milaf, program},
    harness::clerk,
};

fn data(office: &Office) -> DataDir {
    DataDir::new(office.data())
}

fn examined(office: &Office, more: &[&str]) -> Ran {
    milaf(&[&["doctor", "--data", &office.data()], more].concat(), "")
}

/// With another public address in the environment.
fn examined_under(office: &Office, address: &str) -> Ran {
    let output =
        program().args(["doctor", "--data", &office.data()]).env("MILAF_PUBLIC_URL", address).output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    Ran { code: output.status.code().unwrap(), stdout: output.stdout, stderr }
}

/// The findings, each with the indented lines that belong to it.
fn findings(ran: &Ran) -> Vec<String> {
    let mut findings: Vec<String> = Vec::new();
    for line in ran.text().lines().take_while(|line| !line.is_empty()) {
        match findings.last_mut() {
            Some(last) if line.starts_with("      ") => last.extend(["\n", line.trim_start()]),
            _ => findings.push(line.to_owned()),
        }
    }
    findings
}

/// One finding starts with the first text and has the others; nothing else fails unless `others` says so.
#[track_caller]
fn check(ran: &Ran, code: i32, start: &str, says: &[&str]) {
    let findings = findings(ran);
    let whole = format!("{}{}", ran.text(), ran.stderr);
    assert_eq!(ran.code, code, "{start}: {whole}");
    assert_eq!(ran.stderr, "", "a finding is a line of the answer");
    let found = findings.iter().find(|finding| finding.starts_with(start));
    let found = found.unwrap_or_else(|| panic!("no finding starts with {start:?} in {whole}"));
    for text in says {
        assert!(found.contains(text), "{text:?} is not in {found:?}");
    }
    let (fails, warns) = (any(&findings, "fail"), any(&findings, "warn"));
    assert_eq!(fails, code != 0, "{whole}");
    let summary = match (fails, warns) {
        (true, _) => "Something fails: mend it before this office is used.",
        (false, _) => "Nothing fails; the warnings say what is left to do.",
    };
    assert!(ran.text().ends_with(&format!("\n\n{summary}\n")), "{whole}");
}

fn any(findings: &[String], word: &str) -> bool {
    findings.iter().any(|finding| finding.starts_with(&format!("{word}  ")))
}

/// A sound office with a dossier.
fn sound() -> Office {
    let office = Office::new();
    office.register("Aicha", &[]);
    office
}

/// Spoils a copy of an office, and expects the finding.
#[track_caller]
fn spoiled(sound: &Office, code: i32, start: &str, says: &[&str], spoil: impl FnOnce(&Office)) {
    let office = sound.copy();
    spoil(&office);
    check(&examined(&office, &[]), code, start, says);
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// Changes the issuer's file behind the program's back.
fn rewrite_issuer(office: &Office, change: impl FnOnce(String) -> String) {
    let file = data(office).issuer_file();
    let text = fs::read_to_string(&file).unwrap();
    let changed = change(text.clone());
    assert_ne!(changed, text, "nothing was changed");
    fs::write(&file, changed).unwrap();
}

#[test]
fn a_sound_office_has_no_failure() {
    let office = Office::new();
    check(&examined(&office, &[]), 0, "ok    checkpoint: the published one is a part of this log", &[]);
    check(&examined(&office, &[]), 0, "ok    clock: ", &["nothing is registered yet"]);
    office.register("Aicha", &[]);
    let year = Issuer::example().civil_day(SystemEnvironment.now()).year();
    rewrite_issuer(&office, |text| {
        let dated = |year: i16| format!("\n[[calendar.dated]]\ndate = {year}-02-02\nname = \"A day\"\n");
        format!("{text}{}{}", dated(year), dated(year + 1))
    });
    let ran = examined(&office, &[]);
    for start in [
        "ok    configuration: ",
        &format!("ok    calendar: the movable holidays of {year} are entered"),
        &format!("ok    calendar: the movable holidays of {} are entered", year + 1),
        "ok    keys: each its own, closed to other users",
        "ok    QR code, sealed: version 11",
        "ok    QR code, compact: version 4",
        "ok    database: the file is sound",
        "ok    log: 2 entries recomputed from their records, root ",
        "ok    keys, as the log tells:\ntoken 0: in use\nseal 0: in use\nlog 0: in use",
        "ok    checkpoint: the published one is a part of this log",
        "ok    witnesses: none; nobody outside has cosigned this log. See examples/policy",
        "ok    clock: ",
    ] {
        check(&ran, 0, start, &[]);
    }
    check(&ran, 0, "warn  review: ", &["Have each confirmed, correct it, and remove its mark", "words: zgh/desk.ftl"]);
    assert!(ran.text().contains(&format!("milaf log audit --data {}", office.data())), "{}", ran.text());
    assert_eq!(findings(&ran).len(), 13, "a new line wants a test: {}", ran.text());
}

#[test]
fn what_is_only_odd_is_a_warning() {
    let sound = sound();
    spoiled(&sound, 0, "warn  database: other users may read it (mode 644)", &["Run: chmod 600 '"], |office| {
        set_mode(&data(office).database(), 0o644);
    });
    spoiled(&sound, 0, "warn  calendar: ", &["Add them to [[calendar.dated]] in issuer.toml"], |office| {
        rewrite_issuer(office, |text| {
            let without_dated = text.split("\n[[").filter(|table| !table.starts_with("calendar.dated]]"));
            without_dated.collect::<Vec<_>>().join("\n[[")
        });
    });
    let longest = format!("{}.a-longest.ma", ["abcdefghijk"; 20].join("."));
    let office = Office::new();
    for (address, start, advice) in [
        ("http://127.0.0.1:8080", "warn  the public address is not https", "write its address as public_url"),
        ("http://127.0.0.1:8080", "warn  MILAF_PUBLIC_URL is set and goes before public_url in issuer.toml", ""),
        (&format!("https://{longest}"), "ok    QR code, sealed: version 1", "fits paper of 58 mm"),
    ] {
        check(&examined_under(&office, address), 0, start, &[advice]);
    }
}

#[test]
fn what_cannot_be_opened_fails() {
    let sound = sound();
    let nowhere = milaf(&["doctor", "--data", "/nonexistent/office"], "");
    check(
        &nowhere,
        1,
        "fail  there is no folder /nonexistent/office",
        &["Make an office with `milaf init --issuer FILE"],
    );
    let remove = |path: fn(&DataDir) -> std::path::PathBuf| {
        move |office: &Office| {
            let path = path(&data(office));
            if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) }.unwrap();
        }
    };
    spoiled(&sound, 1, "fail  ", &["it has no issuer.toml", "Make one with `milaf init"], remove(DataDir::issuer_file));
    spoiled(&sound, 1, "fail  ", &["issuer.toml, line 1", "Correct the spelling, or remove it"], |office| {
        rewrite_issuer(office, |text| format!("colour = \"blue\"\n{text}"));
    });
    let ran = examined_under(&sound, "ftp://suivi.example.ma");
    check(&ran, 1, "fail  MILAF_PUBLIC_URL: ", &["must begin with"]);
    spoiled(&sound, 1, "fail  keys: ", &["Run `milaf init` for a new data folder"], remove(DataDir::keys));
    spoiled(&sound, 1, "fail  ", &["milaf.db is missing", "Restore it from the backup"], remove(DataDir::database));
    let header = |pragma: &'static str| {
        move |office: &Office| Connection::open(data(office).database()).unwrap().execute_batch(pragma).unwrap()
    };
    spoiled(
        &sound,
        1,
        "fail  the database ",
        &["another program", "give the path of a database made by this one"],
        header("PRAGMA application_id = 7"),
    );
    spoiled(
        &sound,
        1,
        "fail  the database ",
        &["run the newer program"],
        header("INSERT INTO migrations VALUES (3, 'newer', 3, 0); PRAGMA user_version = 3"),
    );
    spoiled(&sound, 1, "fail  the database ", &["file is not a database", "restore the last sound backup"], |office| {
        fs::write(data(office).database(), "not a database. ".repeat(1000)).unwrap();
    });
}

#[test]
fn keys_that_are_not_safe_fail() {
    let sound = sound();
    let key = |office: &Office, name: &str| data(office).keys().join(name);
    for name in ["token.key", "seal.key", "log.key", "identity.key"] {
        spoiled(
            &sound,
            1,
            "fail  keys: ",
            &[name, "can be read by other users (mode 644)", "Run: chmod 600 '"],
            |office| {
                set_mode(&key(office, name), 0o644);
            },
        );
    }
    spoiled(&sound, 1, "fail  keys: ", &["can be read by other users (mode 755)", "Run: chmod 700 '"], |office| {
        set_mode(&data(office).keys(), 0o755);
    });
    spoiled(&sound, 1, "fail  keys: ", &["is not a key", "Restore it from the backup"], |office| {
        fs::write(key(office, "seal.key"), "rubbish\n").unwrap();
    });
    spoiled(&sound, 1, "fail  keys: ", &["log.key", "Restore it from the backup"], |office| {
        fs::remove_file(key(office, "log.key")).unwrap();
    });
    spoiled(&sound, 1, "fail  keys: ", &["hold the same bytes", "Restore them from the backup"], |office| {
        fs::copy(key(office, "seal.key"), key(office, "log.key")).unwrap();
    });
    spoiled(
        &sound,
        1,
        "fail  checkpoint: the keys do not belong to this database",
        &["Put back the keys folder"],
        |office| {
            fs::copy(key(&Office::new(), "identity.key"), key(office, "identity.key")).unwrap();
        },
    );
}

#[test]
fn a_checkpoint_that_does_not_fit_fails() {
    let sound = sound();
    let file = |office: &Office| data(office).checkpoint();
    spoiled(
        &sound,
        1,
        "fail  checkpoint: the checkpoint file ",
        &["cannot be trusted", "Put it back from the backup"],
        |office| {
            fs::write(file(office), "rubbish").unwrap();
        },
    );
    spoiled(
        &sound,
        1,
        "fail  checkpoint: ",
        &["a checkpoint of 2 entries was published", "--adopt-checkpoint"],
        |office| {
            fs::remove_file(file(office)).unwrap();
        },
    );
    let office = sound;
    fs::remove_file(file(&office)).unwrap();
    let adopted = examined(&office, &["--adopt-checkpoint"]);
    check(&adopted, 0, "warn  checkpoint: the lost file was written anew from the database, at 2 entries", &[]);
    check(&examined(&office, &[]), 0, "ok    checkpoint: the published one is a part of this log", &[]);
}

/// Registers dossiers at a moment that may not have come yet.
async fn registered_at(office: &Office, moment: Timestamp, dossiers: u32) {
    let folder = data(office);
    let files = KeyFiles::in_folder(&folder.keys()).unwrap();
    let token_keys = TokenKeys::new(TokenKey::new(0, files.token).unwrap(), Vec::new()).unwrap();
    let log_key = LogKey::new("suivi.example.ma/log", files.log).unwrap();
    let keys = Arc::new(KeyRing::new(token_keys, SealKey::from_seed(files.seal), log_key).unwrap());
    let seal_key = keys.seal_key.clone();
    let sealer = Arc::new(move |claims: &_| seal_key.seal(claims));
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&folder.database(), sealer).unwrap());
    let service = Service::new(Parts {
        store: Arc::clone(&store),
        issuer: Arc::new(Issuer::load(&folder.issuer_file()).unwrap()),
        keys: LiveKeys::fixed(&keys),
        identity_key: IdentityKey::new(files.identity),
        environment: Arc::new(SteppedEnvironment::starting_at(moment)),
        checkpoint_file: folder.checkpoint(),
    });
    for _ in 0..dossiers {
        let raw = RawIntake { procedure: "NRU".into(), applicant: "Aicha".into(), ..RawIntake::default() };
        service.register(&clerk(), &raw, None).await.unwrap();
    }
    store.close().await;
}

#[tokio::test]
async fn a_clock_behind_the_last_event_fails() {
    let office = Office::new();
    let now = SystemEnvironment.now();
    registered_at(&office, now + SignedDuration::from_secs(2), 1).await;
    check(&examined(&office, &[]), 0, "ok    clock: ", &[]);
    registered_at(&office, now + SignedDuration::from_hours(1), 1).await;
    let start = "fail  clock: this machine says ";
    check(&examined(&office, &[]), 1, start, &["the last event happened at ", "Set the clock, by NTP"]);
}
