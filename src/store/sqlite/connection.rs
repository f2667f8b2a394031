//! Opens connections, each with the same promises: a commit is on stable storage, foreign keys hold, and nothing in the
//! file can make SQLite run code or map memory.

use std::{
    fs::{File, OpenOptions},
    io::{self, ErrorKind},
    path::Path,
    thread,
    time::Duration,
};

use rusqlite::{Connection, ErrorCode, OpenFlags, config::DbConfig};

use super::{OpenError, errors::During};
use crate::store::StoreError;

/// The first release in which resetting the write-ahead log cannot corrupt a database that several processes use.
const OLDEST_SQLITE: i32 = 3_051_003;
/// How often a lock is tried while another process has it.
const LOCK_STEP: Duration = Duration::from_millis(2);

/// Makes an empty file that only its owner may read, and puts its name on stable storage. SQLite gives the write-ahead log
/// and the shared memory beside it the same mode. A file that exists already is left alone.
pub(super) fn create_file(path: &Path) -> Result<(), OpenError> {
    let failed = |source| OpenError::Create { path: path.to_owned(), source };
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(file) => file.sync_all().and_then(|()| sync_folder(path)).map_err(failed),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(failed(error)),
    }
}

/// Puts the names in a file's folder on stable storage.
pub(super) fn sync_folder(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => File::open(folder)?.sync_all(),
        _ => File::open(".")?.sync_all(),
    }
}

/// A connection that SQLite itself keeps from writing. It is not opened read-only, because a reader of a write-ahead log
/// must be able to write to the shared memory beside it.
pub(super) fn open_reader(path: &Path, patience: Duration) -> Result<Connection, OpenError> {
    let connection = open(path, patience)?;
    connection.pragma_update(None, "query_only", true).map_err(OpenError::sqlite("configure"))?;
    Ok(connection)
}

/// SQLite's own check of the file, its indexes and constraints, and of the references between tables.
pub(super) fn check_file(connection: &Connection) -> Result<Vec<String>, StoreError> {
    let mut problems = Vec::new();
    let read = |row: &rusqlite::Row<'_>| row.get::<_, String>(0);
    let mut statement = connection.prepare("PRAGMA integrity_check(20)").during("check the file")?;
    for line in statement.query_map((), read).during("check the file")? {
        let line = line.during("check the file")?;
        if line != "ok" {
            problems.push(line);
        }
    }
    let mut statement = connection.prepare("PRAGMA foreign_key_check").during("check references")?;
    for table in statement.query_map((), read).during("check references")?.take(20) {
        problems.push(format!("a row of {} refers to nothing", table.during("check references")?));
    }
    Ok(problems)
}

/// A connection that may write.
pub(super) fn open(path: &Path, patience: Duration) -> Result<Connection, OpenError> {
    if rusqlite::version_number() < OLDEST_SQLITE {
        return Err(OpenError::OldSqlite(rusqlite::version()));
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(OpenError::sqlite("open"))?;
    // SQLite falls back to reading where it may not write, and would then say something else about it later.
    if connection.is_readonly("main").map_err(OpenError::sqlite("ask about"))? {
        return Err(OpenError::ReadOnly(path.to_owned()));
    }
    configure(&connection, patience).map_err(OpenError::sqlite("configure"))?;
    Ok(connection)
}

/// Lets readers go on while a writer commits; the file remembers it.
pub(super) fn keep_write_ahead_log(connection: &Connection, patience: Duration) -> Result<(), OpenError> {
    // SQLite does not wait here when two processes open a new file at once, because each holds what the other needs.
    let switch = || connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get::<_, String>(0));
    let mode = patiently(patience, switch).map_err(OpenError::sqlite("keep a write-ahead log for"))?;
    if mode.eq_ignore_ascii_case("wal") { Ok(()) } else { Err(OpenError::NoWriteAheadLog(mode)) }
}

/// Tries again in small steps while another process has the lock. SQLite's own steps grow to 100 ms, and a patient process
/// would starve beside a busy one. The steps are counted, so no clock is read.
pub(super) fn patiently<T>(patience: Duration, attempt: impl Fn() -> rusqlite::Result<T>) -> rusqlite::Result<T> {
    let mut waited = Duration::ZERO;
    loop {
        match attempt() {
            Err(error) if is_busy(&error) && waited < patience => {
                thread::sleep(LOCK_STEP);
                waited += LOCK_STEP;
            }
            outcome => return outcome,
        }
    }
}

pub(super) fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

fn configure(connection: &Connection, patience: Duration) -> rusqlite::Result<()> {
    connection.busy_timeout(patience)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    connection.pragma_update(None, "mmap_size", 0)?;
    // Commits must survive a power cut, not only a crash of the process: NORMAL would not sync the log at each commit.
    connection.pragma_update(None, "synchronous", "FULL")?;
    // What is deleted is overwritten, so that an erased person's data do not stay in free parts of the file.
    connection.pragma_update(None, "secure_delete", true)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(())
}
