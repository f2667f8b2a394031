//! A dossier's evidence as the one file that is handed over: what the service gathered, the papers as PDF, and the page.
//!
//! It adds nothing to what it is given and decides nothing. The same evidence gives the same bytes.

use super::{PrintError, compose, evidence_page::EvidencePage, receipt_pdf};
use crate::{
    audit::{Bundle, BundleError, BundledEntry, BundledReceipt, BundledRecord, CHECKER, keys_file},
    config::Issuer,
    dossier::Language,
    service::{Evidence, EvidenceEntry, EvidenceReceipt},
    tlog::{Policy, leaf_data},
};

/// Why evidence cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum EvidenceError {
    #[error(transparent)]
    Bundle(#[from] BundleError),
    #[error("the public keys cannot be written: {0}")]
    Keys(#[from] keys_file::KeysFileError),
    #[error("a receipt's paper cannot be drawn: {0}")]
    Print(#[from] PrintError),
}

/// The bundle of a dossier's evidence, with its page in the reader's language.
///
/// # Errors
/// [`EvidenceError`].
pub fn evidence_bundle(
    issuer: &Issuer,
    evidence: &Evidence,
    policy: Option<&Policy>,
    language: Language,
) -> Result<Vec<u8>, EvidenceError> {
    let paper = |receipt: &EvidenceReceipt| -> Result<BundledReceipt, EvidenceError> {
        let paper = receipt.paper.as_ref().map(|view| receipt_pdf(&compose::sheet(issuer, view))).transpose()?;
        Ok(BundledReceipt { seal: receipt.receipt.seal.clone(), proof: receipt.proof.to_string(), paper })
    };
    let bundle = Bundle {
        reference: evidence.reference.to_string(),
        host: evidence.keys.host.clone(),
        origin: evidence.keys.log_origin.clone(),
        page: EvidencePage::new(issuer, evidence, policy, language).text(),
        checker: CHECKER.to_owned(),
        checkpoint: evidence.published.note.clone(),
        keys: keys_file::write(&evidence.keys)?,
        policy: policy.map(|policy| policy.file().to_vec()),
        events: evidence.entries.iter().map(entry).collect(),
        log: evidence.log_entries.iter().map(entry).collect(),
        receipts: evidence.receipts.iter().map(paper).collect::<Result<_, _>>()?,
    };
    Ok(bundle.write()?)
}

fn entry(entry: &EvidenceEntry) -> BundledEntry {
    let row = &entry.row;
    BundledEntry {
        leaf: row.index,
        data: leaf_data(&row.commitment),
        proof: entry.proof.to_string(),
        content: row
            .content
            .as_ref()
            .map(|content| BundledRecord { record: content.record.clone(), nonce: content.nonce }),
    }
}
