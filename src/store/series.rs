//! What the numbered series of migrations of every database have in common, so that old and new programs can work on one
//! database through each change.
//!
//! A change comes in two migrations. The first *expands*: it adds what the newer program needs, in a way that the older one
//! need not know about, such as a column with a default. A later release *contracts*: it takes away what only programs
//! without the first one used. Each migration therefore says which programs can go on after it, and the database remembers
//! it; a program that meets a newer schema works on if it can, and is refused if it cannot. Refusing every newer schema was
//! rejected: an older node that happened to restart during an upgrade would stay away.

/// One step of a database's series. Its number is its place, counted from 1; it is never edited after it has landed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Migration {
    pub name: &'static str,
    pub statements: &'static str,
    /// How many migrations a program must know to be able to work with the tables after this one. A migration that expands
    /// says what the one before it said; one that contracts says the number of the migration that expanded.
    pub needs: usize,
}

/// What a database says of its schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Applied {
    /// How many migrations it has had.
    pub(super) number: usize,
    /// How many a program must know to work with it.
    pub(super) needs: usize,
}

/// The schema is beyond a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the database has schema {found}, for programs that know schema {needs}, and this one knows up to {known}: run the newer program"
)]
pub struct TooNew {
    pub found: usize,
    pub needs: usize,
    pub known: usize,
}

impl Applied {
    /// Whether a program that knows so many migrations can work with it.
    pub(super) fn is_fit_for(self, known: usize) -> Result<(), TooNew> {
        if self.needs <= known { Ok(()) } else { Err(TooNew { found: self.number, needs: self.needs, known }) }
    }
}
