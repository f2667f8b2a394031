//! A secret of 32 bytes in a file of its own: 64 hexadecimal digits and a line break, for the owner's eyes alone.
//!
//! A file is whole and on the disk before it has its name, and is never written over, because papers depend on what is in it.
//! What was read is wiped when it is let go.

use std::{
    fs,
    io::{self, Read as _, Write as _},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::Path,
};

use zeroize::Zeroizing;

/// 64 hexadecimal digits and a line break.
const LENGTH: usize = 65;

/// What is thought of other users who may read the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Others {
    Refused,
    Trusted,
}

/// Why a secret cannot be read. Whoever asked knows the path and what to do.
#[derive(Debug)]
pub enum SecretFileError {
    File(io::Error),
    /// Other users may read it.
    Open {
        mode: u32,
    },
    Malformed,
}

impl From<io::Error> for SecretFileError {
    fn from(error: io::Error) -> Self {
        Self::File(error)
    }
}

/// # Errors
/// [`SecretFileError`].
pub fn read_secret(path: &Path, others: Others) -> Result<Zeroizing<[u8; 32]>, SecretFileError> {
    let file = fs::File::open(path)?;
    // Of the opened file, not of the path, so that nobody can exchange it in between.
    if let (Others::Refused, Some(mode)) = (others, open_to_others(&file.metadata()?)) {
        return Err(SecretFileError::Open { mode });
    }
    let mut text = Zeroizing::new(Vec::with_capacity(LENGTH + 1));
    file.take(LENGTH as u64 + 1).read_to_end(&mut text)?;
    let digits = text.strip_suffix(b"\n").unwrap_or(&text);
    let mut secret = Zeroizing::new([0; 32]);
    hex::decode_to_slice(digits, &mut secret[..]).map_err(|_| SecretFileError::Malformed)?;
    Ok(secret)
}

/// The mode of a file or folder that others than its owner may use.
pub(super) fn open_to_others(metadata: &fs::Metadata) -> Option<u32> {
    const OTHERS: u32 = 0o077;
    let mode = metadata.mode() & 0o777;
    (mode & OTHERS != 0).then_some(mode)
}

/// Writes a new file that is there whole or not at all, even after a power cut.
///
/// # Errors
/// `AlreadyExists` when it is there already; otherwise why it cannot be written.
pub fn write_new_secret(path: &Path, secret: &[u8; 32]) -> io::Result<()> {
    let unfinished = path.with_extension("unfinished");
    // Left by a run that was killed; nobody has used it.
    remove_if_there(&unfinished)?;
    write_at_once(&unfinished, secret)?;
    // A link is refused where a rename would overwrite.
    let linked = fs::hard_link(&unfinished, path);
    fs::remove_file(&unfinished)?;
    linked?;
    sync_folder_of(path)
}

/// Completes what [`write_new_secret`] had left to do when it was killed with the file in its place.
///
/// # Errors
/// When the folder cannot be written to.
pub(super) fn complete(path: &Path) -> io::Result<()> {
    remove_if_there(&path.with_extension("unfinished"))?;
    sync_folder_of(path)
}

/// Writes the file where nobody looks for it yet.
pub(super) fn write_at_once(path: &Path, secret: &[u8; 32]) -> io::Result<()> {
    let mut text = Zeroizing::new([b'\n'; LENGTH]);
    hex::encode_to_slice(secret, &mut text[..LENGTH - 1]).map_err(io::Error::other)?;
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(&text[..])?;
    file.sync_all()
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn sync_folder_of(path: &Path) -> io::Result<()> {
    let parent = super::folder_of(path);
    fs::File::open(parent)?.sync_all()
}
