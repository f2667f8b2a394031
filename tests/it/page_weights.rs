//! What a public page weighs on the wire, headers included: of every state, and of the answers to four digits, right and wrong.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::net::SocketAddr;

use milaf::dossier::{Audience, Command, Language};

use crate::{
    harness::{DIGITS, RESERVATIONS, Running, SAMPLES, paragraph},
    raw_http::{Connection, Request, form},
};

/// The continuous build refuses a page that is heavier than this.
const HEAVIEST: usize = 8_000;
/// As a desk writes them.
const NOTES: [&str; 3] = [
    "المرجو الإدلاء بنسخة أصلية من شهادة الملكية عند سحب الملف، مع نسخة من البطاقة الوطنية للتعريف.",
    "Le retrait se fait du lundi au vendredi, de 9 h à 15 h, au guichet du rez-de-chaussée, muni du récépissé original.",
    "Les plans modifiés sont à remettre en cinq exemplaires signés par l’architecte, avec le support numérique.",
];

/// Sends what a phone sends and weighs what comes back.
fn weigh(address: SocketAddr, name: &str, request: Request, status: u16) -> usize {
    let request = request.header("Accept-Encoding", "gzip, deflate, br").header("User-Agent", "Mozilla/5.0");
    let answer = Connection::open(address).unwrap().send(&request.bytes()).unwrap();
    assert_eq!(answer.status, status, "{name}: {}", answer.head);
    assert_eq!(answer.header("content-encoding"), Some("br"), "{name}");
    assert_eq!(
        answer.header("content-length"),
        Some(answer.body.len().to_string().as_str()),
        "{name}: no byte is uncounted"
    );
    let weight = answer.head.len() + answer.body.len();
    assert!(weight <= HEAVIEST, "{name} weighs {weight} bytes");
    weight
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_public_answer_is_light() {
    let running = Running::start().await;
    let mut pages =
        vec![("the first page", "/".to_owned(), 200, false), ("nowhere", "/nowhere".to_owned(), 404, false)];
    for name in SAMPLES {
        let sample = running.sample(name).await;
        if name == "collected" {
            for note in NOTES {
                let command = Command::AddNote { audience: Audience::Public, text: paragraph(note) };
                running.execute(&sample.reference, command).await;
            }
        }
        let replaced = name == "replaced";
        pages.push((name, format!("/D/{}", sample.token), if replaced { 410 } else { 200 }, !replaced));
    }
    let address = running.address;
    let genuine = running.register().await;
    running.service.publish_checkpoint().await.unwrap();
    let mut weights = tokio::task::spawn_blocking(move || {
        let mut weights = Vec::new();
        for (name, path, status, opens) in pages {
            for language in Language::ALL {
                let place = format!("{path}?l={}", language.tag());
                let mut put = |kind: &str, request: Request| {
                    let name = format!("{name}{kind} in {language:?}");
                    weights.push((weigh(address, &name, request, status), name));
                };
                put("", Request::get(&place));
                if opens {
                    put(", right digits", Request::post(&place, form(&[("digits", DIGITS)])));
                    put(", wrong digits", Request::post(&place, form(&[("digits", "0000")])));
                }
            }
        }
        for language in Language::ALL {
            let place = format!("/verify?l={}", language.tag());
            let forged = format!("{}0", &genuine.url[..genuine.url.len() - 1]);
            let mut put = |kind: &str, request: Request, status| {
                let name = format!("verify{kind} in {language:?}");
                weights.push((weigh(address, &name, request, status), name));
            };
            put("", Request::get(&place), 200);
            put(", genuine", Request::post(&place, form(&[("link", &genuine.url)])), 200);
            put(", forged", Request::post(&place, form(&[("link", &forged)])), 200);
            put(", empty", Request::post(&place, form(&[("link", "")])), 400);
        }
        weights
    })
    .await
    .unwrap();
    weights.sort();
    println!("the heaviest of {}: {:#?}", weights.len(), &weights[weights.len() - 12..]);
    let opened = reqwest::Client::new().post(running.url(&format!("/D/{}", running.sample("decided").await.token)));
    let opened = opened.form(&[("digits", DIGITS)]).send().await.unwrap().text().await.unwrap();
    assert!(opened.contains(RESERVATIONS), "what was weighed was not open");
    running.stop().await;
}
