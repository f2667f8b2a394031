//! A witness: what a court or an association runs so that a log cannot show two people two histories.
//!
//! It speaks C2SP's tlog-witness. For each log it remembers the last checkpoint that it cosigned, and cosigns another only if
//! that one extends it. The one promise is that it never signs two that contradict each other: what it is about to sign is on
//! the disk before the signature leaves, under a lock that covers the look at the last one, so that neither a race nor a kill
//! can separate the two. If the disk refuses, nothing is signed.
//!
//! This room knows nothing of offices, dossiers or databases, and a witness is no part of the office that it watches: it has
//! a key and a folder of its own, best on a machine of its own. A database was rejected, because one small file for each log,
//! replaced in one step, holds all there is and can be read by anybody.

mod folder;
mod protocol;
mod server;

pub use folder::{FolderError, WitnessFolder};
pub use protocol::{Answer, LARGEST_REQUEST, Request, RequestError};
pub use server::{WitnessLimits, serve};

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    sync::{Arc, Mutex, PoisonError},
};

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use crate::{
    clock::Environment,
    tlog::{Checkpoint, ConsistencyProof, CosignatureSigner, NoteError, NoteVerifier, root_of, verify_consistency},
};

/// Fewer than a note may have, so that what is stored can be read again.
const MOST_KEPT_LINES: usize = 16;

/// The last checkpoint that was cosigned for a log, as it lies on the disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    pub checkpoint: Checkpoint,
    /// The time in the cosignature, in seconds since 1970.
    pub seconds: u64,
    /// The signed note with our cosignature under it: what is stored, and what a monitor is shown.
    pub note: String,
}

#[derive(Debug)]
struct Log {
    keys: Vec<NoteVerifier>,
    /// `None` until the first checkpoint. The lock is held from the look at it until its successor is on the disk.
    last: Mutex<Option<Seen>>,
}

/// A witness of some logs, ready to answer.
#[derive(Debug)]
pub struct Witness {
    folder: WitnessFolder,
    signer: CosignatureSigner,
    logs: BTreeMap<String, Log>,
    environment: Arc<dyn Environment>,
}

impl Witness {
    /// `keys` are the logs' verifier keys; several with one name are several keys of one log, as after a change of key.
    ///
    /// # Errors
    /// When what the folder holds about one of these logs cannot be trusted.
    pub fn new(
        folder: WitnessFolder,
        signer: CosignatureSigner,
        keys: Vec<NoteVerifier>,
        environment: Arc<dyn Environment>,
    ) -> Result<Self, FolderError> {
        let mut logs = BTreeMap::new();
        for key in keys {
            let origin = key.name().to_owned();
            if !logs.contains_key(&origin) {
                let last = folder.last(&origin, signer.verifier())?;
                logs.insert(origin.clone(), Log { keys: Vec::new(), last: Mutex::new(last) });
            }
            if let Some(log) = logs.get_mut(&origin).filter(|log| !log.keys.contains(&key)) {
                log.keys.push(key);
            }
        }
        Ok(Self { folder, signer, logs, environment })
    }

    /// Answers `add-checkpoint`. It waits for the disk, so it belongs on a thread that may.
    pub fn add_checkpoint(&self, body: &[u8]) -> Answer {
        let request = match Request::parse(body) {
            Ok(request) => request,
            Err(error) => return Answer::Malformed(error),
        };
        let Some(log) = self.logs.get(&request.checkpoint.origin) else { return Answer::UnknownLog };
        if !is_signed(request.note, &log.keys) {
            return Answer::Untrusted;
        }
        if request.old > request.checkpoint.size {
            return Answer::Malformed(RequestError::OldSize);
        }
        let mut last = log.last.lock().unwrap_or_else(PoisonError::into_inner);
        let size = last.as_ref().map_or(0, |last| last.checkpoint.size);
        if request.old != size {
            return Answer::Conflict { size };
        }
        if !extends(last.as_ref().map(|last| &last.checkpoint), &request) {
            // Signed by the log and yet no growth of what it signed before: that is what a witness is there to notice.
            tracing::error!(
                origin = request.checkpoint.origin,
                size = request.checkpoint.size,
                old = request.old,
                note = request.note,
                seen = last.as_ref().map_or("", |last| last.note.as_str()),
                "a checkpoint that the log signed does not extend the one it signed before; it was not cosigned"
            );
            return Answer::Inconsistent;
        }
        // A clock that was set back must not make us contradict an earlier cosignature.
        let seconds = last.as_ref().map_or(0, |last| last.seconds).max(self.seconds());
        let Ok(line) = self.signer.sign(request.text, seconds) else {
            tracing::error!("the clock is before 1970, so nothing can be cosigned");
            return Answer::Failed;
        };
        let note = format!("{}\n{}{line}", request.text, verified_lines(&request, &log.keys));
        let seen = Seen { checkpoint: request.checkpoint, seconds, note };
        if let Err(error) = self.folder.keep(&seen) {
            tracing::error!(origin = seen.checkpoint.origin, %error, "nothing is cosigned, because it cannot be stored");
            // What the disk holds now is the old one or this one. Nobody has been given this signature, so going on from
            // the old one contradicts nothing.
            return Answer::Failed;
        }
        tracing::info!(origin = seen.checkpoint.origin, old = size, size = seen.checkpoint.size, "cosigned");
        *last = Some(seen);
        Answer::Cosigned(line)
    }

    /// The last cosigned checkpoint of the log whose origin has this SHA-256, in lower-case hexadecimal digits.
    pub fn checkpoint(&self, origin_hash: &str) -> Option<String> {
        let (_, log) = self.logs.iter().find(|(origin, _)| hash_of(origin) == origin_hash)?;
        log.last.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(|last| last.note.clone())
    }

    pub fn vkey(&self) -> String {
        self.signer.verifier().to_string()
    }

    /// Who this is and what it has seen, for people.
    pub fn description(&self) -> String {
        let mut text = format!("witness {}\n{}\n", self.signer.verifier().name(), self.vkey());
        for (origin, log) in &self.logs {
            let last = log.last.lock().unwrap_or_else(PoisonError::into_inner);
            let line = match last.as_ref() {
                None => "nothing cosigned yet".to_owned(),
                Some(last) => format!("size {} at {}", last.checkpoint.size, moment(last.seconds)),
            };
            let _ = writeln!(text, "\nlog {origin}\n{line}\n/{}/checkpoint", hash_of(origin));
        }
        text
    }

    fn seconds(&self) -> u64 {
        u64::try_from(self.environment.now().as_second()).unwrap_or(0)
    }
}

/// By one of the log's keys at least, and wrongly by none.
fn is_signed(note: &str, keys: &[NoteVerifier]) -> bool {
    let mut signed = false;
    for key in keys {
        match key.open(note) {
            Ok(_) => signed = true,
            Err(NoteError::Unsigned) => {}
            Err(_) => return false,
        }
    }
    signed
}

/// Whether the submitted checkpoint is of the same log grown on, or unchanged. The old size was found to be that of `last`.
fn extends(last: Option<&Checkpoint>, request: &Request<'_>) -> bool {
    let Checkpoint { size, root, .. } = request.checkpoint;
    if size == 0 && root != root_of(&[]) {
        return false;
    }
    match last {
        Some(last) if last.size > 0 => {
            let proof = ConsistencyProof { old: last.size, path: request.proof.clone() };
            verify_consistency(&proof, &last.root, size, &root).is_ok()
        }
        // Every tree extends the empty one.
        _ => request.proof.is_empty(),
    }
}

/// The signature lines of the log's own keys. Whatever else was sent under the note is not ours to store and to show.
fn verified_lines(request: &Request<'_>, keys: &[NoteVerifier]) -> String {
    let lines = request.note.strip_prefix(request.text).unwrap_or_default();
    let mut kept: Vec<&str> = Vec::new();
    for line in lines.split_inclusive('\n').filter(|line| line.len() > 1) {
        let alone = format!("{}\n{line}", request.text);
        if kept.len() < MOST_KEPT_LINES && !kept.contains(&line) && keys.iter().any(|key| key.open(&alone).is_ok()) {
            kept.push(line);
        }
    }
    kept.concat()
}

fn hash_of(origin: &str) -> String {
    hex::encode(Sha256::digest(origin))
}

fn moment(seconds: u64) -> String {
    let moment = i64::try_from(seconds).ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
    moment.map_or_else(|| seconds.to_string(), |moment| moment.to_string())
}

#[cfg(test)]
mod tests;
