//! The real program over a mirror in which something is wrong.

use std::{fs, path::Path};

use milaf::tlog::Tile;

use super::{BEFORE, EVENTS, OFFICE, dice};
use crate::commands::milaf;

/// How many changes each of two mirrors gets.
const EACH: usize = 110;

#[test]
fn the_program_finds_each_of_two_hundred_random_changes() {
    let runs: Vec<_> = (1..=2_u64).map(|seed| std::thread::spawn(move || spoil_one_by_one(seed))).collect();
    let tried: usize = runs.into_iter().map(|run| run.join().unwrap()).sum();
    println!("{tried} random changes of a mirror, all found by the program");
    assert!(tried >= 200);
}

fn spoil_one_by_one(seed: u64) -> usize {
    let folder = tempfile::tempdir().unwrap();
    let mirror = folder.path();
    OFFICE.published().write_to(mirror);
    fs::create_dir(mirror.join("checkpoints")).unwrap();
    fs::write(mirror.join(format!("checkpoints/{BEFORE}")), &OFFICE.before).unwrap();
    fs::write(mirror.join("vkey"), OFFICE.key().vkey()).unwrap();
    let audit = || milaf(&["log", "audit", &mirror.display().to_string()], "");
    let sound = audit().expect(0);
    assert!(sound.text().contains("Nothing is wrong") && sound.text().contains("does not prove"), "{}", sound.text());
    let mut names: Vec<String> = Tile::all(EVENTS).map(|tile| tile.to_string()).collect();
    names.extend(["checkpoint".to_owned(), format!("checkpoints/{BEFORE}")]);
    let mut dice = dice(seed * 7919);
    for _ in 0..EACH {
        let name = &names[dice(names.len())];
        let path = mirror.join(name);
        let right = fs::read(&path).unwrap();
        let mut wrong = right.clone();
        let at = dice(right.len());
        match dice(4) {
            0 if !name.starts_with("checkpoints/") => fs::remove_file(&path).unwrap(),
            1 => {
                wrong.truncate(at);
                fs::write(&path, &wrong).unwrap();
            }
            2 => {
                wrong.insert(at, 0x55);
                fs::write(&path, &wrong).unwrap();
            }
            _ => {
                wrong[at] ^= u8::try_from(dice(255) + 1).unwrap();
                fs::write(&path, &wrong).unwrap();
            }
        }
        let ran = audit().expect(1);
        assert!(named(&ran.text(), name), "{name} at {at}: {}", ran.text());
        fs::write(&path, &right).unwrap();
    }
    audit().expect(0);
    EACH
}

/// Whether a line of the answer says that something is wrong at this file.
fn named(text: &str, name: &str) -> bool {
    let tile = Tile::parse(name).ok();
    text.lines().filter_map(|line| line.strip_prefix("wrong  ")).any(|line| {
        let entry = line.strip_prefix("entry ").and_then(|rest| rest.split(':').next()?.parse::<u64>().ok());
        match (tile, entry) {
            (Some(tile), Some(entry)) => {
                let first = tile.number() * 256;
                (first..first + u64::from(tile.width())).contains(&entry)
            }
            (Some(_), None) => line.starts_with(&format!("{name}: ")),
            (None, _) if name == "checkpoint" => line.starts_with("checkpoint: "),
            (None, _) => line.starts_with(&format!("checkpoint of {BEFORE} entries: ")),
        }
    })
}

#[test]
fn what_cannot_be_read_is_not_called_wrong() {
    let nowhere = Path::new("/nonexistent/mirror").display().to_string();
    assert!(milaf(&["log", "audit", &nowhere], "").expect(2).stderr.contains("is no folder"));
    let empty = tempfile::tempdir().unwrap();
    let folder = empty.path().display().to_string();
    assert!(milaf(&["log", "audit", &folder], "").expect(2).stderr.contains("--key"));
    milaf(&["log", "audit"], "").expect(2);
    milaf(&["log", "audit", &folder, "--data", &folder], "").expect(2);
    milaf(&["log", "mirror", "http://suivi.example.ma", "--to", &folder], "").expect(2);
}
