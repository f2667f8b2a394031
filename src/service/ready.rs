//! Whether this node can do its work now, for whoever spreads the traffic over several.
//!
//! It looks and never mends: a node that repaired its own checkpoint here would hide what the next start must refuse.
//! A check of the whole history was rejected, because it reads every leaf; the start does that.

use std::{
    path::Path,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use rustix::fs::{Access, StatVfsMountFlags, access, statvfs};

use super::{Service, StartError};
use crate::tlog::Checkpoint;

/// A proxy that asks every second or two has given up on a node that needs longer.
const DEADLINE: Duration = Duration::from_secs(2);

/// The write-ahead log folds itself into the database at 4 MB and may be held open at several times that by a long read; a
/// registration takes about 4 KB. So this is what lets a node finish what it accepted, and leaves the rest of an hour to
/// whoever is called.
const ROOM: u64 = 64 << 20;

/// What has to hold for a node to be sent work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// It answers, and in time.
    Database,
    /// The log is not shorter than what was published, nor another one of the same length.
    Head,
    /// The database belongs to our keys.
    Keys,
    /// The published checkpoint can be read and was signed by us.
    Checkpoint,
    /// The data folder has room and can be written to.
    Disk,
}

impl Check {
    pub const ALL: [Self; 5] = [Self::Database, Self::Head, Self::Keys, Self::Checkpoint, Self::Disk];

    pub const fn word(self) -> &'static str {
        match self {
            Self::Database => "database",
            Self::Head => "head",
            Self::Keys => "keys",
            Self::Checkpoint => "checkpoint",
            Self::Disk => "disk",
        }
    }
}

/// A check that does not hold. The cause is for the log alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failing {
    pub check: Check,
    pub cause: String,
}

impl Service {
    /// The checks that fail at this moment; none when the node should get work. It reads two rows and one small file, and
    /// takes two seconds at most.
    pub async fn failing_checks(self: &Arc<Self>) -> Vec<Failing> {
        let late = || format!("no answer within {} seconds", DEADLINE.as_secs());
        let store = &self.parts.store;
        let head = tokio::time::timeout(DEADLINE, async {
            // An office that has moved while this node was running is read and written elsewhere.
            store.custody().await?.check_in_use()?;
            store.head().await
        });
        let files = tokio::time::timeout(DEADLINE, self.look_at_files());
        let (head, files) = tokio::join!(head, files);
        let head = head.map_err(|_| late()).and_then(|head| head.map_err(|error| error.to_string()));
        let (published, room) = files.unwrap_or_else(|_| (Ok(None), Err(late())));
        let mut failing = Vec::new();
        let mut fail = |check, cause| failing.push(Failing { check, cause });
        match (&head, &published) {
            (Ok(head), Ok(Some(published))) if head.size < published.size => {
                fail(Check::Head, format!("{} entries, and {} were published", head.size, published.size));
            }
            (Ok(head), Ok(Some(published))) if head.size == published.size && head.root != published.root => {
                fail(Check::Head, format!("another root at {} entries than was published", head.size));
            }
            _ => {}
        }
        if let Err(cause) = head {
            fail(Check::Database, cause);
        }
        if !self.keys_fit.load(Ordering::Relaxed) {
            fail(Check::Keys, "the database was not found to be bound to these keys".to_owned());
        }
        let problems = self.key_problems();
        if !problems.is_empty() {
            fail(Check::Keys, problems.join("; "));
        }
        if let Err(error) = published {
            fail(Check::Checkpoint, error.to_string());
        }
        if let Err(cause) = room {
            fail(Check::Disk, cause);
        }
        failing
    }

    /// On a thread that may wait, because a disk that is lost answers late or never. One look at a time, so that such a disk
    /// does not take every thread.
    async fn look_at_files(self: &Arc<Self>) -> (Result<Option<Checkpoint>, StartError>, Result<(), String>) {
        let Ok(alone) = Arc::clone(&self.file_look).try_acquire_owned() else {
            return (Ok(None), Err("an earlier look at the data folder has not come back".to_owned()));
        };
        let service = Arc::clone(self);
        let look = move || {
            let _alone = alone;
            let folder = service.parts.checkpoint_file.parent().unwrap_or(Path::new("."));
            (service.published(), has_room(folder))
        };
        let stopped = |_| (Ok(None), Err("the look at the data folder was stopped".to_owned()));
        tokio::task::spawn_blocking(look).await.unwrap_or_else(stopped)
    }
}

/// Nothing is written to find out, because a probe a second would wear the disk and leave files behind after a crash.
fn has_room(folder: &Path) -> Result<(), String> {
    let disk = statvfs(folder).map_err(|error| format!("the data folder's disk: {error}"))?;
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    if free < ROOM {
        return Err(format!("{} MB are free on the data folder's disk, and {} are needed", free >> 20, ROOM >> 20));
    }
    // Some file systems count no inodes and say 0 of 0.
    if disk.f_files > 0 && disk.f_favail == 0 {
        return Err("the data folder's disk has room for no more files".to_owned());
    }
    if disk.f_flag.contains(StatVfsMountFlags::RDONLY) {
        return Err("the data folder's disk is mounted read-only".to_owned());
    }
    access(folder, Access::WRITE_OK | Access::EXEC_OK)
        .map_err(|error| format!("the data folder cannot be written to: {error}"))
}
