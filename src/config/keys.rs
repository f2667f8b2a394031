//! The secret keys: files in the data folder's `keys/`, systemd credentials, or environment variables.
//!
//! Four separate keys, because each has its own life: tokens on papers, the seal, the log's signature, and the hash of
//! identity numbers. One master key with derivation was rejected: it could not be rotated in part. A key is never
//! overwritten, never printed, and never read when other users of the machine could have read it too. Random bytes come
//! from the caller.

use std::{
    ffi::OsString,
    fmt, fs,
    io::{self, Read as _, Write as _},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

const NAMES: [&str; 4] = ["token.key", "seal.key", "log.key", "identity.key"];
const CREDENTIALS: [&str; 4] = ["milaf.token.key", "milaf.seal.key", "milaf.log.key", "milaf.identity.key"];
const VARIABLES: [&str; 4] = ["MILAF_TOKEN_KEY", "MILAF_SEAL_KEY", "MILAF_LOG_KEY", "MILAF_IDENTITY_KEY"];
/// Where systemd lays a service's credentials.
const CREDENTIALS_VARIABLE: &str = "CREDENTIALS_DIRECTORY";
/// 64 hexadecimal digits and a line break.
const FILE_LENGTH: usize = 65;

/// The contents of the four files. The caller builds the key ring from them and lets them go, which wipes them.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct KeyFiles {
    pub token: [u8; 32],
    pub seal: [u8; 32],
    pub log: [u8; 32],
    /// For the keyed hash of identity numbers.
    pub identity: [u8; 32],
}

impl fmt::Debug for KeyFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyFiles(redacted)")
    }
}

/// Where this process finds the four keys. All four come from one place, so that nobody mixes two offices' keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyPlace {
    Environment,
    Credentials(PathBuf),
    Folder(PathBuf),
}

impl KeyPlace {
    /// The environment if it names any key, else systemd's credentials if they hold any, else the folder. `variable` reads
    /// the environment.
    pub fn find(folder: &Path, variable: impl Fn(&str) -> Option<OsString>) -> Self {
        if VARIABLES.iter().any(|name| variable(name).is_some_and(|text| !text.is_empty())) {
            return Self::Environment;
        }
        match variable(CREDENTIALS_VARIABLE).map(PathBuf::from) {
            Some(credentials) if CREDENTIALS.iter().any(|name| credentials.join(name).exists()) => {
                Self::Credentials(credentials)
            }
            _ => Self::Folder(folder.to_owned()),
        }
    }
}

impl fmt::Display for KeyPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Environment => f.write_str("the environment"),
            Self::Credentials(folder) => write!(f, "the service's credentials in {}", folder.display()),
            Self::Folder(folder) => write!(f, "{}", folder.display()),
        }
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
    #[error("{name} is not a key: it must hold 64 hexadecimal digits. All four keys come from one place")]
    Variable { name: &'static str },
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
        let (mut keys, mut problems) = Self::gather(place, variable);
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
        for (index, key) in keys.each_mut().into_iter().enumerate() {
            let read = match place {
                KeyPlace::Environment => read_variable(VARIABLES[index], variable(VARIABLES[index]), key),
                // systemd keeps them in memory, shown to this service alone; its access list looks like a group's right.
                KeyPlace::Credentials(folder) => read_key(&folder.join(CREDENTIALS[index]), key, Others::Trusted),
                KeyPlace::Folder(folder) => read_key(&folder.join(NAMES[index]), key, Others::Refused),
            };
            problems.extend(read.err());
        }
        (keys, problems)
    }

    /// Makes the folder and the four files from random bytes that `fill` writes, and waits until they are on the disk.
    ///
    /// # Errors
    /// When any of the files is there already, or when `fill` gives the same bytes twice.
    pub fn create(folder: &Path, fill: &mut dyn FnMut(&mut [u8])) -> Result<Self, KeyError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |cause| KeyError::File { path, cause, advice: "Check that this user may write there" }
        };
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
            fs::remove_dir_all(&beside).map_err(failed(&beside))?;
        }
        fs::DirBuilder::new().recursive(true).mode(0o700).create(making).map_err(failed(making))?;
        check_folder(making)?;
        for (name, key) in NAMES.into_iter().zip(keys.each_mut()) {
            let path = making.join(name);
            write_key(&path, key).map_err(|cause| match cause.kind() {
                io::ErrorKind::AlreadyExists => KeyError::Exists { path: path.clone() },
                _ => failed(&path)(cause),
            })?;
        }
        // A file's name is durable only once its folder is, and the folder's name once its parent is.
        let parent = folder.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let sync = |place: &Path| fs::File::open(place).and_then(|open| open.sync_all()).map_err(failed(place));
        sync(making)?;
        if making != folder {
            fs::rename(making, folder).map_err(failed(folder))?;
        }
        sync(parent)?;
        Ok(keys)
    }

    /// Everything that is wrong with the keys, one line each, for `milaf doctor`.
    pub fn problems(place: &KeyPlace, variable: impl Fn(&str) -> Option<OsString>) -> Vec<String> {
        let (mut keys, mut problems) = Self::gather(place, variable);
        if problems.is_empty() {
            problems.extend(keys.check_distinct(place).err());
        }
        problems.iter().map(ToString::to_string).collect()
    }

    fn empty() -> Self {
        Self { token: [0; 32], seal: [0; 32], log: [0; 32], identity: [0; 32] }
    }

    /// In the order of `NAMES`.
    fn each_mut(&mut self) -> [&mut [u8; 32]; 4] {
        [&mut self.token, &mut self.seal, &mut self.log, &mut self.identity]
    }

    /// Equal keys mean that one was copied by hand, or that the source of randomness does not work.
    fn check_distinct(&mut self, place: &KeyPlace) -> Result<(), KeyError> {
        let name = |index: usize| match place {
            KeyPlace::Environment => VARIABLES[index].to_owned(),
            KeyPlace::Credentials(folder) => folder.join(CREDENTIALS[index]).display().to_string(),
            KeyPlace::Folder(folder) => folder.join(NAMES[index]).display().to_string(),
        };
        let keys = self.each_mut();
        for later in 1..NAMES.len() {
            if let Some(earlier) = (0..later).find(|earlier| keys[*earlier] == keys[later]) {
                return Err(KeyError::Equal { first: name(earlier), second: name(later) });
            }
        }
        Ok(())
    }
}

/// What is thought of other users who may read a key's file.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Others {
    Refused,
    Trusted,
}

fn read_variable(name: &'static str, text: Option<OsString>, key: &mut [u8; 32]) -> Result<(), KeyError> {
    let text = Zeroizing::new(text.unwrap_or_default().into_encoded_bytes());
    hex::decode_to_slice(text.trim_ascii_end(), key).map_err(|_| KeyError::Variable { name })
}

const MISSING: &str = "Restore it from the backup; receipts that were printed with a lost key can no longer be checked";

fn check_folder(folder: &Path) -> Result<(), KeyError> {
    let metadata = fs::metadata(folder).map_err(|cause| {
        let advice = "Run `milaf init` for a new data folder, or restore the keys from the backup";
        KeyError::File { path: folder.to_owned(), cause, advice }
    })?;
    check_mode(folder, &metadata, "700")
}

fn check_mode(path: &Path, metadata: &fs::Metadata, wanted: &'static str) -> Result<(), KeyError> {
    const OTHERS: u32 = 0o077;
    let mode = metadata.mode() & 0o777;
    if mode & OTHERS == 0 { Ok(()) } else { Err(KeyError::Open { path: path.to_owned(), mode, wanted }) }
}

fn read_key(path: &Path, key: &mut [u8; 32], others: Others) -> Result<(), KeyError> {
    let failed = |cause| KeyError::File { path: path.to_owned(), cause, advice: MISSING };
    let file = fs::File::open(path).map_err(failed)?;
    // Of the opened file, not of the path, so that nobody can exchange it in between.
    if others == Others::Refused {
        check_mode(path, &file.metadata().map_err(failed)?, "600")?;
    }
    let mut text = Zeroizing::new(Vec::with_capacity(FILE_LENGTH + 1));
    file.take(FILE_LENGTH as u64 + 1).read_to_end(&mut text).map_err(failed)?;
    let digits = text.strip_suffix(b"\n").unwrap_or(&text);
    hex::decode_to_slice(digits, key).map_err(|_| KeyError::Malformed { path: path.to_owned() })
}

fn write_key(path: &Path, key: &[u8; 32]) -> io::Result<()> {
    let mut text = Zeroizing::new([b'\n'; FILE_LENGTH]);
    hex::encode_to_slice(key, &mut text[..FILE_LENGTH - 1]).expect("64 digits hold 32 bytes");
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(&text[..])?;
    file.sync_all()
}

#[cfg(test)]
mod tests;
