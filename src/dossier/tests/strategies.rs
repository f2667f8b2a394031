//! Generators of the domain's values.

use std::str::FromStr;

use jiff::{Span, civil::Date};
use proptest::{prelude::*, sample::select};

use super::samples::parse;
use crate::{
    dossier::{
        Applicant, ApplicantKind, Audience, Correction, Depositor, DepositorRole, DocumentCode, Email, Event,
        IdentityDigest, LastFour, Line, Outcome, Paragraph, Phone, Position, PublicState, Registration, RuleTerms,
        Silence, Term, TermUnit,
    },
    receipt::ReceiptId,
};

pub(super) fn line() -> impl Strategy<Value = Line> {
    "[a-zé أبفاطمة\u{200C}ⵜⴰ'/0-9]{1,40}".prop_filter_map("a line", |text| Line::new(&text).ok())
}

pub(super) fn paragraph() -> impl Strategy<Value = Paragraph> {
    "[a-z \nأبج.]{1,80}".prop_filter_map("a paragraph", |text| Paragraph::new(&text).ok())
}

fn code<T: FromStr<Err: std::fmt::Debug> + std::fmt::Debug>() -> impl Strategy<Value = T> {
    "[a-zA-Z][a-zA-Z0-9_-]{0,31}".prop_map(|text| parse(&text))
}

fn documents() -> impl Strategy<Value = Vec<DocumentCode>> {
    prop::collection::vec(code(), 0..6)
}

pub(super) fn date() -> impl Strategy<Value = Date> {
    (0..40_000_i64).prop_map(|days| parse::<Date>("1990-01-01").saturating_add(Span::new().days(days)))
}

pub(super) fn phone() -> impl Strategy<Value = Phone> {
    "\\+[1-9][0-9]{7,14}".prop_filter_map("a phone", |text| Phone::parse(&text).ok())
}

fn email() -> impl Strategy<Value = Email> {
    "[a-z.]{1,20}@[a-z]{1,10}\\.[a-z]{2}".prop_map(|text| Email::parse(&text).unwrap())
}

fn identity() -> impl Strategy<Value = IdentityDigest> {
    (any::<[u8; 32]>(), "[0-9]{4}")
        .prop_map(|(keyed_hash, digits)| IdentityDigest { keyed_hash, last_four: LastFour::parse(&digits).unwrap() })
}

pub(super) fn applicant() -> impl Strategy<Value = Applicant> {
    (select(&ApplicantKind::ALL[..]), line()).prop_map(|(kind, name)| Applicant { kind, name })
}

fn depositor() -> impl Strategy<Value = Depositor> {
    (select(&DepositorRole::ALL[..]), prop::option::of(line())).prop_map(|(role, name)| Depositor { role, name })
}

fn position() -> impl Strategy<Value = Position> {
    (code(), select(&PublicState::ALL[..])).prop_map(|(step, state)| Position { step, state })
}

fn rule() -> impl Strategy<Value = RuleTerms> {
    let flags = (any::<bool>(), any::<bool>());
    let words = (select(&TermUnit::ALL[..]), select(&Silence::ALL[..]));
    (code(), any::<u16>(), prop::option::of(any::<u16>()), flags, words).prop_map(
        |(id, count, extension, (suspended_by_complement, roll_to_working_day), (unit, silence))| RuleTerms {
            id,
            term: Term { count, unit },
            suspended_by_complement,
            extension,
            roll_to_working_day,
            silence,
        },
    )
}

fn registration() -> impl Strategy<Value = Registration> {
    let contact = (prop::option::of(phone()), prop::option::of(email()), prop::option::of(identity()));
    let texts = (prop::option::of(line()), prop::option::of(line()), prop::option::of(paragraph()));
    let people = (applicant(), depositor());
    let lists = (documents(), documents());
    let place = ("[A-Z][A-Z0-9]{1,4}", position(), code());
    (place, people, contact, texts, lists, date(), prop::option::of(rule())).prop_map(
        |(place, people, contact, texts, lists, deposited_on, rule)| Registration {
            procedure: parse(&place.0),
            position: place.1,
            office: place.2,
            applicant: people.0,
            depositor: people.1,
            phone: contact.0,
            email: contact.1,
            identity: contact.2,
            parcel: texts.0,
            rokhas: texts.1,
            note: texts.2,
            handed_in: lists.0,
            missing: lists.1,
            deposited_on,
            rule,
        },
    )
}

pub(super) fn correction() -> BoxedStrategy<Correction> {
    prop_oneof![
        applicant().prop_map(Correction::Applicant),
        depositor().prop_map(Correction::Depositor),
        prop::option::of(phone()).prop_map(Correction::Phone),
        prop::option::of(email()).prop_map(Correction::Email),
        prop::option::of(identity()).prop_map(Correction::Identity),
        prop::option::of(line()).prop_map(Correction::Parcel),
        prop::option::of(line()).prop_map(Correction::Rokhas),
        code().prop_map(Correction::Office),
        (documents(), documents()).prop_map(|(handed_in, missing)| Correction::Documents { handed_in, missing }),
        position().prop_map(Correction::Position),
        select(&Outcome::ALL[..]).prop_map(Correction::Outcome),
    ]
    .boxed()
}

fn receipt() -> impl Strategy<Value = ReceiptId> {
    any::<[u8; 8]>().prop_map(ReceiptId::new)
}

/// Every kind of event, in the order of `Event`.
pub(super) fn event() -> BoxedStrategy<Event> {
    let reason = || prop::option::of(paragraph());
    let note = (select(&Audience::ALL[..]), paragraph());
    prop_oneof![
        registration().prop_map(|registration| Event::Registered(Box::new(registration))),
        position().prop_map(|position| Event::StepEntered { position }),
        (position(), documents(), reason()).prop_map(|(position, documents, message)| Event::ComplementRequested {
            position,
            documents,
            message
        }),
        (documents(), prop::option::of(position()))
            .prop_map(|(documents, position)| Event::ComplementReceived { documents, position }),
        (position(), date(), prop::option::of(line())).prop_map(|(position, on, place)| Event::CommissionScheduled {
            position,
            on,
            place
        }),
        (position(), reason()).prop_map(|(position, reason)| Event::Adjourned { position, reason }),
        (position(), select(&Outcome::ALL[..]), reason())
            .prop_map(|(position, outcome, reservations)| Event::Decided { position, outcome, reservations }),
        position().prop_map(|position| Event::Ready { position }),
        (position(), prop::option::of(line())).prop_map(|(position, by)| Event::Collected { position, by }),
        (position(), reason()).prop_map(|(position, reason)| Event::Withdrawn { position, reason }),
        (any::<u16>(), paragraph()).prop_map(|(count, reason)| Event::Extended { count, reason }),
        (correction(), paragraph()).prop_map(|(correction, reason)| Event::Corrected { correction, reason }),
        note.prop_map(|(audience, text)| Event::NoteAdded { audience, text }),
        (receipt(), any::<u8>()).prop_map(|(receipt, key_id)| Event::ReceiptIssued { receipt, key_id }),
        (receipt(), any::<u16>()).prop_map(|(receipt, copy)| Event::ReceiptReprinted { receipt, copy }),
        (receipt(), paragraph()).prop_map(|(receipt, reason)| Event::ReceiptReplaced { receipt, reason }),
    ]
    .boxed()
}
