//! The office's keys as a table, for people and for programs. It says where a key lies and never what it is.

use std::fmt::Write as _;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{
    receipt::{HistoricKey, KeyRing},
    service::{KeyState, Service},
    tlog::KeyPurpose,
};

pub(super) struct KeyRow {
    purpose: KeyPurpose,
    number: u32,
    /// A seal key's id, a log key's verifier key, or the beginning of a token key's check value.
    name: String,
    state: KeyState,
    from: Option<Timestamp>,
    until: Option<Timestamp>,
    revoked: Option<(Option<Timestamp>, String)>,
    place: String,
    here: bool,
}

pub(super) fn key_rows(service: &Service) -> Vec<KeyRow> {
    let (ring, now) = (service.keys(), service.now().as_millisecond());
    let of_purpose = |purpose: KeyPurpose| {
        let keys: Vec<KeyRow> =
            ring.history().keys(purpose).iter().map(|key| row(service, &ring, purpose, key, now)).collect();
        keys
    };
    KeyPurpose::ALL.into_iter().flat_map(of_purpose).collect()
}

fn row(service: &Service, ring: &KeyRing, purpose: KeyPurpose, key: &HistoricKey, now: i64) -> KeyRow {
    let moment = |milliseconds: i64| Timestamp::from_millisecond(milliseconds).ok();
    let published = ring.published(purpose).into_iter().find(|published| published.key == key.public);
    let name = published.map(|published| published.vkey.unwrap_or_else(|| hex::encode(published.kid)));
    KeyRow {
        purpose,
        number: key.number,
        name: name.unwrap_or_else(|| hex::encode(&key.public[..4])),
        state: KeyState::of(key, now),
        from: key.from_ms.and_then(moment),
        until: key.until_ms.and_then(moment),
        revoked: key.revoked.as_ref().map(|revoked| (moment(revoked.since_ms), revoked.reason.clone())),
        place: service.place_of_key(purpose, key.number),
        here: ring.holds(purpose, key.number),
    }
}

impl KeyRow {
    fn state(&self) -> &'static str {
        match self.state {
            KeyState::InUse => "in use",
            KeyState::ToCome => "to come",
            KeyState::Ended => "ended",
            KeyState::Revoked => "revoked",
        }
    }

    /// One line of text for people, such as `milaf doctor`'s readers.
    pub(super) fn line(&self) -> String {
        let mut line = format!("{} {}: {}", self.purpose.name(), self.number, self.state());
        if let Some(from) = self.from {
            // Writing to a text does not fail.
            let _ = write!(line, ", from {from}");
        }
        if let Some(until) = self.until {
            let _ = write!(line, ", until {until}");
        }
        if let Some((Some(since), reason)) = &self.revoked {
            let _ = write!(line, ", revoked since {since}: {}", reason.replace('\n', " "));
        }
        if !self.here {
            let _ = write!(line, "; {} is not here", self.place);
        }
        line
    }

    fn cells(&self) -> [String; 8] {
        let time = |time: Option<Timestamp>| time.map_or_else(|| "-".to_owned(), |time| time.to_string());
        let revoked = match &self.revoked {
            Some((since, reason)) => format!("{} {}", time(*since), reason.replace('\n', " ")),
            None => "-".to_owned(),
        };
        let here = if self.here { "" } else { " (missing)" };
        [
            self.purpose.name().to_owned(),
            self.number.to_string(),
            self.state().to_owned(),
            time(self.from),
            time(self.until),
            revoked,
            self.name.clone(),
            format!("{}{here}", self.place),
        ]
    }

    fn json(&self) -> Value {
        let time = |time: Option<Timestamp>| time.map(|time| time.to_string());
        json!({
            "purpose": self.purpose.name(),
            "number": self.number,
            "key": self.name,
            "state": self.state(),
            "from": time(self.from),
            "until": time(self.until),
            "revoked_since": self.revoked.as_ref().and_then(|(since, _)| time(*since)),
            "revoked_reason": self.revoked.as_ref().map(|(_, reason)| reason),
            "place": self.place,
            "here": self.here,
        })
    }
}

pub(super) fn as_json(rows: &[KeyRow]) -> String {
    let rows: Vec<Value> = rows.iter().map(KeyRow::json).collect();
    format!("{:#}", Value::Array(rows))
}

pub(super) fn as_table(rows: &[KeyRow]) -> String {
    let head = ["PURPOSE", "NUMBER", "STATE", "FROM", "UNTIL", "REVOKED SINCE", "KEY", "PLACE"].map(str::to_owned);
    let lines: Vec<[String; 8]> = std::iter::once(head).chain(rows.iter().map(KeyRow::cells)).collect();
    let widths: [usize; 8] =
        std::array::from_fn(|column| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or_default());
    let line = |cells: &[String; 8]| {
        let padded = cells.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    lines.iter().map(line).collect::<Vec<_>>().join("\n")
}
