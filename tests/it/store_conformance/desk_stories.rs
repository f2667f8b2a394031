//! Stories of finding dossiers, of accounts, and of tries.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use jiff::SignedDuration;
use milaf::{
    dossier::{Event, Outcome, ProcedureCode, PublicState, Role, search_key},
    store::{
        Account, AttemptLimit, AttemptVerdict, CheckpointRow, CosignatureRow, DuplicateProbe, NewSession, Store,
        StoreError,
    },
};
use tokio::task::JoinSet;

use super::fixture::{Case, Ground, day, next, position, unique};

pub(crate) async fn duplicates_are_found_by_each_part(ground: Ground) {
    let store = ground.store();
    let cases = [
        Case { identity: Some([1; 32]), ..Case::default() },
        Case { phone: Some("0612345678"), ..Case::default() },
        Case { applicant: "Zoé Élan", parcel: Some("T 12/34"), ..Case::default() },
        Case { applicant: "Zoé Élan", parcel: Some("T 99/99"), ..Case::default() },
        Case { identity: Some([1; 32]), phone: Some("+212 6 12 34 56 78"), ..Case::default() },
    ];
    for case in cases {
        store.register(case.new_dossier()).await.unwrap();
    }
    let name_and_parcel = |name, parcel| Some((search_key(name), search_key(parcel)));
    let phone = || Some("+212612345678".to_owned());
    let nothing = DuplicateProbe::default();
    let table: [(DuplicateProbe, &[u32]); 8] = [
        (nothing.clone(), &[]),
        (DuplicateProbe { identity_hash: Some([1; 32]), ..nothing.clone() }, &[5, 1]),
        (DuplicateProbe { identity_hash: Some([2; 32]), ..nothing.clone() }, &[]),
        (DuplicateProbe { phone: phone(), ..nothing.clone() }, &[5, 2]),
        (DuplicateProbe { name_and_parcel: name_and_parcel("ZOE  élan", "t 12 34"), ..nothing.clone() }, &[3]),
        (DuplicateProbe { name_and_parcel: name_and_parcel("Zoé Élan", "T 1"), ..nothing.clone() }, &[]),
        (
            DuplicateProbe {
                phone: phone(),
                name_and_parcel: name_and_parcel("Zoé Élan", "T 99/99"),
                ..nothing.clone()
            },
            &[5, 4, 2],
        ),
        (DuplicateProbe { identity_hash: Some([1; 32]), phone: phone(), ..nothing }, &[5, 2, 1]),
    ];
    for (probe, expected) in table {
        assert_eq!(numbers(&store.possible_duplicates(&probe).await.unwrap()), expected, "{probe:?}");
    }
    for _ in 0..12 {
        store.register(cases[1].new_dossier()).await.unwrap();
    }
    let probe = DuplicateProbe { phone: phone(), ..DuplicateProbe::default() };
    let newest: Vec<u32> = (8..=17).rev().collect();
    assert_eq!(numbers(&store.possible_duplicates(&probe).await.unwrap()), newest);
}

fn numbers(rows: &[milaf::store::DossierRow]) -> Vec<u32> {
    rows.iter().map(|row| row.reference.number()).collect()
}

pub(crate) async fn the_latest_come_in_pages(ground: Ground) {
    let store = ground.store();
    assert_eq!(store.latest(10, None).await, Ok(vec![]));
    for _ in 0..7 {
        store.register(Case::default().new_dossier()).await.unwrap();
    }
    let mut before = None;
    for expected in [&[7, 6, 5][..], &[4, 3, 2], &[1], &[]] {
        let page = store.latest(3, before).await.unwrap();
        assert_eq!(numbers(&page), expected);
        before = page.last().map(|row| row.sequence).or(before);
    }
}

pub(crate) async fn the_median_is_exact(ground: Ground) {
    let store = ground.store();
    let procedure: ProcedureCode = "NRU".parse().unwrap();
    assert_eq!(store.typical_days(&procedure, 0).await, Ok(None));
    // Another procedure, and a dossier without an answer, must not count.
    answer_after(&*store, "PC", 400).await;
    store.register(Case::default().new_dossier()).await.unwrap();
    // The days of one more answer, then the median of all of them so far.
    for (days, median) in
        [(10, 10), (3, 7), (30, 10), (11, 11), (11, 11), (0, 11), (365, 11), (12, 11), (13, 11), (14, 12)]
    {
        answer_after(&*store, "NRU", days).await;
        assert_eq!(store.typical_days(&procedure, 1).await, Ok(Some(median)), "after one of {days} days");
    }
    assert_eq!(store.typical_days(&procedure, 10).await, Ok(Some(12)));
    assert_eq!(store.typical_days(&procedure, 11).await, Ok(None));
}

async fn answer_after(store: &dyn Store, procedure: &'static str, days: i64) {
    let case = Case { procedure, ..Case::default() };
    let reference = store.register(case.new_dossier()).await.unwrap().reference;
    let decided = Event::Decided {
        position: position("opinion", PublicState::Decided),
        outcome: Outcome::Unfavourable,
        reservations: None,
    };
    store.append(next(store, &reference, vec![decided], day(days)).await).await.unwrap();
}

fn account(name: &str) -> Account {
    Account { name: name.to_owned(), password_hash: "$argon2id$one".to_owned(), role: Role::Desk, created_at: day(0) }
}

fn session(account: &str, token_hash: [u8; 32], from: i64, to: i64) -> NewSession {
    NewSession { token_hash, account: account.to_owned(), created_at: day(from), expires_at: day(to) }
}

pub(crate) async fn accounts_and_their_passwords(ground: Ground) {
    let store = ground.store();
    assert_eq!(store.accounts().await, Ok(vec![]));
    for name in ["samira", "omar"] {
        store.create_account(account(name)).await.unwrap();
    }
    assert_eq!(store.create_account(account("omar")).await, Err(StoreError::AccountExists));
    assert_eq!(store.accounts().await, Ok(vec![account("omar"), account("samira")]));
    assert_eq!(store.account("nobody").await, Ok(None));

    assert_eq!(store.set_role("samira", Role::Auditor).await, Ok(true));
    assert_eq!(store.set_role("nobody", Role::Auditor).await, Ok(false));
    assert_eq!(store.account("samira").await.unwrap().unwrap().role, Role::Auditor);
    assert_eq!(store.account("omar").await.unwrap().unwrap().role, Role::Desk, "nobody else's changes");

    let (theirs, other) = (unique(), unique());
    store.create_session(session("omar", theirs, 0, 1)).await.unwrap();
    store.create_session(session("samira", other, 0, 1)).await.unwrap();
    assert_eq!(store.set_password("omar", "$argon2id$two").await, Ok(true));
    assert_eq!(store.set_password("nobody", "$argon2id$two").await, Ok(false));
    assert_eq!(store.account("omar").await.unwrap().unwrap().password_hash, "$argon2id$two");
    assert_eq!(store.session(theirs, day(0)).await, Ok(None), "a new password ends the sessions");
    assert!(store.session(other, day(0)).await.unwrap().is_some(), "of that account only");
}

pub(crate) async fn sessions_end(ground: Ground) {
    let store = ground.store();
    store.create_account(account("omar")).await.unwrap();
    let (short, long, ended) = (unique(), unique(), unique());
    store.create_session(session("omar", short, 0, 1)).await.unwrap();
    store.create_session(session("omar", long, 0, 9)).await.unwrap();
    store.create_session(session("omar", ended, 0, 9)).await.unwrap();
    store.end_session(ended).await.unwrap();
    store.end_session(unique()).await.unwrap();
    for (token, at, alive) in [
        (short, 0, true),
        (short, 1, false),
        (long, 8, true),
        (long, 9, false),
        (ended, 0, false),
        (unique(), 0, false),
    ] {
        let found = store.session(token, day(at)).await.unwrap();
        assert_eq!(found.as_ref().map(|session| session.account.as_str()), alive.then_some("omar"), "on day {at}");
    }
    let found = store.session(long, day(0)).await.unwrap().unwrap();
    assert_eq!((found.created_at, found.expires_at), (day(0), day(9)));

    for role in Role::ALL {
        store.set_role("omar", role).await.unwrap();
        let found = store.session(long, day(0)).await.unwrap().unwrap();
        assert_eq!(found.role, role, "a session has its account's role at once");
    }

    // Signing in again takes the expired ones away: even a clock set back does not bring them to life.
    store.create_session(session("omar", unique(), 2, 3)).await.unwrap();
    assert_eq!(store.session(short, day(0)).await, Ok(None));
    let nobody = store.create_session(session("nobody", unique(), 0, 1)).await;
    assert!(matches!(nobody, Err(StoreError::Inconsistent(_))), "{nobody:?}");
}

/// A step of a story of tries: at a minute, what is done, and how it ends.
enum Try {
    Allowed(i64),
    LockedUntil(i64, i64),
    Refund,
}

pub(crate) async fn tries_are_counted(ground: Ground) {
    use Try::{Allowed, LockedUntil, Refund};
    let store = ground.store();
    let limit = AttemptLimit { tries: 3, window: SignedDuration::from_mins(60), lock: SignedDuration::from_mins(90) };
    let minute = |minute: i64| day(0) + SignedDuration::from_mins(minute);
    let stories: [(&str, &[Try]); 7] = [
        ("the third try locks", &[Allowed(0), Allowed(1), Allowed(2), LockedUntil(3, 92), LockedUntil(91, 92)]),
        ("a lock ends and counting begins anew", &[Allowed(0), Allowed(0), Allowed(0), Allowed(90), Allowed(91)]),
        (
            "and may lock again",
            &[Allowed(0), Allowed(0), Allowed(0), Allowed(90), Allowed(90), Allowed(90), LockedUntil(91, 180)],
        ),
        (
            "the window begins with the first try",
            &[Allowed(0), Allowed(59), Allowed(60), Allowed(61), Allowed(62), LockedUntil(63, 152)],
        ),
        (
            "the right answer at last opens the lock",
            &[Allowed(0), Allowed(1), Allowed(2), Refund, Allowed(3), LockedUntil(4, 93)],
        ),
        (
            "right answers cost nothing",
            &[
                Allowed(0),
                Refund,
                Allowed(1),
                Refund,
                Allowed(2),
                Refund,
                Allowed(3),
                Allowed(4),
                Allowed(5),
                LockedUntil(6, 95),
            ],
        ),
        (
            "a refund of nothing gives nothing",
            &[Refund, Allowed(0), Refund, Refund, Allowed(1), Allowed(2), Allowed(3), LockedUntil(4, 93)],
        ),
    ];
    for (name, steps) in stories {
        let bucket = unique();
        for (step, number) in steps.iter().zip(1..) {
            let (at, expected) = match *step {
                Refund => {
                    store.refund_attempt(bucket).await.unwrap();
                    continue;
                }
                Allowed(at) => (at, AttemptVerdict::Allowed),
                LockedUntil(at, until) => (at, AttemptVerdict::Locked { until: minute(until) }),
            };
            let verdict = store.charge_attempt(bucket, minute(at), limit).await;
            assert_eq!(verdict, Ok(expected), "{name}: step {number}");
        }
    }
}

pub(crate) async fn parallel_tries_do_not_slip_through(ground: Ground) {
    let stores = [ground.store(), ground.store()];
    let limit = AttemptLimit { tries: 5, window: SignedDuration::from_hours(1), lock: SignedDuration::from_hours(1) };
    let bucket = unique();
    let mut guesses = JoinSet::new();
    for guess in 0..40_usize {
        let store = stores[guess % 2].clone();
        guesses.spawn(async move { store.charge_attempt(bucket, day(0), limit).await.unwrap() });
    }
    let verdicts = guesses.join_all().await;
    assert_eq!(verdicts.iter().filter(|verdict| **verdict == AttemptVerdict::Allowed).count(), 5);
}

pub(crate) async fn checkpoints_and_identity_are_kept(ground: Ground) {
    let store = ground.store();
    assert_eq!(store.last_checkpoint().await, Ok(None));
    let checkpoint = |size: u64, note: &str| CheckpointRow { size, note: note.to_owned(), published_at: day(1) };
    for (kept, last) in [
        (checkpoint(4, "four"), checkpoint(4, "four")),
        (checkpoint(0, "zero"), checkpoint(4, "four")),
        (checkpoint(4, "four again"), checkpoint(4, "four")),
        (checkpoint(9, "nine\n\n— a b\n"), checkpoint(9, "nine\n\n— a b\n")),
    ] {
        store.keep_checkpoint(kept).await.unwrap();
        assert_eq!(store.last_checkpoint().await, Ok(Some(last)));
    }
    assert_eq!(store.bind_identity("first").await.as_deref(), Ok("first"));
    assert_eq!(store.bind_identity("second").await.as_deref(), Ok("first"));
    store.close().await;
    let store = ground.store();
    assert_eq!(store.bind_identity("second").await.as_deref(), Ok("first"));
    assert_eq!(store.last_checkpoint().await.unwrap().unwrap().size, 9);

    let sizes = |rows: Vec<CheckpointRow>| rows.iter().map(|row| row.size).collect::<Vec<_>>();
    assert_eq!(sizes(store.published_checkpoints(None, 10).await.unwrap()), [9, 4, 0]);
    assert_eq!(sizes(store.published_checkpoints(Some(9), 1).await.unwrap()), [4]);
    assert_eq!(sizes(store.published_checkpoints(Some(0), 10).await.unwrap()), Vec::<u64>::new());
    assert_eq!(store.checkpoint_of(4).await, Ok(Some(checkpoint(4, "four"))));
    for missing in [5, u64::MAX] {
        assert_eq!(store.checkpoint_of(missing).await, Ok(None));
    }
    for (leaf, covering) in [(0, Some(4)), (3, Some(4)), (4, Some(9)), (8, Some(9)), (9, None), (u64::MAX, None)] {
        let found = store.checkpoint_covering(leaf).await.unwrap();
        assert_eq!(found.map(|row| row.size), covering, "leaf {leaf}");
    }
}

pub(crate) async fn cosignatures_are_kept(ground: Ground) {
    let store = ground.store();
    for size in [3, 8] {
        store.keep_checkpoint(CheckpointRow { size, note: "note".to_owned(), published_at: day(1) }).await.unwrap();
    }
    let by = |witness: &str, size: u64, line: &str| CosignatureRow {
        size,
        witness: witness.to_owned(),
        line: line.to_owned(),
        at: -7,
        received_at: day(2),
    };
    assert_eq!(store.last_cosigned("w.example").await, Ok(None));
    store.keep_cosignature(by("w.example", 8, "— w.example eight")).await.unwrap();
    store.keep_cosignature(by("a.example", 8, "— a.example eight")).await.unwrap();
    store.keep_cosignature(by("w.example", 3, "— w.example three")).await.unwrap();
    store.keep_cosignature(by("w.example", 8, "another line")).await.unwrap();
    for size in [4, u64::MAX] {
        let refused = store.keep_cosignature(by("w.example", size, "of nothing")).await;
        assert!(matches!(refused, Err(StoreError::Inconsistent(_))), "{size}: {refused:?}");
    }
    store.close().await;
    let store = ground.store();
    let eight = vec![by("a.example", 8, "— a.example eight"), by("w.example", 8, "— w.example eight")];
    assert_eq!(store.cosignatures(8).await, Ok(eight));
    assert_eq!(store.cosignatures(3).await, Ok(vec![by("w.example", 3, "— w.example three")]));
    for size in [0, u64::MAX] {
        assert_eq!(store.cosignatures(size).await, Ok(vec![]));
    }
    assert_eq!(store.last_cosigned("w.example").await, Ok(Some(8)), "the largest and not the latest");
    assert_eq!(store.last_cosigned("\0").await, Ok(None));
}
