//! What every staff page has around its own content: the languages, who is signed in, and the words.

use axum::{http::StatusCode, response::Response};

use crate::{
    dossier::Language,
    i18n,
    web::{
        App,
        reply::{self, Policy},
        visitor::Visitor,
    },
};

pub(super) struct LanguageLink {
    pub tag: &'static str,
    pub name: &'static str,
    pub direction: &'static str,
    pub href: String,
    pub current: bool,
}

pub(super) struct Shell {
    pub language: Language,
    pub issuer: String,
    pub account: Option<String>,
    /// For the hidden field of every form; empty before signing in.
    pub csrf: String,
    here: String,
}

impl Shell {
    pub(super) fn new(app: &App, visitor: &Visitor, signed_in: Option<(String, String)>) -> Self {
        let issuer = app.service.issuer();
        let language = visitor.language;
        let name = issuer.short_name.as_ref().unwrap_or(&issuer.names).get(language).to_owned();
        let (account, csrf) = signed_in.unzip();
        let here = visitor.path_and_query.clone();
        Self { language, issuer: name, account, csrf: csrf.unwrap_or_default(), here }
    }

    pub(super) fn tag(&self) -> &'static str {
        self.language.tag()
    }

    pub(super) fn direction(&self) -> &'static str {
        self.language.direction()
    }

    pub(super) fn t(&self, key: &str) -> String {
        i18n::text(self.language, key)
    }

    pub(super) fn with(&self, key: &str, name: &str, value: &str) -> String {
        i18n::text_with(self.language, key, &[(name, value)])
    }

    /// The same page in the other languages. A page that answers a form cannot be asked for again by a link, so its links
    /// lead to the place above it.
    pub(super) fn languages(&self) -> Vec<LanguageLink> {
        let (path, query) = self.here.split_once('?').unwrap_or((&self.here, ""));
        let kept: String = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name != "l"))
            .finish();
        let separator = if kept.is_empty() { "" } else { "&" };
        let link = |language: Language| LanguageLink {
            tag: language.tag(),
            name: language.endonym(),
            direction: language.direction(),
            href: format!("{path}?{kept}{separator}l={}", language.tag()),
            current: language == self.language,
        };
        Language::ALL.map(link).into()
    }

    /// After a form was refused: the language links lead to a page that a link can open.
    pub(super) fn at(mut self, path: &str) -> Self {
        path.clone_into(&mut self.here);
        self
    }

    pub(super) fn reply(&self, status: StatusCode, page: &impl askama::Template) -> Response {
        let body = page.render().expect("rendering into memory fails only when a template's own code does");
        reply::html(status, self.language, Policy::Desk, body)
    }
}
