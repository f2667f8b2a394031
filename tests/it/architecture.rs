//! The directions between the rooms, read from the source itself.
//!
//! A reviewer forgets; this does not. Every path that a source file names, in a `use` or in the text, is resolved against the
//! module it stands in and compared with the table below. Splitting the crate into several was rejected: the rooms are small,
//! and a workspace would only have moved the same table into a dozen manifests.

use std::{fs, path::Path};

use walkdir::WalkDir;

/// A room, the paths it may not name, and why.
const RULES: [(&[&str], &[&str], &str); 11] = [
    (
        &["dossier", "receipt", "tlog"],
        &[
            "tokio",
            "axum",
            "hyper",
            "rusqlite",
            "fluent_bundle",
            "getrandom",
            "serde",
            "std::fs",
            "std::net::TcpListener",
            "std::net::TcpStream",
            "std::net::UdpSocket",
            "std::env",
            "std::process",
            "std::time",
            "crate::audit",
            "crate::clock",
            "crate::config",
            "crate::i18n",
            "crate::metrics",
            "crate::print",
            "crate::scan",
            "crate::store",
            "crate::service",
            "crate::web",
            "crate::cli",
        ],
        "a pure room is a function of its arguments",
    ),
    (
        &["audit", "scan"],
        &[
            "tokio",
            "axum",
            "hyper",
            "ureq",
            "rusqlite",
            "fluent_bundle",
            "getrandom",
            "std::fs",
            "std::net::TcpListener",
            "std::net::TcpStream",
            "std::net::UdpSocket",
            "std::env",
            "std::process",
            "crate::clock",
            "crate::config",
            "crate::i18n",
            "crate::metrics",
            "crate::print",
            "crate::store",
            "crate::service",
            "crate::web",
            "crate::cli",
        ],
        "who judges from outside is handed the bytes",
    ),
    (
        &["witness"],
        &[
            "axum",
            "ureq",
            "rusqlite",
            "fluent_bundle",
            "crate::audit",
            "crate::dossier",
            "crate::i18n",
            "crate::metrics",
            "crate::print",
            "crate::receipt",
            "crate::service",
            "crate::store",
            "crate::web",
            "crate::cli",
        ],
        "a witness is no part of the office that it watches",
    ),
    (
        &["store"],
        &["axum", "hyper", "crate::i18n", "crate::print", "crate::service", "crate::web", "crate::cli"],
        "the store knows neither its callers nor a language",
    ),
    (
        &["service"],
        &[
            "rusqlite",
            "axum",
            "hyper",
            "http",
            "fluent_bundle",
            "crate::store::sqlite",
            "crate::store::sqlite_backup",
            "crate::store::SqliteStore",
            "crate::store::Portable",
            "crate::i18n",
            "crate::print",
            "crate::web",
            "crate::cli",
        ],
        "a use case names no database, no HTTP status and no language",
    ),
    (
        &["web"],
        &[
            "rusqlite",
            "crate::store::sqlite",
            "crate::store::sqlite_backup",
            "crate::store::SqliteStore",
            "crate::store::Portable",
            "crate::cli",
        ],
        "a page names no database",
    ),
    (
        &["print", "i18n"],
        &["rusqlite", "axum", "hyper", "crate::store", "crate::web", "crate::cli"],
        "what draws and words is handed everything",
    ),
    (
        &["config", "clock", "metrics"],
        &["rusqlite", "axum", "crate::store", "crate::service", "crate::print", "crate::web", "crate::cli"],
        "configuration, time and counting depend on nobody who uses them",
    ),
    (
        &[
            "dossier", "receipt", "tlog", "config", "clock", "store", "service", "print", "i18n", "web", "witness",
            "cli",
        ],
        &["prometheus"],
        "only metrics.rs makes a metric, so that every label's values can be read in one place",
    ),
    (
        &["dossier", "receipt", "tlog", "config", "service", "print", "i18n", "web", "store/mod.rs", "store/types.rs"],
        &["crate::store::sqlite::SqliteStore", "crate::store::SqliteStore", "milaf::store::SqliteStore"],
        "only the command line builds a concrete store",
    ),
    (
        &[
            "dossier", "receipt", "tlog", "config", "store", "service", "print", "i18n", "web", "witness", "cli",
            "main.rs",
        ],
        &["…::Timestamp::now", "…::Zoned::now", "…::SystemTime::now", "getrandom"],
        "only clock.rs reads time and randomness",
    ),
];

/// Long enough for one subject, short enough to be read in one sitting.
const LINES: usize = 420;

#[test]
fn every_room_keeps_to_its_directions() {
    let mut broken = Vec::new();
    let mut files = 0;
    for (name, source) in sources() {
        files += 1;
        broken.extend(violations(&name, &source));
    }
    assert!(files > 60, "only {files} source files were found, so this test looked in the wrong place");
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn no_file_is_too_long_or_named_for_nothing() {
    let mut broken = Vec::new();
    for (name, source) in sources() {
        let lines = source.lines().count();
        if lines > LINES {
            broken.push(format!("src/{name} has {lines} lines; a file has one subject and at most {LINES}"));
        }
        if name.split('/').any(|part| ["util", "utils", "helper", "helpers", "misc"].contains(&stem(part))) {
            broken.push(format!("src/{name}: a file is named for what it holds"));
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn a_violation_is_caught() {
    let check = |file: &str, source: &str, expected: Option<&str>| {
        let found = violations(file, source);
        match expected {
            Some(path) => assert!(
                found.len() == 1 && found[0].contains(&format!("`{path}`")),
                "{file}: {source:?} should break one rule by {path}, and gave {found:?}"
            ),
            None => assert!(found.is_empty(), "{file}: {source:?} breaks no rule, and gave {found:?}"),
        }
    };
    check("dossier/state.rs", "use tokio::sync::Mutex;", Some("tokio::sync::Mutex"));
    check("dossier/state.rs", "use std::{fmt, fs::{self, File}};", Some("std::fs"));
    check("dossier/state.rs", "use crate::{dossier::Event, store::Store};", Some("crate::store::Store"));
    check("dossier/state.rs", "use super::super::store::Store;", Some("crate::store::Store"));
    check("receipt/seal.rs", "fn a() { let _ = std::time::Instant::now(); }", Some("std::time::Instant::now"));
    check("tlog/leaf.rs", "use\n    crate::i18n::\n    text;", Some("crate::i18n::text"));
    check("service/mod.rs", "fn a() -> axum::http::StatusCode { todo() }", Some("axum::http::StatusCode"));
    check(
        "service/mod.rs",
        "use crate::store::sqlite::SqliteStore as Data;",
        Some("crate::store::sqlite::SqliteStore"),
    );
    check("web/mod.rs", "use rusqlite::Connection;", Some("rusqlite::Connection"));
    check("web/desk/list.rs", "let now = jiff::Timestamp::now();", Some("jiff::Timestamp::now"));
    check("cli/demo.rs", "use jiff::Timestamp; fn a() { Timestamp::now() }", Some("Timestamp::now"));
    check("cli/demo.rs", "fn a() { getrandom::fill(b) }", Some("getrandom::fill"));
    check("store/mod.rs", "pub use crate::web::App;", Some("crate::web::App"));
    check("web/log.rs", "use prometheus::IntCounter;", Some("prometheus::IntCounter"));
    check("metrics.rs", "use crate::store::Store;", Some("crate::store::Store"));
    check("metrics.rs", "use prometheus::IntCounter;", None);
    check("witness/mod.rs", "use crate::service::Service;", Some("crate::service::Service"));
    check("cli/open.rs", "use crate::store::sqlite::SqliteStore;", None);
    check("clock.rs", "use jiff::Timestamp; fn a() { Timestamp::now() }", None);
    check(
        "dossier/state.rs",
        "// use tokio::sync::Mutex;\n/* std::fs::read */ const A: &str = \"tokio::spawn\";",
        None,
    );
    check("dossier/state.rs", "const A: char = '\"'; const B: &str = r#\"tokio::spawn\"#;", None);
    check("dossier/state.rs", "struct A;\n#[cfg(test)]\nmod tests {\n use std::fs::read;\n}", None);
    check("dossier/tests/walks.rs", "use std::fs::read;", None);
}

fn sources() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut all: Vec<_> = WalkDir::new(&root)
        .into_iter()
        .map(|entry| entry.expect("the source folder can be read"))
        .filter(|entry| entry.path().extension().is_some_and(|extension| extension == "rs"))
        .map(|entry| {
            let name = entry.path().strip_prefix(&root).expect("walked from there").to_string_lossy().into_owned();
            (name, fs::read_to_string(entry.path()).expect("source is text"))
        })
        .filter(|(name, _)| !is_test(name))
        .collect();
    all.sort();
    all
}

fn stem(part: &str) -> &str {
    part.strip_suffix(".rs").unwrap_or(part)
}

fn is_test(file: &str) -> bool {
    file.split('/').any(|part| stem(part) == "tests" || stem(part).ends_with("_tests"))
}

fn violations(file: &str, source: &str) -> Vec<String> {
    if is_test(file) {
        return Vec::new();
    }
    let in_room = |room: &&str| {
        file == *room || stem(file) == *room || file.strip_prefix(*room).is_some_and(|rest| rest.starts_with('/'))
    };
    let mut broken: Vec<(String, &str)> = Vec::new();
    for path in paths(file, source) {
        let rule = RULES
            .iter()
            .find(|(rooms, forbidden, _)| rooms.iter().any(in_room) && forbidden.iter().any(|what| names(&path, what)));
        if let Some((_, _, why)) = rule
            && !broken.iter().any(|(earlier, _)| path.starts_with(earlier.as_str()))
        {
            broken.push((path, why));
        }
    }
    broken.into_iter().map(|(path, why)| format!("src/{file} names `{path}`: {why}")).collect()
}

/// Whether a path is what a rule forbids, or lies inside it. `…::` stands for any beginning, also none.
fn names(path: &str, forbidden: &str) -> bool {
    match forbidden.strip_prefix("…::") {
        Some(end) => path.strip_suffix(end).is_some_and(|start| start.is_empty() || start.ends_with("::")),
        None => path.strip_prefix(forbidden).is_some_and(|rest| rest.is_empty() || rest.starts_with("::")),
    }
}

/// Every path of at least two parts that a file names outside its tests, with `super` and `self` resolved.
fn paths(file: &str, source: &str) -> Vec<String> {
    let source = source.split("#[cfg(test)]\nmod tests {").next().expect("a split has a first part");
    let tokens = tokens(source);
    let mut module: Vec<&str> = file.split('/').map(stem).collect();
    if matches!(module.last(), Some(&("mod" | "lib" | "main"))) {
        module.pop();
    }
    let mut found = Vec::new();
    let mut place = 0;
    while place < tokens.len() {
        if tokens[place] == "use" {
            place += 1;
            tree(&tokens, &mut place, &mut Vec::new(), &mut found);
        } else if is_name(&tokens[place]) {
            let mut path = vec![tokens[place].clone()];
            while tokens.get(place + 1).is_some_and(|next| next == "::")
                && tokens.get(place + 2).is_some_and(|next| is_name(next))
            {
                path.push(tokens[place + 2].clone());
                place += 2;
            }
            if path.len() > 1 {
                found.push(path);
            }
            place += 1;
        } else {
            place += 1;
        }
    }
    found.into_iter().map(|path| resolve(&module, &path)).collect()
}

fn resolve(module: &[&str], path: &[String]) -> String {
    let ups = path.iter().take_while(|part| *part == "super").count();
    let rest = if path.first().is_some_and(|part| part == "self") { &path[1..] } else { &path[ups..] };
    if rest.len() == path.len() {
        return path.join("::");
    }
    let mut parts = vec!["crate"];
    parts.extend(&module[..module.len().saturating_sub(ups)]);
    parts.extend(rest.iter().map(String::as_str));
    parts.join("::")
}

/// Reads one tree of a `use`, which may hold groups, and leaves the place at what follows it.
fn tree(tokens: &[String], place: &mut usize, before: &mut Vec<String>, found: &mut Vec<Vec<String>>) {
    let depth = before.len();
    while let Some(token) = tokens.get(*place) {
        match token.as_str() {
            "::" | "*" => *place += 1,
            "{" => {
                *place += 1;
                while tokens.get(*place).is_some_and(|token| token != "}") {
                    let start = *place;
                    tree(tokens, place, before, found);
                    if tokens.get(*place).is_some_and(|token| token == ",") || *place == start {
                        *place += 1;
                    }
                }
                *place += 1;
                before.truncate(depth);
                return;
            }
            "as" => *place += 2,
            name if is_name(name) => {
                before.push(name.to_owned());
                *place += 1;
            }
            _ => break,
        }
    }
    if before.last().is_some_and(|last| last == "self") && before.len() > 1 {
        before.pop();
    }
    if before.len() > depth.min(1) || !before.is_empty() {
        found.push(before.clone());
    }
    before.truncate(depth);
}

fn is_name(token: &str) -> bool {
    token.starts_with(|first: char| first.is_alphabetic() || first == '_')
}

/// Names, `::` and single signs; comments and literals are left out.
fn tokens(source: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        let raw = rest.strip_prefix('r').map(|tail| tail.trim_start_matches('#')).filter(|tail| tail.starts_with('"'));
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if let Some(tail) = raw {
            let hashes = rest.len() - tail.len() - 1;
            let end = format!("\"{}", "#".repeat(hashes));
            let start = hashes + 2;
            rest[start..].find(&end).map_or(rest.len(), |at| start + at + end.len())
        } else if first == '"' {
            string_length(rest)
        } else if first == '\'' {
            character_length(rest)
        } else if is_name(rest) {
            let length = rest.find(|next: char| !next.is_alphanumeric() && next != '_').unwrap_or(rest.len());
            tokens.push(rest[..length].to_owned());
            length
        } else if rest.starts_with("::") {
            tokens.push("::".to_owned());
            2
        } else {
            if !first.is_whitespace() {
                tokens.push(first.to_string());
            }
            first.len_utf8()
        };
        rest = &rest[length..];
    }
    tokens
}

fn string_length(rest: &str) -> usize {
    let mut escaped = false;
    for (at, next) in rest.char_indices().skip(1) {
        match next {
            '"' if !escaped => return at + 1,
            '\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    rest.len()
}

/// A character literal, or only the quote of a lifetime.
fn character_length(rest: &str) -> usize {
    let mut characters = rest.char_indices().skip(1);
    match (characters.next(), characters.next()) {
        (Some((_, '\\')), Some((at, next))) => {
            let after = at + next.len_utf8();
            rest[after..].find('\'').map_or(1, |end| after + end + 1)
        }
        (Some(_), Some((at, '\''))) => at + 1,
        _ => 1,
    }
}
