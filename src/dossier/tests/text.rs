use proptest::prelude::*;

use crate::dossier::{Email, IdentityNumber, LastFour, Line, Paragraph, Phone, TextError, search_key};
use TextError::{Empty, Forbidden, TooLong};

fn check<T>(
    read: impl Fn(&str) -> Result<T, TextError>,
    show: impl Fn(&T) -> String,
    cases: &[(&str, Result<&str, TextError>)],
) {
    for (input, expected) in cases {
        let actual = read(input).map(|value| show(&value));
        assert_eq!(actual.as_deref(), expected.as_ref().copied(), "{input:?}");
    }
}

#[test]
fn lines() {
    let longest = "ب".repeat(200);
    let longer = "ب".repeat(201);
    let padded = format!("  {longest}\t");
    check(
        Line::new,
        |line: &Line| line.as_str().to_owned(),
        &[
            ("فاطمة أمزيل", Ok("فاطمة أمزيل")),
            ("  Ahmed \t El\u{00A0}\u{202F} Idrissi ", Ok("Ahmed El Idrissi")),
            ("e\u{0301}", Ok("é")),
            ("e\u{200E}\u{0301}", Ok("é")),
            ("\u{FEFF}TF\u{200F} 1234\u{061C}/56\u{2060}", Ok("TF 1234/56")),
            ("نمی\u{200C}خواهم \u{0644}\u{200D}", Ok("نمی\u{200C}خواهم \u{0644}\u{200D}")),
            ("ⵜⴰⵎⴰⵣⵉⵖⵜ", Ok("ⵜⴰⵎⴰⵣⵉⵖⵜ")),
            ("<script>'; DROP TABLE", Ok("<script>'; DROP TABLE")),
            ("name\n", Ok("name")),
            (&longest, Ok(&longest)),
            (&padded, Ok(&longest)),
            (&longer, Err(TooLong { max: 200 })),
            ("", Err(Empty)),
            (" \t\u{00A0}\u{3000}", Err(Empty)),
            ("\u{200E}\u{FEFF}", Err(Empty)),
            ("\u{200D}\u{200C}", Err(Empty)),
            ("\u{2062}\u{2063}", Err(Empty)),
            ("\u{2800}", Err(Empty)),
            ("\u{180E}\u{FE0F}", Err(Empty)),
            ("two\nlines", Err(Forbidden)),
            ("two\r\nlines", Err(Forbidden)),
            ("two\u{2028}lines", Err(Forbidden)),
            ("nul\0", Err(Forbidden)),
            ("bell\u{7}", Err(Forbidden)),
            ("next\u{85}line", Err(Forbidden)),
            ("del\u{7F}x", Err(Forbidden)),
            ("\u{202E}evil", Err(Forbidden)),
            ("\u{2066}iso\u{2069}", Err(Forbidden)),
            ("\u{202A}x\u{202C}", Err(Forbidden)),
            ("\u{FFFE}", Err(Forbidden)),
            ("x\u{FDD0}", Err(Forbidden)),
            ("x\u{1FFFF}", Err(Forbidden)),
            ("x\u{E0041}", Err(Forbidden)),
        ],
    );
}

#[test]
fn paragraphs() {
    let longest = "x\n".repeat(999) + "xy";
    let longer = "x".repeat(2001);
    let dos = longest.replace('\n', "\r\n");
    check(
        Paragraph::new,
        |paragraph: &Paragraph| paragraph.as_str().to_owned(),
        &[
            ("one\r\ntwo\rthree\nfour", Ok("one\ntwo\nthree\nfour")),
            ("\n  text\n\n", Ok("text")),
            ("a\tb", Ok("a b")),
            ("two\u{2029}parts", Ok("two\nparts")),
            (&longest, Ok(&longest)),
            (&dos, Ok(&longest)),
            (&longer, Err(TooLong { max: 2000 })),
            ("\r\n", Err(Empty)),
            ("a\0b", Err(Forbidden)),
            ("\u{202E}txt", Err(Forbidden)),
        ],
    );
}

#[test]
fn phones() {
    check(
        Phone::parse,
        |phone: &Phone| phone.e164().to_owned(),
        &[
            ("0528773641", Ok("+212528773641")),
            ("05 28 77 36 41", Ok("+212528773641")),
            ("05.28.77.36.41", Ok("+212528773641")),
            ("(05) 28-77-36-41", Ok("+212528773641")),
            ("٠٥٢٨٧٧٣٦٤١", Ok("+212528773641")),
            ("۰۵۲۸۷۷۳۶۴۱", Ok("+212528773641")),
            ("+212 5 28 77 36 41", Ok("+212528773641")),
            ("+212 (0)5 28 77 36 41", Ok("+212528773641")),
            ("00212528773641", Ok("+212528773641")),
            ("212528773641", Ok("+212528773641")),
            ("\u{2066}+212\u{00A0}6\u{2011}12 34 56 78\u{2069}", Ok("+212612345678")),
            ("+33 1 23 45 67 89", Ok("+33123456789")),
            ("+12345678", Ok("+12345678")),
            ("+123456789012345", Ok("+123456789012345")),
            ("+1234567", Err(TextError::Phone)),
            ("+1234567890123456", Err(TextError::Phone)),
            ("052877364", Err(TextError::Phone)),
            ("05287736411", Err(TextError::Phone)),
            ("612345678", Err(TextError::Phone)),
            ("+0528773641", Err(TextError::Phone)),
            ("05+28773641", Err(TextError::Phone)),
            ("05 28 77 36 4x", Err(TextError::Phone)),
            ("٠５٢٨٧٧٣٦٤١", Err(TextError::Phone)),
            ("0528773641\n0528773642", Err(TextError::Phone)),
            ("", Err(TextError::Phone)),
            ("+", Err(TextError::Phone)),
        ],
    );
    let phone = Phone::parse("0528773641").unwrap();
    assert_eq!(phone.display(), "+212 5 28 77 36 41");
    assert_eq!(phone.last_four().as_str(), "3641");
    assert_eq!(Phone::parse("+33123456789").unwrap().display(), "+33123456789");
}

#[test]
fn emails() {
    let long = format!("{}@{}.ma", "a".repeat(64), "b".repeat(186));
    let longer = format!("{}@{}.ma", "a".repeat(64), "b".repeat(187));
    check(
        Email::parse,
        |email: &Email| email.as_str().to_owned(),
        &[
            (" augon2020@gmail.com ", Ok("augon2020@gmail.com")),
            ("\u{200E}a.b+c@d-e.ma", Ok("a.b+c@d-e.ma")),
            (&long, Ok(&long)),
            (&longer, Err(TextError::Email)),
            ("no-at.ma", Err(TextError::Email)),
            ("two@at@x.ma", Err(TextError::Email)),
            ("a b@x.ma", Err(TextError::Email)),
            ("a@localhost", Err(TextError::Email)),
            ("a@.ma", Err(TextError::Email)),
            ("a@x..ma", Err(TextError::Email)),
            ("@x.ma", Err(TextError::Email)),
            ("<a@x.ma>", Err(TextError::Email)),
            ("a\u{0}@x.ma", Err(TextError::Email)),
            ("а@x.ma", Err(TextError::Email)),
        ],
    );
}

#[test]
fn last_fours() {
    check(
        LastFour::parse,
        |digits: &LastFour| digits.as_str().to_owned(),
        &[
            ("3641", Ok("3641")),
            (" ٣٦٤١ ", Ok("3641")),
            ("0000", Ok("0000")),
            ("364", Err(TextError::LastFour)),
            ("36411", Err(TextError::LastFour)),
            ("36 41", Err(TextError::LastFour)),
            ("36a1", Err(TextError::LastFour)),
            ("", Err(TextError::LastFour)),
        ],
    );
    let right = LastFour::parse("3641").unwrap();
    assert!(right.matches(&LastFour::parse("٣٦٤١").unwrap()));
    assert!(!right.matches(&LastFour::parse("3642").unwrap()));
    assert_eq!(format!("{right:?}"), "LastFour(****)");
}

#[test]
fn identity_numbers() {
    check(
        IdentityNumber::parse,
        |number: &IdentityNumber| format!("{} {}", number.normalized(), number.last_four().as_str()),
        &[
            ("ja 12-34 56", Ok("JA123456 3456")),
            ("JA١٢٣٤٥٦", Ok("JA123456 3456")),
            ("1234", Ok("1234 1234")),
            ("12A34B", Ok("12A34B 1234")),
            ("A1234567890123456789", Ok("A1234567890123456789 6789")),
            ("A12345678901234567890", Err(TextError::Identity)),
            ("AB123", Err(TextError::Identity)),
            ("JA_123456", Err(TextError::Identity)),
            ("جا123456", Err(TextError::Identity)),
            ("", Err(TextError::Identity)),
        ],
    );
    let number = IdentityNumber::parse("JA123456").unwrap();
    assert!(!format!("{number:?}").contains("JA"));
}

#[test]
fn search_keys() {
    for (input, expected) in [
        ("مُحَمَّد", "محمد"),
        ("محـــمد", "محمد"),
        ("أحمد إدريس آمنة ٱلله", "احمد ادريس امنه الله"),
        ("مصطفى", "مصطفي"),
        ("فاطمة", "فاطمه"),
        ("رؤوف", "رووف"),
        ("\u{FE8E}\u{FEDF}", "ال"),
        ("کریمی", "كريمي"),
        ("Élodie  N'Aït-Œuvré", "elodie n ait oeuvre"),
        ("IŞIK İzmir Straße", "isik izmir strasse"),
        ("TF 1234/56", "tf 1234 56"),
        ("٢٠٢٦", "2026"),
        ("ⵜⴰⵎⴰⵣⵉⵖⵜ", "ⵜⴰⵎⴰⵣⵉⵖⵜ"),
        ("ab\u{200F}c\u{200D}", "abc"),
        (" -- ", ""),
    ] {
        assert_eq!(search_key(input), expected, "{input}");
    }
}

#[test]
fn folding_a_key_again_changes_nothing_for_any_character() {
    for c in (0..=0x10_FFFF).filter_map(char::from_u32) {
        let key = search_key(&format!("a{c}b"));
        assert_eq!(search_key(&key), key, "U+{:04X}", u32::from(c));
    }
}

proptest! {
    /// What is recorded is read back through the same checks, so a checked text must pass them unchanged.
    #[test]
    fn checking_twice_changes_nothing(text in "[\\PC\\t\\n\\r \u{200E}\u{0301}\u{0654}]{0,60}") {
        if let Ok(line) = Line::new(&text) {
            prop_assert_eq!(Line::new(line.as_str()).unwrap(), line);
        }
        if let Ok(paragraph) = Paragraph::new(&text) {
            prop_assert_eq!(Paragraph::new(paragraph.as_str()).unwrap(), paragraph);
        }
    }

    #[test]
    fn numbers_read_back(text in "(\\+|00|0)?[0-9 .()-]{6,20}") {
        if let Ok(phone) = Phone::parse(&text) {
            prop_assert_eq!(Phone::parse(phone.e164()).unwrap(), phone.clone());
            prop_assert_eq!(Phone::parse(&phone.display()).unwrap(), phone);
        }
    }

    #[test]
    fn no_text_makes_a_check_panic(text in any::<String>()) {
        let _ = (Line::new(&text), Paragraph::new(&text), Phone::parse(&text), Email::parse(&text));
        let _ = (LastFour::parse(&text), IdentityNumber::parse(&text), search_key(&text));
    }
}
