//! What the command line gives to judge by: keys, a log, a policy, a record. Whatever of it cannot be used ends the command
//! before it answers, because an answer by less than was asked for would be taken for one by all of it.

use std::{
    collections::HashMap,
    fs::File,
    io::Read,
    path::Path,
    sync::{Mutex, PoisonError},
};

use super::{Verify, cannot_read};
use crate::{
    audit::{Evidence, LogEvidence, OpenedLog, Opening, SourceError, TileSource, keys_file},
    cli::log::{Folder, Web, is_address, read_keys},
    receipt::PublishedKeys,
    tlog::{Policy, Tile},
};

/// No policy and no record is larger.
const LARGEST: u64 = 1 << 20;
/// A tile has 8 KB, so this is at most 16 MB.
const TILES_KEPT: usize = 2048;

/// What was given, read.
pub(super) struct Given {
    pub(super) keys: Option<PublishedKeys>,
    pub(super) policy: Option<Policy>,
    log: Option<(Box<dyn TileSource>, Vec<String>)>,
    opening: Option<(Vec<u8>, [u8; 32])>,
}

impl Given {
    pub(super) fn read(arguments: &Verify) -> anyhow::Result<Self> {
        let keys = arguments.keys.as_deref().map(keys).transpose()?;
        let policy = arguments.policy.as_deref().map(policy).transpose()?;
        let log = arguments.log.as_deref().map(log).transpose()?;
        let opening = match (&arguments.record, &arguments.nonce) {
            (Some(record), Some(nonce)) => Some((file("the record", record)?, read_nonce(nonce)?)),
            _ => None,
        };
        Ok(Self { keys, policy, log, opening })
    }

    /// Opens the log once and hands over everything there is to judge by.
    pub(super) fn with_log<T>(&self, judge: impl FnOnce(&Evidence<'_>) -> T) -> T {
        let log = self.keys.as_ref().zip(self.log.as_ref()).map(|(keys, (source, earlier))| {
            OpenedLog::open(LogEvidence::Tiles { source: source.as_ref(), earlier }, keys, self.policy.as_ref())
        });
        let opening = self.opening.as_ref().map(|(record, nonce)| Opening::Record { record, nonce });
        let evidence = Evidence {
            keys: self.keys.as_ref(),
            log: log.as_ref(),
            policy: self.policy.as_ref(),
            opening,
            ..Evidence::default()
        };
        judge(&evidence)
    }
}

fn keys(place: &str) -> anyhow::Result<PublishedKeys> {
    let cannot = |cause: &dyn std::fmt::Display| {
        anyhow::anyhow!("--keys {place}: {cause}. It must be an office's keys.json, from /.well-known/milaf/keys.json")
    };
    let bytes = read_keys(place).map_err(|cause| cannot(&format!("{cause:#}")))?;
    keys_file::read(&bytes).map_err(|cause| cannot(&cause))
}

fn policy(path: &Path) -> anyhow::Result<Policy> {
    Policy::parse(&file("the policy", path)?).map_err(|cause| anyhow::anyhow!("--policy {}: {cause}", path.display()))
}

fn log(place: &str) -> anyhow::Result<(Box<dyn TileSource>, Vec<String>)> {
    if is_address(place) {
        return Ok((Box::new(Remembering::new(Web::new(place)?)), Vec::new()));
    }
    let path = Path::new(place);
    if !path.is_dir() {
        anyhow::bail!(
            "--log {place} is no folder. Make a mirror with `milaf log mirror`, or give the office's address"
        );
    }
    let folder = Folder::new(path);
    let earlier = folder.earlier().map_err(|cause| anyhow::anyhow!("--log {place}: {cause}"))?;
    let earlier = earlier.into_iter().map(|(_, note)| note).collect();
    Ok((Box::new(Remembering::new(folder)), earlier))
}

fn file(what: &str, path: &Path) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(LARGEST + 1).read_to_end(&mut bytes));
    read.map_err(|cause| cannot_read(what, &path.display().to_string(), &cause))?;
    if bytes.len() as u64 > LARGEST {
        anyhow::bail!("{what} {} is larger than a megabyte, so it is none", path.display());
    }
    Ok(bytes)
}

fn read_nonce(text: &str) -> anyhow::Result<[u8; 32]> {
    let bytes = hex::decode(text).ok().and_then(|bytes| bytes.try_into().ok());
    bytes.ok_or_else(|| anyhow::anyhow!("--nonce is written in 64 hexadecimal digits"))
}

/// A source whose tiles are asked for again and again, by many receipts.
struct Remembering<S> {
    source: S,
    tiles: Mutex<HashMap<Tile, Vec<u8>>>,
}

impl<S> Remembering<S> {
    fn new(source: S) -> Self {
        Self { source, tiles: Mutex::default() }
    }
}

impl<S: TileSource> TileSource for Remembering<S> {
    fn checkpoint(&self) -> Result<String, SourceError> {
        self.source.checkpoint()
    }

    fn tile(&self, tile: Tile) -> Result<Vec<u8>, SourceError> {
        if let Some(bytes) = self.tiles.lock().unwrap_or_else(PoisonError::into_inner).get(&tile) {
            return Ok(bytes.clone());
        }
        let bytes = self.source.tile(tile)?;
        let mut tiles = self.tiles.lock().unwrap_or_else(PoisonError::into_inner);
        // A whole new start is simpler than knowing which tile is the oldest, and receipts come in no order.
        if tiles.len() >= TILES_KEPT {
            tiles.clear();
        }
        tiles.insert(tile, bytes.clone());
        Ok(bytes)
    }
}
