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
        let beside = folder.with_extension("new");
        let making = if folder.exists() { folder } else { &*beside };
        if beside.exists() {
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
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    /// Different bytes at every call.
    fn counter() -> impl FnMut(&mut [u8]) {
        let mut next = 0;
        move |bytes| {
            next += 1;
            bytes.fill(next);
        }
    }

    fn set_mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn what_was_created_is_loaded() {
        let data = tempfile::tempdir().unwrap();
        let folder = data.path().join("keys");
        let created = KeyFiles::create(&folder, &mut counter()).unwrap();
        let loaded = KeyFiles::in_folder(&folder).unwrap();
        for (name, (left, right)) in NAMES.into_iter().zip([
            (created.token, loaded.token),
            (created.seal, loaded.seal),
            (created.log, loaded.log),
            (created.identity, loaded.identity),
        ]) {
            assert_eq!(left, right, "{name}");
            assert_eq!(fs::metadata(folder.join(name)).unwrap().mode() & 0o777, 0o600, "{name}");
        }
        assert_eq!(loaded.seal, [2; 32]);
        assert_eq!(fs::metadata(&folder).unwrap().mode() & 0o777, 0o700);
        assert_eq!(fs::read_to_string(folder.join("log.key")).unwrap(), format!("{}\n", "03".repeat(32)));
        assert_eq!(KeyFiles::problems(&KeyPlace::Folder(folder.clone()), |_| None), Vec::<String>::new());
        assert_eq!(format!("{loaded:?}"), "KeyFiles(redacted)");
    }

    /// Creates keys, spoils them, and expects `load` and `problems` to say so.
    fn check(expected: &str, spoil: impl FnOnce(&Path)) {
        let data = tempfile::tempdir().unwrap();
        let folder = data.path().join("keys");
        KeyFiles::create(&folder, &mut counter()).unwrap();
        spoil(&folder);
        let error = KeyFiles::in_folder(&folder).unwrap_err().to_string();
        assert!(error.contains(expected), "{error:?} does not say {expected:?}");
        assert!(!error.contains("0202"), "a message may not show a key: {error}");
        let problems = KeyFiles::problems(&KeyPlace::Folder(folder.clone()), |_| None);
        assert!(problems.iter().any(|problem| problem.contains(expected)), "{problems:?} does not say {expected:?}");
    }

    #[test]
    fn spoiled_keys_are_refused() {
        let write = |name: &'static str, text: String| move |folder: &Path| fs::write(folder.join(name), text).unwrap();
        let digits = "02".repeat(32);
        for mode in [0o640, 0o604, 0o620, 0o601, 0o666] {
            check(&format!("(mode {mode:03o}). Run: chmod 600 '"), |folder| set_mode(&folder.join("log.key"), mode));
        }
        for mode in [0o750, 0o705, 0o777] {
            check(&format!("(mode {mode:03o}). Run: chmod 700 '"), |folder| set_mode(folder, mode));
        }
        check("64 hexadecimal digits", write("seal.key", String::new()));
        check("64 hexadecimal digits", write("seal.key", digits[1..].to_owned()));
        check("64 hexadecimal digits", write("seal.key", format!("{digits}0\n")));
        check("64 hexadecimal digits", write("seal.key", format!("{digits}\r\n")));
        check("64 hexadecimal digits", write("seal.key", format!("{digits}\n\n")));
        check("64 hexadecimal digits", write("seal.key", digits.replacen('0', "g", 1)));
        check("64 hexadecimal digits", write("seal.key", digits.repeat(1000)));
        check("token.key: ", |folder| fs::remove_file(folder.join("token.key")).unwrap());
        check("Run `milaf init`", |folder| fs::remove_dir_all(folder).unwrap());
        check("identity.key hold the same bytes", |folder| {
            fs::copy(folder.join("seal.key"), folder.join("identity.key")).unwrap();
        });
        check("Run: chmod 600", |folder| {
            let elsewhere = folder.join("elsewhere");
            fs::rename(folder.join("seal.key"), &elsewhere).unwrap();
            set_mode(&elsewhere, 0o644);
            symlink(elsewhere, folder.join("seal.key")).unwrap();
        });
    }

    #[test]
    fn keys_are_never_overwritten() {
        let data = tempfile::tempdir().unwrap();
        let folder = data.path().join("keys");
        KeyFiles::create(&folder, &mut counter()).unwrap();
        let before = fs::read(folder.join("token.key")).unwrap();
        let error = KeyFiles::create(&folder, &mut |bytes| bytes.fill(9)).unwrap_err();
        assert!(matches!(error, KeyError::Exists { .. }), "{error}");
        fs::remove_file(folder.join("seal.key")).unwrap();
        let error = KeyFiles::create(&folder, &mut counter()).unwrap_err();
        assert!(matches!(error, KeyError::Exists { .. }), "{error}");
        assert_eq!(fs::read(folder.join("token.key")).unwrap(), before);
        assert!(!folder.join("seal.key").exists());
    }

    #[test]
    fn broken_randomness_makes_no_keys() {
        let data = tempfile::tempdir().unwrap();
        let folder = data.path().join("keys");
        let error = KeyFiles::create(&folder, &mut |bytes| bytes.fill(7)).unwrap_err();
        assert!(matches!(error, KeyError::Equal { .. }), "{error}");
        assert!(!folder.exists());
    }

    #[test]
    fn all_four_come_from_one_place() {
        let data = tempfile::tempdir().unwrap();
        let (folder, credentials) = (data.path().join("keys"), data.path().join("credentials"));
        KeyFiles::create(&folder, &mut counter()).unwrap();
        assert_eq!(KeyPlace::find(&folder, |_| None), KeyPlace::Folder(folder.clone()));

        fs::create_dir(&credentials).unwrap();
        let with_credentials =
            |name: &str| (name == CREDENTIALS_VARIABLE).then(|| credentials.clone().into_os_string());
        assert_eq!(KeyPlace::find(&folder, with_credentials), KeyPlace::Folder(folder.clone()), "none there");
        for (name, digit) in CREDENTIALS.into_iter().zip(5..) {
            let place = KeyPlace::find(&folder, with_credentials);
            assert!(KeyFiles::load(&place, with_credentials).is_ok() == (digit == 5), "a part of them is not enough");
            fs::write(credentials.join(name), format!("{}\n", format!("{digit:02}").repeat(32))).unwrap();
            set_mode(&credentials.join(name), 0o440);
        }
        let place = KeyPlace::find(&folder, with_credentials);
        assert_eq!(place, KeyPlace::Credentials(credentials.clone()));
        assert_eq!(KeyFiles::load(&place, with_credentials).unwrap().seal, [6; 32]);

        let environment = |given: usize| {
            move |name: &str| {
                let index = VARIABLES.iter().take(given).position(|variable| *variable == name)?;
                Some(OsString::from(format!("1{index}").repeat(32)))
            }
        };
        for (given, missing) in VARIABLES.into_iter().enumerate().skip(1) {
            let place = KeyPlace::find(&folder, environment(given));
            assert_eq!(place, KeyPlace::Environment);
            let error = KeyFiles::load(&place, environment(given)).unwrap_err().to_string();
            assert!(error.contains(missing) && error.contains("one place"), "{error}");
        }
        assert_eq!(KeyFiles::load(&KeyPlace::Environment, environment(4)).unwrap().log, [0x12; 32]);
        let same = |_: &str| Some(OsString::from("07".repeat(32)));
        let error = KeyFiles::load(&KeyPlace::Environment, same).unwrap_err().to_string();
        assert!(error.contains("MILAF_TOKEN_KEY and MILAF_SEAL_KEY hold the same bytes"), "{error}");
    }
}
