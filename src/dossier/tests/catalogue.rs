use jiff::civil::Date;

use super::samples::{document, parse, parts, procedure, rule, step};
use crate::dossier::{Catalogue, CatalogueError, Procedure, ProcedureParts, PublicState, StepCode, TermUnit};

#[test]
fn a_procedure_whose_parts_disagree_is_refused_with_its_name_and_the_remedy() {
    type Spoil = fn(&mut ProcedureParts);
    let cases: [(Spoil, &str); 16] = [
        (|parts| parts.steps.clear(), "add at least one"),
        (|parts| parts.steps.swap(0, 1), "`incomplete` must have the state"),
        (|parts| parts.steps.push(step("in_review", PublicState::InReview)), "the code `in_review`: rename"),
        (|parts| parts.steps.push(step("second", PublicState::Decided)), "the state `decided`: keep one"),
        (|parts| parts.steps.push(step("second", PublicState::Incomplete)), "the state `incomplete`: keep one"),
        (|parts| parts.steps.push(step("second", PublicState::Withdrawn)), "the state `withdrawn`: keep one"),
        (|parts| parts.steps.push(step("lonely", PublicState::InReview)), "leads to the step `lonely`"),
        (|parts| parts.transitions[0].1.push(parse("nowhere")), "names the step `nowhere`"),
        (|parts| parts.transitions.push((parse("nowhere"), vec![])), "names the step `nowhere`"),
        (|parts| parts.transitions.push((parse("ready"), vec![])), "from `ready` are declared twice"),
        (|parts| parts.transitions[0].1.push(parse("in_review")), "from `registered` are declared twice"),
        (|parts| parts.documents.push(document("form", false)), "the code `form`: rename or remove"),
        (|parts| parts.rules[1].id = parse("old"), "the id `old`: give"),
        (|parts| parts.rules[1].term.count = 0, "`pcp-2023` has a term or an extension of 0"),
        (|parts| parts.rules[1].extension = Some(0), "`pcp-2023` has a term or an extension of 0"),
        (|parts| parts.rules.swap(0, 1), "`old` must begin on a later day"),
    ];
    for (spoil, expected) in cases {
        let mut parts = parts();
        spoil(&mut parts);
        let message = Procedure::new(parts).map(|_| ()).unwrap_err().to_string();
        assert!(message.starts_with("procedure PCP: ") && message.contains(expected), "{expected} / {message}");
    }
}

#[test]
fn several_steps_may_share_the_states_that_need_no_details() {
    let mut parts = parts();
    parts.steps.push(step("second_desk", PublicState::Registered));
    parts.transitions[0].1.push(parse("second_desk"));
    Procedure::new(parts).unwrap();
}

#[test]
fn the_rule_is_the_newest_that_had_begun() {
    let mut parts = parts();
    parts.rules.push(rule("pcp-2030", "2030-01-01", 10, TermUnit::WorkingDays));
    let procedure = Procedure::new(parts).unwrap();
    for (day, expected) in [
        ("2019-12-31", None),
        ("2020-01-01", Some("old")),
        ("2023-07-12", Some("old")),
        ("2023-07-13", Some("pcp-2023")),
        ("2029-12-31", Some("pcp-2023")),
        ("2030-01-01", Some("pcp-2030")),
    ] {
        assert_eq!(procedure.rule_on(parse::<Date>(day)).map(|rule| rule.id.as_str()), expected, "{day}");
    }
    assert!(procedure.rule(&parse("old")).is_some());
    assert!(procedure.rule(&parse("older")).is_none());
}

#[test]
fn a_procedure_answers_about_its_steps() {
    let procedure = procedure();
    assert_eq!(procedure.initial().code.as_str(), "registered");
    let after = procedure.successors(&parse("decided"));
    assert_eq!(after.iter().map(|step| step.code.as_str()).collect::<Vec<_>>(), ["ready", "withdrawn"]);
    assert!(procedure.successors(&parse("collected")).is_empty());
    assert!(procedure.successors(&parse("nowhere")).is_empty());
    assert!(procedure.document(&parse("form")).is_some_and(|form| form.required));
}

#[test]
fn a_catalogue_has_procedures_with_codes_of_their_own() {
    assert_eq!(Catalogue::new(vec![]), Err(CatalogueError::Empty));
    let twice = Catalogue::new(vec![procedure(), procedure()]);
    assert_eq!(twice, Err(CatalogueError::RepeatedProcedure(parse("PCP"))));
    let catalogue = Catalogue::new(vec![procedure()]).unwrap();
    assert!(catalogue.procedure(&parse("PCP")).is_some());
    assert!(catalogue.procedure(&parse("NRU")).is_none());
}

#[test]
fn codes() {
    for good in ["a", "technical_review", "TAN-TAN", "pcp-2023"] {
        assert_eq!(parse::<StepCode>(good).to_string(), good);
    }
    let long = "a".repeat(33);
    for bad in ["", "1a", "_a", "a b", "é", "a.b", &long] {
        assert!(bad.parse::<StepCode>().is_err(), "{bad}");
    }
}
