//! The secret keys: files in the data folder's `keys/`, systemd credentials, or environment variables.
//!
//! Four separate keys, because each has its own life: tokens on papers, the seal, the log's signature, and the hash of
//! identity numbers. One master key with derivation was rejected: it could not be rotated in part. A key is never
//! overwritten, never printed, and never read when other users of the machine could have read it too. Random bytes come
//! from the caller.
//!
//! All but the identity key are numbered. Number 0 is what an office begins with, `seal.key`, `milaf.seal.key` or
//! `MILAF_SEAL_KEY`; later ones carry their number, `seal-1.key`, `milaf.seal-1.key` or `MILAF_SEAL_KEY_1`. Which of them is in
//! use is not for the files to say: the log does. Telling it by a file's date or by the greatest number was rejected, because
//! two nodes would disagree while a file is being carried from one to the other.

use std::{
    ffi::{OsStr, OsString},
    fmt, fs, io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::secret_file::{
    Others, SecretFileError, complete, open_to_others, read_secret, write_at_once, write_new_secret,
};
use crate::tlog::KeyPurpose;

mod place;

pub use place::KeyPlace;
use place::{NAMES, PURPOSES};

/// The contents of the files. The caller builds the key ring from them and lets them go, which wipes them.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct KeyFiles {
    /// Of the keys numbered 0; what is not there any more, because a later one took over, is left out by
    /// [`KeyFiles::secrets`].
    pub token: [u8; 32],
    pub seal: [u8; 32],
    pub log: [u8; 32],
    /// For the keyed hash of identity numbers.
    pub identity: [u8; 32],
    /// Whether the first keys are there, in the order of [`PURPOSES`].
    held: [bool; 3],
    /// Index in [`PURPOSES`], number and secret.
    later: Vec<(usize, u32, [u8; 32])>,
}

impl fmt::Debug for KeyFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyFiles(redacted)")
    }
}

#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error("{}: {cause}. {advice}", path.display())]
    File { path: PathBuf, cause: io::Error, advice: &'static str },
    #[error("{} can be read by other users (mode {mode:03o}). Run: chmod {wanted} '{}'", path.display(), path.display())]
    Open { path: PathBuf, mode: u32, wanted: &'static str },
    #[error("{} is not a key: it must hold 64 hexadecimal digits and a line break. Restore it from the backup", path.display())]
    Malformed { path: PathBuf },
    #[error("{name} is not a key: it must hold 64 hexadecimal digits. All keys come from one place")]
    Variable { name: String },
    #[error("{first} and {second} hold the same bytes; every key must be its own. Restore them from the backup")]
    Equal { first: String, second: String },
    #[error("{} is there already, and keys are never overwritten, because papers depend on them. \
             Use this data folder as it is, or choose an empty one", path.display())]
    Exists { path: PathBuf },
}

impl KeyFiles {
    /// Reads the four keys from where they are. `variable` reads the environment.
    ///
    /// # Errors
    /// When one is missing or malformed, when two are equal, or when the folder or a file is open to other users.
    pub fn load(place: &KeyPlace, variable: impl Fn(&str) -> Option<OsString>) -> Result<Self, KeyError> {
        let (keys, mut problems) = Self::gather(place, variable);
        if !problems.is_empty() {
            return Err(problems.remove(0));
        }
        keys.check_distinct(place)?;
        Ok(keys)
    }

    /// Reads the four keys from a `keys` folder.
    ///
    /// # Errors
    /// As [`KeyFiles::load`].
    pub fn in_folder(folder: &Path) -> Result<Self, KeyError> {
        Self::load(&KeyPlace::Folder(folder.to_owned()), |_| None)
    }

    /// The keys that can be read, and what is wrong with the others.
    fn gather(place: &KeyPlace, variable: impl Fn(&str) -> Option<OsString>) -> (Self, Vec<KeyError>) {
        let mut keys = Self::empty();
        let mut problems = Vec::new();
        if let KeyPlace::Folder(folder) = place
            && let Err(error) = check_folder(folder)
        {
            let is_missing = matches!(error, KeyError::File { .. });
            problems.push(error);
            if is_missing {
                return (keys, problems);
            }
        }
        for (index, purpose) in PURPOSES.into_iter().enumerate() {
            for number in place.later_numbers(purpose, &variable) {
                let name = place.locate(purpose, number);
                let mut key = Zeroizing::new([0; 32]);
                match read(place, &name, &variable, &mut key) {
                    Ok(()) => keys.later.push((index, number, *key)),
                    Err(problem) => problems.push(problem),
                }
            }
        }
        let has_later = PURPOSES.map(|purpose| !place.later_numbers(purpose, &variable).is_empty());
        let mut held = [true; 3];
        for (index, key) in keys.each_mut().into_iter().enumerate() {
            let name = place.first(index);
            match read(place, &name, &variable, key) {
                Ok(()) => {}
                // The first key may be gone once a later one has taken over; the log tells whether it may.
                Err(problem) if has_later.get(index) == Some(&true) && is_absent(&problem, &name, &variable) => {
                    held[index] = false;
                }
                Err(problem) => problems.push(problem),
            }
        }
        keys.held = held;
        (keys, problems)
    }

    /// The numbered keys that are there.
    pub fn secrets(&self) -> impl Iterator<Item = (KeyPurpose, u32, &[u8; 32])> {
        let first = PURPOSES.into_iter().zip([&self.token, &self.seal, &self.log]).zip(self.held);
        let first = first.filter(|(_, held)| *held).map(|((purpose, key), _)| (purpose, 0, key));
        first.chain(self.later.iter().map(|(index, number, key)| (PURPOSES[*index], *number, key)))
    }

    /// Makes a later key's file from random bytes that `fill` writes, durable before its name is there; what is there already
    /// stays. Says whether it was made.
    ///
    /// # Errors
    /// When the folder is open to others or cannot be written to.
    pub fn add(
        folder: &Path,
        purpose: KeyPurpose,
        number: u32,
        fill: &mut dyn FnMut(&mut [u8]),
    ) -> Result<bool, KeyError> {
        check_folder(folder)?;
        let path = folder.join(place::file_name(purpose, number));
        if path.exists() {
            // By a run that may have been killed before the name was durable.
            return complete(&path).map(|()| false).map_err(unwritten(&path));
        }
        Self::write_new(&path, fill).map(|()| true)
    }

    /// Writes a new key's file anywhere, never over another.
    ///
    /// # Errors
    /// When it is there already or cannot be written.
    pub fn write_new(path: &Path, fill: &mut dyn FnMut(&mut [u8])) -> Result<(), KeyError> {
        let mut key = Zeroizing::new([0; 32]);
        fill(&mut key[..]);
        write_new_secret(path, &key).map_err(unwritten(path))
    }

    /// Makes the folder and the four files from random bytes that `fill` writes, and waits until they are on the disk.
    ///
    /// # Errors
    /// When any of the files is there already, or when `fill` gives the same bytes twice.
    pub fn create(folder: &Path, fill: &mut dyn FnMut(&mut [u8])) -> Result<Self, KeyError> {
        if let Some(path) = NAMES.map(|name| folder.join(name)).into_iter().find(|path| path.exists()) {
            return Err(KeyError::Exists { path });
        }
        let mut keys = Self::empty();
        for key in keys.each_mut() {
            fill(key);
        }
        keys.check_distinct(&KeyPlace::Folder(folder.to_owned()))?;

        // A new folder gets its name when all four are in it, so that a kill leaves all of them or none.
        let beside = folder.with_extension("unfinished");
        let making = if folder.exists() { folder } else { &*beside };
        if making != folder && beside.exists() {
            // Left by a run that was killed; nobody has used what lies in it.
            fs::remove_dir_all(&beside).map_err(unwritten(&beside))?;
        }
        fs::DirBuilder::new().recursive(true).mode(0o700).create(making).map_err(unwritten(making))?;
        check_folder(making)?;
        for (name, key) in NAMES.into_iter().zip(keys.each_mut()) {
            let path = making.join(name);
            write_at_once(&path, key).map_err(unwritten(&path))?;
        }
        // A file's name is durable only once its folder is, and the folder's name once its parent is.
        let parent = super::folder_of(folder);
        let sync = |place: &Path| fs::File::open(place).and_then(|open| open.sync_all()).map_err(unwritten(place));
        sync(making)?;
        if making != folder {
            fs::rename(making, folder).map_err(unwritten(folder))?;
        }
        sync(parent)?;
        Ok(keys)
    }

    /// Everything that is wrong with the keys, one line each, for `milaf doctor`.
    pub fn problems(place: &KeyPlace, variable: impl Fn(&str) -> Option<OsString>) -> Vec<String> {
        let (keys, mut problems) = Self::gather(place, variable);
        if problems.is_empty() {
            problems.extend(keys.check_distinct(place).err());
        }
        problems.iter().map(ToString::to_string).collect()
    }

    fn empty() -> Self {
        let (token, seal, log, identity) = ([0; 32], [0; 32], [0; 32], [0; 32]);
        Self { token, seal, log, identity, held: [true; 3], later: Vec::new() }
    }

    /// In the order of `NAMES`.
    fn each_mut(&mut self) -> [&mut [u8; 32]; 4] {
        [&mut self.token, &mut self.seal, &mut self.log, &mut self.identity]
    }

    /// Equal keys mean that one was copied by hand, or that the source of randomness does not work.
    fn check_distinct(&self, place: &KeyPlace) -> Result<(), KeyError> {
        let last = Path::new(&place.first(NAMES.len() - 1)).display().to_string();
        let all = self.secrets().map(|(purpose, number, key)| (place.of_key(purpose, number), key));
        let all: Vec<_> = all.chain(std::iter::once((last, &self.identity))).collect();
        for (later, (second, key)) in all.iter().enumerate() {
            if let Some((first, _)) = all[..later].iter().find(|(_, earlier)| earlier == key) {
                return Err(KeyError::Equal { first: first.clone(), second: second.clone() });
            }
        }
        Ok(())
    }
}

fn read(
    place: &KeyPlace,
    name: &OsStr,
    variable: &impl Fn(&str) -> Option<OsString>,
    key: &mut [u8; 32],
) -> Result<(), KeyError> {
    match place {
        KeyPlace::Environment => {
            let text = Zeroizing::new(value(name, variable).unwrap_or_default().into_encoded_bytes());
            hex::decode_to_slice(text.trim_ascii_end(), key)
                .map_err(|_| KeyError::Variable { name: name.to_string_lossy().into_owned() })
        }
        // systemd keeps them in memory, shown to this service alone; its access list looks like a group's right.
        KeyPlace::Credentials(_) => read_key(Path::new(name), key, Others::Trusted),
        KeyPlace::Folder(_) => read_key(Path::new(name), key, Others::Refused),
    }
}

/// An empty variable is none.
fn value(name: &OsStr, variable: &impl Fn(&str) -> Option<OsString>) -> Option<OsString> {
    name.to_str().and_then(variable).filter(|text| !text.is_empty())
}

/// Whether the key is not there at all, rather than spoilt.
fn is_absent(problem: &KeyError, name: &OsStr, variable: &impl Fn(&str) -> Option<OsString>) -> bool {
    match problem {
        KeyError::File { cause, .. } => cause.kind() == io::ErrorKind::NotFound,
        KeyError::Variable { .. } => value(name, variable).is_none(),
        _ => false,
    }
}

const MISSING: &str = "Restore it from the backup; receipts that were printed with a lost key can no longer be checked";

fn check_folder(folder: &Path) -> Result<(), KeyError> {
    let metadata = fs::metadata(folder).map_err(|cause| {
        let advice = "Run `milaf init` for a new data folder, or restore the keys from the backup";
        KeyError::File { path: folder.to_owned(), cause, advice }
    })?;
    match open_to_others(&metadata) {
        Some(mode) => Err(KeyError::Open { path: folder.to_owned(), mode, wanted: "700" }),
        None => Ok(()),
    }
}

fn read_key(path: &Path, key: &mut [u8; 32], others: Others) -> Result<(), KeyError> {
    let secret = read_secret(path, others).map_err(|error| match error {
        SecretFileError::File(cause) => KeyError::File { path: path.to_owned(), cause, advice: MISSING },
        SecretFileError::Open { mode } => KeyError::Open { path: path.to_owned(), mode, wanted: "600" },
        SecretFileError::Malformed => KeyError::Malformed { path: path.to_owned() },
    })?;
    key.copy_from_slice(&secret[..]);
    Ok(())
}

fn unwritten(path: &Path) -> impl FnOnce(io::Error) -> KeyError {
    let path = path.to_owned();
    move |cause| match cause.kind() {
        io::ErrorKind::AlreadyExists => KeyError::Exists { path },
        _ => KeyError::File { path, cause, advice: "Check that this user may write there" },
    }
}

#[cfg(test)]
mod tests;
