//! The connection to the database is lost in the middle of a commit, while a clerk in front of the proxy waits for a page.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use super::agency::Agency;
use crate::{
    cutting_proxy::{Cut, Proxy},
    form_page::{FormPage, reference_told},
    ledger::Acknowledged,
    postgres_server::PostgresServer,
};

#[test]
fn a_commit_cut_in_the_middle_is_told_right_or_sent_again() {
    let server = PostgresServer::shared();
    let database = server.create_database();
    let between = Proxy::start(server.port());
    let mut agency = Agency::over(&[&PostgresServer::url_through(between.port(), &database)]);
    agency.open();
    let clerk = agency.sign_in();
    let fill_in = |applicant: &str| {
        let empty = FormPage::of(&agency.ask(&FormPage::ask(&clerk, "PC")).unwrap().text());
        empty.with("applicant", applicant).with("phone", "0612345678")
    };
    let mut acknowledged = Acknowledged::new();
    let mut told = |applicant: &str, reference: String| {
        let before = acknowledged.insert(reference.clone(), applicant.to_owned());
        assert!(before.is_none(), "{reference} was given twice");
    };

    // The node finds out by itself, and the clerk notices nothing.
    for cut in [Cut::Answer, Cut::Commit, Cut::CommitUnnoticed, Cut::Delivery] {
        let applicant = format!("Found {cut:?}");
        let form = fill_in(&applicant).with("phone", "");
        between.cut(&[cut]);
        let answer = agency.ask(&form.request(&clerk)).unwrap();
        assert!(between.has_cut(), "{cut:?}");
        told(&applicant, reference_told(&answer));
    }

    // Nobody can be asked: the form comes back, and sent again it is the same dossier, whether it was written or not. It is
    // not taken for a look-alike of its own first try either.
    for cut in [Cut::Answer, Cut::Commit] {
        let applicant = format!("Unknown {cut:?}");
        let form = fill_in(&applicant).with("phone", if cut == Cut::Answer { "0612345678" } else { "0698765432" });
        between.cut(&[cut]);
        between.close(true);
        let answer = agency.ask(&form.request(&clerk)).unwrap();
        between.close(false);
        assert_eq!(answer.status, 503, "{cut:?}: {}", answer.head);
        assert!(answer.header("x-request-id").is_some(), "the node answers, not the proxy: {}", answer.head);
        assert!(answer.header("retry-after").is_some(), "{}", answer.head);
        let form = FormPage::of(&answer.text());
        assert_eq!(form.value("applicant"), applicant);
        agency.proxy.wait_until_up(&[0]);
        let again = agency.ask(&form.request(&clerk)).unwrap();
        told(&applicant, reference_told(&again));
    }
    agency.close(&acknowledged);
}
