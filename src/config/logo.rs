//! The issuer's logo, decoded once at start so that a broken picture is found before a citizen waits for a receipt.

use std::io::Cursor;

use image::{ImageFormat, ImageReader};

const LARGEST_FILE: usize = 256 * 1024;
const LARGEST_SIDE: u32 = 2000;

/// A PNG that is known to decode.
#[derive(Clone, PartialEq, Eq)]
pub struct Logo {
    pub png: Vec<u8>,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
}

impl std::fmt::Debug for Logo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Logo({}x{}, {} bytes)", self.width, self.height, self.png.len())
    }
}

pub(super) fn check(png: Vec<u8>) -> Result<Logo, String> {
    if png.len() > LARGEST_FILE {
        return Err(format!("the logo has {} bytes; {LARGEST_FILE} are allowed. Save a smaller picture", png.len()));
    }
    let broken = |error: image::ImageError| format!("the logo is not a readable PNG ({error}). Save it as PNG again");
    let (width, height) =
        ImageReader::with_format(Cursor::new(&png), ImageFormat::Png).into_dimensions().map_err(broken)?;
    if width > LARGEST_SIDE || height > LARGEST_SIDE {
        return Err(format!(
            "the logo is {width} by {height} pixels; {LARGEST_SIDE} a side are allowed. Make it smaller"
        ));
    }
    ImageReader::with_format(Cursor::new(&png), ImageFormat::Png).decode().map_err(broken)?;
    Ok(Logo { png, width, height })
}
