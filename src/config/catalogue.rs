//! Reads the catalogue file into procedures.
//!
//! Steps, documents and rules are written once, under their codes, and procedures name them: a name that is translated once
//! is corrected once, and a jurist reads each legal rule once. The alternative, every procedure with its own copies, was
//! rejected because thirteen copies of one sentence drift apart. What a procedure must satisfy as a whole is decided by
//! [`Procedure::new`]; this module only adds the line.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use toml::Spanned;

use super::{
    error::{ConfigError, Source},
    value::{Day, NAME, Read, Review, SENTENCE, Words},
};
use crate::dossier::{
    Catalogue, DocumentCode, DocumentSpec, LegalRule, Localized, Procedure, ProcedureCode, ProcedureParts, PublicState,
    RuleId, Silence, Step, StepCode, Term, TermUnit,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CatalogueFile {
    steps: BTreeMap<Read<StepCode>, StepEntry>,
    documents: BTreeMap<Read<DocumentCode>, DocumentEntry>,
    rules: BTreeMap<Read<RuleId>, RuleEntry>,
    procedures: Vec<ProcedureEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StepEntry {
    state: Read<PublicState>,
    name: Words,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DocumentEntry {
    name: Words,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleEntry {
    valid_from: Day,
    count: Spanned<u16>,
    unit: Read<TermUnit>,
    suspended_by_complement: bool,
    extension: Option<u16>,
    roll_to_working_day: bool,
    silence: Read<Silence>,
    basis: Words,
    /// What about the figures is unconfirmed.
    #[serde(default)]
    review: Review,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ProcedureEntry {
    code: Spanned<Read<ProcedureCode>>,
    name: Words,
    summary: Words,
    steps: Vec<Spanned<Read<StepCode>>>,
    transitions: BTreeMap<Read<StepCode>, Vec<Spanned<Read<StepCode>>>>,
    documents: Vec<Spanned<Read<DocumentCode>>>,
    #[serde(default)]
    optional: Vec<Spanned<Read<DocumentCode>>>,
    rules: Vec<Spanned<Read<RuleId>>>,
}

/// What procedures may name.
struct Shared {
    steps: BTreeMap<StepCode, (PublicState, Localized)>,
    documents: BTreeMap<DocumentCode, Localized>,
    rules: BTreeMap<RuleId, LegalRule>,
}

pub(super) fn read(source: &Source<'_>, reviews: &mut Vec<String>) -> Result<Catalogue, ConfigError> {
    let file: CatalogueFile = source.parse()?;
    let mut shared = Shared { steps: BTreeMap::new(), documents: BTreeMap::new(), rules: BTreeMap::new() };
    for (Read(code), entry) in file.steps {
        let name = entry.name.check(source, &format!("step {code}: name"), NAME, reviews)?;
        shared.steps.insert(code, (entry.state.0, name));
    }
    for (Read(code), entry) in file.documents {
        let name = entry.name.check(source, &format!("document {code}: name"), NAME, reviews)?;
        shared.documents.insert(code, name);
    }
    for (Read(id), entry) in file.rules {
        let rule = rule(source, id.clone(), entry, reviews)?;
        shared.rules.insert(id, rule);
    }

    let mut seen = BTreeSet::new();
    let mut procedures = Vec::new();
    for entry in file.procedures {
        let span = entry.code.span();
        let code = entry.code.get_ref().0.clone();
        if !seen.insert(code.clone()) {
            return Err(source.error(&span, format!("procedure {code} is there twice. Give the second another code")));
        }
        let parts = parts(source, &shared, entry, reviews)?;
        procedures.push(Procedure::new(parts).map_err(|error| source.error(&span, error.to_string()))?);
    }
    Catalogue::new(procedures).map_err(|error| source.error(&(0..0), error.to_string()))
}

fn rule(
    source: &Source<'_>,
    id: RuleId,
    entry: RuleEntry,
    reviews: &mut Vec<String>,
) -> Result<LegalRule, ConfigError> {
    let count = *entry.count.get_ref();
    if !(1..=1000).contains(&count) {
        return Err(
            source.error(&entry.count.span(), format!("rule {id}: a term has 1 to 1000 days or months, not {count}"))
        );
    }
    let basis = entry.basis.check(source, &format!("rule {id}: basis"), SENTENCE, reviews)?;
    let note = entry.review.note();
    if let Some(note) = &note {
        reviews.push(format!("rule {id}: figures{note}"));
    }
    Ok(LegalRule {
        id,
        valid_from: entry.valid_from.0,
        term: Term { count, unit: entry.unit.0 },
        suspended_by_complement: entry.suspended_by_complement,
        extension: entry.extension,
        roll_to_working_day: entry.roll_to_working_day,
        silence: entry.silence.0,
        basis,
        review: note.is_some(),
    })
}

fn parts(
    source: &Source<'_>,
    shared: &Shared,
    entry: ProcedureEntry,
    reviews: &mut Vec<String>,
) -> Result<ProcedureParts, ConfigError> {
    let code = entry.code.into_inner().0;
    let name = entry.name.check(source, &format!("procedure {code}: name"), NAME, reviews)?;
    let summary = entry.summary.check(source, &format!("procedure {code}: summary"), SENTENCE, reviews)?;

    let mut steps: Vec<Step> = Vec::new();
    for written in &entry.steps {
        let step = &written.get_ref().0;
        let (state, name) = shared.steps.get(step).ok_or_else(|| {
            source.error(
                &written.span(),
                format!("procedure {code} names the step `{step}`, which is not defined. Add [steps.{step}]"),
            )
        })?;
        steps.push(Step { code: step.clone(), state: *state, name: name.clone() });
    }

    let mut transitions = Vec::new();
    for (Read(from), targets) in entry.transitions {
        if let Some(stray) = targets.iter().find(|target| steps.iter().all(|step| step.code != target.get_ref().0)) {
            let target = &stray.get_ref().0;
            return Err(source.error(
                &stray.span(),
                format!(
                    "procedure {code} has a transition to `{target}`, which is not among its steps. Add it to `steps`"
                ),
            ));
        }
        transitions.push((from, targets.into_iter().map(|target| target.into_inner().0).collect()));
    }

    let mut documents: Vec<DocumentSpec> = Vec::new();
    let written = entry.documents.iter().map(|document| (document, true));
    for (document, required) in written.chain(entry.optional.iter().map(|document| (document, false))) {
        let span = document.span();
        let document = &document.get_ref().0;
        let name = shared.documents.get(document).ok_or_else(|| {
            let problem = format!(
                "procedure {code} names the document `{document}`, which is not defined. Add [documents.{document}]"
            );
            source.error(&span, problem)
        })?;
        documents.push(DocumentSpec { code: document.clone(), name: name.clone(), required });
    }

    let mut rules = Vec::new();
    for written in &entry.rules {
        let id = &written.get_ref().0;
        let rule = shared.rules.get(id).ok_or_else(|| {
            source.error(
                &written.span(),
                format!("procedure {code} names the rule `{id}`, which is not defined. Add [rules.{id}]"),
            )
        })?;
        rules.push(rule.clone());
    }

    Ok(ProcedureParts { code, name, summary, steps, transitions, documents, rules })
}
