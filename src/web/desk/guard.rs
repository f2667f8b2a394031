//! Forms may only be used after it is known that our own page sent them.
//!
//! A [`CheckedForm`] is the only way for a handler to reach a form's fields, so that the check cannot be forgotten. Two things
//! are asked, because each has failed alone somewhere: a text that only this session's pages carry, and where the browser
//! says that the request comes from.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{FromRequest, FromRequestParts, Request},
    http::{HeaderMap, StatusCode, Uri, header, request::Parts},
    response::Response,
};
use subtle::ConstantTimeEq;

use super::{
    kept_form::KeptForm,
    session::{Nobody, Staff, Stranger, to_sign_in},
    shell::Shell,
    sign_in,
};
use crate::web::{App, form::Form, reply, visitor::Visitor};

/// A form of a member of staff's own session.
pub(super) struct CheckedForm {
    staff: Staff,
    form: Form,
}

impl CheckedForm {
    pub(super) fn into_parts(self) -> (Staff, Form) {
        (self.staff, self.form)
    }
}

impl FromRequest<Arc<App>> for CheckedForm {
    type Rejection = Response;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Response> {
        match SentForm::from_request(request, app).await? {
            SentForm::Checked(form) => Ok(form),
            SentForm::Stranded(stranger, _) => Err(reply::failure(app, &stranger.visitor, &stranger.error)),
        }
    }
}

/// A form that our own page sent, for whoever can give it back when the database does not answer.
pub(super) enum SentForm {
    Checked(CheckedForm),
    /// Whose session it was is not known. Nothing may be done with it but to show it again.
    Stranded(Stranger, Form),
}

impl FromRequest<Arc<App>> for SentForm {
    type Rejection = Response;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let staff = match Staff::find(&mut parts, app).await {
            Ok(staff) => Ok(staff),
            Err(Nobody::SignedIn(visitor)) => return Err(ended(app, visitor, parts, body).await),
            Err(Nobody::Known(stranger)) => Err(stranger),
        };
        let (visitor, expected) = match &staff {
            Ok(staff) => (&staff.visitor, staff.csrf(app)),
            Err(stranger) => (&stranger.visitor, stranger.csrf(app)),
        };
        if !comes_from_here(app, &parts.headers, &parts.uri) {
            return Err(refused(app, visitor));
        }
        let form = Form::from_request(Request::from_parts(parts, body), app).await?;
        let sent = form.one("csrf").unwrap_or_default();
        if !bool::from(sent.as_bytes().ct_eq(expected.as_bytes())) {
            return Err(refused(app, visitor));
        }
        Ok(match staff {
            Ok(staff) => Self::Checked(CheckedForm { staff, form }),
            Err(stranger) => Self::Stranded(stranger, form),
        })
    }
}

/// A form without a session: the sign-in page, which keeps what was typed.
///
/// The session's cookie is `SameSite=Strict`, so whatever another site makes a browser send looks just like a form whose
/// session has ended. If it were kept, that site could fill in the clerk's form and wait for the button. So only a form of
/// which the browser says that our own page sent it is kept; any other is not even read, and leads to an empty sign-in page.
/// No more can be asked: the proof in it belongs to a session that nobody holds any more. The sign-in form, which brings it
/// back, is asked the same, and an address cannot bring it at all.
async fn ended(app: &Arc<App>, visitor: Visitor, parts: Parts, body: Body) -> Response {
    if !KeptForm::is_for(parts.uri.path()) || !comes_from_here(app, &parts.headers, &parts.uri) {
        return to_sign_in(&parts);
    }
    let path = parts.uri.path().to_owned();
    let next = to_sign_in(&parts);
    let form = match Form::from_request(Request::from_parts(parts, body), app).await {
        Ok(form) => form,
        Err(fault) => return fault,
    };
    match KeptForm::sent(&path, form, &app.options.limits) {
        Ok(Some(kept)) => sign_in::after_the_end(app, &visitor, kept),
        Ok(None) => next,
        Err(problem) => reply::problem(app, &visitor, problem.status()),
    }
}

/// The sign-in form: there is no session yet whose text it could carry, so only its origin is checked.
pub(super) struct SameOriginForm {
    pub visitor: Visitor,
    pub form: Form,
}

impl FromRequest<Arc<App>> for SameOriginForm {
    type Rejection = Response;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let visitor = Visitor::from_request_parts(&mut parts, app).await.unwrap_or_else(|never| match never {});
        if !comes_from_here(app, &parts.headers, &parts.uri) {
            return Err(refused(app, &visitor));
        }
        let form = Form::from_request(Request::from_parts(parts, body), app).await?;
        Ok(Self { visitor, form })
    }
}

/// The page's own host is accepted beside the public one, because a desk may reach the server by another name than the
/// citizens do. A browser cannot be made to send a foreign `Host`.
fn comes_from_here(app: &App, headers: &HeaderMap, uri: &Uri) -> bool {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    match text(header::ORIGIN) {
        Some(origin) if origin != "null" => {
            let Some(authority) = authority(origin) else { return false };
            let host = text(header::HOST).or_else(|| uri.authority().map(axum::http::uri::Authority::as_str));
            let public = self::authority(app.service.issuer().public_url.as_str());
            host.is_some_and(|host| host.eq_ignore_ascii_case(authority))
                || public.is_some_and(|public| public.eq_ignore_ascii_case(authority))
        }
        _ => text(header::HeaderName::from_static("sec-fetch-site")) == Some("same-origin"),
    }
}

/// `host:port` of an http or https address.
fn authority(address: &str) -> Option<&str> {
    let rest = address.strip_prefix("https://").or_else(|| address.strip_prefix("http://"))?;
    rest.split('/').next().filter(|authority| !authority.is_empty())
}

#[derive(askama::Template)]
#[template(config = "assets/templates/askama.toml", path = "desk/refused.html")]
struct RefusedPage {
    shell: Shell,
}

fn refused(app: &App, visitor: &Visitor) -> Response {
    let page = RefusedPage { shell: Shell::new(app, visitor, None).at("/desk") };
    page.shell.reply(StatusCode::FORBIDDEN, &page)
}

#[cfg(test)]
mod tests {
    use super::authority;

    #[test]
    fn the_authority_of_an_origin() {
        let check = |origin: &str, expected: Option<&str>| assert_eq!(authority(origin), expected, "{origin:?}");
        check("http://127.0.0.1:8080", Some("127.0.0.1:8080"));
        check("https://suivi.example.ma/", Some("suivi.example.ma"));
        check("null", None);
        check("https://", None);
        check("file://x", None);
    }
}
