//! `milaf migrate`: brings a database to the schema that this program knows.

use std::process::ExitCode;

use clap::Args;

use super::{
    DataArgument,
    open::{Database, Office},
    terminal::say,
};
use crate::store::Schema;

/// Bring the database to the schema of this program
#[derive(Debug, Args)]
#[command(
    long_about = "Brings the database to the schema of this program and says what it did. Every other command does the same \
        when it opens the database, under a lock, so this is for those who want to see it done at a time of their choosing: \
        once, before the first of several nodes is replaced by a newer program. Nodes of the older program go on meanwhile, and may \
        even be restarted.\n\nA change that older programs could not work with comes one release after the one that made it \
        possible, and on PostgreSQL it is refused while such a program is connected. A database whose schema is beyond this \
        program is refused and left as it is.",
    after_help = "Examples:\n  milaf migrate --data /srv/milaf\n  \
        milaf migrate --data /srv/milaf --database postgres://milaf@db1,db2/milaf"
)]
pub(super) struct Migrate {
    #[command(flatten)]
    data: DataArgument,
}

impl Migrate {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let place = self.data.place()?;
        let office = Office::open_unchecked(&place, None, Database::MustExist).await?;
        let schema = office.store.schema();
        office.close().await;
        let Schema { before, now, known } = schema;
        say(&if now > known {
            format!(
                "{}: schema {now}, of a newer program; this one, of schema {known}, works beside it",
                place.database
            )
        } else if before == now {
            format!("{}: schema {now}, nothing to do", place.database)
        } else {
            format!("{}: from schema {before} to {now}", place.database)
        })?;
        Ok(ExitCode::SUCCESS)
    }
}
