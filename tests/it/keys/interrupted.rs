//! `milaf keys rotate` killed with signal 9 at any moment, between the file and the event too: the next run finishes it.

use std::{
    fs,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::{
    commands::{Office, milaf, program},
    randomness::{Randomness, seed},
};

const KILLS: u32 = 36;

fn rotate(office: &Office, purpose: &str) -> Command {
    let mut command = program();
    command.args(["keys", "rotate", purpose, "--data", &office.data()]);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// What the log says of the purpose's second key: its state, and whether its file is here.
fn second_key(office: &Office, purpose: &str) -> Option<(String, bool)> {
    let listed = milaf(&["keys", "list", "--json", "--data", &office.data()], "").expect(0);
    let rows: Vec<Value> = serde_json::from_slice(&listed.stdout).unwrap();
    let mut rows = rows.iter().filter(|row| row["purpose"] == purpose && row["number"] == 1);
    let row = rows.next()?;
    assert!(rows.next().is_none());
    Some((row["state"].as_str().unwrap().to_owned(), row["here"].as_bool().unwrap()))
}

#[test]
fn killed_at_any_moment_it_is_finished_by_the_next_run() {
    let sound = Office::new();
    sound.register("Aicha", &[]);
    let measured = sound.copy();
    let begun = Instant::now();
    assert!(rotate(&measured, "seal").status().unwrap().success());
    let whole = u64::try_from(begun.elapsed().as_micros()).unwrap();
    let mut randomness = Randomness(seed());
    // Killed before its file, between file and event, and after the event.
    let (mut before, mut between, mut after) = (0, 0, 0);
    for round in 0..KILLS {
        let purpose = ["token", "seal", "log"][round as usize % 3];
        let office = sound.copy();
        let mut running = rotate(&office, purpose).spawn().unwrap();
        thread::park_timeout(Duration::from_micros(randomness.below(whole)));
        running.kill().unwrap();
        running.wait().unwrap();

        let file = office.path(&format!("data/keys/{purpose}-1.key"));
        let made = fs::read(&file).ok();
        match (&made, second_key(&office, purpose)) {
            (None, None) => before += 1,
            (Some(_), None) => between += 1,
            (Some(_), Some(told)) => {
                assert_eq!(told, ("to come".to_owned(), true));
                after += 1;
            }
            (None, Some(told)) => panic!("round {round}: the log tells of a {purpose} key that nobody has: {told:?}"),
        }
        let again = milaf(&["keys", "rotate", purpose, "--data", &office.data()], "");
        if again.code != 0 {
            assert!(again.code == 1 && again.stderr.contains("takes over at"), "round {round}: {}", again.stderr);
        }
        assert_eq!(second_key(&office, purpose), Some(("to come".to_owned(), true)), "round {round}");
        let kept = fs::read(&file).unwrap();
        assert_eq!(made.unwrap_or_else(|| kept.clone()), kept, "round {round}: a key that was made is never made anew");
        let names = fs::read_dir(office.path("data/keys")).unwrap().map(|entry| entry.unwrap().file_name());
        let left = names.filter(|name| name.to_string_lossy().ends_with("unfinished")).count();
        assert!(left == 0 || again.code == 1, "round {round}: the next run clears up");
        office.register("Brahim", &[]);
        milaf(&["doctor", "--data", &office.data()], "").expect(0);
    }
    println!("killed {before} times before the file, {between} between file and event, {after} after the event");
    assert!(before > 0 && between > 0, "{before} {between} {after}");
}
