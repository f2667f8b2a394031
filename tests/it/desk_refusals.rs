//! What the desk says when it cannot do what was asked, in the language that the clerk chose: in every one of the four, with
//! its direction, in words and never in keys.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use milaf::{dossier::Language, i18n};

use crate::{
    desk_pages::{Desk, Fields, NAME, PASSWORD, Page},
    words::shown_keys,
};

/// The words of a key up to the first value in them, as a page shows them.
fn words(language: Language, key: &str) -> String {
    let text = i18n::text(language, key);
    assert_ne!(text, key, "{language:?}");
    text.split(['{', '\u{2068}']).next().unwrap().trim_end().replace('\'', "&#39;").replace('"', "&#34;")
}

#[track_caller]
fn check(page: &Page, language: Language, status: u16, keys: &[&str]) {
    let (tag, direction) = (language.tag(), language.direction());
    assert_eq!(page.status.as_u16(), status, "{tag}: {}", page.body);
    let root = format!("<html lang=\"{tag}\" dir=\"{direction}\">");
    assert!(page.body.contains(&root), "{root} is not in {}", page.body);
    assert_eq!(page.headers["content-language"], tag);
    assert_eq!(shown_keys(&page.body), [""; 0], "{tag}: {}", page.body);
    for key in keys {
        let words = words(language, key);
        assert!(page.body.contains(&words), "{tag}: {words:?} is not in {}", page.body);
    }
}

/// A desk whose clerk chose a language on an earlier page.
async fn desk_in(language: Language) -> Desk {
    let mut desk = Desk::open().await;
    let page = desk.get(&format!("/desk?l={}", language.tag())).await;
    let chosen = page.headers["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    desk.cookie = format!("{}; {chosen}", desk.cookie);
    desk
}

async fn registration_refused(desk: &Desk, language: Language) {
    let fields = [
        ("applicant", ""),
        ("phone", "12"),
        ("email", "nobody"),
        ("identity", "?"),
        ("office", "NOWHERE"),
        ("document", "request"),
        ("document", "request"),
        ("note", &"x".repeat(2001)),
        ("parcel", "a\u{202e}b"),
        ("procedure", "NRU"),
    ];
    let problems = ["missing", "phone", "email", "identity", "unknown", "twice", "too-long", "forbidden"];
    let keys: Vec<String> = problems.iter().map(|problem| format!("problem-{problem}")).collect();
    let mut keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    keys.extend(["desk-errors-title", "desk-errors-short"]);
    check(&desk.register(&fields).await, language, 422, &keys);

    let form = desk.get("/desk/register?procedure=NRU").await;
    let (csrf, key) = (form.hidden("csrf"), form.hidden("form-key"));
    let send = async |key: &str, applicant: &str, csrf: &str| {
        let fields = [("csrf", csrf), ("form-key", key), ("procedure", "NRU"), ("applicant", applicant)];
        desk.post("/desk/register", &fields).await
    };
    check(&send("", "Aicha", &csrf).await, language, 422, &["desk-form-stale"]);
    check(&send(&key, "Aicha", &"0".repeat(64)).await, language, 403, &["desk-refused-title", "desk-refused-text"]);
    assert_eq!(send(&key, "Aicha", &csrf).await.status, 303);
    check(&send(&key, "Zahra", &csrf).await, language, 409, &["desk-reused-title", "desk-reused-text"]);
    let foreign = desk.post_from("/desk/register", Some("https://evil.example"), &[("csrf", &csrf)]).await;
    check(&foreign, language, 403, &["desk-refused-title"]);
    let large = desk.post("/desk/register", &[("csrf", &csrf), ("note", &"x".repeat(70_000))]).await;
    check(&large, language, 413, &["notice-too-large", "notice-too-large-advice"]);
    let twice = desk.post("/desk/register", &[("csrf", &csrf), ("applicant", "A"), ("applicant", "B")]).await;
    check(&twice, language, 400, &["notice-bad-request", "notice-request"]);
}

async fn move_refused(desk: &Desk, language: Language) {
    let reference = desk.registered().await;
    let conflicts: [(&str, Fields<'_>, &str); 4] = [
        ("collect", &[], "refusal-illegal-move"),
        ("enter-step", &[("step", "complement")], "refusal-wrong-command"),
        ("receive-complement", &[("document", "request")], "refusal-no-complement-open"),
        (
            "correct",
            &[("field", "applicant"), ("value", "Aïcha Benali"), ("reason", "x")],
            "refusal-nothing-to-correct",
        ),
    ];
    for (command, fields, key) in conflicts {
        check(&desk.make_move(&reference, command, fields).await, language, 409, &[key]);
    }
    let faults: [(&str, Fields<'_>, &str); 4] = [
        ("request-complement", &[], "desk-no-document-ticked"),
        ("schedule-commission", &[("on", "soon")], "desk-problem-date"),
        ("decide", &[], "problem-missing"),
        ("correct", &[("field", "phone"), ("value", "12"), ("reason", "x")], "problem-phone"),
    ];
    for (command, fields, key) in faults {
        check(&desk.make_move(&reference, command, fields).await, language, 422, &["desk-errors-title", key]);
    }

    let page = desk.get(&format!("/desk/d/{reference}")).await;
    let (csrf, version) = (page.hidden("csrf"), page.hidden("version"));
    assert_eq!(desk.make_move(&reference, "reprint-receipt", &[]).await.status, 303);
    let late = [("csrf", csrf.as_str()), ("version", version.as_str()), ("audience", "internal"), ("text", "Vu")];
    let path = format!("/desk/d/{reference}/add-note");
    check(&desk.post(&path, &late).await, language, 409, &["desk-changed-meanwhile"]);
    check(&desk.get(&path).await, language, 405, &["notice-method"]);
    let unknown = desk.make_move(&reference, "no-such-move", &[]).await;
    check(&unknown, language, 404, &["notice-not-found", "notice-not-found-advice"]);
}

async fn not_there(desk: &Desk, language: Language) {
    for path in ["/desk/d/PC-2026-999999", "/desk/d/rubbish", "/desk/go?q=rubbish", "/desk/d/PC-2026-999999/receipt"] {
        check(&desk.get(path).await, language, 404, &["desk-not-found-title", "desk-not-found-text"]);
    }
    check(&desk.get("/desk/nowhere").await, language, 404, &["notice-not-found"]);
}

async fn at_the_door(desk: &mut Desk, language: Language) {
    let open = desk.get("/desk/register?procedure=NRU").await;
    let wrong = desk.sign_in("nobody", "not the password", "").await;
    check(&wrong, language, 422, &["desk-sign-in-refused", "desk-sign-in-title"]);
    for _ in 0..9 {
        desk.sign_in("nobody", "not the password", "").await;
    }
    check(&desk.sign_in("nobody", "not the password", "").await, language, 429, &["desk-sign-in-limited"]);

    desk.running.days_pass(2);
    let over = desk.get("/desk/register").await;
    assert_eq!((over.status.as_u16(), over.location.as_str()), (303, "/desk/sign-in?next=%2Fdesk%2Fregister"));
    check(&desk.get(&over.location).await, language, 200, &["desk-sign-in-title", "desk-sign-in-button"]);
    let form = desk.post("/desk/d/PC-2026-000001/add-note", &[("text", "Vu")]).await;
    check(&form, language, 403, &["desk-sign-in-ended", "desk-sign-in-title"]);
    assert_eq!(desk.sign_in(NAME, PASSWORD, "/desk").await.status, 303);

    desk.running.store.close().await;
    let closed = desk.get("/desk").await;
    check(&closed, language, 503, &["notice-unavailable", "notice-unavailable-advice", "notice-request"]);
    assert_eq!(closed.headers["retry-after"], "10");
    given_back(desk, language, &open).await;
}

/// While the database does not answer, a registration comes back as a form with everything that was typed, under its own key.
async fn given_back(desk: &Desk, language: Language, open: &Page) {
    let (csrf, key) = (open.hidden("csrf"), open.hidden("form-key"));
    let fields = [
        ("form-key", key.as_str()),
        ("procedure", "NRU"),
        ("applicant", "Aïcha Benali"),
        ("phone", "0612345678"),
        ("identity", "AB123456"),
        ("document", "request"),
        ("note", "Vu avec elle"),
    ];
    let send = async |csrf: &str| desk.post("/desk/register", &[&[("csrf", csrf)], &fields[..]].concat()).await;
    let page = send(&csrf).await;
    check(&page, language, 503, &["desk-unanswered", "desk-register-title"]);
    assert_eq!(page.headers["retry-after"], "10");
    assert_eq!((page.hidden("csrf"), page.hidden("form-key")), (csrf, key.clone()), "it can be sent as it is");
    for kept in ["Aïcha Benali", "0612345678", "AB123456", "value=\"request\" checked", "\nVu avec elle</textarea>"] {
        assert!(page.body.contains(kept), "{kept:?} is not in {}", page.body);
    }
    assert!(!page.body.contains(NAME), "nobody is known to have signed in");
    check(&send(&"0".repeat(64)).await, language, 403, &["desk-refused-title"]);
}

#[tokio::test]
async fn every_refusal_speaks_the_clerks_language() {
    for language in Language::ALL {
        let mut desk = desk_in(language).await;
        registration_refused(&desk, language).await;
        move_refused(&desk, language).await;
        not_there(&desk, language).await;
        at_the_door(&mut desk, language).await;
    }
}
