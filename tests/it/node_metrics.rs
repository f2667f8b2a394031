//! What an operator's Prometheus reads: on an address of its own, right, and about nobody.

#![allow(clippy::float_cmp, reason = "counts are whole numbers, and small")]

use std::collections::HashMap;

use crate::{
    node_process::{Node, get},
    raw_http::{Connection, Request, form},
    real_server::{ACCOUNT, House, ORIGIN},
};

/// Every sample of a text in the exposition format 0.0.4, whose lines must all be well formed.
fn samples(text: &str) -> HashMap<String, f64> {
    let mut samples = HashMap::new();
    for line in text.lines().filter(|line| !line.starts_with("# HELP ") && !line.starts_with("# TYPE ")) {
        let (series, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("{line}"));
        let value = value.parse().unwrap_or_else(|_| panic!("{line}"));
        assert!(samples.insert(series.to_owned(), value).is_none(), "twice: {line}");
    }
    samples
}

#[test]
fn an_operator_sees_what_happened_and_to_nobody_whom() {
    let mut house = House::new();
    let node = Node::start(&house, &["--metrics", "127.0.0.1:0"]);
    house.address = node.address;
    let metrics = node.metrics.expect("the greeting names the address");
    let ask = |request: Request, status: u16| {
        let answer = Connection::open(node.address).unwrap().send(&request.closing()).unwrap();
        assert_eq!(answer.status, status, "{}", answer.head);
        answer
    };
    let clerk = house.sign_in();
    let fields = [("procedure", "NRU"), ("applicant", "Salma Bensalem"), ("phone", "0612344987")];
    ask(clerk.register("metrics-form-key", &fields), 303);
    let receipt =
        house.run(&["register", "--procedure", "NRU", "--applicant", "Ali", "--phone", "0612344987", "--json"], "");
    let receipt: serde_json::Value = serde_json::from_slice(&receipt.stdout).unwrap();
    let (token, reference) = (receipt["token"].as_str().unwrap(), receipt["reference"].as_str().unwrap());
    let page = format!("/D/{token}");
    ask(Request::get(&page), 200);
    ask(Request::get(&format!("/D/{}", "0".repeat(40))), 404);
    // Five tries, of which the last closes the receipt's second level, and two that are not looked at.
    for _ in 0..7 {
        ask(Request::post(&page, form(&[("digits", "0000")])), 200);
    }
    let wrong = form(&[("name", ACCOUNT), ("password", "not the password"), ("next", "")]);
    ask(Request::post("/desk/sign-in", wrong).header("Origin", ORIGIN), 422);
    ask(Request::post("/find", form(&[("reference", reference), ("code", "0000-0000")])), 200);
    ask(Request::new("BREW", "/desk"), 405);
    ask(Request::get("/metrics"), 404);

    // The publisher runs every second, and the log has grown by the command line's registration too.
    let mut text = String::new();
    let published = crate::node_process::wait(|| {
        let answer = get(metrics, "/metrics").unwrap();
        assert_eq!(answer.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
        text = answer.text();
        let samples = samples(&text);
        samples["milaf_log_size"] == 4.0 && samples["milaf_checkpoint_size"] == 4.0
    });
    assert_eq!(published, Ok(()), "{text}");
    let samples = samples(&text);
    let check = |series: &str, expected: f64| {
        assert_eq!(samples.get(series), Some(&expected), "{series} in\n{text}");
    };
    check(r#"milaf_http_requests_total{method="GET",route="/D/{token}",status="2xx"}"#, 1.0);
    check(r#"milaf_http_requests_total{method="GET",route="/D/{token}",status="4xx"}"#, 1.0);
    check(r#"milaf_http_requests_total{method="POST",route="/D/{token}",status="2xx"}"#, 7.0);
    check(r#"milaf_http_requests_total{method="GET",route="none",status="4xx"}"#, 1.0);
    check(r#"milaf_http_requests_total{method="other",route="/desk",status="4xx"}"#, 1.0);
    check(r#"milaf_http_request_seconds_count{route="/D/{token}"}"#, 9.0);
    check(r#"milaf_http_request_seconds_bucket{route="/D/{token}",le="+Inf"}"#, 9.0);
    check("milaf_registrations_total", 1.0);
    check("milaf_events_total", 2.0);
    check(r#"milaf_attempts_refused_total{what="second_level",why="wrong"}"#, 5.0);
    check(r#"milaf_attempts_refused_total{what="second_level",why="locked"}"#, 2.0);
    check(r#"milaf_attempts_refused_total{what="sign_in",why="wrong"}"#, 1.0);
    check(r#"milaf_attempts_refused_total{what="typed_code",why="wrong"}"#, 1.0);
    check(r#"milaf_attempts_refused_total{what="sign_in",why="locked"}"#, 0.0);
    check(r#"milaf_store_seconds_count{work="register"}"#, 1.0);
    check("milaf_checkpoint_failing", 0.0);
    for word in ["database", "head", "keys", "checkpoint", "disk", "draining"] {
        check(&format!("milaf_ready{{check=\"{word}\"}}"), 1.0);
    }
    check(r#"milaf_connections_open{listener="metrics"}"#, 1.0);
    let later = samples["milaf_checkpoint_timestamp_seconds"] - samples["process_start_time_seconds"];
    assert!((-5.0..120.0).contains(&later), "published {later} seconds after the start:\n{text}");
    for at_least in
        [("process_resident_memory_bytes", 1e6), ("process_open_fds", 5.0), ("process_start_time_seconds", 1.6e9)]
    {
        assert!(samples[at_least.0] > at_least.1, "{at_least:?} in\n{text}");
    }
    for private in [token, &token[..12], reference, ACCOUNT, "Bensalem", "4987", &clerk.csrf] {
        assert!(!text.contains(private), "{private} is in\n{text}");
    }

    assert_eq!(get(metrics, "/").unwrap().status, 404);
    assert_eq!(get(metrics, "/healthz").unwrap().status, 404);
    assert_eq!(get(metrics, "/desk/sign-in").unwrap().status, 404);
    let post = Connection::open(metrics).unwrap().send(&Request::post("/metrics", "").closing()).unwrap();
    assert_eq!(post.status, 405);
    node.stop();
}

#[test]
fn trouble_is_counted() {
    let house = House::new();
    house.run(&["register", "--procedure", "NRU", "--applicant", "Ali"], "");
    let node = Node::start(&house, &["--metrics", "127.0.0.1:0"]);
    let metrics = node.metrics.unwrap();
    std::fs::write(house.data().checkpoint(), "rubbish").unwrap();
    let database = rusqlite::Connection::open(house.data().database()).unwrap();
    database.execute_batch("ALTER TABLE accounts RENAME TO somewhere_else").unwrap();
    let fields = form(&[("name", ACCOUNT), ("password", "whatever it is"), ("next", "")]);
    let request = Request::post("/desk/sign-in", fields).header("Origin", ORIGIN).closing();
    assert_eq!(Connection::open(node.address).unwrap().send(&request).unwrap().status, 503);
    let mut text = String::new();
    let told = crate::node_process::wait(|| {
        text = get(metrics, "/metrics").unwrap().text();
        let samples = samples(&text);
        samples["milaf_checkpoint_failing"] == 1.0
            && samples["milaf_checkpoint_failures_total"] >= 1.0
            && samples[r#"milaf_ready{check="checkpoint"}"#] == 0.0
            && samples[r#"milaf_ready{check="database"}"#] == 1.0
            && samples[r#"milaf_store_errors_total{kind="unavailable"}"#] == 1.0
    });
    assert_eq!(told, Ok(()), "{text}");
}
