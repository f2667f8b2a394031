//! Backup and restore as an administrator does them: the real program, real files, kills and wrong files included.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod interrupted;
mod restoring;
mod rollback;
mod under_load;

use std::{fs, path::Path};

use serde_json::Value;

use crate::commands::{Office, Ran, milaf};

/// Runs a command on the office's folder.
fn run(office: &Office, command: &str, arguments: &[&str]) -> Ran {
    let data = office.data();
    milaf(&[&[command], arguments, &["--data", &data]].concat(), "")
}

/// What it said on both of its outputs.
fn said(ran: &Ran) -> String {
    format!("{}{}", ran.text(), ran.stderr)
}

/// A command that must refuse, and what it must say.
fn refuses(office: &Office, command: &str, arguments: &[&str], code: i32, phrases: &[&str]) -> String {
    let ran = run(office, command, arguments).expect(code);
    let said = said(&ran);
    for phrase in phrases {
        assert!(said.contains(phrase), "{command} {arguments:?} does not say {phrase:?}: {said}");
    }
    assert!(!said.contains("panicked"), "{said}");
    said
}

fn backup(office: &Office, name: &str) -> String {
    let file = office.path(name).display().to_string();
    run(office, "backup", &["--to", &file]).expect(0);
    file
}

fn reference(registered: &Value) -> &str {
    registered["reference"].as_str().unwrap()
}

fn number(registered: &Value) -> u32 {
    reference(registered).rsplit('-').next().unwrap().parse().unwrap()
}

/// What the doctor finds, which must be sound, without the time of day.
fn doctor(office: &Office) -> String {
    let found = run(office, "doctor", &[]).expect(0).text();
    found.lines().filter(|line| !line.starts_with("ok    clock")).collect::<Vec<_>>().join("\n")
}

fn read(office: &Office, name: &str) -> String {
    fs::read_to_string(office.path("data").join(name)).unwrap()
}

/// The names in the data folder that begin so.
fn names(office: &Office, start: &str) -> Vec<String> {
    let entries = fs::read_dir(office.path("data")).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with(start))
        .collect();
    names.sort();
    names
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    fs::set_permissions(to, fs::metadata(from).unwrap().permissions()).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let place = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &place);
        } else {
            fs::copy(entry.path(), place).unwrap();
        }
    }
}
