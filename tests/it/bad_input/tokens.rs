//! Addresses of receipts: everything that is not exactly a token of ours gets the same page.

use super::{CLOSED, Case, Ground, wire::raw};
use crate::raw_http::{Request, form};

pub(super) fn cases(ground: &Ground) -> Vec<Case> {
    let token = ground.token.as_str();
    let lower = token.to_lowercase();
    let seal = ground.seal.as_str();
    let mut cases = vec![
        good(ground, "upper case", &format!("/D/{token}")),
        good(ground, "lower case", &format!("/d/{lower}")),
        good(ground, "mixed case", &format!("/D/{}{}", &lower[..20], &token[20..])),
        good(ground, "lower-case token under the upper-case path", &format!("/D/{lower}")),
        good(ground, "with its seal", &format!("/D/{token}/{seal}")),
        good(ground, "with its seal in lower case", &format!("/d/{lower}/{}", seal.to_lowercase())),
        good(ground, "with an unknown query", &format!("/D/{token}?utm_source=x&l=%F0%9F%92%A9")),
        good(ground, "with a query that is no UTF-8", &format!("/D/{token}?l=%ff%fe")),
        good(ground, "with a language that is none", &format!("/D/{token}?l=../../etc/passwd")),
        good(ground, "with a long query", &format!("/D/{token}?l={}", "x".repeat(4000))),
    ];
    // What the seal says never changes what is shown, and its text is not looked at either.
    for (name, text) in [("a truncated seal", &seal[..seal.len() - 9]), ("a seal of another alphabet", "UUUU")] {
        cases.push(Case::new(name, get(&format!("/D/{token}/{text}")), &[200]).hides(super::APPLICANT));
    }
    for length in [0, 1, 2, 20, 38, 39] {
        cases.push(unknown(ground, &format!("truncated to {length}"), &format!("/D/{}", &token[..length])));
    }
    for place in [0, 1, 2, 9, 17, 18, 30, 38, 39] {
        let mut flipped: Vec<u8> = token.bytes().collect();
        flipped[place] = if flipped[place] == b'7' { b'8' } else { b'7' };
        let flipped = String::from_utf8(flipped).unwrap();
        cases.push(unknown(ground, &format!("character {place} changed"), &format!("/D/{flipped}")));
    }
    let swapped = format!("{}{}", &token[20..], &token[..20]);
    let last_gone = &token[..39];
    let unknowns = [
        ("of another key", format!("/D/{}", ground.foreign_token)),
        ("never issued", format!("/D/{}", ground.unissued_token)),
        ("its halves exchanged", format!("/D/{swapped}")),
        ("one character more", format!("/D/{token}0")),
        ("twice over", format!("/D/{token}{token}")),
        ("all zeros", format!("/D/{}", "0".repeat(40))),
        ("all of the last letter", format!("/D/{}", "Z".repeat(40))),
        ("ending in O for 0", format!("/D/{last_gone}O")),
        ("ending in I for 1", format!("/D/{last_gone}I")),
        ("ending in a hyphen", format!("/D/{last_gone}-")),
        ("ending in NUL", format!("/D/{last_gone}%00")),
        ("followed by NUL", format!("/D/{token}%00")),
        ("followed by NUL and a suffix", format!("/D/{token}%00.html")),
        ("followed by a space", format!("/D/{token}%20")),
        ("followed by a line break", format!("/D/{token}%0d%0aSet-Cookie:%20a=b")),
        ("followed by a percent sign", format!("/D/{token}%")),
        ("half a percent escape", format!("/D/{last_gone}%4")),
        ("bytes that are no UTF-8", "/D/%ff%fe%fd".to_owned()),
        ("an overlong encoding", format!("/D/{last_gone}%c0%af")),
        ("dots to climb", "/D/%2e%2e".to_owned()),
        ("dots to climb far", "/D/%2e%2e%2f%2e%2e%2fetc%2fpasswd".to_owned()),
        ("plain dots", "/D/../../etc/passwd".to_owned()),
        ("backslashes", "/D/..%5c..%5cmilaf.db".to_owned()),
        ("dots before the token", format!("/D/%2e%2e/{token}")),
        ("an encoded slash", format!("/D%2f{token}")),
        ("a doubled slash", format!("/D//{token}")),
        ("a closing slash", format!("/D/{token}/")),
        ("parts after the seal", format!("/D/{token}/{seal}/more")),
        ("many parts", format!("/D/{token}{}", "/x".repeat(500))),
        ("fullwidth letters", format!("/D/{}", encoded(&fullwidth(token)))),
        ("a Cyrillic letter", format!("/D/{}", encoded(&format!("{}\u{0410}", &token[..39])))),
        ("a Cyrillic letter in 40 bytes", format!("/D/{}", encoded(&format!("{}\u{0410}", &token[..38])))),
        ("Arabic digits", format!("/D/{}", encoded(&"\u{0661}".repeat(40)))),
        ("an invisible mark inside", format!("/D/{}%E2%80%8B{}", &token[..20], &token[20..])),
        ("SQL", "/D/'%20OR%201=1%20--".to_owned()),
        ("HTML", "/D/%3Cscript%3Ealert(1)%3C/script%3E".to_owned()),
        ("a format string", "/D/%25s%25n%7B%7D%24%7Bjndi:ldap://x%7D".to_owned()),
        ("another path's case", format!("/%64/{}x", &lower)),
    ];
    cases.extend(unknowns.iter().map(|(name, path)| unknown(ground, name, path)));
    let long = "A".repeat(64 * 1024);
    cases.push(Case::new("64 KB", get(&format!("/D/{long}")), &[431, CLOSED]).hides(&ground.reference));
    cases.push(Case::new("20 KB", get(&format!("/D/{}", &long[..20_000])), &[404]));
    let plain = format!("GET /D/{last_gone}\0 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    cases.push(raw("a bare NUL", plain, &[400]));
    let unicode = format!("GET /D/{last_gone}\u{0410} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    cases.push(raw("bare UTF-8", unicode, &[404]).hides(&ground.reference));
    cases.extend(second_level(ground));
    cases.extend(typed(ground));
    cases
}

fn get(path: &str) -> Vec<u8> {
    Request::get(path).closing()
}

fn good(ground: &Ground, name: &str, path: &str) -> Case {
    Case::new(name, get(path), &[200])
        .shows(&ground.reference)
        .hides(super::APPLICANT)
        .hides(super::IDENTITY)
        .hides("4987")
        .hides("et-cookie")
}

fn unknown(ground: &Ground, name: &str, path: &str) -> Case {
    Case::new(name, get(path), &[404]).hides(&ground.reference).hides("root:").hides("<script>").hides("et-cookie: a=b")
}

/// Four digits on a receipt that exists. Five wrong ones lock it, and the words stay the same.
fn second_level(ground: &Ground) -> Vec<Case> {
    let path = format!("/D/{}", ground.token);
    let post = |digits: &str| Request::post(&path, form(&[("digits", digits)]));
    let wrong = |name: &str, digits: &str| {
        Case::new(name, post(digits).closing(), &[200]).hides(super::APPLICANT).hides("et-cookie")
    };
    vec![
        Case::new(
            "the second level of an unknown receipt",
            Request::post(&format!("/D/{}", ground.foreign_token), form(&[("digits", "4987")])).closing(),
            &[404],
        ),
        wrong("no digits", ""),
        wrong("digits of another length", "49876"),
        wrong("digits that are letters", "ABCD"),
        wrong("digits as SQL", "' OR 1=1 --"),
        wrong("a megabyte less than a flood of digits", &"4".repeat(60_000)),
        Case::new("digits twice", Request::post(&path, "digits=1234&digits=4987").closing(), &[400])
            .hides(super::APPLICANT),
        Case::new("a flood of digits", post(&"4".repeat(1_000_000)).closing(), &[413, CLOSED]),
    ]
}

/// Reference and typed code.
fn typed(ground: &Ground) -> Vec<Case> {
    let find = |reference: &str, code: &str| {
        Request::post("/find", form(&[("reference", reference), ("code", code)])).closing()
    };
    let missing = [200];
    let lost = |name: &str, reference: &str, code: &str| {
        Case::new(name, find(reference, code), &missing).hides(&ground.token).hides("<script>")
    };
    vec![
        Case::new("the typed code", find(&ground.reference, &ground.code), &[303]).shows(&ground.token),
        Case::new(
            "the typed code in lower case",
            find(&ground.reference.to_lowercase(), &ground.code.to_lowercase()),
            &[303],
        )
        .shows(&ground.token),
        lost("a wrong code", &ground.reference, "0000-0000"),
        lost("no code", &ground.reference, ""),
        lost("no reference", "", &ground.code),
        Case::new("a reference of NUL", find("\0", &ground.code), &[400]),
        lost("a reference of HTML", "<script>alert(1)</script>", &ground.code),
        lost("a reference of SQL", "NRU-2026-000001' OR '1'='1", &ground.code),
        lost("a reference too large", "NRU-2026-99999999999999999999", &ground.code),
        lost("a reference of fullwidth letters", &fullwidth(&ground.reference), &ground.code),
        lost("a long code", &ground.reference, &"0".repeat(50_000)),
        lost("a line break in the reference", "NRU\r\nSet-Cookie: a=b", &ground.code).hides("et-cookie: a=b"),
    ]
}

fn fullwidth(text: &str) -> String {
    text.chars().map(|c| char::from_u32(u32::from(c) - 0x20 + 0xFF00).unwrap_or(c)).collect()
}

fn encoded(text: &str) -> String {
    use std::fmt::Write as _;
    text.bytes().fold(String::new(), |mut path, byte| {
        let _ = write!(path, "%{byte:02X}");
        path
    })
}
