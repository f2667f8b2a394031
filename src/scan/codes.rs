//! From grey pixels to the texts of the QR codes among them.
//!
//! Several looks at one picture: small first, because that is quick and averages noise away, then whole, in parts that
//! overlap, and enlarged when the picture is small. A look that finds nothing new after one that found something ends it.

use image::{GrayImage, imageops};
use rxing::{
    BarcodeFormat, BinaryBitmap, DecodeHints, Luma8LuminanceSource,
    common::{GlobalHistogramBinarizer, HybridBinarizer},
    multi::MultipleBarcodeReader,
    qrcode::cpp_port::QrReader,
};

use super::{Limits, ScanError};

/// The longest side of the first looks: a code of 61 modules on a quarter of an A4 still has three pixels for a module.
const LOOKS: [u32; 3] = [2000, 1200, 3000];
/// Parts of larger pictures are looked at alone.
const PARTS_FROM: u32 = 1600;
/// A picture whose longest side is below is enlarged.
const SMALL: u32 = 900;

/// A code, and where its middle lies in the whole picture.
struct Code {
    text: String,
    across: f32,
    down: f32,
    tall: f32,
}

pub(super) fn read(picture: GrayImage, limits: &Limits<'_>) -> Result<Vec<String>, ScanError> {
    let longest = picture.width().max(picture.height());
    let mut seen = Seen { codes: Vec::new(), limits };
    if longest < SMALL {
        let enlarged = imageops::resize(&picture, picture.width() * 2, picture.height() * 2, imageops::Triangle);
        seen.look(enlarged, 0.5, (0, 0))?;
    }
    for side in LOOKS {
        if side < longest {
            let scale = f64::from(side) / f64::from(longest);
            let (width, height) = (scaled(picture.width(), scale), scaled(picture.height(), scale));
            let back = f64::from(longest) / f64::from(side);
            #[allow(clippy::cast_possible_truncation, reason = "a ratio of picture sides")]
            let back = back as f32;
            if seen.look(imageops::thumbnail(&picture, width, height), back, (0, 0))? == Found::NothingMore {
                return Ok(seen.in_reading_order());
            }
        }
    }
    if longest >= PARTS_FROM {
        let (width, height) = (picture.width() * 3 / 5, picture.height() * 3 / 5);
        for (x, y) in [(0, 0), (1, 0), (0, 1), (1, 1)] {
            let corner = (x * (picture.width() - width), y * (picture.height() - height));
            let part = imageops::crop_imm(&picture, corner.0, corner.1, width.max(1), height.max(1)).to_image();
            seen.look(part, 1.0, corner)?;
        }
    } else {
        seen.look(picture, 1.0, (0, 0))?;
    }
    Ok(seen.in_reading_order())
}

fn scaled(side: u32, scale: f64) -> u32 {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a part of a picture's side")]
    let side = (f64::from(side) * scale).round() as u32;
    side.max(1)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Found {
    Some,
    /// Nothing, though there is something in the picture.
    NothingMore,
    NothingYet,
}

struct Seen<'a> {
    codes: Vec<Code>,
    limits: &'a Limits<'a>,
}

impl Seen<'_> {
    /// Looks once by the light around each place, which follows shadows, and once by that of the whole, which low light needs.
    fn look(&mut self, picture: GrayImage, scale: f32, corner: (u32, u32)) -> Result<Found, ScanError> {
        if picture.width() < 21 || picture.height() < 21 {
            return Ok(Found::NothingYet);
        }
        let before = self.codes.len();
        let (width, height) = picture.dimensions();
        let Ok(light) = Luma8LuminanceSource::new(picture.into_raw(), width, height) else {
            return Ok(Found::NothingYet);
        };
        let mut hints = DecodeHints { TryHarder: Some(true), ..DecodeHints::default() };
        hints.PossibleFormats = Some([BarcodeFormat::QR_CODE].into());
        self.check_time()?;
        let results =
            QrReader.decode_multiple_with_hints(&mut BinaryBitmap::new(HybridBinarizer::new(light.clone())), &hints);
        self.keep(results.unwrap_or_default(), scale, corner);
        self.check_time()?;
        let results =
            QrReader.decode_multiple_with_hints(&mut BinaryBitmap::new(GlobalHistogramBinarizer::new(light)), &hints);
        self.keep(results.unwrap_or_default(), scale, corner);
        Ok(match (self.codes.len() > before, before > 0) {
            (true, _) => Found::Some,
            (false, true) => Found::NothingMore,
            (false, false) => Found::NothingYet,
        })
    }

    /// What was found before the time ended counts; with nothing found, nobody can say that there is nothing.
    fn check_time(&self) -> Result<(), ScanError> {
        if (self.limits.still_time)() { Ok(()) } else { Err(ScanError::TooLong) }
    }

    fn keep(&mut self, results: Vec<rxing::RXingResult>, scale: f32, corner: (u32, u32)) {
        for result in results {
            let text = result.getText();
            if self.codes.len() >= self.limits.codes || self.codes.iter().any(|code| code.text == text) {
                continue;
            }
            let points = result.getPoints();
            #[allow(clippy::cast_precision_loss, reason = "a handful of points, and sides of a picture")]
            let (count, left, top) = (points.len().max(1) as f32, corner.0 as f32, corner.1 as f32);
            let across = points.iter().map(|point| point.x).sum::<f32>() / count * scale + left;
            let down = points.iter().map(|point| point.y).sum::<f32>() / count * scale + top;
            let highest = points.iter().map(|point| point.y).fold(f32::INFINITY, f32::min);
            let lowest = points.iter().map(|point| point.y).fold(f32::NEG_INFINITY, f32::max);
            self.codes.push(Code { text: text.to_owned(), across, down, tall: (lowest - highest).max(0.0) * scale });
        }
    }

    /// Row by row; of a row, from the left.
    fn in_reading_order(mut self) -> Vec<String> {
        self.codes.sort_by(|one, other| one.down.total_cmp(&other.down));
        let mut row = 0;
        let mut rows = Vec::with_capacity(self.codes.len());
        let mut first: Option<(f32, f32)> = None;
        for code in self.codes {
            if first.is_none_or(|(down, tall)| code.down - down > tall.max(code.tall) / 2.0) {
                first = Some((code.down, code.tall));
                row += 1;
            }
            rows.push((row, code));
        }
        rows.sort_by(|(row, one), (other_row, other)| row.cmp(other_row).then(one.across.total_cmp(&other.across)));
        rows.into_iter().map(|(_, code)| code.text).collect()
    }
}
