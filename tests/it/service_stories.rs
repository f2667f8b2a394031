//! Stories of the use cases on a real database, with a clock that stands where it is put.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use milaf::{
    clock::{Environment, SteppedEnvironment},
    config::Issuer,
    dossier::{Audience, ClockState, Command, Line, Outcome, Paragraph, PublicState, Reference, Refusal},
    receipt::{KeyRing, SealKey, TokenKey, TokenKeys},
    service::{
        Actor, Failure, IdentityKey, LiveKeys, Parts, RawIntake, RegisterError, Scan, Service, SignInError, StartError,
        StepProgress, TypedAnswer, UnlockAnswer,
    },
    store::Store,
    tlog::{Checkpoint, LogKey},
};

use crate::premises::{Premises, on_both_databases};

on_both_databases! {
    five_wrong_digits_lock_the_second_level_for_an_hour,
    a_typed_code_opens_its_own_reference_only_and_is_limited,
    the_same_form_makes_one_dossier_and_other_contents_are_refused,
    level_one_says_nothing_of_the_outcome_and_level_two_says_it,
    the_way_shows_an_interruption_where_it_happened_and_forgets_a_move_taken_back,
    an_overdue_term_is_told_and_not_extended,
    a_replaced_receipt_opens_nothing_and_its_code_neither,
    signing_in_is_limited_and_says_the_same_for_name_and_password,
    one_address_cannot_try_every_name,
    a_lost_checkpoint_file_is_not_written_anew_over_another_history,
    a_start_on_another_history_is_refused,
    the_log_tells_where_a_record_was_changed,
    a_checkpoint_is_signed_over_the_head_and_never_goes_back,
}

struct Office {
    service: Service,
    store: Arc<dyn Store>,
    environment: Arc<SteppedEnvironment>,
    clerk: Actor,
}

fn open(premises: &Premises) -> Office {
    open_as(premises, 1, 7)
}

fn open_as(premises: &Premises, log_seed: u8, token_seed: u8) -> Office {
    let token_keys = TokenKeys::new(TokenKey::new(1, [token_seed; 32]).unwrap(), Vec::new()).unwrap();
    let log_key = LogKey::new("suivi.example.ma/log", [log_seed; 32]).unwrap();
    let keys = Arc::new(KeyRing::new(token_keys, SealKey::from_seed([9; 32]), log_key).unwrap());
    let sealer = Arc::clone(&keys);
    let store = premises.open(Arc::new(move |claims| sealer.seal_key.seal(claims)));
    let environment = Arc::new(SteppedEnvironment::starting_at("2026-03-02T10:00:00Z".parse().unwrap()));
    let service = Service::new(Parts {
        store: Arc::clone(&store),
        issuer: Arc::new(Issuer::example()),
        keys: LiveKeys::fixed(&keys),
        identity_key: IdentityKey::new([3; 32]),
        environment: Arc::clone(&environment) as Arc<dyn Environment>,
        checkpoint_file: premises.path().join("checkpoint"),
    });
    Office { service, store, environment, clerk: Actor::new("clerk") }
}

fn intake(procedure: &str) -> RawIntake {
    RawIntake {
        procedure: procedure.to_owned(),
        applicant: "فاطمة الزهراء العلوي".to_owned(),
        phone: "06 61 23 45 67".to_owned(),
        identity: "JB 123 987".to_owned(),
        parcel: "T 1234/31".to_owned(),
        ..RawIntake::default()
    }
}

impl Office {
    async fn register(&self, procedure: &str) -> (Reference, String, String) {
        let made = self.service.register(&self.clerk, &intake(procedure), None).await.unwrap();
        (made.reference, made.token, made.code.to_string())
    }

    async fn act(&self, reference: &Reference, command: Command) -> Result<(), Failure> {
        let version = self.service.dossier(reference).await.unwrap().unwrap().dossier.version;
        self.service.execute(&self.clerk, reference, version, &command, None).await.map(drop)
    }
}

fn words(text: &str) -> Paragraph {
    Paragraph::new(text).unwrap()
}

async fn five_wrong_digits_lock_the_second_level_for_an_hour(premises: Premises) {
    let office = open(&premises);
    let (_, token, _) = office.register("PC").await;
    for wrong in ["0000", "1111", "22", "٣٣٣٣"] {
        assert!(matches!(office.service.unlock(&token, wrong).await.unwrap(), UnlockAnswer::Refused(_)), "{wrong}");
    }
    // Right digits still open it before the fifth wrong try, whichever number they are from.
    for right in ["4567", "3987", "٤٥٦٧"] {
        assert!(matches!(office.service.unlock(&token, right).await.unwrap(), UnlockAnswer::Open(..)), "{right}");
    }
    assert!(matches!(office.service.unlock(&token, "9999").await.unwrap(), UnlockAnswer::Refused(_)));
    office.environment.advance(SignedDuration::from_mins(59));
    assert!(matches!(office.service.unlock(&token, "4567").await.unwrap(), UnlockAnswer::Refused(_)), "locked");
    office.environment.advance(SignedDuration::from_mins(2));
    assert!(matches!(office.service.unlock(&token, "4567").await.unwrap(), UnlockAnswer::Open(..)), "an hour later");
}

async fn a_typed_code_opens_its_own_reference_only_and_is_limited(premises: Premises) {
    let office = open(&premises);
    let (first, token, code) = office.register("PC").await;
    let (second, _, _) = office.register("PC").await;
    let typed =
        async |reference: String, code: String| office.service.typed(&reference, &code, "192.0.2.1").await.unwrap();
    let TypedAnswer::Found(found) = typed(first.to_string().to_lowercase(), code.replace('-', " ")).await else {
        panic!("the right code did not open its dossier")
    };
    assert_eq!(found.text(), token);
    assert!(matches!(typed(second.to_string(), code.clone()).await, TypedAnswer::NotFound));
    for _ in 0..10 {
        assert!(matches!(typed(first.to_string(), "0000-0000".into()).await, TypedAnswer::NotFound));
    }
    assert!(matches!(typed(first.to_string(), code.clone()).await, TypedAnswer::NotFound), "locked");
    office.environment.advance(SignedDuration::from_mins(61));
    assert!(matches!(typed(first.to_string(), code).await, TypedAnswer::Found(_)), "an hour later");
}

async fn the_same_form_makes_one_dossier_and_other_contents_are_refused(premises: Premises) {
    let office = open(&premises);
    let first = office.service.register(&office.clerk, &intake("NRU"), Some("form-1")).await.unwrap();
    office.environment.advance(SignedDuration::from_hours(30));
    let again = office.service.register(&office.clerk, &intake("NRU"), Some("form-1")).await.unwrap();
    assert_eq!(
        (again.reference.clone(), again.token.clone(), again.deadline),
        (first.reference, first.token, first.deadline)
    );
    assert!(again.replayed && !first.replayed);
    let other = RawIntake { parcel: "T 9/9".into(), ..intake("NRU") };
    let refused = office.service.register(&office.clerk, &other, Some("form-1")).await;
    assert_eq!(refused.unwrap_err(), RegisterError::FormReused);
    // A move sent twice happens once, although the dossier's version has moved on by itself.
    let note = Command::AddNote { audience: Audience::Internal, text: words("rappeler lundi") };
    let version = office.service.dossier(&again.reference).await.unwrap().unwrap().dossier.version;
    for _ in 0..2 {
        let view =
            office.service.execute(&office.clerk, &again.reference, version, &note, Some("form-2")).await.unwrap();
        assert_eq!(view.dossier.version, version + 1);
    }
    let stale = office.service.execute(&office.clerk, &again.reference, version, &note, None).await;
    assert_eq!(stale.unwrap_err(), Failure::Changed { current: version + 1 });
}

async fn level_one_says_nothing_of_the_outcome_and_level_two_says_it(premises: Premises) {
    let office = open(&premises);
    let (reference, token, _) = office.register("PC").await;
    // Along the catalogue's declared transitions, by whichever steps lead on.
    loop {
        office.environment.advance(SignedDuration::from_hours(24));
        let view = office.service.dossier(&reference).await.unwrap().unwrap();
        if view.dossier.position.state == PublicState::Decided {
            break;
        }
        let states: Vec<PublicState> = view.moves.iter().filter_map(|m| m.position.as_ref().map(|p| p.state)).collect();
        let command = if states.contains(&PublicState::Decided) {
            Command::Decide { outcome: Outcome::Unfavourable, reservations: Some(words("recul insuffisant")) }
        } else if states.contains(&PublicState::Scheduled) {
            Command::ScheduleCommission { on: office.service.today(), place: Some(Line::new("Guelmim").unwrap()) }
        } else {
            let position = view.moves.iter().find(|m| m.kind == milaf::dossier::CommandKind::EnterStep).unwrap();
            Command::EnterStep { step: position.position.clone().unwrap().step }
        };
        office.act(&reference, command).await.unwrap();
    }
    let Scan::Status(status) = office.service.scan(&token).await.unwrap() else { panic!("no status") };
    assert_eq!(status.position.state, PublicState::Decided);
    let shown = format!("{status:?}");
    for secret in ["Unfavourable", "recul", "Guelmim\"", "فاطمة", "4567", "1234/31", "clerk"] {
        assert!(!shown.contains(secret), "level one holds {secret}: {shown}");
    }
    let UnlockAnswer::Open(_, level) = office.service.unlock(&token, "4567").await.unwrap() else {
        panic!("not opened")
    };
    assert_eq!(level.outcome, Some((Outcome::Unfavourable, Some("recul insuffisant".to_owned()))));
    let correction = milaf::dossier::Correction::Outcome(Outcome::Favourable);
    office.act(&reference, Command::Correct { correction, reason: words("erreur de saisie") }).await.unwrap();
    let UnlockAnswer::Open(_, level) = office.service.unlock(&token, "4567").await.unwrap() else {
        panic!("not opened")
    };
    assert_eq!(level.outcome, Some((Outcome::Favourable, None)), "the mistaken outcome's words went with it");
}

async fn the_way_shows_an_interruption_where_it_happened_and_forgets_a_move_taken_back(premises: Premises) {
    let office = open(&premises);
    let (reference, token, _) = office.register("PC").await;
    let way = async || {
        let Scan::Status(status) = office.service.scan(&token).await.unwrap() else { panic!("no status") };
        let mark = |step: &StepProgress| match (step.current, step.entered_on) {
            (true, _) => format!("[{}]", step.step),
            (false, Some(_)) => format!("{}+", step.step),
            (false, None) => step.step.to_string(),
        };
        status.steps.iter().map(mark).collect::<Vec<_>>().join(" ")
    };
    let start = way().await;
    let (first, second) = {
        let mut codes = start.split(' ');
        (codes.next().unwrap().trim_matches(['[', ']']).to_owned(), codes.next().unwrap().to_owned())
    };
    let enter = |code: &str| Command::EnterStep { step: code.parse().unwrap() };
    office.act(&reference, enter(&second)).await.unwrap();
    let documents = vec![Issuer::example().catalogue.procedures()[2].documents()[0].code.clone()];
    office.act(&reference, Command::RequestComplement { documents, message: None }).await.unwrap();
    assert!(way().await.starts_with(&format!("{first}+ {second}+ [complement] ")), "{}", way().await);

    let (other, other_token, _) = office.register("PC").await;
    office.act(&other, enter(&second)).await.unwrap();
    let before = office.service.dossier(&other).await.unwrap().unwrap().events[0].1.event.clone();
    let milaf::dossier::Event::Registered(registration) = before else { panic!("no registration") };
    let back = milaf::dossier::Correction::Position(registration.position);
    office.act(&other, Command::Correct { correction: back, reason: words("erreur") }).await.unwrap();
    let Scan::Status(status) = office.service.scan(&other_token).await.unwrap() else { panic!("no status") };
    assert!(status.steps[0].current && status.steps[1].entered_on.is_none(), "{:?}", status.steps);
}

async fn an_overdue_term_is_told_and_not_extended(premises: Premises) {
    let office = open(&premises);
    let (reference, token, _) = office.register("PC").await;
    office.environment.advance(SignedDuration::from_hours(24 * 200));
    let Scan::Status(status) = office.service.scan(&token).await.unwrap() else { panic!("no status") };
    assert_eq!(status.clock.unwrap().state, ClockState::Overdue);
    assert_eq!(status.position.state, PublicState::Registered, "the software decides nothing by itself");
    let refused = office.act(&reference, Command::Extend { reason: words("enquête") }).await;
    assert_eq!(refused.unwrap_err(), Failure::Refused(Refusal::ClockNotRunning));
}

async fn a_replaced_receipt_opens_nothing_and_its_code_neither(premises: Premises) {
    let office = open(&premises);
    let (reference, token, code) = office.register("REQ").await;
    let view =
        office.service.replace_receipt(&office.clerk, &reference, 2, words("perdu"), Some("form")).await.unwrap();
    // The same form again must not replace the replacement.
    office.service.replace_receipt(&office.clerk, &reference, 2, words("perdu"), Some("form")).await.unwrap();
    assert_eq!(view.receipts.len(), 2);
    assert_eq!(office.service.dossier(&reference).await.unwrap().unwrap().receipts.len(), 2);
    assert_eq!(office.service.scan(&token).await.unwrap(), Scan::Replaced);
    assert_eq!(office.service.unlock(&token, "4567").await.unwrap(), UnlockAnswer::Replaced);
    let TypedAnswer::Found(old) = office.service.typed(&reference.to_string(), &code, "::1").await.unwrap() else {
        panic!("the old code is still a code")
    };
    assert_eq!(office.service.scan(&old.text()).await.unwrap(), Scan::Replaced);
    let receipt = office.service.receipt(&reference).await.unwrap().unwrap();
    assert!(receipt.replacement && receipt.url.starts_with("HTTPS://SUIVI.EXAMPLE.MA/D/"));
}

async fn signing_in_is_limited_and_says_the_same_for_name_and_password(premises: Premises) {
    let office = open(&premises);
    office.service.add_account("amina", milaf::dossier::Role::Desk, "correct horse battery").await.unwrap().unwrap();
    let sign_in = async |name: &str, password: &str| office.service.sign_in(name, password, "192.0.2.7").await;
    let signed = sign_in(" Amina ", "correct horse battery").await.unwrap();
    assert_eq!(office.service.session(signed.secret.as_str()).await.unwrap().unwrap().account, "amina");
    let hash = office.store.account("amina").await.unwrap().unwrap().password_hash;
    assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
    for _ in 0..10 {
        assert_eq!(sign_in("amina", "wrong").await.unwrap_err(), SignInError::Refused);
        assert_eq!(sign_in("nobody", "wrong").await.unwrap_err(), SignInError::Refused);
    }
    assert!(matches!(sign_in("amina", "correct horse battery").await, Err(SignInError::Limited(_))));
    let elsewhere = office.service.sign_in("amina", "correct horse battery", "192.0.2.8").await;
    assert!(elsewhere.is_ok(), "nobody is kept out by what another address tries: {elsewhere:?}");
    office.environment.advance(SignedDuration::from_hours(13));
    assert!(office.service.session(signed.secret.as_str()).await.unwrap().is_none(), "the session has expired");
    let signed = sign_in("amina", "correct horse battery").await.unwrap();
    office.service.set_password("amina", "another long password").await.unwrap().unwrap();
    assert!(office.service.session(signed.secret.as_str()).await.unwrap().is_none(), "a new password ends sessions");
}

async fn one_address_cannot_try_every_name(premises: Premises) {
    let office = open(&premises);
    let sign_in =
        async |name: String, address: &str| office.service.sign_in(&name, "wrong", address).await.unwrap_err();
    for number in 0..50 {
        assert_eq!(sign_in(format!("name{number}"), "192.0.2.9").await, SignInError::Refused, "{number}");
    }
    assert!(matches!(sign_in("another".into(), "192.0.2.9").await, SignInError::Limited(_)));
    assert_eq!(sign_in("another".into(), "192.0.2.10").await, SignInError::Refused, "another address is free");
}

async fn a_lost_checkpoint_file_is_not_written_anew_over_another_history(premises: Premises) {
    let office = open(&premises);
    office.register("NRU").await;
    office.service.publish_checkpoint().await.unwrap();
    let key = LogKey::new("suivi.example.ma/log", [1; 32]).unwrap();
    let other = Checkpoint { origin: key.origin().to_owned(), size: 2, root: [5; 32] };
    std::fs::remove_file(premises.path().join("checkpoint")).unwrap();
    premises.sql(&format!("UPDATE checkpoints SET note = '{}'", key.sign(&other)));
    assert_eq!(office.service.adopt_checkpoint().await.unwrap_err(), StartError::Forked { published: 2 });
    assert!(office.service.published_note().is_none());
}

async fn a_start_on_another_history_is_refused(premises: Premises) {
    let office = open(&premises);
    office.service.check_start().await.unwrap();
    office.register("NRU").await;
    office.service.publish_checkpoint().await.unwrap();
    office.store.close().await;
    let old = premises.copy();
    let office = open(&premises);
    office.register("NRU").await;
    assert_eq!(office.service.publish_checkpoint().await.unwrap(), 4);
    office.service.check_start().await.unwrap();
    office.store.close().await;

    for (log_seed, token_seed) in [(2, 7), (1, 8)] {
        let wrong_keys = open_as(&premises, log_seed, token_seed).service.check_start().await;
        assert!(matches!(wrong_keys, Err(StartError::WrongKeys { .. })), "{log_seed} {token_seed}");
    }

    // An older backup, then another history of the same length made on top of it.
    premises.put_back(&old);
    let office = open(&premises);
    let size = office.service.check_start().await.unwrap_err();
    assert_eq!(size, StartError::Shorter { size: 2, published: 4 });
    office.register("REQ").await;
    assert_eq!(office.service.check_start().await.unwrap_err(), StartError::Forked { published: 4 });
    std::fs::remove_file(premises.path().join("checkpoint")).unwrap();
    assert!(matches!(office.service.check_start().await, Err(StartError::CheckpointFileMissing { size: 2, .. })));
    assert_eq!(office.service.adopt_checkpoint().await.unwrap(), 4);
    office.service.check_start().await.unwrap();
    std::fs::write(premises.path().join("checkpoint"), "suivi.example.ma/log\n4\n").unwrap();
    assert!(matches!(office.service.check_start().await, Err(StartError::CheckpointFile { .. })));
}

async fn the_log_tells_where_a_record_was_changed(premises: Premises) {
    let office = open(&premises);
    for _ in 0..3 {
        office.register("NRU").await;
    }
    let mut steps = 0;
    let report = office.service.inspect_log(&mut |_, _| steps += 1).await.unwrap();
    assert_eq!((report.size, report.problems, steps), (6, Vec::new(), 1));
    premises.sql_without_guards("UPDATE event_contents SET record = nonce WHERE leaf_index = 3");
    let report = office.service.inspect_log(&mut |_, _| ()).await.unwrap();
    assert_eq!(report.problems.len(), 1, "{:?}", report.problems);
    assert!(report.problems[0].starts_with("entry 3 (NRU-2026-000002)"), "{:?}", report.problems);
}

async fn a_checkpoint_is_signed_over_the_head_and_never_goes_back(premises: Premises) {
    let office = open(&premises);
    office.register("NRU").await;
    assert_eq!(office.service.publish_checkpoint().await.unwrap(), 2);
    let key = LogKey::new("suivi.example.ma/log", [1; 32]).unwrap();
    let note = office.service.published_note().unwrap();
    let checkpoint = Checkpoint::parse_signed(&note, key.verifier()).unwrap();
    let other = open(&premises);
    other.register("NRU").await;
    assert_eq!(other.service.publish_checkpoint().await.unwrap(), 4);
    assert_eq!(office.service.publish_checkpoint().await.unwrap(), 4);
    assert_eq!(checkpoint.size, 2);
    assert_ne!(office.service.published_note().unwrap(), note);
}

#[test]
fn the_stepped_clock_counts_whole_milliseconds() {
    let environment = SteppedEnvironment::starting_at(Timestamp::new(1, 999_999).unwrap());
    assert_eq!(environment.now(), Timestamp::from_millisecond(1000).unwrap());
    environment.advance(SignedDuration::from_nanos(1_500_000));
    assert_eq!(environment.now(), Timestamp::from_millisecond(1001).unwrap());
}
