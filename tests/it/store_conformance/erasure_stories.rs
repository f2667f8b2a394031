//! Stories of erasing what a dossier says of people.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use milaf::{
    dossier::{Event, PublicState, Reference, search_key},
    store::{DuplicateProbe, Erasure, Store, StoreError},
    tlog::LogEvent,
};

use super::fixture::{Case, Ground, audit, day, next, position, unique, wish};

fn erasure(reference: &Reference, expected_version: u32) -> Erasure {
    Erasure {
        reference: reference.clone(),
        expected_version,
        reason: "asked for under law 09-08".to_owned(),
        at: day(9),
        actor: "cli".to_owned(),
        nonce: unique(),
    }
}

fn case() -> Case {
    Case {
        applicant: "Zoé Élan",
        phone: Some("0612345678"),
        parcel: Some("T 12/34"),
        identity: Some([1; 32]),
        ..Case::default()
    }
}

fn entered() -> Event {
    Event::StepEntered { position: position("review", PublicState::InReview) }
}

/// What an erasure's own event says.
async fn told(store: &dyn Store, leaf: u64) -> (String, Vec<u64>) {
    let event = store.log_events().await.unwrap().into_iter().find(|event| event.leaf_index == leaf).unwrap();
    match event.event {
        LogEvent::Erased { reference, leaves, reason } => {
            assert_eq!((reason.as_str(), event.actor.as_str(), event.at), ("asked for under law 09-08", "cli", day(9)));
            (reference, leaves)
        }
        other => panic!("entry {leaf} is {}", other.kind()),
    }
}

pub(crate) async fn an_erasure_is_told_and_nothing_follows(ground: Ground) {
    let store = ground.store();
    let other = store.register(Case { applicant: "Omar Tazi", ..case() }.new_dossier()).await.unwrap().reference;
    let mut new = case().new_dossier();
    new.idempotency = Some(wish("form", 1));
    let registered = store.register(new.clone()).await.unwrap();
    let reference = &registered.reference;
    let append = next(&*store, reference, vec![entered()], day(1)).await;
    assert_eq!(store.append(append).await.unwrap().version, 3);
    let stale = next(&*store, reference, vec![entered()], day(2)).await;
    let receipts = store.receipts(reference).await.unwrap();

    let unknown: Reference = "NRU-2026-000099".parse().unwrap();
    assert_eq!(store.erase(erasure(&unknown, 3)).await, Err(StoreError::UnknownDossier));
    assert_eq!(store.erase(erasure(reference, 2)).await, Err(StoreError::Conflict { current: 3 }));
    assert_eq!(store.row(reference).await.unwrap().unwrap().erased_by, None, "a refused erasure leaves no trace");

    let erased = store.erase(erasure(reference, 3)).await.unwrap();
    assert_eq!(erased.told_by, 5);
    assert_eq!(told(&*store, 5).await, (reference.to_string(), vec![2, 3, 4]));
    assert_eq!(store.erase(erasure(reference, 3)).await, Err(StoreError::Erased));
    assert_eq!(store.append(stale).await, Err(StoreError::Erased));
    assert_eq!(store.head().await.unwrap().size, 6);

    let row = store.row(reference).await.unwrap().unwrap();
    assert_eq!((row.applicant.as_str(), row.parcel.as_deref(), row.erased_by), ("", None, Some(5)));
    assert_eq!((row.version, row.position.state), (3, PublicState::InReview), "what says nothing of a person stays");
    assert_eq!(store.latest(1, None).await.unwrap(), vec![row]);
    assert_eq!(store.events(reference).await, Ok(vec![]));
    assert_eq!(store.receipts(reference).await.unwrap(), receipts, "receipts and their seals stay");
    for probe in [
        DuplicateProbe { identity_hash: Some([1; 32]), ..DuplicateProbe::default() },
        DuplicateProbe { phone: Some("+212612345678".to_owned()), ..DuplicateProbe::default() },
        DuplicateProbe {
            name_and_parcel: Some((search_key("Omar Tazi"), search_key("T 12/34"))),
            ..DuplicateProbe::default()
        },
    ] {
        let found = store.possible_duplicates(&probe).await.unwrap();
        assert_eq!(found.iter().map(|row| &row.reference).collect::<Vec<_>>(), [&other]);
    }
    let replayed = store.register(new).await.unwrap();
    assert_eq!((replayed.replayed, &replayed.reference), (true, reference), "the form makes no second dossier");
    assert_eq!(audit(&*store).await, 2);

    // The rest of the log goes on.
    let append = next(&*store, &other, vec![entered()], day(10)).await;
    assert_eq!(store.append(append).await.unwrap().first_leaf, 6);
    assert_eq!(store.erase(erasure(&other, 3)).await.unwrap().told_by, 7);
    assert_eq!(told(&*store, 7).await, (other.to_string(), vec![0, 1, 6]));
    assert_eq!(audit(&*store).await, 2);
}

/// Whoever comes first, nothing is left that was not named, and nothing is named that is left.
pub(crate) async fn an_erasure_and_an_append_at_once(ground: Ground) {
    let stores = [ground.store(), ground.store()];
    let store = &stores[0];
    let (mut erased, mut refused) = (0, 0);
    for turn in 0..24_usize {
        let reference = store.register(case().new_dossier()).await.unwrap().reference;
        let append = next(&**store, &reference, vec![entered()], day(1)).await;
        // Half of them were decided on before the append, half of them after it.
        let version = 2 + u32::from(turn % 4 < 2);
        let (appended, outcome) =
            tokio::join!(store.append(append), stores[turn % 2].erase(erasure(&reference, version)));
        let left = store.events(&reference).await.unwrap().len();
        match outcome {
            Ok(done) => {
                erased += 1;
                let (_, leaves) = told(&**store, done.told_by).await;
                assert_eq!((left, leaves.len()), (0, version as usize));
                let expected = if version == 2 { Err(StoreError::Erased) } else { Ok(3) };
                assert_eq!(appended.map(|appended| appended.version), expected);
            }
            Err(StoreError::Conflict { current }) => {
                refused += 1;
                assert_eq!(left, appended.unwrap().version as usize);
                assert!(current == 5 - version, "decided on at {version}, found {current}");
            }
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!(erased + refused, 24);
    assert_eq!(audit(&**store).await, 24);
}
