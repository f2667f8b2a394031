//! What an https address promises, and what an http address must not: a promise that a browser keeps would lock everybody
//! out of a demonstration.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use milaf::web::WebOptions;
use reqwest::{Client, Response, redirect};

use crate::harness::{Running, clerk};

const PASSWORD: &str = "a password of the desk";

async fn running_at(public_url: &str) -> (Running, Client) {
    let running =
        Running::with(WebOptions::default(), |issuer| issuer.override_public_url(Some(public_url), None).unwrap())
            .await;
    running.service.add_account("clerk", milaf::dossier::Role::Desk, PASSWORD).await.unwrap().unwrap();
    (running, Client::builder().redirect(redirect::Policy::none()).build().unwrap())
}

async fn signed_in(running: &Running, client: &Client) -> Response {
    let form = [("name", "clerk"), ("password", PASSWORD), ("next", "")];
    let request = client.post(running.url("/desk/sign-in")).header("origin", running.url("")).form(&form);
    request.send().await.unwrap()
}

/// Name, secret and attributes of the one cookie that an answer sets.
fn cookie(answer: &Response) -> (String, String, Vec<String>) {
    let lines: Vec<&str> = answer.headers().get_all("set-cookie").iter().map(|line| line.to_str().unwrap()).collect();
    let [line] = lines[..] else { panic!("{lines:?}") };
    let mut parts = line.split("; ").map(str::to_owned);
    let pair = parts.next().unwrap();
    let (name, secret) = pair.split_once('=').unwrap();
    let attributes = parts.filter(|part| !part.starts_with("Max-Age=")).collect();
    (name.to_owned(), secret.to_owned(), attributes)
}

/// Every kind of answer promises the same, and signing in and out set the same cookie.
async fn check(public_url: &str, promise: Option<&str>, name: &str, attributes: &[&str]) {
    let (running, client) = running_at(public_url).await;
    let token = running.service.register(&clerk(), &intake(), None).await.unwrap().token;
    let receipt = format!("/D/{token}");
    let paths = [
        "/",
        &receipt,
        "/D/FORGED",
        "/nowhere",
        "/healthz",
        "/robots.txt",
        "/desk",
        "/desk/sign-in",
        "/find",
        "/desk/assets/desk.css",
        "/desk/assets/desk.js",
    ];
    let promised = |answer: &Response| {
        answer.headers().get("strict-transport-security").map(|value| value.to_str().unwrap().to_owned())
    };
    for path in paths {
        let answer = client.get(running.url(path)).send().await.unwrap();
        assert_eq!(promised(&answer).as_deref(), promise, "{public_url}{path}");
    }
    let answer = signed_in(&running, &client).await;
    assert_eq!((answer.status().as_u16(), promised(&answer).as_deref()), (303, promise));
    let (found, secret, found_attributes) = cookie(&answer);
    assert_eq!((found.as_str(), secret.len()), (name, 64));
    assert_eq!(found_attributes, attributes, "nothing more: a Domain would give the cookie to the neighbours");

    let session = format!("{name}={secret}");
    let page = client.get(running.url("/desk")).header("cookie", &session).send().await.unwrap();
    assert_eq!(page.status(), 200);
    let page = page.text().await.unwrap();
    let csrf = page.split("name=\"csrf\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    let other = if name == "milaf" { "__Host-milaf" } else { "milaf" };
    let wrong = client.get(running.url("/desk")).header("cookie", format!("{other}={secret}")).send().await.unwrap();
    assert_eq!(wrong.status(), 303, "a cookie of the other name opens nothing");
    let out = client.post(running.url("/desk/sign-out")).header("origin", running.url("")).header("cookie", &session);
    let out = out.form(&[("csrf", csrf)]).send().await.unwrap();
    let (found, secret, found_attributes) = cookie(&out);
    assert_eq!((out.status().as_u16(), found.as_str(), secret.as_str()), (303, name, ""));
    assert_eq!(found_attributes, attributes, "else a browser would keep the old one");
    running.stop().await;
}

fn intake() -> milaf::service::RawIntake {
    milaf::service::RawIntake { procedure: "NRU".into(), applicant: "Aicha".into(), ..Default::default() }
}

#[tokio::test]
async fn an_https_address_promises_to_stay_one() {
    let attributes = ["Path=/", "HttpOnly", "SameSite=Strict", "Secure"];
    check("https://suivi.example.ma", Some("max-age=31536000"), "__Host-milaf", &attributes).await;
}

#[tokio::test]
async fn an_http_address_promises_nothing() {
    check("http://127.0.0.1:8080", None, "milaf", &["Path=/", "HttpOnly", "SameSite=Strict"]).await;
}
