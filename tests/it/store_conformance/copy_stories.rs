//! Stories of the two ends of a copy, for each database as source and as target.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::{path::Path, sync::Arc};

use jiff::SignedDuration;
use milaf::{
    dossier::{Event, PublicState, Role},
    store::{
        Account, AttemptLimit, AttemptVerdict, CheckpointRow, Chunk, CosignatureRow, Custody, Mark, NewLogEvent,
        NewSession, NumberSeries, Portable, PortableErasure, Sealer, StoreError,
    },
    tlog::{Frontier, LogEvent},
};

use super::fixture::{Case, audit, day, next, position, sealer, unique, wish};

/// How a backend opens the database at a path, making it when there is none.
pub(crate) type Open = fn(&Path, Sealer) -> Arc<dyn Portable>;

/// A place for the databases of one story.
pub(crate) struct Ground {
    folder: tempfile::TempDir,
    open: Open,
}

impl Ground {
    pub(crate) fn new(open: Open) -> Self {
        Self { folder: tempfile::tempdir().unwrap(), open }
    }

    fn store(&self, name: &str) -> Arc<dyn Portable> {
        (self.open)(&self.folder.path().join(name), sealer())
    }
}

fn mark(id: &str) -> Mark {
    Mark { id: id.to_owned(), other: "sqlite:/a place with spaces/milaf.db".to_owned() }
}

fn entered() -> Event {
    Event::StepEntered { position: position("study", PublicState::InReview) }
}

/// Something of everything that crosses.
async fn furnish(store: &dyn Portable) {
    store.bind_identity("keys A").await.unwrap();
    let case = Case { phone: Some("0612345678"), parcel: Some("T-47"), identity: Some([7; 32]), ..Case::default() };
    for number in 0..5 {
        let mut new = case.new_dossier();
        new.idempotency = Some(wish(&format!("form-{number}"), number));
        let reference = store.register(new).await.unwrap().reference;
        store.append(next(store, &reference, vec![entered()], day(1)).await).await.unwrap();
    }
    let series = NumberSeries { procedure: "PC".parse().unwrap(), year: 2026, last: 40 };
    let event = LogEvent::RollbackAccepted {
        lost: "note".to_owned(),
        reason: "lost".to_owned(),
        numbers: [("PC-2026".to_owned(), 40)].into(),
    };
    let (at, actor, nonce) = (day(1), "admin".to_owned(), unique());
    store.append_log_event(NewLogEvent { event, at, actor, nonce, rebind: None, reserve: vec![series] }).await.unwrap();
    store.keep_checkpoint(checkpoint(3)).await.unwrap();
    for witness in ["w.example", "é.example", "a.example"] {
        store.keep_cosignature(cosignature(witness)).await.unwrap();
    }
    store.create_account(account("salma")).await.unwrap();
    store.create_session(session("salma")).await.unwrap();
    let hour = SignedDuration::from_hours(1);
    store.charge_attempt([9; 32], day(1), AttemptLimit { tries: 1, window: hour, lock: hour }).await.unwrap();
}

fn checkpoint(size: u64) -> CheckpointRow {
    CheckpointRow { size, note: format!("a note of {size}\nin lines\n"), published_at: day(1) }
}

fn cosignature(witness: &str) -> CosignatureRow {
    let (witness, line) = (witness.to_owned(), format!("— {witness} AAAA"));
    CosignatureRow { size: 3, witness, line, at: 1, received_at: day(2) }
}

fn account(name: &str) -> Account {
    Account { name: name.to_owned(), password_hash: "$argon2".to_owned(), role: Role::Desk, created_at: day(0) }
}

fn session(account: &str) -> NewSession {
    NewSession { token_hash: unique(), account: account.to_owned(), created_at: day(1), expires_at: day(2) }
}

/// The source's chunks of at least this many leaves.
async fn chunks(source: &dyn Portable, at_least: u32) -> Vec<Chunk> {
    let mut chunks: Vec<Chunk> = Vec::new();
    loop {
        let chunk = source.chunk(chunks.last().map_or(0, Chunk::end), at_least).await.unwrap();
        if chunk.leaves.is_empty() {
            return chunks;
        }
        chunks.push(chunk);
    }
}

async fn copy_all(source: &dyn Portable, target: &dyn Portable, id: &str) {
    target.begin_copy(&mark(id), "keys A").await.unwrap();
    for chunk in chunks(source, 4).await {
        target.add_chunk(Arc::new(chunk)).await.unwrap();
    }
    target.add_wishes(source.wishes(None, 100).await.unwrap()).await.unwrap();
    target.add_checkpoints(source.checkpoints(0, 100).await.unwrap()).await.unwrap();
    let mut after = None;
    loop {
        let page = source.cosignatures_after(after, 2).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some((last.size, last.witness.clone()));
        target.add_cosignatures(page).await.unwrap();
    }
    target.put_remainder(Arc::new(source.remainder().await.unwrap())).await.unwrap();
}

pub(crate) async fn everything_crosses(ground: Ground) {
    let (source, target) = (ground.store("source"), ground.store("target"));
    furnish(&*source).await;
    copy_all(&*source, &*target, "1").await;
    assert_eq!(chunks(&*target, 3).await, chunks(&*source, 3).await);
    assert_eq!(target.remainder().await.unwrap(), source.remainder().await.unwrap());
    assert_eq!(target.totals().await.unwrap(), source.totals().await.unwrap());
    assert_eq!(target.wishes(Some("form-2"), 1).await.unwrap()[0].key, "form-3");
    assert_eq!(target.wishes(None, 9).await.unwrap(), source.wishes(None, 9).await.unwrap());
    assert_eq!(target.checkpoints(3, 9).await.unwrap(), vec![checkpoint(3)]);
    assert_eq!(target.checkpoints(4, 9).await.unwrap(), vec![]);
    let all = ["a.example", "w.example", "é.example"].map(cosignature).to_vec();
    assert_eq!(target.cosignatures_after(None, 9).await.unwrap(), all);
    assert_eq!(target.cosignatures_after(Some((3, "w.example".to_owned())), 9).await.unwrap(), all[2..]);
    assert_eq!(target.cosignatures(3).await.unwrap(), all);
    target.finish_copy("1").await.unwrap();
    assert_eq!(audit(&*target).await, 5);

    let sixth = target.register(Case::default().new_dossier()).await.unwrap();
    assert_eq!(sixth.reference.number(), 6, "numbers go on");
    let reserved = target.register(Case { procedure: "PC", ..Case::default() }.new_dossier()).await.unwrap();
    assert_eq!(reserved.reference.number(), 41, "those that were only reserved stay left out");
    let mut again = Case::default().new_dossier();
    again.idempotency = Some(wish("form-4", 4));
    assert!(target.register(again).await.unwrap().replayed, "a form sent again makes no second dossier");
    assert_eq!(audit(&*target).await, 7);
}

pub(crate) async fn chunks_end_where_batches_end(ground: Ground) {
    let source = ground.store("source");
    assert_eq!(source.chunk(0, 4).await.unwrap(), Chunk::default());
    furnish(&*source).await;
    let head = source.head().await.unwrap();
    for at_least in [0, 1, 3, 7, 1000] {
        let mut edge = Frontier::empty();
        for chunk in chunks(&*source, at_least.max(1)).await {
            assert_eq!(source.head_at(chunk.end()).await.unwrap().as_ref(), chunk.heads.last());
            edge = chunk.recompute(edge).unwrap();
        }
        assert_eq!((edge.size(), edge.root()), (head.size, head.root));
    }
    let beyond = source.chunk(head.size, 4).await.unwrap();
    assert!(beyond.leaves.is_empty() && beyond.heads.is_empty());
}

/// Whatever is wrong with a chunk, nothing of it is written.
pub(crate) async fn a_target_takes_only_what_follows(ground: Ground) {
    let (source, target) = (ground.store("source"), ground.store("target"));
    furnish(&*source).await;
    let all = chunks(&*source, 4).await;
    let refused = async |chunk: Chunk| {
        let outcome = target.add_chunk(Arc::new(chunk)).await;
        assert!(matches!(outcome, Err(StoreError::Inconsistent(_))), "{outcome:?}");
    };
    refused(all[0].clone()).await;
    target.begin_copy(&mark("1"), "keys A").await.unwrap();
    refused(all[1].clone()).await;
    let broken: [fn(&mut Chunk); 6] = [
        |chunk| chunk.leaves[1].leaf_hash[0] ^= 1,
        |chunk| chunk.leaves[1].commitment[0] ^= 1,
        |chunk| chunk.leaves[1].content.as_mut().unwrap().nonce[0] ^= 1,
        |chunk| chunk.heads.last_mut().unwrap().root[0] ^= 1,
        |chunk| chunk.heads.truncate(chunk.heads.len() - 1),
        |chunk| chunk.leaves.truncate(chunk.leaves.len() - 1),
    ];
    for spoil in broken {
        let mut chunk = all[0].clone();
        spoil(&mut chunk);
        refused(chunk).await;
    }
    assert_eq!(target.head().await.unwrap().size, 0);
    target.add_chunk(Arc::new(all[0].clone())).await.unwrap();
    refused(all[0].clone()).await;
    assert_eq!(target.head().await.unwrap().size, all[0].end());
    target.add_chunk(Arc::new(all[1].clone())).await.unwrap();
}

pub(crate) async fn an_unfinished_target_is_added_to_by_its_copy_only(ground: Ground) {
    let (source, target) = (ground.store("source"), ground.store("target"));
    furnish(&*source).await;
    copy_all(&*source, &*target, "1").await;
    assert_eq!(target.custody().await, Ok(Custody::Unfinished(mark("1"))));
    let outcome = target.register(Case::default().new_dossier()).await;
    assert!(matches!(outcome, Err(StoreError::Unavailable(_))), "{outcome:?}");
    let outcome = target.keep_checkpoint(checkpoint(4)).await;
    assert!(matches!(outcome, Err(StoreError::Unavailable(_))), "{outcome:?}");
    for outcome in
        [target.finish_copy("2").await, target.reopen_source("1").await, target.close_source(&mark("1")).await]
    {
        assert!(matches!(outcome, Err(StoreError::Inconsistent(_))), "{outcome:?}");
    }
    target.finish_copy("1").await.unwrap();
    assert_eq!(target.custody().await, Ok(Custody::InUse));
    let late = [
        target.finish_copy("1").await,
        target.begin_copy(&mark("2"), "keys A").await,
        target.add_wishes(Vec::new()).await,
        target.add_checkpoints(vec![checkpoint(5)]).await,
        target.add_cosignatures(vec![cosignature("late.example")]).await,
        target.put_remainder(Arc::new(source.remainder().await.unwrap())).await,
    ];
    for outcome in late {
        assert!(matches!(outcome, Err(StoreError::Inconsistent(_))), "{outcome:?}");
    }
    target.register(Case::default().new_dossier()).await.unwrap();
    assert_eq!(audit(&*target).await, 6);
}

/// Through every handle that is open on it, also one that was open before.
pub(crate) async fn a_closed_source_takes_nothing(ground: Ground) {
    let (source, other) = (ground.store("source"), ground.store("source"));
    furnish(&*source).await;
    let reference = source.latest(1, None).await.unwrap().remove(0).reference;
    let append = next(&*source, &reference, vec![entered()], day(3)).await;
    let (head, rows) = (source.head().await.unwrap(), source.totals().await.unwrap());
    source.close_source(&mark("1")).await.unwrap();
    source.close_source(&mark("1")).await.unwrap();
    let another = source.close_source(&mark("2")).await;
    assert!(matches!(another, Err(StoreError::Inconsistent(_))), "{another:?}");
    for store in [&source, &other] {
        assert_eq!(store.custody().await, Ok(Custody::Moved(mark("1"))));
        let outcome = store.register(Case::default().new_dossier()).await;
        assert!(matches!(&outcome, Err(StoreError::Unavailable(cause)) if cause.contains("a place with spaces")));
        let outcome = store.append(append.clone()).await;
        assert!(matches!(outcome, Err(StoreError::Unavailable(_))), "{outcome:?}");
        let outcome = store.keep_checkpoint(checkpoint(head.size)).await;
        assert!(matches!(outcome, Err(StoreError::Unavailable(_))), "{outcome:?}");
        let mut again = Case::default().new_dossier();
        again.idempotency = Some(wish("form-4", 4));
        assert!(store.register(again).await.unwrap().replayed, "what was granted before is still told");
    }
    assert_eq!((source.head().await.unwrap(), source.totals().await.unwrap()), (head, rows));
    let wrong = source.reopen_source("2").await;
    assert!(matches!(wrong, Err(StoreError::Inconsistent(_))), "{wrong:?}");
    source.reopen_source("1").await.unwrap();
    other.append(append).await.unwrap();
    assert_eq!(audit(&*other).await, 5);
}

/// A database that holds an office is never made the target of a copy, unless the office has left it.
pub(crate) async fn only_an_empty_database_or_one_that_was_left_is_a_target(ground: Ground) {
    let holding = ground.store("holding");
    furnish(&*holding).await;
    let bound = ground.store("bound");
    bound.bind_identity("keys B").await.unwrap();
    let peopled = ground.store("peopled");
    peopled.create_account(account("salma")).await.unwrap();
    for store in [&holding, &bound, &peopled] {
        let rows = store.totals().await.unwrap();
        let outcome = store.begin_copy(&mark("1"), "keys A").await;
        assert!(matches!(outcome, Err(StoreError::Inconsistent(_))), "{outcome:?}");
        assert_eq!((store.custody().await, store.totals().await.unwrap()), (Ok(Custody::InUse), rows));
    }
    let target = ground.store("target");
    copy_all(&*holding, &*target, "1").await;
    holding.close_source(&mark("1")).await.unwrap();
    target.finish_copy("1").await.unwrap();
    target.create_account(account("karim")).await.unwrap();
    target.register(Case::default().new_dossier()).await.unwrap();

    let size = holding.head().await.unwrap().size;
    holding.begin_copy(&mark("2"), "keys A").await.unwrap();
    holding.add_chunk(Arc::new(target.chunk(size, 100).await.unwrap())).await.unwrap();
    holding.put_remainder(Arc::new(target.remainder().await.unwrap())).await.unwrap();
    holding.finish_copy("2").await.unwrap();
    assert_eq!(chunks(&*holding, 100).await, chunks(&*target, 100).await);
    assert_eq!(holding.accounts().await.unwrap().len(), 2);
    assert_eq!(holding.remainder().await.unwrap(), target.remainder().await.unwrap());
    assert_eq!(audit(&*holding).await, 6);
}

/// Whoever was shut out on the other side must not come in by an old session.
pub(crate) async fn sessions_do_not_cross(ground: Ground) {
    let (source, target) = (ground.store("source"), ground.store("target"));
    furnish(&*source).await;
    let open = session("salma");
    source.create_session(open.clone()).await.unwrap();
    copy_all(&*source, &*target, "1").await;
    assert!(source.session(open.token_hash, day(1)).await.unwrap().is_some());
    assert_eq!(target.session(open.token_hash, day(1)).await, Ok(None));
    target.create_session(open.clone()).await.unwrap();
    target.put_remainder(Arc::new(source.remainder().await.unwrap())).await.unwrap();
    assert_eq!(target.session(open.token_hash, day(1)).await, Ok(None));
    let hour = SignedDuration::from_hours(1);
    let limit = AttemptLimit { tries: 1, window: hour, lock: hour };
    let verdict = target.charge_attempt([9; 32], day(1), limit).await.unwrap();
    assert!(matches!(verdict, AttemptVerdict::Locked { .. }), "tries do: {verdict:?}");
}

/// What the source erased before its leaf was read, and what it erased when the leaf had crossed already.
pub(crate) async fn erasures_cross(ground: Ground) {
    let (source, target) = (ground.store("source"), ground.store("target"));
    furnish(&*source).await;
    let [mut first, mut last] = <[Chunk; 2]>::try_from(chunks(&*source, 12).await).unwrap();
    let told_by = i64::try_from(last.end() - 1).unwrap();
    assert_eq!(last.leaves.last().unwrap().dossier, None, "the log's own event tells of it");
    first.leaves[0].content = None;
    last.erasures = vec![PortableErasure { leaf_index: 0, told_by }, PortableErasure { leaf_index: 1, told_by }];
    let mut erased = first.dossiers[0].clone();
    erased.erased_by = Some(told_by);
    erased.applicant = String::new();
    last.dossiers.insert(0, erased.clone());
    let receipts = first.receipts.iter().filter(|receipt| receipt.dossier == erased.sequence);
    last.receipts.splice(0..0, receipts.cloned());

    target.begin_copy(&mark("1"), "keys A").await.unwrap();
    target.add_chunk(Arc::new(first.clone())).await.unwrap();
    assert!(target.log_rows(1, 1).await.unwrap()[0].content.is_some(), "it came before the erasure");
    target.add_chunk(Arc::new(last.clone())).await.unwrap();

    let rows = target.log_rows(0, 3).await.unwrap();
    let told = Some(last.end() - 1);
    assert_eq!(rows.iter().map(|row| row.erased_by).collect::<Vec<_>>(), [told, told, None]);
    assert_eq!(rows.iter().map(|row| row.content.is_some()).collect::<Vec<_>>(), [false, false, true]);
    first.leaves[1].content = None;
    first.dossiers[0].applicant = String::new();
    assert_eq!(chunks(&*target, 12).await, [first, last]);
    assert_eq!(target.totals().await.unwrap().rows["erasures"], 2);

    // What was erased does not come back, not even by another copy.
    let third = ground.store("third");
    third.begin_copy(&mark("2"), "keys A").await.unwrap();
    for chunk in chunks(&*target, 4).await {
        third.add_chunk(Arc::new(chunk)).await.unwrap();
    }
    assert_eq!(chunks(&*third, 12).await, chunks(&*target, 12).await);
    assert_eq!(third.log_rows(0, 3).await.unwrap(), rows);
}
