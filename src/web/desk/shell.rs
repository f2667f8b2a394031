//! What every staff page has around its own content: the languages, who is signed in, and the words.

use axum::{http::StatusCode, response::Response};

use super::session::Staff;
use crate::{
    dossier::{Language, Role, StaffAction},
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
    role: Option<Role>,
    /// For the hidden field of every form; empty before signing in.
    pub csrf: String,
    here: String,
}

impl Shell {
    pub(super) fn new(app: &App, visitor: &Visitor, signed_in: Option<(&Staff, String)>) -> Self {
        let issuer = app.service.issuer();
        let language = visitor.language;
        let name = issuer.short_name.as_ref().unwrap_or(&issuer.names).get(language).to_owned();
        let (staff, csrf) = signed_in.unzip();
        let here = visitor.path_and_query.clone();
        Self {
            language,
            issuer: name,
            account: staff.map(|staff| staff.account.clone()),
            role: staff.map(|staff| staff.role),
            csrf: csrf.unwrap_or_default(),
            here,
        }
    }

    fn may(&self, action: StaffAction) -> bool {
        self.role.is_some_and(|role| role.may(action))
    }

    pub(super) fn may_register(&self) -> bool {
        self.may(StaffAction::Register)
    }

    pub(super) fn may_change(&self) -> bool {
        self.may(StaffAction::ChangeDossier)
    }

    pub(super) fn may_read_journal(&self) -> bool {
        self.may(StaffAction::ReadJournal)
    }

    pub(super) fn may_take_evidence(&self) -> bool {
        self.may(StaffAction::TakeEvidence)
    }

    /// What the account is for, in words.
    pub(super) fn role_word(&self) -> Option<String> {
        self.role.map(|role| self.t(&format!("staff-role-{role}")))
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
