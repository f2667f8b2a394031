//! From an input to its verdicts: what kind of file it is, what codes are in it, and what they are worth.

use std::{fs::File, io::Read, path::Path};

use super::{
    inputs::{Input, What},
    looking,
};
use crate::{
    audit::{Bundle, Evidence, Presented, Verdict, judge_bundle, judge_proof, judge_text},
    scan::Kind,
    tlog::ProofFile,
};

/// Larger files are not read. A colour scan of a page has some 30 MB.
pub(super) const LARGEST_MB: u64 = 64;

/// What came of one receipt, or of an input in which none was found.
#[derive(Debug)]
pub(super) struct Judged {
    pub(super) name: String,
    pub(super) verdict: Verdict,
    pub(super) problem: Option<Problem>,
}

/// Why nothing in an input could be judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Problem {
    Unreadable(String),
    Large,
    /// It has more pixels than are looked at.
    Huge,
    Damaged,
    Slow,
    NoCode,
    Unknown,
    /// It is a proof, and the record that it proves was not given.
    Proof,
    Empty,
}

impl Problem {
    /// The name in JSON.
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Unreadable(_) => "unreadable",
            Self::Large => "large",
            Self::Huge => "huge",
            Self::Damaged => "damaged",
            Self::Slow => "slow",
            Self::NoCode => "no-code",
            Self::Unknown => "unknown",
            Self::Proof => "proof",
            Self::Empty => "empty",
        }
    }
}

/// Judges everything in an input, in the order in which it is there.
pub(super) fn judge(input: &Input, evidence: &Evidence<'_>) -> Vec<Judged> {
    let found = match &input.what {
        What::Text(text) => Ok(vec![judge_text(text, evidence)]),
        What::Unreadable(cause) => Err(Problem::Unreadable(cause.clone())),
        What::File(path) => read(path).and_then(|bytes| judge_file(&bytes, evidence)),
    };
    match found {
        Err(problem) => {
            vec![Judged { name: input.name.clone(), verdict: Verdict::cannot_tell(), problem: Some(problem) }]
        }
        Ok(verdicts) => {
            let several = verdicts.len() > 1;
            let name = |number: usize| if several { format!("{} #{number}", input.name) } else { input.name.clone() };
            let judged = |(number, verdict)| Judged { name: name(number), verdict, problem: None };
            (1..).zip(verdicts).map(judged).collect()
        }
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Problem> {
    let mut bytes = Vec::new();
    let largest = LARGEST_MB << 20;
    let read = File::open(path).and_then(|file| file.take(largest + 1).read_to_end(&mut bytes));
    read.map_err(|cause| Problem::Unreadable(cause.to_string()))?;
    if bytes.len() as u64 > largest { Err(Problem::Large) } else { Ok(bytes) }
}

/// Every file is known by its first bytes, never by its name.
fn judge_file(bytes: &[u8], evidence: &Evidence<'_>) -> Result<Vec<Verdict>, Problem> {
    if bytes.is_empty() {
        return Err(Problem::Empty);
    }
    if Kind::of(bytes).is_some() {
        return judge_codes(&looking::codes(bytes)?, evidence);
    }
    if bytes.starts_with(b"c2sp.org/tlog-proof@") {
        return judge_proof_file(bytes, evidence);
    }
    if Bundle::resembles(bytes) {
        return Ok(judge_bundle(bytes, evidence.keys, evidence.policy));
    }
    let text = std::str::from_utf8(bytes).map_err(|_| Problem::Unknown)?;
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    if lines.is_empty() { Err(Problem::Empty) } else { judge_codes(&lines, evidence) }
}

fn judge_proof_file(bytes: &[u8], evidence: &Evidence<'_>) -> Result<Vec<Verdict>, Problem> {
    let file: ProofFile = std::str::from_utf8(bytes).ok().and_then(|text| text.parse().ok()).ok_or(Problem::Unknown)?;
    if evidence.opening.is_none() {
        return Err(Problem::Proof);
    }
    Ok(vec![judge_proof(&file, evidence)])
}

/// A picture or a page may hold other people's codes too; those are passed over if one of them is a receipt's.
fn judge_codes<T: AsRef<str>>(codes: &[T], evidence: &Evidence<'_>) -> Result<Vec<Verdict>, Problem> {
    let ours: Vec<&str> = codes.iter().map(AsRef::as_ref).filter(|text| Presented::resembles(text)).collect();
    if ours.is_empty() {
        return Err(Problem::NoCode);
    }
    Ok(ours.into_iter().map(|text| judge_text(text, evidence)).collect())
}
