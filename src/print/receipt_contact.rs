//! The lower part of the receipt: how to follow the dossier with or without a smartphone, whom to call, and where the
//! public register holds this receipt.

use parley::{Alignment, BaseDirection};

use super::{
    paragraph::{Look, Paragraph, direction, isolated, plain},
    receipt_facts::Columns,
    receipt_sheet::ReceiptSheet,
    receipt_words::short_root,
    rows::{ACCENT, Cell, Dressing, INK, RULE, Row, SOFT},
};
use crate::i18n;

/// Beside the QR symbol: what to do, then the address, the reference and the code to type.
pub(super) fn instructions(sheet: &ReceiptSheet, columns: Columns) -> Vec<Row> {
    const LABEL_SHARE: f32 = 0.235;
    let look = |size, bold, color, alignment| Look { size, bold, color, alignment };
    let mut rows = Vec::new();
    for language in columns.reading_order() {
        let alignment = if direction(language) == BaseDirection::Rtl { Alignment::Right } else { Alignment::Left };
        let line = |key, size, bold, color| {
            Paragraph::new(&i18n::text(language, key), direction(language), look(size, bold, color, alignment))
        };
        let stack =
            vec![line("receipt-instructions-lead", 8.0, true, ACCENT), line("receipt-instructions", 7.4, false, INK)];
        rows.push(Row::new(columns.x, columns.width, vec![Cell::new(columns.x, columns.width, stack)]).gap(2.0));
    }
    let value = |text: &str, size| Paragraph::new(text, BaseDirection::Ltr, look(size, true, INK, Alignment::Center));
    let site = value(&isolated(&sheet.domain), 10.5);
    let reference = value(&plain(&sheet.reference), 11.0).in_cells(0.66);
    let code = value(&plain(&sheet.typed_code), 13.0).in_cells(1.1);
    let rule = Dressing::RuleBelow(RULE, 0.5);
    rows.push(columns.fact("receipt-site", LABEL_SHARE, (7.0, SOFT), vec![site]).gap(3.0).padding(1.0).dressed(rule));
    rows.push(columns.fact("receipt-reference", LABEL_SHARE, (7.0, SOFT), vec![reference]).padding(1.0).dressed(rule));
    let mut typed = columns.fact("receipt-code", LABEL_SHARE, (7.0, SOFT), vec![code]).padding(2.2);
    typed.cells =
        typed.cells.into_iter().enumerate().map(|(at, cell)| if at == 1 { cell.boxed() } else { cell }).collect();
    rows.push(typed);
    rows
}

/// Channels and opening hours, three abreast: the label in both languages, the value under it.
pub(super) fn channels(sheet: &ReceiptSheet, columns: Columns) -> Vec<Row> {
    const ABREAST: usize = 3;
    const GAP: f32 = 8.0;
    let look = |size, bold, color| Look { size, bold, color, alignment: Alignment::Center };
    let mut stacks: Vec<Vec<Paragraph>> = Vec::new();
    for channel in &sheet.channels {
        let (label, base) = columns.both(|language| i18n::text(language, channel.label_key));
        let value = Paragraph::new(&isolated(&channel.value), BaseDirection::Ltr, look(7.6, true, INK));
        stacks.push(vec![Paragraph::new(&label, base, look(6.6, false, SOFT)), value]);
    }
    #[expect(clippy::cast_precision_loss, reason = "at most three cells stand abreast")]
    let width = (columns.width - GAP * (ABREAST - 1) as f32) / ABREAST as f32;
    let mut rows: Vec<Row> = Vec::new();
    let mut stacks = stacks.into_iter().peekable();
    while stacks.peek().is_some() {
        // The first cell stands where reading begins.
        let mut x = if columns.first == columns.right { columns.x + columns.width - width } else { columns.x };
        let mut cells = Vec::new();
        for stack in stacks.by_ref().take(ABREAST) {
            cells.push(Cell::new(x, width, stack));
            x += if columns.first == columns.right { -(width + GAP) } else { width + GAP };
        }
        let gap = if rows.is_empty() { 6.0 } else { 3.0 };
        rows.push(Row::new(columns.x, columns.width, cells).gap(gap));
    }
    for hours in &sheet.hours {
        let times = Paragraph::new(&isolated(&hours.times), BaseDirection::Ltr, look(7.6, true, INK));
        let row = columns.fact_with(0.36, (7.0, SOFT), |language| plain(hours.days.get(language)), vec![times]);
        rows.push(row.gap(4.0));
    }
    rows
}

/// The log position as entry / size · root, and the issuer's own last words.
pub(super) fn foot(sheet: &ReceiptSheet, columns: Columns) -> Vec<Row> {
    let position = isolated(&format!("{} / {} · {}", sheet.leaf_index, sheet.tree_size, short_root(&sheet.root)));
    let look = Look { size: 6.8, bold: false, color: INK, alignment: Alignment::Center };
    let position = Paragraph::new(&position, BaseDirection::Ltr, look);
    let mut rows = vec![columns.fact("receipt-register", 0.27, (6.6, SOFT), vec![position]).gap(5.0)];
    if let Some(footer) = &sheet.footer {
        rows.push(columns.text_row(6.5, false, SOFT, |language| plain(footer.get(language))).gap(2.0));
    }
    rows
}

/// `Page 1 of 2`, with a hint where the reader has to turn the sheet.
pub(super) fn page_number(columns: Columns, page: usize, pages: usize) -> Row {
    let (this, all) = (page.to_string(), pages.to_string());
    columns
        .text_row(7.0, true, INK, |language| {
            let number = i18n::text_with(language, "receipt-page", &[("page", &this), ("pages", &all)]);
            if page < pages { format!("{number} — {}", i18n::text(language, "receipt-continued")) } else { number }
        })
        .gap(4.0)
}
