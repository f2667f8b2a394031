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
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

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

/// Without its seal, as it stands in a message to a telephone.
fn compact(address: &str) -> String {
    address.rsplit_once('/').unwrap().0.to_owned()
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
        ("compact", compact(&genuine.url), "verify-answer-genuine"),
        ("replaced", replaced.url.clone(), "verify-answer-no-longer-in-force"),
        ("compact and replaced", compact(&replaced.url), "verify-answer-no-longer-in-force"),
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
                ["genuine", "compact", "foreign"].contains(name),
                "{name}"
            );
            // Whoever has the link alone is told by what it was judged, and of one that was replaced no reference.
            let kept = html.contains(&i18n::text(language, "verify-seal-not-looked-at"));
            assert_eq!(kept, *name == "compact", "{name}: {html}");
            if kept {
                let html = html.replace("&#39;", "'");
                for key in ["verify-tag-passed", "verify-signature-passed", "verify-replaced-passed"] {
                    assert!(html.contains(&i18n::text(language, key)), "{key}: {html}");
                }
                let inclusion = i18n::text_with(language, "verify-inclusion-passed", &[("index", "0")]);
                let before_number = inclusion.split('\u{2068}').next().unwrap();
                assert!(html.contains(before_number), "{inclusion}: {html}");
            }
            assert!(*name != "compact and replaced" || !html.contains(&replaced.reference.to_string()));
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

/// Kilobytes that a process has of memory; `None` when it has ended.
fn memory(process: &str, name: &str) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix(name))?.split_whitespace().next()?.parse().ok()
}

/// What all readers have that this process started.
fn readers() -> u64 {
    let own = format!("PPid:\t{}\n", std::process::id());
    let processes = std::fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.file_name());
    let names = processes.filter_map(|name| name.into_string().ok()).filter(|name| name.parse::<u32>().is_ok());
    let ours = names.filter(|name| {
        let of = |file: &str| std::fs::read_to_string(format!("/proc/{name}/{file}")).unwrap_or_default();
        of("status").contains(&own) && of("cmdline").contains("read-codes")
    });
    ours.filter_map(|name| memory(&name, "VmRSS:")).sum()
}

async fn behind_a_proxy() -> Running {
    let reading = Reading::by(PathBuf::from(env!("CARGO_BIN_EXE_milaf")));
    let trusted_proxies = vec!["127.0.0.1".parse().unwrap()];
    Running::with(WebOptions { reading, trusted_proxies, ..WebOptions::default() }, |_| {}).await
}

async fn check_busy(response: Response, language: Language) {
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(response.headers()["retry-after"], "10");
    assert!(response.text().await.unwrap().contains(&i18n::text(language, "check-busy")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_uploads_is_turned_away_and_other_pages_are_answered() {
    let running = behind_a_proxy().await;
    let url = running.register().await.url;
    // A large photograph, so that the readers are busy for a while.
    let mut table = GrayImage::from_pixel(3000, 2200, Luma([200]));
    let code = image::load_from_memory(&picture(&[&url])).unwrap().into_luma8();
    imageops::overlay(&mut table, &code, 900, 700);
    let mut large = Vec::new();
    DynamicImage::from(table).write_to(&mut Cursor::new(&mut large), ImageFormat::Png).unwrap();
    let before = memory("self", "VmHWM:").unwrap();
    let uploads: Vec<_> = (0..50)
        .map(|number| {
            let request = upload(&running, Language::Arabic, &large);
            tokio::spawn(request.header("x-forwarded-for", format!("192.0.2.{}", number % 10)).send())
        })
        .collect();
    let mut most = 0;
    for _ in 0..40 {
        let page = client().get(running.url("/")).timeout(Duration::from_secs(10)).send().await.unwrap();
        assert_eq!(page.status(), StatusCode::OK);
        most = readers().max(most);
    }
    let mut answered = [0, 0];
    for upload in uploads {
        let response = upload.await.unwrap().unwrap();
        if response.status() == StatusCode::OK {
            answered[0] += 1;
        } else {
            check_busy(response, Language::Arabic).await;
            answered[1] += 1;
        }
        most = readers().max(most);
    }
    let grown = memory("self", "VmHWM:").unwrap() - before;
    println!("{answered:?} answered and turned away, {grown} kB more here, {most} kB in the readers at the most");
    assert!(answered[0] >= 1 && answered[1] >= 30, "{answered:?}");
    assert!(grown < 400_000 && most < 1_000_000, "{grown} kB more, {most} kB in the readers");
    running.stop().await;
}

/// An upload whose file does not come, once the server waits for it.
async fn held(running: &Running, address: &str) -> TcpStream {
    let mut connection = TcpStream::connect(running.address).await.unwrap();
    let head = format!(
        "POST /verify HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: {address}\r\nExpect: 100-continue\r\n\
         Content-Type: multipart/form-data; boundary={BOUNDARY}\r\nContent-Length: 5000\r\n\r\n"
    );
    connection.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    connection.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 100");
    connection
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_address_cannot_hold_all_places() {
    let running = behind_a_proxy().await;
    let file = picture(&[&running.register().await.url]);
    let send = async |address: &str| {
        let request = upload(&running, Language::French, &file).header("x-forwarded-for", address);
        request.send().await.unwrap()
    };
    // Whoever has one address of IPv6 has its whole network.
    let greedy = [held(&running, "2001:db8:7:7::1").await, held(&running, "2001:db8:7:7::2").await];
    check_busy(send("2001:db8:7:7:ffff::3").await, Language::French).await;
    assert_eq!(send("2001:db8:7:8::1").await.status(), StatusCode::OK);
    assert_eq!(send("192.0.2.1").await.status(), StatusCode::OK);
    let others = [held(&running, "192.0.2.1").await, held(&running, "192.0.2.1").await];
    let last = [held(&running, "192.0.2.2").await, held(&running, "192.0.2.3").await];
    check_busy(send("192.0.2.4").await, Language::French).await;
    drop((greedy, others, last));
    let mut tries = 0;
    while send("2001:db8:7:7::1").await.status() != StatusCode::OK {
        tries += 1;
        assert!(tries < 500, "the places were not given back");
    }
    running.stop().await;
}
