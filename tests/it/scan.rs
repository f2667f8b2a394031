//! Codes read from pictures and papers: degraded ones, several in one, and hostile files.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::{
    io::Cursor,
    time::{Duration, Instant},
};

use image::{DynamicImage, GrayImage, ImageFormat, Luma, codecs::jpeg::JpegEncoder, imageops};
use milaf::{
    dossier::Language,
    print::receipt_pdf,
    scan::{Limits, ScanError, read_codes},
};
use proptest::{collection::vec, prelude::*};

use crate::{
    receipt_pdf::raster,
    receipt_samples::{ordinary, sealed_url},
};

fn paper(ending: &str) -> (Vec<u8>, String) {
    let mut sheet = ordinary([Language::Arabic, Language::French]);
    let url = sealed_url();
    sheet.url = format!("{}{ending}", &url[..url.len() - ending.len()]);
    (receipt_pdf(&sheet).unwrap(), sheet.url)
}

fn file(picture: &GrayImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Vec::new();
    DynamicImage::from(picture.clone()).write_to(&mut Cursor::new(&mut bytes), format).unwrap();
    bytes
}

fn read(picture: &GrayImage) -> Vec<String> {
    read_codes(&file(picture, ImageFormat::Jpeg), &Limits::default()).unwrap()
}

/// Noise of a cheap camera, the same in each run.
fn noisy(picture: &GrayImage, strength: u8) -> GrayImage {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut noisy = picture.clone();
    for pixel in noisy.pixels_mut() {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let noise = u8::try_from(state % u64::from(2 * strength + 1)).unwrap();
        pixel.0[0] = pixel.0[0].saturating_add(noise).saturating_sub(strength);
    }
    noisy
}

/// Turned about its middle, on a grey table.
fn turned(picture: &GrayImage, degrees: f32) -> GrayImage {
    let (sine, cosine) = degrees.to_radians().sin_cos();
    let (width, height) = picture.dimensions();
    let side = width.max(height) * 3 / 2;
    let middle = |length: u32| f32::from(u16::try_from(length).unwrap()) / 2.0;
    GrayImage::from_fn(side, side, |x, y| {
        let across = f32::from(u16::try_from(x).unwrap()) - middle(side);
        let down = f32::from(u16::try_from(y).unwrap()) - middle(side);
        let from = (across * cosine + down * sine + middle(width), down * cosine - across * sine + middle(height));
        #[allow(clippy::cast_possible_truncation, reason = "a place in a picture")]
        let (x, y) = (from.0.round() as i32, from.1.round() as i32);
        match (u32::try_from(x), u32::try_from(y)) {
            (Ok(x), Ok(y)) if x < width && y < height => *picture.get_pixel(x, y),
            _ => Luma([110]),
        }
    })
}

/// As a camera sees it that is not held straight above: further away on the right and at the bottom.
fn slanted(picture: &GrayImage) -> GrayImage {
    let (width, height) = picture.dimensions();
    let middle = |length: u32| f32::from(u16::try_from(length).unwrap()) / 2.0;
    let (across, down) = (middle(width), middle(height));
    GrayImage::from_fn(width, height, |x, y| {
        let from_middle = (f32::from(u16::try_from(x).unwrap()) - across, f32::from(u16::try_from(y).unwrap()) - down);
        let distance = 1.0 - 0.14 * from_middle.0 / across - 0.11 * from_middle.1 / down;
        let from = (across + from_middle.0 * 1.2 / distance, down + from_middle.1 * 1.2 / distance);
        #[allow(clippy::cast_possible_truncation, reason = "a place in a picture")]
        let (x, y) = (from.0.round() as i32, from.1.round() as i32);
        match (u32::try_from(x), u32::try_from(y)) {
            (Ok(x), Ok(y)) if x < width && y < height => *picture.get_pixel(x, y),
            _ => Luma([110]),
        }
    })
}

fn jpeg(picture: &GrayImage, quality: u8) -> Vec<u8> {
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, quality).encode_image(picture).unwrap();
    bytes
}

#[test]
fn what_a_telephone_made_of_it_is_read() {
    let (pdf, url) = paper("");
    let sharp = raster(&pdf, 200);
    let read = |name: &str, picture: &GrayImage, quality| {
        let found = read_codes(&jpeg(picture, quality), &Limits::default()).unwrap();
        assert_eq!(found, [&*url], "{name}");
    };
    read("saved to take no room", &sharp, 15);
    read("from aside", &slanted(&sharp), 75);
    read("everything at once", &noisy(&imageops::fast_blur(&turned(&slanted(&sharp), 4.0), 0.8), 16), 50);
}

#[test]
fn a_scanned_paper_is_read() {
    let (pdf, url) = paper("");
    let page = noisy(&turned(&raster(&pdf, 200), 1.5), 10);
    let (width, height) = page.dimensions();
    let picture = jpeg(&page, 60);
    let head = format!(
        "%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[3 0 R 3 0 R]/Count 2>>endobj\n\
         3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 842 842]/Contents 4 0 R/Resources<</XObject<</X 5 0 R>>>>>>endobj\n\
         4 0 obj<</Length 28>>stream\nq 842 0 0 842 0 0 cm /X Do Q\nendstream endobj\n5 0 obj<</Type/XObject/Subtype/Image\
         /Width {width}/Height {height}/BitsPerComponent 8/ColorSpace/DeviceGray/Filter/DCTDecode/Length {}>>stream\n",
        picture.len()
    );
    let scanned = [head.as_bytes(), &picture, b"\nendstream endobj\ntrailer<</Root 1 0 R>>\n%%EOF"].concat();
    assert_eq!(read_codes(&scanned, &Limits::default()).unwrap(), [url], "the same on both pages is told once");
}

#[test]
fn a_receipt_is_read_from_its_own_pdf() {
    let (pdf, url) = paper("");
    assert_eq!(read_codes(&pdf, &Limits::default()).unwrap(), [url]);
}

#[test]
fn degraded_pictures_are_read() {
    let (pdf, url) = paper("");
    let sharp = raster(&pdf, 200);
    let dark = |picture: &GrayImage| {
        GrayImage::from_fn(picture.width(), picture.height(), |x, y| {
            let light = 90 - u16::try_from(60 * x / picture.width()).unwrap();
            Luma([u8::try_from(u16::from(picture.get_pixel(x, y).0[0]) * light / 255 + 8).unwrap()])
        })
    };
    let mut inverted = sharp.clone();
    imageops::invert(&mut inverted);
    let pictures = [
        ("sharp", sharp.clone()),
        ("fine", raster(&pdf, 400)),
        ("coarse", raster(&pdf, 110)),
        ("blurred", imageops::fast_blur(&sharp, 1.2)),
        ("noisy", noisy(&sharp, 40)),
        ("in the dark", dark(&sharp)),
        ("turned by 7 degrees", turned(&sharp, 7.0)),
        ("turned by 45 degrees", turned(&sharp, 45.0)),
        ("turned by 171 degrees", turned(&sharp, 171.0)),
        ("upside down", imageops::rotate180(&sharp)),
        ("on its side", imageops::rotate90(&sharp)),
    ];
    let unread: Vec<&str> =
        pictures.iter().filter(|(_, picture)| read(picture) != [&*url]).map(|(name, _)| *name).collect();
    assert_eq!(unread, [""; 0]);
}

#[test]
fn several_receipts_are_read_in_order_and_within_seconds() {
    let papers = ["A", "B", "C", "D"].map(paper);
    let mut table = GrayImage::from_pixel(4000, 3000, Luma([120]));
    for (at, (pdf, _)) in papers.iter().enumerate() {
        let page = raster(pdf, 160);
        let at = i64::try_from(at).unwrap();
        imageops::overlay(&mut table, &page, 200 + at % 2 * 1900, 60 + at / 2 * 1450);
    }
    let begun = Instant::now();
    let found = read(&noisy(&table, 12));
    let took = begun.elapsed();
    println!("four receipts in a photograph of twelve megapixels: {took:?}");
    assert_eq!(found, papers.map(|(_, url)| url));
}

#[test]
fn what_holds_no_code_gives_none_and_what_is_no_picture_is_refused() {
    let limits = Limits::default();
    let empty = GrayImage::from_pixel(1200, 900, Luma([200]));
    assert_eq!(read_codes(&file(&empty, ImageFormat::Png), &limits), Ok(Vec::new()));
    for ill in [&b""[..], b"hello", b"GIF89a", b"\x89PNG\r\n"] {
        assert_eq!(read_codes(ill, &limits), Err(ScanError::Kind), "{ill:?}");
    }
    assert_eq!(read_codes(b"\x89PNG\r\n\x1a\n", &limits), Err(ScanError::Damaged));
    assert_eq!(read_codes(b"%PDF-1.7\nnothing", &limits), Err(ScanError::Damaged));
    let small = Limits { bytes: 10, ..limits };
    assert_eq!(read_codes(&file(&empty, ImageFormat::Png), &small), Err(ScanError::TooLarge));
    let hasty = Limits { still_time: &|| false, ..limits };
    assert_eq!(read_codes(&file(&empty, ImageFormat::Png), &hasty), Err(ScanError::TooLong));
}

/// A PNG of the measures that it says, and of hardly a byte.
pub(crate) fn png_that_claims(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = file(&GrayImage::new(1, 1), ImageFormat::Png);
    bytes[16..20].copy_from_slice(&width.to_be_bytes());
    bytes[20..24].copy_from_slice(&height.to_be_bytes());
    let mut checksum = flate2::Crc::new();
    checksum.update(&bytes[12..29]);
    bytes[29..33].copy_from_slice(&checksum.sum().to_be_bytes());
    bytes
}

#[test]
fn bombs_are_refused_before_their_pixels() {
    let limits = Limits::default();
    let begun = Instant::now();
    assert_eq!(read_codes(&png_that_claims(200_000, 200_000), &limits), Err(ScanError::TooLarge));
    let mut jpeg = file(&GrayImage::new(16, 16), ImageFormat::Jpeg);
    let frame = jpeg.windows(2).position(|two| two == [0xff, 0xc0]).unwrap();
    jpeg[frame + 5..frame + 9].copy_from_slice(&[0xff; 4]);
    assert_eq!(read_codes(&jpeg, &limits), Err(ScanError::TooLarge));
    assert!(begun.elapsed() < Duration::from_secs(2));
}

#[test]
fn a_page_of_kilometres_is_drawn_small() {
    let page = "%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n\
                3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 9000000 9000000]>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF";
    assert_eq!(read_codes(page.as_bytes(), &Limits::default()), Ok(Vec::new()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn nothing_panics(kind in 0..3usize, at in vec((any::<prop::sample::Index>(), any::<u8>()), 1..12), cut in any::<prop::sample::Index>(), whole in any::<bool>()) {
        let picture = GrayImage::from_fn(64, 64, |x, y| Luma([if (x / 4 + y / 4) % 2 == 0 { 0 } else { 255 }]));
        let mut bytes = match kind {
            0 => file(&picture, ImageFormat::Png),
            1 => file(&picture, ImageFormat::Jpeg),
            _ => b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 90 90]/Contents 4 0 R>>endobj\n4 0 obj<</Length 30>>stream\nq 1 0 0 1 5 5 cm 0 0 9 9 re f Q\nendstream endobj\ntrailer<</Root 1 0 R>>\n%%EOF".to_vec(),
        };
        for (place, value) in at {
            let place = place.index(bytes.len());
            bytes[place] = value;
        }
        if !whole {
            bytes.truncate(cut.index(bytes.len()));
        }
        let limits = Limits { pixels: 1_000_000, ..Limits::default() };
        let _ = read_codes(&bytes, &limits);
    }
}
