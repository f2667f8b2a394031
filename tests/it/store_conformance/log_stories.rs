//! Stories of what is written to the log.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use milaf::{
    dossier::{Correction, DocumentCode, Event, Outcome, Paragraph, PublicState, Reference},
    store::{NewLogEvent, NumberSeries, Rebind, StoreError, TreeHead},
    tlog::{LogEvent, NodeRange, PathPlan},
};
use tokio::task::JoinSet;

use super::fixture::{Case, Ground, applicant, audit, civil, day, next, position, receipt_id, unique, wish};

fn unknown() -> Reference {
    "NRU-2026-000099".parse().unwrap()
}

fn paragraph(text: &str) -> Paragraph {
    Paragraph::new(text).unwrap()
}

fn decided() -> Event {
    let outcome = Outcome::Favourable;
    Event::Decided { position: position("opinion", PublicState::Decided), outcome, reservations: None }
}

fn entered() -> Event {
    Event::StepEntered { position: position("review", PublicState::InReview) }
}

pub(crate) async fn an_empty_log_has_a_head(ground: Ground) {
    let store = ground.store();
    assert_eq!(audit(&*store).await, 0);
    assert_eq!(store.events(&unknown()).await, Ok(vec![]));
    assert_eq!(store.row(&unknown()).await, Ok(None));
    assert_eq!(store.receipts(&unknown()).await, Ok(vec![]));
    assert_eq!(store.receipt(receipt_id()).await, Ok(None));
    assert_eq!(store.leaf_hashes(u64::MAX, 10).await, Ok(vec![]));
    assert_eq!(store.log_rows(u64::MAX, 10).await, Ok(vec![]));
}

/// Sixteen clerks at once, each of whom also tries to issue a receipt that exists: the number, the leaves and the row that
/// such a job has already written must go with it, and the others of its batch must stay.
pub(crate) async fn numbers_have_no_gaps_while_some_fail(ground: Ground) {
    let store = ground.store();
    let taken = receipt_id();
    store.register(Case::default().with_receipt(taken)).await.unwrap();
    let mut clerks = JoinSet::new();
    for clerk in 0..16_usize {
        let store = store.clone();
        clerks.spawn(async move {
            for turn in 0..12 {
                let case = Case { procedure: ["NRU", "PC"][(clerk + turn) % 2], ..Case::default() };
                if turn % 3 == 2 {
                    let refused = store.register(case.with_receipt(taken)).await;
                    assert!(matches!(refused, Err(StoreError::Inconsistent(_))), "{refused:?}");
                } else {
                    let appended = store.register(case.new_dossier()).await.unwrap();
                    assert_eq!((appended.version, appended.receipts.len(), appended.replayed), (2, 1, false));
                    let receipt = &appended.receipts[0];
                    assert_eq!(receipt.leaf_index, appended.first_leaf + 1);
                    assert_eq!((receipt.tree_size, receipt.root), (appended.head.size, appended.head.root));
                    assert_eq!(
                        store.row(&appended.reference).await.unwrap().unwrap().version,
                        2,
                        "acknowledged, so seen"
                    );
                }
            }
        });
    }
    while let Some(clerk) = clerks.join_next().await {
        clerk.unwrap();
    }
    assert_eq!(audit(&*store).await, 1 + 16 * 8);
    assert_eq!(store.head().await.unwrap().size, 2 * (1 + 16 * 8));
}

pub(crate) async fn of_two_writes_on_one_version_one_wins(ground: Ground) {
    let store = ground.store();
    let reference = store.register(Case::default().new_dossier()).await.unwrap().reference;
    for round in 0..10 {
        let one = next(&*store, &reference, vec![entered()], day(1)).await;
        let (mut other, before) = (one.clone(), one.expected_version);
        other.events[0].nonce = [round; 32];
        let (first, second) = tokio::join!(store.append(one), store.append(other));
        let outcomes = [first, second];
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1, "{outcomes:?}");
        assert!(outcomes.contains(&Err(StoreError::Conflict { current: before + 1 })), "{outcomes:?}");
    }
    let mut lost = next(&*store, &reference, vec![entered()], day(1)).await;
    lost.reference = unknown();
    lost.after.reference = unknown();
    assert_eq!(store.append(lost).await, Err(StoreError::UnknownDossier));
    assert_eq!(audit(&*store).await, 1);
    assert_eq!(store.row(&reference).await.unwrap().unwrap().version, 12);
}

pub(crate) async fn a_wish_is_granted_once(ground: Ground) {
    let store = ground.store();
    let mut new = Case::default().new_dossier();
    new.idempotency = Some(wish("form-1", 1));
    let first = store.register(new.clone()).await.unwrap();
    store.register(Case::default().new_dossier()).await.unwrap();

    let mut append = next(&*store, &first.reference, vec![entered(), decided()], day(2)).await;
    append.idempotency = Some(wish("step-1", 1));
    let moved = store.append(append.clone()).await.unwrap();
    let later =
        next(&*store, &first.reference, vec![Event::Ready { position: position("out", PublicState::Ready) }], day(3));
    store.append(later.await).await.unwrap();

    store.close().await;
    let store = ground.store();
    let mut expected = first.clone();
    expected.replayed = true;
    assert_eq!(
        store.register(new.clone()).await.as_ref(),
        Ok(&expected),
        "the first outcome, though the dossier went on"
    );
    let mut expected = moved.clone();
    expected.replayed = true;
    assert_eq!(store.append(append.clone()).await.as_ref(), Ok(&expected), "not a conflict");

    for (register_key, append_key, fingerprint) in [("form-1", "step-1", 2), ("step-1", "form-1", 3)] {
        new.idempotency = Some(wish(register_key, fingerprint));
        append.idempotency = Some(wish(append_key, fingerprint));
        assert_eq!(store.register(new.clone()).await, Err(StoreError::IdempotencyMismatch));
        assert_eq!(store.append(append.clone()).await, Err(StoreError::IdempotencyMismatch));
    }
    assert_eq!(audit(&*store).await, 2);
}

/// A failed job must not use up its key; a granted one must, even for those that wait in the same batch.
pub(crate) async fn a_wish_sent_at_once_is_granted_once(ground: Ground) {
    let store = ground.store();
    let taken = receipt_id();
    store.register(Case::default().with_receipt(taken)).await.unwrap();
    for round in 0..5 {
        let key = format!("form-{round}");
        let mut bad = Case::default().with_receipt(taken);
        bad.idempotency = Some(wish(&key, 1));
        assert!(matches!(store.register(bad).await, Err(StoreError::Inconsistent(_))));
        let mut presses = JoinSet::new();
        for _ in 0..16 {
            let (store, key) = (store.clone(), key.clone());
            presses.spawn(async move {
                let mut new = Case::default().new_dossier();
                new.idempotency = Some(wish(&key, 1));
                store.register(new).await.unwrap()
            });
        }
        let mut outcomes = presses.join_all().await;
        outcomes.sort_by_key(|appended| appended.replayed);
        let mut first = outcomes.remove(0);
        assert!(!first.replayed);
        first.replayed = true;
        assert!(outcomes.iter().all(|appended| *appended == first), "{outcomes:?}");
    }
    assert_eq!(audit(&*store).await, 1 + 5);
}

pub(crate) async fn the_row_follows_the_fold(ground: Ground) {
    let store = ground.store();
    let case = Case { parcel: Some("T-1234/56"), phone: Some("0612345678"), ..Case::default() };
    let reference = store.register(case.new_dossier()).await.unwrap().reference;
    let documents: Vec<DocumentCode> = vec!["site_plan".parse().unwrap()];
    let asked = position("asked", PublicState::Incomplete);
    let reason = paragraph("خطأ في الإدخال");
    let corrected = |correction| Event::Corrected { correction, reason: reason.clone() };
    let life = [
        vec![entered()],
        vec![Event::ComplementRequested { position: asked, documents: documents.clone(), message: None }],
        vec![Event::ComplementReceived { documents, position: Some(position("review", PublicState::InReview)) }],
        vec![
            corrected(Correction::Applicant(applicant("Société Atlas Bâtiment"))),
            corrected(Correction::Parcel(None)),
        ],
        vec![corrected(Correction::Office("TAN-TAN".parse().unwrap()))],
        vec![decided()],
        vec![Event::Ready { position: position("out", PublicState::Ready) }],
        vec![Event::Collected { position: position("gone", PublicState::Collected), by: None }],
    ];
    for (events, offset) in life.into_iter().zip(1..) {
        let expected_version = store.row(&reference).await.unwrap().unwrap().version;
        let count = u32::try_from(events.len()).unwrap();
        let appended = store.append(next(&*store, &reference, events, day(offset)).await).await.unwrap();
        assert_eq!(appended.version, expected_version + count);
        assert_eq!(appended.receipts, []);
        assert_eq!(appended.first_leaf + u64::from(count), appended.head.size);
        let row = store.row(&reference).await.unwrap().unwrap();
        assert_eq!((row.due_on, row.version), (Some(civil(day(offset))), appended.version));
        assert_eq!(audit(&*store).await, 1);
    }
    let row = store.row(&reference).await.unwrap().unwrap();
    assert_eq!((row.applicant.as_str(), row.parcel, row.office.as_str()), ("Société Atlas Bâtiment", None, "TAN-TAN"));
}

pub(crate) async fn receipts_are_reprinted_and_replaced(ground: Ground) {
    let store = ground.store();
    let first = store.register(Case::default().new_dossier()).await.unwrap();
    let (reference, old) = (first.reference, first.receipts[0].id);
    for copy in 1..=3 {
        let reprint = Event::ReceiptReprinted { receipt: old, copy };
        store.append(next(&*store, &reference, vec![reprint], day(1)).await).await.unwrap();
        assert_eq!(store.receipt(old).await.unwrap().unwrap().copies, copy);
    }
    let new = receipt_id();
    let replace = vec![
        Event::ReceiptReplaced { receipt: old, reason: paragraph("ضاع") },
        Event::ReceiptIssued { receipt: new, key_id: 4 },
    ];
    let replaced = store.append(next(&*store, &reference, replace, day(2)).await).await.unwrap();
    assert_eq!(replaced.receipts, [store.receipt(new).await.unwrap().unwrap()]);
    assert_eq!(store.receipt(new).await.unwrap().unwrap().replaced_at, None);
    let kept = store.receipt(old).await.unwrap().unwrap();
    assert_eq!((kept.replaced_at, kept.copies), (Some(day(2)), 3));
    assert_eq!(
        (kept.seal, kept.tree_size),
        (first.receipts[0].seal.clone(), first.receipts[0].tree_size),
        "on paper already"
    );
    assert_eq!(audit(&*store).await, 1);
}

pub(crate) async fn the_log_goes_on_after_a_restart(ground: Ground) {
    let mut references = Vec::new();
    for round in 0..4 {
        let store = ground.store();
        assert_eq!(audit(&*store).await, references.len());
        for _ in 0..3 {
            references.push(store.register(Case::default().new_dossier()).await.unwrap().reference);
        }
        let head = store.head().await.unwrap();
        if round % 2 == 0 {
            store.close().await;
            store.close().await;
            let late = store.register(Case::default().new_dossier()).await;
            assert!(matches!(late, Err(StoreError::Unavailable(_))), "{late:?}");
        }
        drop(store);
        assert_eq!(ground.store().head().await, Ok(head));
    }
    assert_eq!(references.last().unwrap().number(), 12);
}

/// As a command line beside a running server.
pub(crate) async fn two_handles_share_one_database(ground: Ground) {
    let stores = [ground.store(), ground.store()];
    let reference = stores[0].register(Case::default().new_dossier()).await.unwrap().reference;
    let mut clerks = JoinSet::new();
    for clerk in 0..8_usize {
        let (mine, theirs) = (stores[clerk % 2].clone(), stores[(clerk + 1) % 2].clone());
        let shared = reference.clone();
        clerks.spawn(async move {
            let mut moved = 0;
            for _ in 0..10 {
                let appended = mine.register(Case::default().new_dossier()).await.unwrap();
                let there = theirs.receipts(&appended.reference).await.unwrap();
                assert_eq!(there, appended.receipts, "acknowledged here, so seen there");
                match mine.append(next(&*theirs, &shared, vec![entered()], day(1)).await).await {
                    Ok(_) => moved += 1,
                    Err(StoreError::Conflict { .. }) => {}
                    Err(error) => panic!("{error}"),
                }
            }
            moved
        });
    }
    let moved: u32 = clerks.join_all().await.into_iter().sum();
    assert!(moved > 0);
    for store in &stores {
        assert_eq!(audit(&**store).await, 1 + 80);
        assert_eq!(store.row(&reference).await.unwrap().unwrap().version, 2 + moved);
    }
}

pub(crate) async fn a_contradiction_writes_nothing(ground: Ground) {
    let store = ground.store();
    let mine = store.register(Case::default().new_dossier()).await.unwrap();
    let other = store.register(Case::default().new_dossier()).await.unwrap();
    let head: TreeHead = store.head().await.unwrap();

    let good = Case::default().new_dossier();
    let mut without_events = good.clone();
    without_events.events.clear();
    without_events.after.version = 0;
    let mut another_version = good.clone();
    another_version.after.version += 1;
    let mut long_key = good.clone();
    long_key.idempotency = Some(wish(&"ⵣ".repeat(22), 1));
    let mut impossible_year = good.clone();
    impossible_year.year = 999;
    let mut receipt_twice = good.clone();
    receipt_twice.events.push(receipt_twice.events[1].clone());
    receipt_twice.after.version += 1;
    let mut unknown_key = good.clone();
    unknown_key.events[1].event = Event::ReceiptIssued { receipt: receipt_id(), key_id: 16 };
    for bad in [unknown_key, without_events, another_version, long_key, impossible_year, receipt_twice] {
        let outcome = store.register(bad).await;
        assert!(matches!(outcome, Err(StoreError::Inconsistent(_))), "{outcome:?}");
    }

    let good = next(&*store, &mine.reference, vec![entered()], day(1)).await;
    let mut another_dossier = good.clone();
    another_dossier.after.reference = other.reference.clone();
    let mut foreign_receipt = good.clone();
    foreign_receipt.after.receipts[0].id = other.receipts[0].id;
    let mut unissued_receipt = good.clone();
    unissued_receipt.after.receipts[0].id = receipt_id();
    for bad in [another_dossier, foreign_receipt, unissued_receipt] {
        let outcome = store.append(bad).await;
        assert!(matches!(outcome, Err(StoreError::Inconsistent(_))), "{outcome:?}");
    }

    assert_eq!(store.head().await, Ok(head));
    assert_eq!(audit(&*store).await, 2);
    store.append(good).await.unwrap();
    let third = store.register(Case::default().new_dossier()).await.unwrap();
    assert_eq!(third.reference.number(), 3, "the refused ones have taken no number");
}

/// What stands on papers whose entries are lost must not be given to others.
pub(crate) async fn reserved_numbers_are_left_out(ground: Ground) {
    let store = ground.store();
    assert_eq!(store.numbers().await, Ok(vec![]));
    let register = async |procedure: &'static str| {
        let case = Case { procedure, ..Case::default() };
        store.register(case.new_dossier()).await.unwrap().reference
    };
    for _ in 0..3 {
        register("NRU").await;
    }
    let year = register("REQ").await.year();
    let series = |procedure: &str, last| NumberSeries { procedure: procedure.parse().unwrap(), year, last };
    let reserve = async |reserve: Vec<NumberSeries>| {
        let numbers = reserve.iter().map(|series| (format!("{}-{year}", series.procedure), series.last)).collect();
        let event = LogEvent::RollbackAccepted { lost: "note".to_owned(), reason: "lost".to_owned(), numbers };
        let (at, actor, nonce) = (day(1), "admin".to_owned(), unique());
        store.append_log_event(NewLogEvent { event, at, actor, nonce, rebind: None, reserve }).await
    };
    reserve(vec![series("NRU", 10), series("PC", 20), series("REQ", 1)]).await.unwrap();
    reserve(vec![series("NRU", 5)]).await.unwrap();
    let head = store.head().await.unwrap();
    for bad in [0, Reference::MAX_NUMBER + 1] {
        let refused = reserve(vec![series("PC", 30), series("REQ", bad)]).await;
        assert!(matches!(refused, Err(StoreError::Inconsistent(_))), "{refused:?}");
    }
    assert_eq!(store.head().await, Ok(head), "a refused reservation writes nothing");
    assert_eq!(store.numbers().await, Ok(vec![series("NRU", 10), series("PC", 20), series("REQ", 1)]));
    let mut given = Vec::new();
    for procedure in ["NRU", "PC", "REQ", "NRU"] {
        given.push(register(procedure).await.number());
    }
    assert_eq!(given, [11, 21, 2, 12]);
    reserve(vec![series("PC", Reference::MAX_NUMBER)]).await.unwrap();
    let full = store.register(Case { procedure: "PC", ..Case::default() }.new_dossier()).await;
    assert_eq!(full, Err(StoreError::NumbersExhausted));
    assert_eq!(audit(&*store).await, 8);
}

pub(crate) async fn the_log_has_events_of_its_own(ground: Ground) {
    let store = ground.store();
    assert_eq!(store.log_events().await, Ok(vec![]));
    assert_eq!(store.bind_identity("keys A").await, Ok("keys A".to_owned()));
    let event = |number: u8, rebind: Option<(&str, &str)>| NewLogEvent {
        event: LogEvent::RollbackAccepted {
            lost: format!("note {number}"),
            reason: "the disk was lost".to_owned(),
            numbers: [("PC-2026".to_owned(), 7), ("NRU-2026".to_owned(), u32::from(number))].into(),
        },
        at: day(i64::from(number)),
        actor: "admin".to_owned(),
        nonce: unique(),
        rebind: rebind.map(|(from, to)| Rebind { from: from.to_owned(), to: to.to_owned() }),
        reserve: Vec::new(),
    };
    store.register(Case::default().new_dossier()).await.unwrap();
    let size = store.head().await.unwrap().size;
    assert_eq!(store.append_log_event(event(1, None)).await, Ok(size));
    store.register(Case::default().new_dossier()).await.unwrap();
    let wrong = store.append_log_event(event(2, Some(("keys B", "keys C")))).await;
    assert!(matches!(wrong, Err(StoreError::Inconsistent(_))), "{wrong:?}");
    let second = store.append_log_event(event(3, Some(("keys A", "keys B")))).await.unwrap();
    assert_eq!(
        store.bind_identity("keys A").await,
        Ok("keys B".to_owned()),
        "rebound with the event, and with no other"
    );

    store.close().await;
    let store = ground.store();
    let told = store.log_events().await.unwrap();
    assert_eq!(told.iter().map(|event| event.leaf_index).collect::<Vec<_>>(), [size, second]);
    assert_eq!((told[1].at, told[1].actor.as_str()), (day(3), "admin"));
    assert_eq!(told[1].event, event(3, None).event);
    let row = store.log_rows(second, 1).await.unwrap().remove(0);
    assert_eq!((row.reference.as_ref(), row.index), (None, second));
    assert_eq!(audit(&*store).await, 2);
}

/// A batch at a time and several at once; the audit looks at every node.
pub(crate) async fn nodes_are_given_as_far_as_they_are_there(ground: Ground) {
    let store = ground.store();
    let range = |level, from, count| NodeRange { level, from, count };
    assert_eq!(store.nodes(&[]).await, Ok(vec![]));
    assert_eq!(store.nodes(&[range(0, 0, 9), range(4, 0, 9)]).await, Ok(vec![vec![], vec![]]));
    let mut clerks = JoinSet::new();
    for _ in 0..20 {
        let store = store.clone();
        clerks.spawn(async move { store.register(Case::default().new_dossier()).await.map(drop) });
    }
    while let Some(clerk) = clerks.join_next().await {
        clerk.unwrap().unwrap();
    }
    assert_eq!(audit(&*store).await, 20);
    let size = store.head().await.unwrap().size;
    let asked = [
        range(4, 1, 1),
        range(0, size - 1, 5),
        range(4, 0, 100),
        range(8, 0, 1),
        range(5, 0, 9),
        range(4, u64::MAX, 2),
        range(0, u64::MAX, 2),
        range(4, 0, 0),
        range(4, 1, 1),
    ];
    let given = store.nodes(&asked).await.unwrap();
    let whole = usize::try_from(size / 16).unwrap();
    assert_eq!(given.iter().map(Vec::len).collect::<Vec<_>>(), [1, 1, whole, 0, 0, 0, 0, 0, 1]);
    assert_eq!((given[0][0], given[8][0]), (given[2][1], given[2][1]), "one range twice");

    store.close().await;
    let store = ground.store();
    store.register(Case::default().new_dossier()).await.unwrap();
    let plan = PathPlan::inclusion(size + 2, 17).unwrap();
    assert!(plan.path(&store.nodes(plan.ranges()).await.unwrap()).is_ok(), "the log goes on after a restart");
    assert_eq!(audit(&*store).await, 21);
}
