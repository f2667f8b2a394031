//! A node that has no connection to its database left, and what its clerk sees.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::{collections::BTreeSet, thread};

use milaf::{dossier::Language, i18n};

use super::agency::Agency;
use crate::{
    form_page::{FormPage, reference_told},
    ledger::Acknowledged,
    node_process::get,
    postgres_server::PostgresServer,
    raw_http::{Answer, Connection, Request},
};

/// Two connections for reading, and no patience.
const SMALL: &str = "pool_size = 2\nacquire_timeout = 1\n";

#[test]
fn a_node_without_a_free_connection_gives_every_form_back() {
    let server = PostgresServer::shared();
    let database = server.create_database();
    let mut agency = Agency::with_settings(&[&server.url(&database)], SMALL);
    agency.open();
    let clerk = agency.sign_in();
    let node = agency.address(0);
    // The clerk reads Arabic.
    let ask = |request: Request| {
        Connection::open(node).unwrap().send(&request.header("Accept-Language", "ar").closing()).unwrap()
    };
    let fill_in = |number: usize| {
        let empty = FormPage::of(&ask(FormPage::ask(&clerk, "NRU")).text());
        empty.with("applicant", &format!("Applicant {number}")).with("note", "Vu avec \"elle\"")
    };
    let mut acknowledged = Acknowledged::new();
    acknowledged.insert(reference_told(&ask(fill_in(0).request(&clerk))), "Applicant 0".to_owned());

    // Whatever reads sessions waits, then whatever writes dossiers.
    for (table, first) in [("sessions", 1), ("dossiers", 9)] {
        let forms: Vec<FormPage> = (first..first + 8).map(fill_in).collect();
        let held = server.hold(&database, &format!("LOCK TABLE {table}"));
        let answers: Vec<Answer> = thread::scope(|scope| {
            let send = |form: &FormPage| {
                let (ask, request) = (&ask, form.request(&clerk));
                scope.spawn(move || ask(request))
            };
            let under_way: Vec<_> = forms.iter().map(send).collect();
            under_way.into_iter().map(|answer| answer.join().unwrap()).collect()
        });
        assert_eq!(get(node, "/healthz").unwrap().text(), "ok", "the process lives all the same");
        drop(held);
        let mut keys = BTreeSet::new();
        for (number, answer) in (first..).zip(answers) {
            assert_eq!((answer.status, answer.header("retry-after")), (503, Some("10")), "{table}: {}", answer.head);
            let page = answer.text();
            assert!(page.contains("<html lang=\"ar\" dir=\"rtl\">"), "{page}");
            assert!(page.contains(&i18n::text(Language::Arabic, "desk-unanswered")), "{page}");
            let form = FormPage::of(&page);
            let applicant = format!("Applicant {number}");
            assert_eq!((form.value("applicant"), form.value("note")), (&*applicant, "Vu avec \"elle\""));
            assert!(keys.insert(form.value("form-key").to_owned()), "each form has its own key");
            // That nothing was done in between shows in the numbers, which have no gap in the end.
            let before = acknowledged.insert(reference_told(&ask(form.request(&clerk))), applicant);
            assert_eq!(before, None);
        }
    }
    agency.close(&acknowledged);
}
