//! `/verify` through the door that everybody uses: links and pictures, of every kind, in every language.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::{io::Cursor, path::PathBuf, time::Duration};

use image::{DynamicImage, GrayImage, ImageFormat, Luma, imageops};
use milaf::{
    dossier::Language,
    i18n,
    web::{WebOptions, reading::Reading},
};
use reqwest::{Client, RequestBuilder, Response, StatusCode, redirect};

use crate::{
    harness::{PRIVATE, Running},
    scan::png_that_claims,
    words::shown_keys,
};

const BOUNDARY: &str = "----a-boundary-of-ours";

async fn running() -> Running {
    let reading = Reading::by(PathBuf::from(env!("CARGO_BIN_EXE_milaf")));
    Running::with(WebOptions { reading, ..WebOptions::default() }, |_| {}).await
}

fn client() -> Client {
    Client::builder().redirect(redirect::Policy::none()).no_gzip().no_brotli().no_proxy().build().unwrap()
}

fn picture(texts: &[&str]) -> Vec<u8> {
    let codes: Vec<GrayImage> = texts
        .iter()
        .map(|text| qrcode::QrCode::new(text).unwrap().render::<Luma<u8>>().module_dimensions(5, 5).build())
        .collect();
    let side = codes.iter().map(GrayImage::width).max().unwrap_or(400) + 40;
    let columns = 5.min(u32::try_from(codes.len()).unwrap()).max(1);
    let rows = u32::try_from(codes.len()).unwrap().div_ceil(columns).max(1);
    let mut table = GrayImage::from_pixel(side * columns, side * rows, Luma([255]));
    for (at, code) in (0..).zip(&codes) {
        imageops::overlay(&mut table, code, i64::from(at % columns * side), i64::from(at / columns * side));
    }
    let mut bytes = Vec::new();
    DynamicImage::from(table).write_to(&mut Cursor::new(&mut bytes), ImageFormat::Png).unwrap();
    bytes
}

fn upload(running: &Running, language: Language, file: &[u8]) -> RequestBuilder {
    let head = format!(
        "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.png\"\r\nContent-Type: image/png\r\n\r\n"
    );
    let body = [head.as_bytes(), file, format!("\r\n--{BOUNDARY}--\r\n").as_bytes()].concat();
    let request = client().post(running.url(&format!("/verify?l={}", language.tag())));
    request.header("content-type", format!("multipart/form-data; boundary={BOUNDARY}")).body(body)
}

async fn paste(running: &Running, language: Language, link: &str) -> Response {
    let request = client().post(running.url(&format!("/verify?l={}", language.tag())));
    request.form(&[("link", link)]).send().await.unwrap()
}

/// With one letter of the seal changed, well behind its beginning.
fn tampered(url: &str) -> String {
    let mut letters = url.to_owned().into_bytes();
    let at = letters.len() - 60;
    letters[at] = if letters[at] == b'A' { b'B' } else { b'A' };
    String::from_utf8(letters).unwrap()
}

/// With one letter of the token changed.
fn forged(url: &str) -> String {
    let token = url.find("/D/").unwrap() + 3;
    let mut letters = url.to_owned().into_bytes();
    let at = token + 30;
    letters[at] = if letters[at] == b'A' { b'B' } else { b'A' };
    String::from_utf8(letters).unwrap()
}

async fn check_answer(response: Response, language: Language, expected: &str, place: &str) -> String {
    assert_eq!(response.status(), StatusCode::OK, "{place}");
    assert_eq!(response.headers()["cache-control"], "no-store", "{place}");
    assert!(!response.headers().contains_key("set-cookie"), "{place}");
    let html = response.text().await.unwrap();
    let heading = format!("<h2>{}</h2>", i18n::text(language, expected));
    assert!(html.contains(&heading), "{place} {}: {html}", language.tag());
    assert!(!html.contains("<script"), "{place}");
    for word in PRIVATE {
        assert!(!html.contains(word), "{place} shows {word}");
    }
    assert_eq!(shown_keys(&html), [""; 0], "{place}");
    html
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_kind_of_receipt_is_answered_in_every_language() {
    let running = running().await;
    let genuine = running.register().await;
    let replaced = running.sample("replaced").await;
    running.service.publish_checkpoint().await.unwrap();
    let foreign = genuine.url.replacen("SUIVI.EXAMPLE.MA", "OTHER.EXAMPLE.ORG", 1);
    let cases = [
        ("genuine", genuine.url.clone(), "verify-answer-genuine"),
        ("replaced", replaced.url.clone(), "verify-answer-no-longer-in-force"),
        ("tampered", tampered(&genuine.url), "verify-answer-not-genuine"),
        ("forged", forged(&genuine.url), "verify-answer-not-genuine"),
        ("truncated", genuine.url[..40].to_owned(), "verify-answer-not-genuine"),
        ("foreign", foreign, "check-foreign"),
        ("not a receipt", "https://www.augon.ma/".to_owned(), "verify-answer-not-genuine"),
    ];
    for language in Language::ALL {
        for (name, url, expected) in &cases {
            let html = check_answer(paste(&running, language, url).await, language, expected, name).await;
            assert_eq!(
                html.contains(&genuine.reference.to_string()),
                *name == "genuine" || *name == "foreign",
                "{name}"
            );
            assert!(!html.contains(&genuine.token) && !html.contains(&replaced.token), "{name} shows a token");
            let sent = upload(&running, language, &picture(&[url])).send().await.unwrap();
            check_answer(sent, language, expected, name).await;
        }
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_read_is_told_in_words() {
    let running = running().await;
    let genuine = running.register().await;
    running.service.publish_checkpoint().await.unwrap();
    for language in Language::ALL {
        let cases: [(&[u8], StatusCode, &str); 7] = [
            (b"", StatusCode::BAD_REQUEST, "check-empty"),
            (b"hello", StatusCode::UNSUPPORTED_MEDIA_TYPE, "check-kind"),
            (&picture(&[]), StatusCode::UNPROCESSABLE_ENTITY, "check-no-code"),
            (b"%PDF-1.7\nnothing", StatusCode::UNPROCESSABLE_ENTITY, "check-damaged"),
            (&png_that_claims(200_000, 200_000), StatusCode::PAYLOAD_TOO_LARGE, "check-too-large"),
            (&vec![0; (10 << 20) + 1], StatusCode::PAYLOAD_TOO_LARGE, "check-too-large"),
            (&vec![0; 11 << 20], StatusCode::PAYLOAD_TOO_LARGE, "check-too-large"),
        ];
        for (file, status, key) in cases {
            let response = upload(&running, language, file).send().await.unwrap();
            assert_eq!(response.status(), status, "{key}");
            assert_eq!(response.headers()["cache-control"], "no-store", "{key}");
            let html = response.text().await.unwrap();
            assert!(html.contains(&i18n::text(language, key)), "{key}: {html}");
        }
        let empty = paste(&running, language, " ").await;
        assert_eq!(empty.status(), StatusCode::BAD_REQUEST);
        assert!(empty.text().await.unwrap().contains(&i18n::text(language, "check-empty")));
    }
    let many: Vec<String> = (0..22).map(|number| format!("https://suivi.example.ma/d/{number}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let html = upload(&running, Language::French, &picture(&many)).send().await.unwrap().text().await.unwrap();
    assert!(html.contains(&i18n::text(Language::French, "check-more")), "{html}");
    assert_eq!(html.matches("<section>").count(), 20);
    let two = upload(&running, Language::English, &picture(&[&genuine.url, &tampered(&genuine.url)]));
    assert_eq!(two.send().await.unwrap().text().await.unwrap().matches("<section>").count(), 2);
    let wrong =
        client().post(running.url("/verify")).header("content-type", "text/plain").body("x").send().await.unwrap();
    assert_eq!(wrong.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let wrong = client().put(running.url("/verify")).send().await.unwrap();
    assert_eq!(wrong.status(), StatusCode::METHOD_NOT_ALLOWED);
    running.stop().await;
}

/// Kilobytes that this process has taken at the most.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_uploads_is_turned_away_and_other_pages_are_answered() {
    let running = running().await;
    let url = running.register().await.url;
    // A large photograph, so that the readers are busy for a while.
    let mut table = GrayImage::from_pixel(3000, 2200, Luma([200]));
    let code = image::load_from_memory(&picture(&[&url])).unwrap().into_luma8();
    imageops::overlay(&mut table, &code, 900, 700);
    let mut large = Vec::new();
    DynamicImage::from(table).write_to(&mut Cursor::new(&mut large), ImageFormat::Png).unwrap();
    let before = peak();
    let uploads: Vec<_> = (0..50).map(|_| tokio::spawn(upload(&running, Language::Arabic, &large).send())).collect();
    for _ in 0..20 {
        let page = client().get(running.url("/")).timeout(Duration::from_secs(10)).send().await.unwrap();
        assert_eq!(page.status(), StatusCode::OK);
    }
    let mut statuses = Vec::new();
    for upload in uploads {
        let response = upload.await.unwrap().unwrap();
        if response.status() == StatusCode::SERVICE_UNAVAILABLE {
            assert_eq!(response.headers()["retry-after"], "10");
            assert!(response.text().await.unwrap().contains(&i18n::text(Language::Arabic, "check-busy")));
            statuses.push(503);
        } else {
            statuses.push(response.status().as_u16());
        }
    }
    assert!(statuses.contains(&200) && statuses.contains(&503), "{statuses:?}");
    assert!(statuses.iter().all(|status| [200, 503].contains(status)), "{statuses:?}");
    assert!(peak() - before < 400_000, "{} kB more", peak() - before);
    running.stop().await;
}
