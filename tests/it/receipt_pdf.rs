//! The printed receipt: nothing overlaps or leaves the page, the file is reproducible, and a camera reads its symbol.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::process::Command;

use milaf::{
    dossier::Language,
    print::{
        DrawItem, DrawList, PrintError, QrSymbol, ReceiptSheet, Rectangle, layout_receipt, receipt_pdf, receipt_text,
    },
};

use crate::receipt_samples::{busy, hostile, logo, long, ordinary, short};

/// A receipt that is sent by telephone must not cost its reader much.
const LARGEST: usize = 150_000;

const PAIRS: [[Language; 2]; 7] = [
    [Language::Arabic, Language::French],
    [Language::Arabic, Language::Tamazight],
    [Language::Tamazight, Language::French],
    [Language::French, Language::Arabic],
    [Language::English, Language::Arabic],
    [Language::French, Language::English],
    [Language::Tamazight, Language::English],
];

/// A name, its content, and the most pages it may take.
type Sample = (&'static str, fn([Language; 2]) -> ReceiptSheet, usize);

const SAMPLES: [Sample; 5] =
    [("short", short, 1), ("ordinary", ordinary, 1), ("busy", busy, 2), ("long", long, 2), ("hostile", hostile, 2)];

fn samples() -> impl Iterator<Item = (String, ReceiptSheet, usize)> {
    PAIRS.into_iter().flat_map(|pair| {
        SAMPLES.into_iter().map(move |(name, sample, pages)| {
            let tags = pair.map(Language::tag).join("-");
            (format!("{name}-{tags}"), sample(pair), pages)
        })
    })
}

/// Every rule that a page of any content keeps.
fn check(name: &str, list: &DrawList, most_pages: usize) {
    assert!((1..=most_pages).contains(&list.pages.len()), "{name}: {} pages", list.pages.len());
    for (number, page) in list.pages.iter().enumerate() {
        let place = format!("{name}, page {}", number + 1);
        let symbols: Vec<Rectangle> = page
            .items
            .iter()
            .filter_map(|item| if let DrawItem::Qr { area, .. } = item { Some(*area) } else { None })
            .collect();
        assert_eq!(symbols.len(), usize::from(number == 0), "{place}: the symbol stands on the first page only");
        let mut blocks: Vec<(Rectangle, &str)> = Vec::new();
        for item in &page.items {
            let area = match item {
                DrawItem::Text(block) => {
                    assert!(block.size >= 6.5 - 1e-3, "{place}: {} pt: {}", block.size, block.text);
                    assert!(
                        block.bounds.contains(&block.extent, 0.6),
                        "{place}: leaves its box: {:?} {:?} {}",
                        block.bounds,
                        block.extent,
                        block.text
                    );
                    for run in &block.runs {
                        assert!(
                            run.glyphs.iter().all(|glyph| glyph.id != 0),
                            "{place}: a missing glyph: {}",
                            block.text
                        );
                    }
                    blocks.push((block.bounds, &block.text));
                    block.bounds
                }
                DrawItem::Mark { covers, .. } => *covers,
                DrawItem::Fill { area, .. } | DrawItem::Picture { area } => *area,
                DrawItem::Qr { area, .. } => {
                    assert!(area.width >= 38.0 * 72.0 / 25.4, "{place}: a small symbol");
                    *area
                }
                DrawItem::Outline { area, .. } => {
                    // A frame may go around the symbol, never through it.
                    for symbol in &symbols {
                        assert!(
                            area.contains(symbol, 0.0) || !area.overlaps(symbol, 0.0),
                            "{place}: a frame on the symbol"
                        );
                    }
                    assert!(list.margins.contains(area, 0.01), "{place}: a frame in the margin");
                    continue;
                }
                DrawItem::Line { points, .. } => points
                    .iter()
                    .map(|point| Rectangle::new(point.x, point.y, 0.0, 0.0))
                    .reduce(|all, point| all.union(&point))
                    .unwrap(),
            };
            assert!(list.margins.contains(&area, 0.01), "{place}: in the margin: {area:?} {item:?}");
            if !matches!(item, DrawItem::Qr { .. }) {
                for symbol in &symbols {
                    assert!(!area.overlaps(symbol, 0.0), "{place}: in the quiet zone: {item:?}");
                }
            }
        }
        for (at, (one, one_text)) in blocks.iter().enumerate() {
            for (other, other_text) in &blocks[at + 1..] {
                assert!(
                    !one.overlaps(other, 0.05),
                    "{place}: overlap: {one_text:?} {one:?} and {other_text:?} {other:?}"
                );
            }
        }
        for item in &page.items {
            if let DrawItem::Picture { area } = item {
                for (block, text) in &blocks {
                    assert!(!area.overlaps(block, 0.0), "{place}: text on the logo: {text}");
                }
            }
        }
    }
}

#[test]
fn nothing_overlaps_or_leaves_the_page() {
    for (name, sheet, pages) in samples() {
        for proportions in [None, Some(1.0), Some(6.0), Some(0.2)] {
            let list = layout_receipt(&sheet, proportions).unwrap();
            check(&name, &list, pages);
        }
    }
}

#[test]
fn any_number_of_documents_and_any_length_fits() {
    let full = long([Language::Arabic, Language::French]);
    for documents in 0..=20 {
        for missing in 0..=5 {
            let mut sheet = ordinary([Language::Arabic, Language::French]);
            sheet.handed_in = full.handed_in[..documents].to_vec();
            sheet.missing = full.missing[..missing].to_vec();
            let name = format!("{documents} documents, {missing} missing");
            check(&name, &layout_receipt(&sheet, None).unwrap(), 2);
        }
    }
    for length in (0..=200).step_by(8) {
        let mut sheet = busy([Language::Tamazight, Language::French]);
        sheet.applicant = full.applicant.chars().take(length).collect();
        check(&format!("a name of {length}"), &layout_receipt(&sheet, Some(1.5)).unwrap(), 2);
    }
}

#[test]
fn every_word_of_the_sheet_is_on_paper() {
    for (name, sheet, _) in samples().filter(|(name, ..)| !name.starts_with("hostile")) {
        let list = layout_receipt(&sheet, None).unwrap();
        let texts: Vec<&str> = list
            .pages
            .iter()
            .flat_map(|page| &page.items)
            .filter_map(|item| if let DrawItem::Text(block) = item { Some(&*block.text) } else { None })
            .collect();
        let mut expected = vec![sheet.reference.as_str(), &sheet.typed_code, &sheet.domain, &sheet.applicant];
        for language in sheet.languages {
            expected.extend(sheet.handed_in.iter().chain(&sheet.missing).map(|document| document.get(language)));
            expected.extend([sheet.issuer.get(language), sheet.office.get(language), sheet.procedure.get(language)]);
        }
        expected.extend(sheet.depositor.name.as_deref());
        expected.extend(sheet.channels.iter().map(|channel| channel.value.as_str()));
        for text in expected {
            assert!(texts.iter().any(|block| block.contains(text)), "{name}: {text:?} is not on the paper");
        }
        let key_shown = texts.iter().find(|text| text.starts_with("receipt-"));
        assert_eq!(key_shown, None, "{name}");
    }
}

#[test]
fn the_same_sheet_gives_the_same_bytes() {
    let mut sheet = busy([Language::Arabic, Language::French]);
    sheet.logo = Some(logo());
    let first = receipt_pdf(&sheet).unwrap();
    assert_eq!(first, receipt_pdf(&sheet).unwrap());
    let again = std::thread::spawn(move || receipt_pdf(&sheet).unwrap()).join().unwrap();
    assert!(first == again, "another thread, with its own fonts, writes the same bytes");
}

#[test]
fn characters_without_a_glyph_are_replaced_visibly() {
    let sheet = hostile([Language::Arabic, Language::French]);
    let list = layout_receipt(&sheet, None).unwrap();
    let name = list.pages[0]
        .items
        .iter()
        .find_map(|item| match item {
            DrawItem::Text(block) if block.text.starts_with("Ali") => Some(block.text.to_string()),
            _ => None,
        })
        .unwrap();
    assert_eq!(name, "Ali \u{FFFD} \u{FFFD}\u{FFFD}\u{FFFD} \u{FFFD}   (ⵎⵓⵃ)");
    assert!(receipt_pdf(&sheet).unwrap().starts_with(b"%PDF-1."));
}

#[test]
fn what_cannot_be_printed_is_refused() {
    let arabic_and_french = [Language::Arabic, Language::French];
    let mut bad_logo = ordinary(arabic_and_french);
    bad_logo.logo = Some(b"\x89PNG\r\n\x1a\nbroken".as_slice().into());
    assert!(matches!(receipt_pdf(&bad_logo), Err(PrintError::Logo(_))));
    let mut lower_case = ordinary(arabic_and_french);
    lower_case.url = lower_case.url.to_lowercase();
    assert!(matches!(receipt_pdf(&lower_case), Err(PrintError::Qr(_))));
    let twice = ordinary([Language::Arabic, Language::Arabic]);
    assert!(matches!(receipt_pdf(&twice), Err(PrintError::SameLanguageTwice)));
    let mut endless = ordinary(arabic_and_french);
    endless.applicant = "word ".repeat(20_000);
    assert!(matches!(receipt_pdf(&endless), Err(PrintError::TooLong)));
}

/// The first page as grey pixels.
pub(crate) fn raster(pdf: &[u8], dots_per_inch: u32) -> image::GrayImage {
    let folder = tempfile::tempdir().unwrap();
    let (file, stem) = (folder.path().join("receipt.pdf"), folder.path().join("page"));
    std::fs::write(&file, pdf).unwrap();
    let done = Command::new("pdftoppm")
        .args(["-r", &dots_per_inch.to_string(), "-f", "1", "-l", "1", "-singlefile", "-gray", "-png"])
        .args([&file, &stem])
        .status()
        .expect("pdftoppm of poppler-utils is installed");
    assert!(done.success());
    image::open(stem.with_extension("png")).unwrap().into_luma8()
}

fn decoded(picture: &image::GrayImage) -> String {
    let (width, height) = picture.dimensions();
    let hints = &mut rxing::DecodeHints { TryHarder: Some(true), ..rxing::DecodeHints::default() };
    rxing::helpers::detect_in_luma_with_hints(
        picture.as_raw().clone(),
        width,
        height,
        Some(rxing::BarcodeFormat::QR_CODE),
        hints,
    )
    .expect("the symbol on the page can be read")
    .getText()
    .to_owned()
}

#[test]
fn a_camera_reads_the_symbol_from_the_page() {
    for (name, sheet, _) in samples() {
        if !name.ends_with("-ar-fr") {
            continue;
        }
        let pdf = receipt_pdf(&sheet).unwrap();
        assert_eq!(decoded(&raster(&pdf, 150)), sheet.url, "{name}");
    }
    let sheet = ordinary([Language::Arabic, Language::French]);
    let picture = image::load_from_memory(&QrSymbol::new(&sheet.url).unwrap().png(4)).unwrap().into_luma8();
    assert_eq!(decoded(&picture), sheet.url);
}

/// Name, embedded, subset and searchable, of each font in the file.
fn fonts(pdf: &[u8]) -> Vec<(String, [bool; 3])> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("receipt.pdf");
    std::fs::write(&file, pdf).unwrap();
    let listed = Command::new("pdffonts").arg(&file).output().expect("pdffonts of poppler-utils is installed");
    assert!(listed.status.success() && listed.stderr.is_empty(), "{}", String::from_utf8_lossy(&listed.stderr));
    let table = String::from_utf8(listed.stdout).unwrap();
    let font = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        // The last five columns are emb, sub, uni and the object's two numbers.
        let [.., emb, sub, uni, _, _] = words[..] else { panic!("{line}") };
        (words[0].to_owned(), [emb, sub, uni].map(|word| word == "yes"))
    };
    table.lines().skip(2).map(font).collect()
}

#[test]
fn the_fonts_lie_in_the_file_as_subsets() {
    let mut heaviest = 0;
    for (name, mut sheet, _) in samples() {
        sheet.logo = Some(logo());
        let pdf = receipt_pdf(&sheet).unwrap();
        heaviest = heaviest.max(pdf.len());
        assert!(pdf.len() <= LARGEST, "{name}: {} bytes", pdf.len());
        let fonts = fonts(&pdf);
        assert!(fonts.len() >= 2, "{name}: {fonts:?}");
        for (font, is) in fonts {
            assert_eq!(is, [true; 3], "{name}: {font} is embedded, a subset, and can be searched");
            let (tag, family) = font.split_once('+').unwrap_or_else(|| panic!("{name}: {font} has no subset's name"));
            assert!(tag.len() == 6 && tag.bytes().all(|letter| letter.is_ascii_uppercase()), "{name}: {font}");
            assert!(family.starts_with("NotoSans"), "{name}: {font}");
        }
    }
    println!("the heaviest receipt has {heaviest} bytes");
}

#[test]
fn the_text_receipt_says_what_the_paper_says() {
    for language in Language::ALL {
        let sheet = busy([Language::Arabic, Language::French]);
        let text = receipt_text(&sheet, language);
        let symbol = QrSymbol::new(&sheet.url).unwrap().terminal();
        assert!(text.contains(&symbol), "{language:?}");
        let documents = sheet.handed_in.iter().chain(&sheet.missing).map(|document| document.get(language));
        for part in documents.chain([sheet.reference.as_str(), &sheet.typed_code, &sheet.domain, "+212 5 28 77 36 41"])
        {
            assert!(text.contains(part), "{language:?}: {part}");
        }
        assert!(!text.contains("receipt-"), "{language:?}: a key is shown: {text}");
    }
}
