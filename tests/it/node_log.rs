//! The log as a program reads it: every line an object, and whatever belongs to a request under that request's name.

use serde_json::Value;

use crate::{
    node_process::{Node, serve},
    raw_http::{Answer, Connection, Request, exchange, form},
    real_server::{ACCOUNT, House, ORIGIN, PASSWORD},
};

fn ask(node: &Node, request: Request) -> (Answer, String) {
    let answer = Connection::open(node.address).unwrap().send(&request.closing()).unwrap();
    let names: Vec<_> = answer.headers("x-request-id").map(str::to_owned).collect();
    let [name] = <[String; 1]>::try_from(names).unwrap_or_else(|_| panic!("not one name in {}", answer.head));
    (answer, name)
}

/// The lines about one request.
fn about<'a>(lines: &'a [Value], name: &str) -> Vec<&'a Value> {
    lines.iter().filter(|line| line["span"]["request"] == name).collect()
}

fn json(log: &str) -> Vec<Value> {
    log.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

fn json_node(house: &House, arguments: &[&str]) -> Node {
    let mut command = serve(house, &[&["--listen", "127.0.0.1:0"], arguments].concat());
    command.env("MILAF_LOG_FORMAT", "json");
    Node::spawn(command)
}

#[test]
fn a_trusted_proxy_names_requests() {
    let house = House::new();
    let node = json_node(&house, &["--trusted-proxy", "127.0.0.1"]);
    let (_, own) = ask(&node, Request::get("/"));
    let (_, taken) = ask(&node, Request::get("/").header("X-Request-Id", "proxy-7.A_b"));
    assert_eq!(taken, "proxy-7.A_b");
    let (_, replaced) = ask(&node, Request::get("/nothing").header("X-Request-Id", "a\" evil=1"));
    assert_ne!(replaced, own);
    let start = own.split('-').next().unwrap();
    assert!(replaced.starts_with(start), "{replaced} is not of {own}'s start");
    let log = node.stop();
    let lines = json(&log);
    for (name, route, status) in [(own.as_str(), "/", 200), ("proxy-7.A_b", "/", 200), (replaced.as_str(), "none", 404)]
    {
        let found = about(&lines, name);
        let answered: Vec<_> = found.iter().filter(|line| line["message"] == "answered").collect();
        assert_eq!(answered.len(), 1, "{name}: {log}");
        assert_eq!((&answered[0]["route"], &answered[0]["status"]), (&Value::from(route), &Value::from(status)));
    }
    assert!(!log.contains("evil"), "{log}");
}

#[test]
fn nobody_else_does() {
    let house = House::new();
    let node = Node::start(&house, &[]);
    let (_, name) = ask(&node, Request::get("/").header("X-Request-Id", "proxy-7"));
    assert_ne!(name, "proxy-7");
    let log = node.stop();
    assert!(log.contains(&name) && !log.contains("proxy-7"), "{log}");
    assert!(!log.contains('\u{1b}'), "colours are for terminals: {log}");
}

#[test]
fn a_method_of_any_length_takes_one_word() {
    let house = House::new();
    let node = Node::start(&house, &[]);
    let line = format!("{} / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "A".repeat(20_000));
    let answer = exchange(node.address, line.as_bytes());
    assert!((400..500).contains(&answer.status), "{}", answer.head);
    let log = node.stop();
    assert!(log.contains("method=\"other\"") && !log.contains("AAAA"), "{log}");
}

#[test]
fn a_fault_of_the_machine_is_found_by_the_name_on_the_page() {
    let house = House::new();
    let node = json_node(&house, &[]);
    // What a careless hand on the database does.
    let database = rusqlite::Connection::open(house.data().database()).unwrap();
    database.execute_batch("ALTER TABLE accounts RENAME TO somewhere_else").unwrap();
    let fields = form(&[("name", ACCOUNT), ("password", PASSWORD), ("next", "")]);
    let (answer, name) = ask(&node, Request::post("/desk/sign-in", fields).header("Origin", ORIGIN));
    assert_eq!(answer.status, 503, "{}", answer.head);
    assert!(answer.text().contains(&name), "the page has no {name}: {}", answer.text());
    assert!(!answer.text().contains("accounts"), "the page shows the cause: {}", answer.text());
    let lines = json(&node.stop());
    let told: Vec<_> = about(&lines, &name).into_iter().filter(|line| line["level"] == "ERROR").collect();
    assert_eq!(told.len(), 1, "{lines:?}");
    assert!(told[0]["cause"].as_str().is_some_and(|cause| cause.contains("accounts")), "{told:?}");
}

#[test]
fn an_unknown_form_is_refused_in_words() {
    let output = serve(&House::new(), &[]).env("MILAF_LOG_FORMAT", "xml").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(words.contains("MILAF_LOG_FORMAT is text or json"), "{words}");
}
