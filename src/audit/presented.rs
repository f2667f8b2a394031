//! A receipt as somebody presents it: the text of its QR code, or the token alone.
//!
//! Stricter than the server, which forgives a seal that it cannot read because it does not need one: here the seal is what
//! proves, so a broken one is part of what is judged. Of whichever letter case: scanners and people change it, and base 32
//! reads the same.

use std::fmt;

use crate::receipt::{PublicUrl, ScannedPath, Seal};

/// Longer texts are no receipt's: a real address has some 370 characters.
const LONGEST: usize = 4096;

/// What was read from a text, of the right shape and verified by nobody yet.
#[derive(Clone)]
pub struct Presented {
    /// In lower case, with the port if it is not the scheme's own. `None` for a token alone.
    pub host: Option<String>,
    pub token: ScannedPath,
    pub seal: PresentedSeal,
}

/// The part of the address that proves it.
#[derive(Clone, Debug)]
pub enum PresentedSeal {
    Absent,
    /// Something stands in the seal's place that is not base 32.
    Unreadable,
    Present(Seal),
}

/// Why a text is not a receipt's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PresentedError {
    /// It is an address, or some text, and not of the form of a receipt's address.
    Address,
    /// It may be a receipt's address or a token, but the token has not its form.
    Token { host: Option<String> },
}

impl Presented {
    /// Reads `HTTPS://HOST/D/TOKEN[/SEAL]` or a token. Spaces around it are forgiven.
    ///
    /// # Errors
    /// [`PresentedError`].
    pub fn parse(text: &str) -> Result<Self, PresentedError> {
        let text = text.trim();
        if text.len() > LONGEST || !text.is_ascii() {
            return Err(PresentedError::Address);
        }
        let Some(authority) = text.find("://").map(|at| at + 3) else {
            let token = ScannedPath::parse(text, None).map_err(|_| PresentedError::Token { host: None })?;
            return Ok(Self { host: None, token, seal: PresentedSeal::Absent });
        };
        let path = text[authority..].find('/').map(|at| authority + at).ok_or(PresentedError::Address)?;
        let base = PublicUrl::parse(&text[..path]).map_err(|_| PresentedError::Address)?;
        let mut parts = text[path + 1..].split('/');
        if !parts.next().is_some_and(|first| first.eq_ignore_ascii_case("d")) {
            return Err(PresentedError::Address);
        }
        let (token, seal) = (parts.next().unwrap_or_default(), parts.next());
        if parts.next().is_some() {
            return Err(PresentedError::Address);
        }
        let host = Some(base.host().to_owned());
        let token = ScannedPath::parse(token, None).map_err(|_| PresentedError::Token { host: host.clone() })?;
        let seal = match seal {
            None | Some("") => PresentedSeal::Absent,
            Some(text) => Seal::from_text(text).map_or(PresentedSeal::Unreadable, PresentedSeal::Present),
        };
        Ok(Self { host, token, seal })
    }

    /// Whether a text looks like something that this module is for: used to pass over other people's codes in a picture.
    pub fn resembles(text: &str) -> bool {
        match Self::parse(text) {
            Ok(_) => true,
            Err(PresentedError::Token { host }) => host.is_some(),
            Err(PresentedError::Address) => false,
        }
    }
}

impl fmt::Debug for Presented {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Presented")
            .field("host", &self.host)
            .field("receipt_id", &self.token.receipt_id())
            .finish_non_exhaustive()
    }
}
