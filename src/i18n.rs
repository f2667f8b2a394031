//! The words of the pages and papers, in four languages, from Fluent files embedded in the program.
//!
//! This module must never decide anything: it is given a key and values. Fluent isolates each value (U+2068 … U+2069), so
//! that a reference or a telephone number cannot turn a right-to-left sentence around; pages keep these marks.
//! Dates are written by hand as dd/mm/yyyy because that is the issuer's rule in every language, and ICU has no data for
//! Tamazight.

pub mod verdict_words;

use std::sync::LazyLock;

use fluent_bundle::{FluentArgs, FluentResource, FluentValue, concurrent::FluentBundle};
use jiff::civil::Date;
use unic_langid::LanguageIdentifier;

use crate::dossier::Language;

type Bundle = FluentBundle<FluentResource>;

macro_rules! locale {
    ($tag:literal) => {
        [
            include_str!(concat!("../assets/locales/", $tag, "/common.ftl")),
            include_str!(concat!("../assets/locales/", $tag, "/receipt.ftl")),
            include_str!(concat!("../assets/locales/", $tag, "/public.ftl")),
            include_str!(concat!("../assets/locales/", $tag, "/desk.ftl")),
            include_str!(concat!("../assets/locales/", $tag, "/verify.ftl")),
            include_str!(concat!("../assets/locales/", $tag, "/journal.ftl")),
            include_str!(concat!("../assets/locales/", $tag, "/evidence.ftl")),
        ]
    };
}

/// The Fluent sources of a language, for the bundles and for the test that compares their keys.
pub fn sources(language: Language) -> [&'static str; 7] {
    match language {
        Language::Arabic => locale!("ar"),
        Language::French => locale!("fr"),
        Language::Tamazight => locale!("zgh"),
        Language::English => locale!("en"),
    }
}

/// The word files that no native speaker has confirmed: those with the comment line `# review = true`. `milaf doctor` lists
/// them, and whoever confirms a file removes the line.
pub fn unreviewed() -> Vec<String> {
    let names = ["common", "receipt", "public", "desk", "verify", "journal", "evidence"];
    let mut files = Vec::new();
    for language in Language::ALL {
        for (name, source) in names.iter().zip(sources(language)) {
            if source.lines().any(|line| line == "# review = true") {
                files.push(format!("words: {}/{name}.ftl", language.tag()));
            }
        }
    }
    files
}

static BUNDLES: LazyLock<[Bundle; 4]> = LazyLock::new(|| Language::ALL.map(bundle));

fn bundle(language: Language) -> Bundle {
    let identifier: LanguageIdentifier = language.tag().parse().expect("the four tags are well-formed");
    let mut bundle = Bundle::new_concurrent(vec![identifier]);
    for source in sources(language) {
        // A file with an error in one entry still serves the others; the locale test refuses such a file.
        let resource = FluentResource::try_new(source.to_owned()).unwrap_or_else(|(resource, _)| resource);
        bundle.add_resource_overriding(resource);
    }
    bundle
}

/// The text of a key. A key that is missing shows itself, which the locale test makes impossible for shipped keys.
pub fn text(language: Language, key: &str) -> String {
    text_with(language, key, &[])
}

/// The text of a key with named values, each isolated from the direction of its surroundings.
pub fn text_with(language: Language, key: &str, values: &[(&str, &str)]) -> String {
    let bundle = &BUNDLES[language as usize];
    let Some(pattern) = bundle.get_message(key).and_then(|message| message.value()) else {
        return key.to_owned();
    };
    let mut arguments = FluentArgs::new();
    for (name, value) in values {
        arguments.set(*name, FluentValue::from(*value));
    }
    let mut errors = Vec::new();
    bundle.format_pattern(pattern, Some(&arguments), &mut errors).into_owned()
}

/// dd/mm/yyyy with Western digits, in every language.
pub fn date(day: Date) -> String {
    format!("{:02}/{:02}/{:04}", day.day(), day.month(), day.year())
}

/// The best of the four for an `Accept-Language` header, or `None` when it asks for none of them.
pub fn negotiate(accept_language: &str) -> Option<Language> {
    let mut best: Option<(Language, u16)> = None;
    for part in accept_language.split(',').take(32) {
        let mut pieces = part.split(';');
        let Some(language) = pieces.next().and_then(|tag| Language::from_tag(tag.trim())) else { continue };
        let quality = pieces.next().and_then(|piece| piece.trim().strip_prefix("q=")).map_or(1000, thousandths);
        if quality > 0 && best.is_none_or(|(_, highest)| quality > highest) {
            best = Some((language, quality));
        }
    }
    best.map(|(language, _)| language)
}

/// An HTTP quality value in thousandths; a malformed one counts as nothing.
fn thousandths(quality: &str) -> u16 {
    let value: f32 = quality.trim().parse().unwrap_or(0.0);
    if (0.0..=1.0).contains(&value) {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the value lies between 0 and 1000"
        )]
        let whole = (value * 1000.0) as u16;
        whole
    } else {
        0
    }
}
