//! Headers and methods that no browser sends, and the links that must not follow them.

use super::{CLOSED, Case, Ground};
use crate::{raw_http::Request, real_server::ORIGIN};

const EVIL: &str = "evil.example";

pub(super) fn cases(ground: &Ground) -> Vec<Case> {
    [forged_origins(ground), odd_values(ground), floods(ground), methods(ground)].into_iter().flatten().collect()
}

fn scan(ground: &Ground) -> Request {
    Request::get(&format!("/D/{}", ground.token))
}

/// Whoever controls a header must not control a link, a redirection or a cookie.
fn forged_origins(ground: &Ground) -> Vec<Case> {
    let mut cases = Vec::new();
    let headers = [
        ("Host", EVIL),
        ("Host", "evil.example:99999"),
        ("X-Forwarded-Host", EVIL),
        ("X-Forwarded-For", "evil.example, 10.0.0.1"),
        ("X-Forwarded-For", "%00\" onmouseover=evil.example"),
        ("X-Forwarded-Proto", "http\" evil.example"),
        ("X-Forwarded-Prefix", "/evil.example"),
        ("Forwarded", "for=evil.example;host=evil.example;proto=http"),
        ("X-Original-URL", "/evil.example"),
        ("X-Rewrite-URL", "/evil.example"),
        ("Referer", "https://evil.example/"),
        ("User-Agent", "<script>evil.example</script>"),
        ("X-Request-Id", "evil.example"),
        ("Via", "1.1 evil.example"),
    ];
    for (name, value) in headers {
        let on = |request: Request| match name {
            "Host" => request.without("Host").header(name, value),
            _ => request.header(name, value),
        };
        cases.push(Case::new(format!("{name}: {value} on /"), on(Request::get("/")).closing(), &[200]).hides(EVIL));
        let page = Case::new(format!("{name}: {value} on a receipt"), on(scan(ground)).closing(), &[200]);
        cases.push(page.hides(EVIL));
    }
    let desk = Request::get("/desk").without("Host").header("Host", EVIL);
    cases.push(Case::new("a forged host before signing in", desk.closing(), &[303]).hides(EVIL));
    let none = Request::get("/").without("Host");
    cases.push(Case::new("no host", none.closing(), &[400]));
    let two = Request::get("/").header("Host", EVIL);
    cases.push(Case::new("two hosts", two.closing(), &[400]).hides(EVIL));
    let next = crate::raw_http::form(&[("name", "nobody"), ("password", "x"), ("next", "//evil.example/")]);
    let open = Request::post("/desk/sign-in", next).header("Origin", ORIGIN);
    cases.push(Case::new("an open redirection", open.closing(), &[422]).hides("ocation: //evil"));
    cases
}

fn odd_values(ground: &Ground) -> Vec<Case> {
    let many = |name: &str| vec![name; 500].join(",");
    let weights = format!("fr;q={}", "9".repeat(300));
    let languages: [&[u8]; 11] = [
        b"",
        b"*",
        b";;;;,,,,;q=,",
        b"fr;q=-1,ar;q=nan,en;q=1e999",
        b"\xff\xfe",
        b"zgh-Tfng-MA-x-long-private-use-tag-that-goes-on",
        b"../../../etc/passwd",
        b"{\"ar\":1}",
        b"x-klingon",
        b"fr;q=0, ar;q=0, zgh;q=0, en;q=0",
        weights.as_bytes(),
    ];
    let long = many("fr");
    let mut cases: Vec<Case> = Vec::new();
    for value in languages.into_iter().chain([long.as_bytes()]) {
        let name = format!("Accept-Language: {}", String::from_utf8_lossy(&value[..value.len().min(40)]));
        let request = scan(ground).header("Accept-Language", value);
        cases.push(Case::new(name, request.closing(), &[200]).shows(&ground.reference));
    }
    let encodings: [&[u8]; 8] = [
        b"",
        b"*",
        b"identity;q=0",
        b"br;q=0, gzip;q=0, *;q=0",
        b"gzip;q=nan",
        b"\xff",
        b"GZIP;;;",
        b"zstd, x-gzip, compress",
    ];
    for value in encodings {
        let name = format!("Accept-Encoding: {}", String::from_utf8_lossy(value));
        cases.push(Case::new(name, scan(ground).header("Accept-Encoding", value).closing(), &[200]));
    }
    let tags: [&[u8]; 9] = [
        b"",
        b"\"",
        b"W/",
        b"W/\"x",
        b"\"\"",
        b"\xff\xff",
        b"\"a\",,,,\"b",
        b"no quotes at all",
        b"\"x\", \"y\", W/\"z\"",
    ];
    for value in tags {
        let name = format!("If-None-Match: {}", String::from_utf8_lossy(value));
        let request = scan(ground).header("If-None-Match", value);
        cases.push(Case::new(name, request.closing(), &[200]).shows(&ground.reference));
    }
    let star = scan(ground).header("If-None-Match", "*");
    cases.push(Case::new("If-None-Match: *", star.closing(), &[304]));
    let cookies: [&[u8]; 8] = [
        b"",
        b"=",
        b";;;;",
        b"milaf",
        b"__Host-milaf=",
        b"__Host-milaf=\xff\xfe",
        b"__Host-milaf=' OR 1=1 --",
        b"__Host-milaf=0000000000000000000000000000000000000000000000000000000000000000",
    ];
    for value in cookies {
        let name = format!("Cookie: {}", String::from_utf8_lossy(value));
        let request = Request::get("/desk").header("Cookie", value);
        cases.push(Case::new(name, request.closing(), &[303]).hides(&ground.reference));
    }
    let twice = ground.clerk.on(Request::get("/desk")).header("Cookie", "__Host-milaf=other");
    cases.push(Case::new("two session cookies", twice.closing(), &[200]));
    let others = [
        ("Range", "bytes=0-1,5-99999999999999999999"),
        ("If-Modified-Since", "yesterday"),
        ("Expect", "200-maybe"),
        ("Upgrade", "h2c, websocket"),
        ("TE", "trailers, nonsense;q=2"),
        ("Accept", "\"';--/*"),
        ("Content-Type", "multipart/form-data; boundary="),
        ("Authorization", "Basic !!!!"),
        ("X-HTTP-Method-Override", "DELETE"),
        ("Traceparent", "00-zz-zz-zz"),
    ];
    for (name, value) in others {
        let request = scan(ground).header(name, value);
        cases.push(Case::new(format!("{name}: {value}"), request.closing(), &[200]).hides(super::APPLICANT));
    }
    cases
}

fn floods(ground: &Ground) -> Vec<Case> {
    let large = "x".repeat(100 * 1024);
    let too_large = [431, CLOSED];
    let mut many = scan(ground);
    for number in 0..3000 {
        many = many.header(&format!("X-Header-{number}"), "value");
    }
    let mut hundred = scan(ground);
    for number in 0..150 {
        hundred = hundred.header(&format!("X-Header-{number}"), "value");
    }
    vec![
        Case::new("a header of 100 KB", scan(ground).header("X-Large", &large).closing(), &too_large),
        Case::new("a cookie of 100 KB", scan(ground).header("Cookie", &large).closing(), &too_large),
        Case::new("a header's name of 100 KB", scan(ground).header(&large, "x").closing(), &too_large),
        Case::new("3,000 headers", many.closing(), &too_large),
        Case::new("150 headers", hundred.closing(), &[431, CLOSED]),
        Case::new("a header of 8 KB", scan(ground).header("X-Large", &large[..8192]).closing(), &[200]),
    ]
}

fn methods(ground: &Ground) -> Vec<Case> {
    let refused = [405];
    let receipt = format!("/D/{}", ground.token);
    let dossier = format!("/desk/d/{}", ground.reference);
    let mut cases = Vec::new();
    for method in ["TRACE", "PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND", "get", "GETT", "QUERY"] {
        for path in ["/", receipt.as_str(), "/desk", "/desk/register", dossier.as_str(), "/healthz"] {
            let request = ground.clerk.on(Request::new(method, path)).header("X-Echo", "echoed-by-trace");
            let shown = path.replace(&ground.token, "…");
            cases.push(Case::new(format!("{method} {shown}"), request.closing(), &refused).hides("echoed-by-trace"));
        }
    }
    let connect = "CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\nConnection: close\r\n\r\n";
    cases.push(Case::new("CONNECT", connect, &[404]));
    let star = "OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    cases.push(Case::new("OPTIONS *", star, &[404]));
    let long = Request::new(&"G".repeat(5000), "/");
    cases.push(Case::new("a method of 5,000 letters", long.closing(), &[405]));
    for (path, status) in [("/", 200), (receipt.as_str(), 200), ("/healthz", 200), ("/nothing", 404)] {
        let shown = path.replace(&ground.token, "…");
        cases.push(Case::new(format!("HEAD {shown}"), Request::new("HEAD", path).closing(), &[status]));
    }
    for path in ["/", "/healthz", "/robots.txt", "/desk/d/NRU-2026-000001"] {
        let request = ground.clerk.on(Request::post(path, "a=b"));
        cases.push(Case::new(format!("POST {path}"), request.closing(), &refused));
    }
    let form = Request::get(&format!("{receipt}?digits=4987"));
    cases.push(Case::new("digits by GET", form.closing(), &[200]).hides(super::APPLICANT));
    cases
}
