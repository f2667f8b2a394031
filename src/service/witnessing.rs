//! Asking witnesses to cosign what was published, beside everything else and never in its way.
//!
//! One checkpoint at a time is the target: the newest one, until the policy's quorum has cosigned it, or everybody who was
//! asked has answered, or [`ROUND`] has passed. Asking each witness for whatever is newest at its own pace was rejected,
//! because two slow ones would cosign different checkpoints for ever and no quorum would come together. A witness has one
//! request under way at most; one that fails is asked again after a pause that doubles up to [`LONGEST_PAUSE`].
//!
//! What is published prefers the newest checkpoint that satisfies the quorum, as long as it is not more than [`BEHIND`] older
//! than the newest of all: a fresh one that nobody has cosigned yet must not hide one that a court has seen. When the
//! witnesses are away for longer, the newest is shown without them, so that losing them does not hide what happens. The
//! newest of all is always there under its own address.
//!
//! How a witness is reached is the command line's: this room knows no HTTP. Several nodes may ask the same witnesses; then
//! some cosignatures come twice, which does no harm.

use std::{
    fmt,
    pin::Pin,
    sync::{Arc, PoisonError},
    time::Duration,
};

use base64::prelude::{BASE64_STANDARD, Engine};
use jiff::{SignedDuration, Timestamp};
use tokio::{
    task::JoinSet,
    time::{Instant, MissedTickBehavior},
};

use super::{Published, Service, ServiceError};
use crate::{
    metrics::WitnessOutcome,
    store::{CheckpointRow, CosignatureRow},
    tlog::{Checkpoint, Hash, Policy, PolicyWitness},
};

/// A target is given up after this.
const ROUND: Duration = Duration::from_secs(15);
/// Between two targets, and between two looks at whether there is something new.
const BETWEEN: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_mins(5);
/// How much older than the newest checkpoint a cosigned one may be and still be the one that is shown.
const BEHIND: SignedDuration = SignedDuration::from_mins(10);
/// How far a witness's clock and ours may be apart.
const CLOCKS: i64 = 600;
/// How many published checkpoints are looked through for one that satisfies the quorum.
const LOOKED_THROUGH: u32 = 200;

/// What a witness answered to a submission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WitnessReply {
    /// Signature lines, unverified.
    Lines(String),
    /// It has cosigned another size last.
    LastSize(u64),
    /// It says that the checkpoint does not extend what it has cosigned.
    Inconsistent,
    /// Anything else, in a few words.
    Refused(String),
}

/// Sends a submission to the address of a witness and waits for what it says, for a bounded time.
pub type AskWitness =
    Arc<dyn Fn(String, String) -> Pin<Box<dyn Future<Output = Result<WitnessReply, String>> + Send>> + Send + Sync>;

/// What is known of a witness of the policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WitnessReport {
    pub name: String,
    pub url: Option<String>,
    /// The largest size that it has cosigned, and when by its own clock.
    pub last: Option<(u64, Timestamp)>,
}

/// Why one submission came to nothing.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error("{0}")]
    Answer(String),
    #[error(
        "it says that our log does not extend what it has cosigned. Either this office shows two histories, or it does"
    )]
    Inconsistent,
    #[error(
        "it has cosigned {0} entries under our log's key, and no checkpoint of that size was published from here. Either \
             this office shows two histories, or it does"
    )]
    Fork(u64),
    #[error(transparent)]
    Service(#[from] ServiceError),
}

/// The policy that was handed to a service, and the newest checkpoint known to satisfy it.
pub(super) struct Witnessing {
    policy: Arc<Policy>,
    best: std::sync::Mutex<Option<(Published, Timestamp)>>,
}

impl fmt::Debug for Witnessing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Witnessing").finish_non_exhaustive()
    }
}

/// How it goes with one witness.
struct Progress {
    witness: PolicyWitness,
    url: String,
    /// The size that it cosigned last, as far as is known here.
    known: u64,
    busy: bool,
    /// The target that it has answered for.
    done: Option<u64>,
    pause: Duration,
    not_before: Instant,
    last_problem: String,
}

/// The checkpoint that is being cosigned.
#[derive(Clone)]
struct Target {
    checkpoint: Checkpoint,
    note: String,
    begun: Instant,
    met: bool,
}

impl Service {
    /// Hands over the policy, once, before anything is served. A later call changes nothing.
    pub async fn use_policy(&self, policy: Arc<Policy>) -> Result<(), ServiceError> {
        let best = self.newest_witnessed(&policy).await?;
        let _ = self.witnessing.set(Witnessing { policy, best: std::sync::Mutex::new(best) });
        Ok(())
    }

    pub fn policy(&self) -> Option<&Policy> {
        self.witnessing.get().map(|witnessing| witnessing.policy.as_ref())
    }

    /// The verifier key of this office's log, as a policy names it.
    pub fn log_vkey(&self) -> String {
        self.keys().log_key.vkey()
    }

    /// Whether the policy names this log's key.
    pub fn is_named_by(&self, policy: &Policy) -> bool {
        let ring = self.keys();
        let ours = ring.log_verifiers(ring.origin()).unwrap_or_default();
        policy.logs().any(|log| ours.contains(log))
    }

    /// The newest published checkpoint that satisfies the policy's quorum, with its cosignatures, and when it was published.
    pub async fn newest_witnessed(&self, policy: &Policy) -> Result<Option<(Published, Timestamp)>, ServiceError> {
        for row in self.parts.store.published_checkpoints(None, LOOKED_THROUGH).await? {
            if let Some(found) = self.witnessed(policy, row).await? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// What is known of the policy's witnesses, in the order of the file.
    pub async fn witness_reports(&self, policy: &Policy) -> Result<Vec<WitnessReport>, ServiceError> {
        let mut reports = Vec::new();
        for witness in policy.witnesses() {
            let kept_as = kept_as(witness);
            let mut last = None;
            if let Some(size) = self.parts.store.last_cosigned(&kept_as).await? {
                let rows = self.parts.store.cosignatures(size).await?;
                let at = rows.iter().find(|row| row.witness == kept_as);
                last = at.and_then(|row| Timestamp::from_second(row.at).ok()).map(|at| (size, at));
            }
            reports.push(WitnessReport { name: witness.name.clone(), url: witness.url.clone(), last });
        }
        Ok(reports)
    }

    /// The cosigned checkpoint to show in the place of the newest, if there is one and it is fresh enough.
    pub(super) fn preferred(&self, newest: &CheckpointRow) -> Option<Published> {
        let witnessing = self.witnessing.get().filter(|witnessing| witnessing.policy.asks_for_witnesses())?;
        let best = witnessing.best.lock().unwrap_or_else(PoisonError::into_inner);
        let (best, published_at) = best.as_ref()?;
        let fresh = newest.published_at.duration_since(*published_at) <= BEHIND;
        // The names of a log that a rollback has ended are no longer shown.
        let ours = best.checkpoint.origin == self.keys().origin();
        (fresh && ours).then(|| best.clone())
    }

    /// Asks the policy's witnesses for as long as it is polled. Without a policy it ends at once.
    pub async fn ask_witnesses(self: Arc<Self>, ask: AskWitness) {
        let Some(policy) = self.witnessing.get().map(|witnessing| Arc::clone(&witnessing.policy)) else { return };
        let mut all = Vec::new();
        for witness in policy.witnesses() {
            let Some(url) = witness.url.clone() else { continue };
            let known = self.parts.store.last_cosigned(&kept_as(witness)).await.ok().flatten().unwrap_or(0);
            all.push(Progress {
                witness: witness.clone(),
                url,
                known,
                busy: false,
                done: None,
                pause: BETWEEN,
                not_before: Instant::now(),
                last_problem: String::new(),
            });
        }
        if all.is_empty() {
            return;
        }
        let mut ticks = tokio::time::interval(BETWEEN);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut under_way = JoinSet::new();
        let mut target: Option<Target> = None;
        loop {
            tokio::select! {
                _ = ticks.tick() => self.aim(&mut target, &all).await,
                Some(Ok((place, size, outcome))) = under_way.join_next() => {
                    self.take_in(&mut all[place], &mut target, size, outcome).await;
                }
            }
            let Some(target) = &target else { continue };
            for (place, one) in all.iter_mut().enumerate() {
                let size = target.checkpoint.size;
                if one.busy || one.done >= Some(size) || Instant::now() < one.not_before {
                    continue;
                }
                one.busy = true;
                let (service, ask, target) = (Arc::clone(&self), Arc::clone(&ask), target.clone());
                let (witness, url, known) = (one.witness.clone(), one.url.clone(), one.known);
                under_way
                    .spawn(async move { (place, size, service.submit(&witness, url, known, &target, &ask).await) });
            }
        }
    }

    /// Takes the newest checkpoint for the target when the present one is over.
    async fn aim(&self, target: &mut Option<Target>, all: &[Progress]) {
        let now = Instant::now();
        let size = target.as_ref().map(|target| target.checkpoint.size);
        let waited_for = all.iter().any(|one| one.busy || (one.done < size && one.not_before <= now));
        if target.as_ref().is_some_and(|target| waited_for && !target.met && now < target.begun + ROUND) {
            return;
        }
        match self.newest_row().await {
            // Of an empty log there is nothing to be said.
            Ok(Some((checkpoint, row))) if checkpoint.size > 0 && Some(checkpoint.size) != size => {
                *target = Some(Target { checkpoint, note: row.note, begun: now, met: false });
            }
            // The same one again: whoever has not cosigned it may have come back.
            Ok(_) => {}
            Err(error) => tracing::debug!(%error, "no checkpoint can be read for the witnesses"),
        }
    }

    async fn take_in(&self, one: &mut Progress, target: &mut Option<Target>, size: u64, outcome: Result<u64, Trouble>) {
        one.busy = false;
        let name = one.witness.name.as_str();
        match outcome {
            Ok(known) => {
                (one.known, one.done, one.pause) = (known, Some(size), BETWEEN);
                if !std::mem::take(&mut one.last_problem).is_empty() {
                    tracing::info!(witness = name, size, "the witness cosigns again");
                }
                self.metrics().witness_answered(name, WitnessOutcome::Cosigned, Some(known));
                match self.look_at(known).await {
                    Ok(true) => {
                        if let Some(target) = target.as_mut().filter(|target| target.checkpoint.size <= known) {
                            target.met = true;
                        }
                    }
                    Ok(false) => {}
                    Err(error) => tracing::warn!(%error, "cosignatures cannot be read"),
                }
            }
            Err(trouble) => {
                let problem = trouble.to_string();
                let alarming = matches!(trouble, Trouble::Inconsistent | Trouble::Fork(_));
                let outcome = if alarming { WitnessOutcome::Contradicted } else { WitnessOutcome::Failed };
                self.metrics().witness_answered(name, outcome, None);
                if alarming {
                    tracing::error!(witness = name, size, "a witness contradicts this log: {problem}");
                } else if problem != one.last_problem {
                    tracing::warn!(witness = name, size, "a witness did not cosign: {problem}");
                }
                one.last_problem = problem;
                one.not_before = Instant::now() + one.pause;
                one.pause = (one.pause * 2).min(LONGEST_PAUSE);
            }
        }
    }

    /// Asks one witness for one checkpoint and keeps what it signs. Returns the size that it has cosigned last.
    async fn submit(
        &self,
        witness: &PolicyWitness,
        url: String,
        known: u64,
        target: &Target,
        ask: &AskWitness,
    ) -> Result<u64, Trouble> {
        let size = target.checkpoint.size;
        let kept_as = kept_as(witness);
        // Another node may have asked it meanwhile.
        let kept = self.parts.store.last_cosigned(&kept_as).await.map_err(ServiceError::from)?.unwrap_or(0);
        if kept >= size {
            return Ok(kept);
        }
        let mut old = known.max(kept);
        for _ in 0..3 {
            if old > size {
                return Ok(old);
            }
            // What it signed last may have got lost on its way; it signs the same again.
            let proof = if old == size { Some(Vec::new()) } else { self.path_between(old, size).await? };
            let Some(proof) = proof else { return Err(Trouble::Fork(old)) };
            let mut body = format!("old {old}\n");
            for hash in proof {
                body.push_str(&BASE64_STANDARD.encode(hash));
                body.push('\n');
            }
            body.push('\n');
            body.push_str(&target.note);
            match ask(url.clone(), body).await.map_err(Trouble::Answer)? {
                WitnessReply::Lines(lines) => {
                    let (line, seconds) = own_line(witness, &target.checkpoint, &lines)?;
                    self.check_clock(seconds)?;
                    let row = CosignatureRow {
                        size,
                        witness: kept_as,
                        line,
                        at: i64::try_from(seconds).unwrap_or(i64::MAX),
                        received_at: self.now(),
                    };
                    self.parts.store.keep_cosignature(row).await.map_err(ServiceError::from)?;
                    return Ok(size);
                }
                WitnessReply::LastSize(last) => {
                    let published =
                        last == 0 || self.parts.store.checkpoint_of(last).await.map_err(ServiceError::from)?.is_some();
                    if !published {
                        return Err(Trouble::Fork(last));
                    }
                    old = last;
                }
                WitnessReply::Inconsistent => return Err(Trouble::Inconsistent),
                WitnessReply::Refused(words) => return Err(Trouble::Answer(words)),
            }
        }
        Err(Trouble::Answer("it tells another last size each time".to_owned()))
    }

    async fn path_between(&self, old: u64, size: u64) -> Result<Option<Vec<Hash>>, ServiceError> {
        Ok(self.consistency_proof(old, size).await?.map(|proof| proof.path))
    }

    fn check_clock(&self, seconds: u64) -> Result<(), Trouble> {
        let apart = i64::try_from(seconds).unwrap_or(i64::MAX).saturating_sub(self.now().as_second());
        if apart.abs() <= CLOCKS {
            return Ok(());
        }
        Err(Trouble::Answer(format!(
            "its clock and ours are {} seconds apart; its cosignature is not kept",
            apart.abs()
        )))
    }

    /// Whether the quorum has cosigned this checkpoint; if so and it is the newest such, it is the one to show.
    async fn look_at(&self, size: u64) -> Result<bool, ServiceError> {
        let Some(witnessing) = self.witnessing.get() else { return Ok(false) };
        let Some(row) = self.parts.store.checkpoint_of(size).await? else { return Ok(false) };
        let Some(found) = self.witnessed(&witnessing.policy, row).await? else { return Ok(false) };
        let mut best = witnessing.best.lock().unwrap_or_else(PoisonError::into_inner);
        // One of the same size may have got another cosignature.
        if best.as_ref().is_none_or(|(best, _)| best.checkpoint.size <= size) {
            *best = Some(found);
        }
        Ok(true)
    }

    /// A published checkpoint with its cosignatures, if they satisfy the policy.
    async fn witnessed(
        &self,
        policy: &Policy,
        row: CheckpointRow,
    ) -> Result<Option<(Published, Timestamp)>, ServiceError> {
        let ring = self.keys();
        let Ok(checkpoint) = ring.read(&row.note) else {
            return Ok(None);
        };
        let published = self.with_cosignatures(checkpoint, row.note).await?;
        let ours = ring.log_verifiers(ring.origin()).unwrap_or_default();
        let judged = policy.judge_with(&published.note, &ours);
        Ok(judged.is_ok_and(|judged| judged.quorum).then_some((published, row.published_at)))
    }

    async fn newest_row(&self) -> Result<Option<(Checkpoint, CheckpointRow)>, ServiceError> {
        let Some(row) = self.parts.store.last_checkpoint().await? else { return Ok(None) };
        let read = self.keys().read(&row.note).ok();
        Ok(read.map(|checkpoint| (checkpoint, row)))
    }
}

/// Under what a witness's cosignatures are kept: its key's name and id, because nobody hinders two of one name.
pub(super) fn kept_as(witness: &PolicyWitness) -> String {
    format!("{}+{}", witness.verifier.name(), hex::encode(witness.verifier.key_id()))
}

/// The witness's own line among those it sent, without its end, and its time. Lines by other keys are ignored.
fn own_line(witness: &PolicyWitness, checkpoint: &Checkpoint, lines: &str) -> Result<(String, u64), Trouble> {
    let text = checkpoint.text();
    for line in lines.lines().take(16) {
        match witness.verifier.verify(&format!("{text}\n{line}\n")) {
            Ok(Some(seconds)) if seconds > 0 => return Ok((line.to_owned(), seconds)),
            Ok(_) => {}
            Err(error) => return Err(Trouble::Answer(format!("its answer is no cosignature: {error}"))),
        }
    }
    Err(Trouble::Answer("it did not sign with the key that the policy names".to_owned()))
}
