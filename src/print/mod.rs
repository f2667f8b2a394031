//! The receipt on paper: what it says, where each word stands, and the file that a printer takes.
//!
//! A [`ReceiptSheet`] is plain data that `web` and `cli` fill in. One layout function turns it into a [`DrawList`], which
//! knows text runs, lines, boxes and the QR symbol but no file format; a writer turns the list into a PDF. Another medium
//! (a thermal strip, a picture) is another writer over the same list.
//!
//! Nothing here reads a clock, a file or a database, and the same sheet always gives the same bytes: a reprint can then be
//! compared with the first print. Printing a web page through a browser was rejected, because the result differs from desk
//! to desk; so was a typesetting system, at several times the dependencies, the size and the time.

pub mod compose;
mod draw_list;
mod evidence;
mod evidence_page;
mod fonts;
mod happenings;
mod paragraph;
mod pdf;
mod qr;
mod receipt_contact;
mod receipt_facts;
mod receipt_layout;
mod receipt_sheet;
mod receipt_text;
mod receipt_words;
mod rows;

pub use draw_list::{Color, DrawItem, DrawList, DrawPage, Glyph, GlyphRun, Point, Rectangle, TextBlock};
pub use evidence::{EvidenceError, evidence_bundle};
pub use happenings::Happenings;
pub use pdf::receipt_pdf;
pub use qr::{QrError, QrSymbol};
pub use receipt_layout::layout_receipt;
pub use receipt_sheet::{ChannelLine, Deadline, DepositorLine, HoursLine, PrintError, ReceiptSheet};
pub use receipt_text::receipt_text;
pub use receipt_words::term;
