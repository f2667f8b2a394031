//! The desk's other doors: commands on a dossier, signing in, looking things up.

use super::{
    APPLICANT, CLOSED, Case, EMAIL, Ground, IDENTITY, PHONE,
    forms::{REGISTERED, case, key},
};
use crate::{
    raw_http::{Request, form},
    real_server::{ORIGIN, PASSWORD},
};

pub(super) fn cases(ground: &Ground) -> Vec<Case> {
    [commands(ground), sign_ins(), look_ups(ground), nobody(ground)].into_iter().flatten().collect()
}

fn path_of(ground: &Ground, page: &str) -> String {
    format!("/desk/d/{}/{page}", ground.reference)
}

fn commands(ground: &Ground) -> Vec<Case> {
    let clerk = &ground.clerk;
    let command = |path: &str, fields: &[(&str, &str)]| {
        let own_key = key();
        let mut all = vec![("csrf", clerk.csrf.as_str()), ("form-key", own_key.as_str())];
        all.extend_from_slice(fields);
        clerk.on(Request::post(path, form(&all)))
    };
    let on = |name: &str| path_of(ground, name);
    let fault: &[u16] = &[400, 404, 409, 422];
    vec![
        case("an unknown command", command(&on("erase"), &[("version", "2")]), fault),
        case(
            "a command on an unknown dossier",
            command("/desk/d/NRU-2026-999999/withdraw", &[("version", "2")]),
            fault,
        ),
        case("a command on no reference", command("/desk/d/%00/withdraw", &[("version", "2")]), fault),
        case("a command on dots", command("/desk/d/%2e%2e/withdraw", &[("version", "2")]), fault),
        case("no version", command(&on("add-note"), &[("text", "x"), ("audience", "internal")]), fault),
        case("a version of letters", command(&on("add-note"), &[("version", "x"), ("text", "x")]), fault),
        case("a negative version", command(&on("add-note"), &[("version", "-1"), ("text", "x")]), fault),
        case("a version beyond all numbers", command(&on("add-note"), &[("version", "99999999999999999999")]), fault),
        case("an old version", command(&on("withdraw"), &[("version", "1")]), fault),
        case(
            "a step of another procedure",
            command(&on("enter-step"), &[("version", "2"), ("step", "site_visit")]),
            fault,
        ),
        case("a step of HTML", command(&on("enter-step"), &[("version", "2"), ("step", "<b>")]), fault).hides("<b>"),
        case("collected before it is ready", command(&on("collect"), &[("version", "2"), ("collector", "x")]), fault),
        case(
            "a commission on no day",
            command(&on("schedule-commission"), &[("version", "2"), ("on", "2026-02-30")]),
            fault,
        ),
        case(
            "a commission in the year 99999",
            command(&on("schedule-commission"), &[("version", "2"), ("on", "99999-01-01")]),
            fault,
        ),
        case(
            "a command without a proof",
            clerk.on(Request::post(&on("withdraw"), form(&[("version", "2"), ("form-key", &key())]))),
            &[403],
        ),
        case("a command by GET", clerk.on(Request::get(&on("withdraw"))), &[405]),
    ]
}

fn sign_ins() -> Vec<Case> {
    let sign_in = |name: &str, password: &str| {
        let fields = form(&[("name", name), ("password", password), ("next", "")]);
        Request::post("/desk/sign-in", fields).header("Origin", ORIGIN)
    };
    let wrong: &[u16] = &[422];
    vec![
        case("signing in as nobody", sign_in("nobody", "guess"), wrong).hides("et-cookie: __Host"),
        case("signing in with SQL", sign_in("' OR 1=1 --", "' OR 1=1 --"), wrong).hides("et-cookie: __Host"),
        case("signing in with HTML", sign_in("<script>alert(5)</script>", PASSWORD), wrong).hides("<script>alert(5)"),
        case("signing in with a password of 60 KB", sign_in("nobody", &"p".repeat(60_000)), wrong),
        case("signing in with a password of 1 MB", sign_in("nobody", &"p".repeat(1_000_000)), &[413, CLOSED]),
        case("signing in with NUL", sign_in("clerk\0", PASSWORD), &[400]).hides("et-cookie: __Host"),
        case(
            "signing in from elsewhere",
            sign_in("clerk", PASSWORD).without("Origin").header("Origin", "https://evil.example"),
            &[403],
        )
        .hides("et-cookie: __Host"),
    ]
}

fn look_ups(ground: &Ground) -> Vec<Case> {
    let clerk = &ground.clerk;
    let go = |text: &str| {
        let query = form(&[("q", text)]);
        clerk.on(Request::get(&format!("/desk/go?{query}")))
    };
    let lost: &[u16] = &[404];
    vec![
        case("the reference box with HTML", go("<script>alert(6)</script>"), lost).hides("<script>alert(6)"),
        case("the reference box with SQL", go("' OR 1=1 --"), lost),
        case("the reference box with a path", go("../../etc/passwd"), lost),
        case("the reference box with an address", go("//evil.example"), lost).hides("ocation: //"),
        case("the reference box with line breaks", go("NRU\r\nSet-Cookie: a=b"), lost).hides("et-cookie: a=b"),
        case("the reference box with 10 KB", go(&"9".repeat(10_000)), lost),
        case("the reference box with a whole receipt", go(&format!("{ORIGIN}/D/{}", ground.token)), lost),
        case("a list before nothing", clerk.on(Request::get("/desk?before=x")), &[200]),
        case("a list before all numbers", clerk.on(Request::get("/desk?before=99999999999999999999")), &[200]),
        case("a list before the first", clerk.on(Request::get("/desk?before=-9223372036854775808")), &[200]),
        case("the form of no procedure", clerk.on(Request::get("/desk/register?procedure=%22%3E%3Cb%3E")), &[200])
            .hides("\"><b>"),
        case("a dossier that is none", clerk.on(Request::get("/desk/d/NRU-2026-999999")), &[404]),
        case("a dossier of fullwidth letters", clerk.on(Request::get("/desk/d/%EF%BC%AE")), &[404]),
        case("a receipt that is none", clerk.on(Request::get("/desk/d/NRU-2026-999999/receipt.pdf")), &[404]),
    ]
}

/// Without a session every page leads to the sign-in, and says nothing.
fn nobody(ground: &Ground) -> Vec<Case> {
    let dossier = format!("/desk/d/{}", ground.reference);
    let (receipt, pdf) = (path_of(ground, "receipt"), path_of(ground, "receipt.pdf"));
    let closed = ["/desk", "/desk/register", &dossier, &receipt, &pdf, "/desk/go?q=x"].map(|path| {
        let name = format!("{} without a session", path.split('/').next_back().unwrap_or_default());
        case(&name, Request::get(path), &[303]).hides(APPLICANT).hides(&ground.token)
    });
    // A good one, so that the log has met every kind of personal data in a form.
    let fields =
        [("procedure", "NRU"), ("applicant", APPLICANT), ("phone", PHONE), ("identity", IDENTITY), ("email", EMAIL)];
    let right = case("everything right", ground.clerk.register(&key(), &fields), REGISTERED);
    // The same when the session has ended: it comes back to who typed it, and to nobody through the log.
    let ended = Request::post("/desk/register", form(&fields)).header("Origin", ORIGIN);
    let ended = case("everything right and no session", ended, &[403]).shows(APPLICANT);
    closed.into_iter().chain([right.follow().shows(APPLICANT), ended]).collect()
}
