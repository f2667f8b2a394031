//! What happens to the people at the door when the server is told to end: who has begun is served, nobody else is let in.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::{
    io::ErrorKind,
    net::TcpStream,
    time::{Duration, Instant},
};

use crate::{
    raw_http::{Connection, Request, exchange},
    real_server::{House, reference_in},
};

const APPLICANT: &str = "Aicha Halfway";
/// Far less than any limit of the server, so that a pass does not come from a connection that timed out.
const AT_ONCE: Duration = Duration::from_secs(5);

#[test]
fn a_form_that_is_half_sent_is_still_recorded() {
    let house = House::new();
    let server = house.serve();
    let clerk = house.sign_in();
    let mut idle = Connection::open(house.address).unwrap();
    assert_eq!(idle.send(&Request::get("/healthz").bytes()).unwrap().status, 200);
    let mut silent = Connection::open(house.address).unwrap();

    // The server asks for the body when the form's handler reads it, so after this line the request is surely under way.
    let request = clerk.register("00000000-halfway", &[("procedure", "NRU"), ("applicant", APPLICANT)]);
    let bytes = request.header("Expect", "100-continue").bytes();
    let body = bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
    let half = body + (bytes.len() - body) / 2;
    let mut begun = Connection::open(house.address).unwrap();
    begun.write(&bytes[..body]).unwrap();
    assert_eq!(begun.line().unwrap(), "HTTP/1.1 100 Continue\r\n");
    assert_eq!(begun.line().unwrap(), "\r\n");
    begun.write(&bytes[body..half]).unwrap();

    let told = Instant::now();
    server.ask_to_end();
    assert_eq!(idle.line().unwrap(), "", "an idle connection is closed");
    assert_eq!(silent.line().unwrap(), "", "a connection that never asked for anything is closed");
    assert!(told.elapsed() < AT_ONCE, "they were closed only after {:?}", told.elapsed());
    let refused = TcpStream::connect(house.address).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused, "{refused}");

    let answer = begun.send(&bytes[half..]).unwrap();
    assert_eq!(answer.status, 303, "{}", answer.head);
    let reference = reference_in(answer.header("location").unwrap()).unwrap().to_owned();
    assert_eq!(begun.line().unwrap(), "", "the connection is closed after its answer");
    let log = server.ended();
    assert!(told.elapsed() < AT_ONCE, "it ended only after {:?}", told.elapsed());
    assert!(!log.contains("panicked"), "{log}");

    let server = house.serve();
    let page = exchange(house.address, &clerk.on(Request::get(&format!("/desk/d/{reference}"))).closing());
    assert_eq!(page.status, 200, "{}", page.head);
    assert!(page.text().contains(APPLICANT));
    server.stop();
    house.run(&["doctor"], "");
}
