//! Texts as people type or paste them, checked and brought into one form before anything is recorded.
//!
//! What this module accepts is hashed and shown for decades, so it must never let through a character that reorders,
//! hides or breaks the text around it. Marks that word processors insert by themselves are dropped without a word, because
//! nobody at a desk could find them; everything else that is forbidden is refused rather than repaired, because a repaired
//! name may be another name. Checking at display time was rejected: every page, paper and export would have to remember it.

use std::{fmt, str::FromStr};

use subtle::ConstantTimeEq;
use unicode_normalization::UnicodeNormalization;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// Why a text was not accepted. It never carries the text, which may be personal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    #[error("the text is empty")]
    Empty,
    #[error("the text is longer than {max} characters")]
    TooLong { max: usize },
    #[error("the text holds control characters or marks that reorder or hide text")]
    Forbidden,
    #[error("not a telephone number of 8 to 15 digits")]
    Phone,
    #[error("not an e-mail address")]
    Email,
    #[error("not an identity number of 4 to 20 letters and digits, four of them digits")]
    Identity,
    #[error("not four digits")]
    LastFour,
}

/// Marks that editors and telephones insert around text of mixed direction; Milaf isolates values itself.
fn is_stray_mark(c: char) -> bool {
    matches!(c, '\u{200E}' | '\u{200F}' | '\u{061C}' | '\u{FEFF}' | '\u{2060}' | '\u{200B}' | '\u{00AD}')
}

/// Embeddings, overrides and isolates, which change the direction of what follows.
fn is_direction_control(c: char) -> bool {
    matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{206A}'..='\u{206F}')
}

fn is_forbidden(c: char) -> bool {
    let noncharacter = matches!(c, '\u{FDD0}'..='\u{FDEF}') || (u32::from(c) & 0xFFFE) == 0xFFFE;
    // Line separators, interlinear annotations and tag characters are invisible and carry text of their own.
    let hidden = matches!(c, '\u{2028}' | '\u{2029}' | '\u{FFF9}'..='\u{FFFB}' | '\u{E0000}'..='\u{E0FFF}');
    c.is_control() || is_direction_control(c) || noncharacter || hidden
}

/// Unicode's `Default_Ignorable_Code_Point` (16.0) shapes or joins what stands beside it but shows nothing by itself, and an
/// empty Braille pattern is a space by another name.
fn is_visible(c: char) -> bool {
    let ignorable = matches!(c,
        '\u{00AD}' | '\u{034F}' | '\u{061C}' | '\u{115F}'..='\u{1160}' | '\u{17B4}'..='\u{17B5}' | '\u{180B}'..='\u{180F}'
        | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{3164}'
        | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF0}'..='\u{FFF8}' | '\u{1BCA0}'..='\u{1BCA3}'
        | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E0FFF}');
    !c.is_whitespace() && !ignorable && c != '\u{2800}'
}

fn accept(text: &str, max: usize) -> Result<(), TextError> {
    if !text.chars().any(is_visible) {
        Err(TextError::Empty)
    } else if text.chars().count() > max {
        Err(TextError::TooLong { max })
    } else {
        Ok(())
    }
}

/// The Western digit of a Western, Arabic-Indic or extended Arabic-Indic one.
fn western_digit(c: char) -> Option<char> {
    match c {
        '0'..='9' => Some(c),
        '\u{0660}'..='\u{0669}' => char::from_digit(u32::from(c) - 0x0660, 10),
        '\u{06F0}'..='\u{06F9}' => char::from_digit(u32::from(c) - 0x06F0, 10),
        _ => None,
    }
}

macro_rules! text {
    ($($name:ident :: $parse:ident),+) => {$(
        impl FromStr for $name {
            type Err = TextError;

            fn from_str(text: &str) -> Result<Self, TextError> {
                Self::$parse(text)
            }
        }
    )+};
}

text!(Line::new, Paragraph::new, Phone::parse, Email::parse, LastFour::parse);

/// A single line of 1 to 200 characters in NFC, without runs of white space.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Line(String);

impl Line {
    pub const MAX: usize = 200;

    /// # Errors
    /// `Empty`, `TooLong` or `Forbidden`; a line break inside the text is forbidden.
    pub fn new(text: &str) -> Result<Self, TextError> {
        // Dropping comes first, because a mark between a letter and its accent would keep the two apart.
        let composed: String = text.trim().chars().filter(|c| !is_stray_mark(*c)).nfc().collect();
        let composed = composed.trim();
        if composed.chars().any(|c| c != '\t' && is_forbidden(c)) {
            return Err(TextError::Forbidden);
        }
        let line = composed.split_whitespace().collect::<Vec<_>>().join(" ");
        accept(&line, Self::MAX)?;
        Ok(Self(line))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A text of 1 to 2,000 characters in NFC; its lines end in LF.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Paragraph(String);

impl Paragraph {
    pub const MAX: usize = 2000;

    /// # Errors
    /// `Empty`, `TooLong` or `Forbidden`.
    pub fn new(text: &str) -> Result<Self, TextError> {
        let broken = text.replace("\r\n", "\n").replace(['\r', '\u{2028}', '\u{2029}'], "\n").replace('\t', " ");
        let composed: String = broken.chars().filter(|c| !is_stray_mark(*c)).nfc().collect();
        let composed = composed.trim();
        if composed.chars().any(|c| c != '\n' && is_forbidden(c)) {
            return Err(TextError::Forbidden);
        }
        accept(composed, Self::MAX)?;
        Ok(Self(composed.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Paragraph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A telephone number in E.164 form: `+` and 8 to 15 digits.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Phone(String);

impl Phone {
    /// Reads a number as people write it. One that begins with a single 0 is Moroccan; others need `+`, `00` or 212.
    ///
    /// # Errors
    /// `Phone` for anything else.
    pub fn parse(text: &str) -> Result<Self, TextError> {
        let mut digits = String::with_capacity(16);
        let mut international = false;
        for c in text.chars() {
            if let Some(digit) = western_digit(c) {
                digits.push(digit);
            } else if matches!(c, '+' | '\u{FF0B}') && digits.is_empty() && !international {
                international = true;
            } else if !is_phone_separator(c) {
                return Err(TextError::Phone);
            }
            // Sixteen digits after the prefix are too many already; a long text is not read to its end.
            if digits.len() > 18 {
                return Err(TextError::Phone);
            }
        }
        let number = if international {
            digits
        } else if let Some(rest) = digits.strip_prefix("00") {
            rest.to_owned()
        } else if let (Some(rest), 10) = (digits.strip_prefix('0'), digits.len()) {
            format!("212{rest}")
        } else if digits.starts_with("212") && digits.len() == 12 {
            digits
        } else {
            return Err(TextError::Phone);
        };
        // "+212 (0)5 …" writes the national 0 where it does not belong.
        let number = match number.strip_prefix("2120") {
            Some(rest) if rest.len() == 9 => format!("212{rest}"),
            _ => number,
        };
        if (8..=15).contains(&number.len()) && !number.starts_with('0') {
            Ok(Self(format!("+{number}")))
        } else {
            Err(TextError::Phone)
        }
    }

    pub fn e164(&self) -> &str {
        &self.0
    }

    /// With spaces, as it is read aloud: `+212 5 28 77 36 41`. Numbers of other countries stay in E.164 form.
    pub fn display(&self) -> String {
        let Some(national) = self.0.strip_prefix("+212").filter(|digits| digits.len() == 9) else {
            return self.0.clone();
        };
        let mut shown = format!("+212 {}", &national[..1]);
        for start in (1..9).step_by(2) {
            shown.push(' ');
            shown.push_str(&national[start..start + 2]);
        }
        shown
    }

    pub fn last_four(&self) -> LastFour {
        LastFour::of_digits(&self.0).expect("a telephone number has at least eight digits")
    }
}

fn is_phone_separator(c: char) -> bool {
    let dash = matches!(c, '-' | '\u{2010}'..='\u{2015}' | '\u{2212}');
    (c.is_whitespace() && !matches!(c, '\n' | '\r'))
        || dash
        || matches!(c, '.' | '/' | '(' | ')')
        || is_stray_mark(c)
        || is_direction_control(c)
}

/// An e-mail address, checked only so far that a slip of the keyboard is seen; only a message sent there proves it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Email(String);

impl Email {
    /// # Errors
    /// `Email` unless it is printable ASCII of at most 254 bytes with one `@` and a dotted domain.
    pub fn parse(text: &str) -> Result<Self, TextError> {
        let address: String =
            text.trim().chars().take(400).filter(|c| !is_stray_mark(*c) && !is_direction_control(*c)).collect();
        let (local, domain) = address.split_once('@').ok_or(TextError::Email)?;
        let clean = |c: u8| c.is_ascii_graphic() && !b"@<>()[]\\,;:\"".contains(&c);
        let valid = address.len() <= 254
            && (1..=64).contains(&local.len())
            && local.bytes().all(clean)
            && domain.contains('.')
            && domain.split('.').all(|label| !label.is_empty())
            && domain.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-' || c == b'.');
        if valid { Ok(Self(address)) } else { Err(TextError::Email) }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The four digits that open the second level. Its `Debug` hides them, because with the link they open the answer.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct LastFour([u8; 4]);

impl LastFour {
    /// # Errors
    /// `LastFour` unless the text is four Western or Arabic-Indic digits, surrounding spaces aside.
    pub fn parse(text: &str) -> Result<Self, TextError> {
        let mut digits = [0; 4];
        let mut count = 0;
        for c in text.trim().chars().filter(|c| !is_stray_mark(*c)) {
            let digit = western_digit(c).ok_or(TextError::LastFour)?;
            *digits.get_mut(count).ok_or(TextError::LastFour)? = digit as u8;
            count += 1;
        }
        if count == 4 { Ok(Self(digits)) } else { Err(TextError::LastFour) }
    }

    /// The last four digits of a text that may hold other characters too.
    fn of_digits(text: &str) -> Option<Self> {
        let mut digits = text.bytes().rev().filter(u8::is_ascii_digit);
        let mut last = [0; 4];
        for place in last.iter_mut().rev() {
            *place = digits.next()?;
        }
        Some(Self(last))
    }

    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("four ASCII digits")
    }

    /// Compares in constant time, so that the time of a wrong answer says nothing about the right one.
    pub fn matches(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl fmt::Debug for LastFour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LastFour(****)")
    }
}

/// An identity number on its way to its keyed hash. It is never stored, printed or copied, and wiped when dropped.
#[derive(PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct IdentityNumber(String);

impl IdentityNumber {
    const MAX: usize = 20;

    /// # Errors
    /// `Identity` unless 4 to 20 ASCII letters and digits remain without spaces and dashes, at least four of them digits.
    pub fn parse(text: &str) -> Result<Self, TextError> {
        // The capacity is never exceeded, so no earlier copy is left behind in memory; an early return wipes it too.
        let mut number = Self(String::with_capacity(Self::MAX));
        for c in text.chars() {
            if c.is_whitespace() || c == '-' || is_stray_mark(c) {
                continue;
            }
            let c = western_digit(c).unwrap_or_else(|| c.to_ascii_uppercase());
            if !c.is_ascii_alphanumeric() || number.0.len() == Self::MAX {
                return Err(TextError::Identity);
            }
            number.0.push(c);
        }
        if LastFour::of_digits(&number.0).is_some() { Ok(number) } else { Err(TextError::Identity) }
    }

    pub fn normalized(&self) -> &str {
        &self.0
    }

    pub fn last_four(&self) -> LastFour {
        LastFour::of_digits(&self.0).expect("an identity number has at least four digits")
    }
}

impl fmt::Debug for IdentityNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IdentityNumber(****)")
    }
}
