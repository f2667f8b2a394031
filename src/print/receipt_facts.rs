//! The upper part of the receipt: who issued it, what it is, the facts, the documents.
//!
//! Arabic stands on the right, its companion on the left, and what both share in the middle, as on the letterheads and
//! forms that people here already know how to read.

use parley::{Alignment, BaseDirection};

use super::{
    draw_list::Color,
    paragraph::{Look, Paragraph, direction, direction_of_name, isolated, plain},
    receipt_sheet::ReceiptSheet,
    receipt_words::{counted, deadline_detail, deposited_at, depositor_role, notices},
    rows::{ACCENT, ALERT, ALERT_TINT, Cell, Dressing, INK, PAPER, RULE, Row, SOFT, Side, Sign, TINT},
};
use crate::{
    dossier::{DepositorRole, Language, Localized},
    i18n,
};

/// Where the two columns of a receipt stand, in points.
#[derive(Clone, Copy, Debug)]
pub(super) struct Columns {
    pub(super) x: f32,
    pub(super) width: f32,
    pub(super) left: Language,
    pub(super) right: Language,
    /// The paper's first language: it comes first wherever the two stand one under the other.
    pub(super) first: Language,
}

/// White between the two columns.
const GUTTER: f32 = 14.0;

impl Columns {
    pub(super) fn new(x: f32, width: f32, languages: [Language; 2]) -> Self {
        let [first, second] = languages;
        let (left, right) = if first == Language::Arabic { (second, first) } else { (first, second) };
        Self { x, width, left, right, first }
    }

    fn half(&self) -> f32 {
        (self.width - GUTTER) / 2.0
    }

    /// The two languages in reading order.
    pub(super) fn reading_order(&self) -> [Language; 2] {
        if self.first == self.left { [self.left, self.right] } else { [self.right, self.left] }
    }

    /// A row with a stack in each column.
    pub(super) fn row(&self, mut stack: impl FnMut(Language, Alignment) -> Vec<Paragraph>) -> Row {
        let (left, right) = (stack(self.left, Alignment::Left), stack(self.right, self.flow_right()));
        let half = self.half();
        let cells = vec![Cell::new(self.x, half, left), Cell::new(self.x + self.width - half, half, right)];
        Row::new(self.x, self.width, cells)
    }

    /// A row with a text in each column.
    pub(super) fn text_row(&self, size: f32, bold: bool, color: Color, text: impl Fn(Language) -> String) -> Row {
        self.row(|language, alignment| {
            vec![Paragraph::new(&text(language), direction(language), Look { size, bold, color, alignment })]
        })
    }

    /// Running text in the right column starts at its right only in Arabic.
    fn flow_right(&self) -> Alignment {
        if self.right == Language::Arabic { Alignment::Right } else { Alignment::Left }
    }

    fn right_side(&self) -> Side {
        if self.right == Language::Arabic { Side::Right } else { Side::Left }
    }

    /// A row with a label at each edge and values in the middle.
    pub(super) fn fact(&self, key: &str, label_share: f32, label: (f32, Color), values: Vec<Paragraph>) -> Row {
        self.fact_with(label_share, label, |language| i18n::text(language, key), values)
    }

    /// The same with labels that are not in the locale files. A coloured label is bold.
    pub(super) fn fact_with(
        &self,
        label_share: f32,
        (size, color): (f32, Color),
        text: impl Fn(Language) -> String,
        values: Vec<Paragraph>,
    ) -> Row {
        let label_width = self.width * label_share;
        let label = |language: Language, alignment| {
            let look = Look { size, bold: color != SOFT, color, alignment };
            vec![Paragraph::new(&text(language), direction(language), look)]
        };
        let middle = self.width - 2.0 * label_width - 12.0;
        let cells = vec![
            Cell::new(self.x, label_width, label(self.left, Alignment::Left)),
            Cell::new(self.x + label_width + 6.0, middle, values),
            Cell::new(self.x + self.width - label_width, label_width, label(self.right, Alignment::Right)),
        ];
        Row::new(self.x, self.width, cells)
    }

    /// The two languages on one line, for short words.
    pub(super) fn both(&self, text: impl Fn(Language) -> String) -> (String, BaseDirection) {
        let [first, second] = self.reading_order();
        let piece = |language: Language| {
            let mark = if language == Language::Arabic { '\u{2067}' } else { '\u{2066}' };
            // Inside a language nothing breaks, so that a line that is too long breaks between the two.
            format!("{mark}{}\u{2069}", text(language).replace(' ', "\u{A0}"))
        };
        (format!("{} · {}", piece(first), piece(second)), direction(first))
    }
}

const fn centred(size: f32, bold: bool, color: Color) -> Look {
    Look { size, bold, color, alignment: Alignment::Center }
}

/// The letterhead: one language at each edge, the logo between them.
pub(super) fn letterhead(sheet: &ReceiptSheet, columns: Columns, logo_width: f32, logo_height: f32) -> Row {
    let reserve = if logo_width > 0.0 { logo_width + 20.0 } else { GUTTER };
    let width = (columns.width - reserve) / 2.0;
    let stack = |language: Language, alignment| {
        let mut stack = Vec::new();
        let mut line = |text: &str, size, bold, color| {
            let look = Look { size, bold, color, alignment };
            stack.push(Paragraph::new(text, direction(language), look));
        };
        for authority in sheet.header.iter().flat_map(|header| header.get(language).lines()) {
            line(authority.trim(), 7.0, false, SOFT);
        }
        line(&plain(sheet.issuer.get(language)), 10.0, true, ACCENT);
        line(&plain(sheet.office.get(language)), 8.0, false, INK);
        stack
    };
    let left = Cell::new(columns.x, width, stack(columns.left, Alignment::Left));
    let right = Cell::new(columns.x + columns.width - width, width, stack(columns.right, Alignment::Right));
    let mut row = Row::new(columns.x, columns.width, vec![left, right]).centred();
    row.least_height = logo_height;
    row
}

/// The letterhead of a further page: only who issued it.
pub(super) fn short_letterhead(sheet: &ReceiptSheet, columns: Columns) -> Row {
    let mut row = columns.text_row(9.0, true, ACCENT, |language| plain(sheet.issuer.get(language)));
    if columns.right != Language::Arabic {
        row.cells[1].x = columns.x + columns.width - columns.half();
    }
    row
}

/// The title in both languages, white on the one dark band of the page.
pub(super) fn title(columns: Columns) -> Row {
    let inner = Columns { x: columns.x + 10.0, width: columns.width - 20.0, ..columns };
    let mut row = inner.row(|language, _| {
        let alignment = if language == columns.left { Alignment::Left } else { Alignment::Right };
        let size = if language == Language::Arabic { 16.5 } else { 14.0 };
        let look = Look { size, bold: true, color: PAPER, alignment };
        vec![Paragraph::new(&i18n::text(language, "receipt-title"), direction(language), look)]
    });
    (row.x, row.width) = (columns.x, columns.width);
    row.padding(3.0).gap(7.0).dressed(Dressing::Band(ACCENT))
}

/// The title of a further page: whose receipt it continues.
pub(super) fn continued_title(sheet: &ReceiptSheet, columns: Columns) -> Row {
    let size = 9.0;
    let row = columns.text_row(size, true, ACCENT, |language| {
        format!("{} {}", i18n::text(language, "receipt-title"), isolated(&sheet.reference))
    });
    row.gap(7.0).padding(3.0).dressed(Dressing::RuleBelow(ACCENT, 1.0))
}

pub(super) fn facts(sheet: &ReceiptSheet, columns: Columns) -> Vec<Row> {
    const LABEL_SHARE: f32 = 0.185;
    let fact = |key, values| {
        columns.fact(key, LABEL_SHARE, (8.0, SOFT), values).padding(2.6).dressed(Dressing::RuleBelow(RULE, 0.5))
    };
    let reference =
        Paragraph::new(&plain(&sheet.reference), BaseDirection::Ltr, centred(12.5, true, INK)).in_cells(0.68);
    let at = Paragraph::new(&deposited_at(sheet), BaseDirection::Ltr, centred(9.5, true, INK));
    let name = plain(&sheet.applicant);
    let applicant = Paragraph::new(&name, direction_of_name(&name), centred(9.5, true, INK));
    let mut rows: Vec<Row> = Vec::new();
    if sheet.copy.is_some() || sheet.replacement {
        let inner = Columns { x: columns.x + 6.0, width: columns.width - 12.0, ..columns };
        let mut row = inner.text_row(7.8, true, ALERT, |language| notices(sheet, language).join(" "));
        (row.x, row.width) = (columns.x, columns.width);
        rows.push(row.gap(4.0).padding(2.0).dressed(Dressing::Band(ALERT_TINT)));
    }
    rows.push(fact("receipt-reference", vec![reference]).gap(3.0));
    rows.push(fact("receipt-deposited-at", vec![at]));
    rows.push(fact("receipt-procedure", in_both(&sheet.procedure, columns, 9.5, true)));
    rows.push(fact("receipt-applicant", vec![applicant]));
    rows.push(fact("receipt-depositor", depositor(sheet, columns)));
    rows.extend(deadline(sheet, columns));
    rows
}

/// A text in both languages, one under the other.
fn in_both(text: &Localized, columns: Columns, size: f32, bold: bool) -> Vec<Paragraph> {
    let paragraph =
        |language| Paragraph::new(&plain(text.get(language)), direction(language), centred(size, bold, INK));
    columns.reading_order().map(paragraph).into()
}

fn depositor(sheet: &ReceiptSheet, columns: Columns) -> Vec<Paragraph> {
    let depositor = &sheet.depositor;
    let both = |text: &dyn Fn(Language) -> String, bold| {
        let (line, base) = columns.both(text);
        Paragraph::new(&line, base, centred(8.5, bold, INK))
    };
    match (&depositor.name, depositor.role) {
        (None, DepositorRole::Applicant) => {
            let text = |language| i18n::text(language, "receipt-depositor-in-person");
            vec![both(&text, true)]
        }
        (None, role) => vec![both(&|language| depositor_role(role, language), true)],
        (Some(name), role) => {
            let name = plain(name);
            let first = Paragraph::new(&name, direction_of_name(&name), centred(9.5, true, INK));
            vec![first, both(&|language| depositor_role(role, language), false)]
        }
    }
}

/// The legal date on a tinted band, and under it why it is that date.
fn deadline(sheet: &ReceiptSheet, columns: Columns) -> Vec<Row> {
    let Some(deadline) = &sheet.deadline else { return Vec::new() };
    let inner = Columns { x: columns.x + 8.0, width: columns.width - 16.0, ..columns };
    let detail = inner.text_row(7.4, false, INK, |language| deadline_detail(deadline, language));
    let mut head = match deadline.due {
        Some(due) => {
            let date = Paragraph::new(&isolated(&i18n::date(due)), BaseDirection::Ltr, centred(12.0, true, ACCENT));
            let mut row = inner.fact("receipt-deadline", 0.36, (8.4, ACCENT), vec![date]);
            row.cells[0].x = inner.x;
            row
        }
        None => inner.text_row(8.4, true, ALERT, |language| i18n::text(language, "receipt-deadline-suspended")),
    };
    (head.x, head.width) = (columns.x, columns.width);
    vec![head.gap(5.0).padding(1.8).dressed(Dressing::Band(TINT)).heading(), detail.gap(2.0)]
}

/// What was handed in, ticked, and what is missing, with an empty box; the two languages of a document stand on one line.
pub(super) fn documents(sheet: &ReceiptSheet, columns: Columns) -> Vec<Row> {
    let inner = Columns { x: columns.x + 4.0, width: columns.width - 8.0, ..columns };
    let heading = |key: &'static str, count, color, band| {
        let mut row = inner.text_row(8.4, true, color, |language| counted(language, key, count));
        if columns.right != Language::Arabic {
            row.cells[1].x = columns.x + columns.width - columns.half();
        }
        (row.x, row.width) = (columns.x, columns.width);
        row.gap(6.0).padding(1.6).dressed(Dressing::Band(band)).heading()
    };
    let item = |document: &Localized, sign, bold| {
        let mut row = inner.text_row(8.0, bold, INK, |language| plain(document.get(language)));
        row.cells = row
            .cells
            .into_iter()
            .zip([Side::Left, columns.right_side()])
            .map(|(cell, side)| cell.with_sign(sign, side))
            .collect();
        row.padding(1.1)
    };
    let mut rows = vec![heading("receipt-handed-in", sheet.handed_in.len(), ACCENT, TINT)];
    if sheet.handed_in.is_empty() {
        let nothing = inner.text_row(8.0, false, INK, |language| i18n::text(language, "receipt-nothing-handed-in"));
        rows.push(nothing.padding(1.1));
    }
    rows.extend(sheet.handed_in.iter().map(|document| item(document, Sign::TickedBox, false)));
    if !sheet.missing.is_empty() {
        rows.push(heading("receipt-missing", sheet.missing.len(), ALERT, ALERT_TINT));
        rows.extend(sheet.missing.iter().map(|document| item(document, Sign::EmptyBox, true)));
    }
    rows.push(columns.text_row(7.4, false, SOFT, |language| i18n::text(language, "receipt-ownership")).gap(6.0));
    rows
}
