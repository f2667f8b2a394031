//! Looks whether a server and a schema are fit for the log, and brings the schema to what this program knows, or refuses it.
//!
//! Every connection holds a lock on the number of migrations that its program knows. A migration that takes something away
//! from older programs asks for theirs, so it is refused while one is connected, and one that connects meanwhile waits and
//! is then refused. See [`series`](super::super::series) for what the numbers mean.

use tokio_postgres::Row;

use super::{
    PostgresOpenError,
    errors::cause,
    link::{Link, LinkError},
};
use crate::store::{
    Schema,
    series::{Applied, Migration},
};

/// The migration that made the table of nodes.
pub(super) const WITH_NODES: usize = 2;

/// What this program knows.
pub(super) const MIGRATIONS: &[Migration] = &[
    Migration { name: "0001_initial", statements: include_str!("migrations/0001_initial.sql"), needs: 1 },
    // Nobody may add leaves without their nodes any more, nor read an erased dossier as a damaged one.
    Migration { name: "0002_audit", statements: include_str!("migrations/0002_audit.sql"), needs: 2 },
];

const OLDEST_SERVER: i32 = 150_000;
/// "MiLf": programs that migrate one database at the same time wait for one another here.
const LOCK: &str = "SELECT pg_advisory_xact_lock(1298746470)";

/// Sent when a connection begins, and answered by its end: there are programs of this schema.
pub(super) fn presence(known: &[Migration]) -> String {
    format!("SELECT pg_advisory_lock_shared(1298746470, {})", known.len())
}

const NOBODY_KNOWS_ONLY: &str = "SELECT pg_try_advisory_xact_lock(1298746470, $1)";

/// # Errors
/// Says what must be changed about the server or the database.
pub(super) async fn check_server(link: &Link) -> Result<(), PostgresOpenError> {
    let facts = one(
        link,
        "ask about",
        "SELECT current_setting('server_version_num')::int, current_setting('server_version'),
             current_setting('server_encoding'), current_setting('fsync'), current_setting('full_page_writes'),
             current_schema() IS NULL",
    )
    .await?;
    let text = |column: usize| facts.get::<_, String>(column);
    if facts.get::<_, i32>(0) < OLDEST_SERVER {
        return Err(PostgresOpenError::OldServer(text(1)));
    }
    if text(2) != "UTF8" {
        return Err(PostgresOpenError::Encoding(text(2)));
    }
    if text(3) != "on" {
        return Err(PostgresOpenError::NotDurable("fsync = off"));
    }
    if text(4) != "on" {
        return Err(PostgresOpenError::NotDurable("full_page_writes = off"));
    }
    if facts.get(5) {
        return Err(PostgresOpenError::NoSchema);
    }
    Ok(())
}

/// Applies what is missing. With `create` also to a schema without tables.
pub(super) async fn apply(link: &Link, known: &[Migration], create: bool) -> Result<Schema, PostgresOpenError> {
    if let Some(applied) = applied(link).await? {
        applied.is_fit_for(known.len())?;
        if applied.number >= known.len() {
            return Ok(Schema { before: applied.number, now: applied.number, known: known.len() });
        }
    }
    sql(link, "lock", "BEGIN").await?;
    let outcome = apply_in_transaction(link, known, create).await;
    match outcome {
        Ok(schema) => sql(link, "commit the migration of", "COMMIT").await.map(|()| schema),
        Err(error) => {
            // The connection's end would take the transaction back as well.
            let _ = link.run("ROLLBACK").await;
            Err(error)
        }
    }
}

/// Whether the tables are still for programs that know so many migrations: what a connection asks that was not there when
/// the store was opened.
pub(super) async fn still_fit(link: &Link, known: &[Migration]) -> Result<(), LinkError> {
    let rows = link.query("SELECT max(number), max(needs) FROM migrations", &[]).await?;
    let count = |column: usize| {
        rows.first().and_then(|row| row.get::<_, Option<i64>>(column)).and_then(|number| usize::try_from(number).ok())
    };
    match (count(0), count(1)) {
        (Some(number), Some(needs)) => Ok(Applied { number, needs }.is_fit_for(known.len())?),
        _ => Err(LinkError::NoTables),
    }
}

async fn apply_in_transaction(link: &Link, known: &[Migration], create: bool) -> Result<Schema, PostgresOpenError> {
    // Tables may be large by then, and other nodes wait meanwhile.
    sql(link, "lock", "SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = '60s'").await?;
    sql(link, "lock", LOCK).await?;
    // Looked at again: another node may have brought it up to date while this one waited for the lock.
    let (before, needed) = match applied(link).await? {
        Some(applied) => {
            applied.is_fit_for(known.len())?;
            (applied.number, applied.needs)
        }
        None if create => (0, 1),
        None => return Err(PostgresOpenError::Missing { schema: schema(link).await? }),
    };
    let failed = |error| PostgresOpenError::Sql { action: "migrate", cause: cause(&error) };
    for (number, migration) in (1_i64..).zip(known).skip(before) {
        for older in needed..migration.needs {
            let lock = i32::try_from(older).unwrap_or(i32::MAX);
            let rows = link.query(NOBODY_KNOWS_ONLY, &[&lock]).await.map_err(failed)?;
            if !rows.first().is_some_and(|row| row.get(0)) {
                return Err(PostgresOpenError::OlderProgram { name: migration.name, schema: older });
            }
        }
        sql(link, "migrate", migration.statements).await?;
        let needs = i64::try_from(migration.needs).unwrap_or(i64::MAX);
        link.query(
            "INSERT INTO migrations (number, name, needs, applied_at)
             VALUES ($1, $2, $3, (extract(epoch FROM clock_timestamp()) * 1000)::bigint)",
            &[&number, &migration.name, &needs],
        )
        .await
        .map_err(failed)?;
    }
    Ok(Schema { before, now: before.max(known.len()), known: known.len() })
}

/// What the schema has had; `None` when it holds no tables at all.
async fn applied(link: &Link) -> Result<Option<Applied>, PostgresOpenError> {
    // What an extension brought is nobody's data.
    let tables = one(
        link,
        "read the schema of",
        "SELECT count(*), count(*) FILTER (WHERE relname IN ('migrations', 'frontier', 'heads', 'event_contents'))
         FROM pg_class
         WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
             AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = pg_class.oid AND deptype = 'e')",
    )
    .await?;
    match (tables.get::<_, i64>(0), tables.get::<_, i64>(1)) {
        (0, _) => return Ok(None),
        (_, 4) => {}
        _ => return Err(PostgresOpenError::Foreign { schema: schema(link).await? }),
    }
    let sums = "SELECT count(*), coalesce(max(number), 0), coalesce(max(needs), 0) FROM migrations";
    let found = one(link, "read the schema of", sums).await?;
    let [count, number, needs] = [0, 1, 2].map(|column| usize::try_from(found.get::<_, i64>(column)).unwrap_or(0));
    if number > 0 && count == number && needs > 0 {
        Ok(Some(Applied { number, needs }))
    } else {
        Err(PostgresOpenError::Foreign { schema: schema(link).await? })
    }
}

async fn schema(link: &Link) -> Result<String, PostgresOpenError> {
    Ok(one(link, "read the schema of", "SELECT current_schema()::text").await?.get(0))
}

async fn sql(link: &Link, action: &'static str, statements: &str) -> Result<(), PostgresOpenError> {
    link.run(statements).await.map_err(|error| PostgresOpenError::Sql { action, cause: cause(&error) })
}

/// Runs a query that has one row.
async fn one(link: &Link, action: &'static str, sql: &'static str) -> Result<Row, PostgresOpenError> {
    let failed = |cause: String| PostgresOpenError::Sql { action, cause };
    let rows = link.query(sql, &[]).await.map_err(|error| failed(LinkError::from(error).to_string()))?;
    rows.into_iter().next().ok_or_else(|| failed("it gave no answer".to_owned()))
}
