//! The witness's folder: its name, its key, and for each log the last checkpoint that it cosigned.
//!
//! The folder must never be put back from a backup: a witness that forgets what it has signed can be made to sign the
//! opposite. A lost folder is a new witness with a new key.

use std::{
    fs::{self, TryLockError},
    io,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};
use thiserror::Error;
use zeroize::Zeroizing;

use super::Seen;
use crate::{
    clock::Environment,
    config::{Others, SecretFileError, read_secret, replace_file, write_new_secret},
    tlog::{Checkpoint, CosignatureSigner, CosignatureVerifier, NoteError},
};

#[derive(Debug, Error)]
pub enum FolderError {
    #[error("{}: {cause}. Check that this user may read and write there", path.display())]
    File { path: PathBuf, cause: io::Error },
    #[error("{} is in use by another witness; two must never share a folder", path.display())]
    InUse { path: PathBuf },
    #[error("{} can be read by other users (mode {mode:03o}). Run: chmod 600 '{}'", path.display(), path.display())]
    Open { path: PathBuf, mode: u32 },
    #[error("{} is not a key: it must hold 64 hexadecimal digits and a line break", path.display())]
    Key { path: PathBuf },
    #[error("the system gives no random bytes for a key")]
    NoRandomness,
    #[error("{} is not a witness's name: {cause}. Choose one with --name", name.escape_debug())]
    Name { name: String, cause: NoteError },
    #[error(
        "this witness is called {kept} and cannot be called {asked}: its name is a part of its key. Leave --name out, or \
             choose an empty folder for another witness"
    )]
    OtherName { kept: String, asked: String },
    #[error("{} is not what this witness has written, so what it has cosigned is not known and it must not go on. If it is \
             lost, make a new witness in an empty folder and tell everybody its new key", path.display())]
    Checkpoint { path: PathBuf },
}

/// A folder that nobody else uses; let go when it is dropped.
#[derive(Debug)]
pub struct WitnessFolder {
    root: PathBuf,
    _lock: fs::File,
}

impl WitnessFolder {
    /// Makes the folder, closed to other users, unless it is there, and locks it.
    pub fn open(root: &Path) -> Result<Self, FolderError> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(root).map_err(at(root))?;
        let path = root.join("witness.lock");
        let lock = fs::OpenOptions::new().create(true).append(true).mode(0o600).open(&path).map_err(at(&path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(FolderError::InUse { path: root.to_owned() }),
            Err(TryLockError::Error(cause)) => return Err(FolderError::File { path, cause }),
        }
        let logs = root.join("logs");
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&logs).map_err(at(&logs))?;
        Ok(Self { root: root.to_owned(), _lock: lock })
    }

    /// The witness of this folder, which is made at the first call, under `asked` or else `usual`. Later `asked` must be the
    /// name that it has.
    pub fn signer(
        &self,
        asked: Option<&str>,
        usual: &str,
        environment: &dyn Environment,
    ) -> Result<CosignatureSigner, FolderError> {
        let key = key_file(&self.root);
        if !key.exists() {
            let name = asked.unwrap_or(usual);
            let mut seed = Zeroizing::new([0; 32]);
            environment.fill(&mut seed[..]).map_err(|_| FolderError::NoRandomness)?;
            named(name, *seed)?;
            // The name first: a key without a name would be a witness that nobody can call.
            let path = self.root.join("name");
            replace_file(&path, format!("{name}\n").as_bytes()).map_err(at(&path))?;
            write_new_secret(&key, &seed).map_err(at(&key))?;
        }
        let signer = Self::read_signer(&self.root)?;
        match asked {
            Some(asked) if asked != signer.verifier().name() => {
                Err(FolderError::OtherName { kept: signer.verifier().name().to_owned(), asked: asked.to_owned() })
            }
            _ => Ok(signer),
        }
    }

    /// The witness of a folder that may be in use, or `None` when it has none yet.
    pub fn verifier_in(root: &Path) -> Result<Option<CosignatureVerifier>, FolderError> {
        if !key_file(root).exists() {
            return Ok(None);
        }
        Self::read_signer(root).map(|signer| Some(signer.verifier().clone()))
    }

    fn read_signer(root: &Path) -> Result<CosignatureSigner, FolderError> {
        let seed = read_key(&key_file(root))?;
        let path = root.join("name");
        let name = fs::read_to_string(&path).map_err(at(&path))?;
        named(name.trim_end_matches('\n'), *seed)
    }

    /// The last checkpoint that was cosigned for a log. Our own signature proves that we have written it.
    pub(super) fn last(&self, origin: &str, ours: &CosignatureVerifier) -> Result<Option<Seen>, FolderError> {
        let path = self.log_file(origin);
        let note = match fs::read_to_string(&path) {
            Ok(note) => note,
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(cause) if cause.kind() == io::ErrorKind::InvalidData => return Err(FolderError::Checkpoint { path }),
            Err(cause) => return Err(FolderError::File { path, cause }),
        };
        let seconds = ours.verify(&note).ok().flatten();
        let checkpoint = Checkpoint::unverified(&note).ok().map(|(checkpoint, _)| checkpoint);
        match (checkpoint.filter(|checkpoint| checkpoint.origin == origin), seconds) {
            (Some(checkpoint), Some(seconds)) => Ok(Some(Seen { checkpoint, seconds, note })),
            _ => Err(FolderError::Checkpoint { path }),
        }
    }

    /// Returns when it is on the disk.
    pub(super) fn keep(&self, seen: &Seen) -> io::Result<()> {
        replace_file(&self.log_file(&seen.checkpoint.origin), seen.note.as_bytes())
    }

    fn log_file(&self, origin: &str) -> PathBuf {
        self.root.join("logs").join(hex::encode(Sha256::digest(origin)))
    }
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> FolderError {
    let path = path.to_owned();
    move |cause| FolderError::File { path, cause }
}

fn named(name: &str, seed: [u8; 32]) -> Result<CosignatureSigner, FolderError> {
    CosignatureSigner::new(name, seed).map_err(|cause| FolderError::Name { name: name.to_owned(), cause })
}

fn key_file(root: &Path) -> PathBuf {
    root.join("witness.key")
}

fn read_key(path: &Path) -> Result<Zeroizing<[u8; 32]>, FolderError> {
    read_secret(path, Others::Refused).map_err(|error| match error {
        SecretFileError::File(cause) => FolderError::File { path: path.to_owned(), cause },
        SecretFileError::Open { mode } => FolderError::Open { path: path.to_owned(), mode },
        SecretFileError::Malformed => FolderError::Key { path: path.to_owned() },
    })
}
