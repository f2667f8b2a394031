//! What stands where on a page, for any medium: points (1/72 inch), origin at the top left, y downwards.
//!
//! The list keeps the box that each paragraph was given beside the extent its glyphs really take, so that a test can prove
//! that nothing overlaps and nothing leaves its box. It must never know a file format, a printer or a language.

use std::{ops::Range, sync::Arc};

use parley::FontData;

use super::qr::QrSymbol;

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    pub x: f32,
    pub y: f32,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rectangle {
    pub x: f32,
    pub y: f32,
    pub width: f32,
    pub height: f32,
}

impl Rectangle {
    pub const fn new(x: f32, y: f32, width: f32, height: f32) -> Self {
        Self { x, y, width, height }
    }

    pub fn right(&self) -> f32 {
        self.x + self.width
    }

    pub fn bottom(&self) -> f32 {
        self.y + self.height
    }

    pub fn centre(&self) -> Point {
        Point { x: self.x + self.width / 2.0, y: self.y + self.height / 2.0 }
    }

    /// The same rectangle, `margin` smaller on every side; a negative margin makes it larger.
    #[must_use]
    pub fn inset(&self, margin: f32) -> Self {
        Self::new(self.x + margin, self.y + margin, self.width - 2.0 * margin, self.height - 2.0 * margin)
    }

    /// Whether the two share more than a border of `tolerance` points.
    pub fn overlaps(&self, other: &Self, tolerance: f32) -> bool {
        self.x + tolerance < other.right()
            && other.x + tolerance < self.right()
            && self.y + tolerance < other.bottom()
            && other.y + tolerance < self.bottom()
    }

    /// Whether `inner` lies inside, give or take `tolerance` points.
    pub fn contains(&self, inner: &Self, tolerance: f32) -> bool {
        inner.x >= self.x - tolerance
            && inner.y >= self.y - tolerance
            && inner.right() <= self.right() + tolerance
            && inner.bottom() <= self.bottom() + tolerance
    }

    /// The smallest rectangle that holds both.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        let (x, y) = (self.x.min(other.x), self.y.min(other.y));
        Self::new(x, y, self.right().max(other.right()) - x, self.bottom().max(other.bottom()) - y)
    }
}

/// A colour for paper: sRGB, always opaque.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Color(pub u8, pub u8, pub u8);

/// One glyph, placed relative to its run's pen position; lengths in points.
#[derive(Clone, Debug, PartialEq)]
pub struct Glyph {
    pub id: u32,
    pub advance: f32,
    pub offset: Point,
    /// The bytes of the block's text that this glyph shows, so that a file can be searched and read aloud.
    pub text: Range<usize>,
}

/// Glyphs of one font and size on one baseline.
#[derive(Clone, Debug)]
pub struct GlyphRun {
    pub font: FontData,
    pub size: f32,
    pub origin: Point,
    pub glyphs: Vec<Glyph>,
    /// The font has no bold face for this script, so the outline is drawn a little thicker.
    pub embolden: bool,
}

/// A paragraph in its place.
#[derive(Clone)]
pub struct TextBlock {
    pub text: Arc<str>,
    pub color: Color,
    /// The box that the layout reserved for it.
    pub bounds: Rectangle,
    /// What its lines really take.
    pub extent: Rectangle,
    /// The smallest type in it, in points.
    pub size: f32,
    pub runs: Vec<GlyphRun>,
}

/// The text may be a person's name: only its place is printed.
impl std::fmt::Debug for TextBlock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TextBlock").field("bounds", &self.bounds).field("size", &self.size).finish_non_exhaustive()
    }
}

#[derive(Clone, Debug)]
pub enum DrawItem {
    Text(TextBlock),
    /// Text turned by `degrees` (clockwise) about the middle of its bounds, under everything else on the page.
    Mark {
        block: TextBlock,
        degrees: f32,
        covers: Rectangle,
    },
    Fill {
        area: Rectangle,
        radius: f32,
        color: Color,
    },
    Outline {
        area: Rectangle,
        radius: f32,
        width: f32,
        color: Color,
    },
    Line {
        points: Vec<Point>,
        width: f32,
        color: Color,
    },
    /// `area` includes the quiet zone, which stays white.
    Qr {
        area: Rectangle,
        symbol: Arc<QrSymbol>,
    },
    /// The issuer's logo, already known to have these proportions.
    Picture {
        area: Rectangle,
    },
}

#[derive(Clone, Debug, Default)]
pub struct DrawPage {
    pub items: Vec<DrawItem>,
}

#[derive(Clone, Debug)]
pub struct DrawList {
    pub width: f32,
    pub height: f32,
    /// Where text may stand.
    pub margins: Rectangle,
    pub pages: Vec<DrawPage>,
}
