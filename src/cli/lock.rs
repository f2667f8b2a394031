//! Who uses a data folder: many at once, or one alone who replaces its database.
//!
//! The system drops the lock with the process, so a kill leaves nothing to clean up. A file with a process's number was
//! rejected, because it outlives the process.

use std::fs::{self, TryLockError};

use anyhow::{Context, bail};

use crate::config::DataDir;

/// Held until it is dropped.
#[derive(Debug)]
pub(super) struct FolderLock(#[expect(dead_code, reason = "the open file is the lock")] fs::File);

impl FolderLock {
    /// For everything that opens the database.
    pub(super) fn shared(data: &DataDir) -> anyhow::Result<Self> {
        Self::taken(
            data,
            fs::File::try_lock_shared,
            "its database is being restored at this moment. Try again afterwards",
        )
    }

    /// For whoever replaces the database.
    pub(super) fn alone(data: &DataDir) -> anyhow::Result<Self> {
        Self::taken(data, fs::File::try_lock, "a server or another command is using it. Stop the server first")
    }

    fn taken(
        data: &DataDir,
        lock: fn(&fs::File) -> Result<(), TryLockError>,
        in_the_way: &str,
    ) -> anyhow::Result<Self> {
        let path = data.lock();
        let cannot = || format!("{} cannot be locked", path.display());
        let file = fs::OpenOptions::new().create(true).append(true).open(&path).with_context(cannot)?;
        match lock(&file) {
            Ok(()) => Ok(Self(file)),
            Err(TryLockError::WouldBlock) => bail!("{} cannot be used now: {in_the_way}", data.root().display()),
            Err(TryLockError::Error(error)) => Err(error).with_context(cannot),
        }
    }
}
