//! A batch's rows as columns, and the statements that write them: one for each table, however many rows there are.

use tokio_postgres::types::ToSql;

use super::{link::Flight, nodes, rows, wishes::Rows};
use crate::store::{StoreError, growth::Grown};

const NUMBERS: &str = "INSERT INTO numbers (procedure, year, last)
    SELECT * FROM unnest($1::text[], $2::bigint[], $3::bigint[])
    ON CONFLICT (procedure, year) DO UPDATE SET last = excluded.last";
pub(super) const DOSSIERS: &str = "INSERT INTO dossiers (sequence, reference, procedure, version, office, step, state, applicant,
        parcel, name_key, parcel_key, phone, identity_hash, registered_at, updated_at, deposited_on, due_on, answered_on,
        answered_days)
    SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::bigint[], $5::text[], $6::text[], $7::text[], $8::text[],
        $9::text[], $10::text[], $11::text[], $12::text[], $13::bytea[], $14::bigint[], $15::bigint[], $16::text[],
        $17::text[], $18::text[], $19::bigint[])
    ON CONFLICT (sequence) DO UPDATE SET version = excluded.version, office = excluded.office, step = excluded.step,
        state = excluded.state, applicant = excluded.applicant, parcel = excluded.parcel, name_key = excluded.name_key,
        parcel_key = excluded.parcel_key, phone = excluded.phone, identity_hash = excluded.identity_hash,
        updated_at = excluded.updated_at, deposited_on = excluded.deposited_on, due_on = excluded.due_on,
        answered_on = excluded.answered_on, answered_days = excluded.answered_days";
pub(super) const EVENTS: &str = "INSERT INTO events (leaf_index, dossier, position, commitment, leaf_hash)
    SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bytea[], $5::bytea[]) ORDER BY 1";
pub(super) const CONTENTS: &str = "INSERT INTO event_contents (leaf_index, record, nonce)
    SELECT * FROM unnest($1::bigint[], $2::bytea[], $3::bytea[])";
const RECEIPTS: &str = "INSERT INTO receipts (id, key_id, dossier, leaf_index, issued_at, copies, replaced_at)
    SELECT id, key_id, dossier, leaf_index, issued_at, 0, NULL
    FROM unnest($1::bytea[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[])
        AS new (id, key_id, dossier, leaf_index, issued_at)";
const STATES: &str = "UPDATE receipts SET copies = new.copies, replaced_at = new.replaced_at
    FROM unnest($1::bytea[], $2::bigint[], $3::bigint[]) AS new (id, copies, replaced_at)
    WHERE receipts.id = new.id
        AND (receipts.copies, receipts.replaced_at) IS DISTINCT FROM (new.copies, new.replaced_at)";
const GRANTED: &str = "INSERT INTO idempotency (key, fingerprint, first_leaf, last_leaf)
    SELECT * FROM unnest($1::text[], $2::bytea[], $3::bigint[], $4::bigint[])";
const ERASURES: &str = "INSERT INTO erasures (leaf_index, told_by)
    SELECT events.leaf_index, erased.told_by FROM unnest($1::bigint[], $2::bigint[]) AS erased (dossier, told_by)
    JOIN events ON events.dossier = erased.dossier";
const ERASE: &str = "DELETE FROM event_contents USING events
    WHERE event_contents.leaf_index = events.leaf_index AND events.dossier = ANY ($1)";
const STRIP: &str = "UPDATE dossiers SET applicant = '', parcel = NULL, name_key = '', parcel_key = NULL, phone = NULL,
        identity_hash = NULL, erased_by = erased.told_by
    FROM unnest($1::bigint[], $2::bigint[]) AS erased (dossier, told_by) WHERE sequence = erased.dossier";
const HEAD: &str = "INSERT INTO heads (size, root) VALUES ($1, $2)";
pub(super) const EDGE: &str = "UPDATE frontier SET size = $1, edge = $2 WHERE \"only\" = 0";
pub(super) const NODES: &str = "INSERT INTO nodes (level, number, hash)
    SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bytea[])";
const SEALS: &str = "INSERT INTO seals (leaf_index, tree_size, seal)
    SELECT leaf_index, $1::bigint, seal FROM unnest($2::bigint[], $3::bytea[]) AS new (leaf_index, seal)";

/// A statement and what goes into it.
pub(super) struct Table<'a> {
    statement: &'static str,
    columns: Vec<Box<dyn ToSql + Sync + Send + 'a>>,
}

impl std::fmt::Debug for Table<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Table").field("columns", &self.columns.len()).finish_non_exhaustive()
    }
}

impl Table<'_> {
    pub(super) fn send<'s>(&'s self, flight: &mut Flight<'s>) {
        flight.query(self.statement, self.columns.iter().map(|column| &**column as _).collect());
    }
}

/// Makes a column of one value of each row.
macro_rules! column {
    ($rows:expr, $row:pat => $value:expr) => {
        Box::new($rows.iter().map(|$row| $value).collect::<Vec<_>>()) as Box<dyn ToSql + Sync + Send>
    };
}

pub(super) use column;

/// The tables that have new rows, those first that others refer to.
pub(super) fn tables<'a>(rows: &'a Rows, grown: Option<&'a Grown>) -> Result<Vec<Table<'a>>, StoreError> {
    let mut tables = Vec::new();
    add_dossiers(&mut tables, rows);
    add_receipts(&mut tables, rows);
    // After everything that this batch itself has written.
    add_erasures(&mut tables, rows);
    if let Some(grown) = grown {
        tables.append(&mut of_growth(grown)?);
    }
    Ok(tables)
}

fn add<'a>(
    tables: &mut Vec<Table<'a>>,
    statement: &'static str,
    is_empty: bool,
    columns: Vec<Box<dyn ToSql + Sync + Send + 'a>>,
) {
    if !is_empty {
        tables.push(Table { statement, columns });
    }
}

/// Numbers, dossiers and their events.
fn add_dossiers<'a>(tables: &mut Vec<Table<'a>>, rows: &'a Rows) {
    let numbers = &rows.numbers;
    add(
        tables,
        NUMBERS,
        numbers.is_empty(),
        vec![
            column!(numbers, ((procedure, _), _) => procedure.as_str()),
            column!(numbers, ((_, year), _) => i64::from(*year)),
            column!(numbers, (_, last) => i64::from(*last)),
        ],
    );
    let dossiers = &rows.dossiers;
    add(
        tables,
        DOSSIERS,
        dossiers.is_empty(),
        vec![
            column!(dossiers, (sequence, _) => *sequence),
            column!(dossiers, (_, row) => row.reference.to_string()),
            column!(dossiers, (_, row) => row.reference.procedure().as_str()),
            column!(dossiers, (_, row) => i64::from(row.version)),
            column!(dossiers, (_, row) => row.projection.office.as_str()),
            column!(dossiers, (_, row) => row.projection.step.as_str()),
            column!(dossiers, (_, row) => row.projection.state),
            column!(dossiers, (_, row) => row.projection.applicant.as_str()),
            column!(dossiers, (_, row) => row.projection.parcel.as_deref()),
            column!(dossiers, (_, row) => row.projection.name_key.as_str()),
            column!(dossiers, (_, row) => row.projection.parcel_key.as_deref()),
            column!(dossiers, (_, row) => row.projection.phone.as_deref()),
            column!(dossiers, (_, row) => row.projection.identity_hash),
            column!(dossiers, (_, row) => row.projection.registered_at),
            column!(dossiers, (_, row) => row.projection.updated_at),
            column!(dossiers, (_, row) => row.projection.deposited_on.as_str()),
            column!(dossiers, (_, row) => row.projection.due_on.as_deref()),
            column!(dossiers, (_, row) => row.projection.answered_on.as_deref()),
            column!(dossiers, (_, row) => row.projection.answered_days.map(i64::from)),
        ],
    );
    let events = &rows.events;
    add(
        tables,
        EVENTS,
        events.is_empty(),
        vec![
            column!(events, row => row.index),
            column!(events, row => row.dossier),
            column!(events, row => i64::from(row.position)),
            column!(events, row => row.leaf.commitment),
            column!(events, row => row.leaf.hash),
        ],
    );
    add(
        tables,
        CONTENTS,
        events.is_empty(),
        vec![
            column!(events, row => row.index),
            column!(events, row => row.leaf.record.as_slice()),
            column!(events, row => row.nonce),
        ],
    );
}

/// Receipts, what became of them, and the keys of forms that were granted.
fn add_receipts<'a>(tables: &mut Vec<Table<'a>>, rows: &'a Rows) {
    let receipts = &rows.receipts;
    add(
        tables,
        RECEIPTS,
        receipts.is_empty(),
        vec![
            column!(receipts, row => *row.id.as_bytes()),
            column!(receipts, row => i64::from(row.key_id)),
            column!(receipts, row => row.dossier),
            column!(receipts, row => row.leaf_index),
            column!(receipts, row => row.issued_at),
        ],
    );
    let states = &rows.states;
    add(
        tables,
        STATES,
        states.is_empty(),
        vec![
            column!(states, (id, _) => *id),
            column!(states, (_, (copies, _)) => *copies),
            column!(states, (_, (_, replaced_at)) => *replaced_at),
        ],
    );
    let granted = &rows.granted;
    add(
        tables,
        GRANTED,
        granted.is_empty(),
        vec![
            column!(granted, (key, _) => key.as_str()),
            column!(granted, (_, granted) => granted.fingerprint),
            column!(granted, (_, granted) => granted.first),
            column!(granted, (_, granted) => granted.last),
        ],
    );
}

fn add_erasures<'a>(tables: &mut Vec<Table<'a>>, rows: &'a Rows) {
    let erased = &rows.erased;
    let places = || column!(erased, (dossier, _) => *dossier);
    let told_by = || column!(erased, (_, told_by) => *told_by);
    add(tables, ERASURES, erased.is_empty(), vec![places(), told_by()]);
    add(tables, ERASE, erased.is_empty(), vec![places()]);
    add(tables, STRIP, erased.is_empty(), vec![places(), told_by()]);
}

/// The head, the edge, the nodes and the seals of a log that has grown.
fn of_growth(grown: &Grown) -> Result<Vec<Table<'_>>, StoreError> {
    let size = rows::signed(grown.head.size)?;
    let leaves = grown.seals.iter().map(|new| rows::signed(new.leaf_index)).collect::<Result<Vec<_>, StoreError>>()?;
    let mut tables = vec![
        Table { statement: HEAD, columns: vec![Box::new(size), Box::new(grown.head.root)] },
        Table { statement: EDGE, columns: vec![Box::new(size), Box::new(grown.edge.as_slice())] },
    ];
    if !grown.nodes.is_empty() {
        let (levels, numbers, hashes) = nodes::columns(&grown.nodes)?;
        tables.push(Table { statement: NODES, columns: vec![Box::new(levels), Box::new(numbers), Box::new(hashes)] });
    }
    if !leaves.is_empty() {
        let seals = column!(grown.seals, new => new.seal.as_slice());
        tables.push(Table { statement: SEALS, columns: vec![Box::new(size), Box::new(leaves), seals] });
    }
    Ok(tables)
}
