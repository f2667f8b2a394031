//! The eight characters a person types when no camera is at hand.
//!
//! It is looked up together with the dossier's reference, never alone: 40 bits withstand guessing
//! only because attempts are limited per reference and per address. A code drawn at random and
//! stored was rejected, because it would have been one more secret to keep beside the token's.
//! Printing it on paper is its purpose, so it has a `Display`; its `Debug` is redacted.

use std::fmt;
use std::str::FromStr;

use subtle::ConstantTimeEq;
use thiserror::Error;

use super::base32;

/// Why a text is not a typed code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum TypedCodeError {
    #[error("a code has eight letters and digits")]
    Length,
    #[error("a code has only letters and digits, and no U")]
    Characters,
}

/// Five bytes, shown as `XXXX-XXXX`.
#[derive(Clone, Copy)]
pub struct TypedCode([u8; 5]);

impl TypedCode {
    pub const fn new(bytes: [u8; 5]) -> Self {
        Self(bytes)
    }

    pub const fn as_bytes(&self) -> &[u8; 5] {
        &self.0
    }
}

impl PartialEq for TypedCode {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for TypedCode {}

impl fmt::Debug for TypedCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("TypedCode([redacted])")
    }
}

impl fmt::Display for TypedCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = base32::encode(&self.0);
        let (first, second) = text.split_at(4);
        write!(formatter, "{first}-{second}")
    }
}

impl FromStr for TypedCode {
    type Err = TypedCodeError;

    /// Forgives what hands do: either case, I and L for 1, O for 0, hyphens and spaces anywhere.
    fn from_str(text: &str) -> Result<Self, TypedCodeError> {
        let mut plain = String::with_capacity(8);
        for character in text.chars() {
            match character {
                '-' | ' ' => continue,
                'i' | 'I' | 'l' | 'L' => plain.push('1'),
                'o' | 'O' => plain.push('0'),
                other => plain.push(other),
            }
            // A megabyte of letters is refused at the ninth.
            if plain.chars().count() > 8 {
                return Err(TypedCodeError::Length);
            }
        }
        if plain.chars().count() != 8 {
            return Err(TypedCodeError::Length);
        }
        let decoded = base32::decode(&plain).map_err(|_| TypedCodeError::Characters)?;
        let bytes = decoded.try_into().map_err(|_| TypedCodeError::Characters)?;
        Ok(Self(bytes))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(typed: &str, expected: Result<&str, TypedCodeError>) {
        let shown = typed.parse::<TypedCode>().map(|code| code.to_string());
        assert_eq!(shown.as_deref(), expected.as_ref().copied(), "{typed:?}");
    }

    #[test]
    fn forgives_hands_and_nothing_else() {
        for typed in ["1000-S81E", "1000S81E", "lOo0-s8Ie", " 1 0 0 0 - S81E ", "--iOO0S8LE--"] {
            check(typed, Ok("1000-S81E"));
        }
        for short in ["", "-", "1000-S81", "1000-S81EE", "1000\u{2011}S81E"] {
            check(short, Err(TypedCodeError::Length));
        }
        for foreign in ["1000-S81U", "1000S81\t", "1000S81\0", "1000S81Е", "1000S81０", "1000_S81"] {
            check(foreign, Err(TypedCodeError::Characters));
        }
        check(&"A".repeat(1 << 16), Err(TypedCodeError::Length));
    }

    proptest! {
        #[test]
        fn round_trip(bytes: [u8; 5]) {
            let code = TypedCode::new(bytes);
            prop_assert_eq!(code.to_string().parse::<TypedCode>().unwrap(), code);
            prop_assert_eq!(code.to_string().to_lowercase().parse::<TypedCode>().unwrap(), code);
            let shown = code.to_string();
            let debugged = format!("{code:?}");
            prop_assert!(!debugged.contains(&shown));
        }

        #[test]
        fn every_other_code_differs(bytes: [u8; 5], bit in 0_usize..40) {
            let mut other = bytes;
            other[bit / 8] ^= 1 << (bit % 8);
            prop_assert_ne!(TypedCode::new(bytes), TypedCode::new(other));
        }

        #[test]
        fn arbitrary_text_never_panics(text: String) {
            let _ = text.parse::<TypedCode>();
        }
    }
}
