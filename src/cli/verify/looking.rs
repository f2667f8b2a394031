//! Looking for codes in a picture or a paper, in a process of its own that the system holds to its memory and its time.
//!
//! An auditor runs the command over folders of strangers' files. Looking in the command itself was rejected: one file made for
//! it would end the whole run, and the answers about all the others with it. Now it ends one process, and the answer about
//! that file is that nothing can be told.

use std::{
    io::{Read, Write},
    process::{Command, Stdio},
};

use super::judging::{LARGEST_MB, Problem};
use crate::web::reading::{Failed, this_program};

/// Of one file; a long scan has one on each page.
const CODES: usize = 100;
/// Of a processor. No file takes as long, and one made to keep us busy would take all night.
const SECONDS: u64 = 60;
/// What the texts of all codes can need.
const LARGEST_ANSWER: u64 = 1 << 20;

/// The texts of the codes in a file. As many callers as there are cores have a process each.
pub(super) fn codes(file: &[u8]) -> Result<Vec<String>, Problem> {
    let cannot = |cause: &std::io::Error| Problem::Unreadable(cause.to_string());
    let mut process = Command::new(this_program())
        .arg("read-codes")
        .args(["--largest", &(LARGEST_MB << 20).to_string()])
        .args(["--codes", &CODES.to_string()])
        .args(["--seconds", &SECONDS.to_string()])
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|cause| cannot(&cause))?;
    if let Some(mut input) = process.stdin.take() {
        // One that ends before it has taken everything says why with its exit code.
        let _ = input.write_all(file);
    }
    let mut answer = Vec::new();
    if let Some(output) = process.stdout.take() {
        let _ = output.take(LARGEST_ANSWER).read_to_end(&mut answer);
    }
    let status = process.wait().map_err(|cause| cannot(&cause))?;
    if status.success() {
        return serde_json::from_slice(&answer).map_err(|_| Problem::Slow);
    }
    Err(match Failed::of(status.code()) {
        Failed::Kind => Problem::Unknown,
        Failed::TooLarge => Problem::Huge,
        Failed::Damaged => Problem::Damaged,
        Failed::TooLong => Problem::Slow,
        Failed::Busy | Failed::Unavailable => Problem::Unreadable("the system sets no bounds to a process".to_owned()),
    })
}
