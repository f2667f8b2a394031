//! `milaf evidence`: everything that proves a dossier's history, as one file for a court, a notary or an expert.

use std::{
    io::{self, IsTerminal},
    path::PathBuf,
    process::ExitCode,
    sync::Arc,
};

use anyhow::{anyhow, bail};
use clap::Args;

use super::{DataArgument, open::Office, receipt::hand_out, witnesses};
use crate::{
    dossier::{Language, Reference},
    print::evidence_bundle,
    service::{Actor, Failure},
};

/// Write everything that proves a dossier's history to one file
#[derive(Debug, Args)]
#[command(
    long_about = "Writes one ZIP file with everything that establishes what was recorded of a dossier, for somebody who does not \
        trust the office: each record and its nonce, proofs that the log holds them, the signed and cosigned head of the log, the \
        public keys, the policy, the receipts with their seals, and a page in the reader's language that tells the history and \
        how to check it with python3 and openssl alone.\n\nIt records nothing. What has not been published of the log is published \
        first. The same dossier and the same head of the log give the same bytes. Of a dossier whose data were erased it holds \
        the entries, the proofs and the event that tells of the erasure.\n\nThe file holds personal data, and the papers in it open \
        the receipt's page: it is readable by its owner only, and a file that exists is kept unless --force is given.",
    after_help = "Examples:\n  milaf evidence NRU-2026-000123 --data /srv/milaf --out NRU-2026-000123.zip\n  \
        milaf evidence NRU-2026-000123 --data /srv/milaf --language fr --out - > evidence.zip\n\n\
        Whoever receives it: milaf verify NRU-2026-000123.zip --keys keys.json"
)]
pub(super) struct Evidence {
    /// Such as NRU-2026-000123
    #[arg(value_name = "REFERENCE")]
    reference: Reference,
    #[command(flatten)]
    data: DataArgument,
    /// The file to write; `-` is stdout
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// The language of the page: ar, fr, zgh or en; by default the office's
    #[arg(long, value_parser = language)]
    language: Option<Language>,
    /// Replace the file if there is one
    #[arg(long)]
    force: bool,
}

fn language(text: &str) -> Result<Language, &'static str> {
    Language::from_tag(text).ok_or("write ar, fr, zgh or en")
}

impl Evidence {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let to_stdout = self.out.as_os_str() == "-";
        if to_stdout && io::stdout().is_terminal() {
            bail!("a ZIP file is no text for a terminal. Name a file with --out, or send the output to one");
        }
        if !to_stdout && !self.force && self.out.exists() {
            bail!("{} exists already. Give --force to replace it", self.out.display());
        }
        let place = self.data.place()?;
        let office = Office::open(&place, None).await?;
        if let Some(policy) = witnesses::policy(&place)? {
            office.service.use_policy(Arc::new(policy)).await?;
        }
        let evidence = office.service.evidence(&Actor::new("cli"), &self.reference).await;
        let evidence = evidence.map_err(|failure| match failure {
            Failure::UnknownDossier => {
                anyhow!("there is no dossier {}. Check the procedure, the year and the number", self.reference)
            }
            other => other.into(),
        })?;
        let issuer = office.service.issuer();
        let language = self.language.unwrap_or(issuer.default_language);
        let bytes = evidence_bundle(issuer, &evidence, office.service.policy(), language)?;
        office.close().await;
        hand_out(&bytes, (!to_stdout).then_some(self.out.as_path()), self.force)?;
        Ok(ExitCode::SUCCESS)
    }
}
