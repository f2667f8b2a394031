//! The procedures an agency handles: their steps, documents and legal rules, checked once when the catalogue is read.
//!
//! A legal figure is data with a date and a basis, never code, because the law changes and running dossiers keep the rule
//! of the day on which they were handed in.

use std::{collections::BTreeSet, fmt, str::FromStr};

use jiff::civil::Date;

use super::{
    event::{Position, PublicState, RuleTerms},
    language::Localized,
    reference::ProcedureCode,
};

/// A short code inside the catalogue: ASCII letters, digits, `_` and `-`, at most 32 bytes, starting with a letter.
macro_rules! code {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(String);

        impl $name {
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = CatalogueError;

            fn from_str(text: &str) -> Result<Self, CatalogueError> {
                let valid = (1..=32).contains(&text.len())
                    && text.starts_with(|c: char| c.is_ascii_alphabetic())
                    && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
                if valid { Ok(Self(text.to_owned())) } else { Err(CatalogueError::Code(text.chars().take(40).collect())) }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

code!(
    /// A step of a procedure, for example `technical_review`.
    StepCode
);
code!(
    /// A document of a procedure's checklist, for example `site_plan`.
    DocumentCode
);
code!(
    /// An office of the issuer, for example `TAN-TAN`.
    OfficeCode
);
code!(
    /// A version of a legal rule, for example `pcp-2023`.
    RuleId
);

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    pub code: StepCode,
    pub state: PublicState,
    pub name: Localized,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentSpec {
    pub code: DocumentCode,
    pub name: Localized,
    /// A dossier may be registered without it, but it then stands under "missing" on the receipt.
    pub required: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TermUnit {
    CalendarDays,
    WorkingDays,
    /// Calendar months; a month's missing day becomes that month's last day.
    Months,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Term {
    pub count: u16,
    pub unit: TermUnit,
}

/// What the law makes of the administration's silence at the end of the term.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Silence {
    Approval,
    Refusal,
    Recourse,
    Nothing,
}

/// One version of a procedure's legal term.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LegalRule {
    pub id: RuleId,
    /// The first day of deposit to which this version applies.
    pub valid_from: Date,
    pub term: Term,
    /// The complement request stops the clock until the documents are complete.
    pub suspended_by_complement: bool,
    /// How long the one extension is, when the rule knows one; same unit as the term.
    pub extension: Option<u16>,
    /// A last day on a rest day or holiday moves to the next working day.
    pub roll_to_working_day: bool,
    pub silence: Silence,
    pub basis: Localized,
    /// The figure has not been confirmed by a jurist.
    pub review: bool,
}

/// A procedure whose parts agree with one another; see [`Procedure::new`] for what is checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Procedure(ProcedureParts);

/// The unchecked parts of a procedure, as a catalogue file states them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcedureParts {
    pub code: ProcedureCode,
    pub name: Localized,
    /// What it is for and what it needs, in a sentence for the public page.
    pub summary: Localized,
    /// In the order in which a dossier usually goes through them; the first is where a registration begins.
    pub steps: Vec<Step>,
    /// From a step to the steps that may follow it.
    pub transitions: Vec<(StepCode, Vec<StepCode>)>,
    pub documents: Vec<DocumentSpec>,
    /// Newest last.
    pub rules: Vec<LegalRule>,
}

impl LegalRule {
    /// The figures that a dossier keeps.
    pub fn terms(&self) -> RuleTerms {
        RuleTerms {
            id: self.id.clone(),
            term: self.term,
            suspended_by_complement: self.suspended_by_complement,
            extension: self.extension,
            roll_to_working_day: self.roll_to_working_day,
            silence: self.silence,
        }
    }
}

impl Step {
    pub fn position(&self) -> Position {
        Position { step: self.code.clone(), state: self.state }
    }
}

impl Procedure {
    /// Checks that the parts agree: at least one step, the first one `registered`; unique codes; transitions between known
    /// steps, from which every step can be reached; at most one step for each state that a command of its own leads to;
    /// rules in the order of their first day, each with a term.
    ///
    /// # Errors
    /// The first disagreement found, naming the procedure and what to change.
    pub fn new(parts: ProcedureParts) -> Result<Self, CatalogueError> {
        match check(&parts) {
            Ok(()) => Ok(Self(parts)),
            Err(problem) => Err(CatalogueError::Procedure { procedure: parts.code, problem }),
        }
    }

    pub fn code(&self) -> &ProcedureCode {
        &self.0.code
    }

    pub fn name(&self) -> &Localized {
        &self.0.name
    }

    pub fn summary(&self) -> &Localized {
        &self.0.summary
    }

    pub fn steps(&self) -> &[Step] {
        &self.0.steps
    }

    pub fn documents(&self) -> &[DocumentSpec] {
        &self.0.documents
    }

    pub fn rules(&self) -> &[LegalRule] {
        &self.0.rules
    }

    pub fn step(&self, code: &StepCode) -> Option<&Step> {
        self.0.steps.iter().find(|step| step.code == *code)
    }

    pub fn document(&self, code: &DocumentCode) -> Option<&DocumentSpec> {
        self.0.documents.iter().find(|document| document.code == *code)
    }

    /// Where a registration begins.
    pub fn initial(&self) -> &Step {
        self.0.steps.first().expect("a procedure is only made with at least one step")
    }

    /// The steps that may follow a step, in the order in which they are declared; none for an unknown step.
    pub fn successors(&self, code: &StepCode) -> Vec<&Step> {
        let targets = self.0.transitions.iter().find(|(from, _)| from == code).map(|(_, targets)| targets.as_slice());
        targets.unwrap_or_default().iter().filter_map(|target| self.step(target)).collect()
    }

    /// The rule for a dossier handed in on that day: the newest one that had begun.
    pub fn rule_on(&self, day: Date) -> Option<&LegalRule> {
        self.0.rules.iter().rev().find(|rule| rule.valid_from <= day)
    }

    pub fn rule(&self, id: &RuleId) -> Option<&LegalRule> {
        self.0.rules.iter().find(|rule| rule.id == *id)
    }
}

/// States to which a command of its own leads, which therefore must know the one step to go to.
const STATES_WITH_ONE_STEP: [PublicState; 7] = [
    PublicState::Incomplete,
    PublicState::Scheduled,
    PublicState::Adjourned,
    PublicState::Decided,
    PublicState::Ready,
    PublicState::Collected,
    PublicState::Withdrawn,
];

fn check(parts: &ProcedureParts) -> Result<(), ProcedureProblem> {
    let first = parts.steps.first().ok_or(ProcedureProblem::NoStep)?;
    if first.state != PublicState::Registered {
        return Err(ProcedureProblem::FirstStep(first.code.clone()));
    }
    if let Some(twice) = repeated(parts.steps.iter().map(|step| &step.code)) {
        return Err(ProcedureProblem::RepeatedStep(twice.clone()));
    }
    for state in STATES_WITH_ONE_STEP {
        if parts.steps.iter().filter(|step| step.state == state).count() > 1 {
            return Err(ProcedureProblem::StateWithSeveralSteps(state));
        }
    }
    if let Some(twice) = repeated(parts.documents.iter().map(|document| &document.code)) {
        return Err(ProcedureProblem::RepeatedDocument(twice.clone()));
    }
    check_transitions(parts, &first.code)?;
    check_rules(&parts.rules)
}

fn check_transitions(parts: &ProcedureParts, first: &StepCode) -> Result<(), ProcedureProblem> {
    let known: BTreeSet<&StepCode> = parts.steps.iter().map(|step| &step.code).collect();
    let named = parts.transitions.iter().flat_map(|(from, targets)| std::iter::once(from).chain(targets));
    if let Some(unknown) = named.into_iter().find(|code| !known.contains(code)) {
        return Err(ProcedureProblem::UnknownStep(unknown.clone()));
    }
    if let Some(twice) = repeated(parts.transitions.iter().map(|(from, _)| from)) {
        return Err(ProcedureProblem::RepeatedTransition(twice.clone()));
    }
    for (from, targets) in &parts.transitions {
        if repeated(targets).is_some() {
            return Err(ProcedureProblem::RepeatedTransition(from.clone()));
        }
    }
    let mut reached = BTreeSet::from([first]);
    let mut pending = vec![first];
    while let Some(code) = pending.pop() {
        let targets = parts.transitions.iter().filter(|(from, _)| from == code).flat_map(|(_, targets)| targets);
        pending.extend(targets.filter(|target| reached.insert(target)));
    }
    match parts.steps.iter().find(|step| !reached.contains(&step.code)) {
        Some(step) => Err(ProcedureProblem::Unreachable(step.code.clone())),
        None => Ok(()),
    }
}

fn check_rules(rules: &[LegalRule]) -> Result<(), ProcedureProblem> {
    if let Some(twice) = repeated(rules.iter().map(|rule| &rule.id)) {
        return Err(ProcedureProblem::RepeatedRule(twice.clone()));
    }
    if let Some(empty) = rules.iter().find(|rule| rule.term.count == 0 || rule.extension == Some(0)) {
        return Err(ProcedureProblem::EmptyTerm(empty.id.clone()));
    }
    match rules.windows(2).find(|pair| pair[0].valid_from >= pair[1].valid_from) {
        Some(pair) => Err(ProcedureProblem::RuleOrder(pair[1].id.clone())),
        None => Ok(()),
    }
}

fn repeated<'a, T: Ord>(items: impl IntoIterator<Item = &'a T>) -> Option<&'a T> {
    let mut seen = BTreeSet::new();
    items.into_iter().find(|item| !seen.insert(*item))
}

/// The procedures of an issuer, each with a code of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Catalogue(Vec<Procedure>);

impl Catalogue {
    /// # Errors
    /// When there is no procedure or two have the same code.
    pub fn new(procedures: Vec<Procedure>) -> Result<Self, CatalogueError> {
        if procedures.is_empty() {
            return Err(CatalogueError::Empty);
        }
        match repeated(procedures.iter().map(Procedure::code)) {
            Some(code) => Err(CatalogueError::RepeatedProcedure(code.clone())),
            None => Ok(Self(procedures)),
        }
    }

    pub fn procedure(&self, code: &ProcedureCode) -> Option<&Procedure> {
        self.0.iter().find(|procedure| procedure.code() == code)
    }

    /// In the catalogue's order.
    pub fn procedures(&self) -> &[Procedure] {
        &self.0
    }
}

/// Why a catalogue cannot be used. The messages are for whoever writes the catalogue file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CatalogueError {
    #[error("{0:?} is not a code: write 1 to 32 ASCII letters, digits, `_` or `-`, beginning with a letter")]
    Code(String),
    #[error("the catalogue has no procedure: add at least one")]
    Empty,
    #[error("two procedures have the code {0}: give each its own, because references begin with it")]
    RepeatedProcedure(ProcedureCode),
    #[error("procedure {procedure}: {problem}")]
    Procedure { procedure: ProcedureCode, problem: ProcedureProblem },
}

/// What is wrong inside one procedure.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProcedureProblem {
    #[error("it has no step: add at least one, whose state is `registered`")]
    NoStep,
    #[error("its first step `{0}` must have the state `registered`, because every registration begins there")]
    FirstStep(StepCode),
    #[error("two steps have the code `{0}`: rename one")]
    RepeatedStep(StepCode),
    #[error("several steps have the state `{0}`: keep one, because a command must know where it leads")]
    StateWithSeveralSteps(PublicState),
    #[error("two documents have the code `{0}`: rename or remove one")]
    RepeatedDocument(DocumentCode),
    #[error("a transition names the step `{0}`, which does not exist: correct the name or add the step")]
    UnknownStep(StepCode),
    #[error("the transitions from `{0}` are declared twice: name each following step once, in one list")]
    RepeatedTransition(StepCode),
    #[error("no transition leads to the step `{0}`: add one, or remove the step")]
    Unreachable(StepCode),
    #[error("two legal rules have the id `{0}`: give each version its own, because dossiers keep it")]
    RepeatedRule(RuleId),
    #[error(
        "the legal rule `{0}` has a term or an extension of 0: write a count of at least 1, or leave the extension out"
    )]
    EmptyTerm(RuleId),
    #[error("the legal rule `{0}` must begin on a later day than the one before it: write the rules oldest first")]
    RuleOrder(RuleId),
}
