//! Bytes that are not quite HTTP, and HTTP that means two things at once.

use super::{CLOSED, Case, Ground};
use crate::raw_http::{Request, form};

/// What a smuggled request would be answered with, if it were one.
const SMUGGLED: &str = "GET /robots.txt HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

pub(super) fn raw(name: &str, bytes: impl Into<Vec<u8>>, statuses: &[u16]) -> Case {
    Case::new(name, bytes, statuses)
}

pub(super) fn cases(ground: &Ground) -> Vec<Case> {
    [malformed(), targets(ground), smuggling(ground), lengths(ground)].into_iter().flatten().collect()
}

fn malformed() -> Vec<Case> {
    let refused = [400];
    let head = "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n";
    vec![
        raw("HTTP/0.9", "GET /\r\n\r\n", &refused),
        raw("HTTP/0.9 with a single line feed", "GET /\n\n", &refused),
        raw("HTTP/1.0", "GET / HTTP/1.0\r\n\r\n", &[200]),
        raw("HTTP/1.9", "GET / HTTP/1.9\r\nHost: x\r\nConnection: close\r\n\r\n", &refused),
        raw("HTTP/2.0", "GET / HTTP/2.0\r\nHost: x\r\nConnection: close\r\n\r\n", &refused),
        raw("the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0", &[CLOSED]),
        raw("a TLS greeting", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n".to_vec(), &refused),
        raw("an SSH greeting", "SSH-2.0-OpenSSH_9.9\r\n\r\n", &refused),
        raw("zeros", vec![0; 4096], &refused),
        raw("bytes of 255", vec![255; 4096], &refused),
        raw("letters without end", vec![b'A'; 200_000], &[431, CLOSED]),
        raw("no version", "GET / \r\nHost: x\r\n\r\n", &refused),
        raw("a header without a colon", format!("{head}nonsense\r\n\r\n"), &refused),
        raw("a header with a space before its colon", format!("{head}X-Name : v\r\n\r\n"), &refused),
        raw("a folded header", format!("{head}X-Name: a\r\n b\r\n\r\n"), &refused),
        raw("NUL in a header", format!("{head}X-Name: a\0b\r\n\r\n"), &refused),
        raw("a bare CR in a header", format!("{head}X-Name: a\rX: b\r\n\r\n"), &refused),
        raw("a header without a name", format!("{head}: value\r\n\r\n"), &refused),
        raw("a header's name in UTF-8", format!("{head}X-é: v\r\n\r\n"), &refused),
        raw("spaces before the method", "   GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", &refused),
        raw("tabs in the request line", "GET\t/\tHTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", &refused),
        raw("garbage after a good request", format!("{head}\r\n\u{1}\u{2}GARBAGE\r\n\r\n"), &[200]),
        raw("a request after the last one", format!("{head}\r\n{SMUGGLED}"), &[200]),
    ]
}

fn targets(ground: &Ground) -> Vec<Case> {
    let get = |target: &str| Request::get(target).closing();
    vec![
        Case::new("an absolute address", get("http://evil.example/"), &[200]).hides("evil.example"),
        Case::new("an absolute address of a receipt", get(&format!("http://evil.example/D/{}", ground.token)), &[200])
            .hides("evil.example"),
        Case::new("an absolute address of another scheme", get("file:///etc/passwd"), &[400]).hides("root:"),
        Case::new("two slashes", get("//evil.example/"), &[404]).hides("ocation: //evil"),
        Case::new("no slash", get("desk"), &[404]),
        Case::new("only a query", get("?l=fr"), &[400]),
        Case::new("a fragment", get("/#x"), &[200]),
        Case::new("dots", get("/../../../../etc/passwd"), &[404]).hides("root:"),
        Case::new("encoded dots", get("/desk/assets/%2e%2e/%2e%2e/Cargo.toml"), &[404]).hides("[package]"),
        Case::new("encoded slashes", get("/desk/assets/..%2f..%2fCargo.toml"), &[404]).hides("[package]"),
        Case::new("NUL in an asset's name", get("/desk/assets/desk.css%00.js"), &[404]),
        Case::new("an address of 64 KB", get(&format!("/{}", "a".repeat(65_536))), &[431, CLOSED]),
        Case::new("a query of 20 KB", get(&format!("/?l={}", "a".repeat(20_000))), &[200]),
        Case::new("a query of brackets", get("/?l[]=fr&l[$ne]=x&[[[=]]]"), &[200]),
        Case::new("unknown pages", get("/.git/config"), &[404]),
        Case::new("another unknown page", get("/wp-login.php"), &[404]),
    ]
}

/// Two lengths for one body: whichever one the server believes, the rest of the bytes is never a request of its own.
fn smuggling(ground: &Ground) -> Vec<Case> {
    let both = |first: &str, second: &str, body: &str| {
        format!(
            "POST /find HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n{first}\r\n{second}\r\n\r\n{body}"
        )
    };
    let answered = [200];
    let chunked = "Transfer-Encoding: chunked";
    let body = format!("0\r\n\r\n{SMUGGLED}");
    let whole = format!("Content-Length: {}", body.len());
    let case = |name: &str, first: &str, second: &str, body: &str| {
        raw(name, both(first, second, body), &answered).hides("User-agent").hides("Disallow").hides(&ground.reference)
    };
    let refused =
        |name: &str, first: &str, second: &str| raw(name, both(first, second, &body), &[400]).hides("Disallow");
    vec![
        case("a length, then chunks", &whole, chunked, &body),
        case("chunks, then a length", chunked, &whole, &body),
        case("a short length, then chunks", "Content-Length: 4", chunked, &body),
        case("chunks, then a short length", chunked, "Content-Length: 4", &body),
        refused("two different lengths", "Content-Length: 5", "Content-Length: 60"),
        refused("a length that is a list", "Content-Length: 5, 6", "X: y"),
        refused("a length with a sign", "Content-Length: +5", "X: y"),
        refused("a negative length", "Content-Length: -1", "X: y"),
        refused("a hexadecimal length", "Content-Length: 0x10", "X: y"),
        refused("a length beyond all numbers", "Content-Length: 99999999999999999999999", "X: y"),
        refused("an unknown coding", "Transfer-Encoding: xchunked", "X: y"),
        refused("chunks that are not last", "Transfer-Encoding: chunked, identity", "X: y"),
        refused("chunks hidden behind a vertical tab", "Transfer-Encoding: \u{b}chunked", "X: y"),
        raw("chunks under HTTP/1.0", format!("POST /find HTTP/1.0\r\n{chunked}\r\n\r\n{body}"), &[400])
            .hides("Disallow"),
    ]
}

fn lengths(ground: &Ground) -> Vec<Case> {
    let fields = form(&[("reference", ground.reference.as_str()), ("code", "0000-0000")]);
    let head =
        "POST /find HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/x-www-form-urlencoded\r\n";
    let chunked = |chunks: &str| format!("{head}Transfer-Encoding: chunked\r\n\r\n{chunks}");
    let case = |name: &str, bytes: String, status: u16| raw(name, bytes, &[status]).hides(&ground.token);
    vec![
        case("a body in one chunk", chunked(&format!("{:x}\r\n{fields}\r\n0\r\n\r\n", fields.len())), 200),
        case("a chunk's size that is no number", chunked("zz\r\nreference\r\n0\r\n\r\n"), 400),
        case("a chunk's size beyond all numbers", chunked("ffffffffffffffffff\r\nx\r\n0\r\n\r\n"), 400),
        case("a negative chunk", chunked("-5\r\nhello\r\n0\r\n\r\n"), 400),
        case("a chunk longer than its size", chunked("2\r\nreference=x\r\n0\r\n\r\n"), 400),
        case(
            "a chunk's extension of 100 KB",
            chunked(&format!("5;{}\r\nhello\r\n0\r\n\r\n", "x".repeat(100_000))),
            400,
        ),
        case("trailers of 100 KB", chunked(&format!("0\r\nX: {}\r\n\r\n", "x".repeat(100_000))), 400),
        case("a chunked body of 2 MB", chunked(&format!("200000\r\n{}\r\n0\r\n\r\n", "x".repeat(0x20_0000))), 413),
        case("a length shorter than the body", format!("{head}Content-Length: 4\r\n\r\n{fields}"), 200),
        case("no length at all", format!("{head}\r\n{fields}"), 200),
        raw("a length of 10 GB", format!("{head}Content-Length: 10000000000\r\n\r\n{fields}"), &[413]),
    ]
}
