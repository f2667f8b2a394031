//! The locale files and the program fit together: every language has every key, every key that the program asks for exists,
//! and no key is there for nothing.
//!
//! The keys are read from the source: every text literal of `src` and of the templates' expressions. Waiting for a page that
//! shows a key was rejected, because nobody looks at every page in every language.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use milaf::{
    audit::{Answer, CheckKind, Outcome as Outcomes},
    dossier::{
        ApplicantKind, CommandKind, DepositorRole, Event, Language, Outcome, PublicState, Role, Silence, TermUnit,
    },
    i18n,
    service::Field,
    tlog::{KeyPurpose, LogEvent},
};
use walkdir::WalkDir;

/// What asks for the words of a key, as it ends before the key itself.
const CALLS: [&str; 10] = [
    ".t(",
    "text(",
    ".with(",
    "dated(",
    "counted(",
    "text(language, ",
    "text_with(language, ",
    "text(self.language, ",
    "counted(language, ",
    "with(language, ",
];

/// A text literal and what stands before it in its line.
struct Literal {
    place: String,
    before: String,
    text: String,
}

/// The keys that are put together from a pattern and parts.
fn families() -> BTreeMap<&'static str, Vec<String>> {
    fn of<T: ToString>(pattern: &str, parts: impl IntoIterator<Item = T>) -> Vec<String> {
        parts.into_iter().map(|part| pattern.replacen("{}", &part.to_string(), 1)).collect()
    }
    let dashed = |word: &str| word.replace('_', "-");
    let (waiting, reviewed) = (PublicState::Incomplete, PublicState::InReview);
    let fields = Field::ALL.map(Field::name).into_iter().chain(["step", "outcome"]);
    let notices = [
        "not-found",
        "replaced",
        "withdrawn",
        "method",
        "forbidden",
        "slow",
        "too-large",
        "too-many",
        "unavailable",
        "bad-request",
    ];
    [
        ("state-{}", of("state-{}", PublicState::ALL)),
        ("next-{}{}", [of("next-{}", PublicState::ALL), vec![format!("next-{reviewed}-answer")]].concat()),
        ("todo-{}{}", [of("todo-{}", PublicState::ALL), vec![format!("todo-{waiting}-call")]].concat()),
        ("outcome-{}", of("outcome-{}", Outcome::ALL)),
        ("role-{}", of("role-{}", DepositorRole::ALL)),
        ("command-{}", of("command-{}", CommandKind::ALL.map(|kind| dashed(kind.as_str())))),
        ("field-{}", of("field-{}", fields)),
        ("notice-{}", of("notice-{}", notices)),
        ("notice-{}-advice", of("notice-{}-advice", notices)),
        ("desk-event-{}", of("desk-event-{}", event_kinds().iter().map(|kind| dashed(kind)))),
        ("journal-kind-{}", of("journal-kind-{}", LogEvent::KINDS.map(dashed))),
        ("journal-key-{}", of("journal-key-{}", KeyPurpose::ALL.map(KeyPurpose::name))),
        ("staff-role-{}", of("staff-role-{}", Role::ALL)),
        ("desk-hint-{}", of("desk-hint-{}", ["depositor", "phone", "identity", "parcel"])),
        ("desk-kind-{}", of("desk-kind-{}", ApplicantKind::ALL)),
        ("desk-silence-{}", of("desk-silence-{}", Silence::ALL)),
        ("verify-answer-{}", of("verify-answer-{}", Answer::ALL.map(Answer::name))),
        ("verify-lead-{}", of("verify-lead-{}", Answer::ALL.map(Answer::name))),
        ("verify-outcome-{}", of("verify-outcome-{}", Outcomes::ALL.map(Outcomes::name))),
        ("verify-check-{}", of("verify-check-{}", CheckKind::ALL.map(CheckKind::name))),
        ("verify-history-{}", of("verify-history-{}", Answer::ALL.map(Answer::name))),
        ("verify-dossier-{}", of("verify-dossier-{}", Answer::ALL.map(Answer::name))),
        ("evidence-key-{}", of("evidence-key-{}", KeyPurpose::ALL.map(KeyPurpose::name))),
        ("verify-{}-{}", explanations()),
        ("desk-unit-{}", of("desk-unit-{}", TermUnit::ALL.map(|unit| dashed(unit.as_str())))),
    ]
    .into()
}

/// One for each outcome that a check can have.
fn explanations() -> Vec<String> {
    let of = |kind: CheckKind| {
        kind.outcomes().iter().map(move |outcome| format!("verify-{}-{}", kind.name(), outcome.name()))
    };
    CheckKind::ALL.into_iter().flat_map(of).collect()
}

/// The events' names, from the one place where they are written.
fn event_kinds() -> Vec<String> {
    let source = read("src/dossier/event_data.rs");
    let body = source.split("pub const fn kind(&self)").nth(1).unwrap().split("\n    }\n").next().unwrap();
    let kinds: Vec<String> = literals("", body).into_iter().map(|literal| literal.text).collect();
    let (mut listed, mut written) = (Event::KINDS.map(str::to_owned).to_vec(), kinds.clone());
    listed.sort();
    written.sort();
    assert_eq!(listed, written, "the list of all kinds");
    kinds
}

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// Each key of a language with the names of the values that its words take.
fn entries(language: Language) -> BTreeMap<String, BTreeSet<String>> {
    let mut entries: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut current = String::new();
    for line in i18n::sources(language).into_iter().flat_map(str::lines).filter(|line| !line.starts_with('#')) {
        if let Some((key, _)) =
            line.split_once(" =").filter(|(key, _)| key.starts_with(|c: char| c.is_ascii_lowercase()))
        {
            key.clone_into(&mut current);
            let twice = entries.insert(current.clone(), BTreeSet::new());
            assert_eq!(twice, None, "{language:?} has {key} twice");
        }
        let names = line.split('$').skip(1).map(|rest| rest.split(|c: char| !c.is_alphanumeric()).next().unwrap());
        entries.entry(current.clone()).or_default().extend(names.map(str::to_owned));
    }
    entries.remove("");
    entries
}

/// The keys that a page shows instead of their words.
pub(crate) fn shown_keys(html: &str) -> Vec<String> {
    let mut visible = String::new();
    for piece in
        html.split("<style>").filter_map(|piece| piece.split("</style>").last()).flat_map(|html| html.split('<'))
    {
        let (tag, text) = piece.split_once('>').unwrap_or(("", piece));
        visible.push_str(text);
        for attribute in ["aria-label=\"", "title=\"", "placeholder=\"", "alt=\""] {
            visible.extend(
                tag.split(attribute).nth(1).and_then(|rest| rest.split('"').next()).map(|text| format!(" {text} ")),
            );
        }
        visible.push(' ');
    }
    let keys = entries(Language::Arabic);
    let words = visible.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '_'));
    words.filter(|word| word.contains('-') && keys.contains_key(*word)).map(str::to_owned).collect()
}

fn sources() -> Vec<Literal> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut all = Vec::new();
    for folder in ["src", "assets/templates"] {
        for entry in WalkDir::new(root.join(folder)).into_iter().filter_map(Result::ok) {
            let name = entry.path().strip_prefix(root).unwrap().display().to_string();
            let is_test = name.split('/').any(|part| part == "tests" || part.ends_with("tests.rs"));
            if is_test || !entry.file_type().is_file() {
                continue;
            }
            let text = fs::read_to_string(entry.path()).unwrap_or_default();
            let kind = entry.path().extension().unwrap_or_default();
            if kind == "html" {
                for expression in text.split('{').filter(|piece| piece.contains('}')) {
                    all.extend(literals(&name, expression.split('}').next().unwrap()));
                }
            } else if kind == "rs" {
                all.extend(literals(&name, text.split("#[cfg(test)]\nmod tests {").next().unwrap()));
            }
        }
    }
    all
}

/// The text literals of Rust or of a template's expression, without those in comments.
fn literals(place: &str, source: &str) -> Vec<Literal> {
    let mut found = Vec::new();
    for line in source.lines() {
        let (mut rest, mut before) = (line, String::new());
        while let Some(at) = rest.find('"') {
            if format!("{before}{}", &rest[..at]).contains("//") {
                break;
            }
            before.push_str(&rest[..at]);
            let quoted = &rest[at + 1..];
            let end =
                quoted.char_indices().find(|(at, c)| *c == '"' && !quoted[..*at].ends_with('\\')).map(|(at, _)| at);
            // A literal that goes on in the next line is a sentence, not a key.
            let Some(end) = end else { break };
            let text = quoted[..end].to_owned();
            found.push(Literal { place: place.to_owned(), before: before.clone(), text: text.clone() });
            before.push_str("\"\"");
            rest = &quoted[end + 1..];
        }
    }
    found
}

/// `state-{state}` and `state-{}` are one pattern.
fn pattern(text: &str) -> String {
    let mut pieces = text.split('{');
    let first = pieces.next().unwrap().to_owned();
    pieces.fold(first, |all, piece| format!("{all}{{}}{}", piece.split_once('}').map_or("", |(_, rest)| rest)))
}

/// `text(`, and not `context(`.
fn ends_with_call(before: &str, call: &str) -> bool {
    before.strip_suffix(call).is_some_and(|start| {
        call.starts_with('.') || !start.ends_with(|last: char| last.is_alphanumeric() || last == '_')
    })
}

fn has_the_form_of_a_key(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.contains('-')
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_{}".contains(c))
}

#[test]
fn every_language_has_every_key_with_the_same_values() {
    let arabic = entries(Language::Arabic);
    for language in Language::ALL {
        for source in i18n::sources(language) {
            let errors = fluent_bundle::FluentResource::try_new(source.to_owned()).err().map(|(_, errors)| errors);
            assert_eq!(errors, None, "{language:?}");
        }
        let keys = entries(language);
        assert!(keys.keys().eq(arabic.keys()), "{language:?} has not the keys that Arabic has");
        for (key, values) in keys {
            // Only Arabic has a form for every count; a language with fewer forms may not need the category.
            let given = &arabic[&key];
            let left_out: Vec<&String> = given.difference(&values).filter(|name| *name != "category").collect();
            assert!(left_out.is_empty(), "{language:?}: {key} leaves out {left_out:?}");
            assert!(values.is_subset(given), "{language:?}: {key} takes {values:?} instead of {given:?}");
        }
    }
}

#[test]
fn every_key_that_is_asked_for_exists_and_every_key_is_asked_for() {
    let keys: BTreeSet<String> = entries(Language::Arabic).into_keys().collect();
    let families = families();
    let first_words: BTreeSet<&str> =
        keys.iter().filter_map(|key| key.split_once('-')).map(|(first, _)| first).collect();
    let (mut used, mut asked, mut wrong) = (BTreeSet::new(), 0, Vec::new());
    for Literal { place, before, text } in sources() {
        let worded = ["src/web", "src/print", "assets"].iter().any(|folder| place.starts_with(folder));
        let called = worded && CALLS.iter().any(|call| ends_with_call(&before, call));
        let template = before.trim_end_matches(['&', '(']).trim_end().ends_with("format!");
        // The store words nothing, and PostgreSQL's own options have the form of keys.
        let resembles = !place.starts_with("src/store")
            && has_the_form_of_a_key(&text)
            && text.split_once('-').is_some_and(|(first, _)| first_words.contains(first));
        asked += usize::from(called);
        if keys.contains(&text) {
            used.insert(text);
        } else if let Some(family) = families.get(pattern(&text).as_str()).filter(|_| text.contains('{')) {
            used.extend(family.iter().cloned());
        } else if called || resembles {
            wrong.push(format!(
                "{place} asks for {text:?}{}",
                if template { ", which wants its parts in this test" } else { "" }
            ));
        }
    }
    assert!(asked > 200, "the search found only {asked} calls, so it looked in the wrong place");
    wrong.extend(used.difference(&keys).map(|key| format!("{key} is asked for and is not there")));
    wrong.extend(keys.difference(&used).map(|key| format!("nothing asks for {key}; remove it")));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_key_that_is_shown_is_found() {
    let check = |html: &str, expected: &[&str]| assert_eq!(shown_keys(html), expected, "{html}");
    check("<p>desk-title</p>", &["desk-title"]);
    check("<p>x: \u{2068}state-in_review\u{2069}.</p><i>field-note</i>", &["state-in_review", "field-note"]);
    check("<nav aria-label=\"desk-menu\">", &["desk-menu"]);
    check("<style>.desk-title{}</style><p id=\"desk-title\" class=\"state-ready\">Milaf</p>", &[]);
}
