//! `milaf receipt`: the paper of a dossier, or its QR code alone, as a file.

use std::{
    ffi::OsStr,
    fs,
    io::{self, IsTerminal, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};

use super::{DataArgument, open::Office, terminal::say};
use crate::{
    dossier::{Language, Reference},
    print::{QrSymbol, compose, receipt_pdf, receipt_text},
};

/// A module of 8 pixels prints at 203 dpi as one millimetre.
const PIXELS_PER_MODULE: u32 = 8;

/// Write a dossier's receipt, or its QR code, to a file
#[derive(Debug, Args)]
#[command(
    long_about = "Writes the receipt that is in force, as the desk prints it: as a PDF, as text with the QR code for \
        terminals, or the QR code alone as a PNG or SVG. It records nothing; a duplicate for an applicant is handed out on \
        the dossier's page, which logs it.\n\nA receipt is a secret of the applicant: the file is readable by its owner only, \
        and a file that exists is kept unless --force is given.",
    after_help = "Examples:\n  milaf receipt NRU-2026-000123 --data /srv/milaf --format pdf --out receipt.pdf\n  \
        milaf receipt NRU-2026-000123 --data /srv/milaf --format txt --language fr --out -"
)]
pub(super) struct Receipt {
    /// Such as NRU-2026-000123
    #[arg(value_name = "REFERENCE")]
    reference: Reference,
    #[command(flatten)]
    data: DataArgument,
    #[arg(long, value_enum, default_value_t = Format::Pdf, hide_possible_values = false)]
    /// What to write
    format: Format,
    /// The file to write; `-` is stdout
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// The language of the text: ar, fr, zgh or en; by default the office's
    #[arg(long, value_parser = language)]
    language: Option<Language>,
    /// Replace the file if there is one
    #[arg(long)]
    force: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// The paper, A5
    Pdf,
    /// The QR code as pixels
    Png,
    /// The QR code as a drawing
    Svg,
    /// The paper as text
    #[value(alias = "text")]
    Txt,
}

fn language(text: &str) -> Result<Language, &'static str> {
    Language::from_tag(text).ok_or("write ar, fr, zgh or en")
}

impl Receipt {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let to_stdout = self.out == Path::new("-");
        if !to_stdout && !self.force && self.out.exists() {
            bail!("{} is there already. Choose another file, or replace it with --force", self.out.display());
        }
        if to_stdout && matches!(self.format, Format::Pdf | Format::Png) && io::stdout().is_terminal() {
            bail!("a terminal cannot show this format. Name a file with --out FILE, or use --format txt");
        }
        let office = Office::open(&self.data.place()?, None).await?;
        let Some(view) = office.service.receipt(&self.reference).await? else {
            if let Some(erased) = office.service.erasure(&self.reference).await? {
                bail!(
                    "the data of {} were erased on {}, so its receipt cannot be written any more",
                    self.reference,
                    erased.on
                );
            }
            bail!("there is no dossier {}. Check the procedure, the year and the number", self.reference);
        };
        if office.service.is_withdrawn(&view.receipt) {
            bail!(
                "the token key of the receipt of {} is revoked, so this paper opens no page any more. Replace the receipt at the \
                 desk; that gives one under the key in use",
                self.reference
            );
        }
        let issuer = office.service.issuer();
        let sheet = compose::sheet(issuer, &view);
        let bytes = match self.format {
            Format::Pdf => receipt_pdf(&sheet)?,
            Format::Png => QrSymbol::new(&sheet.url)?.png(PIXELS_PER_MODULE),
            Format::Svg => QrSymbol::new(&sheet.url)?.svg().into_bytes(),
            Format::Txt => receipt_text(&sheet, self.language.unwrap_or(issuer.default_language)).into_bytes(),
        };
        office.close().await;
        hand_out(&bytes, (!to_stdout).then_some(self.out.as_path()), self.force)?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Writes what a command made into its file, and says so; without a file, to stdout.
pub(super) fn hand_out(bytes: &[u8], file: Option<&Path>, force: bool) -> anyhow::Result<()> {
    let Some(file) = file else {
        let mut stdout = io::stdout().lock();
        stdout.write_all(bytes)?;
        return Ok(stdout.flush()?);
    };
    write_whole(file, bytes, force).with_context(|| format!("{} cannot be written", file.display()))?;
    say(&format!("{} written", file.display()))
}

/// Writes beside the place and moves it there, so that a full disk leaves no half a file under the name.
fn write_whole(path: &Path, bytes: &[u8], replace: bool) -> io::Result<()> {
    let name = path.file_name().ok_or_else(|| io::Error::other("it names no file"))?;
    let mut beside = OsStr::new(".").to_owned();
    beside.push(name);
    beside.push(format!(".{}.new", std::process::id()));
    let beside = path.with_file_name(beside);
    let write = || -> io::Result<()> {
        let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        // A link refuses a name that is taken, which a rename would not.
        if replace { fs::rename(&beside, path) } else { fs::hard_link(&beside, path) }
    };
    let outcome = write();
    if !replace || outcome.is_err() {
        // What is left behind is our own, whether or not it was made.
        let _ = fs::remove_file(&beside);
    }
    outcome
}
