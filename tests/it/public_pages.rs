//! The citizens' pages, through the door that citizens use.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeSet;

use milaf::{
    dossier::Language,
    i18n,
    service::Registered,
    web::{Limits, WebOptions},
};
use reqwest::{Client, Method, Response, StatusCode, redirect};

use super::{
    harness::{DIGITS, MESSAGE, PRIVATE, PUBLIC_NOTE, RESERVATIONS, Running, SAMPLES},
    words::shown_keys,
};

/// Takes bytes as they come over the wire.
fn client() -> Client {
    Client::builder().redirect(redirect::Policy::none()).no_gzip().no_brotli().no_proxy().build().unwrap()
}

fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

fn path(registered: &Registered) -> String {
    format!("/D/{}", registered.token)
}

async fn get(running: &Running, path: &str, language: Language) -> String {
    let separator = if path.contains('?') { '&' } else { '?' };
    let response = client().get(running.url(&format!("{path}{separator}l={}", language.tag()))).send().await.unwrap();
    response.text().await.unwrap()
}

async fn post(running: &Running, path: &str, form: &[(&str, &str)]) -> Response {
    client().post(running.url(path)).form(form).send().await.unwrap()
}

/// What must hold for every page, in whatever language.
fn check_page(html: &str, language: Language, place: &str) {
    let (tag, direction) = (language.tag(), language.direction());
    assert!(html.starts_with(&format!(r#"<!doctype html><html lang="{tag}" dir="{direction}">"#)), "{place} {tag}");
    assert!(!html.contains("<script") && !html.contains(" style="), "{place} {tag}");
    assert_eq!(html.matches("<style>").count(), 1, "{place} {tag}");
    assert_eq!(html.matches("<h1").count(), 1, "{place} {tag}");
    for word in PRIVATE {
        assert!(!html.contains(word), "{place} {tag} shows {word}");
    }
    assert_eq!(shown_keys(html), [""; 0], "{place} {tag}");
}

#[tokio::test]
async fn every_state_renders_in_every_language() {
    let running = Running::start().await;
    for name in SAMPLES {
        let sample = running.sample(name).await;
        for language in Language::ALL {
            let html = get(&running, &path(&sample), language).await;
            check_page(&html, language, name);
            if name == "replaced" {
                assert!(!html.contains(&sample.reference.to_string()), "a replaced receipt shows its reference");
                continue;
            }
            let state = match name {
                "overdue" | "resumed" => "in_review",
                "extended" => "registered",
                other => other,
            };
            let words = i18n::text(language, &format!("state-{state}"));
            assert!(html.contains(&format!("<h1>{words}</h1>")), "{name} {language:?}");
            assert!(html.contains(&format!("<title>{words} – {}", sample.reference)), "{name} {language:?}");
            assert_eq!(html.matches(r#"aria-current="step""#).count(), 1, "{name} {language:?}");
            for secret in [RESERVATIONS, MESSAGE, PUBLIC_NOTE] {
                assert!(!html.contains(secret), "{name} {language:?} shows {secret}");
            }
        }
    }
    running.stop().await;
}

#[tokio::test]
async fn the_other_pages_render_in_every_language() {
    let running = Running::start().await;
    for language in Language::ALL {
        for (path, status) in [("/", 200), ("/nowhere", 404), ("/D/AAAA", 404), ("/find", 405)] {
            let url = running.url(&format!("{path}?l={}", language.tag()));
            let response = client().get(url).send().await.unwrap();
            assert_eq!(response.status().as_u16(), status, "{path}");
            check_page(&response.text().await.unwrap(), language, path);
        }
    }
    running.stop().await;
}

#[tokio::test]
async fn the_second_level_opens_for_one_answer() {
    let running = Running::start().await;
    let sample = running.sample("decided").await;
    let wrong = post(&running, &path(&sample), &[("digits", "0000")]).await;
    assert_eq!(header(&wrong, "cache-control"), "no-store");
    let wrong = wrong.text().await.unwrap();
    assert!(!wrong.contains(RESERVATIONS));

    let right = post(&running, &format!("{}?l=fr", path(&sample)), &[("digits", DIGITS)]).await;
    assert_eq!((right.status(), header(&right, "etag"), header(&right, "set-cookie")), (StatusCode::OK, "", ""));
    assert_eq!(header(&right, "cache-control"), "no-store");
    let right = right.text().await.unwrap();
    check_page(&right, Language::French, "second level");
    for shown in [RESERVATIONS, PUBLIC_NOTE, &i18n::text(Language::French, "outcome-favourable_with_reservations")] {
        assert!(right.contains(shown), "{shown}");
    }
    assert!(!get(&running, &path(&sample), Language::French).await.contains(RESERVATIONS));

    for _ in 0..6 {
        post(&running, &path(&sample), &[("digits", "0000")]).await;
    }
    let locked = post(&running, &path(&sample), &[("digits", DIGITS)]).await.text().await.unwrap();
    assert_eq!(locked, wrong, "a locked receipt and wrong digits have the same words");

    let incomplete = running.sample("incomplete").await;
    let opened =
        post(&running, &format!("{}?l=fr", path(&incomplete)), &[("digits", DIGITS)]).await.text().await.unwrap();
    assert!(opened.contains(MESSAGE) && opened.contains("Plan de situation") && opened.contains("Plan de masse"));
    running.stop().await;
}

#[tokio::test]
async fn reference_and_code_lead_to_the_page() {
    let running = Running::start().await;
    let sample = running.register().await;
    let reference = sample.reference.to_string();
    let found = post(&running, "/find?l=zgh", &[("reference", &reference), ("code", &sample.code.to_string())]).await;
    assert_eq!(found.status(), StatusCode::SEE_OTHER);
    assert_eq!(header(&found, "location"), format!("/D/{}?l=zgh", sample.token));

    let typed = "<b>\"PC-2026";
    let missed = post(&running, "/find?l=fr", &[("reference", typed), ("code", "ABCD")]).await;
    assert_eq!(missed.status(), StatusCode::OK);
    let html = missed.text().await.unwrap();
    check_page(&html, Language::French, "find");
    assert!(html.contains(&i18n::text(Language::French, "find-failed")) && html.contains("value=\"ABCD\""));
    assert!(!html.contains("<b>") && html.contains("PC-2026\""), "what was typed comes back, escaped");
    running.stop().await;
}

#[tokio::test]
async fn headers_tags_and_encodings() {
    let running = Running::with(WebOptions::default(), |_| {}).await;
    let sample = running.sample("in_review").await;
    let url = running.url(&path(&sample));
    let ask = |encoding: &'static str, known: String| {
        let request = client().get(&url).header("accept-encoding", encoding).header("if-none-match", known);
        async { request.send().await.unwrap() }
    };
    let plain = ask("identity", String::new()).await;
    for (name, expected) in [
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("cache-control", "private, no-cache"),
        ("x-robots-tag", "noindex"),
        ("content-language", "ar"),
        ("vary", "accept-encoding, accept-language"),
        ("strict-transport-security", "max-age=31536000"),
        ("set-cookie", ""),
    ] {
        assert_eq!(header(&plain, name), expected, "{name}");
    }
    let policy = header(&plain, "content-security-policy").to_owned();
    assert!(policy.starts_with("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");
    assert!(!policy.contains("script-src") && !policy.contains("font-src") && !policy.contains("unsafe"), "{policy}");

    for encoding in ["br", "gzip", "identity"] {
        let first = ask(encoding, String::new()).await;
        let expected = if encoding == "identity" { "" } else { encoding };
        assert_eq!(header(&first, "content-encoding"), expected);
        let tag = header(&first, "etag").to_owned();
        assert!(tag.starts_with('"'), "{tag} is strong");
        for known in [tag.clone(), format!("W/{tag}"), format!("\"x\", {tag}"), "*".to_owned()] {
            let again = ask(encoding, known.clone()).await;
            assert_eq!((again.status(), header(&again, "etag")), (StatusCode::NOT_MODIFIED, tag.as_str()), "{known}");
            assert!(again.bytes().await.unwrap().is_empty());
        }
        assert_eq!(ask(encoding, "\"x\"".to_owned()).await.status(), StatusCode::OK);
    }
    let head = client().head(&url).send().await.unwrap();
    assert_eq!(head.status(), StatusCode::OK);
    assert_ne!(header(&head, "content-length"), "0");
    let zgh = client().get(format!("{url}?l=zgh")).send().await.unwrap();
    assert!(header(&zgh, "content-security-policy").contains("font-src data:"));
    for method in [Method::PUT, Method::DELETE, Method::PATCH] {
        let refused = client().request(method.clone(), &url).send().await.unwrap();
        assert_eq!(refused.status(), StatusCode::METHOD_NOT_ALLOWED, "{method}");
        assert_eq!(header(&refused, "allow"), "GET,HEAD,POST", "{method}");
    }
    running.stop().await;
}

#[tokio::test]
async fn every_unknown_receipt_gets_the_same_page() {
    let running = Running::start().await;
    let sample = running.register().await;
    let forged: String = sample.token.chars().rev().collect();
    let mut pages = BTreeSet::new();
    for token in
        ["A".to_owned(), "%00".to_owned(), "%ff".to_owned(), "م".to_owned(), forged, sample.token[..39].to_owned()]
    {
        let response = client().get(running.url(&format!("/D/{token}"))).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::NOT_FOUND, "{token}");
        pages.insert(response.text().await.unwrap());
    }
    assert_eq!(pages.len(), 1);
    let seal = sample.url.rsplit('/').next().unwrap();
    for path in [
        format!("/d/{}", sample.token.to_lowercase()),
        format!("/D/{}/{seal}", sample.token),
        format!("/D/{}/rubbish", sample.token),
    ] {
        assert_eq!(client().get(running.url(&path)).send().await.unwrap().status(), StatusCode::OK, "{path}");
    }
    running.stop().await;
}

#[tokio::test]
async fn a_client_that_dawdles_is_sent_away() {
    use std::io::{Read, Write};
    let limits = Limits {
        header_time: std::time::Duration::from_millis(200),
        body_time: std::time::Duration::from_millis(200),
        ..Limits::default()
    };
    let running = Running::with(WebOptions { limits, ..WebOptions::default() }, |_| {}).await;
    let check = async |sent: &str, expected: &str| {
        let (address, sent, shown) = (running.address, sent.to_owned(), sent.chars().take(200).collect::<String>());
        let exchange = move || {
            let mut stream = std::net::TcpStream::connect(address).unwrap();
            let mut answer = Vec::new();
            // The server may close before it has taken everything, and ends the exchange by closing.
            let _ = stream.write_all(sent.as_bytes());
            let _ = stream.read_to_end(&mut answer);
            answer
        };
        let answer = tokio::task::spawn_blocking(exchange).await.unwrap();
        let answer = String::from_utf8_lossy(&answer);
        assert!(answer.starts_with(expected), "{shown:?} {answer}");
    };
    check("GET / HTTP/1.1\r\nHost: x\r\n", "").await;
    let form = "Host: x\r\nConnection: close\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 100";
    check(&format!("POST /find HTTP/1.1\r\n{form}\r\n\r\na="), "HTTP/1.1 408").await;
    check(&format!("GET / HTTP/1.1\r\nHost: x\r\nA: {}\r\n\r\n", "a".repeat(100_000)), "HTTP/1.1 431").await;
    running.stop().await;
}
