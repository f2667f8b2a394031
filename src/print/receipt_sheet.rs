//! Everything a receipt says, as plain data, and what can be wrong with it.

use std::sync::Arc;

use jiff::civil::{Date, DateTime};

use super::qr::QrError;
use crate::dossier::{DepositorRole, Language, Localized, Term};

/// A receipt's content; it holds personal data and secrets, so it has no `Debug` that shows them.
#[derive(Clone)]
pub struct ReceiptSheet {
    /// The two languages of the paper. Arabic stands on the right wherever it is; else the first stands on the left.
    pub languages: [Language; 2],
    pub issuer: Localized,
    /// The authority above the issuer, one line or several.
    pub header: Option<Localized>,
    pub office: Localized,
    /// A PNG.
    pub logo: Option<Arc<[u8]>>,
    pub reference: String,
    pub procedure: Localized,
    pub deposited_at: DateTime,
    pub applicant: String,
    pub depositor: DepositorLine,
    pub handed_in: Vec<Localized>,
    pub missing: Vec<Localized>,
    pub deadline: Option<Deadline>,
    /// The content of the QR symbol, upper case.
    pub url: String,
    /// Where to go without scanning, as a person types it.
    pub domain: String,
    /// `XXXX-XXXX`.
    pub typed_code: String,
    pub channels: Vec<ChannelLine>,
    pub hours: Vec<HoursLine>,
    pub leaf_index: u64,
    pub tree_size: u64,
    pub root: [u8; 32],
    pub footer: Option<Localized>,
    /// Which reprint this is; the paper is then marked as a duplicate.
    pub copy: Option<u16>,
    /// This paper takes the place of an earlier one, whose code no longer opens anything.
    pub replacement: bool,
}

impl std::fmt::Debug for ReceiptSheet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReceiptSheet").field("reference", &self.reference).finish_non_exhaustive()
    }
}

/// Who handed the dossier in; the name is left out when the applicant came in person.
#[derive(Clone)]
pub struct DepositorLine {
    pub role: DepositorRole,
    pub name: Option<String>,
}

impl std::fmt::Debug for DepositorLine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DepositorLine").field("role", &self.role).finish_non_exhaustive()
    }
}

/// By when the law wants an answer, and why.
#[derive(Clone, Debug)]
pub struct Deadline {
    /// Absent while the clock is suspended.
    pub due: Option<Date>,
    pub term: Term,
    pub basis: Localized,
}

/// A way to reach the agency. `label_key` is a key of the receipt's words, such as `receipt-channel-phone`.
#[derive(Clone, Debug)]
pub struct ChannelLine {
    pub label_key: &'static str,
    pub value: String,
}

/// When the office is open, for example "Monday to Friday" and `08:30 – 16:30`.
#[derive(Clone, Debug)]
pub struct HoursLine {
    pub days: Localized,
    pub times: String,
}

#[derive(Debug, thiserror::Error)]
pub enum PrintError {
    #[error("the two languages of a receipt must differ")]
    SameLanguageTwice,
    #[error("the logo is not a PNG that can be read: {0}")]
    Logo(String),
    #[error(transparent)]
    Qr(#[from] QrError),
    #[error("a text is too long for a page of its own")]
    TooLong,
    #[error("the PDF could not be written: {0}")]
    Pdf(String),
}
