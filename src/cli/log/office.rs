//! `milaf log audit --data`: an office's own database against its log.
//!
//! It opens the office as a command does that changes nothing, and without the check of the start: what that check refuses is
//! what is to be found here, with everything else.

use std::{path::PathBuf, time::Instant};

use super::trust::Trust;
use crate::{
    audit::{KnownRoot, Paper, Place},
    cli::{
        DataArgument, UsageError,
        open::{Database, Papers, load_issuer, open_store},
        terminal::progress,
    },
    clock::{Environment, SystemEnvironment},
    config::DataDir,
    receipt::{KeyRing, SealPublicKey},
    service::{OfficeAudit, OfficeReport},
    store::Inspect,
    tlog::{KeyPurpose, LogEvent, NoteVerifier},
};

/// What the audit is given beside the data folder.
pub(super) struct Given<'a> {
    pub(super) trust: Trust,
    /// Checkpoints that others kept.
    pub(super) checkpoints: &'a [PathBuf],
    pub(super) receipts: &'a [String],
}

/// Looks an office over.
///
/// # Errors
/// [`UsageError`] when it cannot be read.
pub(super) async fn audit(data: &DataArgument, given: Given<'_>) -> anyhow::Result<(OfficeReport, f64)> {
    let unreadable = |error: anyhow::Error| UsageError(format!("the office cannot be read: {error:#}"));
    let place = data.place()?;
    let papers =
        load_issuer(&place.data, None).and_then(|issuer| Papers::load(&place.data, issuer)).map_err(unreadable)?;
    let opened = open_store(&place.database, &place.settings.database, papers.sealer(), Database::MustExist).await;
    let store = opened.map_err(unreadable)?;
    let start = Instant::now();
    let outcome = look(&*store, &place.data, &papers, given).await;
    let seconds = start.elapsed().as_secs_f64();
    store.close().await;
    Ok((outcome?, seconds))
}

async fn look(store: &dyn Inspect, data: &DataDir, papers: &Papers, given: Given<'_>) -> anyhow::Result<OfficeReport> {
    let (mut seal_keys, mut log_keys) = keys(store, papers).await;
    seal_keys.extend(given.trust.seal);
    log_keys.extend(given.trust.log);
    let kept = kept(data, given.checkpoints)?;
    let roots = super::papers::read(given.receipts, &seal_keys)?.into_iter().map(root_of).collect();
    let issuer = &papers.issuer;
    let audit = OfficeAudit { store, issuer, seal_keys, log_keys, kept, policy: given.trust.policy, roots };
    let bar = progress(0, "comparing rows and log");
    let outcome = audit
        .run(&mut |done, all| {
            bar.set_length(all);
            bar.set_position(done);
        })
        .await;
    bar.finish_and_clear();
    outcome.map_err(|error| UsageError(format!("the database cannot be read: {error}")).into())
}

/// Every key that the log names, with which seals and checkpoints were made; the log's under each name that it had, before
/// accepted rollbacks too.
async fn keys(store: &dyn Inspect, papers: &Papers) -> (Vec<SealPublicKey>, Vec<NoteVerifier>) {
    // Where these events cannot be read, the pass over the entries says so.
    let told = store.log_events().await.unwrap_or_default();
    let events: Vec<LogEvent> = told.into_iter().map(|told| told.event).collect();
    let known = papers.keys();
    let now = SystemEnvironment.now().as_millisecond();
    let ring = KeyRing::by_the_log(known.held().clone(), &events, now).unwrap_or_else(|_| KeyRing::clone(&known));
    let mut names = vec![ring.origin().to_owned()];
    for event in &events {
        if let LogEvent::RollbackAccepted { lost, .. } = event {
            names.extend(lost.lines().next().map(str::to_owned));
        }
    }
    let seal = ring.published(KeyPurpose::Seal);
    let log = ring.published(KeyPurpose::Log);
    let verifier = |name: &String| {
        let name = name.clone();
        log.iter().filter_map(move |key| NoteVerifier::of_public(&name, &key.key).ok()).collect::<Vec<_>>()
    };
    (
        seal.iter().filter_map(|key| SealPublicKey::from_bytes(&key.key).ok()).collect(),
        names.iter().flat_map(verifier).collect(),
    )
}

/// The checkpoint beside the database, and those given.
fn kept(data: &DataDir, given: &[PathBuf]) -> anyhow::Result<Vec<(Place, String)>> {
    let mut kept = Vec::new();
    match std::fs::read_to_string(data.checkpoint()) {
        Ok(note) => kept.push((Place::Checkpoint, note)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            kept.push((Place::Checkpoint, String::new()));
        }
        Err(error) => return Err(UsageError(format!("{}: {error}", data.checkpoint().display())).into()),
    }
    for path in given {
        let note = std::fs::read_to_string(path);
        let note = note.map_err(|error| UsageError(format!("{}: {error}", path.display())))?;
        kept.push((Place::File(path.display().to_string()), note));
    }
    Ok(kept)
}

fn root_of(paper: Paper) -> KnownRoot {
    KnownRoot { place: Place::Paper { leaf: paper.leaf }, size: paper.size, root: paper.root }
}
