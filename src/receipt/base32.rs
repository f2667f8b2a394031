//! Crockford's base 32, the text form of tokens, typed codes and seals.
//!
//! Upper case keeps a whole URL in the QR code's alphanumeric mode, which is why this alphabet was
//! preferred to base64url: the symbol is smaller although the text is longer. Decoding has one
//! answer per value: no padding, no spare bits, no look-alike letters, so that two different texts
//! never name the same token. Only the typed code forgives look-alikes, and it does so itself.

use thiserror::Error;

const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// Why a text is not base 32.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Base32Error {
    /// The character at this position, counted in bytes, is not of the alphabet.
    #[error("character {0} is not of the base 32 alphabet")]
    Character(usize),
    /// No whole number of bytes encodes to this many characters.
    #[error("{0} characters are no whole number of bytes")]
    Length(usize),
    /// The bits left over after the last byte are not zero.
    #[error("the spare bits are not zero")]
    SpareBits,
}

/// Encodes bytes, most significant bit first, without padding.
pub fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity((bytes.len() * 8).div_ceil(5));
    let mut buffer = 0_u32;
    let mut held = 0_u32;
    for byte in bytes {
        buffer = (buffer << 8) | u32::from(*byte);
        held += 8;
        while held >= 5 {
            held -= 5;
            text.push(symbol(buffer >> held));
            buffer &= (1 << held) - 1;
        }
    }
    if held > 0 {
        text.push(symbol(buffer << (5 - held)));
    }
    text
}

/// Decodes a text of either case.
pub fn decode(text: &str) -> Result<Vec<u8>, Base32Error> {
    let spare = text.len() * 5 % 8;
    let mut bytes = Vec::with_capacity(text.len() * 5 / 8);
    let mut buffer = 0_u32;
    let mut held = 0_u32;
    for (position, character) in text.bytes().enumerate() {
        let value = value_of(character).ok_or(Base32Error::Character(position))?;
        buffer = (buffer << 5) | u32::from(value);
        held += 5;
        if held >= 8 {
            held -= 8;
            bytes.push((buffer >> held).to_be_bytes()[3]);
            buffer &= (1 << held) - 1;
        }
    }
    // Five or more spare bits are a character that encodes nothing.
    if spare >= 5 {
        return Err(Base32Error::Length(text.len()));
    }
    if buffer != 0 {
        return Err(Base32Error::SpareBits);
    }
    Ok(bytes)
}

fn symbol(value: u32) -> char {
    char::from(ALPHABET[(value & 31) as usize])
}

fn value_of(character: u8) -> Option<u8> {
    let upper = character.to_ascii_uppercase();
    let position = ALPHABET.iter().position(|symbol| *symbol == upper)?;
    u8::try_from(position).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(text: &str, expected: Result<&[u8], Base32Error>) {
        assert_eq!(decode(text).as_deref(), expected.as_ref().copied(), "{text}");
    }

    #[test]
    fn decoding_has_one_answer_per_value() {
        check("", Ok(&[]));
        check("00", Ok(&[0]));
        check("ZW", Ok(&[0xff]));
        check("zw", Ok(&[0xff]));
        check("ZX", Err(Base32Error::SpareBits));
        check("Z", Err(Base32Error::Length(1)));
        check("ZZZ", Err(Base32Error::Length(3)));
        check("ZZZZZZ", Err(Base32Error::Length(6)));
        for refused in ["0I", "0L", "0O", "0U", "0-", "0 ", "0=", "0\0", "0٠", "0０", "0А"] {
            check(refused, Err(Base32Error::Character(1)));
        }
    }

    proptest! {
        #[test]
        fn round_trip(bytes: Vec<u8>) {
            let text = encode(&bytes);
            prop_assert_eq!(decode(&text), Ok(bytes.clone()));
            prop_assert_eq!(decode(&text.to_lowercase()), Ok(bytes));
        }

        #[test]
        fn what_decodes_is_the_only_text_of_its_bytes(text in "[0-9A-Z]{0,24}") {
            if let Ok(bytes) = decode(&text) {
                prop_assert_eq!(encode(&bytes), text);
            }
        }

        #[test]
        fn arbitrary_text_never_panics(text: String) {
            let _ = decode(&text);
        }
    }
}
