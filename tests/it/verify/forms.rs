//! The forms of the answer: words in four languages, JSON, tables; and that none of them holds the address.

use std::fs;

use milaf::{
    audit::{CheckKind, Outcome},
    dossier::Language,
    i18n,
};

use super::{lab::Lab, verify};
use crate::{
    commands::{milaf, program},
    words::shown_keys,
};

#[test]
fn each_language_has_words_for_everything() {
    let mut lab = Lab::new(40);
    let paper = lab.issue();
    let keys = lab.keys("keys.json", |_| {});
    let log = lab.publish("log", &[(1, 1_790_000_100), (2, 1_790_000_200)]);
    let policy = lab.policy();
    let token = paper.parts().0.to_owned();
    let cut = &paper.url[..paper.url.len() - 6];
    let lines = format!("{}\n{cut}\nhttps://example.org/\n{token}\n", paper.url);
    for (language, genuine) in [("ar", "وصل صحيح"), ("fr", "Authentique"), ("zgh", "ⵉⵖⵣⴰⵏ"), ("en", "Genuine")]
    {
        let arguments = ["verify", "-", "--language", language, "--keys", &keys, "--log", &log, "--policy", &policy];
        let ran = milaf(&arguments, &lines).expect(1);
        let text = ran.text();
        assert!(text.contains(genuine) && text.contains("NRU-2026-000001"), "{language}: {text}");
        assert_eq!(shown_keys(&text), Vec::<String>::new(), "{language}");
        assert!(!text.to_uppercase().contains(&token), "{language}: the token is not shown");
        assert!(!ran.stderr.to_uppercase().contains(&token), "{language}");
    }
    let of = |locale: &str| {
        let output = program().args(["verify", &paper.url, "--keys", &keys]).env("LC_ALL", locale).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(of("fr_MA.UTF-8").contains("✓ Le sceau"));
    assert!(of("C").contains("[ok] The seal: It can be read."));
    assert!(of("ar_MA.UTF-8").contains("الختم"));
}

#[test]
fn every_outcome_of_every_check_is_explained() {
    for language in Language::ALL {
        for kind in CheckKind::ALL {
            for outcome in Outcome::ALL {
                let key = format!("verify-{}-{}", kind.name(), outcome.name());
                let worded = i18n::text(language, &key) != key;
                assert_eq!(worded, kind.outcomes().contains(&outcome), "{language:?} {key}");
            }
        }
    }
}

#[test]
fn tables_are_whole_and_harmless() {
    let mut lab = Lab::new(41);
    let paper = lab.issue();
    let keys = lab.keys("keys.json", |_| {});
    lab.write("papers/a.txt", paper.url.as_bytes());
    lab.write("papers/b <b>bold</b>.txt", format!("{}\nHTTPS://OFFICE41.EXAMPLE.MA/D/X", paper.url).as_bytes());
    let papers = lab.path("papers").display().to_string();
    let token = paper.parts().0;

    let table = lab.path("report.csv").display().to_string();
    milaf(&["verify", &papers, "--keys", &keys, "--report", &table, "--language", "fr"], "").expect(1);
    let bytes = fs::read_to_string(&table).unwrap();
    let mut reader = csv::Reader::from_reader(bytes.strip_prefix('\u{feff}').unwrap().as_bytes());
    assert_eq!(&reader.headers().unwrap()[1], "answer");
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 3);
    assert_eq!(
        (&rows[0][1], &rows[0][2], &rows[2][1], &rows[2][8]),
        ("genuine", "NRU-2026-000001", "not-genuine", "token")
    );
    assert!(rows[2][0].ends_with(".txt #2"), "{:?}", rows[2]);
    assert!(!bytes.contains(token));
    let again = milaf(&["verify", &papers, "--keys", &keys, "--report", &table], "").expect(64);
    assert!(again.stderr.contains("Choose another name"), "{}", again.stderr);
    let other = milaf(&["verify", &papers, "--keys", &keys, "--report", "report.txt"], "").expect(64);
    assert!(other.stderr.contains(".csv or .html"), "{}", other.stderr);

    // A file may be named like a formula.
    lab.write("=1+cmd.txt", paper.url.as_bytes());
    let formulas = program()
        .args(["verify", "=1+cmd.txt", "--keys", &keys, "--report", "formula.csv"])
        .current_dir(lab.path(""))
        .output()
        .unwrap();
    assert_eq!(formulas.status.code(), Some(0));
    assert!(fs::read_to_string(lab.path("formula.csv")).unwrap().contains("\n'=1+cmd.txt,genuine,"));

    let page = lab.path("report.html").display().to_string();
    milaf(&["verify", &papers, "--keys", &keys, "--report", &page, "--language", "ar"], "").expect(1);
    let html = fs::read_to_string(&page).unwrap();
    for expected in ["<html lang=\"ar\" dir=\"rtl\">", "وصل صحيح", "NRU-2026-000001", "&lt;b&gt;bold", "</html>"]
    {
        assert!(html.contains(expected), "{expected}: {html}");
    }
    for refused in ["<script", "http://", "src=", "<b>bold", token] {
        assert!(!html.contains(refused), "{refused}: {html}");
    }
    assert_eq!(shown_keys(&html), Vec::<String>::new());
    assert!(!lab.path("report.html.unfinished").exists());
}

#[test]
fn what_cannot_be_used_is_told_before_any_answer() {
    let lab = Lab::new(42);
    let keys = lab.keys("keys.json", |_| {});
    let token = "0".repeat(40);
    let check = |arguments: &[&str], expected: &str| {
        let ran = milaf(&[&["verify"], arguments].concat(), "").expect(64);
        assert!(ran.stderr.contains(expected) && ran.stdout.is_empty(), "{arguments:?}: {}", ran.stderr);
    };
    check(&[], "INPUT");
    check(&[&token, "--nothing"], "--nothing");
    check(&[&token, "--language", "de"], "write ar, fr, zgh or en");
    check(&[&token, "--keys", "nowhere.json"], "nowhere.json");
    check(&[&token, "--keys", &lab.write("bad.json", b"{}")], "keys.json");
    check(&[&token, "--keys", "http://example.org"], "https://");
    check(&[&token, "--log", "x"], "--keys");
    check(&[&token, "--keys", &keys, "--log", "nowhere"], "milaf log mirror");
    check(&[&token, "--keys", &keys, "--policy", &lab.write("bad.txt", b"quorum\n")], "line 1");
    check(&[&token, "--record", &keys, "--nonce", "12"], "64 hexadecimal digits");
    check(&[&token, "--record", &keys], "--nonce");
    let help = milaf(&["verify", "--help"], "").expect(0).text();
    for expected in ["Examples:", "keys.json", "64:", "cannot tell"] {
        assert!(help.contains(expected), "{help}");
    }
}

#[test]
fn json_names_receipts_and_never_their_address() {
    let mut lab = Lab::new(43);
    let paper = lab.issue();
    let keys = lab.keys("keys.json", |_| {});
    let (ran, objects) = verify(&paper.url, &["--keys", &keys]);
    let (token, seal) = paper.parts();
    assert!(!ran.text().contains(token) && !ran.text().contains(seal));
    assert_eq!(objects[0]["receipt_id"], paper.claims.receipt_id.to_string());
    for name in [
        "input",
        "answer",
        "exit_code",
        "problem",
        "reference",
        "host",
        "issued_at",
        "leaf_index",
        "tree_size",
        "root",
        "kid",
        "log_size",
        "published_after",
        "published_by",
        "witnesses",
        "revoked",
        "replaced",
        "checks",
    ] {
        assert!(objects[0].get(name).is_some(), "{name}");
    }
    let broken =
        program().args(["verify", &paper.url, "--keys", &keys, "--json"]).env("MILAF_LOG", "trace").output().unwrap();
    assert!(!String::from_utf8_lossy(&broken.stderr).contains(token));
}
