//! Rows as they lie in the file, for an audit.

use rusqlite::{params_from_iter, types::ValueRef};

use super::{SqliteStore, errors::During};
use crate::store::{Cell, Inspect, StoreError};

#[async_trait::async_trait]
impl Inspect for SqliteStore {
    async fn inspect(&self, statement: &'static str, values: &[i64]) -> Result<Vec<Vec<Cell>>, StoreError> {
        let values = values.to_vec();
        let read = move |connection: &rusqlite::Connection| {
            let mut prepared = connection.prepare_cached(statement).during("prepare an audit")?;
            let columns = prepared.column_count();
            let mut rows = prepared.query(params_from_iter(values)).during("read for an audit")?;
            let mut found = Vec::new();
            while let Some(row) = rows.next().during("read for an audit")? {
                let cells = (0..columns).map(|column| row.get_ref(column).map(cell)).collect::<Result<_, _>>();
                found.push(cells.during("read for an audit")?);
            }
            Ok(found)
        };
        self.0.readers.read(read).await
    }
}

fn cell(value: ValueRef<'_>) -> Cell {
    match value {
        ValueRef::Null | ValueRef::Real(_) => Cell::Nothing,
        ValueRef::Integer(number) => Cell::Number(number),
        ValueRef::Text(text) => String::from_utf8(text.to_vec()).map_or(Cell::Nothing, Cell::Text),
        ValueRef::Blob(bytes) => Cell::Bytes(bytes.to_vec()),
    }
}
