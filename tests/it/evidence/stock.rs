//! The bundle by itself: its own script and openssl, run exactly as the page says.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use sha2::{Digest, Sha256};

use super::Taken;
use crate::commands::milaf;

/// Every command that the page prints, in its order.
fn commands(page: &str) -> Vec<String> {
    let blocks = page.split("<pre>").skip(1).filter_map(|rest| rest.split("</pre>").next());
    blocks.flat_map(str::lines).filter(|line| !line.trim().is_empty()).map(str::to_owned).collect()
}

fn shell(line: &str, folder: &Path) -> Output {
    Command::new("sh").arg("-c").arg(line).current_dir(folder).output().unwrap()
}

/// The folder of the unpacked bundle and the commands to be run in it.
fn unpacked(taken: &Taken) -> (PathBuf, Vec<String>) {
    let away = taken.office.path("away");
    fs::create_dir(&away).unwrap();
    fs::copy(&taken.file, away.join(format!("{}.zip", taken.reference))).unwrap();
    let bundle = milaf::audit::Bundle::read(&taken.bytes()).unwrap();
    let mut lines = commands(&bundle.page);
    let rest = lines.split_off(2);
    assert!(lines[0].starts_with("python3 -m zipfile -e ") && lines[1].starts_with("cd "), "{lines:?}");
    let output = shell(&lines[0], &away);
    assert!(output.status.success(), "{output:?}");
    (away.join(lines[1].trim_start_matches("cd ")), rest)
}

#[test]
fn the_printed_commands_succeed_and_are_those_that_the_script_prints() {
    let taken = Taken::new();
    let (folder, lines) = unpacked(&taken);
    let (script, signatures) = (&lines[0], &lines[1..lines.len() - 1]);
    assert_eq!((script.as_str(), signatures.len()), ("python3 check.py", 2), "{lines:?}");
    let output = shell(script, &folder);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said} {}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("2 entries of the dossier, 2 with their records"), "{said}");
    let printed: Vec<&str> = said.lines().filter(|line| line.starts_with("openssl")).collect();
    assert_eq!(printed, signatures, "the page prints what the script prints");
    for line in signatures {
        let output = shell(line, &folder);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success() && said.contains("Signature Verified Successfully"), "{line}: {said}");
    }
    assert!(lines.last().unwrap().starts_with("milaf verify "), "{lines:?}");
}

#[test]
fn the_script_finds_what_was_changed_even_when_the_manifest_was_changed_too() {
    let taken = Taken::new();
    let (folder, lines) = unpacked(&taken);
    let manifest = fs::read_to_string(folder.join("manifest.json")).unwrap();
    let mut files: Vec<String> = Vec::new();
    for sub in ["events", "receipts"] {
        for file in fs::read_dir(folder.join(sub)).unwrap() {
            files.push(format!("{sub}/{}", file.unwrap().file_name().to_str().unwrap()));
        }
    }
    // Readable words and papers are told to be no proof, and a seal is openssl's to check.
    files.retain(|name| [".leaf", ".record", ".nonce", ".tlog-proof"].iter().any(|kind| name.ends_with(kind)));
    assert!(files.len() >= 9, "{files:?}");
    let hash = |bytes: &[u8]| hex::encode(Sha256::digest(bytes));
    for name in files {
        let path = folder.join(&name);
        let right = fs::read(&path).unwrap();
        let mut wrong = right.clone();
        let place = if name.ends_with(".tlog-proof") { 40 } else { wrong.len() / 2 };
        wrong[place] ^= 1;
        fs::write(&path, &wrong).unwrap();
        fs::write(folder.join("manifest.json"), manifest.replace(&hash(&right), &hash(&wrong))).unwrap();
        let output = shell(&lines[0], &folder);
        assert!(!output.status.success(), "{name}: {output:?}");
        fs::write(&path, &right).unwrap();
    }
    fs::write(folder.join("manifest.json"), &manifest).unwrap();
    assert!(shell(&lines[0], &folder).status.success());
    // A changed head is found by openssl.
    for name in ["checkpoint", "receipt"] {
        let line = lines.iter().find(|line| line.contains(&format!("signatures/{name}-"))).unwrap();
        let message = line.split("-in ").nth(1).unwrap().split(' ').next().unwrap();
        let mut bytes = fs::read(folder.join(message)).unwrap();
        let last = bytes.len() - 3;
        bytes[last] ^= 1;
        fs::write(folder.join(message), bytes).unwrap();
        assert!(!shell(line, &folder).status.success(), "{line}");
    }
}

#[test]
fn a_changed_file_is_not_genuine_on_the_command_line() {
    let taken = Taken::new();
    let mut bundle = milaf::audit::Bundle::read(&taken.bytes()).unwrap();
    let content = bundle.events[0].content.as_mut().unwrap();
    content.nonce[0] ^= 1;
    let file = taken.office.path("changed.zip");
    fs::write(&file, bundle.write().unwrap()).unwrap();
    let keys = taken.keys.to_str().unwrap();
    let said = milaf(&["verify", file.to_str().unwrap(), "--keys", keys, "--language", "en"], "").expect(1).text();
    assert!(said.contains("events/000000000000.record"), "{said}");
}
