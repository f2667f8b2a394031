//! Reading a whole database as it stands, for whoever audits it.
//!
//! An audit must not use the ways by which the office reads: they refuse a row that contradicts another, and the audit has to
//! name it. So rows come out here as they lie in the tables, in pages, damaged ones too, and nothing is judged. One trait
//! method carries them all, with the statements in this file, because both databases understand these. Reading by
//! [`Portable::chunk`] was rejected: it follows the heads, and where one is missing it ends.

use std::fmt;

use super::{Portable, PortableDossier, StoreError};
use crate::tlog::Hash;

/// A database that an audit can read.
#[async_trait::async_trait]
pub trait Inspect: Portable {
    /// The rows that one of this file's statements gives for these numbers.
    async fn inspect(&self, statement: &'static str, values: &[i64]) -> Result<Vec<Vec<Cell>>, StoreError>;
}

/// What stands in one column.
#[derive(Clone, PartialEq, Eq)]
pub enum Cell {
    Nothing,
    Number(i64),
    Text(String),
    Bytes(Vec<u8>),
}

/// Personal data may stand in it.
impl fmt::Debug for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cell(…)")
    }
}

/// An entry with what belongs to it.
#[derive(Clone, PartialEq, Eq)]
pub struct EntryRow {
    pub index: i64,
    /// The place of the dossier; `None` for an event of the log itself.
    pub dossier: Option<i64>,
    /// That dossier's reference, if it is there.
    pub reference: Option<String>,
    pub position: i64,
    pub commitment: Vec<u8>,
    pub leaf_hash: Vec<u8>,
    /// Record and nonce, unless they are gone.
    pub content: Option<(Vec<u8>, Vec<u8>)>,
    /// The entry that tells of the erasure.
    pub told_by: Option<i64>,
}

impl fmt::Debug for EntryRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EntryRow").field("index", &self.index).finish_non_exhaustive()
    }
}

/// A receipt with its seal and the root of the head that the seal names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiptRow {
    pub id: Vec<u8>,
    pub key_id: i64,
    pub dossier: i64,
    pub leaf_index: i64,
    pub issued_at: i64,
    pub copies: i64,
    pub replaced_at: Option<i64>,
    pub seal: Option<SealRow>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealRow {
    pub tree_size: i64,
    pub seal: Vec<u8>,
    pub root: Option<Vec<u8>>,
}

/// A dossier's row with its entries and receipts, each in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DossierRows {
    pub row: PortableDossier,
    pub entries: Vec<EntryRow>,
    pub receipts: Vec<ReceiptRow>,
}

/// A node of the tree as it is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeRow {
    pub level: i64,
    pub number: i64,
    pub hash: Hash,
}

/// What a row hangs on that is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stray {
    /// A content whose entry is gone.
    Content,
    /// A receipt whose dossier or whose entry in it is gone.
    Receipt,
    Seal,
    Erasure,
    /// A granted wish whose entries are gone or are several dossiers'.
    Wish,
    Cosignature,
}

impl Stray {
    pub const ALL: [Self; 6] = [Self::Content, Self::Receipt, Self::Seal, Self::Erasure, Self::Wish, Self::Cosignature];

    const fn statement(self) -> &'static str {
        match self {
            Self::Content => {
                "SELECT leaf_index FROM event_contents WHERE leaf_index NOT IN (SELECT leaf_index FROM events)
                     ORDER BY leaf_index LIMIT 100"
            }
            Self::Receipt => {
                "SELECT receipts.leaf_index FROM receipts
                     LEFT JOIN events ON events.leaf_index = receipts.leaf_index AND events.dossier = receipts.dossier
                     LEFT JOIN dossiers ON dossiers.sequence = receipts.dossier
                     WHERE events.leaf_index IS NULL OR dossiers.sequence IS NULL ORDER BY receipts.leaf_index LIMIT 100"
            }
            Self::Seal => {
                "SELECT leaf_index FROM seals WHERE leaf_index NOT IN (SELECT leaf_index FROM receipts)
                     ORDER BY leaf_index LIMIT 100"
            }
            Self::Erasure => {
                "SELECT erasures.leaf_index FROM erasures
                     LEFT JOIN events AS gone ON gone.leaf_index = erasures.leaf_index
                     LEFT JOIN events AS told ON told.leaf_index = erasures.told_by AND told.dossier IS NULL
                     WHERE gone.leaf_index IS NULL OR told.leaf_index IS NULL ORDER BY erasures.leaf_index LIMIT 100"
            }
            Self::Wish => {
                "SELECT idempotency.first_leaf FROM idempotency
                     LEFT JOIN events AS one ON one.leaf_index = idempotency.first_leaf
                     LEFT JOIN events AS other ON other.leaf_index = idempotency.last_leaf
                     WHERE one.dossier IS NULL OR other.dossier IS NULL OR one.dossier <> other.dossier
                         OR idempotency.first_leaf > idempotency.last_leaf
                     ORDER BY idempotency.first_leaf LIMIT 100"
            }
            Self::Cosignature => {
                "SELECT size FROM cosignatures WHERE size NOT IN (SELECT size FROM checkpoints) ORDER BY size LIMIT 100"
            }
        }
    }
}

const ENTRY: &str = "SELECT events.leaf_index, events.dossier, dossiers.reference, events.position, events.commitment,
        events.leaf_hash, event_contents.record, event_contents.nonce, erasures.told_by
    FROM events LEFT JOIN event_contents ON event_contents.leaf_index = events.leaf_index
        LEFT JOIN erasures ON erasures.leaf_index = events.leaf_index
        LEFT JOIN dossiers ON dossiers.sequence = events.dossier
    WHERE events.leaf_index >= $1 AND events.leaf_index < $2 ORDER BY events.leaf_index LIMIT 10000";
const DOSSIERS: &str =
    "SELECT sequence, reference, procedure, version, office, step, state, applicant, parcel, name_key,
        parcel_key, phone, identity_hash, registered_at, updated_at, deposited_on, due_on, answered_on, answered_days,
        erased_by
    FROM dossiers WHERE sequence > $1 AND sequence <= $2 ORDER BY sequence";
const OF_DOSSIERS: &str = "SELECT events.leaf_index, events.dossier, NULL, events.position, events.commitment,
        events.leaf_hash, event_contents.record, event_contents.nonce, erasures.told_by
    FROM events LEFT JOIN event_contents ON event_contents.leaf_index = events.leaf_index
        LEFT JOIN erasures ON erasures.leaf_index = events.leaf_index
    WHERE events.dossier > $1 AND events.dossier <= $2 ORDER BY events.dossier, events.position";
const RECEIPTS: &str = "SELECT receipts.id, receipts.key_id, receipts.dossier, receipts.leaf_index, receipts.issued_at,
        receipts.copies, receipts.replaced_at, seals.tree_size, seals.seal, heads.root
    FROM receipts LEFT JOIN seals ON seals.leaf_index = receipts.leaf_index
        LEFT JOIN heads ON heads.size = seals.tree_size
    WHERE receipts.dossier > $1 AND receipts.dossier <= $2 ORDER BY receipts.dossier, receipts.leaf_index";
const LAST_OF_PAGE: &str = "SELECT max(sequence) FROM (SELECT sequence FROM dossiers WHERE sequence > $1
        ORDER BY sequence LIMIT 500) AS page";
const HEADS: &str = "SELECT size, root FROM heads WHERE size >= $1 ORDER BY size LIMIT 2000";
const NODES: &str =
    "SELECT level, number, hash FROM nodes WHERE level = $1 AND number >= $2 ORDER BY number LIMIT 1000";
const NODES_BEYOND: &str = "SELECT count(*) FROM nodes WHERE level > $1 OR level < 4 OR number < 0";

/// The entries from an index on, in order, and below another one.
pub async fn entries(store: &dyn Inspect, from: u64, below: u64) -> Result<Vec<EntryRow>, StoreError> {
    let rows = store.inspect(ENTRY, &[signed(from), signed(below)]).await?;
    Ok(rows.into_iter().map(entry).collect())
}

/// The next dossiers after a place, at most 500, with everything of theirs; none when there are no more.
///
/// Several reads: what is written between them may be missing from the earlier ones, and never from the later.
pub async fn dossiers(store: &dyn Inspect, after: i64) -> Result<Vec<DossierRows>, StoreError> {
    let last = store.inspect(LAST_OF_PAGE, &[after]).await?;
    let Some(Cell::Number(last)) = last.into_iter().next().and_then(|row| row.into_iter().next()) else {
        return Ok(Vec::new());
    };
    dossiers_within(store, after, last).await
}

/// One dossier by its place, read again: what was written during the first reading may have made it look wrong.
pub async fn dossier_again(store: &dyn Inspect, sequence: i64) -> Result<Option<DossierRows>, StoreError> {
    Ok(dossiers_within(store, sequence.saturating_sub(1), sequence).await?.pop())
}

async fn dossiers_within(store: &dyn Inspect, after: i64, last: i64) -> Result<Vec<DossierRows>, StoreError> {
    let bounds = [after, last];
    let rows = store.inspect(DOSSIERS, &bounds).await?;
    let entries = store.inspect(OF_DOSSIERS, &bounds).await?;
    let receipts = store.inspect(RECEIPTS, &bounds).await?;
    let mut entries = entries.into_iter().map(entry).peekable();
    let mut receipts = receipts.into_iter().map(receipt).peekable();
    let mut page = Vec::with_capacity(rows.len());
    for row in rows.into_iter().map(dossier) {
        // Those of a dossier that is not there are strays.
        while entries.next_if(|entry| entry.dossier < Some(row.sequence)).is_some() {}
        while receipts.next_if(|receipt| receipt.dossier < row.sequence).is_some() {}
        let own = std::iter::from_fn(|| entries.next_if(|entry| entry.dossier == Some(row.sequence))).collect();
        let papers = std::iter::from_fn(|| receipts.next_if(|receipt| receipt.dossier == row.sequence)).collect();
        page.push(DossierRows { entries: own, receipts: papers, row });
    }
    Ok(page)
}

/// The heads from a size on, at most 2000; a root that is none comes as zeroes.
pub async fn heads(store: &dyn Inspect, from: u64) -> Result<Vec<(i64, Hash)>, StoreError> {
    let rows = store.inspect(HEADS, &[signed(from)]).await?;
    Ok(rows.into_iter().map(Row::new).map(|mut row| (row.number(), hash(&row.bytes()))).collect())
}

/// The kept nodes of a level from a number on, at most 1000.
pub async fn kept_nodes(store: &dyn Inspect, level: u32, from: u64) -> Result<Vec<NodeRow>, StoreError> {
    let rows = store.inspect(NODES, &[level.into(), signed(from)]).await?;
    let node = |mut row: Row| NodeRow { level: row.number(), number: row.number(), hash: hash(&row.bytes()) };
    Ok(rows.into_iter().map(Row::new).map(node).collect())
}

/// How many nodes are kept at levels that no log of this height has.
pub async fn nodes_beyond(store: &dyn Inspect, highest: u32) -> Result<i64, StoreError> {
    let rows = store.inspect(NODES_BEYOND, &[highest.into()]).await?;
    Ok(rows.into_iter().next().map_or(0, |row| Row::new(row).number()))
}

/// Rows that hang on nothing, by the number that names each, at most a hundred.
pub async fn strays(store: &dyn Inspect, stray: Stray) -> Result<Vec<i64>, StoreError> {
    let rows = store.inspect(stray.statement(), &[]).await?;
    Ok(rows.into_iter().map(|row| Row::new(row).number()).collect())
}

fn signed(index: u64) -> i64 {
    i64::try_from(index).unwrap_or(i64::MAX)
}

fn hash(bytes: &[u8]) -> Hash {
    bytes.try_into().unwrap_or_default()
}

/// A row's cells from left to right. A cell of another type than it must be comes as nothing, which no judge takes for right.
struct Row(std::vec::IntoIter<Cell>);

impl Row {
    fn new(cells: Vec<Cell>) -> Self {
        Self(cells.into_iter())
    }

    fn number_if_any(&mut self) -> Option<i64> {
        match self.0.next() {
            Some(Cell::Number(number)) => Some(number),
            _ => None,
        }
    }

    fn text_if_any(&mut self) -> Option<String> {
        match self.0.next() {
            Some(Cell::Text(text)) => Some(text),
            _ => None,
        }
    }

    fn bytes_if_any(&mut self) -> Option<Vec<u8>> {
        match self.0.next() {
            Some(Cell::Bytes(bytes)) => Some(bytes),
            _ => None,
        }
    }

    fn number(&mut self) -> i64 {
        self.number_if_any().unwrap_or(-1)
    }

    fn text(&mut self) -> String {
        self.text_if_any().unwrap_or_default()
    }

    fn bytes(&mut self) -> Vec<u8> {
        self.bytes_if_any().unwrap_or_default()
    }
}

fn entry(cells: Vec<Cell>) -> EntryRow {
    let mut row = Row::new(cells);
    EntryRow {
        index: row.number(),
        dossier: row.number_if_any(),
        reference: row.text_if_any(),
        position: row.number(),
        commitment: row.bytes(),
        leaf_hash: row.bytes(),
        content: {
            let (record, nonce) = (row.bytes_if_any(), row.bytes_if_any());
            record.zip(nonce)
        },
        told_by: row.number_if_any(),
    }
}

fn dossier(cells: Vec<Cell>) -> PortableDossier {
    let mut row = Row::new(cells);
    PortableDossier {
        sequence: row.number(),
        reference: row.text(),
        procedure: row.text(),
        version: row.number(),
        office: row.text(),
        step: row.text(),
        state: row.text(),
        applicant: row.text(),
        parcel: row.text_if_any(),
        name_key: row.text(),
        parcel_key: row.text_if_any(),
        phone: row.text_if_any(),
        identity_hash: row.bytes_if_any().map(|bytes| hash(&bytes)),
        registered_at: row.number(),
        updated_at: row.number(),
        deposited_on: row.text(),
        due_on: row.text_if_any(),
        answered_on: row.text_if_any(),
        answered_days: row.number_if_any(),
        erased_by: row.number_if_any(),
    }
}

fn receipt(cells: Vec<Cell>) -> ReceiptRow {
    let mut row = Row::new(cells);
    ReceiptRow {
        id: row.bytes(),
        key_id: row.number(),
        dossier: row.number(),
        leaf_index: row.number(),
        issued_at: row.number(),
        copies: row.number(),
        replaced_at: row.number_if_any(),
        seal: {
            let (size, seal, root) = (row.number_if_any(), row.bytes_if_any(), row.bytes_if_any());
            size.zip(seal).map(|(tree_size, seal)| SealRow { tree_size, seal, root })
        },
    }
}
