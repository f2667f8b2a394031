//! Reading the log, and what its database says of itself.

use super::{pool::Pool, rows};
use crate::{
    dossier::Reference,
    store::{
        Custody, JournalSubject, LogRow, NumberSeries, ServerFacts, StoreError, StoredEvent, StoredLogEvent, TreeHead,
        WaitsFor, growth, portable::MARK,
    },
    tlog::Hash,
};

/// Whether the database is one end of a copy.
pub(super) const CUSTODY: &str = "SELECT value FROM meta WHERE key = $1";
pub(super) const HEAD: &str = "SELECT size, root FROM heads ORDER BY size DESC LIMIT 1";

pub(super) async fn head(pool: &Pool) -> Result<TreeHead, StoreError> {
    let rows = pool.read("read the head", HEAD, &[]).await?;
    rows.first().map_or_else(|| Ok(growth::empty_head()), rows::tree_head)
}

pub(super) async fn events(pool: &Pool, reference: &Reference) -> Result<Vec<StoredEvent>, StoreError> {
    let rows = pool
        .read(
            "read a dossier's events",
            "SELECT events.leaf_index, event_contents.record
             FROM dossiers
             JOIN events ON events.dossier = dossiers.sequence
             JOIN event_contents ON event_contents.leaf_index = events.leaf_index
             WHERE dossiers.reference = $1 ORDER BY events.position",
            &[&reference.to_string()],
        )
        .await?;
    rows.iter().map(rows::event).collect()
}

pub(super) async fn log_events(pool: &Pool) -> Result<Vec<StoredLogEvent>, StoreError> {
    let rows = pool
        .read(
            "read the log's own events",
            "SELECT events.leaf_index, event_contents.record
             FROM events JOIN event_contents ON event_contents.leaf_index = events.leaf_index
             WHERE events.dossier IS NULL ORDER BY events.position",
            &[],
        )
        .await?;
    rows.iter().map(rows::log_event).collect()
}

/// The last number of every series that has one.
pub(super) async fn numbers(pool: &Pool) -> Result<Vec<NumberSeries>, StoreError> {
    let sql = "SELECT procedure, year, last FROM numbers ORDER BY procedure, year";
    let rows = pool.read("read the numbers given", sql, &[]).await?;
    rows.iter().map(rows::number_series).collect()
}

/// The head of a size at which a batch ended.
pub(super) async fn head_at(pool: &Pool, size: u64) -> Result<Option<TreeHead>, StoreError> {
    let Some(size) = i64::try_from(size).ok().filter(|size| *size > 0) else {
        return Ok((size == 0).then(growth::empty_head));
    };
    let rows = pool.read("read a head", "SELECT size, root FROM heads WHERE size = $1", &[&size]).await?;
    rows.first().map(rows::tree_head).transpose()
}

pub(super) async fn leaf_hashes(pool: &Pool, from: u64, limit: u32) -> Result<Vec<Hash>, StoreError> {
    // An index beyond what the database can count is beyond the log's end, where there is nothing.
    let Ok(from) = i64::try_from(from) else { return Ok(Vec::new()) };
    let rows = pool
        .read(
            "read leaves",
            "SELECT leaf_hash FROM events WHERE leaf_index >= $1 ORDER BY leaf_index LIMIT $2",
            &[&from, &i64::from(limit)],
        )
        .await?;
    rows.iter().map(|row| rows::bytes(row, 0)).collect()
}

pub(super) async fn commitments(pool: &Pool, from: u64, limit: u32) -> Result<Vec<[u8; 32]>, StoreError> {
    let Ok(from) = i64::try_from(from) else { return Ok(Vec::new()) };
    let sql = "SELECT commitment FROM events WHERE leaf_index >= $1 ORDER BY leaf_index LIMIT $2";
    let rows = pool.read("read commitments", sql, &[&from, &i64::from(limit)]).await?;
    rows.iter().map(|row| rows::bytes(row, 0)).collect()
}

pub(super) async fn log_rows(pool: &Pool, from: u64, limit: u32) -> Result<Vec<LogRow>, StoreError> {
    let Ok(from) = i64::try_from(from) else { return Ok(Vec::new()) };
    let rows = pool
        .read(
            "read the log",
            "SELECT events.leaf_index, dossiers.reference, events.leaf_hash, events.commitment, event_contents.record,
                 event_contents.nonce, erasures.told_by
             FROM events
             LEFT JOIN dossiers ON dossiers.sequence = events.dossier
             LEFT JOIN event_contents ON event_contents.leaf_index = events.leaf_index
             LEFT JOIN erasures ON erasures.leaf_index = events.leaf_index
             WHERE events.leaf_index >= $1 ORDER BY events.leaf_index LIMIT $2",
            &[&from, &i64::from(limit)],
        )
        .await?;
    rows.iter().map(rows::log_row).collect()
}

pub(super) async fn journal(
    pool: &Pool,
    subject: &JournalSubject,
    before: Option<u64>,
    limit: u32,
) -> Result<Vec<LogRow>, StoreError> {
    macro_rules! select {
        ($condition:literal) => {
            concat!(
                "SELECT events.leaf_index, dossiers.reference, events.leaf_hash, events.commitment,
                     event_contents.record, event_contents.nonce, erasures.told_by
                 FROM events
                 LEFT JOIN dossiers ON dossiers.sequence = events.dossier
                 LEFT JOIN event_contents ON event_contents.leaf_index = events.leaf_index
                 LEFT JOIN erasures ON erasures.leaf_index = events.leaf_index
                 WHERE events.leaf_index < $1 AND ",
                $condition,
                " ORDER BY events.leaf_index DESC LIMIT $2"
            )
        };
    }
    let before = before.and_then(|before| i64::try_from(before).ok()).unwrap_or(i64::MAX);
    let limit = i64::from(limit);
    let action = "read the journal";
    let rows = match subject {
        JournalSubject::Everything => pool.read(action, select!("true"), &[&before, &limit]).await?,
        JournalSubject::Log => pool.read(action, select!("events.dossier IS NULL"), &[&before, &limit]).await?,
        JournalSubject::Dossier(reference) => {
            let sql = select!(
                "events.leaf_index IN (
                     SELECT leaf_index FROM events
                     WHERE dossier = (SELECT sequence FROM dossiers WHERE reference = $3)
                     UNION ALL SELECT erased_by FROM dossiers WHERE reference = $3
                 )"
            );
            pool.read(action, sql, &[&before, &limit, &reference.to_string()]).await?
        }
    };
    rows.iter().map(rows::log_row).collect()
}

pub(super) async fn custody(pool: &Pool) -> Result<Custody, StoreError> {
    let rows = pool.read("read what it remembers of a copy", CUSTODY, &[&MARK]).await?;
    Custody::read(rows.first().map(|row| rows::get(row, 0)).transpose()?)
}

pub(super) async fn bind_identity(pool: &Pool, identity: &str) -> Result<String, StoreError> {
    pool.write_again(
        "bind the identity",
        "INSERT INTO meta (key, value) VALUES ('identity', $1) ON CONFLICT (key) DO NOTHING",
        &[&identity],
    )
    .await?;
    let rows = pool.read("read the identity", "SELECT value FROM meta WHERE key = 'identity'", &[]).await?;
    let row = rows.first().ok_or_else(|| StoreError::Damaged("the identity is gone".to_owned()))?;
    rows::get(row, 0)
}

/// What `milaf doctor` tells of the server.
pub(super) async fn server_facts(pool: &Pool) -> Result<ServerFacts, StoreError> {
    let rows = pool
        .read(
            "ask about the server",
            "SELECT current_setting('server_version'), current_setting('synchronous_standby_names'),
                 coalesce((SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()), false),
                 (extract(epoch FROM clock_timestamp()) * 1000)::bigint",
            &[],
        )
        .await?;
    let row = rows.first().ok_or_else(|| StoreError::Unavailable("the server gave no answer".to_owned()))?;
    Ok(ServerFacts {
        version: rows::get(row, 0)?,
        waits_for: waits_for(&rows::get::<String>(row, 1)?),
        encrypted: rows::get(row, 2)?,
        now: rows::moment(row, 3)?,
    })
}

fn waits_for(standby_names: &str) -> WaitsFor {
    match standby_names.trim() {
        "" => WaitsFor::Nobody,
        names if names.contains('*') => WaitsFor::Anybody,
        _ => WaitsFor::NamedStandbys,
    }
}

/// The pages that the server found damaged, the guards of the history that are missing or off, and broken indexes. References
/// and constraints need no look: the server keeps them at every write.
pub(super) async fn check_storage(pool: &Pool) -> Result<Vec<String>, StoreError> {
    let rows = pool
        .read(
            "check the storage",
            "SELECT format('%s pages failed their checksum, the last one at %s', checksum_failures, checksum_last_failure)
             FROM pg_stat_database WHERE datname = current_database() AND checksum_failures > 0
             UNION ALL
             SELECT format('the trigger %s on %s is missing or off', guard.name, guard.place)
             FROM (VALUES ('events_never_change', 'events'), ('events_never_go', 'events'), ('events_follow', 'events'),
                     ('event_contents_never_change', 'event_contents'), ('event_contents_never_go', 'event_contents'),
                     ('event_contents_go_when_erased', 'event_contents'), ('event_contents_stay_erased', 'event_contents'),
                     ('erasures_never_change', 'erasures'), ('erasures_never_go', 'erasures'),
                     ('erasures_are_told', 'erasures'), ('nodes_never_change', 'nodes'), ('nodes_never_go', 'nodes'),
                     ('heads_never_change', 'heads'), ('heads_never_go', 'heads'), ('heads_grow', 'heads'),
                     ('seals_never_change', 'seals'), ('seals_never_go', 'seals')) AS guard (name, place)
             WHERE NOT EXISTS (
                 SELECT FROM pg_trigger
                 WHERE tgrelid = to_regclass(guard.place) AND tgname = guard.name AND tgenabled = 'A'
             )
             UNION ALL
             SELECT format('the index %s is not valid', indexrelid::regclass)
             FROM pg_index JOIN pg_class ON pg_class.oid = pg_index.indrelid
             WHERE relnamespace = current_schema()::regnamespace AND NOT indisvalid
             LIMIT 20",
            &[],
        )
        .await?;
    rows.iter().map(|row| rows::get(row, 0)).collect()
}
