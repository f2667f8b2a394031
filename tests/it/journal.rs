//! The auditor's pages, as an auditor reads them.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::sync::Arc;

use milaf::{
    dossier::{Language, Reference, Role},
    i18n,
    receipt::SealKey,
    service::{Actor, Failure, JournalFilter, Rest},
    store::{CosignatureRow, JournalSubject, NewLogEvent},
    tlog::{CosignatureSigner, KeyPurpose, LogEvent, Policy},
};
use sha2::{Digest, Sha256};

use crate::{
    desk_pages::{Desk, NAME, PASSWORD, Page},
    harness::{Running, clerk, paragraph},
    premises::{Premises, on_both_databases},
    words::shown_keys,
};

on_both_databases! {
    every_entry_is_there_newest_first,
    a_search_finds_what_fits_and_nothing_else,
    an_entry_shows_its_record_and_its_proof,
    an_erased_dossier_is_told_as_erased,
    keys_and_checkpoints_tell_their_history,
    a_long_search_says_how_far_it_came,
}

async fn auditor(premises: &Premises) -> Desk {
    let desk = Desk::of(Running::on(premises).await).await;
    desk.running.service.set_role(NAME, Role::Auditor).await.unwrap();
    desk
}

/// Signs in anew after days have passed.
async fn back(desk: &mut Desk) {
    let page = desk.sign_in(NAME, PASSWORD, "/desk").await;
    page.headers["set-cookie"].to_str().unwrap().split(';').next().unwrap().clone_into(&mut desk.cookie);
}

async fn ok(desk: &Desk, path: &str) -> Page {
    let page = desk.get(path).await;
    assert_eq!(page.status, 200, "{path}: {}", page.body);
    assert_eq!(shown_keys(&page.body), [""; 0], "{path}");
    assert_eq!(page.headers["cache-control"], "no-store");
    page
}

/// The indexes in the order of the page.
fn indexes(page: &Page) -> Vec<u64> {
    let rows = page.body.split("<th scope=\"row\"><a href=\"/desk/audit/entry/").skip(1);
    rows.map(|row| row.split('"').next().unwrap().parse().unwrap()).collect()
}

/// The address of the page that follows.
fn next(page: &Page) -> Option<String> {
    let link = page
        .body
        .split("<a class=\"button\" href=\"")
        .find(|link| link.split('>').next().unwrap().ends_with("rel=\"next\""))?;
    Some(link.split('"').next().unwrap().replace("&#38;", "&"))
}

async fn every_entry_is_there_newest_first(premises: Premises) {
    let mut desk = auditor(&premises).await;
    let empty = ok(&desk, "/desk/audit").await;
    assert!(empty.body.contains("Rien n’a encore été inscrit."), "{}", empty.body);
    for _ in 0..40 {
        desk.running.register().await;
    }
    desk.running.sample("decided").await;
    back(&mut desk).await;
    let size = desk.running.store.head().await.unwrap().size;
    let (mut path, mut seen) = ("/desk/audit".to_owned(), Vec::new());
    loop {
        let page = ok(&desk, &path).await;
        assert!(page.body.contains("/log/proof/0.tlog-proof") || seen.len() + 50 < usize::try_from(size).unwrap());
        seen.extend(indexes(&page));
        match next(&page) {
            Some(following) => path = following,
            None => break,
        }
    }
    assert_eq!(seen, (0..size).rev().collect::<Vec<_>>());
    for language in Language::ALL {
        let page = ok(&desk, &format!("/desk/audit?l={}", language.tag())).await;
        assert!(page.body.contains(&i18n::text(language, "desk-event-decided")), "{language:?}");
    }
    desk.running.stop().await;
}

async fn a_search_finds_what_fits_and_nothing_else(premises: Premises) {
    let mut desk = auditor(&premises).await;
    let first = desk.running.sample("in_review").await.reference;
    desk.running.days_pass(30);
    let second = desk.running.sample("decided").await.reference;
    back(&mut desk).await;
    let store = &desk.running.store;
    let of = async |reference: &Reference| -> Vec<u64> {
        let subject = JournalSubject::Dossier(reference.clone());
        store.journal(&subject, None, 100).await.unwrap().iter().map(|row| row.index).collect()
    };
    let (of_first, of_second) = (of(&first).await, of(&second).await);
    assert!(of_first.len() == 4 && of_second.len() > 6, "{of_first:?} {of_second:?}");
    let started = "2026-09-01";
    for (query, expected) in [
        (format!("reference={first}"), of_first.clone()),
        (format!("reference={}", second.to_string().to_lowercase()), of_second.clone()),
        (format!("reference={second}&kind=registered"), vec![*of_second.last().unwrap()]),
        (
            format!("kind=registered&actor={}", clerk().name()),
            vec![*of_second.last().unwrap(), *of_first.last().unwrap()],
        ),
        ("actor=nobody".to_owned(), vec![]),
        (format!("from={started}&to={started}"), of_first[2..].to_vec()),
        (format!("from=2026-09-20&reference={first}"), vec![]),
        ("reference=LOG".to_owned(), vec![]),
        ("reference=PC-2026-999999".to_owned(), vec![]),
    ] {
        let page = ok(&desk, &format!("/desk/audit?{query}")).await;
        assert_eq!(indexes(&page), expected, "{query}");
        assert_eq!(page.body.contains("Aucune autre inscription"), expected.is_empty(), "{query}");
    }
    // What was searched for stands in the form again and in the links to the other languages.
    let page = ok(&desk, &format!("/desk/audit?reference={first}&kind=registered&from={started}")).await;
    for text in [
        format!("value=\"{first}\""),
        "value=\"registered\" selected".to_owned(),
        format!("value=\"{started}\""),
        format!("/desk/audit?reference={first}&#38;kind=registered&#38;from={started}&#38;l=ar"),
    ] {
        assert!(page.body.contains(&text), "{text} is not in {}", page.body);
    }
    for query in ["reference=rubbish", "kind=rubbish", "from=rubbish", "to=2026-02-30"] {
        let page = desk.get(&format!("/desk/audit?{query}")).await;
        assert_eq!((page.status.as_u16(), indexes(&page).len()), (422, 0), "{query}");
        assert!(page.body.contains("role=\"alert\""), "{query}");
    }
    desk.running.stop().await;
}

async fn an_entry_shows_its_record_and_its_proof(premises: Premises) {
    let desk = auditor(&premises).await;
    let reference = desk.running.register().await.reference;
    let row = desk.running.store.log_rows(1, 1).await.unwrap().remove(0);
    let before = desk.running.store.log_rows(0, 1).await.unwrap().remove(0);
    let page = ok(&desk, "/desk/audit/entry/1").await;
    for text in [
        hex::encode(row.commitment),
        hex::encode(row.leaf_hash),
        hex::encode(before.leaf_hash),
        reference.to_string(),
        clerk().name().to_owned(),
        "2026-09-01T08:30:00Z".to_owned(),
        "/log/proof/1.tlog-proof".to_owned(),
        "milaf verify 1.tlog-proof --keys keys.json".to_owned(),
        "Aucun point de contrôle publié".to_owned(),
    ] {
        assert!(page.body.contains(&text), "{text} is not in {}", page.body);
    }
    let registered = ok(&desk, "/desk/audit/entry/0").await;
    for text in ["applicant.name", "T-4711/36", "aucune : c’est sa première inscription"] {
        assert!(registered.body.contains(text), "{text} is not in {}", registered.body);
    }
    desk.running.service.publish_checkpoint().await.unwrap();
    let covered = ok(&desk, "/desk/audit/entry/0").await;
    assert!(covered.body.contains("concordant") && covered.body.contains("personne pour l’instant"));
    for path in ["/desk/audit/entry/2", "/desk/audit/entry/x", "/desk/audit/entry/99999999999999999999"] {
        assert_eq!(desk.get(path).await.status, 404, "{path}");
    }
    desk.running.stop().await;
}

async fn an_erased_dossier_is_told_as_erased(premises: Premises) {
    let desk = auditor(&premises).await;
    let reference = desk.running.register().await.reference;
    desk.running.register().await;
    let told_by =
        desk.running.service.erase(&Actor::new("cli"), &reference, 2, &paragraph("Loi 09-08")).await.unwrap().told_by;
    assert_eq!(told_by, 4);
    let page = ok(&desk, &format!("/desk/audit?reference={reference}")).await;
    assert_eq!(indexes(&page), [4, 1, 0], "the dossier's own entries and the one that tells");
    assert_eq!(page.body.matches("Contenu effacé").count(), 2, "{}", page.body);
    assert!(page.body.contains("Données d’un dossier effacées"), "{}", page.body);
    let all = ok(&desk, "/desk/audit").await;
    assert_eq!(indexes(&all), [4, 3, 2, 1, 0]);
    let entry = ok(&desk, "/desk/audit/entry/0").await;
    for text in ["Contenu effacé", "/desk/audit/entry/4", "Loi 09-08", "toutes les preuves restent valables"] {
        assert!(entry.body.contains(text), "{text} is not in {}", entry.body);
    }
    let search = ok(&desk, "/desk/audit?kind=registered").await;
    assert_eq!(indexes(&search), [2]);
    assert!(search.body.contains("ne peut pas les trouver"), "{}", search.body);
    desk.running.stop().await;
}

async fn keys_and_checkpoints_tell_their_history(premises: Premises) {
    let mut desk = auditor(&premises).await;
    let begun = ok(&desk, "/desk/audit/keys").await;
    let (seal_key, log_key) = (SealKey::from_seed([0x22; 32]).public(), desk.running.service.log_vkey());
    let kid = hex::encode(&Sha256::digest(seal_key)[..4]);
    for text in ["Aucune clé n’a jamais", "dès l’origine", "en service", &kid, &log_key] {
        assert!(begun.body.contains(text), "{text} is not in {}", begun.body);
    }
    assert!(ok(&desk, "/desk/audit/checkpoints").await.body.contains("Aucun point de contrôle"));
    let store = desk.running.store.clone();
    desk.running.register().await;
    let at = desk.running.service.now();
    for (event, nonce) in [
        (
            LogEvent::KeyRotated {
                purpose: KeyPurpose::Seal,
                number: 1,
                key: [0xab; 32],
                from_ms: at.as_millisecond() + 60_000,
                previous: seal_key,
            },
            [1; 32],
        ),
        (
            LogEvent::KeyRevoked {
                purpose: KeyPurpose::Seal,
                number: 0,
                since_ms: at.as_millisecond(),
                reason: "Serveur volé".to_owned(),
            },
            [2; 32],
        ),
    ] {
        let new = NewLogEvent { event, at, actor: "cli".to_owned(), nonce, rebind: None, reserve: Vec::new() };
        store.append_log_event(new).await.unwrap();
    }
    desk.running.service.refresh_keys().await.unwrap();
    let keys = ok(&desk, "/desk/audit/keys").await;
    assert_eq!(indexes(&keys), [3, 2], "the newest first");
    let (lives, changes) = keys.body.split_once("Changements").unwrap();
    for text in ["abababababababab…", "Serveur volé", "sceau", "Clé révoquée"] {
        assert!(changes.contains(text), "{text} is not in {changes}");
    }
    let first = lives.split("<tr>").find(|row| row.contains(&kid)).unwrap();
    for text in ["révoquée", "Serveur volé", "dès l’origine", "01/09/2026"] {
        assert!(first.contains(text), "{text} is not in {first}");
    }
    let second = hex::encode(&Sha256::digest([0xab; 32])[..4]);
    let second = lives.split("<tr>").find(|row| row.contains(&second)).unwrap();
    assert!(second.contains("à venir") && !second.contains("Serveur volé"), "{second}");
    assert!(lives.contains("ne quitte jamais le serveur"), "nothing of a token key is shown: {lives}");
    assert_eq!(indexes(&ok(&desk, "/desk/audit?reference=LOG").await), [3, 2]);
    cosigned_checkpoints(&mut desk).await;
    desk.running.stop().await;
}

/// Two checkpoints, of which the older satisfies the policy.
async fn cosigned_checkpoints(desk: &mut Desk) {
    let (store, service) = (desk.running.store.clone(), desk.running.service.clone());
    service.publish_checkpoint().await.unwrap();
    let note = store.checkpoint_of(4).await.unwrap().unwrap().note;
    let text = format!("{}\n", note.split_once("\n\n").unwrap().0);
    let witness = CosignatureSigner::new("witness.example/tribunal", [0x77; 32]).unwrap();
    let at = service.now().as_second();
    let line = witness.sign(&text, at.unsigned_abs()).unwrap().trim_end().to_owned();
    let kept_as = format!("witness.example/tribunal+{}", hex::encode(witness.verifier().key_id()));
    let row = CosignatureRow { size: 4, witness: kept_as, line, at, received_at: service.now() };
    store.keep_cosignature(row).await.unwrap();
    desk.running.register().await;
    desk.running.days_pass(1);
    service.publish_checkpoint().await.unwrap();
    back(desk).await;

    let page = ok(desk, "/desk/audit/checkpoints").await;
    let (newer, older) = page.body.split_once(">4<").unwrap();
    assert!(newer.contains(">6<") && newer.contains("personne pour l’instant"), "{newer}");
    assert!(older.contains("witness.example/tribunal<") && older.contains("concordant"), "{older}");
    assert_eq!(page.body.matches("concordant").count(), 2);
    assert!(!page.body.contains("quorum"), "without a policy nothing is asked for: {}", page.body);
    let root = hex::encode(&store.head_at(4).await.unwrap().unwrap().root[..8]);
    assert!(older.contains(&root));

    let policy = format!("witness tribunal {}\nquorum tribunal\n", witness.verifier());
    service.use_policy(Arc::new(Policy::parse(policy.as_bytes()).unwrap())).await.unwrap();
    let page = ok(desk, "/desk/audit/checkpoints").await;
    let (newer, older) = page.body.split_once(">4<").unwrap();
    assert!(newer.contains("n’est pas encore atteint"), "{newer}");
    assert!(older.contains("est atteint") && older.contains(">tribunal<"), "{older}");
    assert!(ok(desk, "/desk/audit/entry/1").await.body.contains("est atteint"));
}

/// A search that finds nothing in a long log answers soon, and says where it stopped.
async fn a_long_search_says_how_far_it_came(premises: Premises) {
    let desk = auditor(&premises).await;
    let store = &desk.running.store;
    let reference = desk.running.register().await.reference;
    let (service, manager) = (&desk.running.service, Actor::staff("nadia", Role::Manager));
    let at = service.now();
    let mut waiting = tokio::task::JoinSet::new();
    for number in 0..20_500_u64 {
        let event = LogEvent::KeyRevoked {
            purpose: KeyPurpose::Token,
            number: 0,
            since_ms: 0,
            reason: format!("Essai {number}"),
        };
        let mut nonce = [0; 32];
        nonce[..8].copy_from_slice(&number.to_be_bytes());
        let new = NewLogEvent { event, at, actor: "cli".to_owned(), nonce, rebind: None, reserve: Vec::new() };
        let store = store.clone();
        waiting.spawn(async move { store.append_log_event(new).await.unwrap() });
    }
    waiting.join_all().await;
    let filter = JournalFilter { kind: Some("registered".to_owned()), ..JournalFilter::default() };
    let found = service.journal(&manager, &filter, None, 50).await.unwrap();
    assert_eq!((found.entries.len(), found.rest), (0, Rest::LookedBackTo { before: 502 }));
    let page = ok(&desk, "/desk/audit?kind=registered").await;
    assert!(page.body.contains("502") && page.body.contains("Continuer la recherche"), "{}", page.body);
    let rest = ok(&desk, &next(&page).unwrap()).await;
    assert_eq!(indexes(&rest), [0]);
    assert!(rest.body.contains(&reference.to_string()));
    let clerk = Actor::staff("omar", Role::Desk);
    assert_eq!(service.journal(&clerk, &filter, None, 50).await, Err(Failure::NotAllowed));
    desk.running.stop().await;
}
