//! The style of the public pages, which travels inside each page, and its hash for the browser's policy.

use std::sync::LazyLock;

use base64::{Engine, engine::general_purpose::STANDARD};
use sha2::{Digest, Sha256};

use crate::dossier::Language;

const SHEET: &str = include_str!("../../../assets/css/public.css");

#[derive(Debug)]
pub struct Style {
    pub css: String,
    /// As a `style-src` names it, without the quotes.
    pub source: String,
    pub has_font: bool,
}

static PLAIN: LazyLock<Style> = LazyLock::new(|| style(String::new()));

/// Most phones have no Tifinagh. The font is NotoSansTifinagh-Regular cut down to the letters of our texts and drawn on a
/// coarser grid, of which a phone's screen shows nothing:
/// `pyftsubset assets/fonts/NotoSansTifinagh-Regular.ttf --text=<letters> --no-hinting --layout-features= --name-IDs=
/// --no-notdef-outline --drop-tables+=GDEF,GPOS,GSUB,gasp --output-file=page.ttf`, `fonttools ttLib.scaleUpem page.ttf 128`,
/// `fonttools ttLib.woff2 compress page-scaled.ttf -o assets/fonts/tifinagh-page.woff2`. A letter that is missing from it
/// comes from the phone, if the phone has it.
const TIFINAGH: &[u8] = include_bytes!("../../../assets/fonts/tifinagh-page.woff2");

static WITH_FONT: LazyLock<Style> = LazyLock::new(|| {
    let font = STANDARD.encode(TIFINAGH);
    style(format!(
        "@font-face{{font-family:Tifinagh;src:url(data:font/woff2;base64,{font});unicode-range:U+2D30-2D7F}}"
    ))
});

pub fn of(language: Language) -> &'static Style {
    match language {
        Language::Tamazight => &WITH_FONT,
        _ => &PLAIN,
    }
}

fn style(font: String) -> Style {
    let has_font = !font.is_empty();
    let css = font + &minified(SHEET);
    let source = format!("sha256-{}", STANDARD.encode(Sha256::digest(css.as_bytes())));
    Style { css, source, has_font }
}

/// Without comments, line breaks and indentation. The sheet is ours, so it has no such marks inside strings.
fn minified(sheet: &str) -> String {
    let mut css = String::with_capacity(sheet.len());
    let mut rest = sheet;
    while let Some((before, after)) = rest.split_once("/*") {
        css.push_str(before);
        rest = after.split_once("*/").map_or("", |(_, after)| after);
    }
    css.push_str(rest);
    let mut css: String = css.lines().map(str::trim).collect();
    for mark in ["{", "}", ":", ";", ","] {
        // Selectors such as `a :hover` do not occur; a space before a colon would be lost.
        css = css.replace(&format!("{mark} "), mark).replace(&format!(" {mark}"), mark);
    }
    css.replace(";}", "}")
}
