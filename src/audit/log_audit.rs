//! A whole log, recomputed from its entries and compared with everything that was published of it.
//!
//! One pass in order: each bundle's entries are hashed and compared with the lowest tile, each full tile's root with its place
//! in the tile above, and the whole with the checkpoint, with every checkpoint seen before and with the roots on papers. Only
//! a window of bundles and one unfinished tile of each level are held, so the memory does not grow with the log. Checking a
//! proof for each entry instead was rejected: it hashes twenty times as much and leaves the tiles themselves unchecked.
//!
//! What it never does: say that the entries tell the truth. They are commitments; whoever has no record cannot look into them.

use rayon::prelude::*;

use super::{
    finding::{Findings, Place},
    tiles::{LeafData, SourceError, TileSource, bundle_at, perfect_root, read_entries, read_hashes, tile_at},
};
use crate::tlog::{Checkpoint, Frontier, Hash, NoteVerifier, TILE_WIDTH, Tile, TileKind, leaf_hash};

/// How many bundles are read at once: enough to keep every core busy, and two megabytes.
const WINDOW: u64 = 128;

/// A root that somebody kept, and what it must be the root of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownRoot {
    pub place: Place,
    pub size: u64,
    pub root: Hash,
}

/// What stands on a receipt: the log's head of that moment, and the receipt's own entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paper {
    pub leaf: u64,
    pub commitment16: [u8; 16],
    pub size: u64,
    pub root: Hash,
}

/// What the log is compared with.
#[derive(Clone, Debug, Default)]
pub struct Expectations {
    known: Vec<KnownRoot>,
    papers: Vec<Paper>,
}

impl Expectations {
    /// Each known root's place is where a difference is reported.
    pub fn new(mut known: Vec<KnownRoot>, mut papers: Vec<Paper>) -> Self {
        known.extend(papers.iter().map(|paper| KnownRoot {
            place: Place::Paper { leaf: paper.leaf },
            size: paper.size,
            root: paper.root,
        }));
        known.sort_by_key(|known| known.size);
        papers.sort_by_key(|paper| paper.leaf);
        Self { known, papers }
    }

    /// The roots to be judged at sizes from `from` on and not beyond `to`.
    fn between(&self, from: u64, to: u64) -> &[KnownRoot] {
        let start = self.known.partition_point(|known| known.size < from);
        let end = self.known.partition_point(|known| known.size <= to);
        &self.known[start..end.max(start)]
    }

    fn papers_in(&self, from: u64, to: u64) -> &[Paper] {
        let start = self.papers.partition_point(|paper| paper.leaf < from);
        let end = self.papers.partition_point(|paper| paper.leaf < to);
        &self.papers[start..end.max(start)]
    }
}

/// What an audit of a public log came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogReport {
    /// The head that was audited; `None` when nobody trusted signed one, and then nothing was compared.
    pub head: Option<Checkpoint>,
    /// How many entries were hashed.
    pub entries: u64,
    /// How many tiles and bundles were read.
    pub tiles: u64,
    /// How many kept roots were compared.
    pub roots: u64,
    pub findings: Findings,
}

/// The audit cannot go on: nothing can be said about what was not read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place} cannot be read: {cause}")]
pub struct Unreadable {
    pub place: Place,
    pub cause: String,
}

/// The head in a note that one of these keys signed.
///
/// # Errors
/// Says why it is not trusted.
pub fn trusted_head(note: &str, keys: &[NoteVerifier]) -> Result<Checkpoint, String> {
    let mut cause = "no key is known to check it with".to_owned();
    for key in keys {
        match Checkpoint::parse_signed(note, key) {
            Ok(head) => return Ok(head),
            Err(error) => cause = error.to_string(),
        }
    }
    Err(cause)
}

/// Audits the log of this head, which the caller has found trustworthy, and tells after each window how many entries are done.
///
/// # Errors
/// [`Unreadable`] when the source cannot be asked; what it lacks or spoils is a finding.
pub fn audit_log(
    source: &dyn TileSource,
    head: &Checkpoint,
    expectations: &Expectations,
    progress: &mut dyn FnMut(u64),
) -> Result<LogReport, Unreadable> {
    let mut pass = Pass::new(source, head.size);
    pass.judge_roots(expectations.between(0, 0), &[]);
    let bundles = head.size.div_ceil(TILE_WIDTH);
    let mut next = 0;
    while next < bundles && !pass.findings.is_full() {
        let end = bundles.min(next + WINDOW);
        let read: Vec<Bundle> = (next..end)
            .into_par_iter()
            .map(|number| read_bundle(source, number, head.size, expectations))
            .collect::<Result<_, _>>()?;
        for bundle in read {
            pass.take(bundle, expectations)?;
        }
        next = end;
        progress(pass.frontier.size());
    }
    if !pass.findings.is_full() {
        pass.finish(head, expectations)?;
    }
    Ok(LogReport {
        head: Some(head.clone()),
        entries: pass.frontier.size(),
        tiles: pass.tiles,
        roots: pass.roots,
        findings: pass.findings,
    })
}

/// One bundle with its lowest tile, compared with each other.
struct Bundle {
    leaves: Vec<Hash>,
    findings: Findings,
    /// Of a full bundle, the root of its tile.
    root: Option<Hash>,
}

fn read_bundle(
    source: &dyn TileSource,
    number: u64,
    size: u64,
    expectations: &Expectations,
) -> Result<Bundle, Unreadable> {
    let (entries, hashes) = bundle_at(number, size).zip(tile_at(0, number, size)).expect("a bundle within the log");
    let first = number * TILE_WIDTH;
    let mut findings = Findings::default();
    let found = read(source, entries, &mut findings)?;
    let data = found.and_then(|bytes| said(read_entries(entries, &bytes), entries, &mut findings));
    let found = read(source, hashes, &mut findings)?;
    let tile = found.and_then(|bytes| said(read_hashes(hashes, &bytes).map(<[Hash]>::to_vec), hashes, &mut findings));
    let leaves = match (data, tile) {
        (Some(data), tile) => {
            let leaves: Vec<Hash> = data.iter().map(leaf_hash).collect();
            findings.append(judge_entries(first, &leaves, tile.as_deref().unwrap_or(&leaves), hashes));
            let end = first + data.len() as u64;
            findings.append(judge_papers(first, &data, expectations.papers_in(first, end)));
            leaves
        }
        // The pass goes on from what is left, so that one lost file is not reported as a thousand.
        (None, Some(tile)) => tile,
        (None, None) => vec![[0; 32]; usize::from(hashes.width())],
    };
    let root = hashes.is_full().then(|| perfect_root(&leaves));
    Ok(Bundle { leaves, findings, root })
}

/// Whether the entries hash to what the lowest tile holds; `first` is the first one's index.
pub fn judge_entries(first: u64, leaves: &[Hash], tile: &[Hash], name: Tile) -> Findings {
    let mut findings = Findings::default();
    for (index, _) in (first..).zip(leaves.iter().zip(tile)).filter(|(_, (ours, theirs))| ours != theirs) {
        findings.add(Place::Entry(index), format!("it does not hash to its place in {name}"));
    }
    findings
}

/// Whether the entries are those that the papers name.
pub fn judge_papers(first: u64, data: &[LeafData], papers: &[Paper]) -> Findings {
    let mut findings = Findings::default();
    for paper in papers {
        let entry = paper.leaf.checked_sub(first).and_then(|at| usize::try_from(at).ok()).and_then(|at| data.get(at));
        if entry.is_none_or(|entry| entry[1..17] != paper.commitment16) {
            findings.add(Place::Paper { leaf: paper.leaf }, "the entry that it names is not the one in the log");
        }
    }
    findings
}

/// Whether a tile above the lowest holds the roots of the tiles under it.
pub fn judge_tile(name: Tile, expected: &[Hash], found: &[Hash]) -> Findings {
    let mut findings = Findings::default();
    let TileKind::Hashes { level } = name.kind() else { return findings };
    let below = (name.number() * TILE_WIDTH..).zip(expected.iter().zip(found));
    for (number, _) in below.filter(|(_, (ours, theirs))| ours != theirs) {
        let under = level.checked_sub(1).and_then(|level| Tile::new(TileKind::Hashes { level }, number, 256).ok());
        let under = under.map_or_else(|| number.to_string(), |tile| tile.to_string());
        findings.add(Place::Tile(name), format!("it does not hold the root of {under}"));
    }
    findings
}

/// Whether anything that was kept covers more than the log has.
pub fn judge_end(size: u64, expectations: &Expectations) -> Findings {
    let mut findings = Findings::default();
    for known in expectations.between(size.saturating_add(1), u64::MAX) {
        let what = format!("it covers {} entries, and the log has {size}: entries were taken away", known.size);
        findings.add(known.place.clone(), what);
    }
    for paper in expectations.papers_in(size, u64::MAX) {
        findings.add(Place::Paper { leaf: paper.leaf }, "the entry that it names is beyond the log's end");
    }
    findings
}

/// The state between two bundles.
struct Pass<'a> {
    source: &'a dyn TileSource,
    size: u64,
    frontier: Frontier,
    /// The unfinished tile of each level from 1 on.
    rising: Vec<Vec<Hash>>,
    tiles: u64,
    roots: u64,
    findings: Findings,
}

impl<'a> Pass<'a> {
    fn new(source: &'a dyn TileSource, size: u64) -> Self {
        let (rising, findings) = (Vec::new(), Findings::default());
        Self { source, size, frontier: Frontier::empty(), rising, tiles: 0, roots: 0, findings }
    }

    fn take(&mut self, bundle: Bundle, expectations: &Expectations) -> Result<(), Unreadable> {
        self.findings.append(bundle.findings);
        self.tiles += 2;
        let end = self.frontier.size() + bundle.leaves.len() as u64;
        self.judge_roots(expectations.between(self.frontier.size() + 1, end), &bundle.leaves);
        match bundle.root {
            Some(root) => {
                self.frontier.push_subtree(8, root);
                self.rise(1, root)?;
            }
            None => bundle.leaves.iter().for_each(|leaf| self.frontier.push(*leaf)),
        }
        Ok(())
    }

    /// Compares kept roots with the tree of the frontier and the first of these leaves.
    fn judge_roots(&mut self, known: &[KnownRoot], leaves: &[Hash]) {
        let mut tree = self.frontier.clone();
        let mut leaves = leaves.iter();
        for known in known {
            while tree.size() < known.size
                && let Some(leaf) = leaves.next()
            {
                tree.push(*leaf);
            }
            self.roots += 1;
            if tree.root() != known.root {
                let what = format!("its root is not that of the log's first {} entries", known.size);
                self.findings.add(known.place.clone(), what);
            }
        }
    }

    /// A full tile's root takes its place in the tile above.
    fn rise(&mut self, level: u8, root: Hash) -> Result<(), Unreadable> {
        let at = usize::from(level) - 1;
        if self.rising.len() <= at {
            self.rising.push(Vec::with_capacity(256));
        }
        self.rising[at].push(root);
        if self.rising[at].len() == 256 {
            let full = std::mem::take(&mut self.rising[at]);
            self.compare(level, &full)?;
            self.rise(level + 1, perfect_root(&full))?;
        }
        Ok(())
    }

    fn compare(&mut self, level: u8, expected: &[Hash]) -> Result<(), Unreadable> {
        let end = self.frontier.size() >> (8 * u32::from(level));
        let number = end.saturating_sub(1) / TILE_WIDTH;
        let tile = tile_at(level, number, self.size).expect("a tile within the log");
        self.tiles += 1;
        if let Some(bytes) = read(self.source, tile, &mut self.findings)?
            && let Some(found) = said(read_hashes(tile, &bytes).map(<[Hash]>::to_vec), tile, &mut self.findings)
        {
            self.findings.append(judge_tile(tile, expected, &found));
        }
        Ok(())
    }

    fn finish(&mut self, head: &Checkpoint, expectations: &Expectations) -> Result<(), Unreadable> {
        for (level, partial) in (1..).zip(std::mem::take(&mut self.rising)) {
            if !partial.is_empty() {
                self.compare(level, &partial)?;
            }
        }
        self.roots += 1;
        if self.frontier.root() != head.root {
            self.findings.add(Place::Checkpoint, "its root does not follow from the entries");
        }
        self.findings.append(judge_end(head.size, expectations));
        Ok(())
    }
}

/// A tile's bytes; what is missing or spoiled is noted.
fn read(source: &dyn TileSource, tile: Tile, findings: &mut Findings) -> Result<Option<Vec<u8>>, Unreadable> {
    match source.tile(tile) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(SourceError::Unreadable(cause)) => Err(Unreadable { place: Place::Tile(tile), cause }),
        Err(error) => {
            findings.add(Place::Tile(tile), error.to_string());
            Ok(None)
        }
    }
}

fn said<T>(outcome: Result<T, String>, tile: Tile, findings: &mut Findings) -> Option<T> {
    match outcome {
        Ok(value) => Some(value),
        Err(what) => {
            findings.add(Place::Tile(tile), what);
            None
        }
    }
}
