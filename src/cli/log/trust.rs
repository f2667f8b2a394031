//! Whose signatures count: keys given by hand, an office's file of keys, a policy, or those first seen and remembered.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use clap::Args;

use super::{
    folder::Folder,
    web::{Web, is_address},
};
use crate::{
    audit::{keys_file, trusted_head},
    cli::UsageError,
    receipt::{PublishedKeys, SealPublicKey},
    tlog::{Checkpoint, NoteVerifier},
};

const KEYS_PATH: &str = "/.well-known/milaf/keys.json";

/// Whose signatures count
#[derive(Debug, Default, Args)]
pub(super) struct TrustArguments {
    /// A key of the log, as `NAME+ID+KEY`; may stand several times
    #[arg(long = "key", value_name = "VKEY")]
    pub(super) keys: Vec<String>,
    /// The office's file of keys, keys.json, kept or from its address
    #[arg(long = "keys", value_name = "FILE|URL")]
    pub(super) keys_file: Option<String>,
}

/// Everybody whose signatures count.
#[derive(Debug, Default)]
pub(super) struct Trust {
    pub(super) log: Vec<NoteVerifier>,
    pub(super) seal: Vec<SealPublicKey>,
}

impl Trust {
    /// # Errors
    /// [`UsageError`] when something given is not what it should be or cannot be read.
    pub(super) fn given(arguments: &TrustArguments) -> anyhow::Result<Self> {
        let mut trust = Self::default();
        for key in &arguments.keys {
            trust.add(key)?;
        }
        if let Some(place) = &arguments.keys_file {
            let bytes = read_keys(place).map_err(|cause| UsageError(format!("{place} cannot be read: {cause:#}")))?;
            let keys = keys_file::read(&bytes).map_err(|cause| UsageError(format!("{place}: {cause}")))?;
            trust.add_published(&keys)?;
        }
        Ok(trust)
    }

    pub(super) fn add(&mut self, key: &str) -> anyhow::Result<()> {
        let verifier =
            NoteVerifier::parse(key).map_err(|_| UsageError(format!("{key} is no key of a log; it is NAME+ID+KEY")))?;
        if !self.log.contains(&verifier) {
            self.log.push(verifier);
        }
        Ok(())
    }

    fn add_published(&mut self, keys: &PublishedKeys) -> anyhow::Result<()> {
        self.seal.extend(keys.seal_keys());
        keys.log.iter().filter_map(|key| key.vkey.as_deref()).try_for_each(|key| self.add(key))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.log.is_empty()
    }

    /// The head in a note that somebody trusted signed.
    ///
    /// # Errors
    /// Says why it is not trusted.
    pub(super) fn head(&self, note: &str) -> Result<Checkpoint, String> {
        trusted_head(note, &self.log)
    }
}

/// The keys by which a mirror is checked: given ones, or those that it remembers, or else those that the site shows now,
/// remembered from then on.
pub(super) fn of_mirror(arguments: &TrustArguments, folder: &Folder, web: &Web) -> anyhow::Result<Trust> {
    let mut trust = Trust::given(arguments)?;
    let remembered = folder.keys()?;
    for key in &remembered {
        trust.add(key)?;
    }
    if trust.is_empty() {
        let bytes = web
            .on_site(KEYS_PATH, keys_file::LARGEST as u64)
            .map_err(|error| anyhow::anyhow!("{KEYS_PATH} cannot be had ({error}); give the log's key with --key"))?;
        trust.add_published(&keys_file::read(&bytes).with_context(|| KEYS_PATH.to_owned())?)?;
        if trust.is_empty() {
            bail!("{KEYS_PATH} names no key of a log; give it with --key");
        }
        eprintln!(
            "The log's key was taken from the site itself and is believed from now on:\n\n  {}\n\nCompare it with what the \
             office has printed or others have kept. Until then this mirror proves only that the site does not change its mind.",
            texts(&trust.log).join("\n  ")
        );
    }
    let all = texts(&trust.log);
    if all != remembered {
        folder.put_keys(&all)?;
    }
    Ok(trust)
}

fn texts(keys: &[NoteVerifier]) -> Vec<String> {
    keys.iter().map(ToString::to_string).collect()
}

/// The bytes of a file of keys, from a path or an address.
pub(in crate::cli) fn read_keys(place: &str) -> anyhow::Result<Vec<u8>> {
    if is_address(place) {
        let web = Web::new(place)?;
        let largest = keys_file::LARGEST as u64;
        return Ok(match place.matches('/').count() {
            // A bare host has its keys where every office has them.
            2 => web.on_site(KEYS_PATH, largest)?,
            _ => web.itself(largest)?,
        });
    }
    Ok(fs::read(PathBuf::from(place).as_path() as &Path)?)
}
