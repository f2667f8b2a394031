//! Reading the codes of a file that a stranger uploaded, in a process of its own, few at a time.
//!
//! The process sets itself the bounds below before it looks at the first byte. The most that all of this takes is therefore
//! [`AT_ONCE`] times [`MEMORY`] for the reading, and [`WAITING`] and [`AT_ONCE`] times [`LARGEST`] for the files: less than
//! 1.7 GB of address space when everybody sends the worst that there is, some 300 MB for photographs of twelve megapixels.
//! Whoever finds both the seats and the places to wait taken is asked to come again; a longer queue would only hold more of
//! strangers' files. One address has at most [`OF_ONE_ADDRESS`] places, so that nobody alone keeps the others out. It is more
//! than one because many telephones share one address of their operator.

use std::{
    collections::HashMap,
    path::PathBuf,
    process::Stdio,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    process::Command,
    sync::{OwnedSemaphorePermit, Semaphore},
};

/// Of a file.
pub const LARGEST: usize = 10 << 20;
pub const PIXELS: u64 = 40_000_000;
/// How many codes of one file are answered for.
pub const CODES: usize = 20;
/// Of address space of one reading.
pub const MEMORY: u64 = 768 << 20;
/// Of a processor for one reading.
pub const SECONDS: u64 = 10;
/// A machine that has other work to do gives a processor late.
const PATIENCE: Duration = Duration::from_secs(25);
const AT_ONCE: usize = 2;
const WAITING: usize = 4;
const OF_ONE_ADDRESS: u8 = 2;
/// What the texts of all codes can need.
const LARGEST_ANSWER: u64 = 256 << 10;

/// Why nothing was read, as the process's exit code tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failed {
    Kind,
    TooLarge,
    Damaged,
    /// Too much time or room, or a crash.
    TooLong,
    /// Others are being served.
    Busy,
    /// No process could be started.
    Unavailable,
}

impl Failed {
    pub const fn code(self) -> u8 {
        match self {
            Self::Kind => 10,
            Self::TooLarge => 11,
            Self::Damaged => 12,
            Self::TooLong => 13,
            Self::Busy | Self::Unavailable => 1,
        }
    }

    /// What an exit code tells; `None` is the end by a signal.
    pub const fn of(code: Option<i32>) -> Self {
        match code {
            Some(10) => Self::Kind,
            Some(11) => Self::TooLarge,
            // A library that panicked met something that it had not thought of.
            Some(12 | 101) => Self::Damaged,
            // No bounds could be set, so nothing was read.
            Some(1) => Self::Unavailable,
            // The system ended it, or it gave up at a bound.
            _ => Self::TooLong,
        }
    }
}

/// Who reads, and how many at once.
#[derive(Clone, Debug)]
pub struct Reading {
    /// This program.
    program: PathBuf,
    places: Arc<Semaphore>,
    seats: Arc<Semaphore>,
    /// Addresses that hold places, as limits count them, and how many. Never more of them than places.
    addresses: Arc<Mutex<HashMap<String, u8>>>,
}

/// Leave to send a file; it ends when it is dropped.
#[derive(Debug)]
pub struct Place {
    _permit: OwnedSemaphorePermit,
    addresses: Arc<Mutex<HashMap<String, u8>>>,
    address: String,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut addresses = self.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        match addresses.get_mut(&self.address) {
            Some(held) if *held > 1 => *held -= 1,
            _ => {
                addresses.remove(&self.address);
            }
        }
    }
}

impl Default for Reading {
    fn default() -> Self {
        Self::by(this_program())
    }
}

/// This program, to be started once more. Its name in `/proc` stays right when a newer one takes its place on the disk.
pub fn this_program() -> PathBuf {
    let running = PathBuf::from("/proc/self/exe");
    if running.exists() { running } else { std::env::current_exe().unwrap_or(running) }
}

impl Reading {
    pub fn by(program: PathBuf) -> Self {
        Self {
            program,
            places: Arc::new(Semaphore::new(AT_ONCE + WAITING)),
            seats: Arc::new(Semaphore::new(AT_ONCE)),
            addresses: Arc::default(),
        }
    }

    /// A place, to be taken before the file is received, so that no more files are held than can be read soon.
    pub(super) fn place(&self, address: &str) -> Result<Place, Failed> {
        let mut addresses = self.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        let held = addresses.get(address).copied().unwrap_or_default();
        if held >= OF_ONE_ADDRESS {
            return Err(Failed::Busy);
        }
        let permit = Arc::clone(&self.places).try_acquire_owned().map_err(|_| Failed::Busy)?;
        addresses.insert(address.to_owned(), held + 1);
        Ok(Place { _permit: permit, addresses: Arc::clone(&self.addresses), address: address.to_owned() })
    }

    /// The texts of a file's codes. Whoever calls it holds a place.
    pub(super) async fn read(&self, file: Bytes) -> Result<Vec<String>, Failed> {
        let _seat = self.seats.acquire().await.map_err(|_| Failed::Unavailable)?;
        tokio::time::timeout(PATIENCE, self.run(file)).await.unwrap_or(Err(Failed::TooLong))
    }

    async fn run(&self, file: Bytes) -> Result<Vec<String>, Failed> {
        let mut process = Command::new(&self.program)
            .arg("read-codes")
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .map_err(|cause| {
                tracing::error!(%cause, "no process could be started to read a picture");
                Failed::Unavailable
            })?;
        if let Some(mut input) = process.stdin.take() {
            // One that ends before it has taken everything says why with its exit code.
            let _ = input.write_all(&file).await;
        }
        drop(file);
        let mut answer = Vec::new();
        if let Some(output) = process.stdout.take() {
            let _ = output.take(LARGEST_ANSWER).read_to_end(&mut answer).await;
        }
        let status = process.wait().await.map_err(|_| Failed::Unavailable)?;
        if status.success() {
            serde_json::from_slice(&answer).map_err(|_| Failed::TooLong)
        } else {
            Err(Failed::of(status.code()))
        }
    }
}
