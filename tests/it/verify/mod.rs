//! `milaf verify`, as an auditor runs it: what it answers, in which form, and that nothing handed to it gets the better of it.

mod answers;
mod bombs;
mod forms;
mod hostile;
mod lab;

use serde_json::Value;

use crate::commands::{Ran, milaf};

/// Runs it on lines and gives one JSON object for each.
fn verify(lines: &str, arguments: &[&str]) -> (Ran, Vec<Value>) {
    let ran = milaf(&[&["verify", "-", "--json"], arguments].concat(), lines);
    let objects = ran.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    (ran, objects)
}

/// What came of a check; `absent` when it was not made.
fn outcome<'a>(object: &'a Value, kind: &str) -> &'a str {
    let checks = object["checks"].as_array().unwrap();
    let found = checks.iter().find(|check| check["check"] == kind);
    found.map_or("absent", |check| check["outcome"].as_str().unwrap())
}

/// One input, its exit code, and what must have come of some checks.
fn check(what: &str, input: &str, arguments: &[&str], code: i32, outcomes: &[(&str, &str)]) -> Value {
    let (ran, mut objects) = verify(input, arguments);
    assert_eq!(ran.code, code, "{what}: {}{}", ran.text(), ran.stderr);
    assert_eq!(objects.len(), 1, "{what}");
    for (kind, expected) in outcomes {
        assert_eq!(outcome(&objects[0], kind), *expected, "{what}: {kind} in {}", objects[0]);
    }
    assert_eq!(objects[0]["exit_code"], code, "{what}");
    objects.remove(0)
}
