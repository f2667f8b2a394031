//! Where the keys lie, and under which names.

use std::{
    ffi::OsString,
    fmt, fs,
    path::{Path, PathBuf},
};

use crate::tlog::KeyPurpose;

pub(super) const NAMES: [&str; 4] = ["token.key", "seal.key", "log.key", "identity.key"];
pub(super) const CREDENTIALS: [&str; 4] = ["milaf.token.key", "milaf.seal.key", "milaf.log.key", "milaf.identity.key"];
pub(super) const VARIABLES: [&str; 4] = ["MILAF_TOKEN_KEY", "MILAF_SEAL_KEY", "MILAF_LOG_KEY", "MILAF_IDENTITY_KEY"];
/// Where systemd lays a service's credentials.
pub(super) const CREDENTIALS_VARIABLE: &str = "CREDENTIALS_DIRECTORY";
/// In the order of [`NAMES`]; the identity key has no purpose that is numbered.
pub(super) const PURPOSES: [KeyPurpose; 3] = [KeyPurpose::Token, KeyPurpose::Seal, KeyPurpose::Log];

/// Where this process finds its keys. All come from one place, so that nobody mixes two offices' keys.
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

    /// Where a key is or has to be, in words: a file's path or a variable's name.
    pub fn of_key(&self, purpose: KeyPurpose, number: u32) -> String {
        Path::new(&self.locate(purpose, number)).display().to_string()
    }

    pub(super) fn locate(&self, purpose: KeyPurpose, number: u32) -> OsString {
        match self {
            Self::Environment => variable_name(purpose, number).into(),
            Self::Credentials(folder) => folder.join(format!("milaf.{}", file_name(purpose, number))).into(),
            Self::Folder(folder) => folder.join(file_name(purpose, number)).into(),
        }
    }

    /// Where one of the four first keys is, by its place in [`NAMES`].
    pub(super) fn first(&self, index: usize) -> OsString {
        match self {
            Self::Environment => VARIABLES[index].into(),
            Self::Credentials(folder) => folder.join(CREDENTIALS[index]).into(),
            Self::Folder(folder) => folder.join(NAMES[index]).into(),
        }
    }

    /// The numbers after 0 under which keys lie here, sorted.
    pub(super) fn later_numbers(&self, purpose: KeyPurpose, variable: &impl Fn(&str) -> Option<OsString>) -> Vec<u32> {
        let (folder, before) = match self {
            Self::Environment => {
                let is_set =
                    |number: &u32| variable(&variable_name(purpose, *number)).is_some_and(|text| !text.is_empty());
                return (1..=MOST_VARIABLES).filter(is_set).collect();
            }
            Self::Credentials(folder) => (folder, "milaf."),
            Self::Folder(folder) => (folder, ""),
        };
        let number = |entry: fs::DirEntry| {
            let name = entry.file_name();
            let number = name.to_str()?.strip_prefix(before)?.strip_prefix(purpose.name())?.strip_prefix('-')?;
            let number: u32 = number.strip_suffix(".key")?.parse().ok()?;
            // Written again, so that `seal-01.key` is no second `seal-1.key`.
            (number > 0 && name.to_str()? == format!("{before}{}", file_name(purpose, number))).then_some(number)
        };
        // A folder that cannot be read is told of by whoever reads the first keys in it.
        let mut numbers: Vec<u32> = fs::read_dir(folder).into_iter().flatten().flatten().filter_map(number).collect();
        numbers.sort_unstable();
        numbers
    }
}

/// Nobody rotates more often, and an environment cannot be listed here.
const MOST_VARIABLES: u32 = 99;

pub(super) fn file_name(purpose: KeyPurpose, number: u32) -> String {
    match number {
        0 => format!("{}.key", purpose.name()),
        _ => format!("{}-{number}.key", purpose.name()),
    }
}

fn variable_name(purpose: KeyPurpose, number: u32) -> String {
    let first = format!("MILAF_{}_KEY", purpose.name().to_uppercase());
    if number == 0 { first } else { format!("{first}_{number}") }
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
