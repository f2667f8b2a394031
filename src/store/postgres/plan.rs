//! What a batch writes, worked out in memory from what its transaction found.
//!
//! Whoever writes to the log holds the log's lock, so nobody can change what the transaction has found before it ends. Each
//! wish is therefore judged here, one after the other, and only what may be written reaches the server: in a dozen
//! statements for the whole batch, whose number does not grow with its wishes. A savepoint and a dozen statements for each
//! wish, as SQLite has them, were rejected: each of them would be a round trip, and a refused wish a rollback.
//!
//! A wish is judged before anything of it is taken over, so a refused one leaves no trace. Nothing here waits or fails for
//! another reason than the wish itself, so the same wishes can be planned again after a lost connection.

use std::collections::{BTreeSet, HashMap};

use crate::{
    dossier::{Dossier, ProcedureCode, Reference},
    receipt::ReceiptId,
    store::{
        Append, Appended, Erasure, Idempotency, NewDossier, NewEvent, NewLogEvent, SealedReceipt, StoreError,
        growth::{self, Growth},
        projection::{self, Projection, checked_version},
    },
    tlog::Hash,
};

use super::{
    rows,
    wishes::{DossierColumns, EventColumns, Found, Granted, ReceiptColumns, Rows, Standing, Wish, issued},
};

/// What a wish came to, before the end of the batch has given it a head and seals.
#[derive(Debug)]
pub(super) enum Written {
    Dossier {
        reference: Reference,
        version: u32,
        first: u64,
        receipts: Vec<SealedReceipt>,
    },
    /// It had been granted before: these leaves tell how.
    Replayed {
        first: i64,
        last: i64,
    },
    LogEvent {
        leaf: u64,
    },
}

/// The wishes of a batch, judged, and the rows of those that are granted.
#[derive(Debug)]
pub(super) struct Plan {
    found: Found,
    rows: Rows,
    written: Vec<Result<Written, StoreError>>,
}

impl Plan {
    pub(super) fn of<'a>(wishes: impl Iterator<Item = Wish<'a>>, found: Found) -> Self {
        let mut plan = Self { found, rows: Rows::default(), written: Vec::new() };
        for wish in wishes {
            let written = plan.judge(wish);
            plan.written.push(written);
        }
        plan
    }

    /// The verdicts, the rows, and the growth of the log that gives them their head and seals.
    pub(super) fn into_parts(self) -> (Vec<Result<Written, StoreError>>, Rows, Growth) {
        (self.written, self.rows, self.found.growth)
    }

    fn judge(&mut self, wish: Wish<'_>) -> Result<Written, StoreError> {
        if let Some(granted) = self.replayed(wish.idempotency())? {
            return Ok(Written::Replayed { first: granted.first, last: granted.last });
        }
        self.found.custody.check_in_use()?;
        match wish {
            Wish::Register(new) => self.register(new),
            Wish::Append(append) => self.append(append),
            Wish::LogEvent(new) => self.log_event(new),
            Wish::Erase(erasure) => self.erase(erasure),
        }
    }

    /// What came of this wish when it was first made, perhaps earlier in the same batch.
    fn replayed(&self, wish: Option<&Idempotency>) -> Result<Option<Granted>, StoreError> {
        let Some(wish) = wish else { return Ok(None) };
        projection::check_wish(wish)?;
        if wish.key.contains('\0') {
            return Err(StoreError::Inconsistent("the idempotency key holds a zero byte"));
        }
        match self.found.granted.get(&wish.key) {
            Some(granted) if granted.fingerprint == wish.fingerprint => Ok(Some(*granted)),
            Some(_) => Err(StoreError::IdempotencyMismatch),
            None => Ok(None),
        }
    }

    fn register(&mut self, new: &NewDossier) -> Result<Written, StoreError> {
        let version = checked_version(0, &new.events, &new.after)?;
        let number = self.next_number(&new.procedure, new.year)?;
        let reference = Reference::new(new.procedure.clone(), new.year, number)
            .map_err(|_| StoreError::Inconsistent("a reference cannot have this year"))?;
        let sequence = self.found.next_sequence;
        self.check_receipts(sequence, &new.events, &new.after)?;
        self.found.next_sequence += 1;
        let key = (new.procedure.as_str().to_owned(), new.year);
        self.found.numbers.insert(key.clone(), number);
        self.rows.numbers.insert(key, number);
        let place = Place { sequence, reference, position: 0, previous: None };
        let projection = Projection::of(&new.after, new.due_on);
        self.take_over(place, version, &new.events, &new.after, projection, new.idempotency.as_ref())
    }

    fn append(&mut self, append: &Append) -> Result<Written, StoreError> {
        let standing = *self.found.standings.get(&append.reference.to_string()).ok_or(StoreError::UnknownDossier)?;
        if standing.erased {
            return Err(StoreError::Erased);
        }
        if standing.version != append.expected_version {
            return Err(StoreError::Conflict { current: standing.version });
        }
        let version = checked_version(standing.version, &append.events, &append.after)?;
        if append.after.reference != append.reference {
            return Err(StoreError::Inconsistent("the fold belongs to another dossier"));
        }
        self.check_receipts(standing.sequence, &append.events, &append.after)?;
        let place = Place {
            sequence: standing.sequence,
            reference: append.reference.clone(),
            position: standing.version,
            previous: Some(standing.last_leaf),
        };
        let projection = Projection::of(&append.after, append.due_on);
        self.take_over(place, version, &append.events, &append.after, projection, append.idempotency.as_ref())
    }

    fn log_event(&mut self, new: &NewLogEvent) -> Result<Written, StoreError> {
        if new.reserve.iter().any(|series| !(1..=Reference::MAX_NUMBER).contains(&series.last)) {
            return Err(StoreError::Inconsistent("a number to be reserved is none"));
        }
        if let Some(rebind) = &new.rebind {
            if self.found.identity.as_ref() != Some(&rebind.from) {
                return Err(StoreError::Inconsistent("the database is bound to another identity"));
            }
            self.found.identity = Some(rebind.to.clone());
            self.rows.identity = Some(rebind.to.clone());
        }
        for series in &new.reserve {
            let key = (series.procedure.as_str().to_owned(), series.year);
            let last = self.found.numbers.get(&key).copied().unwrap_or(0).max(series.last);
            self.found.numbers.insert(key.clone(), last);
            self.rows.numbers.insert(key, last);
        }
        let record = growth::record_of_log(self.found.last_log_event.map(|(_, hash)| hash), new);
        let position = self.found.last_log_event.map_or(1, |(position, _)| position.saturating_add(1));
        let leaf = self.found.growth.push(&record, &new.nonce);
        self.found.last_log_event = Some((position, leaf.hash));
        let index = leaf.index;
        self.rows.events.push(EventColumns {
            index: rows::signed(index)?,
            dossier: None,
            position,
            leaf,
            nonce: new.nonce,
        });
        Ok(Written::LogEvent { leaf: index })
    }

    /// The leaves of this very batch are among those that go.
    fn erase(&mut self, erasure: &Erasure) -> Result<Written, StoreError> {
        let reference = erasure.reference.to_string();
        let standing = self.found.standings.get_mut(&reference).ok_or(StoreError::UnknownDossier)?;
        if standing.erased {
            return Err(StoreError::Erased);
        }
        if standing.version != erasure.expected_version {
            return Err(StoreError::Conflict { current: standing.version });
        }
        standing.erased = true;
        let sequence = standing.sequence;
        let leaves = self.found.leaves.get(&reference).cloned().unwrap_or_default();
        let written = self.log_event(&erasure.told(leaves))?;
        if let Written::LogEvent { leaf } = &written {
            self.rows.erased.insert(sequence, rows::signed(*leaf)?);
        }
        Ok(written)
    }

    fn next_number(&self, procedure: &ProcedureCode, year: u16) -> Result<u32, StoreError> {
        let last = self.found.numbers.get(&(procedure.as_str().to_owned(), year)).copied().unwrap_or(0);
        if last >= Reference::MAX_NUMBER { Err(StoreError::NumbersExhausted) } else { Ok(last + 1) }
    }

    /// New receipts have ids that nobody has, and the fold's receipts are this dossier's.
    fn check_receipts(&self, sequence: i64, events: &[NewEvent], after: &Dossier) -> Result<(), StoreError> {
        let mut new = BTreeSet::new();
        for (receipt, key_id) in events.iter().filter_map(issued) {
            projection::check_key_id(key_id)?;
            if self.found.receipts.contains_key(receipt.as_bytes()) || !new.insert(*receipt.as_bytes()) {
                return Err(StoreError::Inconsistent("a receipt with this id exists"));
            }
        }
        for receipt in &after.receipts {
            let id = receipt.id.as_bytes();
            if self.found.receipts.get(id) != Some(&sequence) && !new.contains(id) {
                return Err(StoreError::Inconsistent("the fold has a receipt that is not this dossier's"));
            }
        }
        Ok(())
    }

    /// Takes over a wish that was found right.
    fn take_over(
        &mut self,
        place: Place,
        version: u32,
        events: &[NewEvent],
        after: &Dossier,
        projection: Projection,
        wish: Option<&Idempotency>,
    ) -> Result<Written, StoreError> {
        let Place { sequence, reference, mut position, mut previous } = place;
        let first = self.found.growth.size();
        let mut receipts = Vec::new();
        for new in events {
            position += 1;
            let leaf = self.found.growth.push(&growth::record_of(&reference, previous, new), &new.nonce);
            let index = rows::signed(leaf.index)?;
            if let Some((receipt, key_id)) = issued(new) {
                self.found.growth.seal_later(receipt, &reference, new, &leaf);
                self.found.receipts.insert(*receipt.as_bytes(), sequence);
                let issued_at = new.at.as_millisecond();
                self.rows.receipts.push(ReceiptColumns {
                    id: receipt,
                    key_id,
                    dossier: sequence,
                    leaf_index: index,
                    issued_at,
                });
                receipts.push(unsealed(receipt, key_id, &reference, new, leaf.index, after));
            }
            previous = Some(leaf.hash);
            if let Some(leaves) = self.found.leaves.get_mut(&reference.to_string()) {
                leaves.push(leaf.index);
            }
            self.rows.events.push(EventColumns { index, dossier: Some(sequence), position, leaf, nonce: new.nonce });
        }
        for receipt in &after.receipts {
            let replaced_at = receipt.replaced_at.map(jiff::Timestamp::as_millisecond);
            self.rows.states.insert(*receipt.id.as_bytes(), (i64::from(receipt.copies), replaced_at));
        }
        if let Some(last_leaf) = previous {
            self.found
                .standings
                .insert(reference.to_string(), Standing { sequence, version, last_leaf, erased: false });
        }
        self.rows.dossiers.insert(sequence, DossierColumns { reference: reference.clone(), version, projection });
        if let Some(wish) = wish {
            let last = self.found.growth.size().saturating_sub(1);
            let granted =
                Granted { fingerprint: wish.fingerprint, first: rows::signed(first)?, last: rows::signed(last)? };
            self.found.granted.insert(wish.key.clone(), granted);
            self.rows.granted.insert(wish.key.clone(), granted);
        }
        Ok(Written::Dossier { reference, version, first, receipts })
    }
}

/// Where the next event of a dossier goes.
struct Place {
    sequence: i64,
    reference: Reference,
    /// The position of the event before.
    position: u32,
    previous: Option<Hash>,
}

/// A receipt as it will be read, without what the end of the batch adds.
fn unsealed(
    id: ReceiptId,
    key_id: u8,
    reference: &Reference,
    new: &NewEvent,
    leaf_index: u64,
    after: &Dossier,
) -> SealedReceipt {
    let folded = after.receipts.iter().find(|receipt| receipt.id == id);
    SealedReceipt {
        id,
        key_id,
        reference: reference.clone(),
        issued_at: new.at,
        leaf_index,
        tree_size: 0,
        root: [0; 32],
        seal: Vec::new(),
        copies: folded.map_or(0, |receipt| receipt.copies),
        replaced_at: folded.and_then(|receipt| receipt.replaced_at),
    }
}

/// What is answered in the end.
#[derive(Clone, Debug)]
pub(super) enum Outcome {
    Dossier(Appended),
    LogEvent { leaf: u64 },
}

/// Gives every wish its head and its receipts their seals. What was granted before is still missing: only the database knows it.
pub(super) fn settle(
    written: Vec<Result<Written, StoreError>>,
    grown: Option<&growth::Grown>,
) -> Vec<Result<Settled, StoreError>> {
    let head = grown.map_or_else(growth::empty_head, |grown| grown.head.clone());
    let seals: HashMap<u64, &[u8]> =
        grown.into_iter().flat_map(|grown| &grown.seals).map(|new| (new.leaf_index, new.seal.as_slice())).collect();
    let settle = |written: Written| match written {
        Written::Dossier { reference, version, first, mut receipts } => {
            for receipt in &mut receipts {
                receipt.tree_size = head.size;
                receipt.root = head.root;
                receipt.seal = seals.get(&receipt.leaf_index).map_or_else(Vec::new, |seal| seal.to_vec());
            }
            let head = head.clone();
            Settled::Done(Outcome::Dossier(Appended {
                reference,
                version,
                first_leaf: first,
                receipts,
                head,
                replayed: false,
            }))
        }
        Written::Replayed { first, last } => Settled::Replayed { first, last },
        Written::LogEvent { leaf } => Settled::Done(Outcome::LogEvent { leaf }),
    };
    written.into_iter().map(|written| written.map(settle)).collect()
}

/// An outcome, or where the database has it.
#[derive(Debug)]
pub(super) enum Settled {
    Done(Outcome),
    Replayed { first: i64, last: i64 },
}
