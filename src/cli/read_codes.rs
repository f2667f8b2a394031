//! `milaf read-codes`: reads the codes of one file from the standard input, in a process of its own.
//!
//! The server starts it for what strangers upload, and `milaf verify` for each picture and paper. The decoders of pictures and papers are other people's, and a file can be
//! made to make them take memory, time or stack without end. Here the system itself sets the bounds, and what comes of
//! crossing them is the end of this process and of nothing else. Decoding in a thread of the server was rejected: a thread
//! cannot be ended, and a stack that overflows ends the whole program.

use std::{
    io::{self, Read, Write},
    process::ExitCode,
};

use anyhow::Context;
use clap::Args;
use rustix::process::{Resource, Rlimit, setrlimit};

use crate::{
    scan::{Limits, ScanError, read_codes},
    web::reading::{CODES, Failed, LARGEST, MEMORY, PIXELS, SECONDS},
};

/// Read the codes of the file on the standard input (for the program's own use)
#[derive(Debug, Args)]
#[command(hide = true)]
pub(super) struct ReadCodes {
    /// Bytes of a file
    #[arg(long, default_value_t = LARGEST)]
    pub(super) largest: usize,
    /// How many codes are told
    #[arg(long, default_value_t = CODES + 1)]
    pub(super) codes: usize,
    /// Seconds of a processor
    #[arg(long, default_value_t = SECONDS)]
    pub(super) seconds: u64,
}

impl ReadCodes {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        bound(Resource::As, MEMORY)?;
        bound(Resource::Cpu, self.seconds)?;
        // A crash leaves nothing of a stranger's picture on the disk.
        bound(Resource::Core, 0)?;
        let mut bytes = Vec::new();
        io::stdin().lock().take(self.largest as u64 + 1).read_to_end(&mut bytes).context("the file cannot be read")?;
        let limits = Limits { bytes: self.largest, pixels: PIXELS, codes: self.codes, ..Limits::default() };
        match read_codes(&bytes, &limits) {
            Ok(texts) => {
                serde_json::to_writer(io::stdout().lock(), &texts)?;
                io::stdout().flush()?;
                Ok(ExitCode::SUCCESS)
            }
            Err(error) => Ok(ExitCode::from(match error {
                ScanError::Kind => Failed::Kind.code(),
                ScanError::TooLarge => Failed::TooLarge.code(),
                ScanError::Damaged => Failed::Damaged.code(),
                ScanError::TooLong => Failed::TooLong.code(),
            })),
        }
    }
}

fn bound(resource: Resource, most: u64) -> anyhow::Result<()> {
    setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) }).context("the system sets no bounds")
}
