//! Rows: the unit that the receipt's layout measures, moves and places, and never cuts.
//!
//! A row holds cells side by side, each a stack of paragraphs; all heights follow from one scale, so that a page is first
//! measured at several scales and only then placed. The row knows nothing of what it says.

use super::{
    draw_list::{Color, DrawItem, DrawPage, Point, Rectangle},
    paragraph::Paragraph,
};

pub(super) const INK: Color = Color(0, 0, 0);
pub(super) const SOFT: Color = Color(66, 70, 70);
pub(super) const PAPER: Color = Color(255, 255, 255);
pub(super) const ACCENT: Color = Color(11, 83, 69);
pub(super) const TINT: Color = Color(231, 240, 236);
pub(super) const RULE: Color = Color(176, 196, 189);
pub(super) const ALERT: Color = Color(146, 27, 27);
pub(super) const ALERT_TINT: Color = Color(250, 232, 230);
pub(super) const MARK: Color = Color(228, 231, 230);

/// A sign drawn as a path beside the first line of a cell, because fonts draw ticks and boxes differently or not at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sign {
    TickedBox,
    EmptyBox,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Left,
    Right,
}

/// A stack of paragraphs in a column; `x` and `width` in points from the page's left edge.
pub(super) struct Cell {
    pub(super) x: f32,
    pub(super) width: f32,
    pub(super) stack: Vec<Paragraph>,
    pub(super) sign: Option<(Sign, Side)>,
    /// Each character stands in an outlined box.
    pub(super) boxed: bool,
}

impl Cell {
    pub(super) fn new(x: f32, width: f32, stack: Vec<Paragraph>) -> Self {
        Self { x, width, stack, sign: None, boxed: false }
    }

    pub(super) fn with_sign(mut self, sign: Sign, side: Side) -> Self {
        self.sign = Some((sign, side));
        self
    }

    pub(super) fn boxed(mut self) -> Self {
        self.boxed = true;
        self
    }

    fn type_size(&self, scale: f32) -> f32 {
        self.stack.first().map_or(0.0, |paragraph| paragraph.size(scale))
    }

    /// Where the paragraphs stand, beside the sign.
    fn text_area(&self, scale: f32) -> (f32, f32) {
        let gutter = if self.sign.is_some() { self.type_size(scale) * 1.45 } else { 0.0 };
        let x = if matches!(self.sign, Some((_, Side::Left))) { self.x + gutter } else { self.x };
        (x, self.width - gutter)
    }

    fn height(&mut self, scale: f32) -> f32 {
        let (_, width) = self.text_area(scale);
        self.stack.iter_mut().map(|paragraph| paragraph.height(width, scale)).sum()
    }

    fn ascent(&mut self, scale: f32) -> f32 {
        let (_, width) = self.text_area(scale);
        self.stack.first_mut().map_or(0.0, |paragraph| paragraph.ascent(width, scale))
    }

    fn place(&mut self, page: &mut DrawPage, top: f32, scale: f32) {
        let (x, width) = self.text_area(scale);
        if let Some((sign, side)) = self.sign {
            let size = self.type_size(scale);
            let middle = top + self.ascent(scale) - 0.33 * size;
            let centre = if side == Side::Left { self.x + 0.5 * size } else { self.x + self.width - 0.5 * size };
            draw_sign(page, sign, Point { x: centre, y: middle }, size);
        }
        let mut y = top;
        for paragraph in &mut self.stack {
            let block = paragraph.place(x, y, width, scale);
            y = block.bounds.bottom();
            if self.boxed {
                for run in &block.runs {
                    let mut pen = run.origin.x;
                    for glyph in &run.glyphs {
                        if !block.text[glyph.text.clone()].starts_with('-') {
                            let area =
                                Rectangle::new(pen + 0.7, block.bounds.y, glyph.advance - 1.4, block.bounds.height);
                            page.items.push(DrawItem::Outline { area, radius: 1.6, width: 0.6, color: ACCENT });
                        }
                        pen += glyph.advance;
                    }
                }
            }
            page.items.push(DrawItem::Text(block));
        }
    }
}

fn draw_sign(page: &mut DrawPage, sign: Sign, centre: Point, size: f32) {
    let half = 0.36 * size;
    let area = Rectangle::new(centre.x - half, centre.y - half, 2.0 * half, 2.0 * half);
    let at = |x: f32, y: f32| Point { x: centre.x + x * half, y: centre.y + y * half };
    match sign {
        Sign::TickedBox => {
            page.items.push(DrawItem::Fill { area, radius: 0.22 * size, color: ACCENT });
            let points = vec![at(-0.52, 0.02), at(-0.14, 0.42), at(0.54, -0.42)];
            page.items.push(DrawItem::Line { points, width: 0.12 * size, color: PAPER });
        }
        Sign::EmptyBox => {
            page.items.push(DrawItem::Fill { area, radius: 0.1 * size, color: PAPER });
            page.items.push(DrawItem::Outline { area, radius: 0.1 * size, width: 0.1 * size, color: ALERT });
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Dressing {
    Bare,
    /// A hairline under the row.
    RuleBelow(Color, f32),
    /// A filled band behind the row.
    Band(Color),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fit {
    /// First lines share a baseline.
    Baseline,
    /// Cells are centred on the row's middle.
    Middle,
}

pub(super) struct Row {
    pub(super) x: f32,
    pub(super) width: f32,
    pub(super) cells: Vec<Cell>,
    /// White above the row that belongs to what stands before it; dropped at the top of a page.
    pub(super) gap: f32,
    /// White inside the row, above and below its cells.
    pub(super) padding: f32,
    pub(super) least_height: f32,
    pub(super) dressing: Dressing,
    pub(super) fit: Fit,
    /// Never the last row of a page: a heading.
    pub(super) keep_with_next: bool,
}

impl Row {
    pub(super) fn new(x: f32, width: f32, cells: Vec<Cell>) -> Self {
        Self {
            x,
            width,
            cells,
            gap: 0.0,
            padding: 0.0,
            least_height: 0.0,
            dressing: Dressing::Bare,
            fit: Fit::Baseline,
            keep_with_next: false,
        }
    }

    pub(super) fn gap(self, gap: f32) -> Self {
        Self { gap, ..self }
    }

    pub(super) fn padding(self, padding: f32) -> Self {
        Self { padding, ..self }
    }

    pub(super) fn dressed(self, dressing: Dressing) -> Self {
        Self { dressing, ..self }
    }

    pub(super) fn centred(self) -> Self {
        Self { fit: Fit::Middle, ..self }
    }

    pub(super) fn heading(self) -> Self {
        Self { keep_with_next: true, ..self }
    }

    /// The height without the gap above; `air` is added to the padding on both sides.
    pub(super) fn height(&mut self, scale: f32, air: f32) -> f32 {
        let content = match self.fit {
            Fit::Middle => self.cells.iter_mut().map(|cell| cell.height(scale)).fold(0.0, f32::max),
            Fit::Baseline => {
                let ascent = self.ascent(scale);
                let below = |cell: &mut Cell| cell.height(scale) - cell.ascent(scale);
                ascent + self.cells.iter_mut().map(below).fold(0.0, f32::max)
            }
        };
        content.max(self.least_height) + 2.0 * self.inner(scale, air)
    }

    fn inner(&self, scale: f32, air: f32) -> f32 {
        if self.padding > 0.0 { spacing(self.padding, scale) + air } else { 0.0 }
    }

    fn ascent(&mut self, scale: f32) -> f32 {
        self.cells.iter_mut().map(|cell| cell.ascent(scale)).fold(0.0, f32::max)
    }

    /// Draws the row with its top at `y` and returns its height.
    pub(super) fn place(&mut self, page: &mut DrawPage, y: f32, scale: f32, air: f32) -> f32 {
        let height = self.height(scale, air);
        let area = Rectangle::new(self.x, y, self.width, height);
        match self.dressing {
            Dressing::Bare => {}
            Dressing::RuleBelow(color, width) => {
                let points = vec![Point { x: area.x, y: area.bottom() }, Point { x: area.right(), y: area.bottom() }];
                page.items.push(DrawItem::Line { points, width, color });
            }
            Dressing::Band(color) => page.items.push(DrawItem::Fill { area, radius: 2.5, color }),
        }
        let top = y + self.inner(scale, air);
        let ascent = self.ascent(scale);
        let room = height - 2.0 * self.inner(scale, air);
        for cell in &mut self.cells {
            let offset = match self.fit {
                Fit::Baseline => ascent - cell.ascent(scale),
                Fit::Middle => (room - cell.height(scale)) / 2.0,
            };
            cell.place(page, top + offset, scale);
        }
        height
    }
}

/// White shrinks faster than type does, because a crowded page is easier to read than a tiny one.
pub(super) fn spacing(points: f32, scale: f32) -> f32 {
    points * scale * scale * scale
}

/// The height of rows one under another, with the gaps between them and above the first.
pub(super) fn height_of(rows: &mut [Row], scale: f32, air: f32) -> f32 {
    rows.iter_mut().map(|row| spacing(row.gap, scale) + row.height(scale, air)).sum()
}

/// Draws rows one under another and returns where the last one ends.
pub(super) fn place_all(rows: &mut [Row], page: &mut DrawPage, mut y: f32, scale: f32, air: f32) -> f32 {
    for row in rows {
        y += spacing(row.gap, scale);
        y += row.place(page, y, scale, air);
    }
    y
}
