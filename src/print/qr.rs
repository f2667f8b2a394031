//! The QR symbol of a receipt, and its pictures.
//!
//! Always alphanumeric mode at level M: the mode is what keeps the sealed URL at version 11, so content with a character
//! outside of it is refused rather than silently encoded as bytes in a symbol that an old phone cannot resolve. The
//! library's own optimiser was rejected for that reason.

use image::{ExtendedColorType, ImageEncoder, codecs::png::PngEncoder};
use qrcode::{Color, EcLevel, QrCode, Version, bits::Bits};

/// White modules around the symbol that the standard demands.
pub(super) const QUIET_ZONE: usize = 4;

/// The 45 characters of the alphanumeric mode (ISO/IEC 18004, table 5).
const ALPHABET: &[u8; 45] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:";

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QrError {
    #[error("the QR content has a character outside of the alphanumeric mode; the URL must be upper case ASCII")]
    NotAlphanumeric,
    #[error("the QR content is too long for a symbol")]
    TooLong,
}

/// A square of dark and light modules, without its quiet zone.
#[derive(Clone, PartialEq, Eq)]
pub struct QrSymbol {
    version: u8,
    width: usize,
    dark: Vec<bool>,
}

/// The content is a receipt's URL, which opens its page: it is not printed.
impl std::fmt::Debug for QrSymbol {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("QrSymbol").field("version", &self.version).finish_non_exhaustive()
    }
}

impl QrSymbol {
    /// The smallest symbol at level M that holds `content`.
    pub fn new(content: &str) -> Result<Self, QrError> {
        if !content.bytes().all(|byte| ALPHABET.contains(&byte)) {
            return Err(QrError::NotAlphanumeric);
        }
        for version in 1..=40_u8 {
            let mut bits = Bits::new(Version::Normal(i16::from(version)));
            let fits = bits.push_alphanumeric_data(content.as_bytes()).and_then(|()| bits.push_terminator(EcLevel::M));
            if fits.is_err() {
                continue;
            }
            let code = QrCode::with_bits(bits, EcLevel::M).map_err(|_| QrError::TooLong)?;
            let width = code.width();
            let dark = code.into_colors().into_iter().map(|color| color == Color::Dark).collect();
            return Ok(Self { version, width, dark });
        }
        Err(QrError::TooLong)
    }

    /// 1 to 40.
    pub const fn version(&self) -> u8 {
        self.version
    }

    /// Modules along one side, without the quiet zone.
    pub const fn width(&self) -> usize {
        self.width
    }

    /// Row after row, `true` where dark; `width() * width()` of them.
    pub fn modules(&self) -> &[bool] {
        &self.dark
    }

    /// Horizontal bars of dark modules as (column, row, length): far fewer shapes than modules, and no hairline between
    /// neighbours.
    pub fn bars(&self) -> Vec<(usize, usize, usize)> {
        let mut bars: Vec<(usize, usize, usize)> = Vec::new();
        for (row, modules) in self.dark.chunks(self.width).enumerate() {
            let mut column = 0;
            for run in modules.chunk_by(|one, next| one == next) {
                if run[0] {
                    bars.push((column, row, run.len()));
                }
                column += run.len();
            }
        }
        bars
    }

    /// Whether the module is dark, counted from the corner of the quiet zone.
    fn is_dark_with_quiet_zone(&self, column: usize, row: usize) -> bool {
        let inside = |place: usize| place.checked_sub(QUIET_ZONE).filter(|place| *place < self.width);
        matches!((inside(column), inside(row)), (Some(column), Some(row)) if self.dark[row * self.width + column])
    }

    /// A grey-scale PNG with its quiet zone; `pixels_per_module` is kept within 1 to 64.
    pub fn png(&self, pixels_per_module: u32) -> Vec<u8> {
        let scale = pixels_per_module.clamp(1, 64) as usize;
        let side = (self.width + 2 * QUIET_ZONE) * scale;
        let mut pixels = Vec::with_capacity(side * side);
        for row in 0..side {
            pixels.extend(
                (0..side).map(|column| if self.is_dark_with_quiet_zone(column / scale, row / scale) { 0 } else { 255 }),
            );
        }
        let side = u32::try_from(side).expect("at most 185 modules of 64 pixels");
        let mut file = Vec::new();
        PngEncoder::new(&mut file)
            .write_image(&pixels, side, side, ExtendedColorType::L8)
            .expect("writing to memory cannot fail and the buffer has the stated size");
        file
    }

    /// An SVG with its quiet zone, one unit a module, which refers to nothing outside of itself.
    pub fn svg(&self) -> String {
        use std::fmt::Write;
        let side = self.width + 2 * QUIET_ZONE;
        let mut path = String::new();
        for (column, row, length) in self.bars() {
            write!(path, "M{} {}h{length}v1h-{length}z", column + QUIET_ZONE, row + QUIET_ZONE)
                .expect("writing to a string cannot fail");
        }
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {side} {side}\" shape-rendering=\"crispEdges\">\
             <path fill=\"#fff\" d=\"M0 0h{side}v{side}h-{side}z\"/><path d=\"{path}\"/></svg>\n"
        )
    }

    /// For a terminal, two modules a character, with the quiet zone. Light modules are drawn, dark ones left out, because
    /// most terminals are dark; a phone reads the inverse on the others.
    pub fn terminal(&self) -> String {
        let side = self.width + 2 * QUIET_ZONE;
        let mut text = String::with_capacity((side * 3 + 1) * side.div_ceil(2));
        for row in (0..side).step_by(2) {
            for column in 0..side {
                let upper_light = !self.is_dark_with_quiet_zone(column, row);
                let lower_light = row + 1 < side && !self.is_dark_with_quiet_zone(column, row + 1);
                text.push(match (upper_light, lower_light) {
                    (true, true) => '█',
                    (true, false) => '▀',
                    (false, true) => '▄',
                    (false, false) => ' ',
                });
            }
            text.push('\n');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_url_is_version_11_and_a_compact_one_version_4() {
        let check = |length: usize, version: u8| {
            let head = "HTTPS://SUIVI.EXAMPLE.MA/D/";
            let content = head.to_owned() + &"7".repeat(length - head.len());
            let symbol = QrSymbol::new(&content).expect("the content is alphanumeric");
            assert_eq!(
                (symbol.version(), symbol.width()),
                (version, 17 + 4 * usize::from(version)),
                "{length} characters"
            );
        };
        check(67, 4);
        check(350, 11);
    }

    #[test]
    fn content_outside_of_the_mode_is_refused() {
        for content in ["https://suivi.example.ma", "HTTPS://É", "A_B", "A\0", "Ａ"] {
            assert_eq!(QrSymbol::new(content), Err(QrError::NotAlphanumeric), "{content:?}");
        }
        assert_eq!(QrSymbol::new(&"A".repeat(4000)), Err(QrError::TooLong));
    }

    #[test]
    fn every_picture_shows_the_same_modules() {
        let symbol = QrSymbol::new("HTTPS://SUIVI.EXAMPLE.MA/D/0123").expect("the content is alphanumeric");
        let side = symbol.width() + 8;
        let picture = image::load_from_memory(&symbol.png(3)).expect("the PNG is well-formed").into_luma8();
        assert_eq!(picture.width() as usize, 3 * side);
        assert_eq!(picture.dimensions().0, picture.dimensions().1);
        let terminal: Vec<Vec<char>> = symbol.terminal().lines().map(|line| line.chars().collect()).collect();
        assert_eq!(terminal.len(), side.div_ceil(2));
        assert!(terminal.iter().all(|line| line.len() == side));
        let pixel = |place: usize| u32::try_from(place * 3 + 1).expect("a symbol is small");
        for (line, characters) in terminal.iter().enumerate() {
            for (column, character) in characters.iter().enumerate() {
                let (upper, lower) = match character {
                    '█' => (true, true),
                    '▀' => (true, false),
                    '▄' => (false, true),
                    _ => (false, false),
                };
                for (row, light) in [(2 * line, upper), (2 * line + 1, lower)] {
                    if row == side {
                        continue;
                    }
                    let dark = symbol.is_dark_with_quiet_zone(column, row);
                    assert_eq!(!light, dark, "character of {column},{row}");
                    assert_eq!(picture.get_pixel(pixel(column), pixel(row)).0[0] == 0, dark, "pixel of {column},{row}");
                }
            }
        }
        let drawn: usize = symbol.bars().iter().map(|(_, _, length)| length).sum();
        assert_eq!(drawn, symbol.modules().iter().filter(|dark| **dark).count());
        let svg = symbol.svg();
        assert_eq!(svg.matches('M').count(), symbol.bars().len() + 1);
        assert_eq!(svg.matches("http").count(), 1, "only the namespace: {svg}");
    }
}
