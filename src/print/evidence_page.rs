//! The page inside a bundle of evidence: a dossier's history for people who have no part in the office, what is proven and
//! what is not, and the commands with which anybody checks it.
//!
//! One file without a script or anything that has to be fetched, so that it reads the same in ten years and prints as it is.

use askama::Template;

use super::Happenings;
use crate::{
    config::Issuer,
    dossier::{Language, Procedure, Recorded},
    i18n,
    receipt::PublishedKey,
    service::Evidence,
    tlog::{LogEvent, NoteVerifier, Policy},
};

struct Happening {
    when: String,
    who: String,
    what: String,
    details: Vec<String>,
    leaf: u64,
}

struct ReceiptLine {
    number: usize,
    issued: String,
    replaced: Option<String>,
    leaf: u64,
}

struct LogLine {
    when: String,
    what: String,
    leaf: u64,
}

struct KeyLine {
    purpose: String,
    kid: String,
    public: String,
    revoked: Option<String>,
}

#[derive(Template)]
#[template(config = "assets/templates/askama.toml", path = "evidence/evidence.html")]
pub(super) struct EvidencePage {
    language: Language,
    reference: String,
    office: String,
    address: String,
    /// When the personal data were erased, and why.
    erased: Option<(String, String)>,
    facts: Vec<(String, String)>,
    history: Vec<Happening>,
    receipts: Vec<ReceiptLine>,
    log: Vec<LogLine>,
    size: String,
    root: String,
    origin: String,
    /// Names and times of the witnesses whose cosignatures hold.
    witnesses: Vec<(String, String)>,
    /// Whether they are as many as the office's policy asks for; `None` without a policy that asks.
    quorum: Option<bool>,
    keys: Vec<KeyLine>,
    signatures: Vec<String>,
}

impl EvidencePage {
    pub(super) fn new(issuer: &Issuer, evidence: &Evidence, policy: Option<&Policy>, language: Language) -> Self {
        let dossier = evidence.view.as_ref().map(|view| &view.dossier);
        let procedure = dossier.and_then(|dossier| issuer.catalogue.procedure(&dossier.registration.procedure));
        let published = &evidence.published;
        let vkey = |key: &PublishedKey| NoteVerifier::parse(key.vkey.as_deref()?).ok();
        let verifiers: Vec<NoteVerifier> = evidence.keys.log.iter().filter_map(vkey).collect();
        let witnessed = policy.and_then(|policy| policy.judge_with(&published.note, &verifiers).ok());
        let when = |at| moment(issuer.civil_time(at));
        let receipts = (1..).zip(&evidence.receipts).map(|(number, receipt)| ReceiptLine {
            number,
            issued: when(receipt.receipt.issued_at),
            replaced: receipt.receipt.replaced_at.map(when),
            leaf: receipt.receipt.leaf_index,
        });
        let log = evidence.log_events.iter().zip(&evidence.log_entries);
        Self {
            language,
            reference: evidence.reference.to_string(),
            office: issuer.names.get(language).to_owned(),
            address: issuer.public_url.as_str().to_owned(),
            erased: evidence.erased.as_ref().map(|erased| (i18n::date(erased.on), erased.reason.clone())),
            facts: evidence
                .view
                .as_ref()
                .map_or_else(Vec::new, |view| facts(issuer, language, procedure, &view.dossier)),
            history: evidence
                .view
                .as_ref()
                .map_or_else(Vec::new, |view| history(issuer, language, procedure, &view.events)),
            receipts: receipts.collect(),
            log: log
                .map(|((at, event), entry)| LogLine {
                    when: when(*at),
                    what: log_event(language, event),
                    leaf: entry.row.index,
                })
                .collect(),
            size: published.checkpoint.size.to_string(),
            root: hex::encode(published.checkpoint.root),
            origin: published.checkpoint.origin.clone(),
            witnesses: witnessed.as_ref().map_or_else(Vec::new, |witnessed| {
                witnessed.cosigners.iter().map(|(name, at)| (name.clone(), universal(*at))).collect()
            }),
            quorum: policy
                .filter(|policy| policy.asks_for_witnesses())
                .map(|_| witnessed.is_some_and(|witnessed| witnessed.quorum)),
            keys: keys(issuer, evidence, language),
            signatures: signatures(evidence, policy),
        }
    }

    pub(super) fn text(&self) -> String {
        self.render().expect("rendering into memory fails only when a template's own code does")
    }

    fn t(&self, key: &str) -> String {
        i18n::text(self.language, key)
    }

    fn with(&self, key: &str, name: &str, value: &str) -> String {
        i18n::text_with(self.language, key, &[(name, value)])
    }

    fn archive(&self) -> String {
        format!("{}.zip", self.reference)
    }

    /// The reader's own copies lie beside the archive, not in it.
    fn verify(&self) -> String {
        let policy = if self.quorum.is_some() { " --policy ../policy" } else { "" };
        format!("milaf verify ../{} --keys ../keys.json{policy}", self.archive())
    }
}

fn facts(
    issuer: &Issuer,
    language: Language,
    procedure: Option<&Procedure>,
    dossier: &crate::dossier::Dossier,
) -> Vec<(String, String)> {
    let registration = &dossier.registration;
    let name = procedure.map(|procedure| procedure.name().get(language).to_owned());
    let office = issuer.office(&registration.office).map(|office| office.name.get(language).to_owned());
    let mut facts = vec![
        ("field-procedure", name.unwrap_or_else(|| registration.procedure.to_string())),
        ("field-applicant", registration.applicant.name.to_string()),
        ("field-office", office.unwrap_or_else(|| registration.office.to_string())),
        ("desk-deposited-at", moment(issuer.civil_time(dossier.registered_at))),
    ];
    facts.extend(registration.parcel.as_ref().map(|parcel| ("field-parcel", parcel.to_string())));
    facts.into_iter().map(|(key, value)| (i18n::text(language, key), value)).collect()
}

/// Oldest first, as a story is told.
fn history(
    issuer: &Issuer,
    language: Language,
    procedure: Option<&Procedure>,
    events: &[(u64, Recorded)],
) -> Vec<Happening> {
    let words = Happenings { language, issuer, procedure };
    let happening = |(leaf, recorded): &(u64, Recorded)| Happening {
        when: moment(issuer.civil_time(recorded.at)),
        who: recorded.actor.clone(),
        what: words.name(&recorded.event),
        details: words.details(&recorded.event),
        leaf: *leaf,
    };
    events.iter().map(happening).collect()
}

fn log_event(language: Language, event: &LogEvent) -> String {
    let (key, purpose, reason) = match event {
        LogEvent::RollbackAccepted { reason, .. } => ("evidence-log-rollback", None, reason.as_str()),
        LogEvent::KeyRotated { purpose, .. } => ("evidence-log-rotated", Some(*purpose), ""),
        LogEvent::KeyRevoked { purpose, reason, .. } => ("evidence-log-revoked", Some(*purpose), reason.as_str()),
        LogEvent::Erased { reason, .. } => ("evidence-log-erased", None, reason.as_str()),
    };
    let purpose = purpose.map(|purpose| i18n::text(language, &format!("evidence-key-{}", purpose.name())));
    i18n::text_with(language, key, &[("purpose", &purpose.unwrap_or_default()), ("reason", reason)])
}

fn keys(issuer: &Issuer, evidence: &Evidence, language: Language) -> Vec<KeyLine> {
    let line = |purpose: &'static str, key: &PublishedKey| KeyLine {
        purpose: i18n::text(language, purpose),
        kid: hex::encode(key.kid),
        public: hex::encode(key.key),
        revoked: key.revoked.as_ref().map(|revoked| {
            let at = jiff::Timestamp::from_millisecond(revoked.since_ms);
            at.map_or_else(|_| revoked.since_ms.to_string(), |at| moment(issuer.civil_time(at)))
        }),
    };
    let seal = evidence.keys.seal.iter().map(|key| line("evidence-key-seal", key));
    seal.chain(evidence.keys.log.iter().map(|key| line("evidence-key-log", key))).collect()
}

/// The names that `check.py` gives to the files of each signature, in its order.
fn signatures(evidence: &Evidence, policy: Option<&Policy>) -> Vec<String> {
    let note = &evidence.published.note;
    let signed = |key: &&PublishedKey| {
        let verifier = key.vkey.as_deref().and_then(|vkey| NoteVerifier::parse(vkey).ok());
        verifier.is_some_and(|verifier| verifier.open(note).is_ok())
    };
    let checkpoint = evidence.keys.log.iter().filter(signed);
    let mut names: Vec<String> = checkpoint.map(|key| format!("checkpoint-{}", hex::encode(key.kid))).collect();
    names.extend((1..=evidence.receipts.len()).map(|number| ["receipt", &number.to_string()].join("-")));
    let witnesses = policy.map_or(&[][..], |policy| policy.witnesses());
    let cosigned = witnesses.iter().filter(|witness| matches!(witness.verifier.verify(note), Ok(Some(_))));
    names.extend(cosigned.map(|witness| format!("witness-{}", hex::encode(witness.verifier.key_id()))));
    names
}

fn moment(at: jiff::civil::DateTime) -> String {
    format!("{} {:02}:{:02}", i18n::date(at.date()), at.hour(), at.minute())
}

/// By the witness's clock, in universal time.
fn universal(seconds: u64) -> String {
    let moment = i64::try_from(seconds).ok().and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
    moment.map_or_else(|| seconds.to_string(), |moment| moment.strftime("%d/%m/%Y %H:%M UTC").to_string())
}
