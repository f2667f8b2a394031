//! A whole audit of a mirrored log in a folder, on one thread and on every core, beside a control in the same rounds: bare
//! SHA-256 of as many leaves (34 bytes) and nodes (65 bytes) on as many threads.
//!
//! `cargo bench --bench audit -- [EVENTS]`. The budget is 200,000 events a second and core, and memory that does not grow with
//! the log; the peak is printed after the filling, where nothing of the log is held, and after the audits.

use std::{
    fs::{self, File},
    hint::black_box,
    io::Read,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use milaf::{
    audit::{Expectations, SourceError, TileSource, audit_log, perfect_root, tile_length},
    tlog::{Checkpoint, Frontier, Hash, Tile, TileKind, entry_bundle, leaf_data, leaf_hash},
};
use rayon::prelude::*;
use sha2::{Digest, Sha256};

const ROUNDS: usize = 5;
const BUDGET: f64 = 200_000.0;

fn main() -> Result<()> {
    let events = std::env::args().find_map(|word| word.parse().ok()).unwrap_or(1_000_000_u64);
    let folder = tempfile::tempdir()?;
    let begun = Instant::now();
    let head = fill(folder.path(), events)?;
    println!("{events} events in {:.1} s; load {}", begun.elapsed().as_secs_f64(), load()?);
    println!("peak memory before the audits: {}", peak()?);
    let mirror = Mirror(folder.path().to_owned());
    let cores = std::thread::available_parallelism()?.get();
    let mut single = None;
    for threads in if cores > 1 { vec![1, cores] } else { vec![1] } {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build()?;
        let (mut audits, mut controls) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let begun = Instant::now();
            let report = pool.install(|| audit_log(&mirror, &head, &Expectations::default(), &mut |_| {}))?;
            audits.push(begun.elapsed());
            ensure!(report.findings.is_empty() && report.entries == events, "the log is sound: {report:?}");
            let begun = Instant::now();
            pool.install(|| bare(events));
            controls.push(begun.elapsed());
        }
        let (audit, control) = (rate(&mut audits, events), rate(&mut controls, events));
        println!(
            "{threads} thread(s): {audit:.0} events/s, {:.0} a core; control, bare SHA-256: {control:.0}/s; ratio {:.2}; peak {}",
            audit / f64::from(u32::try_from(threads).expect("a few cores")),
            control / audit,
            peak()?
        );
        single.get_or_insert(audit);
    }
    println!("load {}", load()?);
    ensure!(single.is_some_and(|rate| rate >= BUDGET), "one core is under the budget of {BUDGET} events a second");
    Ok(())
}

/// A log on the disk, read as a mirror's folder is.
struct Mirror(PathBuf);

impl TileSource for Mirror {
    fn checkpoint(&self) -> Result<String, SourceError> {
        Err(SourceError::Missing)
    }

    fn tile(&self, tile: Tile) -> Result<Vec<u8>, SourceError> {
        let read = || {
            let mut bytes = Vec::new();
            File::open(self.0.join(tile.to_string()))?.take(tile_length(tile) as u64 + 1).read_to_end(&mut bytes)?;
            Ok::<_, std::io::Error>(bytes)
        };
        read().map_err(|error| SourceError::Unreadable(error.to_string()))
    }
}

/// Writes every tile, and holds no more than one unfinished tile of each level.
fn fill(folder: &Path, events: u64) -> Result<Checkpoint> {
    let mut rows: Vec<(u64, Vec<Hash>)> = vec![(0, Vec::new())];
    let mut bundle = Vec::new();
    let mut edge = Frontier::empty();
    for index in 0..events {
        let mut commitment = [0xa5; 32];
        commitment[..8].copy_from_slice(&index.to_be_bytes());
        let data = leaf_data(&commitment);
        bundle.push(data);
        edge.push(leaf_hash(&data));
        rows[0].1.push(leaf_hash(&data));
        if bundle.len() == 256 || index + 1 == events {
            let width = u16::try_from(bundle.len())?;
            write(folder, Tile::new(TileKind::Entries, index / 256, width)?, &entry_bundle(&bundle))?;
            bundle.clear();
        }
        let mut level = 0;
        while rows[level].1.len() == 256 {
            let (number, full) = (rows[level].0, std::mem::take(&mut rows[level].1));
            write_hashes(folder, level, number, &full)?;
            rows[level].0 += 1;
            level += 1;
            if rows.len() == level {
                rows.push((0, Vec::new()));
            }
            rows[level].1.push(perfect_root(&full));
        }
    }
    for (level, (number, partial)) in rows.iter().enumerate().filter(|(_, (_, row))| !row.is_empty()) {
        write_hashes(folder, level, *number, partial)?;
    }
    Ok(Checkpoint { origin: "suivi.example.ma/log".to_owned(), size: events, root: edge.root() })
}

fn write_hashes(folder: &Path, level: usize, number: u64, row: &[Hash]) -> Result<()> {
    let kind = TileKind::Hashes { level: u8::try_from(level)? };
    write(folder, Tile::new(kind, number, u16::try_from(row.len())?)?, row.as_flattened())
}

fn write(folder: &Path, tile: Tile, bytes: &[u8]) -> Result<()> {
    let path = folder.join(tile.to_string());
    fs::create_dir_all(path.parent().context("a tile lies in a folder")?)?;
    Ok(fs::write(path, bytes)?)
}

/// As many leaves and nodes as a tree of this size has, with nothing around them.
fn bare(events: u64) {
    const BLOCK: u64 = 4096;
    (0..events.div_ceil(BLOCK)).into_par_iter().for_each(|block| {
        let (mut leaf, mut node) = ([0_u8; 34], [1_u8; 65]);
        for index in block * BLOCK..events.min((block + 1) * BLOCK) {
            leaf[1..9].copy_from_slice(&index.to_be_bytes());
            node[1..9].copy_from_slice(&index.to_be_bytes());
            black_box((Sha256::digest(black_box(leaf)), Sha256::digest(black_box(node))));
        }
    });
}

/// Events a second in the median round.
fn rate(times: &mut [Duration], events: u64) -> f64 {
    times.sort_unstable();
    f64::from(u32::try_from(events).expect("a few million")) / times[times.len() / 2].as_secs_f64()
}

fn peak() -> Result<String> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    Ok(line.context("the kernel tells the peak")?.trim().to_owned())
}

fn load() -> Result<String> {
    let text = fs::read_to_string("/proc/loadavg")?;
    Ok(text.split(' ').take(3).collect::<Vec<_>>().join(" "))
}
