//! The ZIP around a bundle: written the one way that gives equal bytes, and read where every program sees the same files.
//!
//! Limits come before contents: what an archive claims of itself is never believed, only what comes out of it is counted.
//! Unpacking to a folder was rejected, because then a name could lead out of it.

use std::{
    collections::BTreeMap,
    io::{Cursor, Read, Write},
};

use zip::{CompressionMethod, DateTime, ZipArchive, ZipWriter, write::SimpleFileOptions};

/// Larger bundles are not looked at. A dossier of a hundred events and three papers has less than a megabyte.
const LARGEST_ARCHIVE: usize = 64 << 20;
const LARGEST_FILE: u64 = 8 << 20;
const MOST_FILES: usize = 20_000;
const LONGEST_NAME: usize = 64;
/// Unpacked, all files together are at most so many times the archive, and a little more.
const LARGEST_RATIO: u64 = 100;
const ALWAYS_ALLOWED: u64 = 1 << 20;

/// What stands at an archive's end, without a comment.
const END_LENGTH: usize = 22;
const END_SIGNATURE: &[u8] = b"PK\x05\x06";

/// Why bytes are no archive that is looked into.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ArchiveFault {
    #[error("it is no whole ZIP archive; it may have been cut off")]
    Form,
    #[error("it is larger, or unpacks to more, than a bundle of evidence does")]
    Large,
    #[error("it is a ZIP archive in which two programs could see different files")]
    Ambiguous,
    #[error("a file in it has a name that no file of a bundle has")]
    Name,
}

/// The archive of these files, in this order.
pub(super) fn write<'a>(files: impl Iterator<Item = (&'a str, &'a [u8])>) -> Result<Vec<u8>, ArchiveFault> {
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .compression_level(Some(6))
        .last_modified_time(DateTime::DEFAULT)
        .unix_permissions(0o644);
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        if bytes.len() as u64 > LARGEST_FILE {
            return Err(ArchiveFault::Large);
        }
        writer.start_file(name, options).map_err(|_| ArchiveFault::Form)?;
        writer.write_all(bytes).map_err(|_| ArchiveFault::Form)?;
    }
    let bytes = writer.finish().map_err(|_| ArchiveFault::Form)?.into_inner();
    if bytes.len() > LARGEST_ARCHIVE { Err(ArchiveFault::Large) } else { Ok(bytes) }
}

/// The files of an archive by their names.
pub(super) fn read(bytes: &[u8]) -> Result<BTreeMap<String, Vec<u8>>, ArchiveFault> {
    if bytes.len() > LARGEST_ARCHIVE {
        return Err(ArchiveFault::Large);
    }
    let count = counted(bytes)?;
    if count > MOST_FILES {
        return Err(ArchiveFault::Large);
    }
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|_| ArchiveFault::Form)?;
    // A name that stands there twice is counted once by the one program and found by the other.
    if archive.len() != count || archive.offset() != 0 {
        return Err(ArchiveFault::Ambiguous);
    }
    let directory = archive.central_directory_start();
    let mut left = (bytes.len() as u64).saturating_mul(LARGEST_RATIO).saturating_add(ALWAYS_ALLOWED);
    let mut files = BTreeMap::new();
    let mut place = 0;
    for index in 0..count {
        let file = archive.by_index(index).map_err(|_| ArchiveFault::Form)?;
        let plain = matches!(file.compression(), CompressionMethod::Deflated | CompressionMethod::Stored);
        if file.encrypted() || !plain {
            return Err(ArchiveFault::Form);
        }
        let name = str::from_utf8(file.name_raw()).map_err(|_| ArchiveFault::Name)?.to_owned();
        if !is_name(&name) {
            return Err(ArchiveFault::Name);
        }
        // One file after the other, and nothing between them that only some program would find.
        let start = file.data_start().ok_or(ArchiveFault::Form)?;
        let header = 30 + name.len() as u64;
        if file.header_start() != place || start != place + header || !same_name(bytes, place, &name) {
            return Err(ArchiveFault::Ambiguous);
        }
        place = start.checked_add(file.compressed_size()).ok_or(ArchiveFault::Form)?;
        let most = left.min(LARGEST_FILE);
        let mut contents = Vec::new();
        file.take(most + 1).read_to_end(&mut contents).map_err(|_| ArchiveFault::Form)?;
        left = left.checked_sub(contents.len() as u64).ok_or(ArchiveFault::Large)?;
        if contents.len() as u64 > most {
            return Err(ArchiveFault::Large);
        }
        if files.insert(name, contents).is_some() {
            return Err(ArchiveFault::Ambiguous);
        }
    }
    if place == directory { Ok(files) } else { Err(ArchiveFault::Ambiguous) }
}

/// How many files the archive's end tells of, when that is the very end of the bytes and says nothing else.
fn counted(bytes: &[u8]) -> Result<usize, ArchiveFault> {
    let end = bytes.len().checked_sub(END_LENGTH).map(|start| &bytes[start..]).ok_or(ArchiveFault::Form)?;
    let number = |at: usize| u16::from_le_bytes([end[at], end[at + 1]]);
    let one_disk = number(4) == 0 && number(6) == 0 && number(8) == number(10);
    if end.starts_with(END_SIGNATURE) && one_disk && number(20) == 0 {
        Ok(usize::from(number(10)))
    } else {
        Err(ArchiveFault::Form)
    }
}

/// Whether the file's own header has the name that the directory gives it.
fn same_name(bytes: &[u8], place: u64, name: &str) -> bool {
    let start = usize::try_from(place).unwrap_or(usize::MAX).saturating_add(30);
    bytes.get(start..start.saturating_add(name.len())) == Some(name.as_bytes())
}

/// At most one folder deep, in letters that every system has.
fn is_name(name: &str) -> bool {
    let part = |part: &str| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
        !part.is_empty() && !part.starts_with('.') && part.bytes().all(plain)
    };
    name.len() <= LONGEST_NAME && name.split('/').count() <= 2 && name.split('/').all(part)
}
