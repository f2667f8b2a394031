//! Reading the codes in a picture or a paper: photograph, scan or PDF in, texts out.
//!
//! Pictures come from strangers. Their measures are read before their pixels, and what would take too much room or time is
//! refused. This room never judges what a code says. It has no way to interrupt the libraries that it hands a page to, so a
//! server runs it in a process of its own that the system holds to its memory and its time; see `cli/read_codes.rs`. A reader
//! that only takes the first code was rejected: people photograph several receipts on one table.

mod codes;
mod paper;
mod picture;

use std::fmt;

/// How much one file may take.
#[derive(Clone, Copy)]
pub struct Limits<'a> {
    /// Of the file.
    pub bytes: usize,
    /// Of the picture, or of one picture in a paper.
    pub pixels: u64,
    /// Of a paper; those beyond are not looked at.
    pub pages: usize,
    /// How many codes are given back.
    pub codes: usize,
    /// Asked between the steps of the work: `false` ends it.
    pub still_time: &'a (dyn Fn() -> bool + Sync),
}

impl Default for Limits<'_> {
    fn default() -> Self {
        Self { bytes: 64 << 20, pixels: 40_000_000, pages: 20, codes: 100, still_time: &|| true }
    }
}

impl fmt::Debug for Limits<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Limits")
            .field("bytes", &self.bytes)
            .field("pixels", &self.pixels)
            .field("pages", &self.pages)
            .field("codes", &self.codes)
            .finish_non_exhaustive()
    }
}

/// Why nothing was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScanError {
    #[error("it is no PNG, JPEG or PDF; take a photograph with a telephone, or scan the paper, and use that file")]
    Kind,
    #[error("it is too large; take a picture of the code alone, or with fewer pixels")]
    TooLarge,
    #[error("it is damaged; copy it again from where it was made, or take a new picture")]
    Damaged,
    #[error("it took too long to read; take a sharp picture of the code alone")]
    TooLong,
}

/// What a file is, by its first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Png,
    Jpeg,
    Pdf,
}

impl Kind {
    /// `None` for anything that this room does not read. A name is never asked: anybody can write one.
    pub fn of(bytes: &[u8]) -> Option<Self> {
        if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
            Some(Self::Png)
        } else if bytes.starts_with(b"\xff\xd8\xff") {
            Some(Self::Jpeg)
        } else if bytes.iter().take(1024).copied().collect::<Vec<u8>>().windows(5).any(|five| five == b"%PDF-") {
            Some(Self::Pdf)
        } else {
            None
        }
    }
}

/// The text of every QR code in a picture or a paper, from top to bottom and page by page, each once. Empty if there is none.
///
/// # Errors
/// [`ScanError`].
pub fn read_codes(bytes: &[u8], limits: &Limits<'_>) -> Result<Vec<String>, ScanError> {
    let kind = Kind::of(bytes).ok_or(ScanError::Kind)?;
    if bytes.len() > limits.bytes {
        return Err(ScanError::TooLarge);
    }
    let mut found = match kind {
        Kind::Png => codes::read(picture::decode(bytes, image::ImageFormat::Png, limits)?, limits)?,
        Kind::Jpeg => codes::read(picture::decode(bytes, image::ImageFormat::Jpeg, limits)?, limits)?,
        Kind::Pdf => paper::read(bytes, limits)?,
    };
    found.truncate(limits.codes);
    Ok(found)
}
