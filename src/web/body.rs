//! The bytes that go over the wire: one content, three encodings, a tag for each, and nothing when the visitor has it.
//!
//! The tag is a hash of the content, so it is right whatever the content was made from. A tag from the dossier's version was
//! rejected: the page also changes with the day, the catalogue and the program.

use std::io::Write;

use axum::http::{HeaderMap, HeaderValue, header};
use bytes::Bytes;
use sha2::{Digest, Sha256};

/// Below this the encodings' own frames outweigh what they save.
const WORTH_ENCODING: usize = 256;
const IN_MEMORY: &str = "writing to memory does not fail";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    Brotli,
    Gzip,
    Identity,
}

impl Encoding {
    pub(super) const fn token(self) -> &'static str {
        match self {
            Self::Brotli => "br",
            Self::Gzip => "gzip",
            Self::Identity => "identity",
        }
    }

    /// The best of ours that an `Accept-Encoding` takes. A visitor that takes none of them gets the plain bytes, which every
    /// client can read.
    pub(super) fn negotiate(headers: &HeaderMap) -> Self {
        let lines = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|line| line.to_str().ok());
        let (mut brotli, mut gzip, mut identity, mut others) = (None, None, None, None);
        for item in lines.flat_map(|line| line.split(',')).take(32) {
            let mut pieces = item.split(';');
            let name = pieces.next().unwrap_or_default().trim().to_ascii_lowercase();
            let weight = pieces.next().map_or(Some(1.0), weight);
            // A weight that cannot be read counts as none at all.
            let weight = weight.unwrap_or(0.0);
            match name.as_str() {
                "br" => brotli = Some(weight),
                "gzip" | "x-gzip" => gzip = Some(weight),
                "identity" => identity = Some(weight),
                "*" => others = Some(weight),
                _ => {}
            }
        }
        let brotli = brotli.or(others).unwrap_or(0.0);
        let gzip = gzip.or(others).unwrap_or(0.0);
        let identity = identity.unwrap_or(0.0);
        if brotli > 0.0 && brotli >= gzip && brotli >= identity {
            Self::Brotli
        } else if gzip > 0.0 && gzip >= identity {
            Self::Gzip
        } else {
            Self::Identity
        }
    }

    /// Content that is too short stays as it is.
    pub(super) fn for_content(self, content: &[u8]) -> Self {
        if content.len() < WORTH_ENCODING { Self::Identity } else { self }
    }

    pub(super) fn apply(self, content: Bytes) -> Bytes {
        match self {
            Self::Identity => content,
            Self::Brotli => brotli(&content).into(),
            Self::Gzip => gzip(&content).into(),
        }
    }
}

fn weight(piece: &str) -> Option<f32> {
    let (name, value) = piece.split_once('=')?;
    let value: f32 = value.trim().parse().ok()?;
    (name.trim().eq_ignore_ascii_case("q") && (0.0..=1.0).contains(&value)).then_some(value)
}

fn brotli(content: &[u8]) -> Vec<u8> {
    // Quality 5 takes half a millisecond a page; the next step up costs several times that for one percent.
    let parameters = brotli::enc::BrotliEncoderParams {
        quality: 5,
        lgwin: 18,
        size_hint: content.len(),
        ..brotli::enc::BrotliEncoderParams::default()
    };
    let mut encoded = Vec::with_capacity(content.len() / 3);
    brotli::BrotliCompress(&mut &content[..], &mut encoded, &parameters).expect(IN_MEMORY);
    encoded
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::with_capacity(content.len() / 3), flate2::Compression::new(6));
    encoder.write_all(content).expect(IN_MEMORY);
    encoder.finish().expect(IN_MEMORY)
}

/// A strong tag: the same content in another encoding has another one.
pub(super) fn tag(content: &[u8], encoding: Encoding) -> HeaderValue {
    let hash = hex::encode(&Sha256::digest(content)[..12]);
    HeaderValue::try_from(format!("\"{hash}-{}\"", encoding.token())).expect("hexadecimal digits are header text")
}

/// Whether an `If-None-Match` names what the visitor would get. Weak tags compare by their text (RFC 9110, 13.1.2).
pub(super) fn has_it(headers: &HeaderMap, tag: &HeaderValue) -> bool {
    let Ok(ours) = tag.to_str() else { return false };
    let lines = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).map(str::trim).any(|item| {
        // Our tags have no comma inside, so a piece of a foreign tag cannot equal one of them.
        item == "*" || item.strip_prefix("W/").unwrap_or(item) == ours
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_encoding_with_the_highest_weight_is_taken() {
        let check = |accept: &str, expected: Encoding| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_ENCODING, accept.parse().unwrap());
            assert_eq!(Encoding::negotiate(&headers), expected, "{accept}");
        };
        check("gzip, deflate, br, zstd", Encoding::Brotli);
        check("gzip", Encoding::Gzip);
        check("GZIP;Q=0.5", Encoding::Gzip);
        check("br;q=0.1, gzip;q=0.9", Encoding::Gzip);
        check("br;q=0, gzip;q=0", Encoding::Identity);
        check("br;q=0, *", Encoding::Gzip);
        check("*", Encoding::Brotli);
        check("*;q=0", Encoding::Identity);
        check("identity, gzip;q=0.5", Encoding::Identity);
        check("br;q=2", Encoding::Identity);
        check("br;q=NaN", Encoding::Identity);
        check("", Encoding::Identity);
        check("deflate", Encoding::Identity);
        assert_eq!(Encoding::negotiate(&HeaderMap::new()), Encoding::Identity);
    }

    #[test]
    fn a_tag_in_a_list_or_weak_or_a_star_is_known() {
        let tag = tag(b"content", Encoding::Gzip);
        let ours = tag.to_str().unwrap().to_owned();
        let check = |line: &str, expected: bool| {
            let mut headers = HeaderMap::new();
            headers.insert(header::IF_NONE_MATCH, line.parse().unwrap());
            assert_eq!(has_it(&headers, &tag), expected, "{line}");
        };
        check(&ours, true);
        check(&format!("W/{ours}"), true);
        check(&format!("\"a\", {ours} ,\"b\""), true);
        check("*", true);
        check("\"a\"", false);
        check("", false);
        check(",,,", false);
        check(ours.trim_matches('"'), false);
        check(&ours.replace("gzip", "br"), false);
    }
}
