//! Forms that are sent when the session has ended: they come back after signing in, and nobody else can put one there.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use milaf::{dossier::Language, i18n};

use crate::{
    desk_pages::{Desk, Fields, NAME, PASSWORD, Page},
    form_page::FormPage,
    words::shown_keys,
};

const SIGN_IN: &str = "/desk/sign-in";
const TYPED: [(&str, &str); 6] = [
    ("applicant", "Aïcha \"<b>\" Benali"),
    ("phone", "0612345678"),
    ("identity", "AB123456"),
    ("depositor", "'السعدية' & fils"),
    ("parcel", "T-12/36"),
    ("note", "</textarea>\nVu avec elle"),
];

fn words(language: Language, key: &str) -> String {
    let text = i18n::text(language, key);
    assert_ne!(text, key, "{language:?}");
    text.replace('\'', "&#39;")
}

/// A page that holds what somebody typed, and says so.
#[track_caller]
fn check(page: &Page, language: Language, status: u16, keys: &[&str]) {
    assert_eq!(page.status.as_u16(), status, "{}", page.body);
    assert_eq!(page.headers["cache-control"], "no-store");
    assert_eq!(shown_keys(&page.body), [""; 0], "{}", page.body);
    let root = format!("<html lang=\"{}\" dir=\"{}\">", language.tag(), language.direction());
    assert!(page.body.contains(&root), "{root} is not in {}", page.body);
    assert!(!page.body.contains("<b>") && !page.body.contains("</textarea>\nVu"), "{}", page.body);
    for key in keys {
        assert!(page.body.contains(&words(language, key)), "{key} is not in {}", page.body);
    }
}

fn cookie_of(page: &Page) -> Option<String> {
    let lines = page.headers.get_all("set-cookie").iter().map(|line| line.to_str().unwrap());
    lines.filter(|line| line.starts_with("__Host-milaf=")).map(|line| line.split(';').next().unwrap().to_owned()).next()
}

/// A registration form that was opened and filled in, after which the session has ended.
async fn filled_in(desk: &Desk) -> FormPage {
    let open = FormPage::of(&desk.get("/desk/register?procedure=PC").await.body);
    let filled = TYPED.iter().fold(open, |form, (name, value)| form.with(name, value));
    desk.running.days_pass(2);
    filled
}

#[tokio::test]
async fn a_registration_comes_back_after_signing_in() {
    for language in Language::ALL {
        let mut desk = Desk::open().await;
        desk.cookie = format!("{}; milaf-lang={}", desk.cookie, language.tag());
        let filled = filled_in(&desk).await;
        let sent = [&filled.fields()[..], &[("document", "request"), ("document", "identity")]].concat();
        let asked = desk.post("/desk/register", &sent).await;
        check(&asked, language, 403, &["desk-sign-in-ended", "desk-sign-in-title"]);
        assert_eq!((asked.location.as_str(), cookie_of(&asked)), ("", None), "nothing in an address or a cookie");
        assert!(!asked.body.contains(filled.value("csrf")), "the proof of a session is not carried on");

        let sign_in = FormPage::sent_to(&asked.body, SIGN_IN).with("name", NAME);
        let wrong = desk.post(SIGN_IN, &sign_in.clone().with("password", "not the password").fields()).await;
        check(&wrong, language, 422, &["desk-sign-in-ended", "desk-sign-in-refused"]);
        let again = FormPage::sent_to(&wrong.body, SIGN_IN).with("password", PASSWORD);
        assert_eq!(again.fields().len(), sign_in.fields().len());

        let back = desk.post(SIGN_IN, &again.fields()).await;
        check(&back, language, 200, &["desk-form-back", "desk-register-title"]);
        assert!(desk.running.service.latest(1, None).await.unwrap().is_empty(), "not before the button is pressed");
        let form = FormPage::of(&back.body);
        for name in TYPED.map(|field| field.0).iter().chain(&["form-key", "procedure"]) {
            assert_eq!(form.value(name), filled.value(name), "{name}");
        }
        let ticked: Vec<_> = form.fields().into_iter().filter(|field| field.0 == "document").collect();
        assert_eq!(ticked, [("document", "request"), ("document", "identity")]);
        assert_ne!(form.value("csrf"), filled.value("csrf"));

        desk.cookie = cookie_of(&back).unwrap();
        for _ in 0..2 {
            let done = desk.post("/desk/register", &form.fields()).await;
            assert_eq!(done.status, 303, "{}", done.body);
        }
        assert_eq!(desk.running.service.latest(9, None).await.unwrap().len(), 1);
        desk.running.stop().await;
    }
}

#[tokio::test]
async fn a_move_comes_back_on_the_dossiers_page() {
    let mut desk = Desk::open().await;
    let reference = desk.registered().await;
    let path = format!("/desk/d/{reference}/add-note");
    let open = FormPage::sent_to(&desk.get(&format!("/desk/d/{reference}")).await.body, &path);
    let filled = open.with("text", "Vu avec <b> & 'elle'");
    desk.running.days_pass(2);
    let asked = desk.post(&path, &filled.fields()).await;
    check(&asked, Language::French, 403, &["desk-sign-in-ended"]);
    let sign_in = FormPage::sent_to(&asked.body, SIGN_IN).with("name", NAME).with("password", PASSWORD);
    let back = desk.post(SIGN_IN, &sign_in.fields()).await;
    check(&back, Language::French, 200, &["desk-form-back"]);
    assert!(back.body.contains("id=\"add-note\" open"), "{}", back.body);
    let form = FormPage::sent_to(&back.body, &path);
    assert_eq!((form.value("text"), form.value("form-key")), (filled.value("text"), filled.value("form-key")));
    desk.cookie = cookie_of(&back).unwrap();
    let version = async || {
        desk.running.service.dossier(&reference.parse().unwrap()).await.unwrap().unwrap().dossier.version.to_string()
    };
    assert_eq!(version().await, filled.value("version"), "nothing was done");
    for _ in 0..2 {
        assert_eq!(desk.post(&path, &form.fields()).await.status, 303);
    }
    assert_eq!(version().await, (filled.value("version").parse::<u32>().unwrap() + 1).to_string());

    // Somebody was quicker, which the clerk is told on the page that shows it.
    desk.cookie.clear();
    let late = desk.post(SIGN_IN, &sign_in.fields()).await;
    check(&late, Language::French, 200, &["desk-changed-meanwhile"]);
    assert_eq!(FormPage::sent_to(&late.body, &path).value("text"), filled.value("text"));
    desk.running.stop().await;
}

/// Another site's page can make a browser send any form; what it sends must not wait in the clerk's form.
#[tokio::test]
async fn nobody_else_puts_anything_into_the_form() {
    let mut desk = Desk::open().await;
    let filled = filled_in(&desk).await;
    let asked = desk.post("/desk/register", &filled.fields()).await;
    let sign_in = FormPage::sent_to(&asked.body, SIGN_IN).with("name", NAME).with("password", PASSWORD);
    let planted: Vec<&str> = sign_in.fields().iter().map(|field| field.0).filter(|name| name.contains('.')).collect();
    assert!(planted.len() > TYPED.len(), "{planted:?}");
    // A browser sends no cookie of ours with such a form, so it looks just like one whose session has ended.
    for cookie in [String::new(), desk.cookie.clone()] {
        desk.cookie = cookie;
        for origin in [None, Some("null"), Some("https://elsewhere.example"), Some("http://127.0.0.1:1")] {
            let page = desk.post_from("/desk/register", origin, &filled.fields()).await;
            assert_eq!((page.status.as_u16(), page.location.as_str()), (303, "/desk/sign-in?next=%2Fdesk%2Fregister"));
            assert_eq!(page.body, "");
            let page = desk.post_from(SIGN_IN, origin, &sign_in.fields()).await;
            assert_eq!((page.status.as_u16(), cookie_of(&page)), (403, None), "{}", page.body);
            assert!(!page.body.contains("Benali"), "{}", page.body);
        }
    }
    // A link cannot bring anything either: the page's form has its own fields and no others.
    let link = form_urlencoded::Serializer::new(String::new()).extend_pairs(sign_in.fields()).finish();
    let page = desk.get(&format!("{SIGN_IN}?{link}")).await;
    assert_eq!(page.status, 200);
    let names: Vec<String> =
        FormPage::sent_to(&page.body, SIGN_IN).fields().iter().map(|field| field.0.to_owned()).collect();
    assert_eq!(names, ["next", "name", "password"]);
    desk.running.stop().await;
}

#[tokio::test]
async fn what_is_carried_is_bounded_and_goes_nowhere_else() {
    let desk = Desk::open().await;
    desk.running.days_pass(2);
    let many: Vec<(&str, &str)> = vec![("document", "request"); 198];
    let large = "é".repeat(10_500);
    let refused: [Fields<'_>; 3] = [&many, &[("note", &large)], &[(&large, "x")]];
    for fields in refused {
        let page = desk.post("/desk/register", fields).await;
        assert_eq!(page.status, 413, "{}", page.body);
    }
    check(&desk.post("/desk/register", &many[..190]).await, Language::French, 403, &["desk-sign-in-ended"]);

    // What is no form of the desk leads where it led before.
    for place in ["/desk/sign-out", "/desk/d/rubbish/add-note", "/desk/d/PC-2026-000001/no-such-move"] {
        let page = desk.post(place, &[("text", "Vu")]).await;
        assert!((page.status, &*page.body) == (reqwest::StatusCode::SEE_OTHER, ""), "{place}: {}", page.body);
    }
    let credentials = [("name", NAME), ("password", PASSWORD), ("next", "/desk/register")];
    for place in ["", "//elsewhere.example", "/desk", "/desk/sign-out", "/desk/d/PC-2026-000001", "/desk/d/x/add-note"]
    {
        let fields = [&credentials[..], &[("sent-to", place), ("typed.applicant", "Nobody")]].concat();
        let page = desk.post(SIGN_IN, &fields).await;
        assert_eq!((page.status.as_u16(), page.location.as_str()), (303, "/desk/register"), "{place}");
    }
    let twice = [("sent-to", "/desk/register"), ("typed.applicant", "A"), ("typed.applicant", "B")];
    let page = desk.post(SIGN_IN, &[&credentials[..], &twice].concat()).await;
    assert_eq!(page.status, 400, "{}", page.body);
    let gone = [("sent-to", "/desk/d/PC-2026-999999/add-note"), ("typed.text", "Vu")];
    let page = desk.post(SIGN_IN, &[&credentials[..], &gone].concat()).await;
    assert_eq!(page.status, 404, "{}", page.body);

    // The database fails while somebody signs in: the page comes back whole once more.
    let asked = desk.post("/desk/register", &[("applicant", "Aïcha")]).await;
    let sign_in = FormPage::sent_to(&asked.body, SIGN_IN).with("name", NAME).with("password", PASSWORD);
    desk.running.store.close().await;
    let closed = desk.post(SIGN_IN, &sign_in.fields()).await;
    check(&closed, Language::French, 503, &["desk-sign-in-ended", "notice-unavailable"]);
    assert_eq!(closed.headers["retry-after"], "10");
    assert_eq!(FormPage::sent_to(&closed.body, SIGN_IN).value("typed.applicant"), "Aïcha");
}
