//! What each role may do, asked of the running pages and of the service behind them: not only what a page offers, but what
//! comes of a request that no page offers.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use milaf::{
    dossier::{Command, CommandKind, Language, Reference, Role},
    i18n,
    service::{Actor, Failure, RawIntake, RegisterError},
};

use crate::{
    desk_pages::{Desk, NAME, Page},
    harness::paragraph,
    words::shown_keys,
};

async fn version(desk: &Desk, reference: &Reference) -> u32 {
    desk.running.service.dossier(reference).await.unwrap().unwrap().dossier.version
}

async fn become_one(desk: &Desk, role: Role) {
    assert!(desk.running.service.set_role(NAME, role).await.unwrap());
}

/// Sends a form that a page of this session could have sent, whether or not any page offers it.
async fn send(desk: &Desk, path: &str, version: u32, fields: &[(&str, &str)]) -> Page {
    let csrf = desk.get("/desk").await.hidden("csrf");
    let key = desk.running.service.new_form_key().unwrap();
    let version = version.to_string();
    let mut all = vec![("csrf", csrf.as_str()), ("form-key", key.as_str()), ("version", version.as_str())];
    all.extend(fields);
    desk.post(path, &all).await
}

fn fields_of(kind: CommandKind) -> &'static [(&'static str, &'static str)] {
    match kind {
        CommandKind::EnterStep => &[("step", "completeness")],
        CommandKind::RequestComplement | CommandKind::ReceiveComplement => &[("document", "site_plan")],
        CommandKind::ScheduleCommission => &[("on", "2026-12-24")],
        CommandKind::Decide => &[("outcome", "favourable")],
        CommandKind::Correct => &[("field", "applicant"), ("value", "Zahra Idrissi"), ("reason", "Faute")],
        CommandKind::AddNote => &[("audience", "internal"), ("text", "Vu")],
        CommandKind::Adjourn | CommandKind::Withdraw | CommandKind::Extend | CommandKind::ReplaceReceipt => {
            &[("reason", "Perdu")]
        }
        CommandKind::MarkReady | CommandKind::Collect | CommandKind::ReprintReceipt => &[],
    }
}

#[tokio::test]
async fn each_role_by_each_command() {
    let desk = Desk::open().await;
    for role in Role::ALL {
        become_one(&desk, Role::Desk).await;
        let reference: Reference = desk.registered().await.parse().unwrap();
        become_one(&desk, role).await;
        let changes = role != Role::Auditor;
        for kind in CommandKind::ALL {
            let before = version(&desk, &reference).await;
            let slug = kind.as_str().replace('_', "-");
            let page = send(&desk, &format!("/desk/d/{reference}/{slug}"), before, fields_of(kind)).await;
            let after = version(&desk, &reference).await;
            if changes {
                // Some moves cannot follow; none is kept from the role.
                assert!([303, 409].contains(&page.status.as_u16()), "{role} {slug}: {} {}", page.status, page.body);
                assert_eq!(after > before, page.status == 303, "{role} {slug}");
            } else {
                assert_eq!((page.status.as_u16(), after), (403, before), "{role} {slug}");
                assert!(page.body.contains("Votre compte ne le permet pas"), "{role} {slug}: {}", page.body);
            }
        }
        let page = send(&desk, "/desk/register", 1, &[("procedure", "NRU"), ("applicant", "Zahra Idrissi")]).await;
        assert_eq!(page.status.as_u16(), if changes { 303 } else { 403 }, "{role}: {}", page.body);
    }
    desk.running.stop().await;
}

#[tokio::test]
async fn each_role_by_each_page() {
    let desk = Desk::open().await;
    let reference = desk.registered().await;
    let dossier = format!("/desk/d/{reference}");
    for (path, roles) in [
        ("/desk", [200, 200, 200]),
        (&dossier, [200, 200, 200]),
        (&format!("{dossier}/receipt"), [200, 200, 200]),
        (&format!("{dossier}/receipt.pdf"), [200, 200, 200]),
        ("/desk/register", [200, 200, 403]),
        ("/desk/audit", [403, 200, 200]),
        ("/desk/audit/entry/0", [403, 200, 200]),
        ("/desk/audit/keys", [403, 200, 200]),
        ("/desk/audit/checkpoints", [403, 200, 200]),
    ] {
        for (role, status) in Role::ALL.into_iter().zip(roles) {
            become_one(&desk, role).await;
            let page = desk.get(path).await;
            assert_eq!(page.status.as_u16(), status, "{role} {path}: {}", page.body);
            if path.ends_with("pdf") {
                continue;
            }
            // A page offers what may be done and nothing else.
            let (registers, reads) = (role != Role::Auditor, role != Role::Desk);
            assert_eq!(page.body.contains("href=\"/desk/register"), registers, "{role} {path}");
            assert_eq!(page.body.contains("action=\"/desk/d/"), registers && path == dossier, "{role} {path}");
            assert_eq!(page.body.contains("href=\"/desk/audit"), reads, "{role} {path}");
        }
    }
    // Whoever is no auditor any more is none at the next request, in the same session.
    become_one(&desk, Role::Auditor).await;
    assert_eq!(desk.get("/desk/register").await.status, 403);
    become_one(&desk, Role::Desk).await;
    assert_eq!(desk.get("/desk/register").await.status, 200);
    desk.running.stop().await;
}

#[tokio::test]
async fn a_refusal_speaks_the_clerks_language() {
    let desk = Desk::open().await;
    become_one(&desk, Role::Auditor).await;
    for language in Language::ALL {
        let page = desk.get(&format!("/desk/register?l={}", language.tag())).await;
        assert_eq!(page.status, 403);
        for key in ["staff-not-allowed-title", "staff-not-allowed-text", "staff-role-auditor"] {
            assert!(page.body.contains(&i18n::text(language, key)), "{language:?}: {key} is not in {}", page.body);
        }
        assert_eq!(shown_keys(&page.body), [""; 0]);
    }
    desk.running.stop().await;
}

/// The pages are not the only door.
#[tokio::test]
async fn the_service_itself_refuses() {
    let desk = Desk::open().await;
    let reference: Reference = desk.registered().await.parse().unwrap();
    let service = &desk.running.service;
    let auditor = Actor::staff("nadia", Role::Auditor);
    let command = Command::EnterStep { step: "completeness".parse().unwrap() };
    for outcome in [
        service.execute(&auditor, &reference, 2, &command, None).await,
        service.reprint(&auditor, &reference, 2).await,
        service.replace_receipt(&auditor, &reference, 2, paragraph("Perdu"), None).await,
    ] {
        assert_eq!(outcome.map(|_| ()), Err(Failure::NotAllowed));
    }
    let raw = RawIntake { procedure: "NRU".into(), applicant: "Zahra Idrissi".into(), ..RawIntake::default() };
    assert_eq!(service.register(&auditor, &raw, None).await.map(|_| ()), Err(RegisterError::NotAllowed));
    for role in Role::ALL {
        let outcome = service.erase(&Actor::staff("nadia", role), &reference, 2, &paragraph("Non")).await;
        assert_eq!(outcome, Err(Failure::NotAllowed), "{role}: no member of staff erases");
    }
    assert_eq!(version(&desk, &reference).await, 2);
    desk.running.stop().await;
}
