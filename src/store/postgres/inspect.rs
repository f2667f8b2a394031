//! Rows as they lie on the server, for an audit.

use tokio_postgres::{Row, types::Type};

use super::{PostgresStore, link::Value, portable::READ, rows};
use crate::store::{Cell, Inspect, StoreError};

#[async_trait::async_trait]
impl Inspect for PostgresStore {
    async fn inspect(&self, statement: &'static str, values: &[i64]) -> Result<Vec<Vec<Cell>>, StoreError> {
        let values: Vec<Value<'_>> = values.iter().map(|value| value as Value<'_>).collect();
        let crossing = self.0.ferry.begin(READ).await?;
        let found = crossing.read("read for an audit", statement, &values).await?;
        self.0.ferry.commit(crossing).await?;
        found.iter().map(|row| (0..row.len()).map(|column| cell(row, column)).collect()).collect()
    }
}

fn cell(row: &Row, column: usize) -> Result<Cell, StoreError> {
    let kind = row.columns()[column].type_();
    let found = if *kind == Type::INT8 {
        rows::get::<Option<i64>>(row, column)?.map(Cell::Number)
    } else if *kind == Type::BYTEA {
        rows::get::<Option<Vec<u8>>>(row, column)?.map(Cell::Bytes)
    } else {
        rows::get::<Option<String>>(row, column)?.map(Cell::Text)
    };
    Ok(found.unwrap_or(Cell::Nothing))
}
