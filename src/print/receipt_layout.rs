//! The one layout function: a sheet becomes a draw list of A5 pages.
//!
//! Everything is measured before anything is placed. The type starts large and shrinks in steps until the receipt fits one
//! page; below the smallest legible step it flows to further pages instead. The QR symbol keeps its size and always stands
//! on the first page. Cutting a text short was rejected: a receipt that hides half a name is no proof of anything.

use std::sync::Arc;

use parley::{Alignment, BaseDirection};

use super::{
    draw_list::{DrawItem, DrawList, DrawPage, Rectangle},
    paragraph::{Look, Paragraph},
    qr::QrSymbol,
    receipt_contact::{channels, foot, instructions, page_number},
    receipt_facts::{Columns, continued_title, documents, facts, letterhead, short_letterhead, title},
    receipt_sheet::{PrintError, ReceiptSheet},
    rows::{ACCENT, MARK, Row, height_of, place_all, spacing},
};

/// Points in a millimetre.
const MILLIMETRE: f32 = 72.0 / 25.4;
const PAGE_WIDTH: f32 = 148.0 * MILLIMETRE;
const PAGE_HEIGHT: f32 = 210.0 * MILLIMETRE;
/// Office printers leave about five millimetres white of their own.
const MARGIN: f32 = 9.0 * MILLIMETRE;
/// With its quiet zone: 0.59 mm a module for a sealed symbol, which a cheap camera resolves at arm's length.
const QR_SIDE: f32 = 41.0 * MILLIMETRE;
const LOGO_HEIGHT: f32 = 14.0 * MILLIMETRE;
const LOGO_WIDTH: f32 = 30.0 * MILLIMETRE;

/// From generous to the smallest that leaves all type legible.
const SCALES: [f32; 10] = [1.16, 1.08, 1.0, 0.95, 0.9, 0.85, 0.8, 0.76, 0.72, 0.68];

/// The most white that a row gets above and below its words when the page has room to spare.
const MOST_AIR: f32 = 3.0;

/// The receipt's pages. `logo_proportions` is the logo's width divided by its height.
pub fn layout_receipt(sheet: &ReceiptSheet, logo_proportions: Option<f32>) -> Result<DrawList, PrintError> {
    if sheet.languages[0] == sheet.languages[1] {
        return Err(PrintError::SameLanguageTwice);
    }
    let symbol = Arc::new(QrSymbol::new(&sheet.url)?);
    let margins = Rectangle::new(MARGIN, MARGIN, PAGE_WIDTH - 2.0 * MARGIN, PAGE_HEIGHT - 2.0 * MARGIN);
    let mut parts = Parts::new(sheet, symbol, margins, logo_proportions);
    let mut pages = match parts.largest_fitting_scale() {
        Some(scale) => vec![parts.one_page(scale)],
        None => parts.several_pages()?,
    };
    if let Some(copy) = sheet.copy {
        for page in &mut pages {
            mark_as_duplicate(page, copy);
        }
    }
    Ok(DrawList { width: PAGE_WIDTH, height: PAGE_HEIGHT, margins, pages })
}

/// The receipt's rows, shaped but not placed.
struct Parts {
    columns: Columns,
    margins: Rectangle,
    logo: Option<(f32, f32)>,
    letterhead: Row,
    title: Row,
    further_head: [Row; 2],
    body: Vec<Row>,
    panel: Panel,
    channels: Vec<Row>,
    foot: Vec<Row>,
}

/// The QR symbol with its instructions, in a frame.
struct Panel {
    area: (f32, f32),
    symbol: Arc<QrSymbol>,
    rows: Vec<Row>,
}

/// How many body rows each page takes, and how much of the first one stays white.
struct Cuts {
    rows: Vec<usize>,
    white: f32,
}

const PANEL_PADDING: f32 = 3.0;
const PANEL_GAP: f32 = 8.0;

impl Panel {
    fn height(&mut self, scale: f32) -> f32 {
        height_of(&mut self.rows, scale, 0.0).max(QR_SIDE) + 2.0 * PANEL_PADDING
    }

    fn place(&mut self, page: &mut DrawPage, top: f32, scale: f32) {
        let height = self.height(scale);
        let (x, width) = self.area;
        let frame = Rectangle::new(x, top, width, height);
        page.items.push(DrawItem::Outline { area: frame, radius: 4.0, width: 0.9, color: ACCENT });
        let square = Rectangle::new(x + PANEL_PADDING, top + (height - QR_SIDE) / 2.0, QR_SIDE, QR_SIDE);
        page.items.push(DrawItem::Qr { area: square, symbol: Arc::clone(&self.symbol) });
        let spare = height - 2.0 * PANEL_PADDING - height_of(&mut self.rows, scale, 0.0);
        place_all(&mut self.rows, page, top + PANEL_PADDING + spare / 2.0, scale, 0.0);
    }
}

impl Parts {
    fn new(sheet: &ReceiptSheet, symbol: Arc<QrSymbol>, margins: Rectangle, proportions: Option<f32>) -> Self {
        let columns = Columns::new(margins.x, margins.width, sheet.languages);
        let logo = proportions.map(|proportions| {
            let height = LOGO_HEIGHT.min(LOGO_WIDTH / proportions);
            (height * proportions, height)
        });
        let (logo_width, logo_height) = logo.unwrap_or_default();
        let mut body = facts(sheet, columns);
        body.extend(documents(sheet, columns));
        let text_start = margins.x + PANEL_PADDING + QR_SIDE + 5.0;
        let beside = Columns { x: text_start, width: margins.right() - text_start - 7.0, ..columns };
        let panel = Panel { area: (margins.x, margins.width), symbol, rows: instructions(sheet, beside) };
        Self {
            columns,
            margins,
            logo,
            letterhead: letterhead(sheet, columns, logo_width, logo_height),
            title: title(columns),
            further_head: [short_letterhead(sheet, columns), continued_title(sheet, columns)],
            body,
            panel,
            channels: channels(sheet, columns),
            foot: foot(sheet, columns),
        }
    }

    /// What stands at the top of the first page.
    fn head_height(&mut self, scale: f32) -> f32 {
        self.letterhead.height(scale, 0.0) + spacing(self.title.gap, scale) + self.title.height(scale, 0.0)
    }

    fn one_page_height(&mut self, scale: f32) -> f32 {
        self.head_height(scale)
            + height_of(&mut self.body, scale, 0.0)
            + PANEL_GAP
            + self.panel.height(scale)
            + height_of(&mut self.channels, scale, 0.0)
            + height_of(&mut self.foot, scale, 0.0)
    }

    /// Heights grow with the scale, so half of the steps need not be measured.
    fn largest_fitting_scale(&mut self) -> Option<f32> {
        let room = self.margins.height;
        let step = SCALES.partition_point(|scale| self.one_page_height(*scale) > room);
        SCALES.get(step).copied()
    }

    fn place_letterhead(&mut self, page: &mut DrawPage, scale: f32) -> f32 {
        let top = self.margins.y;
        let height = self.letterhead.place(page, top, scale, 0.0);
        if let Some((logo_width, logo_height)) = self.logo {
            let x = self.margins.centre().x - logo_width / 2.0;
            let area = Rectangle::new(x, top + (height - logo_height) / 2.0, logo_width, logo_height);
            page.items.push(DrawItem::Picture { area });
        }
        top + height
    }

    fn one_page(&mut self, scale: f32) -> DrawPage {
        let mut page = DrawPage::default();
        let spare = self.margins.height - self.one_page_height(scale);
        let air = air_for(&mut self.body, scale, spare);
        let y = self.place_letterhead(&mut page, scale) + spacing(self.title.gap, scale);
        let y = y + self.title.place(&mut page, y, scale, 0.0);
        place_all(&mut self.body, &mut page, y, scale, air);
        let mut foot_top = self.margins.bottom() - height_of(&mut self.foot, scale, 0.0);
        place_all(&mut self.foot, &mut page, foot_top, scale, 0.0);
        foot_top -= height_of(&mut self.channels, scale, 0.0);
        place_all(&mut self.channels, &mut page, foot_top, scale, 0.0);
        let panel_top = foot_top - self.panel.height(scale);
        self.panel.place(&mut page, panel_top, scale);
        page
    }

    /// On two pages if any scale allows it, with large type and a well-filled first page; else on as few as it takes.
    fn several_pages(&mut self) -> Result<Vec<DrawPage>, PrintError> {
        let mut best: Option<(f32, f32, Cuts)> = None;
        for scale in SCALES.into_iter().filter(|scale| *scale <= 1.0) {
            let Some(cuts) = self.cut(scale) else { continue };
            let further = f32::from(u16::try_from(cuts.rows.len()).unwrap_or(u16::MAX));
            // A page costs more than any type size; a third of the first page left white costs as much as small type.
            let cost = 10.0 * further + (1.0 - scale) + cuts.white / self.margins.height;
            if best.as_ref().is_none_or(|(least, ..)| cost < *least) {
                best = Some((cost, scale, cuts));
            }
        }
        let (_, scale, cuts) = best.ok_or(PrintError::TooLong)?;
        Ok(self.place_pages(scale, &cuts))
    }

    /// Room for body rows on the first page and on each further one.
    fn rooms(&mut self, scale: f32) -> (f32, f32) {
        let number = page_number_height(self.columns, scale);
        let foot = height_of(&mut self.foot, scale, 0.0);
        let first =
            self.margins.height - self.head_height(scale) - PANEL_GAP - self.panel.height(scale) - foot - number;
        let further = self.margins.height - height_of(&mut self.further_head, scale, 0.0) - number;
        (first, further)
    }

    /// The channels follow the last body row. `None` when a row fits no page.
    fn cut(&mut self, scale: f32) -> Option<Cuts> {
        let (first_room, further_room) = self.rooms(scale);
        let channels = height_of(&mut self.channels, scale, 0.0);
        let (mut cuts, mut white) = (Vec::new(), None);
        let (mut taken, mut room) = (0, first_room);
        let heights: Vec<f32> =
            self.body.iter_mut().map(|row| spacing(row.gap, scale) + row.height(scale, 0.0)).collect();
        for (at, height) in heights.iter().enumerate() {
            // A heading needs its first row beside it.
            let chain = self.body[at..].iter().take_while(|row| row.keep_with_next).count();
            let needed: f32 = heights[at..heights.len().min(at + chain + 1)].iter().sum();
            let starts_chain = at == 0 || !self.body[at - 1].keep_with_next;
            if starts_chain && needed > room {
                cuts.push(taken);
                white.get_or_insert(room);
                (taken, room) = (0, further_room);
            }
            if *height > room {
                return None;
            }
            room -= height;
            taken += 1;
        }
        cuts.push(taken);
        let channels_fit = cuts.len() > 1 && channels <= room;
        if !channels_fit {
            if channels > further_room {
                return None;
            }
            cuts.push(0);
        }
        Some(Cuts { rows: cuts, white: white.unwrap_or(room) })
    }

    fn place_pages(&mut self, scale: f32, cuts: &Cuts) -> Vec<DrawPage> {
        let Cuts { rows: cuts, white } = cuts;
        let mut rows = std::mem::take(&mut self.body);
        let mut pages = Vec::with_capacity(cuts.len());
        for (index, count) in cuts.iter().enumerate() {
            let mut page = DrawPage::default();
            let mut y = self.margins.y;
            if index == 0 {
                y = self.place_letterhead(&mut page, scale) + spacing(self.title.gap, scale);
                y += self.title.place(&mut page, y, scale, 0.0);
            } else {
                y = place_all(&mut self.further_head, &mut page, y, scale, 0.0);
            }
            let further = rows.split_off(*count);
            let air = if index == 0 { air_for(&mut rows, scale, *white) } else { 0.0 };
            y = place_all(&mut rows, &mut page, y, scale, air);
            rows = further;
            let mut number = [page_number(self.columns, index + 1, cuts.len())];
            let mut bottom = self.margins.bottom() - page_number_height(self.columns, scale);
            place_all(&mut number, &mut page, bottom, scale, 0.0);
            if index == 0 {
                bottom -= height_of(&mut self.foot, scale, 0.0);
                place_all(&mut self.foot, &mut page, bottom, scale, 0.0);
                let panel_top = bottom - self.panel.height(scale);
                self.panel.place(&mut page, panel_top, scale);
            }
            if index + 1 == cuts.len() {
                place_all(&mut self.channels, &mut page, y, scale, 0.0);
            }
            pages.push(page);
        }
        pages
    }
}

/// How much white each row can take, above and below its words, out of what the page has to spare.
fn air_for(rows: &mut [Row], scale: f32, spare: f32) -> f32 {
    let per_point = height_of(rows, scale, 1.0) - height_of(rows, scale, 0.0);
    (spare / per_point.max(1.0)).clamp(0.0, MOST_AIR)
}

/// The same for every page number, so that the pages can be cut before their number is known.
fn page_number_height(columns: Columns, scale: f32) -> f32 {
    height_of(&mut [page_number(columns, 98, 99)], scale, 0.0)
}

/// Writes DUPLICATA across the page, under the words and clear of the QR symbol.
fn mark_as_duplicate(page: &mut DrawPage, copy: u16) {
    const DEGREES: f32 = -28.0;
    let look = Look { size: 10.0, bold: true, color: MARK, alignment: Alignment::Center };
    let mut word = Paragraph::new(&format!("DUPLICATA {copy}"), BaseDirection::Ltr, look);
    let text_areas = page.items.iter().filter_map(|item| match item {
        DrawItem::Text(block) => Some(block.bounds),
        _ => None,
    });
    let Some(all) = text_areas.reduce(|all, area| all.union(&area)) else { return };
    let symbol = page.items.iter().find_map(|item| match item {
        DrawItem::Qr { area, .. } => Some(*area),
        _ => None,
    });
    let bottom = symbol.map_or(all.bottom(), |symbol| symbol.y - PANEL_PADDING);
    let top = all.y + (bottom - all.y) * 0.22;
    let area = Rectangle::new(all.x, top, all.width, bottom - top);
    let (sine, cosine) = (DEGREES.abs().to_radians().sin(), DEGREES.to_radians().cos());
    let (width, height) = (word.natural_width(1.0), word.height(f32::MAX / 100.0, 1.0));
    let turned = (width * cosine + height * sine, width * sine + height * cosine);
    let scale = (area.width / turned.0).min(area.height / turned.1) * 0.98;
    let centre = area.centre();
    let (x, y) = (centre.x - width * scale / 2.0, centre.y - height * scale / 2.0);
    let block = word.place(x, y, width * scale, scale);
    let (covered_width, covered_height) = (turned.0 * scale, turned.1 * scale);
    let covers =
        Rectangle::new(centre.x - covered_width / 2.0, centre.y - covered_height / 2.0, covered_width, covered_height);
    page.items.insert(0, DrawItem::Mark { block, degrees: DEGREES, covers });
}
