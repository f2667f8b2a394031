//! Everything that happened to a dossier, with who and when: the staff's full view of its events.

use super::{facts::moment, shell::Shell};
use crate::{
    config::Issuer,
    dossier::{Procedure, Recorded},
    print::Happenings,
};

pub(super) struct Entry {
    pub when: String,
    pub who: String,
    pub what: String,
    pub details: Vec<String>,
    /// The place in the public log.
    pub leaf: u64,
}

/// Latest first.
pub(super) fn timeline(
    shell: &Shell,
    issuer: &Issuer,
    procedure: Option<&Procedure>,
    events: &[(u64, Recorded)],
) -> Vec<Entry> {
    let words = Happenings { language: shell.language, issuer, procedure };
    let entry = |(leaf, recorded): &(u64, Recorded)| Entry {
        when: moment(issuer.civil_time(recorded.at)),
        who: recorded.actor.clone(),
        what: words.name(&recorded.event),
        details: words.details(&recorded.event),
        leaf: *leaf,
    };
    events.iter().rev().map(entry).collect()
}
