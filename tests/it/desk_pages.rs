//! The staff pages through HTTP, as a browser without a script uses them.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use reqwest::{Response, StatusCode, header, redirect};

use crate::{
    harness::{Running, clerk},
    words::shown_keys,
};

pub(crate) const NAME: &str = "clerk";
pub(crate) const PASSWORD: &str = "a password of the desk";

pub(crate) type Fields<'a> = &'a [(&'a str, &'a str)];

/// A browser at the desk: one cookie, no script, redirects looked at.
pub(crate) struct Desk {
    pub(crate) running: Running,
    pub(crate) client: reqwest::Client,
    pub(crate) cookie: String,
}

pub(crate) struct Page {
    pub(crate) status: StatusCode,
    pub(crate) location: String,
    pub(crate) headers: header::HeaderMap,
    pub(crate) body: String,
}

impl Page {
    pub(crate) async fn of(response: Response) -> Self {
        let (status, headers) = (response.status(), response.headers().clone());
        let location = headers.get("location").map_or("", |value| value.to_str().unwrap()).to_owned();
        Self { status, location, headers, body: response.text().await.unwrap() }
    }

    /// The value of the first hidden field of that name.
    pub(crate) fn hidden(&self, name: &str) -> String {
        let start = format!("name=\"{name}\" value=\"");
        let at = self.body.find(&start).unwrap_or_else(|| panic!("no field {name} in {}", self.body)) + start.len();
        self.body[at..].split('"').next().unwrap().to_owned()
    }

    fn expect(&self, status: u16, texts: &[&str]) {
        assert_eq!(self.status.as_u16(), status, "{}", self.body);
        for text in texts {
            assert!(self.body.contains(text), "{text:?} is not in {}", self.body);
        }
    }
}

impl Desk {
    pub(crate) async fn open() -> Self {
        Self::of(Running::start().await).await
    }

    /// Signs a clerk in.
    pub(crate) async fn of(running: Running) -> Self {
        running.service.add_account(NAME, milaf::dossier::Role::Desk, PASSWORD).await.unwrap().unwrap();
        let client = reqwest::Client::builder().redirect(redirect::Policy::none()).build().unwrap();
        let mut desk = Self { running, client, cookie: String::new() };
        let page = desk.sign_in(NAME, PASSWORD, "/desk").await;
        assert_eq!((page.status.as_u16(), page.location.as_str()), (303, "/desk"), "{}", page.body);
        let cookie = page.headers["set-cookie"].to_str().unwrap();
        for part in ["__Host-milaf=", "Path=/;", "HttpOnly", "SameSite=Strict", "Secure"] {
            assert!(cookie.contains(part), "{part} is not in the cookie");
        }
        cookie.split(';').next().unwrap().clone_into(&mut desk.cookie);
        desk
    }

    fn origin(&self) -> String {
        self.running.url("")
    }

    pub(crate) async fn get(&self, path: &str) -> Page {
        let request = self.client.get(self.running.url(path)).header("cookie", &self.cookie);
        Page::of(request.header("accept-language", "fr").send().await.unwrap()).await
    }

    pub(crate) async fn post_from(&self, path: &str, origin: Option<&str>, fields: &[(&str, &str)]) -> Page {
        let mut request = self.client.post(self.running.url(path)).header("cookie", &self.cookie).form(fields);
        if let Some(origin) = origin {
            request = request.header("origin", origin);
        }
        Page::of(request.header("accept-language", "fr").send().await.unwrap()).await
    }

    pub(crate) async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Page {
        self.post_from(path, Some(&self.origin()), fields).await
    }

    pub(crate) async fn sign_in(&self, name: &str, password: &str, next: &str) -> Page {
        self.post("/desk/sign-in", &[("name", name), ("password", password), ("next", next)]).await
    }

    /// Sends a registration form that was opened just now.
    pub(crate) async fn register(&self, fields: &[(&str, &str)]) -> Page {
        let form = self.get("/desk/register?procedure=PC").await;
        let (csrf, key) = (form.hidden("csrf"), form.hidden("form-key"));
        let mut all = vec![("csrf", csrf.as_str()), ("form-key", key.as_str())];
        all.extend(fields);
        self.post("/desk/register", &all).await
    }

    pub(crate) async fn registered(&self) -> String {
        let page = self.register(&[("procedure", "PC"), ("applicant", "Aïcha Benali")]).await;
        page.location.strip_prefix("/desk/d/").unwrap().strip_suffix("/receipt?new=1").unwrap().to_owned()
    }

    /// Opens the dossier, fills in a move's form and sends it.
    pub(crate) async fn make_move(&self, reference: &str, command: &str, fields: &[(&str, &str)]) -> Page {
        let page = self.get(&format!("/desk/d/{reference}")).await;
        let (csrf, key, version) = (page.hidden("csrf"), page.hidden("form-key"), page.hidden("version"));
        let mut all = vec![("csrf", csrf.as_str()), ("form-key", key.as_str()), ("version", version.as_str())];
        all.extend(fields);
        self.post(&format!("/desk/d/{reference}/{command}"), &all).await
    }
}

#[tokio::test]
async fn only_who_signed_in_sees_the_desk() {
    let mut desk = Desk::open().await;
    desk.get("/desk").await.expect(200, &["Aucun dossier pour l’instant"]);
    let page = desk.get("/desk").await;
    assert_eq!(page.headers["cache-control"], "no-store");
    assert_eq!(page.headers["referrer-policy"], "same-origin", "else a browser hides where a form comes from");
    let csrf = page.hidden("csrf");
    let cookie = std::mem::take(&mut desk.cookie);
    let page = desk.get("/desk/register?procedure=PC").await;
    assert_eq!(page.location, "/desk/sign-in?next=%2Fdesk%2Fregister%3Fprocedure%3DPC");
    for (name, password) in [(NAME, "not the password"), ("nobody", PASSWORD)] {
        desk.sign_in(name, password, "/desk")
            .await
            .expect(422, &["Nom du compte ou mot de passe incorrect.", &format!("value=\"{name}\"")]);
    }
    let page = desk.sign_in(NAME, PASSWORD, "//elsewhere.example/desk").await;
    assert_eq!(page.location, "/desk", "a foreign place is not followed");
    desk.cookie = cookie;
    assert_eq!(desk.post("/desk/sign-out", &[("csrf", &csrf)]).await.status, 303);
    assert_eq!(desk.get("/desk").await.status, 303, "the session has ended in the database too");
    desk.running.stop().await;
}

#[tokio::test]
async fn too_many_tries_say_until_when() {
    let desk = Desk::open().await;
    for _ in 0..10 {
        desk.sign_in("other", "not the password", "").await;
    }
    let page = desk.sign_in("other", "not the password", "").await;
    page.expect(429, &["Trop d’essais", "value=\"other\""]);
    desk.running.stop().await;
}

#[tokio::test]
async fn a_form_from_elsewhere_does_nothing() {
    let desk = Desk::open().await;
    let form = desk.get("/desk/register").await;
    let (csrf, key) = (form.hidden("csrf"), form.hidden("form-key"));
    let fields = [("form-key", key.as_str()), ("procedure", "PC"), ("applicant", "Aïcha")];
    let with = |csrf| [&fields[..], &[("csrf", csrf)]].concat();
    let here = desk.origin();
    let public = desk.running.service.issuer().public_url.as_str().trim_end_matches('/').to_owned();
    let refused = [
        (None, csrf.as_str()),
        (Some("null"), csrf.as_str()),
        (Some("https://elsewhere.example"), csrf.as_str()),
        (Some("http://127.0.0.1:1"), csrf.as_str()),
        (Some(here.as_str()), ""),
        (Some(here.as_str()), "0123456789abcdef"),
    ];
    for (origin, csrf) in refused {
        let page = desk.post_from("/desk/register", origin, &with(csrf)).await;
        page.expect(403, &["Demande refusée"]);
    }
    let sign_in = [("name", NAME), ("password", PASSWORD)];
    assert_eq!(desk.post_from("/desk/sign-in", Some("https://elsewhere.example"), &sign_in).await.status, 403);
    desk.get("/desk").await.expect(200, &["Aucun dossier"]);
    assert_eq!(desk.post_from("/desk/register", Some(&public), &with(&csrf)).await.status, 303);
    desk.running.stop().await;
}

#[tokio::test]
async fn a_form_sent_twice_makes_one_dossier() {
    let desk = Desk::open().await;
    let form = desk.get("/desk/register?procedure=PC").await;
    form.expect(200, &["<html lang=\"fr\" dir=\"ltr\">", "value=\"PC\" selected"]);
    let (csrf, key) = (form.hidden("csrf"), form.hidden("form-key"));
    let fields = [
        ("csrf", csrf.as_str()),
        ("form-key", key.as_str()),
        ("procedure", "PC"),
        ("applicant", "Aïcha Benali"),
        ("phone", "0661 22 33 44"),
        ("document", "request"),
    ];
    let first = desk.post("/desk/register", &fields).await;
    assert_eq!(first.status, 303, "{}", first.body);
    let again = desk.post("/desk/register", &fields).await;
    assert_eq!(again.location, first.location, "the telephone is its own, so it is no look-alike");
    let changed: Vec<_> =
        fields.iter().map(|(name, value)| (*name, if *name == "applicant" { "Autre" } else { value })).collect();
    desk.post("/desk/register", &[&changed[..], &[("confirm-duplicate", "1")]].concat())
        .await
        .expect(409, &["déjà été envoyé"]);
    assert_eq!(desk.running.service.latest(10, None).await.unwrap().len(), 1);
    let receipt = desk.get(&first.location).await;
    receipt.expect(
        200,
        &[
            "Dossier enregistré",
            "<svg",
            "Aïcha Benali",
            "receipt.pdf",
            "accesskey=\"p\" autofocus",
            "/desk/register?procedure=PC",
        ],
    );
    let path = first.location.replace("/receipt?new=1", "/receipt.pdf");
    let pdf = desk.client.get(desk.running.url(&path)).header("cookie", &desk.cookie).send().await.unwrap();
    assert_eq!(pdf.headers()["content-type"], "application/pdf");
    let name = pdf.headers()["content-disposition"].to_str().unwrap().to_owned();
    assert!(name.starts_with("inline; filename=\"PC-2026-"), "{name}");
    assert!(pdf.bytes().await.unwrap().starts_with(b"%PDF"));
    desk.running.stop().await;
}

#[tokio::test]
async fn a_wrong_form_comes_back_with_everything_typed() {
    let desk = Desk::open().await;
    let page = desk
        .register(&[
            ("procedure", "PC"),
            ("applicant", ""),
            ("phone", "\"><script>alert(1)</script>"),
            ("email", "nobody"),
            ("parcel", "T-12/36 & suite"),
            ("note", "</textarea><b>"),
            ("depositor-role", "architect"),
            ("document", "identity"),
        ])
        .await;
    page.expect(
        422,
        &[
            "href=\"#f-applicant\"",
            "href=\"#f-phone\"",
            "href=\"#f-email\"",
            "href=\"#f-depositor\"",
            "id=\"e-phone\"",
            "aria-invalid=\"true\"",
            "T-12/36 &#38; suite",
            "value=\"identity\" checked",
            "value=\"architect\" selected",
            "value=\"nobody\"",
        ],
    );
    assert!(!page.body.contains("<script>alert"), "{}", page.body);
    assert!(!page.body.contains("</textarea><b>"), "{}", page.body);
    assert_eq!(page.body.matches("autofocus").count(), 1);
    for (name, value, status) in [
        ("procedure", "XX", 422),
        ("office", "NOWHERE", 422),
        ("applicant", "a\u{202e}b", 422),
        ("form-key", "twice", 400),
        ("note", &"x".repeat(2001), 422),
    ] {
        let page = desk.register(&[("applicant", "A"), (name, value)][usize::from(name == "applicant")..]).await;
        assert_eq!(page.status.as_u16(), status, "{name}: {}", page.body);
    }
    let shown = desk.register(&[("applicant", "Aïcha"), ("procedure", "NRU"), ("show-documents", "1")]).await;
    shown.expect(200, &["value=\"NRU\" selected", "value=\"Aïcha\""]);
    assert!(desk.running.service.latest(1, None).await.unwrap().is_empty());
    desk.running.stop().await;
}

#[tokio::test]
async fn a_look_alike_is_shown_and_never_in_the_way() {
    let desk = Desk::open().await;
    let old = desk.running.register().await.reference.to_string();
    let fields = [("procedure", "PC"), ("applicant", "Autre Nom"), ("phone", crate::harness::PHONE)];
    let page = desk.register(&fields).await;
    page.expect(200, &["Dossiers semblables", &old, "Enregistrer quand même", "value=\"Autre Nom\""]);
    let page = desk.register(&[&fields[..], &[("confirm-duplicate", "1")]].concat()).await;
    assert_eq!(page.status, 303, "{}", page.body);
    desk.running.stop().await;
}

#[tokio::test]
async fn a_dossier_goes_its_way_by_its_buttons() {
    let desk = Desk::open().await;
    let reference = desk.registered().await;
    let rejected: [(&str, &[(&str, &str)]); 6] = [
        ("request-complement", &[("message", "<b>manque</b>")]),
        ("decide", &[]),
        ("correct", &[("field", "phone"), ("value", "12")]),
        ("add-note", &[("audience", "internal"), ("text", "")]),
        ("replace-receipt", &[]),
        ("enter-step", &[("step", "no step")]),
    ];
    for (command, fields) in rejected {
        let page = desk.make_move(&reference, command, fields).await;
        assert_eq!(page.status, 422, "{command}: {}", page.body);
        assert!(!page.body.contains("<b>manque"), "{command}");
    }
    let refused = desk.make_move(&reference, "collect", &[("by", "Hassan")]).await;
    refused.expect(409, &["Étapes possibles", &reference]);
    let way: [(&str, &[(&str, &str)]); 9] = [
        ("enter-step", &[("step", "completeness")]),
        ("request-complement", &[("document", "identity"), ("message", "Copie lisible")]),
        ("receive-complement", &[("document", "identity")]),
        ("correct", &[("field", "applicant"), ("value", "Aïcha El Benali"), ("reason", "Faute de frappe")]),
        ("correct", &[("field", "phone"), ("value", "0661223344"), ("reason", "Nouveau numéro")]),
        ("add-note", &[("audience", "public"), ("text", "Apportez le cachet")]),
        ("reprint-receipt", &[]),
        ("replace-receipt", &[("reason", "Perdu")]),
        ("withdraw", &[("reason", "Projet abandonné")]),
    ];
    for (command, fields) in way {
        let page = desk.make_move(&reference, command, fields).await;
        assert_eq!(page.status, 303, "{command}: {}", page.body);
        assert!(page.location.starts_with(&format!("/desk/d/{reference}")), "{command}: {}", page.location);
    }
    desk.get(&format!("/desk/d/{reference}")).await.expect(
        200,
        &["Aïcha El Benali", "+212 6 61 22 33 44", "Copie lisible", "Faute de frappe", "Projet abandonné", NAME],
    );
    let closed = desk.make_move(&reference, "enter-step", &[("step", "completeness")]).await;
    assert_eq!(closed.status, 409, "{}", closed.body);
    desk.running.stop().await;
}

#[tokio::test]
async fn a_dossier_goes_from_the_commission_to_its_owner() {
    let desk = Desk::open().await;
    let reference = desk.registered().await;
    let way: [(&str, Fields<'_>, &str); 9] = [
        ("enter-step", &[("step", "completeness")], "Vérification des pièces"),
        ("enter-step", &[("step", "technical_study")], "Étude technique"),
        ("schedule-commission", &[("on", "2026-09-20"), ("place", "Salle du conseil")], "Salle du conseil"),
        ("adjourn", &[("reason", "Plan illisible")], "Plan illisible"),
        ("schedule-commission", &[("on", "2026-10-02"), ("place", "")], "02/10/2026"),
        ("decide", &[("outcome", "favourable_with_reservations"), ("reservations", "Recul de 3 m")], "Recul de 3 m"),
        ("add-note", &[("audience", "internal"), ("text", "Prévenir par téléphone")], "Prévenir par téléphone"),
        ("mark-ready", &[], "Prêt à retirer"),
        ("collect", &[("by", "Hassan Benali")], "Hassan Benali"),
    ];
    for (command, fields, shown) in way {
        let page = desk.make_move(&reference, command, fields).await;
        assert_eq!(page.status, 303, "{command}: {}", page.body);
        desk.get(&format!("/desk/d/{reference}")).await.expect(200, &[shown]);
    }
    desk.get(&format!("/desk/d/{reference}")).await.expect(200, &["Remis"]);
    let page = desk.register(&[("procedure", "PH"), ("applicant", "Saïd Amrani")]).await;
    let other = page.location.strip_prefix("/desk/d/").unwrap().strip_suffix("/receipt?new=1").unwrap().to_owned();
    assert_eq!(desk.make_move(&other, "extend", &[("reason", "Visite à refaire")]).await.status, 303);
    desk.get(&format!("/desk/d/{other}")).await.expect(200, &["Visite à refaire"]);
    let again = desk.make_move(&other, "extend", &[("reason", "Encore")]).await;
    assert_eq!(again.status, 409, "one extension only: {}", again.body);
    desk.running.stop().await;
}

#[tokio::test]
async fn a_paper_is_printed_again_only_as_a_duplicate() {
    let desk = Desk::open().await;
    let reference = desk.registered().await;
    let (paper, place) = (format!("/desk/d/{reference}/receipt.pdf"), format!("/desk/d/{reference}/receipt"));
    let original = desk.get(&paper).await;
    original.expect(200, &["%PDF"]);
    let fields = [("field", "applicant"), ("value", "Aïcha El Benali"), ("reason", "Faute de frappe")];
    assert_eq!(desk.make_move(&reference, "correct", &fields).await.status, 303);
    assert_eq!(desk.get(&paper).await.body, original.body, "a correction makes no second original");
    desk.get(&place).await.expect(200, &["<svg", "id=\"print\""]);

    desk.running.clock.advance(jiff::SignedDuration::from_mins(31));
    let closed = desk.get(&place).await;
    closed.expect(200, &["Tout autre exemplaire est un duplicata", "01/09/2026"]);
    for secret in ["<svg", "receipt.pdf", "id=\"print\""] {
        assert!(!closed.body.contains(secret), "{secret} is in {}", closed.body);
    }
    let refused = desk.get(&paper).await;
    assert_eq!((refused.status.as_u16(), refused.location.as_str()), (303, place.as_str()));

    let (csrf, key, version) = (closed.hidden("csrf"), closed.hidden("form-key"), closed.hidden("version"));
    let fields = [("csrf", csrf.as_str()), ("form-key", key.as_str()), ("version", version.as_str())];
    let sent = desk.post(&format!("/desk/d/{reference}/reprint-receipt"), &fields).await;
    assert_eq!((sent.status.as_u16(), sent.location.as_str()), (303, place.as_str()), "{}", sent.body);
    desk.get(&place).await.expect(200, &["DUPLICATA n° ", "Aïcha El Benali", "<svg"]);
    assert_ne!(desk.get(&paper).await.body, original.body);
    desk.get(&format!("/desk/d/{reference}")).await.expect(200, &["Récépissé réimprimé"]);
    desk.running.stop().await;
}

#[tokio::test]
async fn who_comes_late_is_told_and_loses_nothing() {
    let desk = Desk::open().await;
    let reference = desk.registered().await;
    let path = format!("/desk/d/{reference}/add-note");
    let page = desk.get(&format!("/desk/d/{reference}")).await;
    let (csrf, key, version) = (page.hidden("csrf"), page.hidden("form-key"), page.hidden("version"));
    assert_eq!(desk.make_move(&reference, "reprint-receipt", &[]).await.status, 303);
    let fields = [
        ("csrf", csrf.as_str()),
        ("form-key", key.as_str()),
        ("version", version.as_str()),
        ("audience", "internal"),
        ("text", "Vu avec le service"),
    ];
    let late = desk.post(&path, &fields).await;
    late.expect(409, &["modifié ce dossier entre-temps", "Vu avec le service"]);
    let newer = late.hidden("version");
    assert_ne!(newer, version);
    let again = [&fields[..2], &[("version", newer.as_str())], &fields[3..]].concat();
    assert_eq!(desk.post(&path, &again).await.status, 303);
    assert_eq!(desk.post(&path, &again).await.status, 303, "sent twice, done once");
    let view = desk.running.service.dossier(&reference.parse().unwrap()).await.unwrap().unwrap();
    assert_eq!(view.dossier.version.to_string(), (newer.parse::<u32>().unwrap() + 1).to_string());
    desk.running.stop().await;
}

#[tokio::test]
async fn what_does_not_exist_is_said_to_be_missing() {
    let desk = Desk::open().await;
    let reference = desk.registered().await;
    for (path, status) in [
        ("/desk/d/PC-2026-999999", 404),
        ("/desk/d/rubbish", 404),
        ("/desk/d/%00", 404),
        ("/desk/d/PC-2026-999999/receipt", 404),
        ("/desk/d/PC-2026-999999/receipt.pdf", 404),
        ("/desk/go?q=%3Cb%3E", 404),
        ("/desk/go?q=", 303),
        ("/desk?before=rubbish", 200),
        ("/desk?before=-1", 200),
        ("/desk/register?procedure=%22%3E", 200),
    ] {
        let page = desk.get(path).await;
        assert_eq!(page.status.as_u16(), status, "{path}: {}", page.body);
        assert!(!page.body.contains("<b>"), "{path}");
    }
    let typed = reference.to_lowercase().replace('-', "/");
    let found = desk.get(&format!("/desk/go?q=+{typed}+")).await;
    assert_eq!(found.location, format!("/desk/d/{reference}"));
    assert_eq!(desk.make_move(&reference, "no-such-move", &[]).await.status, 404);
    desk.running.stop().await;
}

#[tokio::test]
async fn every_page_speaks_four_languages() {
    let desk = Desk::open().await;
    for _ in 0..26 {
        desk.running
            .service
            .register(
                &clerk(),
                &milaf::service::RawIntake {
                    procedure: "NRU".into(), applicant: "Aïcha".into(), ..Default::default()
                },
                None,
            )
            .await
            .unwrap();
    }
    let reference = desk.registered().await;
    desk.running.days_pass(200);
    // The session has ended by then.
    let page = desk.sign_in(NAME, PASSWORD, "").await;
    let desk = Desk { cookie: page.headers["set-cookie"].to_str().unwrap().split(';').next().unwrap().into(), ..desk };
    let dossier = format!("/desk/d/{reference}");
    let receipt = format!("{dossier}/receipt");
    for (tag, direction) in [("ar", "rtl"), ("fr", "ltr"), ("zgh", "ltr"), ("en", "ltr")] {
        let paths = ["/desk", "/desk/register", &dossier, &receipt, "/desk/go?q=nothing", "/desk/sign-in"];
        for path in paths {
            let separator = if path.contains('?') { '&' } else { '?' };
            let page = desk.get(&format!("{path}{separator}l={tag}")).await;
            assert!(page.body.contains(&format!("<html lang=\"{tag}\" dir=\"{direction}\">")), "{path} {tag}");
            let cookie = page.headers["set-cookie"].to_str().unwrap();
            assert!(cookie.starts_with(&format!("milaf-lang={tag};")), "{path}");
            assert_eq!(shown_keys(&page.body), [""; 0], "{path} {tag}");
        }
    }
    let list = desk.get("/desk").await;
    list.expect(200, &["délai dépassé", "/desk?before="]);
    desk.running.stop().await;
}
