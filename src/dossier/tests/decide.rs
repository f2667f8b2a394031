use jiff::civil::Date;

use super::samples::{
    codes, fold, intake, line, offices, paragraph, parse, position, procedure, receipt, recorded, reference,
    registered, registration_events,
};
use crate::dossier::{
    Applicant, ApplicantKind, Audience, Command, CommandKind, Correction, Depositor, DepositorRole, Dossier, Event,
    FoldError, Intake, LastFour, LegalMove, Outcome, Phone, Recorded, Refusal, decide, legal_moves, register,
};

use CommandKind::{
    AddNote, Correct, Decide, EnterStep, Extend, ReplaceReceipt, ReprintReceipt, RequestComplement, ScheduleCommission,
    Withdraw,
};

/// A command in short form: `enter legal_review`, `request form title`, `schedule 2026-03-20`, `correct position ready`, …
fn command(text: &str) -> Command {
    let (name, rest) = text.split_once(' ').unwrap_or((text, ""));
    let reason = || paragraph("because");
    match name {
        "enter" => Command::EnterStep { step: parse(rest) },
        "request" => Command::RequestComplement { documents: codes(rest), message: None },
        "receive" => Command::ReceiveComplement { documents: codes(rest) },
        "schedule" => Command::ScheduleCommission { on: parse(rest), place: None },
        "adjourn" => Command::Adjourn { reason: None },
        "decide" => Command::Decide { outcome: Outcome::Favourable, reservations: None },
        "ready" => Command::MarkReady,
        "collect" => Command::Collect { by: None },
        "withdraw" => Command::Withdraw { reason: None },
        "extend" => Command::Extend { reason: reason() },
        "note" => Command::AddNote { audience: Audience::Internal, text: reason() },
        "reprint" => Command::ReprintReceipt,
        "replace" => Command::ReplaceReceipt { new: receipt(parse(rest)), key_id: 3, reason: reason() },
        "correct" => Command::Correct { correction: correction(rest), reason: reason() },
        other => panic!("no command {other}"),
    }
}

fn correction(text: &str) -> Correction {
    let (field, value) = text.split_once(' ').unwrap_or((text, ""));
    match field {
        "name" => Correction::Applicant(Applicant { kind: ApplicantKind::Person, name: line(value) }),
        "architect" => {
            let name = (!value.is_empty()).then(|| line(value));
            Correction::Depositor(Depositor { role: DepositorRole::Architect, name })
        }
        "phone" => Correction::Phone((!value.is_empty()).then(|| Phone::parse(value).unwrap())),
        "office" => Correction::Office(parse(value)),
        "documents" => {
            let (handed_in, missing) = value.split_once('/').unwrap();
            Correction::Documents { handed_in: codes(handed_in), missing: codes(missing) }
        }
        "position" => Correction::Position(position(value)),
        "misplaced" => {
            let state = parse("ready");
            Correction::Position(crate::dossier::Position { step: parse(value), state })
        }
        "outcome" => Correction::Outcome(parse(value)),
        other => panic!("no correction {other}"),
    }
}

const TODAY: &str = "2026-03-10";

fn history(commands: &str) -> (Vec<Recorded>, Dossier) {
    let mut history = registered(parse("2026-03-02"));
    let mut dossier = fold(&history);
    for text in commands.split(", ").filter(|text| !text.is_empty()) {
        let events = decide(&dossier, &procedure(), &command(text), parse(TODAY));
        for event in events.unwrap_or_else(|refusal| panic!("{commands}: {text}: {refusal}")) {
            let recorded = recorded(parse(TODAY), event);
            dossier.apply(&recorded);
            history.push(recorded);
        }
    }
    assert_eq!(fold(&history), dossier, "{commands}");
    (history, dossier)
}

fn steps(codes: &str) -> Vec<crate::dossier::StepCode> {
    codes.split_whitespace().map(parse).collect()
}

#[test]
fn accepted_commands_lead_where_the_procedure_says() {
    for (commands, expected_step, last_event) in [
        ("enter in_review", "in_review", "step_entered"),
        ("enter in_review, enter legal_review, enter in_review", "in_review", "step_entered"),
        ("enter in_review, request form", "incomplete", "complement_requested"),
        ("enter in_review, enter legal_review, request form title", "incomplete", "complement_requested"),
        ("request form", "incomplete", "complement_requested"),
        ("request form, receive form", "registered", "complement_received"),
        ("enter in_review, request form title, receive title", "incomplete", "complement_received"),
        ("enter in_review, request form title, receive title, receive form", "in_review", "complement_received"),
        ("enter in_review, schedule 2026-03-10", "scheduled", "commission_scheduled"),
        ("enter in_review, schedule 2026-03-20, adjourn", "adjourned", "adjourned"),
        ("enter in_review, schedule 2026-03-20, adjourn, schedule 2026-03-27, decide", "decided", "decided"),
        ("enter in_review, request form, decide", "decided", "decided"),
        ("enter in_review, decide, ready", "ready", "ready"),
        ("enter in_review, decide, ready, collect", "collected", "collected"),
        ("enter in_review, request form, withdraw", "withdrawn", "withdrawn"),
        ("withdraw, note, reprint, replace 2", "withdrawn", "receipt_issued"),
        ("enter in_review, extend", "in_review", "extended"),
        ("enter in_review, decide, ready, collect, correct position ready", "ready", "corrected"),
        ("enter in_review, decide, correct position in_review, decide", "decided", "decided"),
        ("withdraw, correct position registered, enter in_review", "in_review", "step_entered"),
    ] {
        let (history, dossier) = history(commands);
        assert_eq!(dossier.position, position(expected_step), "{commands}");
        assert_eq!(history.last().unwrap().event.kind(), last_event, "{commands}");
    }
}

#[test]
fn refusals() {
    let day = |text: &str| parse::<Date>(text);
    let illegal = |from: &str, legal: &str| Refusal::IllegalMove { from: parse(from), legal: steps(legal) };
    let wrong = |step: &str, needed| Refusal::WrongCommand { step: parse(step), needed };
    let open = |list: &str| Refusal::ComplementOpen { outstanding: codes(list) };
    let closed = |state: &str| Refusal::Closed { state: parse(state) };
    let review = "enter in_review";
    let from_review = "legal_review incomplete scheduled decided withdrawn";
    let delivered = "enter in_review, decide, ready, collect";
    let (form, colour) = (|| parse("form"), || parse("colour"));
    let cases = [
        ("", "enter legal_review", illegal("registered", "in_review incomplete withdrawn")),
        ("", "enter nowhere", illegal("registered", "in_review incomplete withdrawn")),
        ("", "schedule 2026-03-20", illegal("registered", "in_review incomplete withdrawn")),
        ("", "adjourn", illegal("registered", "in_review incomplete withdrawn")),
        ("", "decide", illegal("registered", "in_review incomplete withdrawn")),
        ("", "ready", illegal("registered", "in_review incomplete withdrawn")),
        ("", "collect", illegal("registered", "in_review incomplete withdrawn")),
        (review, "enter registered", illegal("in_review", from_review)),
        (review, "adjourn", illegal("in_review", from_review)),
        ("request form, receive form", "decide", illegal("registered", "in_review withdrawn")),
        (
            "enter in_review, schedule 2026-03-20, adjourn",
            "adjourn",
            illegal("adjourned", "scheduled in_review withdrawn"),
        ),
        (review, "enter scheduled", wrong("scheduled", CommandKind::ScheduleCommission)),
        (review, "enter incomplete", wrong("incomplete", CommandKind::RequestComplement)),
        (review, "enter decided", wrong("decided", CommandKind::Decide)),
        (review, "enter withdrawn", wrong("withdrawn", CommandKind::Withdraw)),
        ("enter in_review, decide", "enter ready", wrong("ready", CommandKind::MarkReady)),
        ("enter in_review, decide, ready", "enter collected", wrong("collected", CommandKind::Collect)),
        ("enter in_review, decide, ready", "withdraw", illegal("ready", "collected")),
        ("enter in_review, schedule 2026-03-20", "enter adjourned", wrong("adjourned", CommandKind::Adjourn)),
        (review, "schedule 2026-03-09", Refusal::CommissionInPast { on: day("2026-03-09"), today: day(TODAY) }),
        (review, "request", Refusal::NoDocuments),
        (review, "request colour", Refusal::UnknownDocument(colour())),
        (review, "request form form", Refusal::DuplicateDocument(form())),
        ("request form", "request title", Refusal::ComplementAlreadyRequested { on: day(TODAY) }),
        ("request form, receive form", "request title", Refusal::ComplementAlreadyRequested { on: day(TODAY) }),
        (
            "request form, correct position registered",
            "request form",
            Refusal::ComplementAlreadyRequested { on: day(TODAY) },
        ),
        (review, "receive form", Refusal::NoComplementOpen),
        ("request form, receive form", "receive form", Refusal::NoComplementOpen),
        ("request form title", "receive", Refusal::NoDocuments),
        ("request form title", "receive photo", Refusal::DocumentNotOutstanding(parse("photo"))),
        ("request form title", "receive form form", Refusal::DuplicateDocument(form())),
        ("request form title, receive form", "receive form", Refusal::DocumentNotOutstanding(form())),
        ("request form title, receive form", "enter in_review", open("title")),
        ("request form title", "schedule 2026-03-20", open("form title")),
        ("enter in_review, extend", "extend", Refusal::AlreadyExtended { on: day(TODAY) }),
        ("request form", "extend", Refusal::ClockNotRunning),
        ("enter in_review, decide", "extend", Refusal::ClockNotRunning),
        (delivered, "extend", closed("collected")),
        (delivered, "enter in_review", closed("collected")),
        (delivered, "withdraw", closed("collected")),
        ("withdraw", "collect", closed("withdrawn")),
        ("withdraw", "request form", closed("withdrawn")),
        ("request form, withdraw", "receive form", closed("withdrawn")),
        ("", "correct name فاطمة أمزيل", Refusal::NothingToCorrect),
        ("", "correct phone", Refusal::NothingToCorrect),
        ("", "correct office TAN-TAN", Refusal::NothingToCorrect),
        ("", "correct documents form title/site_plan", Refusal::NothingToCorrect),
        ("", "correct documents form/form", Refusal::DuplicateDocument(form())),
        ("", "correct documents form/colour", Refusal::UnknownDocument(colour())),
        ("", "correct architect", Refusal::DepositorNameMissing),
        ("", "correct position registered", Refusal::NothingToCorrect),
        ("", "correct misplaced nowhere", Refusal::UnknownStep(parse("nowhere"))),
        ("", "correct misplaced in_review", Refusal::UnknownStep(parse("in_review"))),
        ("", "correct position decided", Refusal::StepNotReached(parse("decided"))),
        ("", "correct position incomplete", Refusal::StepNotReached(parse("incomplete"))),
        ("", "correct position withdrawn", Refusal::StepNotReached(parse("withdrawn"))),
        ("", "correct outcome favourable", Refusal::NoDecision),
        ("enter in_review, decide", "correct outcome favourable", Refusal::NothingToCorrect),
        ("", "replace 1", Refusal::ReceiptIdUsed),
        ("replace 2", "replace 1", Refusal::ReceiptIdUsed),
    ];
    for (before, text, expected) in cases {
        let (_, dossier) = history(before);
        let actual = decide(&dossier, &procedure(), &command(text), parse(TODAY));
        assert_eq!(actual, Err(expected), "{before} / {text}");
    }
}

#[test]
fn no_extension_without_a_rule_that_knows_one() {
    let (_, mut dossier) = history("enter in_review");
    dossier.registration.rule.as_mut().unwrap().extension = None;
    assert_eq!(decide(&dossier, &procedure(), &command("extend"), parse(TODAY)), Err(Refusal::NoExtension));
    dossier.registration.rule = None;
    assert_eq!(decide(&dossier, &procedure(), &command("extend"), parse(TODAY)), Err(Refusal::NoExtension));
}

#[test]
fn a_registration_states_what_is_missing_and_which_rule_applies() {
    let events = registration_events(parse("2026-03-02"));
    let [Event::Registered(registration), Event::ReceiptIssued { receipt: id, key_id: 3 }] = events.as_slice() else {
        panic!("{events:?}");
    };
    assert_eq!(*id, receipt(1));
    assert_eq!(registration.handed_in, codes("form title"));
    assert_eq!(registration.missing, codes("site_plan"));
    assert_eq!(registration.position, position("registered"));
    assert_eq!(registration.rule.as_ref().map(|rule| rule.id.as_str()), Some("pcp-2023"));
}

#[test]
fn refused_registrations() {
    type Change = fn(&mut Intake);
    let cases: [(Change, Result<usize, Refusal>); 8] = [
        (|_| {}, Ok(2)),
        (|intake| intake.handed_in = codes("photo title form"), Ok(2)),
        (|intake| intake.depositor = Depositor { role: DepositorRole::Surveyor, name: Some(line("Omar")) }, Ok(2)),
        (
            |intake| intake.depositor = Depositor { role: DepositorRole::Surveyor, name: None },
            Err(Refusal::DepositorNameMissing),
        ),
        (|intake| intake.office = parse("PARIS"), Err(Refusal::UnknownOffice(parse("PARIS")))),
        (|intake| intake.handed_in = codes("form colour"), Err(Refusal::UnknownDocument(parse("colour")))),
        (|intake| intake.handed_in = codes("form form"), Err(Refusal::DuplicateDocument(parse("form")))),
        (
            |intake| intake.procedure = parse("NRU"),
            Err(Refusal::OtherProcedure { expected: parse("PCP"), given: parse("NRU") }),
        ),
    ];
    for (change, expected) in cases {
        let mut intake = intake();
        change(&mut intake);
        let events = register(&intake, &procedure(), &offices(), parse("2026-03-02"), receipt(1), 3);
        assert_eq!(events.map(|events| events.len()), expected, "{intake:?}");
    }
}

#[test]
fn the_moves_of_a_dossier_in_review() {
    let (_, dossier) = history("enter in_review");
    let to = |kind, step: &str| LegalMove { kind, position: Some(position(step)) };
    let stay = |kind| LegalMove { kind, position: None };
    let expected = vec![
        to(EnterStep, "legal_review"),
        to(RequestComplement, "incomplete"),
        to(ScheduleCommission, "scheduled"),
        to(Decide, "decided"),
        to(Withdraw, "withdrawn"),
        stay(Extend),
        stay(Correct),
        stay(AddNote),
        stay(ReprintReceipt),
        stay(ReplaceReceipt),
    ];
    assert_eq!(legal_moves(&dossier, &procedure()), expected);
}

#[test]
fn a_correction_takes_back_what_the_mistake_had_established() {
    let decided = history("enter in_review, schedule 2026-03-20, decide").1;
    assert!(decided.clock_stopped_on().is_some());
    let back = history("enter in_review, schedule 2026-03-20, decide, correct position in_review").1;
    assert_eq!((back.decision, back.commission, back.corrections), (None, None, 1));
    let not_ready = history("enter in_review, decide, ready, correct position decided").1;
    assert_eq!((not_ready.ready_on, not_ready.decision.is_some()), (None, true));
    assert_eq!(history("withdraw, correct position registered").1.clock_stopped_on(), None);
    let mistaken_request = history("enter in_review, request form, correct position in_review").1;
    assert!(mistaken_request.complement.is_some_and(|complement| complement.completed_on == Some(parse(TODAY))));
    let mistaken_receipt =
        history("request form title, receive form title, correct position incomplete, receive form").1;
    assert_eq!(mistaken_receipt.complement.unwrap().outstanding(), codes("title"));
    assert_eq!(history("enter in_review, schedule 2026-03-20, adjourn, correct position scheduled").1.adjournments, 0);
    let renamed = history("correct name Fatima, correct phone 0528773641, correct documents form site_plan title/").1;
    assert_eq!(renamed.registration.applicant.name, line("Fatima"));
    assert_eq!(renamed.registration.missing, []);
    assert_eq!(renamed.second_level_digits(), [LastFour::parse("3641").unwrap()]);
}

#[test]
fn receipts_are_counted_and_replaced() {
    let (_, dossier) = history("reprint, reprint, replace 2, reprint");
    let copies: Vec<_> =
        dossier.receipts.iter().map(|issued| (issued.id, issued.copies, issued.replaced_at.is_some())).collect();
    assert_eq!(copies, [(receipt(1), 2, true), (receipt(2), 1, false)]);
    assert_eq!(dossier.current_receipt().map(|issued| issued.id), Some(receipt(2)));
    assert!(dossier.receipt(receipt(1)).is_some() && dossier.receipt(receipt(3)).is_none());
}

#[test]
fn histories_that_cannot_be_are_refused() {
    let day = || parse("2026-03-02");
    let event = |event| recorded(day(), event);
    let start = registered(day());
    let request = || {
        event(Event::ComplementRequested { position: position("incomplete"), documents: codes("form"), message: None })
    };
    let after = |more: Vec<Recorded>| start.iter().cloned().chain(more).collect::<Vec<_>>();
    let cases = [
        (vec![], FoldError::NotRegistered),
        (vec![start[1].clone()], FoldError::NotRegistered),
        (after(vec![start[0].clone()]), FoldError::RegisteredTwice { version: 3 }),
        (after(vec![start[1].clone()]), FoldError::Receipt { version: 3 }),
        (after(vec![request(), request()]), FoldError::ComplementRequestedTwice { version: 4 }),
        (
            after(vec![event(Event::ComplementReceived { documents: codes("form"), position: None })]),
            FoldError::ComplementNotRequested { version: 3 },
        ),
        (
            after(vec![event(Event::ReceiptReprinted { receipt: receipt(9), copy: 1 })]),
            FoldError::Receipt { version: 3 },
        ),
    ];
    for (events, expected) in cases {
        assert_eq!(Dossier::fold(&reference(), &events), Err(expected));
    }
    assert_eq!(Dossier::fold(&parse("NRU-2026-000001"), &start), Err(FoldError::OtherProcedure));
}
