//! A log in a folder, laid out as it is on the web, so that any web server can serve it again.
//!
//! A file gets its name only when all of it is written, and only after whoever writes has verified it. An archive in one
//! file was rejected: nothing but this program could have read it.

use std::{
    fs::{self, File, TryLockError},
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};

use super::web::LARGEST_NOTE;
use crate::{
    audit::{SourceError, TileSource, partial_tiles, tile_length},
    tlog::Tile,
};

const CHECKPOINT: &str = "checkpoint";
const EARLIER: &str = "checkpoints";
const EVIDENCE: &str = "evidence";
const KEYS: &str = "vkey";
const LOCK: &str = ".lock";

/// A mirror of a log.
#[derive(Debug)]
pub(in crate::cli) struct Folder(PathBuf);

/// Held until it is dropped, also by a kill.
#[derive(Debug)]
pub(super) struct Alone(#[expect(dead_code, reason = "the open file is the lock")] File);

impl Folder {
    pub(in crate::cli) fn new(path: &Path) -> Self {
        Self(path.to_owned())
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// Makes the folder if need be, and lets nobody else write to it.
    pub(super) fn alone(&self) -> anyhow::Result<Alone> {
        let cannot = || format!("{} cannot be written to", self.0.display());
        fs::create_dir_all(&self.0).with_context(cannot)?;
        let file = File::create(self.0.join(LOCK)).with_context(cannot)?;
        match file.try_lock() {
            Ok(()) => Ok(Alone(file)),
            Err(TryLockError::WouldBlock) => {
                bail!("{} is being written to by another `milaf log mirror`. Let that one end", self.0.display())
            }
            Err(TryLockError::Error(error)) => Err(error).with_context(cannot),
        }
    }

    /// Writes a file whole or not at all.
    pub(super) fn put(&self, name: &str, bytes: &[u8]) -> anyhow::Result<()> {
        let path = self.0.join(name);
        let mut unfinished = path.clone().into_os_string();
        unfinished.push(".unfinished");
        let write = || {
            if let Some(parent) = path.parent() {
                fs::create_dir_all(parent)?;
            }
            File::create(&unfinished)?.write_all(bytes)?;
            fs::rename(&unfinished, &path)
        };
        write().with_context(|| {
            let _ = fs::remove_file(&unfinished);
            format!(
                "{} cannot be written. Make room or mend the cause, and run the same command again: it goes on where it was",
                path.display()
            )
        })
    }

    /// Everything written so far is on the disk when this returns.
    pub(super) fn settle(&self) -> anyhow::Result<()> {
        let settle = || Ok::<_, io::Error>(rustix::fs::syncfs(File::open(&self.0)?)?);
        settle().with_context(|| format!("{} cannot be written", self.0.display()))
    }

    /// Keeps a head: among the earlier ones first, so that it is never the newest without being kept.
    pub(super) fn put_checkpoint(&self, size: u64, note: &str) -> anyhow::Result<()> {
        self.settle()?;
        self.put(&format!("{EARLIER}/{size}"), note.as_bytes())?;
        self.put(CHECKPOINT, note.as_bytes())?;
        self.settle()
    }

    /// Keeps two notes that contradict each other, and says where.
    pub(super) fn put_evidence(&self, ours: (u64, &str), theirs: (u64, &str)) -> anyhow::Result<PathBuf> {
        let name = format!("{EVIDENCE}/{}-and-{}", ours.0, theirs.0);
        self.put(&format!("{name}/kept-before"), ours.1.as_bytes())?;
        self.put(&format!("{name}/shown-now"), theirs.1.as_bytes())?;
        self.settle()?;
        Ok(self.0.join(name))
    }

    pub(super) fn has_evidence(&self) -> Option<PathBuf> {
        let path = self.0.join(EVIDENCE);
        let mut found = fs::read_dir(&path).ok()?;
        found.next().map(|_| path)
    }

    /// The heads kept so far by their sizes, ascending, as they lie there.
    pub(in crate::cli) fn earlier(&self) -> Result<Vec<(u64, String)>, SourceError> {
        let entries = match fs::read_dir(self.0.join(EARLIER)) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(SourceError::Unreadable(error.to_string())),
        };
        let mut sizes: Vec<u64> =
            entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u64>().ok()).collect();
        sizes.sort_unstable();
        sizes
            .into_iter()
            .map(|size| match self.note(&format!("{EARLIER}/{size}")) {
                // Whoever judges says what is wrong with such a note.
                Err(SourceError::Malformed(_)) => Ok((size, String::new())),
                note => Ok((size, note?)),
            })
            .collect()
    }

    /// The log's keys as they were first seen here.
    pub(super) fn keys(&self) -> anyhow::Result<Vec<String>> {
        match self.note(KEYS) {
            Ok(text) => Ok(text.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()),
            Err(SourceError::Missing) => Ok(Vec::new()),
            Err(error) => bail!("{}: {error}", self.0.join(KEYS).display()),
        }
    }

    pub(super) fn put_keys(&self, keys: &[String]) -> anyhow::Result<()> {
        let mut text = keys.join("\n");
        text.push('\n');
        self.put(KEYS, text.as_bytes())
    }

    /// Removes what of a smaller log is a part of a wider tile now.
    pub(super) fn remove_partial(&self, size: u64, keep: u64) {
        let kept = partial_tiles(keep);
        for tile in partial_tiles(size).into_iter().filter(|tile| !kept.contains(tile)) {
            let path = self.0.join(tile.to_string());
            // A leftover harms nobody, so that it cannot be removed is no reason to fail.
            let _ = fs::remove_file(&path);
            if let Some(parent) = path.parent() {
                let _ = fs::remove_dir(parent);
            }
        }
    }

    fn note(&self, name: &str) -> Result<String, SourceError> {
        let bytes = self.read(name, LARGEST_NOTE)?;
        String::from_utf8(bytes).map_err(|_| SourceError::Malformed("it is not text".to_owned()))
    }

    fn read(&self, name: &str, largest: u64) -> Result<Vec<u8>, SourceError> {
        let read = || {
            let mut bytes = Vec::new();
            File::open(self.0.join(name))?.take(largest + 1).read_to_end(&mut bytes)?;
            Ok(bytes)
        };
        let bytes: Vec<u8> = read().map_err(|error: io::Error| match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => SourceError::Missing,
            _ => SourceError::Unreadable(format!("{}: {error}", self.0.join(name).display())),
        })?;
        if bytes.len() as u64 > largest {
            return Err(SourceError::Malformed(format!("it has more than {largest} bytes")));
        }
        Ok(bytes)
    }
}

impl TileSource for Folder {
    fn checkpoint(&self) -> Result<String, SourceError> {
        self.note(CHECKPOINT)
    }

    fn tile(&self, tile: Tile) -> Result<Vec<u8>, SourceError> {
        self.read(&tile.to_string(), tile_length(tile) as u64)
    }
}
