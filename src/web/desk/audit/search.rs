//! What is searched for in the journal, as it stands in the page's own address, so that a search can be kept and sent on.

use jiff::civil::Date;

use super::parameter;
use crate::{
    dossier::{Event, Reference},
    service::{About, JournalFilter},
    tlog::{LOG_SUBJECT, LogEvent},
};

/// As it was typed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Search {
    pub reference: String,
    pub kind: String,
    pub actor: String,
    pub from: String,
    pub to: String,
}

/// What cannot be searched for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    Reference,
    Kind,
    Day,
}

impl Search {
    pub(super) fn of(query: &str) -> Self {
        let short = |name: &str| parameter(query, name).chars().take(64).collect();
        Self {
            reference: short("reference"),
            kind: short("kind"),
            actor: short("actor"),
            from: short("from"),
            to: short("to"),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    pub(super) fn filter(&self) -> Result<JournalFilter, Fault> {
        let some = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
        let day = |text: &String| match some(text) {
            Some(text) => text.parse::<Date>().map(Some).map_err(|_| Fault::Day),
            None => Ok(None),
        };
        let about = match some(&self.reference) {
            None => None,
            Some(text) if text.eq_ignore_ascii_case(LOG_SUBJECT) => Some(About::Log),
            Some(text) => Some(About::Dossier(text.parse::<Reference>().map_err(|_| Fault::Reference)?)),
        };
        let kind = some(&self.kind);
        if kind.as_deref().is_some_and(|kind| !Event::KINDS.contains(&kind) && !LogEvent::KINDS.contains(&kind)) {
            return Err(Fault::Kind);
        }
        Ok(JournalFilter { about, kind, actor: some(&self.actor), from: day(&self.from)?, to: day(&self.to)? })
    }

    /// The address of this search's entries before an index.
    pub(super) fn address(&self, before: u64) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        let parts = [
            ("reference", &self.reference),
            ("kind", &self.kind),
            ("actor", &self.actor),
            ("from", &self.from),
            ("to", &self.to),
        ];
        query.extend_pairs(parts.into_iter().filter(|(_, value)| !value.is_empty()));
        query.append_pair("before", &before.to_string());
        format!("/desk/audit?{}", query.finish())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_is_read_and_written_back() {
        let search = Search::of("reference=+pc-2026-12+&kind=decided&actor=salma.b&from=2026-01-05&to=&x=1");
        let filter = search.filter().unwrap();
        assert_eq!(filter.about, Some(About::Dossier("PC-2026-000012".parse().unwrap())));
        assert_eq!((filter.kind.as_deref(), filter.actor.as_deref()), (Some("decided"), Some("salma.b")));
        assert_eq!((filter.from, filter.to), (Some(jiff::civil::date(2026, 1, 5)), None));
        let address = search.address(7);
        assert_eq!(address, "/desk/audit?reference=pc-2026-12&kind=decided&actor=salma.b&from=2026-01-05&before=7");
        assert_eq!(Search::of(address.split_once('?').unwrap().1), search);
        assert!(Search::of("before=3&l=fr").is_empty());
        assert_eq!(Search::of("reference=log").filter().unwrap().about, Some(About::Log));
    }

    #[test]
    fn what_cannot_be_searched_for_is_said() {
        let check = |query: &str, fault: Fault| assert_eq!(Search::of(query).filter(), Err(fault), "{query}");
        check("reference=rubbish", Fault::Reference);
        check("kind=registere", Fault::Kind);
        check("from=2026-02-30", Fault::Day);
        check("to=soon", Fault::Day);
    }
}
