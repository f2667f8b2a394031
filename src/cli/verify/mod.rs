//! `milaf verify`: whether receipts are genuine, for somebody who has no part in the office.
//!
//! It needs no data folder, and asks the network only for what was named by an address. Nothing that opens a receipt's page is
//! written anywhere: inputs are called by their place, receipts by their reference and number.
//!
//! Its exit codes are the answers, so what keeps it from answering has a code of its own. Sharing 1 and 2 with the other
//! commands was rejected: a script would have taken a mistyped option for a forgery.

mod evidence;
mod inputs;
mod judging;
mod looking;
mod output;
mod report;

use std::{io, path::PathBuf, process::ExitCode};

use clap::Args;
use rayon::prelude::*;

use self::{
    evidence::Given,
    inputs::Inputs,
    judging::{Judged, judge},
    output::Output,
    report::Report,
};
use super::{message, reader_is_gone, terminal::progress};
use crate::{audit::Answer, dossier::Language};

/// The command line, or something named in it, cannot be used: `EX_USAGE` of sysexits.h.
pub(super) const CANNOT_BEGIN: u8 = 64;
/// How many inputs are judged before their answers are told: enough for every core, few enough to be held.
const AT_ONCE: usize = 256;

/// Check whether receipts are genuine, with no part in the office
#[derive(Debug, Args)]
#[command(
    long_about = "Checks receipts: by the text of their QR code, or by a photograph, scan or PDF of them. It needs the office's \
        public keys, which the office publishes at /.well-known/milaf/keys.json, and nothing else: no data folder and no network. \
        With a copy of the public log it also checks that the log holds the receipt and that nothing before it was changed; with \
        a policy of witnesses, that they saw the same log, and when.\n\n\
        Each input is the address in a QR code, the code in it alone, a file (PNG, JPEG, PDF, a proof, an evidence bundle, or text \
        with one address on each line), a folder of such files, or `-` for lines on the standard input.\n\n\
        Addresses of receipts are secrets of their applicants. They are never printed or written to a report; but a command line \
        is seen by others on the same machine, so prefer a file or the standard input there.",
    after_help = "Examples:\n  milaf verify receipt.jpg --keys keys.json\n  milaf verify scans/ --keys keys.json --report receipts.html\n  \
        milaf verify - --keys https://suivi.example.ma --log mirror/ --policy policy.txt --json < scanned.txt\n\n\
        Exit codes: 0 genuine, 1 not genuine, 3 genuine but no longer in force, 2 cannot tell; of several receipts the worst, in \
        the order 1, 3, 2, 0. 64: the command line, or a file named in it, cannot be used, and nothing was answered."
)]
pub(super) struct Verify {
    /// An address, a code, a file, a folder, or `-`
    #[arg(value_name = "INPUT", required = true)]
    inputs: Vec<String>,
    /// The office's public keys: its keys.json, kept or from its address
    #[arg(long, value_name = "FILE|URL")]
    keys: Option<String>,
    /// The public log: a mirror's folder, or the office's address
    #[arg(long, value_name = "DIR|URL", requires = "keys")]
    log: Option<String>,
    /// Which witnesses count, and how many must have signed (C2SP tlog-policy)
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// The record of the receipt's event, as the office disclosed it
    #[arg(long, value_name = "FILE", requires = "nonce")]
    record: Option<PathBuf>,
    /// The record's nonce, 64 hexadecimal digits
    #[arg(long, value_name = "HEX", requires = "record")]
    nonce: Option<String>,
    /// The language of the answers: ar, fr, zgh or en; by default the terminal's
    #[arg(long, value_parser = language)]
    language: Option<Language>,
    /// One line for each receipt
    #[arg(long, conflicts_with = "json")]
    brief: bool,
    /// One JSON object on each line, one for each receipt
    #[arg(long)]
    json: bool,
    /// Also write a table: FILE.csv or FILE.html
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

fn language(text: &str) -> Result<Language, &'static str> {
    Language::from_tag(text).ok_or("write ar, fr, zgh or en")
}

impl Verify {
    pub(super) fn run(self) -> ExitCode {
        match self.answer() {
            Ok(answer) => ExitCode::from(answer.exit_code()),
            Err(error) => {
                if let Some(message) = message(&error) {
                    eprintln!("milaf: {message}");
                }
                ExitCode::from(CANNOT_BEGIN)
            }
        }
    }

    fn answer(self) -> anyhow::Result<Answer> {
        let locale = Locale::of_environment();
        let language = self.language.unwrap_or(locale.language);
        let given = Given::read(&self)?;
        let mut report = self.report.as_deref().map(|path| Report::create(path, language)).transpose()?;
        let mut output = Output::new(language, locale.unicode || language != Language::English, self.json, self.brief);
        let inputs = Inputs::new(&self.inputs);
        let bar = progress(inputs.expected(), "verifying");
        let (mut tally, mut reading) = (Tally::default(), true);
        let mut inputs = inputs.peekable();
        given.with_log(|evidence| {
            while inputs.peek().is_some() && reading {
                let window: Vec<_> = inputs.by_ref().take(AT_ONCE).collect();
                let answers: Vec<Vec<Judged>> = window
                    .par_iter()
                    .map(|input| {
                        let judged = judge(input, evidence);
                        bar.inc(1);
                        judged
                    })
                    .collect();
                for judged in answers.iter().flatten() {
                    tally.count(judged.verdict.answer);
                    if let Some(report) = &mut report {
                        report.add(judged)?;
                    }
                    if reading {
                        match bar.suspend(|| output.tell(judged)) {
                            // Nobody reads on; whatever was asked for in a file is still written.
                            Err(error) if reader_is_gone(&error) => reading = report.is_some(),
                            told => told?,
                        }
                    }
                }
            }
            anyhow::Ok(())
        })?;
        bar.finish_and_clear();
        if inputs.peek().is_some() {
            // What nobody looked at is not genuine by that.
            tally.count(Answer::CannotTell);
        }
        if let Some(report) = report {
            report.finish(&tally)?;
        }
        if reading {
            match output.sum(&tally) {
                Err(error) if reader_is_gone(&error) => {}
                told => told?,
            }
        }
        Ok(tally.worst())
    }
}

/// How many of each answer there were.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    counts: [u64; 4],
}

impl Tally {
    fn count(&mut self, answer: Answer) {
        self.counts[answer as usize] += 1;
    }

    fn of(&self, answer: Answer) -> u64 {
        self.counts[answer as usize]
    }

    fn all(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// The worst answer; when there was nothing to judge, that nothing can be told.
    fn worst(&self) -> Answer {
        Answer::ALL.into_iter().rev().find(|answer| self.of(*answer) > 0).unwrap_or(Answer::CannotTell)
    }
}

/// What the terminal speaks.
struct Locale {
    language: Language,
    unicode: bool,
}

impl Locale {
    fn of_environment() -> Self {
        let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let locale = set("LC_ALL").or_else(|| set("LC_MESSAGES")).or_else(|| set("LANG")).unwrap_or_default();
        let codeset = locale.to_ascii_lowercase();
        let tag = locale.split(['.', '@']).next().unwrap_or_default();
        Self {
            language: Language::from_tag(tag).unwrap_or(Language::English),
            unicode: codeset.contains("utf-8") || codeset.contains("utf8"),
        }
    }
}

/// What went wrong before anything could be judged, with what to do.
fn cannot_read(what: &str, place: &str, cause: &io::Error) -> anyhow::Error {
    anyhow::anyhow!("{what} {place} cannot be read: {cause}. Check its name and that you may read it")
}
