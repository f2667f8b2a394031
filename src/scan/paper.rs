//! From a PDF to the codes on its pages, drawn one after another.
//!
//! The renderer follows what the file says, so it may panic on a hostile one: a page that makes it panic counts as damaged.
//! Taking the pictures out of the file instead of drawing it was rejected, because a receipt's code is drawn, not pictured.

use std::panic::{AssertUnwindSafe, catch_unwind};

use hayro::{
    RenderCache, RenderSettings,
    hayro_interpret::InterpreterSettings,
    hayro_syntax::{Pdf, page::Page},
    vello_cpu::color::palette::css::WHITE,
};
use image::GrayImage;

use super::{Limits, ScanError, codes};

/// Dots of a point: 300 to the inch.
const FINEST: f32 = 300.0 / 72.0;
/// The longest side of a drawn page, which an A4 reaches at 256 dots to the inch.
const LONGEST: f32 = 3000.0;
/// No side of a page is below.
const SHORTEST: f32 = 21.0;

pub(super) fn read(bytes: &[u8], limits: &Limits<'_>) -> Result<Vec<String>, ScanError> {
    // Nothing that the closure changes is looked at after a panic: what it was building is dropped with it.
    catch_unwind(AssertUnwindSafe(|| pages(bytes, limits))).unwrap_or(Err(ScanError::Damaged))
}

fn pages(bytes: &[u8], limits: &Limits<'_>) -> Result<Vec<String>, ScanError> {
    let pdf = Pdf::new(bytes.to_vec()).map_err(|_| ScanError::Damaged)?;
    let mut texts: Vec<String> = Vec::new();
    for page in pdf.pages().iter().take(limits.pages) {
        if !(limits.still_time)() {
            return Err(ScanError::TooLong);
        }
        let Some(picture) = draw(page) else { continue };
        for text in codes::read(picture, limits)? {
            if !texts.contains(&text) {
                texts.push(text);
            }
        }
        if texts.len() >= limits.codes {
            break;
        }
    }
    Ok(texts)
}

/// The page in grey, of at most [`LONGEST`] pixels a side whatever it says of its own; `None` for one without an area.
fn draw(page: &Page<'_>) -> Option<GrayImage> {
    let (width, height) = page.render_dimensions();
    let longest = width.max(height);
    if !(longest.is_finite() && width > 0.0 && height > 0.0) {
        return None;
    }
    let scale = FINEST.min(LONGEST / longest);
    if width.min(height) * scale < SHORTEST {
        return None;
    }
    let settings = hayro::PixmapSettings { x_scale: scale, y_scale: scale, bg_color: WHITE };
    let pixels = hayro::render(
        page,
        &RenderCache::new(),
        &InterpreterSettings::default(),
        &RenderSettings::default(),
        &settings,
    );
    let (width, height) = (u32::from(pixels.width()), u32::from(pixels.height()));
    let grey = pixels.data_as_u8_slice().chunks_exact(4).map(|pixel| {
        let sum = 299 * u32::from(pixel[0]) + 587 * u32::from(pixel[1]) + 114 * u32::from(pixel[2]);
        u8::try_from(sum / 1000).unwrap_or(u8::MAX)
    });
    GrayImage::from_raw(width, height, grey.collect())
}
