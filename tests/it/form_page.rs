//! A form as a browser holds it: what stands in its controls is what is sent.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use crate::{
    raw_http::{Answer, Request, form},
    real_server::{Clerk, reference_in},
};

const ACTION: &str = "/desk/register";

#[derive(Clone, Debug)]
pub(crate) struct FormPage {
    action: String,
    fields: Vec<(String, String)>,
}

impl FormPage {
    /// Asks for an empty form.
    pub(crate) fn ask(clerk: &Clerk, procedure: &str) -> Request {
        clerk.on(Request::get(&format!("{ACTION}?procedure={procedure}")))
    }

    /// The registration form of a page.
    pub(crate) fn of(page: &str) -> Self {
        Self::sent_to(page, ACTION)
    }

    /// The form of a page that is sent to this address.
    pub(crate) fn sent_to(page: &str, action: &str) -> Self {
        let start = page.find(&format!("<form method=\"post\" action=\"{action}\"")).unwrap_or_else(|| {
            panic!("there is no form for {action} in {page}");
        });
        let form = page[start..].split("</form>").next().unwrap();
        let mut fields = Vec::new();
        let mut select = None;
        for piece in form.split('<') {
            let (tag, text) = piece.split_once('>').unwrap_or((piece, ""));
            let words = |name: &str| {
                let (_, rest) = tag.split_once(&format!(" {name}=\""))?;
                Some(plain(rest.split('"').next()?))
            };
            match (tag.split(' ').next(), words("name")) {
                (Some("select"), name) => select = name,
                (Some("option"), _) if tag.ends_with(" selected") => {
                    fields.push((select.take().unwrap(), words("value").unwrap()));
                }
                (Some("textarea"), Some(name)) => fields.push((name, plain(text.strip_prefix('\n').unwrap_or(text)))),
                (Some("input"), Some(name)) => {
                    let chosen = !matches!(words("type").as_deref(), Some("radio" | "checkbox"));
                    if chosen || tag.ends_with(" checked") {
                        fields.push((name, words("value").unwrap_or_default()));
                    }
                }
                _ => {}
            }
        }
        Self { action: action.to_owned(), fields }
    }

    pub(crate) fn value(&self, name: &str) -> &str {
        &self.fields.iter().find(|field| field.0 == name).unwrap_or_else(|| panic!("{name} is not in {self:?}")).1
    }

    /// Types into a control.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        let typed = self.fields.iter_mut().find(|field| field.0 == name);
        value.clone_into(&mut typed.unwrap_or_else(|| panic!("there is no control {name}")).1);
        self
    }

    /// Every name and value, in the order of the page.
    pub(crate) fn fields(&self) -> Vec<(&str, &str)> {
        self.fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
    }

    /// What the button sends.
    pub(crate) fn request(&self, clerk: &Clerk) -> Request {
        clerk.on(Request::post(&self.action, form(&self.fields())))
    }
}

/// Text without the escapes of HTML.
fn plain(text: &str) -> String {
    let escapes = [("&#39;", "'"), ("&#34;", "\""), ("&#60;", "<"), ("&#62;", ">"), ("&#38;", "&")];
    escapes.iter().fold(text.to_owned(), |text, (escape, letter)| text.replace(escape, letter))
}

/// The reference that a registration led to.
pub(crate) fn reference_told(answer: &Answer) -> String {
    assert_eq!(answer.status, 303, "{}\n{}", answer.head, answer.text());
    let location = answer.header("location").expect("a redirection says where to");
    reference_in(location).unwrap_or_else(|| panic!("led to {location}")).to_owned()
}
