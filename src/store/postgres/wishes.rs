//! What goes into a plan and comes out of it: the wishes, what their transaction found, and the rows to be written.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
};

use crate::{
    dossier::{Event, Reference},
    receipt::ReceiptId,
    store::{
        Append, Custody, Erasure, Idempotency, NewDossier, NewEvent, NewLogEvent,
        growth::{Growth, Leaf},
        projection::Projection,
    },
    tlog::Hash,
};

/// What somebody asks of the log.
#[derive(Clone, Copy, Debug)]
pub(super) enum Wish<'a> {
    Register(&'a NewDossier),
    Append(&'a Append),
    LogEvent(&'a NewLogEvent),
    Erase(&'a Erasure),
}

impl<'a> Wish<'a> {
    pub(super) fn idempotency(self) -> Option<&'a Idempotency> {
        match self {
            Self::Register(new) => new.idempotency.as_ref(),
            Self::Append(append) => append.idempotency.as_ref(),
            Self::LogEvent(_) | Self::Erase(_) => None,
        }
    }

    /// Every receipt that is named, issued now or before.
    pub(super) fn receipts(self) -> impl Iterator<Item = ReceiptId> + 'a {
        let (events, after) = match self {
            Self::Register(new) => (new.events.as_slice(), Some(&new.after)),
            Self::Append(append) => (append.events.as_slice(), Some(&append.after)),
            Self::LogEvent(_) | Self::Erase(_) => ([].as_slice(), None),
        };
        let folded = after.into_iter().flat_map(|after| after.receipts.iter().map(|receipt| receipt.id));
        events.iter().filter_map(issued).map(|(receipt, _)| receipt).chain(folded)
    }
}

/// The receipt that an event issues, and its key.
pub(super) fn issued(new: &NewEvent) -> Option<(ReceiptId, u8)> {
    match &new.event {
        Event::ReceiptIssued { receipt, key_id } => Some((*receipt, *key_id)),
        _ => None,
    }
}

/// What the transaction found, after it had taken the log's lock.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) growth: Growth,
    pub(super) next_sequence: i64,
    /// By key; of those that a wish names.
    pub(super) granted: HashMap<String, Granted>,
    /// The last number by procedure and year.
    pub(super) numbers: HashMap<(String, u16), u32>,
    /// By reference.
    pub(super) standings: HashMap<String, Standing>,
    /// By reference; of the dossiers that a wish erases, in the order of their events.
    pub(super) leaves: HashMap<String, Vec<u64>>,
    /// The dossier's place, by the receipt; of those that a wish names.
    pub(super) receipts: HashMap<[u8; 8], i64>,
    /// The position and the leaf of the log's last own event.
    pub(super) last_log_event: Option<(u32, Hash)>,
    pub(super) identity: Option<String>,
    pub(super) custody: Custody,
}

impl Found {
    /// Over a tree, with nothing else in sight.
    pub(super) fn over(growth: Growth) -> Self {
        Self {
            growth,
            next_sequence: 1,
            granted: HashMap::new(),
            numbers: HashMap::new(),
            standings: HashMap::new(),
            leaves: HashMap::new(),
            receipts: HashMap::new(),
            last_log_event: None,
            identity: None,
            custody: Custody::InUse,
        }
    }
}

/// A wish that was granted before.
#[derive(Clone, Copy, Debug)]
pub(super) struct Granted {
    pub(super) fingerprint: [u8; 32],
    pub(super) first: i64,
    pub(super) last: i64,
}

/// Where a dossier stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Standing {
    pub(super) sequence: i64,
    pub(super) version: u32,
    pub(super) last_leaf: Hash,
    pub(super) erased: bool,
}

/// The rows to be written, each table's in columns, because that is how they are sent.
#[derive(Debug, Default)]
pub(super) struct Rows {
    pub(super) numbers: BTreeMap<(String, u16), u32>,
    pub(super) dossiers: BTreeMap<i64, DossierColumns>,
    pub(super) events: Vec<EventColumns>,
    pub(super) receipts: Vec<ReceiptColumns>,
    /// Copies and the time of replacement, by the receipt.
    pub(super) states: BTreeMap<[u8; 8], (i64, Option<i64>)>,
    pub(super) granted: BTreeMap<String, Granted>,
    /// The leaf that tells of the erasure, by the dossier's place.
    pub(super) erased: BTreeMap<i64, i64>,
    /// The identity that the database is bound to from now on.
    pub(super) identity: Option<String>,
}

pub(super) struct DossierColumns {
    pub(super) reference: Reference,
    pub(super) version: u32,
    pub(super) projection: Projection,
}

impl fmt::Debug for DossierColumns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DossierColumns").field("reference", &self.reference).finish_non_exhaustive()
    }
}

pub(super) struct EventColumns {
    pub(super) index: i64,
    pub(super) dossier: Option<i64>,
    pub(super) position: u32,
    pub(super) leaf: Leaf,
    pub(super) nonce: [u8; 32],
}

impl fmt::Debug for EventColumns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventColumns").field("index", &self.index).finish_non_exhaustive()
    }
}

#[derive(Debug)]
pub(super) struct ReceiptColumns {
    pub(super) id: ReceiptId,
    pub(super) key_id: u8,
    pub(super) dossier: i64,
    pub(super) leaf_index: i64,
    pub(super) issued_at: i64,
}
