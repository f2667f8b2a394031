//! Files of a few kilobytes that would take gigabytes, hours or the whole stack: each is one answer, and the run goes on.

use std::{
    io::{Cursor, Write},
    process::{Command, Stdio},
    time::Instant,
};

use flate2::{Compression, Crc, write::ZlibEncoder};
use image::{DynamicImage, GrayImage, ImageFormat};
use serde_json::Value;

use super::lab::Lab;
use crate::{
    commands::{milaf, program},
    scan::png_that_claims,
};

/// So many zeros, compressed.
fn zeros(megabytes: usize) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    for _ in 0..megabytes {
        encoder.write_all(&vec![0; 1 << 20]).unwrap();
    }
    encoder.finish().unwrap()
}

fn chunk(kind: [u8; 4], data: &[u8]) -> Vec<u8> {
    let mut checksum = Crc::new();
    checksum.update(&kind);
    checksum.update(data);
    let length = u32::try_from(data.len()).unwrap().to_be_bytes();
    [&length, kind.as_slice(), data, &checksum.sum().to_be_bytes()].concat()
}

/// A small picture with one more chunk before its pixels.
fn png_with(kind: [u8; 4], data: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let picture = DynamicImage::from(GrayImage::new(64, 64));
    picture.write_to(&mut Cursor::new(&mut bytes), ImageFormat::Png).unwrap();
    bytes.splice(33..33, chunk(kind, data));
    bytes
}

/// Pixels of one colour, of the widest kind that there is, just below the limit.
fn flat_png() -> Vec<u8> {
    let side = 6_300_u32.to_be_bytes();
    let header = [&side[..], &side, &[16, 6, 0, 0, 0]].concat();
    let rows = zeros(6_300 * (6_300 * 8 + 1) / (1 << 20) + 1);
    [&b"\x89PNG\r\n\x1a\n"[..], &chunk(*b"IHDR", &header), &chunk(*b"IDAT", &rows), &chunk(*b"IEND", b"")].concat()
}

fn jpeg_of_largest_measures() -> Vec<u8> {
    let mut bytes = Vec::new();
    let picture = DynamicImage::from(GrayImage::new(16, 16));
    picture.write_to(&mut Cursor::new(&mut bytes), ImageFormat::Jpeg).unwrap();
    let frame = bytes.windows(2).position(|two| two == [0xff, 0xc0]).unwrap();
    bytes[frame + 5..frame + 9].copy_from_slice(&[0xff; 4]);
    bytes
}

/// One page of this box that draws `/X`, which is the given object.
fn paper(media_box: &str, object: &[u8]) -> Vec<u8> {
    let head = format!(
        "%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n\
         3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 {media_box}]/Contents 4 0 R/Resources<</XObject<</X 5 0 R>>>>>>endobj\n\
         4 0 obj<</Length 28>>stream\nq 500 0 0 500 0 0 cm /X Do Q\nendstream endobj\n5 0 obj"
    );
    [head.as_bytes(), object, b"endobj\ntrailer<</Root 1 0 R>>\n%%EOF"].concat()
}

fn stream(dictionary: &str, data: &[u8]) -> Vec<u8> {
    let head = format!("<<{dictionary}/Length {}>>stream\n", data.len());
    [head.as_bytes(), data, b"\nendstream "].concat()
}

fn picture_in_paper(filter: &str, data: &[u8]) -> Vec<u8> {
    let measures = "/Type/XObject/Subtype/Image/Width 30000/Height 30000/BitsPerComponent 8/ColorSpace/DeviceGray";
    paper("595 842", &stream(&format!("{measures}/Filter{filter}"), data))
}

fn bombs() -> Vec<(&'static str, Vec<u8>)> {
    let compressed = zeros(860);
    let mut twice = ZlibEncoder::new(Vec::new(), Compression::fast());
    twice.write_all(&compressed).unwrap();
    let form = "/Type/XObject/Subtype/Form/BBox[0 0 1 1]/Resources<</XObject<</X 5 0 R>>>>";
    let deep = "[".repeat(400_000);
    vec![
        ("claims.png", png_that_claims(60_000, 60_000)),
        ("flat.png", flat_png()),
        ("text.png", png_with(*b"zTXt", &[&b"Comment\0\0"[..], &compressed].concat())),
        ("profile.png", png_with(*b"iCCP", &[&b"profile\0\0"[..], &compressed].concat())),
        ("measures.jpg", jpeg_of_largest_measures()),
        ("kilometres.pdf", paper("9000000 9000000", b"<<>>")),
        ("endless.pdf", paper("1e38 1e38", b"<<>>")),
        ("picture.pdf", picture_in_paper("/FlateDecode", &compressed)),
        ("twice.pdf", picture_in_paper("[/FlateDecode/FlateDecode]", &twice.finish().unwrap())),
        ("itself.pdf", paper("595 842", &stream(form, b"/X Do /X Do /X Do"))),
        ("deep.pdf", paper("595 842", deep.as_bytes())),
        ("states.pdf", paper("595 842", &stream(form, "q ".repeat(2_000_000).as_bytes()))),
        (
            "circle.pdf",
            b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[2 0 R 2 0 R]/Count 9>>endobj\n\
              trailer<</Root 1 0 R>>\n%%EOF"
                .to_vec(),
        ),
    ]
}

/// What the reader of one file ends with, and what it took of memory at the most.
fn read(file: &[u8]) -> (Option<i32>, u64) {
    let mut child = program()
        .args(["read-codes", "--seconds", "20"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let status = format!("/proc/{}/status", child.id());
    let _ = child.stdin.take().unwrap().write_all(file);
    let mut most = 0;
    loop {
        let words = std::fs::read_to_string(&status).unwrap_or_default();
        let line = words.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        most = line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0).max(most);
        if let Some(ended) = child.try_wait().unwrap() {
            return (ended.code(), most);
        }
        std::thread::yield_now();
    }
}

#[test]
fn a_bomb_is_one_answer_and_the_run_goes_on() {
    let mut lab = Lab::new(30);
    let paper = lab.issue();
    let keys = lab.keys("keys.json", |_| {});
    for (name, bytes) in bombs() {
        let begun = Instant::now();
        let (code, memory) = read(&bytes);
        println!("{name}, {} bytes: {code:?}, {memory} kB, {:?}", bytes.len(), begun.elapsed());
        // Without a code in it, or refused, or ended by the system; never a panic.
        assert!(matches!(code, None | Some(0 | 11 | 12 | 13)), "{name}: {code:?}");
        assert!(memory < 800_000, "{name}: {memory} kB");
        lab.write(&format!("bombs/{name}"), &bytes);
    }
    lab.write("bombs/z.txt", paper.url.as_bytes());
    let folder = lab.path("bombs").display().to_string();
    let ran = milaf(&["verify", &folder, "--json", "--keys", &keys], "").expect(2);
    assert_eq!(ran.stderr, "");
    let answers: Vec<Value> = ran.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(answers.len(), bombs().len() + 1);
    let (last, bombs) = answers.split_last().unwrap();
    assert_eq!(last["answer"], "genuine");
    for bomb in bombs {
        let problem = bomb["problem"].as_str().unwrap();
        assert!(["no-code", "huge", "damaged", "slow"].contains(&problem), "{bomb}");
    }
}

#[test]
fn the_reader_holds_itself_to_its_bounds() {
    let limits = |arguments: &[&str]| {
        let mut child = program().args(arguments).stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        // It reads on only after it has bound itself.
        stdin.write_all(&vec![0; 1 << 18]).unwrap();
        let read = Command::new("cat").arg(format!("/proc/{}/limits", child.id())).output().unwrap();
        drop(stdin);
        child.wait().unwrap();
        String::from_utf8(read.stdout).unwrap()
    };
    let bound = |limits: &str, name: &str| {
        let line = limits.lines().find(|line| line.starts_with(name)).unwrap();
        line[name.len()..].split_whitespace().next().unwrap().to_owned()
    };
    let own = limits(&["read-codes", "--seconds", "7"]);
    assert_eq!(bound(&own, "Max cpu time"), "7");
    assert_eq!(bound(&own, "Max address space"), (768 << 20).to_string());
    assert_eq!(bound(&own, "Max core file size"), "0");
}
