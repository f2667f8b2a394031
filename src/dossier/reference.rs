//! The public name of a dossier: `NRU-2026-000123`, per procedure and year, without gaps.

use std::{fmt, str::FromStr};

/// The prefix of a procedure's references: two to five upper-case ASCII letters or digits, starting with a letter.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ProcedureCode(String);

impl ProcedureCode {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ProcedureCode {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        let upper = text.trim().to_ascii_uppercase();
        let valid = (2..=5).contains(&upper.len())
            && upper.starts_with(|c: char| c.is_ascii_uppercase())
            && upper.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
        if valid { Ok(Self(upper)) } else { Err(ReferenceError) }
    }
}

impl fmt::Display for ProcedureCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A dossier's reference. Its number has six digits so that references of a year sort as text.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Reference {
    procedure: ProcedureCode,
    year: u16,
    number: u32,
}

impl Reference {
    pub const MAX_NUMBER: u32 = 999_999;

    /// # Errors
    /// When the year has not four digits or the number more than six.
    pub fn new(procedure: ProcedureCode, year: u16, number: u32) -> Result<Self, ReferenceError> {
        if (1000..=9999).contains(&year) && number <= Self::MAX_NUMBER {
            Ok(Self { procedure, year, number })
        } else {
            Err(ReferenceError)
        }
    }

    pub fn procedure(&self) -> &ProcedureCode {
        &self.procedure
    }

    pub fn year(&self) -> u16 {
        self.year
    }

    pub fn number(&self) -> u32 {
        self.number
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{:06}", self.procedure, self.year, self.number)
    }
}

impl FromStr for Reference {
    type Err = ReferenceError;

    /// Reads a reference as people type it: either case, surrounding spaces ignored, `/` for `-`, leading zeros optional.
    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        let normal = text.trim().replace('/', "-");
        let mut parts = normal.split('-');
        let (Some(code), Some(year), Some(number), None) = (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(ReferenceError);
        };
        let digits = |part: &str, longest: usize| {
            !part.is_empty() && part.len() <= longest && part.bytes().all(|b| b.is_ascii_digit())
        };
        if year.len() != 4 || !digits(year, 4) || !digits(number, 6) {
            return Err(ReferenceError);
        }
        Self::new(code.parse()?, year.parse().map_err(|_| ReferenceError)?, number.parse().map_err(|_| ReferenceError)?)
    }
}

/// The text is not a reference such as `NRU-2026-000123` (or not a procedure code such as `NRU`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a reference of the form NRU-2026-000123")]
pub struct ReferenceError;
