//! What stands on a status page beside the state: how long it usually takes, and what has happened, latest first; and what
//! search engines are told.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use milaf::{
    dossier::{Command, CommandKind, Language, Term, TermUnit},
    i18n, print,
    service::Registered,
};

use crate::harness::Running;

/// Below this many answered dossiers a median would be chance.
const ENOUGH: usize = 10;
/// From the deposit of the sample to its answer.
const DAYS: u16 = 8;

async fn page(running: &Running, sample: &Registered, language: Language) -> String {
    let url = running.url(&format!("/D/{}?l={}", sample.token, language.tag()));
    reqwest::get(url).await.unwrap().text().await.unwrap()
}

#[tokio::test]
async fn the_usual_duration_is_told_once_it_is_known() {
    let running = Running::start().await;
    let sample = running.register().await;
    for answered in 0..=ENOUGH {
        if answered > 0 {
            running.sample("decided").await;
        }
        for language in Language::ALL {
            let html = page(&running, &sample, language).await;
            let heading = format!("<h2>{}</h2>", i18n::text(language, "typical-heading"));
            let term = print::term(Term { count: DAYS, unit: TermUnit::CalendarDays }, language);
            let sentence = format!("<p>{}</p>", i18n::text_with(language, "typical", &[("term", &term)]));
            let enough = answered == ENOUGH;
            assert_eq!(html.contains(&heading), enough, "{language:?} after {answered} answers");
            assert_eq!(html.contains(&sentence), enough, "{language:?} after {answered} answers: {sentence}");
        }
    }
    let other = running.register_for("NRU").await;
    let heading = i18n::text(Language::French, "typical-heading");
    assert!(
        !page(&running, &other, Language::French).await.contains(&heading),
        "of another procedure nothing is known"
    );
    running.stop().await;
}

#[tokio::test]
async fn the_latest_event_stands_first() {
    let running = Running::start().await;
    let sample = running.sample("collected").await;
    for language in Language::ALL {
        let html = page(&running, &sample, language).await;
        let list = html.split("<ol class=\"timeline\">").nth(1).unwrap().split("</ol>").next().unwrap();
        let entries: Vec<&str> = list.split("<li>").skip(1).collect();
        let days: Vec<(&str, &str, &str)> = entries
            .iter()
            .map(|entry| {
                let date = entry.strip_prefix("<bdi dir=\"ltr\">").unwrap().split('<').next().unwrap();
                (&date[6..], &date[3..5], &date[..2])
            })
            .collect();
        assert_eq!(days.len(), 7, "{list}");
        assert!(days.is_sorted_by(|one, next| one >= next), "{days:?}");
        assert_ne!(days.first(), days.last());
        assert!(entries[0].contains(&i18n::text(language, "happening-collected")), "{list}");
        assert!(entries[6].contains(&i18n::text(language, "happening-registered")), "{list}");
    }
    running.stop().await;
}

/// A term that has stopped is reasoning, and no date to wait for; and what is finished is not called the present step.
#[tokio::test]
async fn nobody_waits_for_a_dossier_that_has_ended() {
    let running = Running::start().await;
    let waiting = running.register().await;
    for state in ["withdrawn", "collected"] {
        let ended = running.sample(state).await;
        for language in Language::ALL {
            let words = |key: &str| i18n::text(language, key);
            let (before, after) = (page(&running, &waiting, language).await, page(&running, &ended, language).await);
            for promise in [words("legal-due"), words("status-step-current"), "<progress".to_owned()] {
                assert!(before.contains(&promise), "{language:?}: {promise}");
                assert!(!after.contains(&promise), "{language:?}, {state}: {promise}");
            }
            let last_day = i18n::text_with(language, "legal-last-day", &[("date", "@")]);
            assert!(after.contains(last_day.split('@').next().unwrap()), "{language:?}, {state}: {last_day}");
        }
    }
    running.stop().await;
}

/// A step of the study without an opinion at its end promises none.
#[tokio::test]
async fn an_opinion_is_promised_only_where_one_is_given() {
    let running = Running::start().await;
    for (procedure, given) in [("REQ", false), ("PC", true)] {
        let sample = running.register_for(procedure).await;
        let view = running.service.dossier(&sample.reference).await.unwrap().unwrap();
        let step = view.moves.iter().find(|legal| legal.kind == CommandKind::EnterStep).unwrap();
        let step = step.position.as_ref().unwrap().step.clone();
        running.execute(&sample.reference, Command::EnterStep { step }).await;
        for language in Language::ALL {
            let html = page(&running, &sample, language).await;
            let (opinion, answer) =
                (i18n::text(language, "next-in_review"), i18n::text(language, "next-in_review-answer"));
            assert_eq!((html.contains(&opinion), html.contains(&answer)), (given, !given), "{procedure}, {language:?}");
        }
    }
    running.stop().await;
}

#[tokio::test]
async fn search_engines_are_kept_out() {
    let running = Running::start().await;
    let answer = reqwest::get(running.url("/robots.txt")).await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-type"], "text/plain; charset=utf-8");
    assert_eq!(answer.text().await.unwrap(), "User-agent: *\nDisallow: /\n");
    running.stop().await;
}
