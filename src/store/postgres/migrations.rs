//! Looks whether a server and a schema are fit for the log, and brings the schema to what this program knows, or refuses it.
//!
//! A migration is never edited after it has landed: a change is the next number.

use tokio_postgres::Row;

use super::{
    PostgresOpenError,
    errors::cause,
    link::{Link, LinkError},
};
use crate::store::Schema;

/// In order; a migration's number is its place, counted from 1.
const MIGRATIONS: &[(&str, &str)] = &[("0001_initial", include_str!("migrations/0001_initial.sql"))];

const OLDEST_SERVER: i32 = 150_000;
/// "MiLf": programs that migrate one database at the same time wait for one another here.
const LOCK: &str = "SELECT pg_advisory_xact_lock(1298746470)";

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
pub(super) async fn apply(link: &Link, create: bool) -> Result<Schema, PostgresOpenError> {
    if let Some(applied) = version(link).await?
        && applied == MIGRATIONS.len()
    {
        return Ok(Schema { before: applied, now: applied });
    }
    sql(link, "lock", "BEGIN").await?;
    let outcome = apply_in_transaction(link, create).await;
    match outcome {
        Ok(schema) => sql(link, "commit the migration of", "COMMIT").await.map(|()| schema),
        Err(error) => {
            // The connection's end would take the transaction back as well.
            let _ = link.run("ROLLBACK").await;
            Err(error)
        }
    }
}

async fn apply_in_transaction(link: &Link, create: bool) -> Result<Schema, PostgresOpenError> {
    // Tables may be large by then, and other nodes wait meanwhile.
    sql(link, "lock", "SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = '60s'").await?;
    sql(link, "lock", LOCK).await?;
    // Looked at again: another node may have brought it up to date while this one waited for the lock.
    let applied = match version(link).await? {
        Some(applied) => applied,
        None if create => 0,
        None => return Err(PostgresOpenError::Missing { schema: schema(link).await? }),
    };
    for (number, (name, statements)) in (1_i64..).zip(MIGRATIONS).skip(applied) {
        sql(link, "migrate", statements).await?;
        link.query(
            "INSERT INTO migrations (number, name, applied_at)
             VALUES ($1, $2, (extract(epoch FROM clock_timestamp()) * 1000)::bigint)",
            &[&number, name],
        )
        .await
        .map_err(|error| PostgresOpenError::Sql { action: "migrate", cause: cause(&error) })?;
    }
    Ok(Schema { before: applied, now: MIGRATIONS.len() })
}

/// How many migrations the schema has had; `None` when it holds no tables at all.
async fn version(link: &Link) -> Result<Option<usize>, PostgresOpenError> {
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
    let applied = one(link, "read the schema of", "SELECT count(*), coalesce(max(number), 0) FROM migrations").await?;
    let (count, last) = (applied.get::<_, i64>(0), applied.get::<_, i64>(1));
    match usize::try_from(last) {
        Ok(found) if found > MIGRATIONS.len() => Err(PostgresOpenError::Newer { found, known: MIGRATIONS.len() }),
        Ok(found) if found > 0 && count == last => Ok(Some(found)),
        _ => Err(PostgresOpenError::Foreign { schema: schema(link).await? }),
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
