//! Whether the cosignatures that are kept are those that the witnesses made, as far as their keys are known.

use super::OfficeAudit;
use crate::{
    audit::{Findings, Place},
    service::{ServiceError, witnessing::kept_as},
    store::CosignatureRow,
};

pub(super) async fn judge(audit: &OfficeAudit<'_>, findings: &mut Findings) -> Result<(), ServiceError> {
    let mut after = None;
    loop {
        let page = audit.store.cosignatures_after(after, 500).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = Some((last.size, last.witness.clone()));
        for row in &page {
            if let Some(what) = wrong(audit, row).await? {
                findings.add(Place::Cosignature { size: row.size, witness: row.witness.clone() }, what);
            }
        }
    }
}

async fn wrong(audit: &OfficeAudit<'_>, row: &CosignatureRow) -> Result<Option<String>, ServiceError> {
    let Some(policy) = &audit.policy else { return Ok(None) };
    let Some(witness) = policy.witnesses().iter().find(|witness| kept_as(witness) == row.witness) else {
        return Ok(None);
    };
    // A checkpoint that is gone was reported as such.
    let Some(checkpoint) = audit.store.checkpoint_of(row.size).await? else { return Ok(None) };
    let note = format!("{}{}\n", checkpoint.note, row.line.trim_end_matches('\n'));
    Ok(match policy.judge_with(&note, &audit.log_keys) {
        Ok(judged) => {
            let at = judged.cosigners.iter().find(|(name, _)| *name == witness.name).map(|(_, at)| *at);
            match at {
                None => Some("the witness's key did not make it".to_owned()),
                Some(at) if i64::try_from(at) != Ok(row.at) => Some("its time is another one".to_owned()),
                Some(_) => None,
            }
        }
        Err(error) => Some(error.to_string()),
    })
}
