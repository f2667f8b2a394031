//! The example is whole, and a spoiled example is refused with a message that helps.

use std::{collections::BTreeSet, fs};

use jiff::civil::date;

use super::*;
use crate::dossier::{Procedure, PublicState, TermUnit};

#[derive(Clone, Copy, PartialEq)]
enum File {
    Issuer,
    Catalogue,
}

/// Replaces the first `from` of an example file by `to` and expects an error with `expected` on the line of the change.
/// Every case that fails is told, because the cases are independent.
fn check(file: File, cases: &[(&str, &str, &str)]) {
    let failures: Vec<String> = cases
        .iter()
        .filter_map(|(from, to, expected)| {
            let mut texts = [ISSUER_EXAMPLE.to_owned(), CATALOGUE_EXAMPLE.to_owned()];
            let text = &mut texts[usize::from(file == File::Catalogue)];
            let at = text.find(from).unwrap_or_else(|| panic!("the example has no {from:?}"));
            let line = 1 + text[..at].matches('\n').count();
            text.replace_range(at..at + from.len(), to);
            let last = line + to.matches('\n').count();
            let name = Path::new(if file == File::Issuer { "issuer.toml" } else { "catalogue.toml" });
            match Issuer::parse_embedded(&texts[0], &texts[1]) {
                Err(ConfigError::Invalid { file, line: told, problem })
                    if file == name && (line..=last).contains(&told) && problem.contains(expected) =>
                {
                    None
                }
                Err(error) => Some(format!("{from:?} -> {to:?}: line {line} and {expected:?} expected: {error}")),
                Ok(_) => Some(format!("{from:?} -> {to:?} is accepted")),
            }
        })
        .collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn a_spoiled_issuer_file_is_refused() {
    let cases = [
        ("\npublic_url", "\npublic_uri", "unknown field `public_uri`"),
        ("https://suivi.example.ma", "ftp://suivi.example.ma", "is not a public address"),
        ("https://suivi.example.ma", "https://suivi.example.ma/path", "is not a public address"),
        ("\"https://suivi.example.ma\"", "5", "a public address"),
        ("Africa/Casablanca", "Africa/Guelmim", "is not a time zone"),
        ("default_language = \"ar\"", "default_language = \"de\"", "is not a language: ar, fr, zgh or en"),
        ("default_language = \"ar\"", "default_language = \"AR\"", "is not a language"),
        ("[\"ar\", \"fr\"]", "[\"ar\", \"ar\"]", "two different languages"),
        ("[\"ar\", \"fr\"]", "[\"ar\"]", "two different languages"),
        ("[\"ar\", \"fr\"]", "[\"ar\", \"fr\", \"en\"]", "two different languages"),
        ("\"catalogue.toml\"", "\"../catalogue.toml\"", "without a folder"),
        ("\"catalogue.toml\"", "\"/etc/passwd\"", "without a folder"),
        ("\"logo.png\"", "\"catalogue.toml\"", "not a readable PNG"),
        ("[name]", "[nom]", "unknown field `nom`"),
        ("[short_name]\nar = \"الوكالة الحضرية\"\n", "[short_name]\n", "missing field `ar`"),
        ("ar = \"الوكالة الحضرية\"", "ar = \"Agence\"", "no Arabic letter"),
        ("zgh = \"ⵜⴰⵡⴽⴰⵍⵜ ⵜⴰⵖⵔⵎⴰⵏⵜ\"", "zgh = \"Agence\"", "no Tifinagh letter"),
        ("fr = \"Agence Urbaine\"", "fr = \"\"", "the text is empty"),
        ("fr = \"Agence Urbaine\"", "fr = \" Agence\"", "begins or ends with a space"),
        ("fr = \"Agence Urbaine\"", "fr = \"Agence\\u202EUrbaine\"", "invisible character U+202E"),
        ("fr = \"Agence Urbaine\"", "fr = \"Agence\\u0000Urbaine\"", "invisible character U+0000"),
        (
            "fr = \"Agence Urbaine\"",
            "fr = \"Agence Urbaine de toute la région du Grand Sud\"",
            "longer than 40 characters",
        ),
        ("fr = \"Agence Urbaine\"", "fr = \"Agence\\nUrbaine\"", "has line breaks"),
        ("fr = \"Agence Urbaine\"", "fr = \"Agence\"\nfr = \"Urbaine\"", "duplicate key"),
        ("fr = \"Agence Urbaine\"", "fr = Agence Urbaine", "string"),
        ("\nreview = [\"zgh\"]", "\nreview = [\"ber\"]", "`review` is true, false or a list of languages"),
        ("+212 5 28 77 36 41", "05 28 77 36 41", "is not a telephone number in international form"),
        ("+212 5 28 77 36 43", "+212 5 28 77 36 4x", "is not a telephone number"),
        ("https://www.augon.ma", "www.augon.ma", "is not a web address"),
        ("https://www.augon.ma", "https://www.augon.ma/\\\" onclick=", "is not a web address"),
        ("https://chikaya.ma", "javascript:alert(1)", "is not a web address"),
        ("augon2020@gmail.com", "augon2020@gmail", "is not an e-mail address"),
        ("augon2020@gmail.com", "a?bcc=b@gmail.com", "is not an e-mail address"),
        ("qr = true", "qr = \"yes\"", "expected a boolean"),
        ("name = \"Facebook\"", "name = \"\"", "1 to 40 characters"),
        ("\"saturday\", \"sunday\"", "\"samedi\"", "is not a day of the week"),
        (
            "\"saturday\", \"sunday\"",
            "\"monday\", \"tuesday\", \"wednesday\", \"thursday\", \"friday\", \"saturday\", \"sunday\"",
            "no working day would ever come",
        ),
        ("{ month = 1, day = 11 }", "{ month = 13, day = 11 }", "no day 11 in month 13"),
        ("{ month = 1, day = 11 }", "{ month = 2, day = 30 }", "no day 30 in month 2"),
        ("date = 2026-03-21", "date = \"2026-03-21\"", "without quotation marks"),
        ("date = 2026-03-21", "date = 2026-02-30", "date"),
        ("date = 2026-03-21", "date = 2026-03-21T10:00:00", "without a time"),
        ("date = 2026-03-22", "date = 2026-03-21", "the holiday 2026-03-21 is there twice"),
        ("code = \"TAN-TAN\"", "code = \"GUELMIM\"", "office GUELMIM is there twice"),
        ("code = \"TAN-TAN\"", "code = \"TAN TAN\"", "is not an office's code"),
        ("from = \"08:30\"", "from = \"8h30\"", "is not a time of day"),
        ("from = \"08:30\"", "from = \"17:30\"", "must begin before they end"),
        ("days = [\"wednesday\"]", "days = []", "opening hours need days"),
        ("to = \"15:30\" }", "until = \"15:30\" }", "unknown field `until`"),
    ];
    check(File::Issuer, &cases);
}

#[test]
fn a_spoiled_catalogue_is_refused() {
    let cases = [
        ("[steps.deposit]", "[steps.\"dépôt\"]", "is not a step's code"),
        ("state = \"in_review\"", "state = \"in review\"", "is not a public state"),
        ("state = \"in_review\"", "status = \"in_review\"", "unknown field `status`"),
        ("[documents.site_plan]", "[documents.\"1_plan\"]", "is not a document's code"),
        ("[rules.law-55-19]", "[rules.\"55-19\"]", "is not a rule's name"),
        ("valid_from = 2023-07-13", "valid_from = 2023-13-07", "date"),
        ("count = 60", "count = 0", "1 to 1000 days or months"),
        ("count = 60", "count = 100000", "100000"),
        ("count = 60", "count = -1", "-1"),
        ("unit = \"calendar_days\"", "unit = \"days\"", "calendar_days, working_days or months"),
        ("\nsilence = \"nothing\"", "\nsilence = \"permit\"", "is not what silence means"),
        ("code = \"PCP\"", "code = \"NRU\"", "procedure NRU is there twice"),
        ("code = \"NRU\"", "code = \"nru\"", "is not a procedure's code"),
        ("code = \"NRU\"", "code = \"N-U\"", "is not a procedure's code"),
        ("\"plan_lookup\", ", "\"plan_look\", ", "the step `plan_look`, which is not defined. Add [steps.plan_look]"),
        ("plan_lookup = [\"note_drafting\"", "plan_lookup = [\"technical_study\"", "not among its steps"),
        ("\"identity\", \"site_plan\"", "\"identity\", \"sight_plan\"", "Add [documents.sight_plan]"),
        ("rules = [\"agency-one-month\"]", "rules = [\"agency-1-month\"]", "Add [rules.agency-1-month]"),
        ("code = \"NRU\"\n", "code = \"NRU\"\nfee = 100\n", "unknown field `fee`"),
    ];
    check(File::Catalogue, &cases);
}

/// What a procedure must satisfy as a whole is reported on the line of its code.
#[test]
fn a_procedure_that_does_not_hold_together_is_refused() {
    let nru = CATALOGUE_EXAMPLE.find("code = \"NRU\"").unwrap();
    let line = 1 + CATALOGUE_EXAMPLE[..nru].matches('\n').count();
    for (from, to, expected) in [
        (
            "steps = [\"deposit\", \"plan_lookup\"",
            "steps = [\"plan_lookup\", \"deposit\"",
            "must have the state `registered`",
        ),
        ("note_drafting = [\"ready\", ", "note_drafting = [", "no transition leads to the step `ready`"),
        ("optional = [\"ownership\"", "optional = [\"identity\"", "two documents have the code `identity`"),
        ("deposit = [\"plan_lookup\"", "deposits = [\"plan_lookup\"", "`deposits`"),
    ] {
        let (head, tail) = CATALOGUE_EXAMPLE.split_at(nru);
        assert!(tail.contains(from), "{from}");
        let text = format!("{head}{}", tail.replacen(from, to, 1));
        let message = Issuer::parse_embedded(ISSUER_EXAMPLE, &text).unwrap_err().to_string();
        assert!(message.starts_with(&format!("catalogue.toml, line {line}: procedure NRU: ")), "{message}");
        assert!(message.contains(expected), "{message:?} does not say {expected:?}");
    }
}

#[test]
fn a_missing_or_unreadable_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let issuer = folder.path().join("issuer.toml");
    let fails = |expected: &str| {
        let message = Issuer::load(&issuer).unwrap_err().to_string();
        assert!(message.contains(expected), "{message:?} does not say {expected:?}");
    };
    fails("issuer.toml: cannot be read");
    fs::write(&issuer, b"# first line\nname = \"\xff\"").unwrap();
    fails("issuer.toml, line 2: the file is not text in UTF-8");
    fs::write(&issuer, ISSUER_EXAMPLE).unwrap();
    fails("logo.png: cannot be read");
    fs::write(folder.path().join("logo.png"), LOGO_EXAMPLE).unwrap();
    fails("catalogue.toml: cannot be read");
    fs::write(folder.path().join("catalogue.toml"), b"\xff").unwrap();
    fails("catalogue.toml is not text in UTF-8");
    fs::write(folder.path().join("catalogue.toml"), "\n\nprocedures = 5").unwrap();
    fails("catalogue.toml, line 3: ");
    fs::write(folder.path().join("catalogue.toml"), CATALOGUE_EXAMPLE).unwrap();
    fs::write(folder.path().join("logo.png"), &LOGO_EXAMPLE[..LOGO_EXAMPLE.len() / 2]).unwrap();
    fails("not a readable PNG");
    fs::write(folder.path().join("logo.png"), LOGO_EXAMPLE).unwrap();
    assert_eq!(Issuer::load(&issuer).unwrap().reviews(), Issuer::example().reviews());
}

#[test]
fn the_example_has_every_procedure_and_each_can_be_walked() {
    let issuer = Issuer::example();
    let codes: Vec<&str> = issuer.catalogue.procedures().iter().map(|procedure| procedure.code().as_str()).collect();
    assert_eq!(codes, ["NRU", "PCP", "PC", "PH", "CC", "LOT", "GH", "MOR", "REF", "REG", "DEM", "EP", "REQ"]);
    for procedure in issuer.catalogue.procedures() {
        let code = procedure.code();
        let open = [PublicState::Registered, PublicState::InReview];
        let step_of = |state| procedure.steps().iter().find(move |step| step.state == state);
        let complement = step_of(PublicState::Incomplete).expect("every procedure has a complement step");
        let reaches =
            |from: &crate::dossier::Step, to: &crate::dossier::Step| procedure.successors(&from.code).contains(&to);
        for step in procedure.steps() {
            let asks = open.contains(&step.state);
            assert_eq!(reaches(step, complement), asks, "{code}: {} to complement", step.code);
            assert_eq!(
                reaches(complement, step),
                asks || step.state == PublicState::Withdrawn,
                "{code}: back to {}",
                step.code
            );
            let closed = [PublicState::Collected, PublicState::Withdrawn].contains(&step.state);
            assert_eq!(procedure.successors(&step.code).is_empty(), closed, "{code}: after {}", step.code);
        }
        let commission = step_of(PublicState::Scheduled);
        assert_eq!(commission.is_some(), step_of(PublicState::Adjourned).is_some(), "{code}");
        assert!(step_of(PublicState::Collected).is_some() && step_of(PublicState::Withdrawn).is_some(), "{code}");
        assert!((4..=10).contains(&procedure.documents().len()), "{code}: {} documents", procedure.documents().len());
        assert!(procedure.rule_on(date(2026, 1, 1)).is_some(), "{code} has no rule");
    }
}

#[test]
fn the_example_states_the_legal_figures_of_its_sources() {
    let issuer = Issuer::example();
    let procedure = |code: &str| -> &Procedure { issuer.catalogue.procedure(&code.parse().unwrap()).unwrap() };
    for (code, day, count, unit, suspended) in [
        ("PC", date(2023, 7, 12), 2, TermUnit::Months, false),
        ("PC", date(2023, 7, 13), 30, TermUnit::CalendarDays, true),
        ("PCP", date(2026, 1, 5), 15, TermUnit::CalendarDays, true),
        ("LOT", date(2023, 7, 12), 3, TermUnit::Months, false),
        ("LOT", date(2026, 1, 5), 30, TermUnit::CalendarDays, true),
        ("MOR", date(2023, 7, 12), 2, TermUnit::Months, false),
        ("MOR", date(2026, 1, 5), 30, TermUnit::CalendarDays, true),
        ("GH", date(2026, 1, 5), 30, TermUnit::CalendarDays, true),
        ("PH", date(2026, 1, 5), 60, TermUnit::CalendarDays, true),
        ("NRU", date(2026, 1, 5), 1, TermUnit::Months, true),
    ] {
        let rule = procedure(code).rule_on(day).unwrap();
        assert_eq!(
            (rule.term.count, rule.term.unit, rule.suspended_by_complement),
            (count, unit, suspended),
            "{code} on {day}"
        );
        assert!(rule.review, "{code}: no figure has been confirmed by a jurist");
    }
}

/// The commune issues the permit; the agency only says what it thinks of it.
#[test]
fn no_text_says_that_a_permit_is_granted() {
    let text = [ISSUER_EXAMPLE, CATALOGUE_EXAMPLE].concat().to_lowercase();
    let text: String = text.lines().filter(|line| !line.starts_with('#')).collect();
    for word in ["grant", "accordé", "délivr", "octro", "issued", "تمنح", "منحت", "تسليم الرخصة", "en construction"]
    {
        assert!(!text.contains(word), "{word}");
    }
}

#[test]
fn the_example_names_what_needs_review() {
    let issuer = Issuer::example();
    let reviews = issuer.reviews();
    for line in [
        "issuer: name (ar, zgh, en)",
        "office TAN-TAN: contacts and hours",
        "channel Facebook: address",
        "procedure PC: name (ar, zgh)",
        "document site_plan: name",
        "rule law-55-19: figures",
        "holiday 2026-03-21: Aïd al-Fitr 1447",
    ] {
        assert!(reviews.iter().any(|review| review == line), "{line:?} is not among {reviews:#?}");
    }
    let distinct: BTreeSet<_> = reviews.iter().collect();
    assert_eq!(distinct.len(), reviews.len(), "a line is there twice");
    assert_eq!(issuer.calendar_years(), &BTreeSet::from([2026, 2027]));
    assert!(Issuer::example().names.review && !issuer.calendar.is_working_day(date(2026, 7, 30)));
}

/// Morocco's clocks are an hour ahead of UTC, but for Ramadan.
#[test]
fn a_moment_has_a_day_where_the_issuer_is() {
    let issuer = Issuer::example();
    for (moment, day) in [
        ("2026-01-05T22:59:59Z", date(2026, 1, 5)),
        ("2026-01-05T23:00:00Z", date(2026, 1, 6)),
        ("2026-03-01T23:59:59Z", date(2026, 3, 1)),
        ("2026-12-31T23:30:00Z", date(2027, 1, 1)),
    ] {
        assert_eq!(issuer.civil_day(moment.parse().unwrap()), day, "{moment}");
    }
    assert_eq!(issuer.civil_time("2026-01-05T08:30:00Z".parse().unwrap()).to_string(), "2026-01-05T09:30:00");
}

#[test]
fn the_public_address_can_be_overridden() {
    let check = |argument, environment, expected: Result<&str, &str>| {
        let mut issuer = Issuer::example();
        let result = issuer.override_public_url(argument, environment);
        match expected {
            Ok(url) => {
                result.unwrap();
                assert_eq!(issuer.public_url.as_str(), url);
            }
            Err(phrase) => {
                let message = result.unwrap_err().to_string();
                assert!(message.contains(phrase), "{message}");
                assert_eq!(issuer.public_url.as_str(), "https://suivi.example.ma");
            }
        }
    };
    check(None, None, Ok("https://suivi.example.ma"));
    check(None, Some(""), Ok("https://suivi.example.ma"));
    check(Some("http://192.168.1.20:8080"), None, Ok("http://192.168.1.20:8080"));
    check(None, Some("https://a.example.ma"), Ok("https://a.example.ma"));
    check(Some("https://b.example.ma"), Some("https://a.example.ma"), Ok("https://b.example.ma"));
    check(Some("b.example.ma"), None, Err("--public-url: "));
    check(None, Some("b.example.ma"), Err("MILAF_PUBLIC_URL: "));
}

#[test]
fn an_issuer_is_installed_once() {
    let folder = tempfile::tempdir().unwrap();
    let first = DataDir::new(folder.path().join("first"));
    let second = DataDir::new(folder.path().join("second"));
    for data in [&first, &second] {
        data.create().unwrap();
        data.create().unwrap();
    }
    first.install_example().unwrap();
    first.install_example().expect("an equal file is no obstacle");
    let installed = second.install_issuer(&first.issuer_file()).unwrap();
    assert!(installed.logo.is_some());
    assert_eq!(Issuer::load(&second.issuer_file()).unwrap().reviews(), installed.reviews());

    let edited = ISSUER_EXAMPLE.replace("qr = true", "qr = false");
    fs::write(second.issuer_file(), &edited).unwrap();
    let message = second.install_example().unwrap_err().to_string();
    assert!(message.contains("never overwritten"), "{message}");
    assert_eq!(fs::read_to_string(second.issuer_file()).unwrap(), edited);
}
