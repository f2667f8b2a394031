//! Random walks: whatever staff try, in whatever order, the dossier stays one that can be explained.

use jiff::{Span, civil::Date};
use proptest::{prelude::*, sample::select};

use super::{
    calendar::morocco,
    samples::{fold, line, paragraph, parse, position, procedure, receipt, recorded, registered},
    strategies,
};
use crate::{
    dossier::{
        Applicant, ApplicantKind, Audience, Command, CommandKind, Correction, DocumentCode, Dossier, Event, LegalClock,
        LegalMove, Outcome, Position, PublicState, Recorded, decide, legal_moves,
    },
    receipt::ReceiptId,
};

const STEPS: [&str; 10] = [
    "registered",
    "in_review",
    "legal_review",
    "incomplete",
    "scheduled",
    "adjourned",
    "decided",
    "ready",
    "collected",
    "withdrawn",
];

fn documents() -> impl Strategy<Value = Vec<DocumentCode>> {
    prop::collection::vec(select(&["form", "site_plan", "title", "photo", "colour"][..]).prop_map(parse), 0..4)
}

fn place() -> impl Strategy<Value = Position> {
    select(&STEPS[..]).prop_map(position)
}

fn command() -> impl Strategy<Value = Command> {
    let correction = prop_oneof![strategies::correction(), place().prop_map(Correction::Position)];
    prop_oneof![
        6 => place().prop_map(|place| Command::EnterStep { step: place.step }),
        2 => documents().prop_map(|documents| Command::RequestComplement { documents, message: None }),
        4 => documents().prop_map(|documents| Command::ReceiveComplement { documents }),
        3 => strategies::date().prop_map(|on| Command::ScheduleCommission { on, place: None }),
        2 => Just(Command::Adjourn { reason: None }),
        2 => select(&Outcome::ALL[..]).prop_map(|outcome| Command::Decide { outcome, reservations: None }),
        2 => Just(Command::MarkReady),
        1 => Just(Command::Collect { by: None }),
        1 => Just(Command::Withdraw { reason: None }),
        2 => strategies::paragraph().prop_map(|reason| Command::Extend { reason }),
        3 => (correction, strategies::paragraph()).prop_map(|(correction, reason)| Command::Correct { correction, reason }),
        1 => strategies::paragraph().prop_map(|text| Command::AddNote { audience: Audience::Public, text }),
        1 => Just(Command::ReprintReceipt),
        1 => (0..20_u8).prop_map(|new| Command::ReplaceReceipt { new: receipt(new), key_id: 1, reason: paragraph("lost") }),
    ]
}

/// Every command of a kind with details that nothing but the dossier's state can refuse; one for each step to enter.
fn suitable(kind: CommandKind, dossier: &Dossier, today: Date) -> Vec<Command> {
    let outstanding = dossier.complement.as_ref().map_or_else(Vec::new, super::super::Complement::outstanding);
    let documents = if outstanding.is_empty() { vec![parse("form")] } else { outstanding };
    let reason = || paragraph("because");
    let new_name = format!("{} X", dossier.registration.applicant.name.as_str().chars().take(100).collect::<String>());
    let applicant = Applicant { kind: ApplicantKind::Company, name: line(&new_name) };
    let one = match kind {
        CommandKind::EnterStep => return STEPS.iter().map(|step| Command::EnterStep { step: parse(step) }).collect(),
        CommandKind::RequestComplement => Command::RequestComplement { documents: vec![parse("form")], message: None },
        CommandKind::ReceiveComplement => Command::ReceiveComplement { documents },
        CommandKind::ScheduleCommission => Command::ScheduleCommission { on: today, place: None },
        CommandKind::Adjourn => Command::Adjourn { reason: None },
        CommandKind::Decide => Command::Decide { outcome: Outcome::Unfavourable, reservations: None },
        CommandKind::MarkReady => Command::MarkReady,
        CommandKind::Collect => Command::Collect { by: None },
        CommandKind::Withdraw => Command::Withdraw { reason: None },
        CommandKind::Extend => Command::Extend { reason: reason() },
        CommandKind::Correct => Command::Correct { correction: Correction::Applicant(applicant), reason: reason() },
        CommandKind::AddNote => Command::AddNote { audience: Audience::Internal, text: reason() },
        CommandKind::ReprintReceipt => Command::ReprintReceipt,
        CommandKind::ReplaceReceipt => {
            Command::ReplaceReceipt { new: ReceiptId::new(*b"unused!!"), key_id: 0, reason: reason() }
        }
    };
    vec![one]
}

/// Where an event leaves the dossier, as a legal move states it.
fn destination(event: &Event) -> Option<Position> {
    match event {
        Event::StepEntered { position }
        | Event::ComplementRequested { position, .. }
        | Event::CommissionScheduled { position, .. }
        | Event::Adjourned { position, .. }
        | Event::Decided { position, .. }
        | Event::Ready { position }
        | Event::Collected { position, .. }
        | Event::Withdrawn { position, .. } => Some(position.clone()),
        Event::ComplementReceived { position, .. } => position.clone(),
        _ => None,
    }
}

fn check_moves(dossier: &Dossier, today: Date) -> Result<(), TestCaseError> {
    let procedure = procedure();
    let mut accepted = Vec::new();
    for kind in CommandKind::ALL {
        for command in suitable(kind, dossier, today) {
            prop_assert_eq!(command.kind(), kind);
            if let Ok(events) = decide(dossier, &procedure, &command, today) {
                accepted.push(LegalMove { kind, position: destination(&events[0]) });
            }
        }
    }
    let mut announced = legal_moves(dossier, &procedure);
    announced.sort_by_key(key);
    accepted.sort_by_key(key);
    prop_assert_eq!(announced, accepted);
    Ok(())
}

fn key(legal: &LegalMove) -> (CommandKind, Option<String>) {
    (legal.kind, legal.position.as_ref().map(|position| position.step.to_string()))
}

fn check_dossier(dossier: &Dossier, history: &[Recorded]) -> Result<(), TestCaseError> {
    prop_assert_eq!(&fold(history), dossier);
    prop_assert_eq!(dossier.version as usize, history.len());
    prop_assert_eq!(dossier.receipts.iter().filter(|issued| issued.replaced_at.is_none()).count(), 1);
    prop_assert_eq!(dossier.current_receipt(), dossier.receipts.last());
    let count = |kind: &str| history.iter().filter(|recorded| recorded.event.kind() == kind).count();
    prop_assert!(count("complement_requested") <= 1);
    prop_assert!(count("extended") <= 1);
    prop_assert_eq!(usize::from(dossier.corrections), count("corrected"));
    let state = dossier.position.state;
    let waiting = dossier.complement.as_ref().is_some_and(super::super::Complement::is_open);
    prop_assert!(state != PublicState::Incomplete || waiting);
    prop_assert!(!waiting || state == PublicState::Incomplete || dossier.clock_stopped_on().is_some());
    prop_assert!(state != PublicState::Decided || dossier.decision.is_some());
    let was_ready = matches!(state, PublicState::Ready | PublicState::Collected);
    prop_assert_eq!(was_ready, dossier.ready_on.is_some());
    prop_assert!(state != PublicState::Scheduled || dossier.commission.is_some());
    prop_assert_eq!(state == PublicState::Withdrawn, dossier.withdrawn_on.is_some());
    prop_assert_eq!(state == PublicState::Collected, dossier.collected_on.is_some());
    prop_assert!(
        dossier.registration.depositor.name.is_some() || dossier.registration.depositor.role.as_str() == "applicant"
    );
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn whatever_staff_try_the_dossier_can_be_explained(attempts in prop::collection::vec((command(), 0..4_i64), 1..60)) {
        let mut today = parse::<Date>("2026-03-02");
        let mut history = registered(today);
        let mut dossier = fold(&history);
        let procedure = procedure();
        for (command, wait) in attempts {
            today = today.saturating_add(Span::new().days(wait));
            let moves = legal_moves(&dossier, &procedure);
            check_moves(&dossier, today)?;
            let Ok(events) = decide(&dossier, &procedure, &command, today) else { continue };
            prop_assert!(moves.iter().any(|legal| legal.kind == command.kind()));
            if let Some(position) = destination(&events[0]) {
                let step = dossier.position.step.clone();
                let declared = procedure.successors(&step).iter().any(|step| step.code == position.step);
                prop_assert!(declared || command.kind() == CommandKind::ReceiveComplement);
            }
            for event in events {
                prop_assert_eq!(Event::from_data(event.kind(), &event.to_data()), Ok(event.clone()));
                let recorded = recorded(today, event);
                dossier.apply(&recorded);
                history.push(recorded);
            }
            check_dossier(&dossier, &history)?;
            let clock = LegalClock::of(&dossier, &morocco(), today).expect("the sample procedure has a rule");
            prop_assert_eq!(clock.start, dossier.registration.deposited_on);
        }
    }
}
