//! `milaf backup`: the database in one file, taken while everyone works, and looked over before it gets its name.
//!
//! The file is made beside its place under the name `FILE.new` and renamed when it is known to be whole, so a file under the
//! final name is a backup that can be restored. Copying the database with the system's own tools was rejected as the
//! advice: while the server runs, what they copy is the file of several moments.

use std::{
    ffi::OsString,
    fs::{self, TryLockError},
    io,
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, bail};
use clap::Args;
use indicatif::HumanBytes;

use super::{
    DataArgument, UsageError,
    open::{Office, Papers, load_issuer},
    terminal::{progress, say},
    whole::whole,
};
use crate::{
    config::{DataDir, folder_of},
    store::{SqliteOptions, sqlite_backup},
};

/// Copy the database into one file, while the server runs
#[derive(Debug, Args)]
#[command(
    long_about = "Copies the database into one file, while the server runs and registers.\n\nThe copy is of one moment. Its file \
        is checked and its whole log recomputed before it gets its name, so a file under that name is a whole one, even after \
        a power cut. It is readable by its owner only.\n\nThe file holds the database alone. Keep beside it, once, the keys \
        folder, issuer.toml with the files it names, and log-name; and with each backup the newest checkpoint: without the \
        keys nothing can be checked, and without the checkpoint nobody can tell whether a backup is too old.",
    after_help = "Examples:\n  milaf backup --data /srv/milaf --to /backup/milaf-2026-09-01.db\n  \
        milaf backup --data /srv/milaf --to /backup/milaf.db --replace"
)]
pub(super) struct Backup {
    #[command(flatten)]
    data: DataArgument,
    /// The file to write; on another disk, if it is to survive this one
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
    /// Replace the file if there is one
    #[arg(long)]
    replace: bool,
}

impl Backup {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let place = self.data.place()?;
        let database = place.file()?;
        let data = &place.data;
        let office = Office::open(&place, None).await?;
        let target = Target::new(data, &self.to, self.replace)?;
        copy(database, &target.beside, "copying the database").await?;
        let options = SqliteOptions { one_file: true, ..SqliteOptions::default() };
        let copied = Office::over_file(data, Papers::load(data, load_issuer(data, None)?)?, &target.beside, options)?;
        let report = whole(&copied).await.context(
            "no backup was made: the copy of the database is not sound. Run `milaf doctor`, and keep the older backups",
        )?;
        copied.store.close().await;
        let bytes = target.finish().with_context(|| format!("{} cannot be written", self.to.display()))?;
        office.close().await;
        say(&format!(
            "{file}: {size}, {entries} entries, root {root}\n\n\
             It holds the database alone. Keep beside it {keys}, issuer.toml with its files, log-name, and the newest checkpoint.",
            file = self.to.display(),
            size = HumanBytes(bytes),
            entries = report.size,
            root = hex::encode(report.root),
            keys = data.keys().display(),
        ))?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Copies a database with a bar; the copy is there already, empty.
pub(super) async fn copy(from: &Path, into: &Path, what: &'static str) -> anyhow::Result<()> {
    let bar = progress(0, what);
    let (from, into, shown) = (from.to_owned(), into.to_owned(), bar.clone());
    let copying = move || {
        sqlite_backup::copy(&from, &into, |done, all| {
            shown.set_length(all);
            shown.set_position(done);
        })
    };
    let copied = tokio::task::spawn_blocking(copying).await;
    bar.finish_and_clear();
    Ok(copied.context("the copy was stopped")??)
}

/// A file in the making, locked against another backup to the same place. What an interrupted one has left is used again.
struct Target {
    /// The final name.
    path: PathBuf,
    beside: PathBuf,
    file: fs::File,
    finished: bool,
}

impl Target {
    fn new(data: &DataDir, path: &Path, replace: bool) -> anyhow::Result<Self> {
        let shown = path.display();
        let Some(name) = path.file_name() else {
            return Err(UsageError(format!("--to {shown} names no file")).into());
        };
        let folder = folder_of(path);
        let folder = folder.canonicalize().with_context(|| format!("the folder of {shown} cannot be used"))?;
        if folder.starts_with(data.root().canonicalize()?) {
            return Err(UsageError(format!(
                "--to {shown} lies in the data folder, and would be lost with it. Name a file elsewhere, best on another disk"
            ))
            .into());
        }
        let path = folder.join(name);
        if path.is_dir() {
            return Err(UsageError(format!("--to {shown} is a folder. Name a file in it")).into());
        }
        if path.exists() && !replace {
            bail!("{shown} is there already. Choose another file, or replace it with --replace");
        }
        if let Some(companion) = sqlite_backup::companions(&path).find(|companion| companion.exists()) {
            bail!(
                "{} lies beside, as if {shown} were a database in use. Choose another file, or remove it if nobody uses it",
                companion.display()
            );
        }
        let mut beside = OsString::from(&path);
        beside.push(".new");
        let beside = PathBuf::from(beside);
        let file = claim(&beside).with_context(|| format!("{} cannot be written", beside.display()))?;
        Ok(Self { path, beside, file, finished: false })
    }

    /// Gives the file its name for good, and tells its size.
    fn finish(mut self) -> io::Result<u64> {
        self.file.sync_all()?;
        let bytes = self.file.metadata()?.len();
        fs::rename(&self.beside, &self.path)?;
        self.finished = true;
        fs::File::open(folder_of(&self.path))?.sync_all()?;
        Ok(bytes)
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        if !self.finished {
            // It is useless, and the next backup would take its place; if it stays, nothing is worse.
            let _ = sqlite_backup::remove(&self.beside);
        }
    }
}

/// Opens the file in the making, empty and alone.
fn claim(beside: &Path) -> io::Result<fs::File> {
    let other = || io::Error::other("another backup to this place is under way");
    let file = fs::OpenOptions::new().create(true).append(true).mode(0o600).open(beside)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(other()),
        Err(TryLockError::Error(error)) => return Err(error),
    }
    // Another backup may have finished between the two, and the open file be the finished one.
    let (open, named) = (file.metadata()?, fs::metadata(beside).map_err(|_| other())?);
    if (open.dev(), open.ino()) != (named.dev(), named.ino()) {
        return Err(other());
    }
    file.set_len(0)?;
    for companion in sqlite_backup::companions(beside) {
        match fs::remove_file(companion) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(file)
}
