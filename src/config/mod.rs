//! Who issues the receipts, and where its files lie.
//!
//! The issuer file, the catalogue it names and the key files are read once at start and passed on; nothing here is global,
//! because a global configuration cannot be tested twice in one process. Unknown keys are refused: a misspelt one that is
//! silently ignored is found only when a citizen complains. This module must never read the time or randomness, and never
//! lets a secret into a message.

mod catalogue;
mod data_dir;
mod error;
mod issuer;
mod keys;
mod logo;
mod node;
mod secret_file;
mod value;

#[cfg(test)]
mod tests;

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use jiff::{
    Timestamp,
    civil::{Date, DateTime, Time, Weekday},
    tz::TimeZone,
};

pub use data_dir::{DataDir, folder_of, replace_file};
pub use error::ConfigError;
pub use keys::{KeyError, KeyFiles, KeyPlace};
pub use logo::Logo;
pub use node::{DATABASE_VARIABLE, DatabaseSettings, DatabaseUrl, NodeSettings, ServeSettings};
pub use secret_file::{Others, SecretFileError, read_secret, write_new_secret};
pub use value::ContactPhone;

use crate::{
    dossier::{Catalogue, Language, Localized, OfficeCode, WorkCalendar},
    receipt::PublicUrl,
};
use error::Source;

/// The environment variable that overrides the issuer file's `public_url`.
pub const PUBLIC_URL_VARIABLE: &str = "MILAF_PUBLIC_URL";

const ISSUER_EXAMPLE: &str = include_str!("../../examples/issuer.toml");
const CATALOGUE_EXAMPLE: &str = include_str!("../../examples/catalogue.toml");
const LOGO_EXAMPLE: &[u8] = include_bytes!("../../examples/logo.png");

/// The agency whose dossiers these are. Read once, then shared in an `Arc`.
#[derive(Clone, Debug)]
pub struct Issuer {
    pub names: Localized,
    pub short_name: Option<Localized>,
    /// What citizens reach; every link and QR code is built on it and never on a request's `Host`.
    pub public_url: PublicUrl,
    /// Its IANA name is kept inside.
    pub timezone: TimeZone,
    pub default_language: Language,
    /// Two different ones.
    pub receipt_languages: [Language; 2],
    /// The lines beside the name on the receipt, such as the ministry; separated by line breaks.
    pub header: Localized,
    pub footer: Option<Localized>,
    pub logo: Option<Logo>,
    /// At least one; the first is the head office.
    pub offices: Vec<Office>,
    pub channels: Channels,
    pub calendar: WorkCalendar,
    pub catalogue: Catalogue,
    reviews: Vec<String>,
    calendar_years: BTreeSet<i16>,
    /// The plain names of the files that the issuer file names.
    files: Vec<String>,
}

/// A place where dossiers are handed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Office {
    pub code: OfficeCode,
    pub name: Localized,
    pub address: Localized,
    pub phones: Vec<ContactPhone>,
    pub fax: Option<ContactPhone>,
    pub email: Option<String>,
    pub hours: Vec<OpeningHours>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpeningHours {
    pub days: Vec<Weekday>,
    pub from: Time,
    pub to: Time,
}

/// The ways to follow a dossier without coming to the building.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Channels {
    pub phones: Vec<ContactPhone>,
    pub fax: Option<ContactPhone>,
    /// A checked http or https address.
    pub portal: Option<String>,
    pub email: Option<String>,
    pub social: Vec<SocialPage>,
    /// The complaints platform; a checked http or https address.
    pub complaints: Option<String>,
    /// The QR code is named among the channels.
    pub qr: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SocialPage {
    pub name: String,
    pub url: String,
}

impl Issuer {
    /// Reads an issuer file and the catalogue and logo beside it.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let bytes = read_file(path)?;
        let text = String::from_utf8(bytes).map_err(|error| {
            let valid = String::from_utf8_lossy(&error.as_bytes()[..error.utf8_error().valid_up_to()]).into_owned();
            let source = Source { file: path.to_owned(), text: &valid };
            source.error(&(valid.len()..valid.len()), "the file is not text in UTF-8. Save it as UTF-8")
        })?;
        Self::parse_file(path.to_owned(), &text)
    }

    /// Reads the text of an issuer file; the files it names lie in `base_dir`.
    pub fn parse(text: &str, base_dir: &Path) -> Result<Self, ConfigError> {
        Self::parse_file(base_dir.join("issuer.toml"), text)
    }

    /// The example issuer, without any file.
    pub fn example() -> Self {
        Self::parse_embedded(ISSUER_EXAMPLE, CATALOGUE_EXAMPLE).expect("a test reads the embedded example")
    }

    /// The issuer file that `milaf demo` starts from.
    pub fn example_text() -> &'static str {
        ISSUER_EXAMPLE
    }

    fn parse_file(file: PathBuf, text: &str) -> Result<Self, ConfigError> {
        let folder = file.clone();
        issuer::read(&Source { file, text }, &|name| read_file(&folder.with_file_name(name)))
    }

    fn parse_embedded(text: &str, catalogue: &str) -> Result<Self, ConfigError> {
        let open = |name: &str| -> Result<Vec<u8>, ConfigError> {
            Ok(if name == "logo.png" { LOGO_EXAMPLE.to_vec() } else { catalogue.as_bytes().to_vec() })
        };
        issuer::read(&Source { file: PathBuf::from("issuer.toml"), text }, &open)
    }

    /// Replaces the public address by the one on the command line or, failing that, in [`PUBLIC_URL_VARIABLE`].
    pub fn override_public_url(
        &mut self,
        argument: Option<&str>,
        environment: Option<&str>,
    ) -> Result<(), ConfigError> {
        // A variable that is set to nothing counts as unset, as shells and service managers have it.
        let (text, place) = match (argument, environment.filter(|text| !text.is_empty())) {
            (Some(text), _) => (text, "--public-url"),
            (None, Some(text)) => (text, PUBLIC_URL_VARIABLE),
            (None, None) => return Ok(()),
        };
        self.public_url = PublicUrl::parse(text).map_err(|error| ConfigError::Argument(format!("{place}: {error}")))?;
        Ok(())
    }

    pub fn office(&self, code: &OfficeCode) -> Option<&Office> {
        self.offices.iter().find(|office| office.code == *code)
    }

    /// The day on which a moment falls where the issuer is; legal days are counted in these.
    pub fn civil_day(&self, moment: Timestamp) -> Date {
        self.civil_time(moment).date()
    }

    pub fn civil_time(&self, moment: Timestamp) -> DateTime {
        self.timezone.to_datetime(moment)
    }

    /// Everything that is marked `review`, as lines such as `procedure PC: name (zgh)`.
    pub fn reviews(&self) -> Vec<String> {
        self.reviews.clone()
    }

    /// The years for which the movable holidays are entered; in another year, working days would be miscounted.
    pub fn calendar_years(&self) -> &BTreeSet<i16> {
        &self.calendar_years
    }
}

fn read_file(path: &Path) -> Result<Vec<u8>, ConfigError> {
    const LARGEST: u64 = 4 * 1024 * 1024;
    let failed = |cause| ConfigError::File {
        file: path.to_owned(),
        cause,
        advice: "Check that the file is there and that this user may read it",
    };
    if fs::metadata(path).map_err(failed)?.len() > LARGEST {
        return Err(failed(std::io::Error::new(std::io::ErrorKind::FileTooLarge, "it has more than 4 MB")));
    }
    fs::read(path).map_err(failed)
}
