//! The registration form, filled in by someone who means harm or whose keyboard is broken.
//!
//! Every case carries the session's own proof unless that is what is missing.

use super::{APPLICANT, CLOSED, Case, Ground};
use crate::{
    raw_http::{Request, form},
    real_server::{ACCOUNT, ORIGIN, PASSWORD},
};

/// The form comes back with the fault beside the field.
const FAULT: &[u16] = &[422];
pub(super) const REGISTERED: &[u16] = &[303];
/// The form is none at all.
const MALFORMED: &[u16] = &[400];

pub(super) fn cases(ground: &Ground) -> Vec<Case> {
    let tables = [texts(ground), limits(ground), choices(ground), shapes(ground), guards(ground), repeats(ground)];
    tables.into_iter().flatten().collect()
}

/// A key of its own for every form.
pub(super) fn key() -> String {
    use std::sync::atomic::{AtomicU64, Ordering};
    static DRAWN: AtomicU64 = AtomicU64::new(0);
    format!("{:032x}", DRAWN.fetch_add(1, Ordering::Relaxed))
}

/// The registration of a good form with one field set otherwise.
fn with(ground: &Ground, name: &str, value: &str) -> Request {
    let mut fields = vec![("procedure", "NRU"), ("applicant", APPLICANT)];
    fields.retain(|(field, _)| *field != name);
    if name == "depositor" {
        fields.push(("depositor-role", "architect"));
    }
    fields.push((name, value));
    ground.clerk.register(&key(), &fields)
}

/// The registration of a form whose body is given as it stands, after the session's own fields.
fn with_raw(ground: &Ground, rest: &[u8]) -> Request {
    let own =
        form(&[("csrf", &ground.clerk.csrf), ("form-key", &key()), ("confirm-duplicate", "1"), ("procedure", "NRU")]);
    let mut body = own.into_bytes();
    body.push(b'&');
    body.extend_from_slice(rest);
    ground.clerk.on(Request::post("/desk/register", body))
}

pub(super) fn case(name: &str, request: Request, statuses: &[u16]) -> Case {
    Case::new(name, request.closing(), statuses)
}

/// What is shown on the dossier's page when it was accepted.
fn accepted(ground: &Ground, name: &str, text: &str, shown: &str) -> Case {
    case(name, with(ground, "applicant", text), REGISTERED).follow().shows(shown)
}

fn refused(ground: &Ground, name: &str, text: &str) -> Case {
    case(name, with(ground, "applicant", text), FAULT)
}

fn texts(ground: &Ground) -> Vec<Case> {
    let accept = |name: &str, text: &str, shown: &str| accepted(ground, name, text, shown);
    let refuse = |name: &str, text: &str| refused(ground, name, text);
    vec![
        accept("a script", "<script>alert(1)</script>", "alert(1)").hides("<script>alert"),
        accept("an attribute", "\" onmouseover=\"alert(2)", "alert(2)").hides("\" onmouseover=\"alert"),
        accept("an image", "<img src=x onerror=alert(3)>", "onerror=alert(3)").hides("<img src=x"),
        accept("the end of a text area", "</textarea></title></style><b>bold", "bold").hides("<b>bold"),
        accept("a comment", "<!-- hidden --> --><!--", "hidden").hides("<!-- hidden"),
        accept("entities", "&lt;b&gt;&amp;amp;", "lt;b").hides("&lt;b&gt;&amp;amp;"),
        accept("SQL", "Robert'); DROP TABLE events; --", "DROP TABLE events"),
        accept("SQL of another kind", "1 OR 1=1 UNION SELECT * FROM accounts", "UNION SELECT"),
        accept("a template", "{{ 7 * 191 }} {% include 'x' %} ${7*191}", "7 * 191").hides("1337"),
        accept("a message's placeable", "{ $name } { -brand } {\"\"}", "$name"),
        accept("a percent sign", "100%00 %s%n", "100%00"),
        accept("a formula", "=HYPERLINK(\"http://evil.example\")", "HYPERLINK"),
        accept("an emoji of many parts", "👩‍👩‍👧‍👦", "👩"),
        accept("letters with many accents", &format!("a{}", "\u{0301}".repeat(150)), "á\u{0301}"),
        accept("Arabic", "فاطمة الزهراء", "فاطمة الزهراء"),
        accept("Tifinagh", "ⵣⵉⵏⴻⴱ", "ⵣⵉⵏⴻⴱ"),
        accept("marks that a telephone inserts", "\u{200E}Amina\u{200F} \u{200B}Bari\u{FEFF}", "Amina Bari"),
        accept("runs of white space", "  Amina \t  Bari  ", "Amina Bari"),
        refuse("nothing", ""),
        refuse("white space", " \t \u{3000}\u{2003} "),
        refuse("only invisible letters", "\u{200D}\u{200C}\u{3164}"),
        refuse("an override from right to left", "Amina \u{202E}iraB"),
        refuse("an embedding", "\u{202A}Amina"),
        refuse("an isolate", "Amina\u{2066}"),
        refuse("a line break", "Amina\nBari"),
        refuse("CR and LF", "Amina\r\nSet-Cookie: a=b"),
        refuse("a line separator", "Amina\u{2028}Bari"),
        refuse("an escape sequence", "Amina\u{1b}[31m"),
        refuse("a backspace", "Amina\u{8}"),
        refuse("DEL", "Amina\u{7f}"),
        refuse("a C1 control", "Amina\u{85}Bari"),
        refuse("tag characters", "Amina\u{E0041}\u{E0042}"),
        refuse("a noncharacter", "Amina\u{FFFF}"),
        refuse("annotation marks", "\u{FFF9}Amina\u{FFFB}"),
    ]
}

/// One character below, at and above what each field takes.
fn limits(ground: &Ground) -> Vec<Case> {
    let mut cases = Vec::new();
    for (field, most) in [("applicant", 200), ("depositor", 200), ("parcel", 200), ("rokhas", 200), ("note", 2000)] {
        for (length, statuses) in [(most - 1, REGISTERED), (most, REGISTERED), (most + 1, FAULT)] {
            for letter in ["x", "ع"] {
                let name = format!("{field} of {length} times {letter}");
                cases.push(case(&name, with(ground, field, &letter.repeat(length)), statuses));
            }
        }
    }
    // In NFC the accent joins its letter, so twice as many characters fit.
    cases.push(case("200 letters with accents apart", with(ground, "applicant", &"e\u{0301}".repeat(200)), REGISTERED));
    cases.push(case("201 letters with accents apart", with(ground, "applicant", &"e\u{0301}".repeat(201)), FAULT));
    let digits = "1234567890123456789012345";
    for (length, statuses) in [(3, FAULT), (4, REGISTERED), (20, REGISTERED), (21, FAULT)] {
        cases.push(case(&format!("an identity of {length}"), with(ground, "identity", &digits[..length]), statuses));
    }
    for (length, statuses) in [(7, FAULT), (8, REGISTERED), (15, REGISTERED), (16, FAULT)] {
        let phone = format!("+{}", &digits[..length]);
        cases.push(case(&format!("a telephone of {length} digits"), with(ground, "phone", &phone), statuses));
    }
    for (length, statuses) in [(253, REGISTERED), (254, REGISTERED), (255, FAULT)] {
        let local = "l".repeat(60);
        let labels = vec!["d".repeat(45); 4].join(".");
        let address = format!("{local}@{labels}.e");
        let address = format!("{address}{}", "e".repeat(length - address.len()));
        assert_eq!(address.len(), length);
        cases.push(case(&format!("an e-mail of {length}"), with(ground, "email", &address), statuses));
    }
    for text in ["a@b", "a@@b.ma", "@b.ma", "a@b..ma", "a b@c.ma", "a@b.ma\r\nBcc: x@y.ma", "<a@b.ma>", "é@b.ma"] {
        cases.push(case(&format!("the e-mail {text:?}"), with(ground, "email", text), FAULT));
    }
    for text in ["abc", "0612", "++212661234987", "661234987", "0661234987 ext 5", "tel:+212661234987", "+٢١٢"] {
        cases.push(case(&format!("the telephone {text:?}"), with(ground, "phone", text), FAULT));
    }
    for text in ["ABCD", "JB_123456", "JB 123456;", "ЈВ123456", "123\u{202E}456"] {
        cases.push(case(&format!("the identity {text:?}"), with(ground, "identity", text), FAULT));
    }
    cases.push(case("a telephone of Arabic digits", with(ground, "phone", "٠٦٦١٢٣٤٩٨٨"), REGISTERED));
    cases
}

fn choices(ground: &Ground) -> Vec<Case> {
    let mut cases = Vec::new();
    let foreign = ["XYZ", "NRU-2026", "../NRU", "NRU\u{202E}", "nru' --", "ＮＲＵ", "N", "NRUNRUNRUNRUNRUNRUNRU"];
    for value in foreign {
        for field in ["procedure", "office", "applicant-kind", "depositor-role", "document"] {
            cases.push(case(&format!("{field} {value:?}"), with(ground, field, value), FAULT));
        }
    }
    cases.push(case("no procedure", with(ground, "procedure", ""), FAULT));
    cases.push(case("no depositor's name", with(ground, "depositor", ""), FAULT));
    let twice = b"applicant=Amina&document=request&document=request";
    cases.push(case("a document twice", with_raw(ground, twice), FAULT));
    let other = b"applicant=Amina&document=request&document=structural_plan_of_nobody";
    cases.push(case("a document of no procedure", with_raw(ground, other), FAULT));
    let empty = b"applicant=Amina&document=";
    cases.push(case("a document without a name", with_raw(ground, empty), FAULT));
    cases
}

/// Bodies that are not what a browser makes of a form.
fn shapes(ground: &Ground) -> Vec<Case> {
    let too_large: &[u16] = &[413, CLOSED];
    let raw = |name: &str, rest: &[u8], statuses: &[u16]| case(name, with_raw(ground, rest), statuses);
    let body =
        form(&[("csrf", &ground.clerk.csrf), ("form-key", &key()), ("procedure", "NRU"), ("applicant", "Amina")]);
    let typed = |content_type: &str| {
        ground.clerk.on(Request::new("POST", "/desk/register").header("Content-Type", content_type).body(body.clone()))
    };
    let untyped = ground.clerk.on(Request::new("POST", "/desk/register").body(body.clone()));
    let wrong_type: &[u16] = &[415];
    vec![
        raw("a name of 1 MB", format!("applicant={}", "x".repeat(1_000_000)).as_bytes(), too_large),
        raw("100,000 fields", "a=b&".repeat(100_000).as_bytes(), too_large),
        raw("1,000 fields", "a=b&".repeat(1_000).as_bytes(), too_large),
        raw("300 documents", "document=request&".repeat(300).as_bytes(), too_large),
        raw("a field's name of 60 KB", "x".repeat(60_000).as_bytes(), FAULT),
        raw("a name of 60 KB", format!("applicant={}", "x".repeat(60_000)).as_bytes(), FAULT),
        raw("an applicant twice", b"applicant=Amina&applicant=Bari", MALFORMED),
        raw("a procedure twice", b"applicant=Amina&procedure=PC", MALFORMED),
        raw("a form's key twice", b"applicant=Amina&form-key=00000000000000000000000000000000", MALFORMED),
        raw("a proof twice", format!("applicant=Amina&csrf={}", ground.clerk.csrf).as_bytes(), &[403]),
        raw("bytes that are no UTF-8", b"applicant=Amina%ff%fe", MALFORMED),
        raw("bare bytes that are no UTF-8", b"applicant=Amina\xff\xfe", MALFORMED),
        raw("a lone surrogate", b"applicant=%ed%a0%80", MALFORMED),
        raw("an overlong NUL", b"applicant=%c0%80", MALFORMED),
        raw("NUL", b"applicant=Amina%00Bari", MALFORMED),
        raw("a bare NUL", b"applicant=Amina\0Bari", MALFORMED),
        raw("NUL in a field's name", b"applicant%00=Amina", MALFORMED),
        raw("half an escape", b"applicant=Amina%4", MALFORMED),
        raw("an escape of no digits", b"applicant=Amina%zz", MALFORMED),
        raw("separators alone", b"&&&&=&=&&&", FAULT),
        raw("semicolons for separators", b"applicant=Amina;phone=x", REGISTERED),
        raw("brackets", b"applicant[]=Amina&applicant[$ne]=x", FAULT),
        raw("fields nobody asked for", b"applicant=Amina&reference=NRU-2026-999999&version=9&actor=root", REGISTERED),
        case("an empty body", ground.clerk.on(Request::post("/desk/register", "")), &[403]),
        case("JSON", typed("application/json"), wrong_type),
        case("plain text", typed("text/plain"), wrong_type),
        case("multipart", typed("multipart/form-data; boundary=x"), wrong_type),
        case("XML", typed("application/xml"), wrong_type),
        case("no type", untyped, wrong_type),
        case(
            "a type that is no UTF-8",
            {
                ground
                    .clerk
                    .on(Request::new("POST", "/desk/register").header("Content-Type", b"\xff\xff").body(body.clone()))
            },
            wrong_type,
        ),
        case(
            "a type in capitals with a charset",
            typed("Application/X-WWW-Form-URLencoded; charset=UTF-8"),
            REGISTERED,
        ),
    ]
}

/// Forms that our own page did not send.
fn guards(ground: &Ground) -> Vec<Case> {
    let clerk = &ground.clerk;
    let fields =
        |csrf: &str| form(&[("csrf", csrf), ("form-key", &key()), ("procedure", "NRU"), ("applicant", "Amina")]);
    let post = |csrf: &str| Request::post("/desk/register", fields(csrf));
    let from = |origin: &str| post(&clerk.csrf).header("Cookie", &clerk.cookie).header("Origin", origin);
    let forbidden: &[u16] = &[403];
    let mut cases = vec![
        case(
            "no proof",
            clerk.on(Request::post("/desk/register", form(&[("procedure", "NRU"), ("applicant", "A")]))),
            forbidden,
        ),
        case("an empty proof", clerk.on(post("")), forbidden),
        case("another session's proof", clerk.on(post(&"0".repeat(64))), forbidden),
        case("a proof cut short", clerk.on(post(&clerk.csrf[..63])), forbidden),
        case("a proof in capitals", clerk.on(post(&clerk.csrf.to_uppercase())), forbidden),
        case("no session", post(&clerk.csrf).header("Origin", ORIGIN), forbidden).hides("/receipt"),
        case("no origin", post(&clerk.csrf).header("Cookie", &clerk.cookie), forbidden),
    ];
    let origins = [
        "null",
        "https://evil.example",
        "https://suivi.example.ma.evil.example",
        "https://evil.example/suivi.example.ma",
        "https://suivi.example.ma@evil.example",
        "https://suivi.example.ma:444",
        "suivi.example.ma",
        "",
    ];
    for origin in origins {
        cases.push(case(&format!("the origin {origin:?}"), from(origin), forbidden));
    }
    cases.extend(plain_addresses(ground, &from(ORIGIN)));
    let elsewhere = post(&clerk.csrf).header("Cookie", &clerk.cookie).header("Sec-Fetch-Site", "cross-site");
    cases.push(case("no origin, and from elsewhere", elsewhere, forbidden));
    let out = Request::post("/desk/sign-out", "").header("Cookie", &clerk.cookie).header("Origin", ORIGIN);
    cases.push(case("signing out without a proof", out, &[403]));
    cases
}

/// Whatever changes something is refused when it names no host, or more than one host or origin.
fn plain_addresses(ground: &Ground, registration: &Request) -> Vec<Case> {
    let dossier = format!("/desk/d/{}/add-note", ground.reference);
    let note = [("csrf", ground.clerk.csrf.as_str()), ("version", "2"), ("audience", "internal"), ("text", "Note")];
    let sign_in = [("name", ACCOUNT), ("password", PASSWORD), ("next", "")];
    let requests = [
        ("registering", registration.clone()),
        ("a note", ground.clerk.on(Request::post(&dossier, form(&note)))),
        ("signing in", Request::post("/desk/sign-in", form(&sign_in)).header("Origin", ORIGIN)),
        ("four digits", Request::post(&format!("/D/{}", ground.token), form(&[("digits", "4987")]))),
        ("a typed code", Request::post("/find", form(&[("reference", &ground.reference), ("code", &ground.code)]))),
    ];
    let mut cases = Vec::new();
    for (name, request) in requests {
        let with =
            |name: &str, value: &str| request.clone().without("Origin").header("Origin", ORIGIN).header(name, value);
        for (what, spoiled) in [
            ("without a host", request.clone().without("Host")),
            ("for two hosts", with("Host", "evil.example")),
            ("for one host twice", with("Host", "127.0.0.1")),
            ("from two origins", with("Origin", "https://evil.example")),
            ("from one origin twice", with("Origin", ORIGIN)),
        ] {
            let case = case(&format!("{name} {what}"), spoiled, &[400]);
            cases.push(case.hides("et-cookie: __Host").hides("ocation:").hides(APPLICANT));
        }
    }
    cases
}

/// One form, one dossier.
fn repeats(ground: &Ground) -> Vec<Case> {
    let clerk = &ground.clerk;
    let send = |key: &str, applicant: &str| clerk.register(key, &[("procedure", "NRU"), ("applicant", applicant)]);
    let stale = FAULT;
    let first = key();
    vec![
        case("a form", send(&first, "Amina Repeated"), REGISTERED).follow().shows("Amina Repeated"),
        case("the same form again", send(&first, "Amina Repeated"), REGISTERED).follow().shows("Amina Repeated"),
        case("the same form with another body", send(&first, "Somebody Else"), &[409]).hides("/receipt?"),
        case("no key", send("", "Amina"), stale),
        case("a key of one letter", send("x", "Amina"), stale),
        case("a key of 65 letters", send(&"k".repeat(65), "Amina"), stale),
        case("a key of 60 KB", send(&"k".repeat(60_000), "Amina"), stale),
        case("a key of HTML", send("\"><script>alert(9)</script>", "Amina"), stale).hides("<script>alert(9)"),
        case("a key of Arabic letters", send(&"ع".repeat(32), "Amina"), stale),
    ]
}
