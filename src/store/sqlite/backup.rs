//! Whole database files: one copied while it is used, one put in the place of another.
//!
//! A copy is taken page by page under one read transaction, so it is the database of one moment however long it takes, and
//! writers go on meanwhile; the write-ahead log grows until the copy is done. VACUUM INTO was rejected: it rebuilds every
//! index, so a damaged one would be copied as a sound one, and it cannot say how far it is.
//!
//! A copy is one file without a write-ahead log, so that it can be opened from a disk that cannot be written to and a stale
//! log left beside it can never be taken for its own.

use std::{
    ffi::OsString,
    fs::{self, File},
    io::{self, ErrorKind},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use rusqlite::{
    Connection, OpenFlags,
    backup::{Backup, StepResult},
};

use super::{
    OpenError, PATIENCE,
    connection::{self, is_busy, patiently, sync_folder},
    migrations, portable,
};
use crate::store::Custody;

/// 4 MiB at the usual page size: often enough for a progress bar.
const PAGES_AT_ONCE: i32 = 1024;

/// What SQLite keeps beside a database's file.
const COMPANIONS: [&str; 3] = ["-wal", "-shm", "-journal"];

/// Copies what is committed in the database `from` into the file `into`, which must exist and be empty. `progress` is told
/// the pages copied and all pages. The copy is on stable storage when this returns; its name need not be. `from` is only
/// read.
///
/// # Errors
/// [`OpenError`], also when `from` holds no database of this program.
pub fn copy(from: &Path, into: &Path, mut progress: impl FnMut(u64, u64)) -> Result<(), OpenError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let source = Connection::open_with_flags(from, flags).map_err(OpenError::sqlite("open"))?;
    source.busy_timeout(PATIENCE).map_err(OpenError::sqlite("configure"))?;
    // The first read fixes the moment, and the transaction holds it until the copy is done.
    let moment = source.unchecked_transaction().map_err(OpenError::sqlite("read"))?;
    migrations::check_filled(&moment, from)?;
    let mut copy =
        Connection::open_with_flags(into, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)
            .map_err(OpenError::sqlite("open the copy of"))?;
    // A copy that was interrupted is thrown away, so nothing of it needs a journal or a sync before the end.
    copy.pragma_update(None, "synchronous", "OFF").map_err(OpenError::sqlite("copy"))?;
    copy.pragma_update(None, "journal_mode", "OFF").map_err(OpenError::sqlite("copy"))?;
    let backup = Backup::new(&source, &mut copy).map_err(OpenError::sqlite("copy"))?;
    loop {
        let step = patiently(PATIENCE, || match backup.step(PAGES_AT_ONCE)? {
            StepResult::Busy | StepResult::Locked => Err(busy()),
            done => Ok(done),
        });
        let step = step.map_err(OpenError::sqlite("copy"))?;
        let now = backup.progress();
        let (all, left) = (u64::try_from(now.pagecount).unwrap_or(0), u64::try_from(now.remaining).unwrap_or(0));
        progress(all.saturating_sub(left), all);
        if step == StepResult::Done {
            break;
        }
    }
    drop(backup);
    drop(copy);
    without_write_ahead_log(into)?;
    let kept = |source| OpenError::Copy { path: into.to_owned(), source };
    File::open(into).and_then(|file| file.sync_all()).map_err(kept)
}

/// Ends every session that a database remembers: an old one would open the desk again for whoever was shut out since.
///
/// # Errors
/// [`OpenError`].
pub fn end_sessions(path: &Path) -> Result<(), OpenError> {
    let connection = connection::open(path, PATIENCE)?;
    connection.execute("DELETE FROM sessions", []).map(drop).map_err(OpenError::sqlite("end the sessions of"))
}

/// Puts the database file `new` in the place of `live` in one step and keeps the old one as `kept`, with what belongs to it.
/// At every moment there is a whole database under the name `live`, and everything is on stable storage when this returns.
/// Nobody else may use either; `new` has no companion.
///
/// # Errors
/// [`OpenError`], also when another program uses the old one, and when the old one is an end of a copy.
pub fn replace(new: &Path, live: &Path, kept: &Path) -> Result<(), OpenError> {
    let failed = |source| OpenError::Copy { path: live.to_owned(), source };
    if live.exists() {
        check_in_use(live)?;
        fold(live)?;
        keep(live, kept).map_err(failed)?;
    }
    for companion in COMPANIONS {
        remove_file(&with_suffix(live, companion)).map_err(failed)?;
    }
    // A log of the old database beside the new one would be read as the new one's, so it goes first, for good.
    sync_folder(live).and_then(|()| fs::rename(new, live)).and_then(|()| sync_folder(live)).map_err(failed)
}

/// Removes a database file and what SQLite keeps beside it; there may be none.
///
/// # Errors
/// When the folder does not let it be removed.
pub fn remove(path: &Path) -> io::Result<()> {
    for companion in COMPANIONS {
        remove_file(&with_suffix(path, companion))?;
    }
    remove_file(path)
}

/// What SQLite keeps beside a database while it is in use; a file under such a name belongs to the database.
pub fn companions(path: &Path) -> impl Iterator<Item = PathBuf> {
    COMPANIONS.into_iter().map(|suffix| with_suffix(path, suffix))
}

/// The office of a database that is an end of a copy is elsewhere, and would have a second history here. Of a database that
/// is too damaged to be asked nobody can say that.
fn check_in_use(path: &Path) -> Result<(), OpenError> {
    let custody = connection::open(path, PATIENCE).ok().and_then(|connection| portable::custody(&connection).ok());
    let checked = custody.as_ref().map_or(Ok(()), Custody::check_in_use);
    checked.map_err(|error| OpenError::Elsewhere { path: path.to_owned(), cause: error.to_string() })
}

/// Writes the write-ahead log into the file. A database that is too damaged for it is kept together with its log.
fn fold(path: &Path) -> Result<(), OpenError> {
    let folded = connection::open(path, PATIENCE).map(drop).and_then(|()| without_write_ahead_log(path));
    match folded {
        Err(OpenError::Sqlite { source, .. }) if is_busy(&source) => {
            Err(OpenError::Sqlite { action: "take over", source })
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

fn without_write_ahead_log(path: &Path) -> Result<(), OpenError> {
    let failed = OpenError::sqlite("settle");
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(&failed)?;
    connection.busy_timeout(PATIENCE).map_err(&failed)?;
    // Alone, SQLite needs no shared memory beside the file, which a disk on the network may not give.
    connection.pragma_update(None, "locking_mode", "EXCLUSIVE").map_err(&failed)?;
    let mode = connection
        .pragma_update_and_check(None, "journal_mode", "DELETE", |row| row.get::<_, String>(0))
        .map_err(&failed)?;
    if mode.eq_ignore_ascii_case("delete") { Ok(()) } else { Err(failed(busy())) }
}

/// Gives a database a second name, with whatever lies beside it.
fn keep(live: &Path, kept: &Path) -> io::Result<()> {
    drop_names_of_an_interrupted_run(live, kept)?;
    // Shared memory says nothing without the processes that shared it.
    for companion in ["-wal", "-journal"] {
        match fs::hard_link(with_suffix(live, companion), with_suffix(kept, companion)) {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            outcome => outcome?,
        }
    }
    fs::hard_link(live, kept)?;
    sync_folder(kept)
}

/// A run that was interrupted before the exchange has left another name of the same file, under which it would be changed.
fn drop_names_of_an_interrupted_run(live: &Path, kept: &Path) -> io::Result<()> {
    let (Some(folder), Some(name)) = (kept.parent(), live.file_name()) else { return Ok(()) };
    let of_live = fs::metadata(live)?;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let other_name =
            entry.file_name() != name && entry.file_name().as_encoded_bytes().starts_with(name.as_encoded_bytes());
        let there = entry.metadata()?;
        if other_name && (there.dev(), there.ino()) == (of_live.dev(), of_live.ino()) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

fn remove_file(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}

fn busy() -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY), None)
}
