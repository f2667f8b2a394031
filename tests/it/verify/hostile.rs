//! Whatever is handed in: never a panic, and never a good word for a receipt that was changed.

use std::{fmt::Write as _, io::Write, process::Stdio};

use milaf::receipt::base32;

use super::{lab::Lab, outcome, verify};
use crate::commands::{milaf, program};

#[test]
fn no_changed_bit_is_genuine() {
    let mut lab = Lab::new(20);
    let paper = lab.issue();
    let keys = lab.keys("keys.json", |_| {});
    let (token, seal) = paper.parts();
    let base = paper.url.strip_suffix(&format!("/{token}/{seal}")).unwrap();
    let flipped = |text: &str, bit: usize| {
        let mut bytes = base32::decode(text).unwrap();
        bytes[bit / 8] ^= 0x80 >> (bit % 8);
        base32::encode(&bytes)
    };
    let mut lines = String::new();
    for bit in 0..base32::decode(seal).unwrap().len() * 8 {
        writeln!(lines, "{base}/{token}/{}", flipped(seal, bit)).unwrap();
    }
    // Version and receipt id. The key's id and the tag are nothing that the paper alone confirms.
    for bit in (0..4).chain(8..72) {
        writeln!(lines, "{base}/{}/{seal}", flipped(token, bit)).unwrap();
    }
    for at in 0..seal.len() {
        let other = if &seal[at..=at] == "7" { "8" } else { "7" };
        writeln!(lines, "{base}/{token}/{}{other}{}", &seal[..at], &seal[at + 1..]).unwrap();
        writeln!(lines, "{base}/{token}/{}{}", &seal[..at], &seal[at + 1..]).unwrap();
    }
    let (ran, objects) = verify(&lines, &["--keys", &keys]);
    assert_eq!(ran.code, 1);
    assert_eq!(objects.len(), lines.lines().count());
    let good: Vec<_> = objects.iter().filter(|object| object["answer"] != "not-genuine").collect();
    // Cut to nothing but its last letters, a seal may be no whole number of bytes, and is refused all the same.
    assert!(good.is_empty(), "{good:?}");

    // Of the tag, the answer says what it rests on.
    for bit in 72..200 {
        let url = format!("{base}/{}/{seal}", flipped(token, bit));
        if bit % 16 == 0 {
            let (ran, objects) = verify(&url, &["--keys", &keys]);
            assert_eq!((ran.code, outcome(&objects[0], "tag")), (0, "not-looked-at"));
        }
    }
}

#[test]
fn garbage_of_every_kind_is_answered() {
    let lab = Lab::new(21);
    let keys = lab.keys("keys.json", |_| {});
    let files: [(&str, &[u8], i32); 12] = [
        ("empty", b"", 2),
        ("blank", b"\n \n", 2),
        ("words", b"a letter about nothing\nand more", 2),
        ("binary", &[0xff, 0, 0xfe, 7, 0x80], 2),
        ("a.png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", 2),
        ("a.jpg", b"\xff\xd8\xff\xe0\0", 2),
        ("a.pdf", b"%PDF-1.7\n1 0 obj\n<<", 2),
        ("a.zip", b"PK\x03\x04 and nothing more", 2),
        ("a.tlog-proof", b"c2sp.org/tlog-proof@v1\nindex x\n", 2),
        ("half.txt", b"HTTPS://OFFICE21.EXAMPLE.MA/D/SHORT/00", 1),
        ("nul.txt", b"HTTPS://OFFICE21.EXAMPLE.MA/D/\0/00", 1),
        ("-name", b"x", 2),
    ];
    for (name, bytes, code) in files {
        let place = lab.write(&format!("garbage/{name}"), bytes);
        let ran = milaf(&["verify", &place, "--keys", &keys], "").expect(code);
        assert!(!ran.stderr.contains("panicked"), "{name}: {}", ran.stderr);
    }
    let folder = lab.path("garbage").display().to_string();
    let ran = milaf(&["verify", &folder, "--brief", "--keys", &keys], "").expect(1);
    assert_eq!(ran.text().lines().count(), files.len() + 1, "{}", ran.text());

    for input in ["nowhere.png", "no/such/file"] {
        let ran = milaf(&["verify", input, "--keys", &keys], "").expect(2);
        assert!(ran.text().contains(input), "{}", ran.text());
    }
    let long = "A".repeat(100_000);
    let lines = format!("{long}\nHTTPS://\n://\n\u{202e}\u{0}\nhttps://{long}\nhttps://a/d/\n");
    let (ran, objects) = verify(&lines, &["--keys", &keys]);
    assert_eq!((ran.code, objects.len()), (1, 6), "{}", ran.text());
    milaf(&["verify", "-", "--keys", &keys], "").expect(2);
}

#[test]
fn ten_thousand_lines_are_answered_in_their_order() {
    let mut lab = Lab::new(22);
    let keys = lab.keys("keys.json", |_| {});
    let papers: Vec<_> = (0..100).map(|_| lab.issue()).collect();
    let log = lab.publish("log", &[]);
    let mut lines = String::new();
    for number in 0..10_000 {
        writeln!(lines, "{}", papers[number % 100].url).unwrap();
    }
    let ran = milaf(&["verify", "-", "--brief", "--language", "en", "--keys", &keys, "--log", &log], &lines).expect(0);
    let text = ran.text();
    assert_eq!(text.lines().count(), 10_001);
    for (number, line) in text.lines().take(10_000).enumerate() {
        let expected = format!("Genuine  line {}  {}", number + 1, papers[number % 100].claims.reference);
        assert_eq!(line, expected);
    }
    assert_eq!(
        text.lines().last().unwrap(),
        "10000 checked: 10000 genuine, 0 not genuine, 0 no longer in force, 0 cannot tell"
    );
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let mut lab = Lab::new(23);
    let paper = lab.issue();
    let keys = lab.keys("keys.json", |_| {});
    let mut child = program()
        .args(["verify", "-", "--keys", &keys])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut stdin = child.stdin.take().unwrap();
    for _ in 0..3000 {
        if writeln!(stdin, "{}", paper.url).is_err() {
            break;
        }
    }
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    // Not all was looked at, so it is not said that all is genuine.
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}
