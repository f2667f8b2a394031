//! A paragraph: shaped once, broken into lines for any width and size, placed as glyph runs.
//!
//! The base direction is always given by the caller's language and never guessed by the shaper; values inside a sentence
//! come isolated (U+2066 … U+2069), so that neither a reference nor a name can turn the sentence around. Advances grow
//! linearly with the size, so the layout may try many sizes for the price of one shaping.

use std::{borrow::Cow, sync::Arc};

use parley::{
    Alignment, AlignmentOptions, BaseDirection, FontFamily, FontFamilyName, FontWeight, Layout, LineHeight,
    OverflowWrap, StyleProperty,
};

use super::{
    draw_list::{Color, Glyph, GlyphRun, Point, Rectangle, TextBlock},
    fonts::{FAMILIES, with_shaper},
};
use crate::dossier::Language;

/// The size at which everything is shaped.
const NOMINAL: f32 = 10.0;

/// No type on paper is smaller than this many points.
pub(super) const SMALLEST: f32 = 6.5;

/// Arabic letters are drawn smaller on their body than Latin ones; this makes the two look alike side by side.
const ARABIC_ENLARGEMENT: f32 = 1.11;

/// Shown in place of a character that no embedded font has. An unreadable mark tells the reader that something is missing;
/// leaving it out would not, and an archive file may not hold a character without a glyph.
const REPLACEMENT: char = '\u{FFFD}';

pub(super) const fn direction(language: Language) -> BaseDirection {
    match language {
        Language::Arabic => BaseDirection::Rtl,
        Language::French | Language::Tamazight | Language::English => BaseDirection::Ltr,
    }
}

/// The direction of a name that somebody typed: that of its first letter, given to the shaper explicitly.
pub(super) fn direction_of_name(name: &str) -> BaseDirection {
    let is_arabic = |c: char| matches!(c, '\u{0590}'..='\u{08FF}' | '\u{FB1D}'..='\u{FDFF}' | '\u{FE70}'..='\u{FEFC}');
    match name.chars().find(|c| c.is_alphabetic()) {
        Some(letter) if is_arabic(letter) => BaseDirection::Rtl,
        _ => BaseDirection::Ltr,
    }
}

/// A value as plain text: without control characters and without marks that change the direction of what follows.
pub(super) fn plain(value: &str) -> String {
    value.chars().map(|c| if c.is_control() { ' ' } else { c }).filter(|c| !is_direction_mark(*c)).collect()
}

pub(super) const fn is_direction_mark(c: char) -> bool {
    matches!(c, '\u{061C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}')
}

/// A number, reference, address or telephone number inside a sentence of any direction.
pub(super) fn isolated(value: &str) -> String {
    format!("\u{2066}{}\u{2069}", plain(value))
}

/// How a paragraph looks; `size` is at scale 1.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look {
    pub(super) size: f32,
    pub(super) bold: bool,
    pub(super) color: Color,
    pub(super) alignment: Alignment,
}

/// Shaped text that has no place yet.
pub(super) struct Paragraph {
    text: Arc<str>,
    layout: Layout<()>,
    look: Look,
    /// The width of one character's cell in ems, for codes that a person copies character by character.
    cell: Option<f32>,
    broken_at: f32,
}

impl Paragraph {
    pub(super) fn new(text: &str, direction: BaseDirection, look: Look) -> Self {
        let rtl = direction == BaseDirection::Rtl;
        let look = Look { size: if rtl { look.size * ARABIC_ENLARGEMENT } else { look.size }, ..look };
        let text = printable(text);
        let layout = shape(&text, direction, look.bold);
        let (text, layout) = match with_visible_replacements(&text, &layout) {
            None => (text, layout),
            Some(replaced) => {
                let layout = shape(&replaced, direction, look.bold);
                (replaced, layout)
            }
        };
        Self { text: text.into(), layout, look, cell: None, broken_at: -1.0 }
    }

    /// Each character in the middle of a cell of `ems` ems; for short ASCII codes on one line.
    pub(super) fn in_cells(mut self, ems: f32) -> Self {
        self.cell = Some(ems);
        self
    }

    /// The type size at a scale: never below the smallest that may be printed.
    pub(super) fn size(&self, scale: f32) -> f32 {
        (self.look.size * scale).max(SMALLEST)
    }

    /// The type size in a given width: a code in cells stays on one line, so it gets smaller instead of breaking.
    fn size_in(&self, width: f32, scale: f32) -> f32 {
        match self.cell {
            Some(cell) => self.size(scale).min(width / self.ems(cell)),
            None => self.size(scale),
        }
    }

    fn ems(&self, cell: f32) -> f32 {
        self.text.chars().map(|c| cell_width(c, cell)).sum::<f32>().max(1.0)
    }

    fn break_lines(&mut self, width: f32, scale: f32) {
        self.break_at(if self.cell.is_some() { f32::MAX } else { width / self.size(scale) * NOMINAL + 0.01 });
    }

    fn break_at(&mut self, limit: f32) {
        if (limit - self.broken_at).abs() > f32::EPSILON {
            self.layout.break_all_lines(Some(limit));
            self.broken_at = limit;
        }
    }

    /// The height in points when set `width` points wide.
    pub(super) fn height(&mut self, width: f32, scale: f32) -> f32 {
        self.break_lines(width, scale);
        self.layout.height() * self.size_in(width, scale) / NOMINAL
    }

    /// From the top to the first baseline.
    pub(super) fn ascent(&mut self, width: f32, scale: f32) -> f32 {
        self.break_lines(width, scale);
        self.layout.first_baseline().unwrap_or_default() * self.size_in(width, scale) / NOMINAL
    }

    /// The width that a single line would take.
    pub(super) fn natural_width(&mut self, scale: f32) -> f32 {
        let size = self.size(scale);
        if let Some(cell) = self.cell {
            return self.ems(cell) * size;
        }
        self.break_lines(f32::MAX / NOMINAL, scale);
        self.layout.width() * size / NOMINAL
    }

    /// The paragraph with its top left corner at (x, y).
    pub(super) fn place(&mut self, left: f32, y: f32, width: f32, scale: f32) -> TextBlock {
        self.break_lines(width, scale);
        let size = self.size_in(width, scale);
        let factor = size / NOMINAL;
        let x = if self.cell.is_some() { left } else { left + self.balance(width / factor) * factor };
        let mut runs = Vec::new();
        let mut extent: Option<Rectangle> = None;
        for line in self.layout.lines() {
            let metrics = line.metrics();
            let baseline = y + metrics.baseline * factor;
            let mut pen = x + metrics.offset * factor;
            for run in line.runs() {
                let origin = Point { x: pen, y: baseline };
                let mut glyphs: Vec<Glyph> = Vec::new();
                for cluster in run.visual_clusters() {
                    let bytes = cluster.text_range();
                    if cluster.is_ligature_continuation() {
                        if let Some(last) = glyphs.last_mut() {
                            last.text = last.text.start.min(bytes.start)..last.text.end.max(bytes.end);
                        }
                        continue;
                    }
                    let start = pen;
                    for glyph in cluster.glyphs() {
                        let advance = glyph.advance * factor;
                        let offset = Point { x: glyph.x * factor, y: glyph.y * factor };
                        glyphs.push(Glyph { id: glyph.id, advance, offset, text: bytes.clone() });
                        pen += advance;
                    }
                    if !self.text[bytes].chars().all(char::is_whitespace) {
                        let (top, bottom) = (metrics.block_min_coord * factor, metrics.block_max_coord * factor);
                        let ink = Rectangle::new(start, y + top, pen - start, bottom - top);
                        extent = Some(extent.map_or(ink, |extent| extent.union(&ink)));
                    }
                }
                if !glyphs.is_empty() {
                    let embolden = run.synthesis().embolden();
                    runs.push(GlyphRun { font: run.font().clone(), size, origin, glyphs, embolden });
                }
            }
        }
        let bounds = Rectangle::new(left, y, width, self.layout.height() * factor);
        let mut block = TextBlock {
            text: Arc::clone(&self.text),
            color: self.look.color,
            bounds,
            extent: extent.unwrap_or(Rectangle::new(left, y, 0.0, 0.0)),
            size,
            runs,
        };
        if let Some(cell) = self.cell {
            self.spread_over_cells(&mut block, cell, size);
        }
        block
    }

    /// Makes the lines of a short paragraph about equally long without adding one, aligns them, and returns how far the
    /// narrower paragraph stands from the left edge; all at the nominal size.
    fn balance(&mut self, width: f32) -> f32 {
        let full = width + 0.01;
        let lines = self.layout.len();
        let mut best = full;
        if (2..=4).contains(&lines) {
            let (mut too_narrow, mut wide_enough) = (full / 2.0, full);
            for _ in 0..5 {
                let middle = f32::midpoint(too_narrow, wide_enough);
                self.break_at(middle);
                if self.layout.len() > lines { too_narrow = middle } else { wide_enough = middle }
            }
            best = wide_enough;
            self.break_at(best);
        }
        self.layout.align(self.look.alignment, AlignmentOptions::default());
        match self.look.alignment {
            Alignment::Center => (full - best) / 2.0,
            Alignment::Right => full - best,
            _ => 0.0,
        }
    }

    fn spread_over_cells(&mut self, block: &mut TextBlock, cell: f32, size: f32) {
        let total = self.ems(cell) * size;
        let room = block.bounds.width - total;
        let start = block.bounds.x
            + match self.look.alignment {
                Alignment::Center => room / 2.0,
                Alignment::Right | Alignment::End => room,
                _ => 0.0,
            };
        let mut pen = start;
        for run in &mut block.runs {
            run.origin.x = pen;
            for glyph in &mut run.glyphs {
                let character = self.text[glyph.text.clone()].chars().next().unwrap_or(' ');
                let width = cell_width(character, cell) * size;
                glyph.offset.x += (width - glyph.advance) / 2.0;
                glyph.advance = width;
                pen += width;
            }
        }
        block.extent.x = start;
        block.extent.width = pen - start;
    }
}

/// A hyphen only parts the groups, so it takes less room.
pub(super) fn cell_width(character: char, cell: f32) -> f32 {
    if character == '-' { cell * 0.62 } else { cell }
}

/// The text with a visible mark for each character that no font has, and without what only chooses between glyphs.
fn printable(text: &str) -> String {
    let chooses_a_glyph = |c: &char| matches!(c, '\u{FE00}'..='\u{FE0F}' | '\u{E0100}'..='\u{E01EF}');
    with_shaper(|shaper| {
        let visible = |c: char| match c {
            '\n' => c,
            c if c.is_control() => ' ',
            c if shaper.has_glyph(c) => c,
            _ => REPLACEMENT,
        };
        text.chars().filter(|c| !chooses_a_glyph(c)).map(visible).collect()
    })
}

fn shape(text: &str, direction: BaseDirection, bold: bool) -> Layout<()> {
    let families: Vec<FontFamilyName<'_>> = FAMILIES.map(|name| FontFamilyName::Named(Cow::Borrowed(name))).to_vec();
    let line_height = if direction == BaseDirection::Rtl { 1.36 } else { 1.3 };
    with_shaper(|shaper| {
        let mut builder = shaper.scratch.ranged_builder(&mut shaper.fonts, text, 1.0, false);
        builder.set_base_direction(direction);
        builder.push_default(StyleProperty::FontFamily(FontFamily::List(Cow::Borrowed(&families))));
        builder.push_default(StyleProperty::FontSize(NOMINAL));
        builder.push_default(StyleProperty::LineHeight(LineHeight::FontSizeRelative(line_height)));
        builder.push_default(StyleProperty::OverflowWrap(OverflowWrap::Anywhere));
        if bold {
            builder.push_default(StyleProperty::FontWeight(FontWeight::BOLD));
        }
        let mut layout = builder.build(text);
        layout.break_all_lines(None);
        layout
    })
}

/// The same for clusters whose characters exist, but in no one font; `None` when there are none.
fn with_visible_replacements(text: &str, layout: &Layout<()>) -> Option<String> {
    let mut missing: Vec<std::ops::Range<usize>> = layout
        .lines()
        .flat_map(|line| line.runs().collect::<Vec<_>>())
        .flat_map(|run| run.clusters().collect::<Vec<_>>())
        .filter(|cluster| cluster.glyphs().any(|glyph| glyph.id == 0))
        .map(|cluster| cluster.text_range())
        .filter(|range| text[range.clone()] != *"\n")
        .collect();
    if missing.is_empty() {
        return None;
    }
    missing.sort_by_key(|range| range.start);
    let mut replaced = String::with_capacity(text.len());
    let mut copied = 0;
    for range in missing {
        if range.start < copied {
            continue;
        }
        replaced.push_str(&text[copied..range.start]);
        replaced.push(REPLACEMENT);
        copied = range.end;
    }
    replaced.push_str(&text[copied..]);
    Some(replaced)
}
