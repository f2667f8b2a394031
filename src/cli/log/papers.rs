//! Receipts that an audit is given: their addresses as they were scanned, or a file with one on each line.

use std::fs;

use super::web::is_address;
use crate::{
    audit::Paper,
    cli::UsageError,
    receipt::{ScannedPath, SealClaims, SealPublicKey, verify_seal},
};

/// More than an office prints in a year, and in memory 70 megabytes.
const LARGEST_FILE: u64 = 1 << 28;

/// What is on the papers.
///
/// # Errors
/// [`UsageError`] for whatever is no receipt's address with a seal that one of the keys made.
pub(super) fn read(given: &[String], keys: &[SealPublicKey]) -> anyhow::Result<Vec<Paper>> {
    let mut papers = Vec::new();
    for text in given {
        if is_address(text) {
            papers.push(paper(text, keys).map_err(UsageError)?);
            continue;
        }
        let cannot = |cause: String| UsageError(format!("{text}: {cause}"));
        let metadata = fs::metadata(text).map_err(|error| cannot(error.to_string()))?;
        if metadata.len() > LARGEST_FILE {
            return Err(cannot("the file is too large".to_owned()).into());
        }
        let lines = fs::read_to_string(text).map_err(|error| cannot(error.to_string()))?;
        for (number, line) in (1..).zip(lines.lines()).filter(|(_, line)| !line.trim().is_empty()) {
            papers.push(paper(line.trim(), keys).map_err(|why| cannot(format!("line {number}: {why}")))?);
        }
    }
    Ok(papers)
}

fn paper(address: &str, keys: &[SealPublicKey]) -> Result<Paper, String> {
    let lower = address.to_ascii_lowercase();
    let path = lower.split_once("/d/").map(|(_, path)| path).ok_or("this is no receipt's address")?;
    let (token, seal) = path.split_once('/').map_or((path, None), |(token, seal)| (token, Some(seal)));
    let scanned = ScannedPath::parse(token, seal).map_err(|_| "this is no receipt's address")?;
    let seal = scanned.seal().ok_or("the receipt has no seal in its address, so nothing on it names the log")?;
    if keys.is_empty() {
        return Err("a receipt's seal is checked with the office's keys: give them with --keys".to_owned());
    }
    let SealClaims { leaf_index, commitment16, tree_size, root, .. } =
        verify_seal(seal.bytes(), keys).map_err(|error| format!("the receipt's seal is not genuine: {error}"))?;
    Ok(Paper { leaf: leaf_index, commitment16, size: tree_size, root })
}
