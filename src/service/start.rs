//! Starting safely, publishing checkpoints and looking the log over.
//!
//! The last published checkpoint is kept outside the database, so that a database restored from an old backup or rewritten
//! is noticed before it makes a second history.

use std::{fs, sync::atomic::Ordering};

use jiff::SignedDuration;

use super::{Service, ServiceError};
use crate::{
    config::replace_file,
    store::{CheckpointRow, Custody, LogRow, TreeHead},
    tlog::{Checkpoint, Frontier, Hash, LOG_SUBJECT, commitment, leaf_data, leaf_hash},
};

const PAGE: u32 = 4096;

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StartError {
    #[error(
        "the keys do not belong to this database: it was made under {bound}, and these keys are {ours}.\n\
         Put back the keys folder and the file log-name that belong to it"
    )]
    WrongKeys { bound: String, ours: String },
    #[error(
        "the database is older than what was published: it holds {size} log entries, and a checkpoint of {published} was \
         published.\nIt was probably restored from an old backup. Restore a newer one; if there is none, `milaf restore` can go on \
         with this one. Nothing has been changed"
    )]
    Shorter { size: u64, published: u64 },
    #[error(
        "the database holds another history than the one that was published: at {published} entries its root differs.\n\
         Do not use it. Keep it aside for the auditors and restore the right one; nothing has been changed"
    )]
    Forked { published: u64 },
    #[error(
        "a checkpoint of {size} entries was published, and its file {file} is gone.\n\
         Put it back from the backup. If it is lost for good, `milaf doctor --data DIR --adopt-checkpoint` writes it anew from \
         the database"
    )]
    CheckpointFileMissing { size: u64, file: String },
    #[error(
        "the log holds {size} entries, and no checkpoint of it is there, neither in the database nor as {file}.\n\
         Put the file back from the backup. If it is lost for good, `milaf doctor --data DIR --adopt-checkpoint` writes it anew \
         from the database"
    )]
    NeverPublished { size: u64, file: String },
    #[error(
        "the checkpoint file {file} cannot be trusted: {cause}.\nPut it back from the backup; nothing has been changed"
    )]
    CheckpointFile { file: String, cause: String },
    #[error(
        "an accepted rollback was interrupted, or was accepted on another node: the database belongs to the log {log}, and the \
         files in this folder do not say so yet.\nFinish it with `milaf restore --data DIR --accept-rollback --reason TEXT`"
    )]
    UnfinishedRollback { log: String },
    #[error(
        "the copy of {from} into this database is not finished, so it cannot be used yet.\nFinish it with `milaf copy`, with the \
         --from and --to of before; until then the office is served from {from}, or from nowhere"
    )]
    UnfinishedCopy { from: String },
    #[error(
        "the office has moved from this database to {to}, and nothing is added to this one any more.\nName the new one in \
         node.toml or by --database. If that copy was interrupted, `milaf copy` with the --from and --to of before finishes it, \
         or takes this database into use again with --give-up"
    )]
    Moved { to: String },
    #[error("{problems}")]
    Keys { problems: String },
    #[error(transparent)]
    Service(#[from] ServiceError),
}

/// What to make of a published checkpoint of the log that an accepted rollback has ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Earlier {
    Refused,
    Replaced,
}

/// Tells a long check how far it is and whether to go on.
pub type Proceed<'a> = &'a mut (dyn FnMut(u64, u64) + Send);

/// What looking over the whole log found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogReport {
    pub size: u64,
    pub root: Hash,
    /// In plain words, with the place.
    pub problems: Vec<String>,
}

impl Service {
    /// Refuses one end of a copy, wrong keys and a shorter or forked history; see [`StartError`] for what it says.
    pub async fn check_start(&self) -> Result<(), StartError> {
        match self.parts.store.custody().await.map_err(ServiceError::from)? {
            Custody::InUse => self.check_keys_and_history().await,
            Custody::Unfinished(mark) => Err(StartError::UnfinishedCopy { from: mark.other }),
            Custody::Moved(mark) => Err(StartError::Moved { to: mark.other }),
        }
    }

    /// As [`Service::check_start`], whatever copy the database is an end of.
    pub async fn check_keys_and_history(&self) -> Result<(), StartError> {
        self.refresh_keys().await?;
        let ours = self.identity_under(self.keys().origin())?;
        let bound = self.parts.store.bind_identity(&ours).await.map_err(ServiceError::from)?;
        if bound != ours {
            return Err(StartError::WrongKeys { bound, ours });
        }
        self.check_keys()?;
        self.keys_fit.store(true, Ordering::Relaxed);
        let kept = self.parts.store.last_checkpoint().await.map_err(ServiceError::from)?;
        let Some(published) = self.published()? else {
            return match kept {
                Some(row) => Err(StartError::CheckpointFileMissing { size: row.size, file: self.checkpoint_name() }),
                None => self.check_unpublished().await,
            };
        };
        self.check_history(&published).await?;
        // An older file may have been put back; what the database remembers beyond it was published, too. One that cannot be
        // read with this key was published under the name that the log had before a rollback.
        let kept = kept.and_then(|kept| self.keys().read(&kept.note).ok());
        match kept.filter(|kept| kept.size > published.size) {
            Some(kept) => self.check_history(&kept).await,
            None => Ok(()),
        }
    }

    /// An office publishes its empty log when it is made, so entries without any checkpoint mean that all were taken away.
    async fn check_unpublished(&self) -> Result<(), StartError> {
        let size = self.parts.store.head().await.map_err(ServiceError::from)?.size;
        if size == 0 { Ok(()) } else { Err(StartError::NeverPublished { size, file: self.checkpoint_name() }) }
    }

    /// The log as it stands must begin with what was published.
    pub(super) async fn check_history(&self, published: &Checkpoint) -> Result<(), StartError> {
        let head = self.parts.store.head().await.map_err(ServiceError::from)?;
        if head.size < published.size {
            return Err(StartError::Shorter { size: head.size, published: published.size });
        }
        let root = if head.size == published.size { head.root } else { self.root_at(published.size).await? };
        if root == published.root { Ok(()) } else { Err(StartError::Forked { published: published.size }) }
    }

    /// Signs and publishes the present head, unless it is already published. Returns the size that is published now.
    pub async fn publish_checkpoint(&self) -> Result<u64, StartError> {
        self.publish(SignedDuration::ZERO, Earlier::Refused).await
    }

    /// As [`Service::publish_checkpoint`], for the first checkpoint from this folder after an accepted rollback: that of the
    /// log which ended is replaced by it.
    pub async fn publish_in_place_of_the_ended_log(&self) -> Result<u64, StartError> {
        self.publish(SignedDuration::ZERO, Earlier::Replaced).await
    }

    /// As [`Service::publish_checkpoint`], for every second: a checkpoint that another node has published within the last
    /// second is taken over instead of adding one of our own, so that any number of nodes publishes as often as one does.
    pub async fn publish_or_follow(&self) -> Result<u64, StartError> {
        self.publish(SignedDuration::from_secs(1), Earlier::Refused).await
    }

    async fn publish(&self, fresh: SignedDuration, earlier: Earlier) -> Result<u64, StartError> {
        self.refresh_keys().await?;
        let _one = self.publisher.lock().await;
        // Another process may publish at this moment; whoever waits here must look at the file again afterwards.
        let _alone = self.lock_checkpoint_file().await?;
        let store = &self.parts.store;
        let head = store.head().await.map_err(ServiceError::from)?;
        let published = match self.published() {
            Err(_) if earlier == Earlier::Replaced && self.publishes_an_ended_log() => None,
            published => published?,
        };
        let size = published.as_ref().map_or(0, |published| published.size);
        if let Some(published) = &published {
            self.still_holds(published, &head).await?;
            if size == head.size {
                self.add_signatures()?;
                return Ok(size);
            }
        }
        let kept = store.last_checkpoint().await.map_err(ServiceError::from)?;
        let now = self.now();
        let ring = self.keys();
        // One that cannot be read with this key was published under the name that the log had before a rollback.
        let kept = kept.and_then(|kept| ring.read(&kept.note).ok().map(|checkpoint| (kept, checkpoint)));
        let mut head = head;
        if let Some((_, checkpoint)) = kept.as_ref().filter(|(kept, _)| kept.size > size) {
            if checkpoint.size > head.size {
                // Another node has written and published since the head was read.
                head = store.head().await.map_err(ServiceError::from)?;
            }
            self.still_holds(checkpoint, &head).await?;
        }
        let followed = kept.filter(|(kept, _)| {
            kept.size == head.size || kept.size > size && now.duration_since(kept.published_at) < fresh
        });
        let note = if let Some((kept, _)) = followed {
            ring.countersign(&kept.note).unwrap_or(kept.note)
        } else {
            let checkpoint = Checkpoint { origin: ring.origin().to_owned(), size: head.size, root: head.root };
            let note = ring.sign(&checkpoint);
            if published.is_none() {
                // Of a log's very first checkpoint a row without its file would look as if somebody had taken the file away.
                self.write_checkpoint(&note)?;
            }
            // The row first: where a standby confirms each commit, it also confirms everything that this head covers, and a
            // head that could still be lost must not be seen outside.
            let row = CheckpointRow { size: head.size, note: note.clone(), published_at: now };
            store.keep_checkpoint(row).await.map_err(ServiceError::from)?;
            note
        };
        self.write_checkpoint(&note)?;
        Ok(self.published()?.map_or(0, |published| published.size))
    }

    /// What was published must be a head of this log. The stored heads are asked, because this is looked at every second;
    /// that they follow from the leaves is the start's and the audit's to recompute.
    async fn still_holds(&self, published: &Checkpoint, head: &TreeHead) -> Result<(), StartError> {
        if head.size < published.size {
            return Err(StartError::Shorter { size: head.size, published: published.size });
        }
        let then = self.parts.store.head_at(published.size).await.map_err(ServiceError::from)?;
        if then.is_some_and(|then| then.root == published.root) {
            Ok(())
        } else {
            Err(StartError::Forked { published: published.size })
        }
    }

    /// Writes the checkpoint file anew from the database, for an administrator who has lost it and says so.
    /// The log must still begin with the last checkpoint that the database itself remembers.
    pub async fn adopt_checkpoint(&self) -> Result<u64, StartError> {
        let _one = self.publisher.lock().await;
        let _alone = self.lock_checkpoint_file().await?;
        if let Some(kept) = self.parts.store.last_checkpoint().await.map_err(ServiceError::from)? {
            let read = self.keys().read(&kept.note);
            let kept =
                read.map_err(|error| ServiceError::Damaged(format!("the kept checkpoint cannot be read: {error}")))?;
            self.check_history(&kept).await?;
        }
        let head = self.parts.store.head().await.map_err(ServiceError::from)?;
        let ring = self.keys();
        let note = ring.sign(&Checkpoint { origin: ring.origin().to_owned(), size: head.size, root: head.root });
        self.write_checkpoint(&note)?;
        Ok(head.size)
    }

    /// A key that has come into use since the last checkpoint signs that one too, so that whoever learns of the new key
    /// finds its signature without waiting for the next entry.
    fn add_signatures(&self) -> Result<(), StartError> {
        match self.published_note().and_then(|note| self.keys().countersign(&note)) {
            Some(note) => self.write_checkpoint(&note),
            None => Ok(()),
        }
    }

    /// The last published checkpoint's note, as it lies outside the database.
    pub fn published_note(&self) -> Option<String> {
        fs::read_to_string(&self.parts.checkpoint_file).ok()
    }

    /// Recomputes every commitment, leaf and the root from the records.
    pub async fn inspect_log(&self, progress: Proceed<'_>) -> Result<LogReport, ServiceError> {
        let store = &self.parts.store;
        let head = store.head().await?;
        let mut frontier = Frontier::empty();
        let mut problems = Vec::new();
        while frontier.size() < head.size {
            let rows = store.log_rows(frontier.size(), PAGE).await?;
            if rows.is_empty() {
                problems.push(format!("entries from {} on are missing", frontier.size()));
                break;
            }
            for row in rows.into_iter().take_while(|row| row.index < head.size) {
                let place = frontier.size();
                if row.index != place {
                    problems.push(format!("entry {place} is missing"));
                    return Ok(LogReport { size: head.size, root: head.root, problems });
                }
                let content = match (&row.content, row.erased_by) {
                    (Some(content), None) if commitment(&content.nonce, &content.record) == row.commitment => None,
                    (Some(_), None) => Some("the record does not fit its commitment"),
                    (None, Some(_)) => None,
                    (None, None) => Some("the record is missing, and no event tells of an erasure"),
                    (Some(_), Some(_)) => Some("the record is there, and an event tells of its erasure"),
                };
                if let Some(problem) = content {
                    problems.push(format!("entry {place} ({}): {problem}", subject(&row)));
                }
                if leaf_hash(&leaf_data(&row.commitment)) != row.leaf_hash {
                    problems.push(format!("entry {place} ({}): the leaf does not fit its commitment", subject(&row)));
                }
                frontier.push(row.leaf_hash);
            }
            progress(frontier.size(), head.size);
        }
        if problems.is_empty() && frontier.root() != head.root {
            problems.push("the root does not follow from the leaves".to_owned());
        }
        Ok(LogReport { size: head.size, root: head.root, problems })
    }

    pub(super) async fn root_at(&self, size: u64) -> Result<Hash, ServiceError> {
        let mut frontier = Frontier::empty();
        while frontier.size() < size {
            let leaves = self.parts.store.leaf_hashes(frontier.size(), PAGE).await?;
            if leaves.is_empty() {
                return Err(ServiceError::Damaged(format!("leaves from {} on are missing", frontier.size())));
            }
            let wanted = usize::try_from(size - frontier.size()).unwrap_or(usize::MAX);
            for leaf in leaves.into_iter().take(wanted) {
                frontier.push(leaf);
            }
        }
        Ok(frontier.root())
    }

    pub(super) fn published(&self) -> Result<Option<Checkpoint>, StartError> {
        let file = &self.parts.checkpoint_file;
        let damaged = |cause: String| StartError::CheckpointFile { file: self.checkpoint_name(), cause };
        match fs::read_to_string(file) {
            Ok(note) => self.keys().read(&note).map(Some).map_err(|error| damaged(error.to_string())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(damaged(error.to_string())),
        }
    }

    /// Held until it is dropped. Another process holds it for a moment only; whoever waits must not stop the others' work.
    async fn lock_checkpoint_file(&self) -> Result<fs::File, StartError> {
        let lock = self.parts.checkpoint_file.with_extension("lock");
        let failed = |cause: String| ServiceError::Unavailable(format!("{} cannot be locked: {cause}", lock.display()));
        let file = fs::File::create(&lock).map_err(|error| failed(error.to_string()))?;
        for _ in 0..100 {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(fs::TryLockError::WouldBlock) => tokio::time::sleep(std::time::Duration::from_millis(50)).await,
                Err(fs::TryLockError::Error(error)) => return Err(failed(error.to_string()).into()),
            }
        }
        Err(failed("another process has held it for five seconds".to_owned()).into())
    }

    pub(super) fn checkpoint_name(&self) -> String {
        self.parts.checkpoint_file.display().to_string()
    }

    fn write_checkpoint(&self, note: &str) -> Result<(), StartError> {
        let file = &self.parts.checkpoint_file;
        replace_file(file, note.as_bytes()).map_err(|error| {
            ServiceError::Unavailable(format!("{} cannot be written: {error}", self.checkpoint_name())).into()
        })
    }
}

/// What an entry of the log is about, for an auditor's eyes.
fn subject(row: &LogRow) -> String {
    row.reference.as_ref().map_or_else(|| LOG_SUBJECT.to_owned(), ToString::to_string)
}
