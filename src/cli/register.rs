//! `milaf register`: a dossier from a script or a terminal, by the same rules as the desk's form.

use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use serde::Serialize;

use super::{DataArgument, UsageError, open::Office, terminal::say};
use crate::{
    config::Issuer,
    dossier::{Procedure, TextError},
    service::{Actor, Field, FieldError, FieldProblem, RawIntake, RegisterError, Registered, Service},
};

/// Register a dossier and issue its receipt
#[derive(Debug, Args)]
#[command(
    long_about = "Registers a dossier and issues its receipt, by the same rules as the desk's form. It may run while the server \
        does.\n\nThe url and the code open the dossier's status page: hand them to the applicant only. With --form-key, \
        sending the same again registers nothing new and answers with the dossier of the first time.",
    after_help = "Examples:\n  milaf register --data /srv/milaf --procedure NRU --applicant 'Salma Bensalem' --phone 0612345678\n  \
        milaf register --data /srv/milaf --procedure PC --applicant 'Atlas Sud SARL' --applicant-kind company \\\n    \
        --depositor-role architect --depositor 'Karim Ouazzani' --document request --document ownership --json"
)]
pub(super) struct Register {
    #[command(flatten)]
    data: DataArgument,
    /// The prefix of the procedure's references, such as NRU or PC
    #[arg(long, value_name = "CODE")]
    procedure: String,
    /// The person's or the company's name
    #[arg(long, value_name = "NAME")]
    applicant: String,
    /// person or company
    #[arg(long, value_name = "KIND", default_value = "person")]
    applicant_kind: String,
    /// Who hands it in, when that is not the applicant
    #[arg(long, value_name = "NAME")]
    depositor: Option<String>,
    /// applicant, architect, surveyor or other
    #[arg(long, value_name = "ROLE")]
    depositor_role: Option<String>,
    /// The office's code; by default the head office
    #[arg(long, value_name = "CODE", default_value = "", hide_default_value = true)]
    office: String,
    /// Its last four digits open the second level
    #[arg(long, value_name = "NUMBER", default_value = "", hide_default_value = true)]
    phone: String,
    #[arg(long, value_name = "ADDRESS", default_value = "", hide_default_value = true)]
    /// An e-mail address
    email: String,
    /// The identity number; kept only as a keyed hash and its last four digits
    #[arg(long, value_name = "NUMBER", default_value = "", hide_default_value = true)]
    identity: String,
    /// The parcel or land title
    #[arg(long, value_name = "TITLE", default_value = "", hide_default_value = true)]
    parcel: String,
    /// The reference in the Rokhas platform
    #[arg(long, value_name = "REFERENCE", default_value = "", hide_default_value = true)]
    rokhas: String,
    /// A document handed in, by its code in the catalogue; may be given several times
    #[arg(long, value_name = "CODE")]
    document: Vec<String>,
    /// A note for the staff
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    note: String,
    /// Names this registration, at most 64 characters, so that sending it twice makes one dossier
    #[arg(long, value_name = "TEXT", value_parser = form_key)]
    form_key: Option<String>,
    /// Answer with one JSON object
    #[arg(long)]
    json: bool,
}

fn form_key(text: &str) -> Result<String, &'static str> {
    if (1..=64).contains(&text.len()) { Ok(text.to_owned()) } else { Err("a form key has 1 to 64 characters") }
}

/// What a script reads. Its names are a format: they are added to, never changed.
#[derive(Serialize)]
struct Answer<'a> {
    reference: String,
    url: &'a str,
    token: &'a str,
    code: String,
    /// yyyy-mm-dd
    deadline: Option<String>,
    leaf_index: u64,
    replayed: bool,
}

impl Register {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let office = Office::open(&self.data.place()?, None).await?;
        let outcome = register(&office.service, &self.intake(), self.form_key.as_deref()).await;
        let registered = match outcome {
            Ok(registered) => registered,
            Err(error) => {
                office.close().await;
                return Err(error);
            }
        };
        // The dossier is registered; what follows may fail without undoing it, so it is told first.
        if self.json { tell_json(&registered) } else { self.tell(&registered) }?;
        office.finish().await.context("the dossier is registered, but its checkpoint is not published yet")?;
        Ok(ExitCode::SUCCESS)
    }

    fn intake(&self) -> RawIntake {
        // A depositor without a role is somebody else, because an applicant needs no second name.
        let role = match (&self.depositor_role, &self.depositor) {
            (Some(role), _) => role.clone(),
            (None, Some(_)) => "other".to_owned(),
            (None, None) => String::new(),
        };
        RawIntake {
            procedure: self.procedure.clone(),
            office: self.office.clone(),
            applicant_kind: self.applicant_kind.clone(),
            applicant: self.applicant.clone(),
            depositor_role: role,
            depositor: self.depositor.clone().unwrap_or_default(),
            phone: self.phone.clone(),
            email: self.email.clone(),
            identity: self.identity.clone(),
            parcel: self.parcel.clone(),
            rokhas: self.rokhas.clone(),
            documents: self.document.clone(),
            note: self.note.clone(),
        }
    }

    fn tell(&self, registered: &Registered) -> anyhow::Result<()> {
        let again = if registered.replayed { " (registered before, under the same form key)" } else { "" };
        let deadline = registered.deadline.map_or_else(|| "none".to_owned(), crate::i18n::date);
        say(&format!(
            "{reference}{again}\n  answer due by  {deadline}\n  code           {code}\n  address        {url}\n\n\
             Print it: milaf receipt {reference} --data {data} --format pdf --out {reference}.pdf",
            reference = registered.reference,
            code = registered.code,
            url = registered.url,
            data = self.data.data.display(),
        ))
    }
}

async fn register(service: &Service, intake: &RawIntake, form_key: Option<&str>) -> anyhow::Result<Registered> {
    service.register(&Actor::new("cli"), intake, form_key).await.map_err(|error| match error {
        RegisterError::Fields(errors) => {
            let lines: Vec<String> = errors.iter().map(|error| explain(service.issuer(), intake, error)).collect();
            UsageError(lines.join("\n       ")).into()
        }
        RegisterError::FormReused => {
            UsageError("this form key was used for another registration. Use a new one".to_owned()).into()
        }
        other => anyhow::Error::from(other).context("nothing was registered"),
    })
}

fn tell_json(registered: &Registered) -> anyhow::Result<()> {
    let answer = Answer {
        reference: registered.reference.to_string(),
        url: &registered.url,
        token: &registered.token,
        code: registered.code.to_string(),
        deadline: registered.deadline.map(|day| day.to_string()),
        leaf_index: registered.leaf_index,
        replayed: registered.replayed,
    };
    say(&serde_json::to_string_pretty(&answer)?)
}

/// `--phone: not a telephone number …`; for a value that is not offered, what is.
fn explain(issuer: &Issuer, intake: &RawIntake, error: &FieldError) -> String {
    let offered = match error.field {
        Field::Procedure => issuer.catalogue.procedures().iter().map(|one| one.code().to_string()).collect(),
        Field::Office => issuer.offices.iter().map(|office| office.code.to_string()).collect(),
        Field::ApplicantKind => vec!["person".to_owned(), "company".to_owned()],
        Field::DepositorRole => ["applicant", "architect", "surveyor", "other"].map(str::to_owned).to_vec(),
        Field::Documents => {
            let code = intake.procedure.parse().ok();
            let procedure = code.and_then(|code| issuer.catalogue.procedure(&code));
            let documents = procedure.map(Procedure::documents).unwrap_or_default();
            documents.iter().map(|document| document.code.to_string()).collect()
        }
        _ => Vec::new(),
    };
    let problem = match error.problem {
        FieldProblem::Missing | FieldProblem::Text(TextError::Empty) => "it is missing".to_owned(),
        FieldProblem::Unknown => "there is no such value".to_owned(),
        FieldProblem::Twice => "the same value is given twice".to_owned(),
        FieldProblem::Text(problem) => problem.to_string(),
    };
    let choice = if offered.is_empty() { String::new() } else { format!(". Choose from: {}", offered.join(", ")) };
    format!("--{}: {problem}{choice}", error.field.name())
}
