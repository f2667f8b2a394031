//! What stands around every public page: the agency's name, the language switch, the foot.

use super::style;
use crate::{
    config::Issuer,
    dossier::{Language, Localized},
    i18n,
    web::{App, visitor::Visitor},
};

/// The surroundings of a page in one language; templates ask it for words.
#[derive(Clone, Debug)]
pub(super) struct Frame<'a> {
    pub(super) issuer: &'a Issuer,
    pub(super) language: Language,
    /// Where the language switch leads: empty for the page itself, which keeps a receipt's path without writing it.
    switch: &'static str,
}

/// One of the language switch's links.
#[derive(Clone, Debug)]
pub(super) struct Choice {
    pub(super) tag: &'static str,
    pub(super) endonym: &'static str,
    pub(super) link: String,
    pub(super) current: bool,
}

impl<'a> Frame<'a> {
    pub(super) fn new(app: &'a App, visitor: &Visitor) -> Self {
        Self { issuer: app.service.issuer(), language: visitor.language, switch: "" }
    }

    /// For an answer to a form, whose own address cannot be opened by a link.
    pub(super) fn switching_at(self, path: &'static str) -> Self {
        Self { switch: path, ..self }
    }

    pub(super) fn text(&self, key: &str) -> String {
        i18n::text(self.language, key)
    }

    pub(super) fn with(&self, key: &str, values: &[(&str, &str)]) -> String {
        i18n::text_with(self.language, key, values)
    }

    pub(super) fn of<'text>(&self, text: &'text Localized) -> &'text str {
        text.get(self.language)
    }

    pub(super) fn tag(&self) -> &'static str {
        self.language.tag()
    }

    pub(super) fn direction(&self) -> &'static str {
        self.language.direction()
    }

    pub(super) fn agency(&self) -> &str {
        self.issuer.names.get(self.language)
    }

    pub(super) fn css(&self) -> &'static str {
        &style::of(self.language).css
    }

    pub(super) fn languages(&self) -> [Choice; 4] {
        Language::ALL.map(|language| Choice {
            tag: language.tag(),
            endonym: language.endonym(),
            link: format!("{}?l={}", self.switch, language.tag()),
            current: language == self.language,
        })
    }

    /// A path of ours in the language of this page.
    pub(super) fn link(&self, path: &str) -> String {
        format!("{path}?l={}", self.language.tag())
    }
}
