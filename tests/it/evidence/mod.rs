//! A dossier's evidence as those meet it who make it, carry it away and judge it: on the command line, at the desk, and with
//! nothing of ours but the file.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod stock;
mod tampering;
mod unusual;

use std::{fs, path::PathBuf};

use milaf::{
    audit::{Answer, CheckKind, Outcome, Verdict, judge_bundle, keys_file},
    dossier::{Language, Reference, Role},
    i18n,
    print::evidence_bundle,
    receipt::{PublishedKeys, Revocation},
    service::{Actor, Failure},
    store::CosignatureRow,
    tlog::{CosignatureSigner, Policy},
};

use crate::{
    commands::{Office, milaf},
    desk_pages::{Desk, NAME},
    harness::{Running, paragraph},
    premises::{Premises, on_both_databases},
    words::shown_keys,
};

/// An office with one dossier, and its evidence.
pub(crate) struct Taken {
    pub(crate) office: Office,
    pub(crate) reference: String,
    pub(crate) file: PathBuf,
    pub(crate) keys: PathBuf,
}

impl Taken {
    pub(crate) fn new() -> Self {
        let office = Office::new();
        let registered = office.register("Salma Bensalem", &["--phone", "0612345678", "--parcel", "T 1234/09"]);
        let reference = registered["reference"].as_str().unwrap().to_owned();
        office.register("Somebody Else", &[]);
        let (file, keys) = (office.path("evidence.zip"), office.path("keys.json"));
        let data = office.data();
        milaf(&["keys", "export", "--data", &data, "--out", keys.to_str().unwrap()], "").expect(0);
        milaf(&["evidence", &reference, "--data", &data, "--out", file.to_str().unwrap()], "").expect(0);
        Self { office, reference, file, keys }
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        fs::read(&self.file).unwrap()
    }

    pub(crate) fn published(&self) -> PublishedKeys {
        keys_file::read(&fs::read(&self.keys).unwrap()).unwrap()
    }
}

pub(crate) fn worst(verdicts: &[Verdict]) -> Answer {
    verdicts.iter().map(|verdict| verdict.answer).max().unwrap()
}

#[test]
fn the_same_dossier_gives_the_same_bytes_and_is_believed_by_the_office_s_keys_alone() {
    let taken = Taken::new();
    let again = taken.office.path("again.zip");
    let (data, again_name) = (taken.office.data(), again.to_str().unwrap());
    milaf(&["evidence", &taken.reference, "--data", &data, "--out", again_name], "").expect(0);
    assert_eq!(fs::read(&again).unwrap(), taken.bytes());
    let (file, keys) = (taken.file.to_str().unwrap(), taken.keys.to_str().unwrap());
    let said = milaf(&["verify", file, "--keys", keys, "--language", "en"], "").expect(0).text();
    assert!(said.contains(&taken.reference), "{said}");
    let said = milaf(&["verify", file, "--language", "en"], "").expect(2).text();
    assert!(said.contains("Cannot tell") && said.contains("keys.json"), "{said}");
    // Another office's keys.
    let other = Office::new();
    let foreign = other.path("keys.json");
    milaf(&["keys", "export", "--data", &other.data(), "--out", foreign.to_str().unwrap()], "").expect(0);
    let code = milaf(&["verify", file, "--keys", foreign.to_str().unwrap(), "--language", "en"], "");
    code.expect(1);
}

#[test]
fn what_cannot_be_made_is_told_and_nothing_is_overwritten() {
    let taken = Taken::new();
    let (data, file) = (taken.office.data(), taken.file.to_str().unwrap().to_owned());
    let before = taken.bytes();
    let refused = milaf(&["evidence", &taken.reference, "--data", &data, "--out", &file], "").expect(1);
    assert!(refused.stderr.contains("--force"), "{}", refused.stderr);
    assert_eq!(taken.bytes(), before);
    milaf(&["evidence", &taken.reference, "--data", &data, "--out", &file, "--force"], "").expect(0);
    let elsewhere = taken.office.path("none.zip");
    let none = elsewhere.to_str().unwrap();
    let unknown = milaf(&["evidence", "NRU-2026-099999", "--data", &data, "--out", none], "").expect(1);
    assert!(unknown.stderr.contains("there is no dossier NRU-2026-099999"), "{}", unknown.stderr);
    milaf(&["evidence", "nonsense", "--data", &data, "--out", none], "").expect(2);
    milaf(&["evidence", &taken.reference, "--data", &data, "--out", none, "--language", "de"], "").expect(2);
    let nowhere = "/nonexistent/evidence.zip";
    let unwritable = milaf(&["evidence", &taken.reference, "--data", &data, "--out", nowhere], "").expect(1);
    assert!(unwritable.stderr.contains("cannot be written"), "{}", unwritable.stderr);
    assert!(!elsewhere.exists());
}

on_both_databases! {
    every_sample_is_believed_in_every_language,
    an_erased_dossier_still_proves_what_is_left,
}

async fn bundle_of(running: &Running, reference: &Reference, language: Language) -> Vec<u8> {
    let evidence = running.service.evidence(&Actor::new("cli"), reference).await.unwrap();
    evidence_bundle(running.service.issuer(), &evidence, None, language).unwrap()
}

async fn every_sample_is_believed_in_every_language(premises: Premises) {
    let running = Running::on(&premises).await;
    for (name, answers) in [
        ("decided", &[Answer::Genuine, Answer::Genuine][..]),
        ("replaced", &[Answer::Genuine, Answer::NoLongerInForce, Answer::Genuine]),
    ] {
        let reference = running.sample(name).await.reference;
        let mut pages = Vec::new();
        for language in Language::ALL {
            let bytes = bundle_of(&running, &reference, language).await;
            let verdicts = judge_bundle(&bytes, Some(&running.service.published_keys()), None);
            let found: Vec<Answer> = verdicts.iter().map(|verdict| verdict.answer).collect();
            assert_eq!(found, answers, "{name}: {verdicts:?}");
            let page = milaf::audit::Bundle::read(&bytes).unwrap().page;
            assert!(page.contains(&format!("lang=\"{}\" dir=\"{}\"", language.tag(), language.direction())), "{page}");
            assert!(page.contains(&i18n::text(language, "evidence-open")), "{page}");
            assert_eq!(shown_keys(&page), [""; 0]);
            assert!(!page.contains("<script") && !page.contains("src=") && !page.contains("href="), "{page}");
            pages.push(page);
        }
        pages.dedup();
        assert_eq!(pages.len(), Language::ALL.len(), "each language has words of its own");
    }
    running.stop().await;
}

async fn an_erased_dossier_still_proves_what_is_left(premises: Premises) {
    let running = Running::on(&premises).await;
    let reference = running.sample("decided").await.reference;
    let cli = Actor::new("cli");
    let before = bundle_of(&running, &reference, Language::French).await;
    let version = running.service.erasure_scope(&reference).await.unwrap().version;
    running.service.erase(&cli, &reference, version, &paragraph("Loi 09-08")).await.unwrap();
    let bytes = bundle_of(&running, &reference, Language::French).await;
    let keys = running.service.published_keys();
    let verdicts = judge_bundle(&bytes, Some(&keys), None);
    assert_eq!(worst(&verdicts), Answer::Genuine, "{verdicts:?}");
    let bundle = milaf::audit::Bundle::read(&bytes).unwrap();
    assert!(bundle.events.iter().all(|entry| entry.content.is_none()) && !bundle.events.is_empty());
    assert!(bundle.receipts.iter().all(|receipt| receipt.paper.is_none()));
    assert!(bundle.page.contains("Loi 09-08"), "{}", bundle.page);
    for word in crate::harness::PRIVATE {
        assert!(!bundle.page.contains(word), "{word} is in {}", bundle.page);
    }
    // What was handed out before stays as good as it was.
    assert_eq!(worst(&judge_bundle(&before, Some(&keys), None)), Answer::Genuine);
    // Without the event that tells of it the records are simply missing.
    let mut silent = bundle.clone();
    silent.log.clear();
    assert_eq!(judge_bundle(&silent.write().unwrap(), Some(&keys), None)[0].answer, Answer::NotGenuine);
    let mut fewer = bundle;
    fewer.events.pop();
    assert_eq!(judge_bundle(&fewer.write().unwrap(), Some(&keys), None)[0].answer, Answer::NotGenuine);
    running.stop().await;
}

#[tokio::test]
async fn managers_and_auditors_take_it_away_and_the_desk_does_not() {
    let desk = Desk::open().await;
    let reference = desk.registered().await;
    let path = format!("/desk/d/{reference}/evidence.zip");
    for (role, may) in [(Role::Desk, false), (Role::Manager, true), (Role::Auditor, true)] {
        assert!(desk.running.service.set_role(NAME, role).await.unwrap());
        let page = desk.get(&format!("/desk/d/{reference}")).await;
        assert_eq!(page.body.contains(&path), may, "{role:?}");
        let response = desk.client.get(desk.running.url(&path)).header("cookie", &desk.cookie).send().await.unwrap();
        if may {
            assert_eq!(response.status(), 200, "{role:?}");
            let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
            assert_eq!(header("content-type"), "application/zip");
            assert_eq!(header("cache-control"), "no-store");
            assert_eq!(header("content-disposition"), format!("attachment; filename=\"{reference}.zip\""));
            let bytes = response.bytes().await.unwrap();
            let verdicts = judge_bundle(&bytes, Some(&desk.running.service.published_keys()), None);
            assert_eq!(worst(&verdicts), Answer::Genuine, "{verdicts:?}");
        } else {
            assert_eq!(response.status(), 403, "{role:?}");
        }
        let actor = Actor::staff(NAME, role);
        let asked = desk.running.service.evidence(&actor, &reference.parse().unwrap()).await;
        assert_eq!(matches!(asked, Err(Failure::NotAllowed)), !may, "{role:?}");
    }
    for unknown in ["PC-2026-099999", "nonsense"] {
        let response = desk
            .client
            .get(desk.running.url(&format!("/desk/d/{unknown}/evidence.zip")))
            .header("cookie", &desk.cookie)
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), 404, "{unknown}");
    }
    let stranger = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    assert_eq!(stranger.get(desk.running.url(&path)).send().await.unwrap().status(), 303);
}

/// What a witness's name and key add: a bound of the time, and receipts that outlive their key.
#[tokio::test]
async fn a_witness_bounds_the_time_and_keeps_receipts_good_after_their_key_is_revoked() {
    let running = Running::start().await;
    let reference = running.sample("decided").await.reference;
    running.service.publish_checkpoint().await.unwrap();
    let newest = running.service.newest_checkpoint().await.unwrap().unwrap();
    let witness = CosignatureSigner::new("witness.example", [9; 32]).unwrap();
    let seconds = u64::try_from(running.service.now().as_second()).unwrap() + 60;
    let line = witness.sign(newest.note.split_inclusive("\n\n").next().unwrap().strip_suffix('\n').unwrap(), seconds);
    let row = CosignatureRow {
        size: newest.checkpoint.size,
        witness: "witness.example".to_owned(),
        line: line.unwrap().trim_end().to_owned(),
        at: i64::try_from(seconds).unwrap(),
        received_at: running.service.now(),
    };
    running.store.keep_cosignature(row).await.unwrap();
    let file = format!("witness one {}\nquorum one\n", witness.verifier());
    let policy = Policy::parse(file.as_bytes()).unwrap();

    let evidence = running.service.evidence(&Actor::new("cli"), &reference).await.unwrap();
    let bytes = evidence_bundle(running.service.issuer(), &evidence, Some(&policy), Language::English).unwrap();
    let mut keys = running.service.published_keys();
    let verdicts = judge_bundle(&bytes, Some(&keys), Some(&policy));
    assert_eq!(verdicts[1].published_by, Some(seconds), "{verdicts:?}");
    assert_eq!(verdicts[1].answer, Answer::Genuine, "{verdicts:?}");
    assert_eq!(verdicts[0].outcome(CheckKind::Witnesses), Some(Outcome::Passed), "{verdicts:?}");
    let page = milaf::audit::Bundle::read(&bytes).unwrap().page;
    assert!(page.contains("witness-") && page.contains("<bdi dir=\"ltr\">one</bdi>"), "{page}");
    // The key is revoked after the witness had seen the receipt.
    let since_ms = (i64::try_from(seconds).unwrap() + 1) * 1000;
    keys.seal[0].revoked = Some(Revocation { since_ms, reason: "stolen".to_owned() });
    assert_eq!(judge_bundle(&bytes, Some(&keys), Some(&policy))[1].answer, Answer::Genuine);
    assert_eq!(judge_bundle(&bytes, Some(&keys), None)[1].answer, Answer::NoLongerInForce);
    // And before: then nobody knows who made it.
    let since_ms = (i64::try_from(seconds).unwrap() - 1) * 1000;
    keys.seal[0].revoked = Some(Revocation { since_ms, reason: "stolen".to_owned() });
    assert_eq!(judge_bundle(&bytes, Some(&keys), Some(&policy))[1].answer, Answer::NoLongerInForce);
    running.stop().await;
}
