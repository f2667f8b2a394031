//! The table of a long run, as a file: CSV for a spreadsheet, HTML for people. Written row by row, under another name until it
//! is whole. It holds no address and no token.

use std::{
    fs::{self, File},
    io::{BufWriter, Write},
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};

use super::{
    Tally,
    judging::Judged,
    output::{moment, plain, sum, why},
};
use crate::{
    audit::Outcome,
    dossier::Language,
    i18n::{text, verdict_words},
};

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;margin:2rem;color:#1a1a1a}table{border-collapse:collapse;width:100%}\
    td,th{border-bottom:1px solid #bbb;padding:.4rem .6rem;text-align:start;vertical-align:top}\
    .genuine td:nth-child(2){color:#0a5c2b}.not-genuine td:nth-child(2){color:#a30000;font-weight:700}\
    .no-longer-in-force td:nth-child(2),.cannot-tell td:nth-child(2){color:#7a4b00}td:first-child{overflow-wrap:anywhere;min-width:12rem}td+td bdi{white-space:nowrap}\
    details li{margin:.2rem 0}";

pub(super) struct Report {
    path: PathBuf,
    unfinished: PathBuf,
    language: Language,
    form: Form,
}

enum Form {
    Csv(Box<csv::Writer<File>>),
    Html(BufWriter<File>),
}

impl Report {
    pub(super) fn create(path: &Path, language: Language) -> anyhow::Result<Self> {
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        let html = match extension.to_ascii_lowercase().as_str() {
            "csv" => false,
            "html" | "htm" => true,
            _ => bail!("--report {}: the file's name ends in .csv or .html", path.display()),
        };
        if path.exists() {
            bail!("{} is there already. Choose another name for the report", path.display());
        }
        let mut unfinished = path.to_owned().into_os_string();
        unfinished.push(".unfinished");
        let unfinished = PathBuf::from(unfinished);
        let cannot = || format!("the report {} cannot be written", path.display());
        let mut file = File::create(&unfinished).with_context(cannot)?;
        let form = if html {
            let mut file = BufWriter::new(file);
            file.write_all(head(language).as_bytes()).with_context(cannot)?;
            Form::Html(file)
        } else {
            // Without it, spreadsheets take Arabic for another alphabet.
            file.write_all("\u{feff}".as_bytes()).with_context(cannot)?;
            let mut table = csv::Writer::from_writer(file);
            table.write_record(COLUMNS).with_context(cannot)?;
            Form::Csv(Box::new(table))
        };
        Ok(Self { path: path.to_owned(), unfinished, language, form })
    }

    pub(super) fn add(&mut self, judged: &Judged) -> anyhow::Result<()> {
        let language = self.language;
        match &mut self.form {
            Form::Csv(table) => table.write_record(cells(language, judged).map(|cell| harmless(&cell)))?,
            Form::Html(file) => file.write_all(row(language, judged).as_bytes())?,
        }
        Ok(())
    }

    pub(super) fn finish(self, tally: &Tally) -> anyhow::Result<()> {
        let cannot = || format!("the report {} cannot be written", self.path.display());
        match self.form {
            Form::Csv(mut table) => table.flush().with_context(cannot)?,
            Form::Html(mut file) => {
                let end = format!("</tbody></table><p>{}</p></body></html>\n", escape(&sum(self.language, tally)));
                file.write_all(end.as_bytes()).and_then(|()| file.flush()).with_context(cannot)?;
            }
        }
        fs::rename(&self.unfinished, &self.path).with_context(cannot)
    }
}

/// Their names are a format: they are added to, never changed.
const COLUMNS: [&str; 10] = [
    "input",
    "answer",
    "reference",
    "receipt_id",
    "host",
    "issued_at",
    "leaf_index",
    "published_by",
    "failed_checks",
    "explanation",
];

fn cells(language: Language, judged: &Judged) -> [String; 10] {
    let verdict = &judged.verdict;
    let stated = verdict.stated.as_ref();
    let failed = verdict.checks.iter().filter(|check| check.outcome == Outcome::Failed).map(|check| check.kind.name());
    [
        judged.name.clone(),
        verdict.answer.name().to_owned(),
        stated.map(|stated| stated.reference.clone()).unwrap_or_default(),
        verdict.receipt_id.map(|id| id.to_string()).unwrap_or_default(),
        verdict.host.clone().unwrap_or_default(),
        stated.and_then(|stated| moment(stated.issued_at)).unwrap_or_default(),
        stated.map(|stated| stated.leaf_index.to_string()).unwrap_or_default(),
        verdict.published_by.and_then(|seconds| moment(i64::try_from(seconds).ok()?)).unwrap_or_default(),
        failed.collect::<Vec<_>>().join(" "),
        plain(&why(language, judged)),
    ]
}

/// A spreadsheet would run a cell that begins like a formula, and anybody may name a file so.
fn harmless(cell: &str) -> String {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{cell}") } else { cell.to_owned() }
}

fn head(language: Language) -> String {
    let title = escape(&text(language, "verify-report-title"));
    let columns = [
        text(language, "verify-report-input"),
        text(language, "verify-report-answer"),
        text(language, "verify-reference"),
        text(language, "verify-issued"),
        text(language, "verify-report-why"),
    ];
    let columns = columns.map(|column| format!("<th scope=\"col\">{}</th>", escape(&column))).concat();
    format!(
        "<!doctype html>\n<html lang=\"{}\" dir=\"{}\"><head><meta charset=\"utf-8\"><title>{title}</title>\
         <meta name=\"viewport\" content=\"width=device-width\"><style>{STYLE}</style></head><body><h1>{title}</h1>\n\
         <table><thead><tr>{columns}</tr></thead><tbody>\n",
        language.tag(),
        language.direction(),
    )
}

fn row(language: Language, judged: &Judged) -> String {
    let verdict = &judged.verdict;
    let stated = verdict.stated.as_ref();
    let answer = escape(&verdict_words::answer(language, verdict));
    let reference = escape(&stated.map(|stated| stated.reference.clone()).unwrap_or_default());
    let issued = escape(&stated.map(|stated| verdict_words::moment(stated.issued_at)).unwrap_or_default());
    let checks: Vec<String> = verdict
        .checks
        .iter()
        .map(|check| {
            let name = verdict_words::check_name(language, check.kind);
            let outcome = verdict_words::outcome(language, check.outcome);
            let why = verdict_words::explanation(language, verdict, *check);
            let colon = verdict_words::colon(language);
            format!("<li><b>{}</b> ({}){colon}{}</li>", escape(&name), escape(&outcome), escape(&why))
        })
        .collect();
    let why = escape(&why(language, judged));
    let details = if checks.is_empty() {
        why
    } else {
        let summary = if why.is_empty() { escape(&verdict_words::lead(language, verdict)) } else { why };
        format!("<details><summary>{summary}</summary><ul>{}</ul></details>", checks.concat())
    };
    format!(
        "<tr class=\"{}\"><td><bdi>{}</bdi></td><td>{answer}</td><td><bdi>{reference}</bdi></td><td><bdi>{issued}</bdi></td>\
         <td>{details}</td></tr>\n",
        verdict.answer.name(),
        escape(&judged.name),
    )
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
