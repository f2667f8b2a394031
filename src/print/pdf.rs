//! Writes a draw list as PDF/A-2u, an archive format whose text can be searched and whose fonts lie in the file.
//!
//! The file's date and identifier come from the sheet and the settings are fixed, so the same sheet gives the same bytes.
//! Only this file knows PDF; it must place nothing and choose nothing.

use std::{cell::RefCell, collections::HashMap, sync::Arc};

use image::{ImageFormat, ImageReader, Limits};
use krilla::{
    Document, SerializeSettings,
    color::rgb,
    configure::{Archival, ConfigurationBuilder},
    geom::{Path, PathBuilder, Point as PdfPoint, Rect, Size, Transform},
    image::Image,
    metadata::{DateTime, Metadata, TextDirection},
    num::NormalizedF32,
    page::PageSettings,
    paint::{Fill, FillRule, LineCap, LineJoin, Stroke},
    surface::Surface,
    text::{Font, GlyphId, KrillaGlyph},
};

use super::{
    draw_list::{Color, DrawItem, DrawList, GlyphRun, Point, Rectangle, TextBlock},
    qr::{QUIET_ZONE, QrSymbol},
    receipt_layout::layout_receipt,
    receipt_sheet::{PrintError, ReceiptSheet},
};
use crate::{dossier::Language, i18n};

/// The logo may not be larger than this on either side; a few kilobytes of PNG could otherwise ask for gigabytes.
const LARGEST_LOGO: u32 = 4000;

/// The receipt as a PDF of one or more A5 pages. The same sheet gives the same bytes.
pub fn receipt_pdf(sheet: &ReceiptSheet) -> Result<Vec<u8>, PrintError> {
    let logo = sheet.logo.as_deref().map(decode_logo).transpose()?;
    let proportions = logo.as_ref().map(|logo| logo.0);
    let list = layout_receipt(sheet, proportions)?;
    write(sheet, &list, logo.as_ref().map(|logo| &logo.1))
}

/// The logo's width divided by its height, and its pixels.
fn decode_logo(file: &[u8]) -> Result<(f32, Image), PrintError> {
    let mut reader = ImageReader::with_format(std::io::Cursor::new(file), ImageFormat::Png);
    let mut limits = Limits::default();
    limits.max_image_width = Some(LARGEST_LOGO);
    limits.max_image_height = Some(LARGEST_LOGO);
    reader.limits(limits);
    let picture = reader.decode().map_err(|error| PrintError::Logo(error.to_string()))?.into_rgba8();
    let (width, height) = picture.dimensions();
    #[expect(clippy::cast_precision_loss, reason = "a logo has at most 4000 pixels a side")]
    let proportions = width as f32 / height as f32;
    Ok((proportions, Image::from_rgba8(picture.into_raw(), width, height)))
}

fn write(sheet: &ReceiptSheet, list: &DrawList, logo: Option<&Image>) -> Result<Vec<u8>, PrintError> {
    let failed = |message: String| PrintError::Pdf(message);
    let configuration = ConfigurationBuilder::new()
        .with_archival_validator(Archival::A2_U)
        .finish()
        .map_err(|error| failed(format!("{error:?}")))?;
    let mut document =
        Document::new_with(SerializeSettings { configuration, enable_tagging: false, ..SerializeSettings::default() });
    document.set_metadata(metadata(sheet));
    for page in &list.pages {
        let settings =
            PageSettings::from_wh(list.width, list.height).ok_or_else(|| failed("the page has no size".to_owned()))?;
        let mut pdf_page = document.start_page_with(settings);
        let mut surface = pdf_page.surface();
        for item in &page.items {
            draw(&mut surface, item, logo);
        }
        surface.finish();
        pdf_page.finish();
    }
    document.finish().map_err(|error| failed(format!("{error:?}")))
}

fn metadata(sheet: &ReceiptSheet) -> Metadata {
    let language = sheet.languages[0];
    let at = sheet.deposited_at;
    let small = |value: i8| value.unsigned_abs();
    let mut date = DateTime::new(at.year().unsigned_abs());
    date = date.month(small(at.month())).day(small(at.day()));
    date = date.hour(small(at.hour())).minute(small(at.minute())).second(small(at.second()));
    let identifier =
        format!("milaf-receipt-{}-{}-{}", sheet.reference, sheet.leaf_index, sheet.copy.unwrap_or_default());
    let direction = if language == Language::Arabic { TextDirection::RightToLeft } else { TextDirection::LeftToRight };
    Metadata::new()
        .title(format!("{} {}", i18n::text(language, "receipt-title"), sheet.reference))
        .language(language.tag().to_owned())
        .text_direction(direction)
        .creator("Milaf".to_owned())
        .creation_date(date.utc_offset_hour(0).utc_offset_minute(0))
        .document_id(identifier)
}

fn draw(surface: &mut Surface<'_>, item: &DrawItem, logo: Option<&Image>) {
    match item {
        DrawItem::Text(block) => text(surface, block),
        DrawItem::Mark { block, degrees, .. } => {
            let centre = block.bounds.centre();
            surface.push_transform(&Transform::from_rotate_at(*degrees, centre.x, centre.y));
            text(surface, block);
            surface.pop();
        }
        DrawItem::Fill { area, radius, color } => {
            paint(surface, Some(*color), None);
            if let Some(path) = rounded(area, *radius) {
                surface.draw_path(&path);
            }
        }
        DrawItem::Outline { area, radius, width, color } => {
            paint(surface, None, Some((*color, *width)));
            if let Some(path) = rounded(area, *radius) {
                surface.draw_path(&path);
            }
        }
        DrawItem::Line { points, width, color } => {
            paint(surface, None, Some((*color, *width)));
            if let Some(path) = polyline(points) {
                surface.draw_path(&path);
            }
        }
        DrawItem::Qr { area, symbol } => qr(surface, area, symbol),
        DrawItem::Picture { area } => {
            if let (Some(logo), Some(size)) = (logo, Size::from_wh(area.width, area.height)) {
                surface.push_transform(&Transform::from_translate(area.x, area.y));
                surface.draw_image(logo.clone(), size);
                surface.pop();
            }
        }
    }
}

fn paint(surface: &mut Surface<'_>, fill: Option<Color>, stroke: Option<(Color, f32)>) {
    let ink = |Color(red, green, blue)| rgb::Color::new(red, green, blue);
    surface.set_fill(fill.map(|color| Fill {
        paint: ink(color).into(),
        opacity: NormalizedF32::ONE,
        rule: FillRule::NonZero,
    }));
    surface.set_stroke(stroke.map(|(color, width)| Stroke {
        paint: ink(color).into(),
        width,
        line_cap: LineCap::Round,
        line_join: LineJoin::Round,
        ..Stroke::default()
    }));
}

thread_local! {
    /// Parsed fonts by the identity of their data, which lives as long as this thread's shaper.
    static FONTS: RefCell<HashMap<u64, Font>> = RefCell::new(HashMap::new());
}

fn font(run: &GlyphRun) -> Option<Font> {
    FONTS.with_borrow_mut(|fonts| {
        let identity = run.font.data.id();
        if let Some(font) = fonts.get(&identity) {
            return Some(font.clone());
        }
        let (data, _) = run.font.data.clone().into_raw_parts();
        let font = Font::new(data.into(), run.font.index)?;
        fonts.insert(identity, font.clone());
        Some(font)
    })
}

fn text(surface: &mut Surface<'_>, block: &TextBlock) {
    for run in &block.runs {
        let Some(font) = font(run) else { continue };
        let thicker = run.embolden.then_some((block.color, run.size * 0.026));
        paint(surface, Some(block.color), thicker);
        let em = run.size;
        let glyphs: Vec<KrillaGlyph> = run
            .glyphs
            .iter()
            .map(|glyph| {
                let id = GlyphId::new(glyph.id);
                let (x, y) = (glyph.offset.x / em, glyph.offset.y / em);
                KrillaGlyph::new(id, glyph.advance / em, x, y, 0.0, glyph.text.clone(), None)
            })
            .collect();
        surface.draw_glyphs(PdfPoint::from_xy(run.origin.x, run.origin.y), &glyphs, font, &block.text, em, false);
    }
}

fn qr(surface: &mut Surface<'_>, area: &Rectangle, symbol: &Arc<QrSymbol>) {
    #[expect(clippy::cast_precision_loss, reason = "a symbol has at most 185 modules a side")]
    let count = |modules: usize| modules as f32;
    let module = area.width / count(symbol.width() + 2 * QUIET_ZONE);
    let place = |start: f32, index: usize| start + count(index + QUIET_ZONE) * module;
    let mut path = PathBuilder::new();
    for (column, row, length) in symbol.bars() {
        let (left, top) = (place(area.x, column), place(area.y, row));
        if let Some(bar) = Rect::from_ltrb(left, top, place(area.x, column + length), place(area.y, row + 1)) {
            path.push_rect(bar);
        }
    }
    paint(surface, Some(Color(0, 0, 0)), None);
    if let Some(path) = path.finish() {
        surface.draw_path(&path);
    }
}

fn polyline(points: &[Point]) -> Option<Path> {
    let mut path = PathBuilder::new();
    let (first, rest) = points.split_first()?;
    path.move_to(first.x, first.y);
    for point in rest {
        path.line_to(point.x, point.y);
    }
    path.finish()
}

/// How far a control point stands from the corner for a curve that looks like a quarter circle.
const QUARTER_CIRCLE: f32 = 0.447_715;

fn rounded(area: &Rectangle, radius: f32) -> Option<Path> {
    let mut path = PathBuilder::new();
    if radius <= 0.0 {
        path.push_rect(Rect::from_xywh(area.x, area.y, area.width, area.height)?);
        return path.finish();
    }
    let (left, top, right, bottom) = (area.x, area.y, area.right(), area.bottom());
    let near = radius * QUARTER_CIRCLE;
    path.move_to(left + radius, top);
    path.line_to(right - radius, top);
    path.cubic_to(right - near, top, right, top + near, right, top + radius);
    path.line_to(right, bottom - radius);
    path.cubic_to(right, bottom - near, right - near, bottom, right - radius, bottom);
    path.line_to(left + radius, bottom);
    path.cubic_to(left + near, bottom, left, bottom - near, left, bottom - radius);
    path.line_to(left, top + radius);
    path.cubic_to(left, top + near, left + near, top, left + radius, top);
    path.close();
    path.finish()
}
