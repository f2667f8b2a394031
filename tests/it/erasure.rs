//! A dossier whose data were erased, as everybody meets it afterwards: the citizen with the paper, the clerk, the
//! administrator, and whoever looks into the file itself.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::{fs, path::Path};

use milaf::{
    dossier::{Command, Correction, Language, Line, Reference, Role, search_key},
    i18n,
    service::{Actor, Failure, RawIntake, Scan, UnlockAnswer},
};

use crate::{
    commands::{Office, milaf},
    desk_pages::{Desk, NAME},
    harness::{DIGITS, PRIVATE, Running, clerk, paragraph},
    premises::{Premises, on_both_databases},
    words::shown_keys,
};

on_both_databases! {
    a_scan_is_told_and_nothing_can_be_opened,
    the_desk_is_told_and_can_do_nothing,
    a_stale_look_erases_nothing,
}

async fn erase(running: &Running, reference: &Reference) -> u64 {
    let cli = Actor::new("cli");
    let version = running.service.erasure_scope(reference).await.unwrap().version;
    running.service.erase(&cli, reference, version, &paragraph("Loi 09-08")).await.unwrap().told_by
}

async fn a_scan_is_told_and_nothing_can_be_opened(premises: Premises) {
    let running = Running::on(&premises).await;
    let registered = running.sample("decided").await;
    let other = running.sample("replaced").await;
    erase(&running, &registered.reference).await;
    erase(&running, &other.reference).await;
    let client = reqwest::Client::new();
    for language in Language::ALL {
        let path = running.url(&format!("/D/{}?l={}", registered.token, language.tag()));
        let opened = client.post(&path).form(&[("digits", DIGITS)]).send().await.unwrap();
        let scanned = client.get(&path).send().await.unwrap();
        for response in [scanned, opened] {
            assert_eq!(response.status(), 410);
            assert_eq!(response.headers()["cache-control"], "no-store");
            let page = response.text().await.unwrap();
            let on = i18n::date(running.service.today());
            for text in [&i18n::text(language, "erased-heading"), &i18n::text(language, "erased-advice"), &on] {
                assert!(page.contains(text.as_str()), "{language:?}: {text} is not in {page}");
            }
            assert!(page.contains("href=\"tel:") && page.contains(&registered.reference.to_string()), "{page}");
            assert!(!page.contains("name=\"digits\"") && !page.contains("Loi 09-08"), "{page}");
            for word in PRIVATE {
                assert!(!page.contains(word), "{word} is in {page}");
            }
            assert_eq!(shown_keys(&page), [""; 0]);
        }
    }
    // The typed code still leads to the same page, and a paper that was replaced says what it said before.
    let form = [("reference", registered.reference.to_string()), ("code", registered.code.to_string())];
    let found = client.post(running.url("/find")).form(&form).send().await.unwrap();
    assert_eq!(found.status(), 410);
    assert_eq!(running.service.scan(&other.token).await, Ok(Scan::Replaced));
    let unlocked = running.service.unlock(&registered.token, DIGITS).await.unwrap();
    assert!(matches!(unlocked, UnlockAnswer::Erased(_)), "{unlocked:?}");
    running.stop().await;
}

async fn the_desk_is_told_and_can_do_nothing(premises: Premises) {
    let desk = Desk::of(Running::on(&premises).await).await;
    let reference = desk.registered().await;
    let kept = desk.registered().await;
    let before = desk.get(&format!("/desk/d/{reference}")).await;
    let entry = erase(&desk.running, &reference.parse().unwrap()).await;

    let list = desk.get("/desk").await;
    assert_eq!(list.status, 200);
    assert_eq!(list.body.matches("données effacées").count(), 1, "{}", list.body);
    assert!(list.body.contains(&reference) && list.body.contains(&kept));
    let dossier = format!("/desk/d/{reference}");
    for path in [&dossier, &format!("{dossier}/receipt"), &format!("{dossier}/receipt.pdf")] {
        let page = desk.get(path).await;
        assert_eq!(page.status, 200, "{path}");
        for text in ["ont été effacées le", "Loi 09-08", &reference, &format!(">{entry}<")] {
            assert!(page.body.contains(text), "{path}: {text} is not in {}", page.body);
        }
        assert!(!page.body.contains("Benali") && !page.body.contains("action=\"/desk/d/"), "{path}: {}", page.body);
        assert_eq!(shown_keys(&page.body), [""; 0], "{path}");
    }
    let go = desk.get(&format!("/desk/go?q={reference}")).await;
    assert_eq!((go.status.as_u16(), go.body.contains("ont été effacées le")), (200, true));

    // A form of the page as it was opened before.
    let (csrf, key, version) = (before.hidden("csrf"), before.hidden("form-key"), before.hidden("version"));
    for command in ["add-note", "reprint-receipt", "replace-receipt", "enter-step"] {
        let fields = [
            ("csrf", csrf.as_str()),
            ("form-key", key.as_str()),
            ("version", version.as_str()),
            ("audience", "internal"),
            ("text", "Vu"),
            ("reason", "Perdu"),
            ("step", "completeness"),
        ];
        let page = desk.post(&format!("{dossier}/{command}"), &fields).await;
        assert!(page.body.contains("ont été effacées le"), "{command}: {} {}", page.status, page.body);
    }
    assert_eq!(desk.running.store.head().await.unwrap().size, entry + 1, "nothing was added");
    // What looked like it before does not any more.
    let again = desk.register(&[("procedure", "PC"), ("applicant", "Aïcha Benali")]).await;
    assert_eq!(again.status, 303, "{}", again.body);
    desk.running.stop().await;
}

async fn a_stale_look_erases_nothing(premises: Premises) {
    let running = Running::on(&premises).await;
    let reference = running.register().await.reference;
    let scope = running.service.erasure_scope(&reference).await.unwrap();
    assert_eq!((scope.version, scope.records, scope.receipts), (2, 2, 1));
    running.execute(&reference, Command::EnterStep { step: "completeness".parse().unwrap() }).await;
    let cli = Actor::new("cli");
    let stale = running.service.erase(&cli, &reference, scope.version, &paragraph("Loi 09-08")).await;
    assert_eq!(stale, Err(Failure::Changed { current: 3 }));
    assert!(running.service.dossier(&reference).await.unwrap().is_some());
    erase(&running, &reference).await;
    assert_eq!(running.service.erasure_scope(&reference).await, Err(Failure::Erased));
    let step = Command::EnterStep { step: "completeness".parse().unwrap() };
    let late = running.service.execute(&clerk(), &reference, 3, &step, None).await;
    assert_eq!(late.map(|_| ()), Err(Failure::Erased));
    let unknown: Reference = "PC-2026-999999".parse().unwrap();
    assert_eq!(running.service.erasure(&unknown).await, Ok(None));
    running.stop().await;
}

/// Every byte of the database's files.
fn bytes(folder: &Path) -> Vec<u8> {
    let mut all = Vec::new();
    for file in ["milaf.db", "milaf.db-wal", "milaf.db-shm"] {
        all.extend(fs::read(folder.join(file)).unwrap_or_default());
    }
    all
}

fn holds(haystack: &[u8], text: &str) -> bool {
    haystack.windows(text.len()).any(|window| window == text.as_bytes())
}

/// Among enough others that pages were split and rows moved, in the tables and in the indexes.
#[tokio::test]
async fn the_bytes_are_gone_from_the_file() {
    let running = Running::start().await;
    let mut references = Vec::new();
    for number in 0..240_u32 {
        // Neither names nor parcels nor telephones come in order.
        let scattered = number.wrapping_mul(2_654_435_761);
        let raw = RawIntake {
            procedure: "PC".into(),
            applicant: format!("Requérant {scattered:010} Erased-Name-{number:03}"),
            phone: format!("06{:08}", scattered % 100_000_000),
            identity: format!("AB{number:06}"),
            parcel: format!("T-{scattered:010}/Erased-Parcel-{number:03}"),
            note: format!("Erased-Note-{number:03}"),
            documents: vec!["request".into()],
            ..RawIntake::default()
        };
        references.push(running.service.register(&clerk(), &raw, None).await.unwrap().reference);
    }
    let victims = [3_usize, 100, 101, 239];
    for victim in victims {
        let reference = &references[victim];
        let name = Line::new(&format!("Corrected-Name-{victim:03}")).unwrap();
        let applicant = running.service.dossier(reference).await.unwrap().unwrap().dossier.registration.applicant;
        let correction = Correction::Applicant(milaf::dossier::Applicant { name, ..applicant });
        running.execute(reference, Command::Correct { correction, reason: paragraph("Faute") }).await;
    }
    let traces = |number: usize| {
        let scattered = u32::try_from(number).unwrap().wrapping_mul(2_654_435_761);
        let parcel = format!("T-{scattered:010}/Erased-Parcel-{number:03}");
        vec![
            format!("Erased-Name-{number:03}"),
            search_key(&format!("Erased-Name-{number:03}")),
            format!("Corrected-Name-{number:03}"),
            search_key(&parcel),
            parcel,
            format!("+2126{:08}", scattered % 100_000_000),
            format!("Erased-Note-{number:03}"),
        ]
    };
    let before = bytes(running.folder.path());
    for trace in traces(100) {
        assert!(holds(&before, &trace), "{trace} was there, so looking for it proves something");
    }
    let nonces: Vec<Vec<u8>> = {
        let raw = rusqlite::Connection::open(running.folder.path().join("milaf.db")).unwrap();
        let sql = "SELECT nonce FROM event_contents JOIN events USING (leaf_index)
            JOIN dossiers ON sequence = dossier WHERE reference = ?1";
        let mut statement = raw.prepare(sql).unwrap();
        let reference = references[100].to_string();
        statement.query_map([reference], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    };
    assert_eq!(nonces.len(), 3);
    for victim in victims {
        erase(&running, &references[victim]).await;
    }
    // The server goes on meanwhile: nobody had to close the database.
    let after = bytes(running.folder.path());
    for trace in victims.into_iter().flat_map(traces) {
        assert!(!holds(&after, &trace), "{trace} is still in the files");
    }
    for nonce in nonces {
        assert!(!after.windows(32).any(|window| window == nonce), "a nonce is still in the files");
    }
    assert!(holds(&after, "Erased-Name-102") && holds(&after, "Erased-Note-102"), "nobody else's data went");
    running.stop().await;
}

#[test]
fn an_administrator_erases_and_is_told() {
    let office = Office::new();
    let data = office.data();
    let registered = office.register("Aïcha Benali", &[]);
    office.register("Omar Tazi", &[]);
    let reference = registered["reference"].as_str().unwrap();
    let run = |more: &[&str]| milaf(&[&["erase", reference, "--data", &data][..], more].concat(), "");
    let unasked = run(&["--reason", "Loi 09-08"]).expect(2);
    assert!(unasked.stderr.contains("--yes"), "{}", unasked.stderr);
    run(&["--yes"]).expect(2);
    let unknown = ["erase", "PC-2026-000099", "--reason", "Loi 09-08", "--yes", "--data", &data];
    assert!(milaf(&unknown, "").expect(1).stderr.contains("there is no dossier PC-2026-000099"));

    let erased = run(&["--reason", "Loi 09-08", "--yes"]).expect(0);
    let text = erased.text();
    for part in ["2 records go for good", "entry 4 of the log tells of it", "Backups from before still hold them"] {
        assert!(text.contains(part), "{part:?} is not in {text}");
    }
    assert!(!text.contains("Benali"));
    assert!(run(&["--reason", "Loi 09-08", "--yes"]).expect(1).stderr.contains("were erased before"));
    let receipt = milaf(&["receipt", reference, "--data", &data, "--format", "txt", "--out", "-"], "").expect(1);
    assert!(receipt.stderr.contains("were erased on"), "{}", receipt.stderr);
    assert!(!holds(&bytes(Path::new(&data)), "Benali"));
    assert!(holds(&bytes(Path::new(&data)), "Omar Tazi"));
    let doctor = milaf(&["doctor", "--data", &data], "");
    assert!(!doctor.text().contains("entry 0") && !doctor.stderr.contains("entry 0"), "{}", doctor.text());
    assert_eq!(doctor.code, 0, "an erasure is no damage: {} {}", doctor.text(), doctor.stderr);
    let help = milaf(&["erase", "--help"], "").expect(0).text();
    for part in ["no personal data", "Backups", "Examples:"] {
        assert!(help.contains(part), "{part:?} is not in {help}");
    }
}

/// A backup knows nothing of what was erased after it.
#[test]
fn a_restored_backup_says_what_has_to_be_erased_again() {
    let office = Office::new();
    let data = office.data();
    let text = |name: &str| office.register(name, &[])["reference"].as_str().unwrap().to_owned();
    let (before, after) = (text("Aïcha Benali"), text("Omar Tazi"));
    let erase = |reference: &str| {
        milaf(&["erase", reference, "--reason", "Loi 09-08", "--yes", "--data", &data], "").expect(0);
    };
    erase(&before);
    let backup = Path::new(&data).with_file_name("backup.db").display().to_string();
    milaf(&["backup", "--to", &backup, "--data", &data], "").expect(0);
    erase(&after);
    let restore = ["restore", &backup, "--data", &data, "--accept-rollback", "--reason", "Essai"];
    let restored = milaf(&restore, "").expect(0).text();
    let again = |reference: &str| format!("milaf erase {reference} --reason");
    assert!(restored.contains(&again(&after)) && !restored.contains(&again(&before)), "{restored}");
    assert!(holds(&bytes(Path::new(&data)), "Omar Tazi"), "it has come back");
    erase(&after);
    assert!(!holds(&bytes(Path::new(&data)), "Omar Tazi"));
    assert!(!holds(&bytes(Path::new(&data)), "Benali"), "what was erased before the backup stays erased");
}

#[test]
fn roles_are_given_on_the_command_line() {
    let office = Office::new();
    let data = office.data();
    let password = "Quartz-Lantern-58-Saffron";
    milaf(&["account", "add", "salma", "--data", &data], password).expect(0);
    milaf(&["account", "add", "nadia", "--role", "auditor", "--data", &data], password).expect(0);
    let list = || milaf(&["account", "list", "--data", &data], "").expect(0).text();
    let line = |name: &str| list().lines().find(|line| line.starts_with(name)).unwrap().to_owned();
    assert!(line("salma").contains(Role::Desk.as_str()) && line("nadia").contains(Role::Auditor.as_str()));
    milaf(&["account", "role", "salma", "manager", "--data", &data], "").expect(0);
    assert!(line("salma").contains("manager"));
    milaf(&["account", "role", NAME, "manager", "--data", &data], "").expect(1);
    milaf(&["account", "role", "salma", "king", "--data", &data], "").expect(2);
}
