//! Rows in the order of the log's growth, each judged when the pass has come to its size.

use std::collections::{BTreeMap, VecDeque};

use crate::{
    audit::{Findings, KnownRoot, Place, trusted_head},
    store::{Inspect, StoreError, inspect},
    tlog::{Frontier, Hash, Node, NoteVerifier},
};

/// The stored heads, read in pages.
pub(super) struct Heads {
    page: VecDeque<(i64, Hash)>,
    next: u64,
    ended: bool,
}

impl Heads {
    pub(super) const fn new() -> Self {
        Self { page: VecDeque::new(), next: 0, ended: false }
    }

    /// Reads on, if need be. After it, the heads of the next 2000 sizes at least are at hand, or there are no more.
    pub(super) async fn fill(&mut self, store: &dyn Inspect) -> Result<(), StoreError> {
        if self.page.is_empty() && !self.ended {
            let page = inspect::heads(store, self.next).await?;
            self.ended = page.is_empty();
            self.next = page.last().map_or(self.next, |(size, _)| size.unsigned_abs() + 1);
            self.page = page.into();
        }
        Ok(())
    }

    /// The next head's size, if one is at hand.
    pub(super) fn next_size(&self) -> Option<u64> {
        self.page.front().map(|(size, _)| size.unsigned_abs())
    }

    /// Judges the head of the tree's size, if there is one.
    pub(super) fn judge(&mut self, tree: &Frontier, findings: &mut Findings) {
        while let Some((size, root)) = self.page.front().copied()
            && size.unsigned_abs() <= tree.size()
        {
            self.page.pop_front();
            if size.unsigned_abs() != tree.size() || root != tree.root() {
                findings.add(Place::Head(size.unsigned_abs()), "its root does not follow from the entries");
            }
        }
    }
}

/// The stored nodes of each level, read in pages.
#[derive(Default)]
pub(super) struct Nodes {
    levels: BTreeMap<u32, VecDeque<inspect::NodeRow>>,
}

impl Nodes {
    /// Judges nodes that the entries have completed.
    pub(super) async fn judge(
        &mut self,
        store: &dyn Inspect,
        completed: &[Node],
        findings: &mut Findings,
    ) -> Result<(), StoreError> {
        for node in completed {
            let page = self.levels.entry(node.level).or_default();
            if page.is_empty() {
                *page = inspect::kept_nodes(store, node.level, node.number).await?.into();
            }
            let place = Place::Node { level: node.level, number: node.number };
            let number = i64::try_from(node.number).unwrap_or(i64::MAX);
            match page.front() {
                Some(row) if row.number == number => {
                    if row.hash != node.hash {
                        findings.add(place, "it does not follow from the entries");
                    }
                    page.pop_front();
                }
                _ => findings.add(place, "it is missing"),
            }
        }
        Ok(())
    }
}

/// Roots that were published or printed, ascending by size.
pub(super) struct Roots {
    known: VecDeque<KnownRoot>,
    pub(super) compared: u64,
}

impl Roots {
    pub(super) fn new(mut known: Vec<KnownRoot>) -> Self {
        known.sort_by_key(|known| known.size);
        Self { known: known.into(), compared: 0 }
    }

    /// Adds a page of checkpoints, all of them larger than those added before.
    pub(super) fn add_note(
        &mut self,
        place: Place,
        note: &str,
        size: Option<u64>,
        keys: &[NoteVerifier],
        findings: &mut Findings,
    ) {
        match trusted_head(note, keys) {
            Ok(head) if size.is_some_and(|size| size != head.size) => {
                findings.add(place, format!("it is one of {} entries", head.size));
            }
            Ok(head) => {
                let at = self.known.partition_point(|known| known.size <= head.size);
                self.known.insert(at, KnownRoot { place, size: head.size, root: head.root });
            }
            Err(why) => findings.add(place, why),
        }
    }

    pub(super) fn next_size(&self) -> Option<u64> {
        self.known.front().map(|known| known.size)
    }

    pub(super) fn judge(&mut self, tree: &Frontier, findings: &mut Findings) {
        while let Some(known) = self.known.pop_front_if(|known| known.size <= tree.size()) {
            self.compared += 1;
            if known.size != tree.size() || known.root != tree.root() {
                let what = format!("its root is not that of the log's first {} entries", known.size);
                findings.add(known.place, what);
            }
        }
    }

    /// What remains covers more than the log has.
    pub(super) fn finish(self, size: u64, findings: &mut Findings) {
        for known in self.known {
            let what = format!("it covers {} entries, and the log has {size}: entries were taken away", known.size);
            findings.add(known.place, what);
        }
    }
}
