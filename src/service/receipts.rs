//! What is printed, and handing out another paper.

use jiff::{SignedDuration, Timestamp};

use super::{Actor, DossierView, Failure, Service, ServiceError, dossiers::fold};
use crate::{
    dossier::{Command, Dossier, Event, LegalClock, Paragraph, Recorded, Reference},
    receipt::{ReceiptId, Seal, TypedCode, receipt_url_sealed},
    store::SealedReceipt,
    tlog::KeyPurpose,
};

const PRINTING_TIME: SignedDuration = SignedDuration::from_mins(30);

/// Everything that the paper of a receipt says; it holds secrets and personal data.
#[derive(Clone)]
pub struct ReceiptView {
    /// As it stood when this paper was handed out, so that printing it again cannot make another paper.
    pub dossier: Dossier,
    /// When this paper was handed out: the issue of the receipt, or its last reprint.
    pub handed_out_at: Timestamp,
    /// The version at which the dossier stands now, for a form that asks for a reprint.
    pub current_version: u32,
    pub receipt: SealedReceipt,
    /// The sealed address, upper case.
    pub url: String,
    pub code: TypedCode,
    pub clock: Option<LegalClock>,
    /// The number of the reprint, when it is one.
    pub copy: Option<u16>,
    /// This receipt took the place of an earlier one.
    pub replacement: bool,
}

impl std::fmt::Debug for ReceiptView {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReceiptView").field("reference", &self.dossier.reference).finish_non_exhaustive()
    }
}

pub(super) struct Paper {
    pub token: String,
    pub url: String,
    pub code: TypedCode,
}

impl Service {
    /// The receipt in force, as it was last handed out.
    pub async fn receipt(&self, reference: &Reference) -> Result<Option<ReceiptView>, ServiceError> {
        let Some(view) = self.dossier(reference).await? else { return Ok(None) };
        let Some(receipt) = view.receipts.last() else { return Ok(None) };
        self.as_handed_out(&view, receipt)
    }

    /// The paper of one of a dossier's receipts, as it was last handed out.
    pub(super) fn as_handed_out(
        &self,
        view: &DossierView,
        receipt: &SealedReceipt,
    ) -> Result<Option<ReceiptView>, ServiceError> {
        let hands_out = |(_, recorded): &(u64, Recorded)| match recorded.event {
            Event::ReceiptIssued { receipt: id, .. } | Event::ReceiptReprinted { receipt: id, .. } => id == receipt.id,
            _ => false,
        };
        let Some(last) = view.events.iter().rposition(hands_out) else { return Ok(None) };
        let (_, handed_out) = &view.events[last];
        let (handed_out_at, on) = (handed_out.at, handed_out.on);
        let dossier = fold(&view.dossier.reference, &view.events[..=last])?;
        let paper = self.paper(receipt)?;
        Ok(Some(ReceiptView {
            url: paper.url,
            code: paper.code,
            copy: (receipt.copies > 0).then_some(receipt.copies),
            replacement: view.receipts.first().is_some_and(|first| first.id != receipt.id),
            clock: LegalClock::of(&dossier, &self.issuer().calendar, on),
            handed_out_at,
            current_version: view.dossier.version,
            receipt: receipt.clone(),
            dossier,
        }))
    }

    /// Whether the printer may still be fed with this paper: a jam is put right within minutes, and whoever comes later
    /// gets a duplicate, which says so and is logged.
    pub fn may_still_print(&self, view: &ReceiptView) -> bool {
        !self.is_withdrawn(&view.receipt) && self.now().duration_since(view.handed_out_at) <= PRINTING_TIME
    }

    /// Whether the key that made a receipt's token is revoked, so that nobody should be given it again.
    pub fn is_withdrawn(&self, receipt: &SealedReceipt) -> bool {
        self.keys().is_revoked(KeyPurpose::Token, u32::from(receipt.key_id))
    }

    /// Records a reprint: the same token, marked as a duplicate, in the log.
    pub async fn reprint(&self, actor: &Actor, reference: &Reference, version: u32) -> Result<DossierView, Failure> {
        self.execute(actor, reference, version, &Command::ReprintReceipt, None).await
    }

    /// Issues another receipt with a new token; the old one says "replaced" from then on.
    pub async fn replace_receipt(
        &self,
        actor: &Actor,
        reference: &Reference,
        version: u32,
        reason: Paragraph,
        form_key: Option<&str>,
    ) -> Result<DossierView, Failure> {
        let new = ReceiptId::new(self.random::<8>()?);
        let key_id = self.issuing_key(self.now())?;
        self.execute(actor, reference, version, &Command::ReplaceReceipt { new, key_id, reason }, form_key).await
    }

    pub(super) fn paper(&self, receipt: &SealedReceipt) -> Result<Paper, ServiceError> {
        let keys = &self.keys().token_keys;
        let missing = || ServiceError::Damaged(format!("token key {} is not in the key ring", receipt.key_id));
        let token = keys.token(receipt.key_id, receipt.id).ok_or_else(missing)?;
        let code = keys.typed_code(receipt.key_id, receipt.id).ok_or_else(missing)?;
        let seal = Seal::from_bytes(receipt.seal.clone());
        Ok(Paper { url: receipt_url_sealed(&self.issuer().public_url, &token, &seal), token: token.text(), code })
    }
}
