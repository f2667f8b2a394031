//! Bad input through the public door of the real program: every table here is data behind [`Ground::check`].
//!
//! Whatever comes, the program answers with a status that says whose fault it is, keeps serving, and writes nothing about
//! anybody into its log. Status 0 stands for a connection that was closed without an answer, which is right only where an
//! answer would have had no reader.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod desk;
mod forms;
mod headers;
mod slow;
mod tokens;
mod wire;

use std::panic::{AssertUnwindSafe, catch_unwind};

use milaf::{config::KeyFiles, receipt::TokenKey};

use crate::{
    raw_http::{Connection, Request, exchange},
    real_server::{Clerk, House, PASSWORD, Server, hidden_value, reference_in},
};

/// Closed without an answer.
const CLOSED: u16 = 0;

/// Facts about a person, which no log line and no public page may hold.
const APPLICANT: &str = "Zineb Quietriver";
const PHONE: &str = "+212661234987";
const EMAIL: &str = "zineb@quietriver.example";
const IDENTITY: &str = "JB736251";

/// What is sent and what must come back.
struct Case {
    name: String,
    request: Vec<u8>,
    statuses: Vec<u16>,
    shows: Vec<String>,
    hides: Vec<String>,
    /// Look at the dossier's page that a successful registration leads to instead of at the answer itself.
    follow: bool,
}

impl Case {
    fn new(name: impl Into<String>, request: impl Into<Vec<u8>>, statuses: &[u16]) -> Self {
        Self {
            name: name.into(),
            request: request.into(),
            statuses: statuses.to_vec(),
            shows: Vec::new(),
            hides: Vec::new(),
            follow: false,
        }
    }

    fn shows(mut self, text: impl Into<String>) -> Self {
        self.shows.push(text.into());
        self
    }

    fn hides(mut self, text: impl Into<String>) -> Self {
        self.hides.push(text.into());
        self
    }

    fn follow(mut self) -> Self {
        self.follow = true;
        self
    }
}

/// A served house with one dossier and a clerk at the desk.
struct Ground {
    house: House,
    server: Server,
    clerk: Clerk,
    reference: String,
    token: String,
    seal: String,
    code: String,
    /// A token of the same receipt under a key that is not ours.
    foreign_token: String,
    /// A well-made token of a receipt that was never issued.
    unissued_token: String,
}

impl Ground {
    fn new() -> Self {
        let house = House::new();
        let personal = ["--applicant", APPLICANT, "--phone", PHONE, "--identity", IDENTITY];
        let arguments = [&["register", "--procedure", "NRU"][..], &personal, &["--json"]].concat();
        let output = house.run(&arguments, "");
        let registered: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let text = |key: &str| registered[key].as_str().unwrap().to_owned();
        let url = text("url");
        let server = house.serve();
        let clerk = house.sign_in();
        let id = milaf::receipt::ReceiptId::new([0x5a; 8]);
        let ours = TokenKey::new(0, KeyFiles::in_folder(&house.data().keys()).unwrap().token).unwrap();
        let foreign = TokenKey::new(0, [0x77; 32]).unwrap();
        Self {
            reference: text("reference"),
            token: text("token"),
            seal: url.rsplit('/').next().unwrap().to_owned(),
            code: text("code"),
            foreign_token: foreign.issue(id).text(),
            unissued_token: ours.issue(id).text(),
            house,
            server,
            clerk,
        }
    }

    /// The one check behind every table.
    fn check(&self, case: &Case) {
        let name = &case.name;
        let mut answer = exchange(self.house.address, &case.request);
        assert!(
            case.statuses.contains(&answer.status),
            "{name}: answered {} instead of {:?}\n{}\n{}",
            answer.status,
            case.statuses,
            answer.head,
            answer.text()
        );
        assert!(answer.status < 500, "{name}: {}", answer.head);
        assert!(answer.rest.is_empty(), "{name}: a second answer came: {}", String::from_utf8_lossy(&answer.rest));
        if case.follow {
            let location = answer.header("location").unwrap_or_default().to_owned();
            let reference = reference_in(&location).unwrap_or_else(|| panic!("{name}: led to {location}"));
            let page = self.clerk.on(Request::get(&format!("/desk/d/{reference}")));
            answer = exchange(self.house.address, &page.closing());
            assert_eq!(answer.status, 200, "{name}: the dossier's page");
        }
        let seen = format!("{}{}", answer.head, answer.text());
        for text in &case.shows {
            assert!(seen.contains(text), "{name}: {text:?} is missing in\n{seen}");
        }
        for text in &case.hides {
            assert!(!seen.contains(text), "{name}: {text:?} is shown in\n{seen}");
        }
        if seen.contains("text/html") {
            for header in ["content-security-policy", "x-content-type-options", "referrer-policy"] {
                assert!(answer.header(header).is_some(), "{name}: no {header} in\n{}", answer.head);
            }
        }
        assert!(self.house.is_healthy(), "{name}: the server no longer answers");
    }

    fn check_all(&self, cases: &[Case]) {
        // All that fail are told in one run.
        let fails = |case: &&Case| catch_unwind(AssertUnwindSafe(|| self.check(case))).is_err();
        let failed: Vec<&str> = cases.iter().filter(fails).map(|case| case.name.as_str()).collect();
        assert!(failed.is_empty(), "{} of {} cases: {failed:#?}", failed.len(), cases.len());
        println!("{} cases", cases.len());
    }

    /// Ends the server in order; its log may hold no panic and nothing about anybody.
    fn close(self) {
        let log = self.server.stop();
        assert!(!log.contains("panicked"), "{log}");
        assert!(log.contains("answered"), "without a line for each request this proves nothing: {log}");
        let cookie = self.clerk.cookie.split_once('=').map(|(_, secret)| secret.to_owned()).unwrap();
        let secrets = [
            // Half of a token in a line is as bad as the whole.
            &self.token[..20],
            &self.token[20..],
            &self.seal[..40],
            &self.foreign_token,
            &self.unissued_token,
            &self.code,
            &cookie,
            &self.clerk.csrf,
            PASSWORD,
            APPLICANT,
            "Quietriver",
            PHONE,
            "661234987",
            EMAIL,
            IDENTITY,
        ];
        let folded = log.to_lowercase();
        for secret in secrets {
            assert!(!folded.contains(&secret.to_lowercase()), "the log holds {secret:?}:\n{log}");
        }
    }
}

#[test]
fn bad_tokens() {
    let ground = Ground::new();
    ground.check_all(&tokens::cases(&ground));
    ground.close();
}

#[test]
fn bad_forms() {
    let ground = Ground::new();
    ground.check_all(&forms::cases(&ground));
    ground.check_all(&desk::cases(&ground));
    let mut connection = Connection::open(ground.house.address).unwrap();
    let page = connection.send(&ground.clerk.on(Request::get("/desk/register")).bytes()).unwrap();
    assert_eq!(hidden_value(&page.text(), "csrf"), ground.clerk.csrf, "the session has outlived it all");
    ground.close();
}

#[test]
fn bad_headers_and_methods() {
    let ground = Ground::new();
    ground.check_all(&headers::cases(&ground));
    ground.close();
}

#[test]
fn bad_bytes_on_the_wire() {
    let ground = Ground::new();
    ground.check_all(&wire::cases(&ground));
    ground.close();
}
