//! What an audit found wrong, and where.
//!
//! A place is a type and not a sentence, so that a program can act on it and a test can ask for it. An audit that ended at
//! the first problem was rejected: whoever has been robbed wants the whole list.

use std::fmt;

use crate::tlog::Tile;

/// Further findings are counted and no longer listed.
pub const MOST_FINDINGS: usize = 1000;

/// Where something is wrong.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// The head that was published last.
    Checkpoint,
    /// An earlier one, by its size.
    EarlierCheckpoint(u64),
    /// A file that was given.
    File(String),
    /// The root that stands on the paper of the receipt issued by this entry.
    Paper {
        leaf: u64,
    },
    Tile(Tile),
    Entry(u64),
    /// A stored head of the log, by its size.
    Head(u64),
    /// A stored inner node.
    Node {
        level: u32,
        number: u64,
    },
    /// What the next leaf is added to.
    Edge,
    /// A dossier, by its reference or, when that cannot be read, by its place in the table.
    Dossier(String),
    /// A receipt's row, by the entry that issued it.
    Receipt {
        leaf: i64,
    },
    /// A seal's row, by the entry of its receipt.
    Seal {
        leaf: i64,
    },
    /// A series of numbers, such as `PC-2026`.
    Series(String),
    /// A wish that was granted, by its first entry.
    Wish {
        first_leaf: i64,
    },
    /// A cosignature of a checkpoint.
    Cosignature {
        size: u64,
        witness: String,
    },
    /// What is true of the whole database and of no row in it.
    Database,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Checkpoint => f.write_str("checkpoint"),
            Self::EarlierCheckpoint(size) => write!(f, "checkpoint of {size} entries"),
            Self::File(name) => f.write_str(name),
            Self::Paper { leaf } => write!(f, "paper of the receipt of entry {leaf}"),
            Self::Tile(tile) => write!(f, "{tile}"),
            Self::Entry(index) => write!(f, "entry {index}"),
            Self::Head(size) => write!(f, "head of {size} entries"),
            Self::Node { level, number } => write!(f, "node {number} of level {level}"),
            Self::Edge => f.write_str("the tree's edge"),
            Self::Dossier(reference) => write!(f, "dossier {reference}"),
            Self::Receipt { leaf } => write!(f, "receipt of entry {leaf}"),
            Self::Seal { leaf } => write!(f, "seal of entry {leaf}"),
            Self::Series(series) => write!(f, "numbers {series}"),
            Self::Wish { first_leaf } => write!(f, "form of entry {first_leaf}"),
            Self::Cosignature { size, witness } => write!(f, "cosignature of {size} entries by {witness}"),
            Self::Database => f.write_str("database"),
        }
    }
}

/// One thing that is not as it must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub place: Place,
    pub what: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.what)
    }
}

/// The findings so far: a list that does not grow for ever, and a count that does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    listed: Vec<Finding>,
    more: u64,
    noted: Vec<Finding>,
}

impl Findings {
    pub fn add(&mut self, place: Place, what: impl Into<String>) {
        if self.listed.len() < MOST_FINDINGS {
            self.listed.push(Finding { place, what: what.into() });
        } else {
            self.more += 1;
        }
    }

    /// Adds what is not wrong, and has a reader ask why it is so. As many are kept as findings are.
    pub fn note(&mut self, place: Place, what: impl Into<String>) {
        if self.noted.len() < MOST_FINDINGS {
            self.noted.push(Finding { place, what: what.into() });
        }
    }

    /// Adds what another part of the audit found.
    pub fn append(&mut self, others: Self) {
        for note in others.noted {
            self.note(note.place, note.what);
        }
        for finding in others.listed {
            self.add(finding.place, finding.what);
        }
        self.more += others.more;
    }

    pub fn listed(&self) -> &[Finding] {
        &self.listed
    }

    pub fn noted(&self) -> &[Finding] {
        &self.noted
    }

    /// How many were found beyond those that are listed.
    pub const fn more(&self) -> u64 {
        self.more
    }

    pub const fn is_empty(&self) -> bool {
        self.listed.is_empty()
    }

    /// Whether there is no more room in the list, so that going on tells nothing new.
    pub const fn is_full(&self) -> bool {
        self.more > 0
    }
}
