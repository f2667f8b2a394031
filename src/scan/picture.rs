//! From a picture's file to its grey pixels, of measures that were read first.

use std::io::Cursor;

use image::{GrayImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits as ImageLimits};

use super::{Limits, ScanError};

/// The widest pixel of a PNG: four channels of sixteen bits.
const WIDEST_PIXEL: u64 = 8;
/// For a decoder's own tables, and for the texts and profiles that a PNG may carry, which nobody here reads.
const BESIDE: u64 = 8 << 20;

pub(super) fn decode(bytes: &[u8], format: ImageFormat, limits: &Limits<'_>) -> Result<GrayImage, ScanError> {
    let (width, height) =
        ImageReader::with_format(Cursor::new(bytes), format).into_dimensions().map_err(|error| why(&error))?;
    if u64::from(width) * u64::from(height) > limits.pixels {
        return Err(ScanError::TooLarge);
    }
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    let mut bounds = ImageLimits::no_limits();
    bounds.max_alloc = Some(u64::from(width) * u64::from(height) * WIDEST_PIXEL + BESIDE);
    reader.limits(bounds);
    let decoder = reader.into_decoder().map_err(|error| why(&error))?;
    if decoder.total_bytes() > limits.pixels.saturating_mul(WIDEST_PIXEL) {
        return Err(ScanError::TooLarge);
    }
    let picture = image::DynamicImage::from_decoder(decoder).map_err(|error| why(&error))?;
    Ok(picture.into_luma8())
}

fn why(error: &ImageError) -> ScanError {
    match error {
        ImageError::Limits(_) => ScanError::TooLarge,
        _ => ScanError::Damaged,
    }
}
