//! The data of an event as the log's records hold it: CBOR maps with text keys. This page is the format's source.
//!
//! Keys stand in the order of deterministic CBOR (shorter first, then bytewise). A key marked `?` is absent when there is
//! nothing to say, never null. Days are texts `YYYY-MM-DD`, enumerations the words of `words.rs`, codes and names texts,
//! lists arrays. A *place* is the two keys `step` (the step's code) and `state` (its public state).
//!
//! | kind | keys |
//! |---|---|
//! | `registered` | place; `procedure`, `office`, `applicant` {`kind`, `name`}, `depositor` {`role`, `name`?}, `phone`? (E.164), `email`?, `identity`? {`hash` (32 bytes), `last4`}, `parcel`?, `rokhas`?, `handed` and `missing` (lists of document codes), `note`?, `deposited` (day), `rule`? {`id`, `count`, `unit`, `suspends` (bool), `extension`?, `roll` (bool), `silence`} |
//! | `step_entered` | place |
//! | `complement_requested` | place; `documents`, `message`? |
//! | `complement_received` | `documents`; place when the request is complete |
//! | `commission_scheduled` | place; `on` (day), `place`? |
//! | `adjourned` | place; `reason`? |
//! | `decided` | place; `outcome`, `reservations`? |
//! | `ready` | place |
//! | `collected` | place; `by`? |
//! | `withdrawn` | place; `reason`? |
//! | `extended` | `count`, `reason` |
//! | `corrected` | `field`, `value`?, `reason` |
//! | `note_added` | `audience`, `text` |
//! | `receipt_issued` | `receipt` (8 bytes), `key` (key id) |
//! | `receipt_reprinted` | `receipt`, `copy` |
//! | `receipt_replaced` | `receipt`, `reason` |
//!
//! `field` of a correction and what its `value` is: `applicant`, `depositor` and `identity` as above; `phone`, `email`,
//! `parcel`, `rokhas`, `office`, `outcome` a text; `documents` {`handed`, `missing`}; `position` {`step`, `state`}. An absent
//! `value` takes a telephone, e-mail, identity, parcel or Rokhas reference away.
//!
//! Records are hashed, so reading is strict: a map is read only if writing the event again gives the same map. Deriving the
//! format from the types with serde was rejected, because renaming a field would then change what is hashed.

use std::str::FromStr;

use ciborium::Value;

use super::{
    catalogue::{DocumentCode, Term},
    command::Correction,
    event::{Applicant, Depositor, Event, IdentityDigest, Position, Registration, RuleTerms},
};
use crate::receipt::ReceiptId;

/// Why a record's data is not an event. It names keys only, because values may be personal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EventDataError {
    #[error("unknown kind of event")]
    UnknownKind,
    #[error("the data is not a map with text keys")]
    NotAMap,
    #[error("the key `{0}` is missing")]
    Missing(&'static str),
    #[error("the key `{0}` holds a value that it cannot hold")]
    Invalid(&'static str),
    #[error("the data is not in the form in which this event is written, or holds more than it")]
    NotCanonical,
}

impl Event {
    /// The event's name in the record.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Registered(_) => "registered",
            Self::StepEntered { .. } => "step_entered",
            Self::ComplementRequested { .. } => "complement_requested",
            Self::ComplementReceived { .. } => "complement_received",
            Self::CommissionScheduled { .. } => "commission_scheduled",
            Self::Adjourned { .. } => "adjourned",
            Self::Decided { .. } => "decided",
            Self::Ready { .. } => "ready",
            Self::Collected { .. } => "collected",
            Self::Withdrawn { .. } => "withdrawn",
            Self::Extended { .. } => "extended",
            Self::Corrected { .. } => "corrected",
            Self::NoteAdded { .. } => "note_added",
            Self::ReceiptIssued { .. } => "receipt_issued",
            Self::ReceiptReprinted { .. } => "receipt_reprinted",
            Self::ReceiptReplaced { .. } => "receipt_replaced",
        }
    }

    /// The event's data as a map in deterministic order.
    pub fn to_data(&self) -> Value {
        let fields = Fields::default();
        match self {
            Self::Registered(registration) => write_registration(registration),
            Self::StepEntered { position } | Self::Ready { position } => fields.position(Some(position)),
            Self::ComplementRequested { position, documents, message } => fields
                .position(Some(position))
                .put("documents", codes(documents))
                .optional("message", message.as_ref().map(text)),
            Self::ComplementReceived { documents, position } => {
                fields.position(position.as_ref()).put("documents", codes(documents))
            }
            Self::CommissionScheduled { position, on, place } => {
                fields.position(Some(position)).put("on", text(on)).optional("place", place.as_ref().map(text))
            }
            Self::Adjourned { position, reason } | Self::Withdrawn { position, reason } => {
                fields.position(Some(position)).optional("reason", reason.as_ref().map(text))
            }
            Self::Decided { position, outcome, reservations } => fields
                .position(Some(position))
                .put("outcome", text(outcome))
                .optional("reservations", reservations.as_ref().map(text)),
            Self::Collected { position, by } => fields.position(Some(position)).optional("by", by.as_ref().map(text)),
            Self::Extended { count, reason } => fields.put("count", (*count).into()).put("reason", text(reason)),
            Self::Corrected { correction, reason } => {
                let (field, value) = write_correction(correction);
                fields.put("field", text(field)).optional("value", value).put("reason", text(reason))
            }
            Self::NoteAdded { audience, text: note } => fields.put("audience", text(audience)).put("text", text(note)),
            Self::ReceiptIssued { receipt, key_id } => {
                fields.put("receipt", receipt_id(*receipt)).put("key", (*key_id).into())
            }
            Self::ReceiptReprinted { receipt, copy } => {
                fields.put("receipt", receipt_id(*receipt)).put("copy", (*copy).into())
            }
            Self::ReceiptReplaced { receipt, reason } => {
                fields.put("receipt", receipt_id(*receipt)).put("reason", text(reason))
            }
        }
        .into_value()
    }

    /// Reads what `to_data` has written.
    ///
    /// # Errors
    /// When the kind is unknown, a key is missing or wrong, or anything is there beyond what the event would write.
    pub fn from_data(kind: &str, data: &Value) -> Result<Self, EventDataError> {
        let map = Map::of(data)?;
        let event = match kind {
            "registered" => Self::Registered(Box::new(read_registration(map)?)),
            "step_entered" => Self::StepEntered { position: map.position()? },
            "complement_requested" => Self::ComplementRequested {
                position: map.position()?,
                documents: map.codes("documents")?,
                message: map.optional("message")?,
            },
            "complement_received" => Self::ComplementReceived {
                documents: map.codes("documents")?,
                position: map.find("step").map(|_| map.position()).transpose()?,
            },
            "commission_scheduled" => Self::CommissionScheduled {
                position: map.position()?,
                on: map.parse("on")?,
                place: map.optional("place")?,
            },
            "adjourned" => Self::Adjourned { position: map.position()?, reason: map.optional("reason")? },
            "decided" => Self::Decided {
                position: map.position()?,
                outcome: map.parse("outcome")?,
                reservations: map.optional("reservations")?,
            },
            "ready" => Self::Ready { position: map.position()? },
            "collected" => Self::Collected { position: map.position()?, by: map.optional("by")? },
            "withdrawn" => Self::Withdrawn { position: map.position()?, reason: map.optional("reason")? },
            "extended" => Self::Extended { count: map.number("count")?, reason: map.parse("reason")? },
            "corrected" => Self::Corrected { correction: read_correction(map)?, reason: map.parse("reason")? },
            "note_added" => Self::NoteAdded { audience: map.parse("audience")?, text: map.parse("text")? },
            "receipt_issued" => Self::ReceiptIssued { receipt: map.receipt()?, key_id: map.number("key")? },
            "receipt_reprinted" => Self::ReceiptReprinted { receipt: map.receipt()?, copy: map.number("copy")? },
            "receipt_replaced" => Self::ReceiptReplaced { receipt: map.receipt()?, reason: map.parse("reason")? },
            _ => return Err(EventDataError::UnknownKind),
        };
        if event.to_data() == *data { Ok(event) } else { Err(EventDataError::NotCanonical) }
    }
}

fn write_registration(registration: &Registration) -> Fields {
    Fields::default()
        .position(Some(&registration.position))
        .put("procedure", text(&registration.procedure))
        .put("office", text(&registration.office))
        .put("applicant", write_applicant(&registration.applicant))
        .put("depositor", write_depositor(&registration.depositor))
        .optional("phone", registration.phone.as_ref().map(|phone| text(phone.e164())))
        .optional("email", registration.email.as_ref().map(|email| text(email.as_str())))
        .optional("identity", registration.identity.as_ref().map(write_identity))
        .optional("parcel", registration.parcel.as_ref().map(text))
        .optional("rokhas", registration.rokhas.as_ref().map(text))
        .put("handed", codes(&registration.handed_in))
        .put("missing", codes(&registration.missing))
        .optional("note", registration.note.as_ref().map(text))
        .put("deposited", text(&registration.deposited_on))
        .optional("rule", registration.rule.as_ref().map(write_rule))
}

fn read_registration(map: Map<'_>) -> Result<Registration, EventDataError> {
    Ok(Registration {
        procedure: map.parse("procedure")?,
        position: map.position()?,
        office: map.parse("office")?,
        applicant: read_applicant(map.map("applicant")?)?,
        depositor: read_depositor(map.map("depositor")?)?,
        phone: map.optional("phone")?,
        email: map.optional("email")?,
        identity: map.optional_map("identity")?.map(read_identity).transpose()?,
        parcel: map.optional("parcel")?,
        rokhas: map.optional("rokhas")?,
        handed_in: map.codes("handed")?,
        missing: map.codes("missing")?,
        note: map.optional("note")?,
        deposited_on: map.parse("deposited")?,
        rule: map.optional_map("rule")?.map(read_rule).transpose()?,
    })
}

fn write_applicant(applicant: &Applicant) -> Value {
    Fields::default().put("kind", text(&applicant.kind)).put("name", text(&applicant.name)).into_value()
}

fn read_applicant(map: Map<'_>) -> Result<Applicant, EventDataError> {
    Ok(Applicant { kind: map.parse("kind")?, name: map.parse("name")? })
}

fn write_depositor(depositor: &Depositor) -> Value {
    let name = depositor.name.as_ref().map(text);
    Fields::default().put("role", text(&depositor.role)).optional("name", name).into_value()
}

fn read_depositor(map: Map<'_>) -> Result<Depositor, EventDataError> {
    Ok(Depositor { role: map.parse("role")?, name: map.optional("name")? })
}

fn write_identity(identity: &IdentityDigest) -> Value {
    let hash = Value::Bytes(identity.keyed_hash.to_vec());
    Fields::default().put("hash", hash).put("last4", text(identity.last_four.as_str())).into_value()
}

fn read_identity(map: Map<'_>) -> Result<IdentityDigest, EventDataError> {
    Ok(IdentityDigest { keyed_hash: map.bytes("hash")?, last_four: map.parse("last4")? })
}

fn write_rule(rule: &RuleTerms) -> Value {
    Fields::default()
        .put("id", text(&rule.id))
        .put("count", rule.term.count.into())
        .put("unit", text(&rule.term.unit))
        .put("suspends", rule.suspended_by_complement.into())
        .optional("extension", rule.extension.map(Value::from))
        .put("roll", rule.roll_to_working_day.into())
        .put("silence", text(&rule.silence))
        .into_value()
}

fn read_rule(map: Map<'_>) -> Result<RuleTerms, EventDataError> {
    Ok(RuleTerms {
        id: map.parse("id")?,
        term: Term { count: map.number("count")?, unit: map.parse("unit")? },
        suspended_by_complement: map.flag("suspends")?,
        extension: map.find("extension").map(|_| map.number("extension")).transpose()?,
        roll_to_working_day: map.flag("roll")?,
        silence: map.parse("silence")?,
    })
}

fn write_correction(correction: &Correction) -> (&'static str, Option<Value>) {
    match correction {
        Correction::Applicant(applicant) => ("applicant", Some(write_applicant(applicant))),
        Correction::Depositor(depositor) => ("depositor", Some(write_depositor(depositor))),
        Correction::Phone(phone) => ("phone", phone.as_ref().map(|phone| text(phone.e164()))),
        Correction::Email(email) => ("email", email.as_ref().map(|email| text(email.as_str()))),
        Correction::Identity(identity) => ("identity", identity.as_ref().map(write_identity)),
        Correction::Parcel(parcel) => ("parcel", parcel.as_ref().map(text)),
        Correction::Rokhas(rokhas) => ("rokhas", rokhas.as_ref().map(text)),
        Correction::Office(office) => ("office", Some(text(office))),
        Correction::Documents { handed_in, missing } => {
            let lists = Fields::default().put("handed", codes(handed_in)).put("missing", codes(missing));
            ("documents", Some(lists.into_value()))
        }
        Correction::Position(position) => ("position", Some(Fields::default().position(Some(position)).into_value())),
        Correction::Outcome(outcome) => ("outcome", Some(text(outcome))),
    }
}

fn read_correction(map: Map<'_>) -> Result<Correction, EventDataError> {
    const VALUE: &str = "value";
    Ok(match map.text("field")? {
        "applicant" => Correction::Applicant(read_applicant(map.map(VALUE)?)?),
        "depositor" => Correction::Depositor(read_depositor(map.map(VALUE)?)?),
        "phone" => Correction::Phone(map.optional(VALUE)?),
        "email" => Correction::Email(map.optional(VALUE)?),
        "identity" => Correction::Identity(map.optional_map(VALUE)?.map(read_identity).transpose()?),
        "parcel" => Correction::Parcel(map.optional(VALUE)?),
        "rokhas" => Correction::Rokhas(map.optional(VALUE)?),
        "office" => Correction::Office(map.parse(VALUE)?),
        "documents" => {
            let lists = map.map(VALUE)?;
            Correction::Documents { handed_in: lists.codes("handed")?, missing: lists.codes("missing")? }
        }
        "position" => Correction::Position(map.map(VALUE)?.position()?),
        "outcome" => Correction::Outcome(map.parse(VALUE)?),
        _ => return Err(EventDataError::Invalid("field")),
    })
}

/// A map under construction.
#[derive(Default)]
struct Fields(Vec<(&'static str, Value)>);

impl Fields {
    fn put(mut self, key: &'static str, value: Value) -> Self {
        self.0.push((key, value));
        self
    }

    fn optional(self, key: &'static str, value: Option<Value>) -> Self {
        match value {
            Some(value) => self.put(key, value),
            None => self,
        }
    }

    fn position(self, position: Option<&Position>) -> Self {
        match position {
            Some(position) => self.put("step", text(&position.step)).put("state", text(&position.state)),
            None => self,
        }
    }

    /// For texts shorter than 24 bytes, as all keys are, this is the bytewise order of the encoded keys (RFC 8949, 4.2.1).
    fn into_value(mut self) -> Value {
        self.0.sort_by_key(|(key, _)| (key.len(), *key));
        Value::Map(self.0.into_iter().map(|(key, value)| (text(key), value)).collect())
    }
}

fn text<T: ToString + ?Sized>(shown: &T) -> Value {
    Value::Text(shown.to_string())
}

fn codes(documents: &[DocumentCode]) -> Value {
    Value::Array(documents.iter().map(text).collect())
}

fn receipt_id(receipt: ReceiptId) -> Value {
    Value::Bytes(receipt.as_bytes().to_vec())
}

/// A map being read.
#[derive(Clone, Copy)]
struct Map<'a>(&'a [(Value, Value)]);

impl<'a> Map<'a> {
    fn of(value: &'a Value) -> Result<Self, EventDataError> {
        value.as_map().map(|entries| Self(entries)).ok_or(EventDataError::NotAMap)
    }

    fn find(self, key: &str) -> Option<&'a Value> {
        self.0.iter().find(|(name, _)| name.as_text() == Some(key)).map(|(_, value)| value)
    }

    fn require(self, key: &'static str) -> Result<&'a Value, EventDataError> {
        self.find(key).ok_or(EventDataError::Missing(key))
    }

    fn text(self, key: &'static str) -> Result<&'a str, EventDataError> {
        self.require(key)?.as_text().ok_or(EventDataError::Invalid(key))
    }

    fn parse<T: FromStr>(self, key: &'static str) -> Result<T, EventDataError> {
        self.text(key)?.parse().map_err(|_| EventDataError::Invalid(key))
    }

    fn optional<T: FromStr>(self, key: &'static str) -> Result<Option<T>, EventDataError> {
        self.find(key).map(|_| self.parse(key)).transpose()
    }

    fn number<T: TryFrom<u64>>(self, key: &'static str) -> Result<T, EventDataError> {
        let whole = self.require(key)?.as_integer().and_then(|whole| u64::try_from(whole).ok());
        whole.and_then(|whole| T::try_from(whole).ok()).ok_or(EventDataError::Invalid(key))
    }

    fn flag(self, key: &'static str) -> Result<bool, EventDataError> {
        self.require(key)?.as_bool().ok_or(EventDataError::Invalid(key))
    }

    fn bytes<const N: usize>(self, key: &'static str) -> Result<[u8; N], EventDataError> {
        let bytes = self.require(key)?.as_bytes().map(Vec::as_slice);
        bytes.and_then(|bytes| bytes.try_into().ok()).ok_or(EventDataError::Invalid(key))
    }

    fn receipt(self) -> Result<ReceiptId, EventDataError> {
        self.bytes("receipt").map(ReceiptId::new)
    }

    fn codes(self, key: &'static str) -> Result<Vec<DocumentCode>, EventDataError> {
        let items = self.require(key)?.as_array().ok_or(EventDataError::Invalid(key))?;
        let code = |item: &Value| item.as_text().and_then(|text| text.parse().ok()).ok_or(EventDataError::Invalid(key));
        items.iter().map(code).collect()
    }

    fn map(self, key: &'static str) -> Result<Self, EventDataError> {
        Self::of(self.require(key)?).map_err(|_| EventDataError::Invalid(key))
    }

    fn optional_map(self, key: &'static str) -> Result<Option<Self>, EventDataError> {
        self.find(key).map(|_| self.map(key)).transpose()
    }

    fn position(self) -> Result<Position, EventDataError> {
        Ok(Position { step: self.parse("step")?, state: self.parse("state")? })
    }
}
