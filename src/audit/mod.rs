//! What somebody outside the office can check, from what it published or handed out: receipts, proofs, tiles, bundles.
//!
//! Everything here is a function of its arguments. This room never opens a file, asks a network, reads a clock or touches a
//! database, so that the command line, the page and a test judge alike; whoever calls it brings the bytes. It trusts nothing
//! that an office says of itself beyond what a key, a root or a witness confirms.

mod bundle;
mod bundle_archive;
mod bundle_judge;
mod finding;
mod judge;
pub mod keys_file;
mod log_audit;
mod log_heads;
mod log_proof;
mod presented;
mod proof_judge;
mod record_check;
mod record_json;
mod stored_entry;
mod tiles;
mod verdict;

pub use bundle::{Bundle, BundleError, BundledEntry, BundledReceipt, BundledRecord, CHECKER};
pub use bundle_judge::judge_bundle;
pub use finding::{Finding, Findings, MOST_FINDINGS, Place};
pub use judge::{Evidence, Later, judge, judge_text};
pub use log_audit::{
    Expectations, KnownRoot, LogReport, Paper, Unreadable, audit_log, judge_end, judge_entries, judge_papers,
    judge_tile, trusted_head,
};
pub use log_heads::OpenedLog;
pub use log_proof::{LogEvidence, SingleProof};
pub use presented::{Presented, PresentedError, PresentedSeal};
pub use proof_judge::judge_proof;
pub use record_check::Opening;
pub use stored_entry::judge_stored;
pub use tiles::{
    LeafData, SourceError, TileSource, bundle_at, parent_of, partial_tiles, perfect_root, read_entries, read_hashes,
    tile_at, tile_length,
};
pub use verdict::{Answer, Check, CheckKind, Ended, Outcome, Stated, Verdict};
