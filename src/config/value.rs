//! The small values of the configuration files: texts in four languages, codes, days, times, telephone and web addresses.
//!
//! Each is checked where it is read, so that a mistake is reported with its line. They must never reach the pages
//! unchecked: a text that overrides the reading direction could make a receipt say something else than its bytes.

use std::{fmt, marker::PhantomData, str::FromStr};

use jiff::civil::{Date, Time, Weekday};
use serde::{Deserialize, Deserializer, de};
use toml::Spanned;

use super::error::{ConfigError, Source};
use crate::{
    dossier::{
        DocumentCode, Language, Localized, OfficeCode, ProcedureCode, PublicState, RuleId, Silence, StepCode, TermUnit,
    },
    receipt::PublicUrl,
};

/// How long a text may be.
#[derive(Clone, Copy)]
pub(super) struct Limit {
    characters: usize,
    lines: usize,
}

/// Beside the logo, where there is little room.
pub(super) const SHORT_NAME: Limit = Limit { characters: 40, lines: 1 };
/// A name fits a line of the receipt or two, and is not broken by hand.
pub(super) const NAME: Limit = Limit { characters: 120, lines: 1 };
/// A sentence or two, such as a summary, a legal basis, an address or a header.
pub(super) const SENTENCE: Limit = Limit { characters: 400, lines: 4 };

/// What a value must look like, for the message when it does not.
pub(super) trait Expected: Sized {
    const EXPECTED: &'static str;

    fn read(text: &str) -> Option<Self>;
}

/// A value that a file writes as a string.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Read<T>(pub(super) T);

impl<'de, T: Expected> Deserialize<'de> for Read<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor<T>(PhantomData<T>);

        impl<T: Expected> de::Visitor<'_> for Visitor<T> {
            type Value = Read<T>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(T::EXPECTED)
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Read<T>, E> {
                let shown: String = text.chars().take(60).flat_map(char::escape_debug).collect();
                T::read(text).map(Read).ok_or_else(|| E::custom(format!("`{shown}` is not {}", T::EXPECTED)))
            }
        }

        deserializer.deserialize_str(Visitor(PhantomData))
    }
}

macro_rules! expected_from_str {
    ($($name:ty => $expected:literal),+ $(,)?) => {$(
        impl Expected for $name {
            const EXPECTED: &'static str = $expected;

            fn read(text: &str) -> Option<Self> {
                <$name as FromStr>::from_str(text).ok()
            }
        }
    )+};
}

expected_from_str! {
    StepCode => "a step's code: up to 32 ASCII letters, digits, `_` or `-`, starting with a letter, such as `site_visit`",
    DocumentCode => "a document's code: up to 32 ASCII letters, digits, `_` or `-`, starting with a letter, such as `site_plan`",
    OfficeCode => "an office's code: up to 32 ASCII letters, digits, `_` or `-`, starting with a letter, such as `TAN-TAN`",
    RuleId => "a rule's name: up to 32 ASCII letters, digits, `_` or `-`, starting with a letter, such as `order-2023-small`",
    PublicState => "a public state: registered, incomplete, in_review, scheduled, adjourned, decided, ready, collected or withdrawn",
    TermUnit => "a unit: calendar_days, working_days or months",
    Silence => "what silence means: approval, refusal, recourse or nothing",
}

impl Expected for ProcedureCode {
    const EXPECTED: &'static str =
        "a procedure's code: two to five capital ASCII letters or digits, starting with a letter, such as `NRU`";

    /// References print the code as the file writes it, so small letters are refused rather than silently raised.
    fn read(text: &str) -> Option<Self> {
        text.parse().ok().filter(|code: &Self| code.as_str() == text)
    }
}

impl Expected for Language {
    const EXPECTED: &'static str = "a language: ar, fr, zgh or en";

    fn read(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|language| language.tag() == text)
    }
}

impl Expected for PublicUrl {
    const EXPECTED: &'static str =
        "a public address: https:// and the host that citizens reach, such as `https://suivi.example.ma`";

    fn read(text: &str) -> Option<Self> {
        Self::parse(text).ok()
    }
}

impl Expected for Weekday {
    const EXPECTED: &'static str =
        "a day of the week: monday, tuesday, wednesday, thursday, friday, saturday or sunday";

    fn read(text: &str) -> Option<Self> {
        Some(match text {
            "monday" => Self::Monday,
            "tuesday" => Self::Tuesday,
            "wednesday" => Self::Wednesday,
            "thursday" => Self::Thursday,
            "friday" => Self::Friday,
            "saturday" => Self::Saturday,
            "sunday" => Self::Sunday,
            _ => return None,
        })
    }
}

impl Expected for Time {
    const EXPECTED: &'static str = "a time of day such as `08:30`";

    fn read(text: &str) -> Option<Self> {
        (text.len() == 5).then(|| Self::strptime("%H:%M", text).ok()).flatten()
    }
}

/// A telephone number as people read it and as a `tel:` link dials it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContactPhone {
    pub display: String,
    /// `+` and digits only.
    pub tel: String,
}

impl Expected for ContactPhone {
    const EXPECTED: &'static str = "a telephone number in international form, such as `+212 5 28 77 36 41`";

    fn read(text: &str) -> Option<Self> {
        let digits: String = text.strip_prefix('+')?.chars().filter(|character| *character != ' ').collect();
        let valid = (8..=15).contains(&digits.len())
            && digits.bytes().all(|byte| byte.is_ascii_digit())
            && text.trim() == text
            && !text.contains("  ");
        valid.then(|| Self { display: text.to_owned(), tel: format!("+{digits}") })
    }
}

/// An e-mail address that is safe inside a `mailto:` link as it stands.
#[derive(Clone, Debug)]
pub(super) struct EmailAddress(pub(super) String);

impl Expected for EmailAddress {
    const EXPECTED: &'static str = "an e-mail address, such as `accueil@example.ma`";

    fn read(text: &str) -> Option<Self> {
        let (local, domain) = text.split_once('@')?;
        let local_valid = (1..=64).contains(&local.len())
            && local.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._+-".contains(&byte));
        (local_valid && host_valid(domain)).then(|| Self(text.to_owned()))
    }
}

/// A link to a page elsewhere: http or https, no credentials, ASCII only.
#[derive(Clone, Debug)]
pub(super) struct WebAddress(pub(super) String);

impl Expected for WebAddress {
    const EXPECTED: &'static str = "a web address, such as `https://www.example.ma`";

    fn read(text: &str) -> Option<Self> {
        let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"))?;
        let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let path_valid = path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/._~-?=&%#@+".contains(&byte));
        (text.len() <= 200 && host_valid(host) && path_valid).then(|| Self(text.to_owned()))
    }
}

fn host_valid(host: &str) -> bool {
    host.len() <= 253
        && host.contains('.')
        && host.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
                && !label.starts_with('-')
                && !label.ends_with('-')
        })
}

/// The name of a file beside the issuer file. Folders are refused so that one folder holds all that a backup needs.
#[derive(Clone, Debug)]
pub(super) struct FileName(pub(super) String);

impl Expected for FileName {
    const EXPECTED: &'static str =
        "the name of a file beside the issuer file, without a folder, such as `catalogue.toml`";

    fn read(text: &str) -> Option<Self> {
        let valid = (1..=64).contains(&text.len())
            && !text.starts_with('.')
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
        valid.then(|| Self(text.to_owned()))
    }
}

/// A day, written as TOML writes dates: `2026-03-21` without quotation marks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Day(pub(super) Date);

impl<'de> Deserialize<'de> for Day {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let wrong =
            || de::Error::custom("not a day: write it without quotation marks and without a time, as in 2026-03-21");
        let written = toml::value::Datetime::deserialize(deserializer).map_err(|_| wrong())?;
        let (Some(date), None) = (written.date, written.time) else { return Err(wrong()) };
        let part = |number: u8| i8::try_from(number).map_err(|_| wrong());
        let year = i16::try_from(date.year).map_err(|_| wrong())?;
        Date::new(year, part(date.month)?, part(date.day)?).map(Day).map_err(|_| wrong())
    }
}

/// Which of a text's languages still need a native speaker or a jurist.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged, expecting = "`review` is true, false or a list of languages such as [\"zgh\"]")]
pub(super) enum Review {
    Whole(bool),
    Languages(Vec<Read<Language>>),
}

impl Default for Review {
    fn default() -> Self {
        Self::Whole(false)
    }
}

impl Review {
    /// The words that follow the name of what needs review, or `None` when nothing does.
    pub(super) fn note(&self) -> Option<String> {
        match self {
            Self::Whole(false) => None,
            Self::Whole(true) => Some(String::new()),
            Self::Languages(languages) if languages.is_empty() => None,
            Self::Languages(languages) => {
                let tags: Vec<_> = languages.iter().map(|language| language.0.tag()).collect();
                Some(format!(" ({})", tags.join(", ")))
            }
        }
    }
}

/// A text in the four languages, all of them required: a page with a hole in it helps nobody.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Words {
    ar: Spanned<String>,
    fr: Spanned<String>,
    zgh: Spanned<String>,
    en: Spanned<String>,
    #[serde(default)]
    review: Review,
}

impl Words {
    /// Checks the texts and notes `place` (for example `procedure PC: name`) among the reviews if the file asks for one.
    pub(super) fn check(
        self,
        source: &Source<'_>,
        place: &str,
        limit: Limit,
        reviews: &mut Vec<String>,
    ) -> Result<Localized, ConfigError> {
        for (language, text) in [
            (Language::Arabic, &self.ar),
            (Language::French, &self.fr),
            (Language::Tamazight, &self.zgh),
            (Language::English, &self.en),
        ] {
            check_text(language, text.get_ref(), limit)
                .map_err(|problem| source.error(&text.span(), format!("{place}, {}: {problem}", language.tag())))?;
        }
        let note = self.review.note();
        if let Some(note) = &note {
            reviews.push(format!("{place}{note}"));
        }
        Ok(Localized {
            arabic: self.ar.into_inner(),
            french: self.fr.into_inner(),
            tamazight: self.zgh.into_inner(),
            english: self.en.into_inner(),
            review: note.is_some(),
        })
    }
}

fn check_text(language: Language, text: &str, limit: Limit) -> Result<(), String> {
    if text.trim().is_empty() {
        return Err("the text is empty. Write it, or copy another language's and mark it with `review`".to_owned());
    }
    if text.trim() != text {
        return Err("the text begins or ends with a space. Remove it".to_owned());
    }
    let Limit { characters, lines } = limit;
    if text.chars().count() > characters {
        return Err(format!("the text is longer than {characters} characters. Shorten it"));
    }
    if text.lines().count() > lines {
        return Err(format!("the text has line breaks where {lines} line(s) are allowed. Join the lines"));
    }
    if let Some(hidden) = text.chars().find(|character| is_hidden(*character)) {
        return Err(format!("the text holds the invisible character U+{:04X}. Type the line again", u32::from(hidden)));
    }
    let (script, letters) = match language {
        Language::Arabic => ("Arabic", '\u{0620}'..='\u{064a}'),
        Language::Tamazight => ("Tifinagh", '\u{2d30}'..='\u{2d67}'),
        Language::French | Language::English => return Ok(()),
    };
    if text.contains(|character| letters.contains(&character)) {
        Ok(())
    } else {
        Err(format!("the text has no {script} letter. Perhaps two languages were swapped"))
    }
}

/// Control characters (but for the line break) and the marks that change the reading direction.
fn is_hidden(character: char) -> bool {
    (character.is_control() && character != '\n')
        || matches!(character, '\u{061c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}
