//! Where keys may lie, and what is said of those that are not right.

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
    process::Command,
};

use super::{assert_no_secret, key_file, listed, refused, register, rotate, run, state, wait_until_in_use};
use crate::real_server::House;

#[test]
fn a_file_that_was_made_and_not_told_of_is_used_by_the_next_run() {
    let house = House::new();
    let told = run(&house, &["keys", "rotate", "seal", "--prepare"]);
    assert!(told.contains("seal-1.key"), "{told}");
    assert_eq!(state(&house, "seal", 1), "", "the log knows nothing of it");
    let made = fs::read(key_file(&house, "seal-1.key")).unwrap();
    assert_eq!(fs::metadata(key_file(&house, "seal-1.key")).unwrap().mode() & 0o777, 0o600);
    // As a command leaves it that is killed before its file has its name.
    fs::write(key_file(&house, "log-1.unfinished"), "half a k").unwrap();
    run(&house, &["keys", "rotate", "log"]);
    run(&house, &["keys", "rotate", "seal"]);
    assert_eq!(fs::read(key_file(&house, "seal-1.key")).unwrap(), made);
    wait_until_in_use(&house, "seal", 1);
    register(&house);
    run(&house, &["doctor"]);
}

#[test]
fn a_wrong_file_is_named() {
    let house = House::new();
    rotate(&house, "token", 1);
    let (mine, wrong) = (key_file(&house, "token-1.key"), "ab".repeat(32));
    let kept = fs::read(&mine).unwrap();
    fs::write(&mine, format!("{wrong}\n")).unwrap();
    for arguments in
        [&["serve", "--listen", "127.0.0.1:0"][..], &["register", "--procedure", "NRU", "--applicant", "A"]]
    {
        let (code, told) = refused(&house, arguments);
        assert!(code == Some(1) && told.contains("token-1.key is not the office's token key 1"), "{told}");
        assert!(!told.contains(&wrong[..8]), "{told}");
    }
    fs::write(&mine, &kept).unwrap();
    fs::set_permissions(&mine, fs::Permissions::from_mode(0o640)).unwrap();
    let (code, told) = refused(&house, &["keys", "list"]);
    assert!(code == Some(1) && told.contains("chmod 600"), "{told}");
    fs::remove_file(&mine).unwrap();
    let (code, told) = refused(&house, &["keys", "list"]);
    assert!(code == Some(1) && told.contains("token-1.key is missing"), "{told}");
}

fn with_keys(house: &House, arguments: &[&str], given: &[(String, String)]) -> (Option<i32>, String) {
    let mut command: Command = house.command(arguments);
    command.envs(given.iter().map(|(name, value)| (name, value)));
    let output = command.output().unwrap();
    let told = [output.stdout, output.stderr].concat();
    assert_no_secret(house, "what a command says", &told);
    (output.status.code(), String::from_utf8_lossy(&told).into_owned())
}

/// The first keys as they are given from outside, named by `name`.
fn given(house: &House, name: impl Fn(&str) -> String) -> Vec<(String, String)> {
    let digits =
        |purpose: &str| fs::read_to_string(key_file(house, &format!("{purpose}.key"))).unwrap().trim().to_owned();
    ["token", "seal", "log", "identity"].map(|purpose| (name(purpose), digits(purpose))).into()
}

#[test]
fn a_new_key_in_the_environment_is_asked_for_by_its_name() {
    let house = House::new();
    let mut keys = given(&house, |purpose| format!("MILAF_{}_KEY", purpose.to_uppercase()));
    let (code, told) = with_keys(&house, &["keys", "rotate", "seal"], &keys);
    assert!(code == Some(1) && told.contains("MILAF_SEAL_KEY_1") && told.contains("milaf keys new --out"), "{told}");
    let (code, told) = with_keys(&house, &["keys", "rotate", "seal", "--prepare"], &keys);
    assert!(code == Some(2) && told.contains("MILAF_SEAL_KEY_1"), "{told}");
    let file = house.data().root().join("new.key");
    let made = Command::new(env!("CARGO_BIN_EXE_milaf")).args(["keys", "new", "--out"]).arg(&file).output().unwrap();
    assert!(made.status.success());
    assert_eq!(fs::metadata(&file).unwrap().mode() & 0o777, 0o600);
    let again = Command::new(env!("CARGO_BIN_EXE_milaf")).args(["keys", "new", "--out"]).arg(&file).output().unwrap();
    assert_eq!(again.status.code(), Some(1), "never overwritten");
    let digits = fs::read_to_string(&file).unwrap().trim().to_owned();
    assert!(!String::from_utf8_lossy(&made.stdout).contains(&digits));
    keys.push(("MILAF_SEAL_KEY_1".to_owned(), digits));
    let (code, told) = with_keys(&house, &["keys", "rotate", "seal"], &keys);
    assert!(code == Some(0) && told.contains("seal key 1 takes over at"), "{told}");
}

#[test]
fn a_new_credential_is_asked_for_by_its_name() {
    let house = House::new();
    let folder = house.data().root().join("credentials");
    fs::create_dir(&folder).unwrap();
    for (name, digits) in given(&house, |purpose| format!("milaf.{purpose}.key")) {
        fs::write(folder.join(name), format!("{digits}\n")).unwrap();
    }
    let credentials = [("CREDENTIALS_DIRECTORY".to_owned(), folder.display().to_string())];
    let (code, told) = with_keys(&house, &["keys", "rotate", "log"], &credentials);
    assert!(code == Some(1) && told.contains("milaf.log-1.key"), "{told}");
    fs::write(folder.join("milaf.log-1.key"), format!("{}\n", "5a".repeat(32))).unwrap();
    let (code, told) = with_keys(&house, &["keys", "rotate", "log"], &credentials);
    assert!(code == Some(0) && told.contains("log key 1 takes over at"), "{told}");
    assert!(!told.contains(&"5a".repeat(8)), "{told}");
}

#[test]
fn every_key_is_listed_with_its_place() {
    let house = House::new();
    let rows = listed(&house);
    let names: Vec<_> =
        rows.iter().map(|row| format!("{} {}", row["purpose"].as_str().unwrap(), row["number"])).collect();
    assert_eq!(names, ["token 0", "seal 0", "log 0"]);
    assert!(rows.iter().all(|row| row["here"] == true && row["state"] == "in use"));
    let table = run(&house, &["keys", "list"]);
    for text in ["PURPOSE", "suivi.example.ma/log+", "seal.key"] {
        assert!(table.contains(text), "{text} is not in {table}");
    }
    let out = house.data().root().join("keys.json");
    run(&house, &["keys", "export", "--out", out.to_str().unwrap()]);
    let bytes = fs::read(&out).unwrap();
    assert_no_secret(&house, "keys.json", &bytes);
    milaf::audit::keys_file::read(&bytes).unwrap();

    let elsewhere = tempfile::tempdir().unwrap();
    let output = house.command(&["keys", "export", "--out", "here.json"]).current_dir(&elsewhere).output().unwrap();
    assert!(output.status.success(), "a name alone is a file: {}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(fs::read(elsewhere.path().join("here.json")).unwrap(), bytes);
}
