//! The address of a receipt, and what a scanned one holds.
//!
//! Addresses are built from the configured public URL only, never from a request's `Host`. They are
//! written in upper case, because a QR code's alphanumeric mode has no lower case and no
//! underscore, brackets or query marks; so a base with any of these is refused here, at start,
//! rather than printed on paper. A general URL parser was rejected: it would accept, and quietly
//! rewrite, most of what must be refused.

use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

use thiserror::Error;

use super::base32;
use super::receipt_id::ReceiptId;
use super::seal::Seal;
use super::token::{Token, TokenError, UncheckedToken};

/// The longest seal text looked at. A real one has some 300 characters.
const LONGEST_SEAL_TEXT: usize = 2048;

/// Why a text cannot be the public URL.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PublicUrlError {
    #[error("the public URL must begin with https:// or http://")]
    Scheme,
    #[error("the public URL must name a host in ASCII letters, digits, dots and hyphens (or an IPv4 address)")]
    Host,
    #[error("the public URL's port must be a number from 1 to 65535")]
    Port,
    #[error("the public URL must have no path, query, fragment or user name")]
    Extra,
}

/// Scheme, host and port under which the public reaches this service.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicUrl {
    /// Lower case, without a default port and without a final slash.
    text: String,
    host_at: usize,
}

impl PublicUrl {
    /// Reads a configured base such as `https://suivi.example.ma` or `http://192.168.1.20:8080`.
    /// One final slash is forgiven.
    pub fn parse(text: &str) -> Result<Self, PublicUrlError> {
        let lower = text.to_ascii_lowercase();
        let (scheme, rest, default_port) = if let Some(rest) = lower.strip_prefix("https://") {
            ("https://", rest, 443)
        } else if let Some(rest) = lower.strip_prefix("http://") {
            ("http://", rest, 80)
        } else {
            return Err(PublicUrlError::Scheme);
        };
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        if authority.contains(['/', '?', '#', '@', '\\']) {
            return Err(PublicUrlError::Extra);
        }
        // An IPv6 address has colons of its own, and brackets that a QR code's mode lacks.
        if authority.starts_with('[') {
            return Err(PublicUrlError::Host);
        }
        let (host, port) = match authority.split_once(':') {
            Some((host, port)) => (host, Some(parse_port(port)?)),
            None => (authority, None),
        };
        if !is_host(host) {
            return Err(PublicUrlError::Host);
        }
        let text = match port {
            Some(port) if port != default_port => format!("{scheme}{host}:{port}"),
            _ => format!("{scheme}{host}"),
        };
        Ok(Self { text, host_at: scheme.len() })
    }

    /// The whole base in lower case, without a final slash: also what a browser sends as `Origin`.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The host, with the port if it is not the scheme's own.
    pub fn host(&self) -> &str {
        &self.text[self.host_at..]
    }

    pub fn is_https(&self) -> bool {
        self.text.starts_with("https:")
    }

    /// The address of a path on this service, with exactly one slash between.
    pub fn join(&self, path: &str) -> String {
        let path = path.strip_prefix('/').unwrap_or(path);
        format!("{}/{path}", self.text)
    }
}

impl FromStr for PublicUrl {
    type Err = PublicUrlError;

    fn from_str(text: &str) -> Result<Self, PublicUrlError> {
        Self::parse(text)
    }
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl fmt::Debug for PublicUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "PublicUrl({})", self.text)
    }
}

/// `HTTPS://HOST/D/TOKEN`, the smallest symbol.
pub fn receipt_url_compact(base: &PublicUrl, token: &Token) -> String {
    let base = base.as_str().to_ascii_uppercase();
    format!("{base}/D/{}", token.text())
}

/// `HTTPS://HOST/D/TOKEN/SEAL`, which can also be verified without the server.
pub fn receipt_url_sealed(base: &PublicUrl, token: &Token, seal: &Seal) -> String {
    format!("{}/{}", receipt_url_compact(base, token), seal.text())
}

/// The parts of a scanned address, of the right shape but verified by nobody yet.
#[derive(Clone)]
pub struct ScannedPath {
    token_text: String,
    receipt_id: ReceiptId,
    seal: Option<Seal>,
}

impl ScannedPath {
    /// Takes the one or two path segments after `/d/`, of either case.
    ///
    /// Only the token decides whether the path is one: the seal never changes what a page shows,
    /// so a seal that cannot be read counts as absent.
    pub fn parse(token_part: &str, seal_part: Option<&str>) -> Result<Self, TokenError> {
        let receipt_id = UncheckedToken::parse(token_part)?.receipt_id();
        let seal = seal_part
            .filter(|text| !text.is_empty() && text.len() <= LONGEST_SEAL_TEXT)
            .and_then(|text| base32::decode(text).ok())
            .map(Seal::from_bytes);
        Ok(Self { token_text: token_part.to_ascii_uppercase(), receipt_id, seal })
    }

    /// Upper case, to be given to [`super::TokenKeys::verify`].
    pub fn token_text(&self) -> &str {
        &self.token_text
    }

    /// Which receipt the token names. Anybody can write this; only the token's tag, or a seal, confirms it.
    pub fn receipt_id(&self) -> ReceiptId {
        self.receipt_id
    }

    pub fn seal(&self) -> Option<&Seal> {
        self.seal.as_ref()
    }
}

impl fmt::Debug for ScannedPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ScannedPath([redacted])")
    }
}

fn parse_port(text: &str) -> Result<u16, PublicUrlError> {
    // `parse` alone would also take a plus sign.
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(PublicUrlError::Port);
    }
    match text.parse() {
        Ok(0) | Err(_) => Err(PublicUrlError::Port),
        Ok(port) => Ok(port),
    }
}

fn is_host(host: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if host.len() > 253 || !host.split('.').all(is_label) {
        return false;
    }
    // A last label of digits makes browsers read an IPv4 address, so it must be a whole one.
    let last_label = host.rsplit('.').next().unwrap_or(host);
    let numeric = last_label.bytes().all(|byte| byte.is_ascii_digit());
    !numeric || host.parse::<Ipv4Addr>().is_ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::receipt::{ReceiptId, SealClaims, SealKey, TokenKey};
    use proptest::prelude::*;

    fn check(text: &str, expected: &Result<(&str, &str, bool), PublicUrlError>) {
        let url = PublicUrl::parse(text);
        let seen = url.as_ref().map(|url| (url.as_str(), url.host(), url.is_https()));
        assert_eq!(seen, expected.as_ref().copied(), "{text:?}");
    }

    #[test]
    fn a_base_is_scheme_host_and_port() {
        let office = Ok(("https://suivi.example.ma", "suivi.example.ma", true));
        check("https://suivi.example.ma", &office);
        check("HTTPS://Suivi.Example.MA/", &office);
        check("https://suivi.example.ma:443", &office);
        check("http://192.168.1.20:8080", &Ok(("http://192.168.1.20:8080", "192.168.1.20:8080", false)));
        check("http://localhost:80", &Ok(("http://localhost", "localhost", false)));
        check("http://h:443", &Ok(("http://h:443", "h:443", false)));
        check("https://xn--a.ma:08443", &Ok(("https://xn--a.ma:8443", "xn--a.ma:8443", true)));
    }

    #[test]
    fn a_base_is_nothing_else() {
        for text in ["", "suivi.example.ma", "ftp://h", "https:/h", "//h", " https://h", "https"] {
            check(text, &Err(PublicUrlError::Scheme));
        }
        for text in [
            "https://h/d",
            "https://h//",
            "https://h/?q",
            "https://h?q",
            "https://h#f",
            "https://user@h",
            "https://user:word@h",
            "https://h\\d",
        ] {
            check(text, &Err(PublicUrlError::Extra));
        }
        for text in ["https://h:", "https://h:0", "https://h:65536", "https://h:+1", "https://h:1:2"] {
            check(text, &Err(PublicUrlError::Port));
        }
        for text in [
            "https://",
            "https:///",
            "https://.",
            "https://h.",
            "https://a..b",
            "https://-h",
            "https://h-",
            "https://a_b",
            "https://h h",
            "https://h\n",
            "https://h%41",
            "https://مثال.ma",
            "https://300.1.1.1",
            "https://1.2.3",
            "https://a.1",
            "https://01.2.3.4",
            "https://*.h",
        ] {
            check(text, &Err(PublicUrlError::Host));
        }
        check("https://[::1]:8443", &Err(PublicUrlError::Host));
        check(&format!("https://{}", "a".repeat(64)), &Err(PublicUrlError::Host));
        check(&format!("https://{}a", "a.".repeat(127)), &Err(PublicUrlError::Host));
    }

    #[test]
    fn joining_puts_one_slash() {
        let base = PublicUrl::parse("https://h").unwrap();
        assert_eq!(base.join("/log/checkpoint"), "https://h/log/checkpoint");
        assert_eq!(base.join("log/checkpoint"), "https://h/log/checkpoint");
        assert_eq!(base.join(""), "https://h/");
    }

    fn example() -> (Token, Seal) {
        let receipt_id = ReceiptId::new([7; 8]);
        let token = TokenKey::new(0, [1; 32]).unwrap().issue(receipt_id);
        let seal = SealKey::from_seed([2; 32]).seal(&SealClaims {
            issued_at: 1_790_000_000,
            receipt_id,
            reference: "NRU-2026-000123".to_owned(),
            leaf_index: 12,
            commitment16: [3; 16],
            tree_size: 13,
            root: [4; 32],
        });
        (token, seal)
    }

    #[test]
    fn a_printed_address_is_alphanumeric_for_qr_and_reads_back() {
        let (token, seal) = example();
        let base = PublicUrl::parse("https://suivi.example.ma").unwrap();
        let compact = receipt_url_compact(&base, &token);
        assert_eq!(compact, format!("HTTPS://SUIVI.EXAMPLE.MA/D/{}", token.text()));
        let sealed = receipt_url_sealed(&base, &token, &seal);
        assert_eq!(sealed, format!("{compact}/{}", seal.text()));
        let alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:";
        assert!(sealed.chars().all(|character| alphabet.contains(character)));

        for text in [sealed.clone(), sealed.to_lowercase()] {
            let mut parts = text.rsplit('/');
            let (seal_part, token_part) = (parts.next(), parts.next().unwrap());
            let scanned = ScannedPath::parse(token_part, seal_part).unwrap();
            assert_eq!(scanned.token_text(), token.text());
            assert_eq!(scanned.seal(), Some(&seal));
            assert!(!format!("{scanned:?}").contains(&token.text()));
        }
    }

    #[test]
    fn the_seal_decides_nothing() {
        let text = example().0.text();
        for unreadable in [None, Some(""), Some("!"), Some("ZX"), Some(&*"0".repeat(4096))] {
            let scanned = ScannedPath::parse(&text, unreadable).unwrap();
            assert_eq!(scanned.token_text(), text);
            assert_eq!(scanned.seal(), None);
        }
        let refused = ScannedPath::parse("SHORT", None).map(drop);
        assert_eq!(refused, Err(TokenError::Length));
    }

    proptest! {
        #[test]
        fn arbitrary_text_never_panics(text: String, other: String, host in "[a-zA-Z0-9.:-]{0,30}") {
            let _ = ScannedPath::parse(&text, Some(&other));
            let _ = PublicUrl::parse(&text);
            if let Ok(url) = PublicUrl::parse(&format!("https://{host}")) {
                prop_assert_eq!(PublicUrl::parse(url.as_str()), Ok(url));
            }
        }
    }
}
