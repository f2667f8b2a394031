//! Who is at the desk, and in which language they read.
//!
//! The cookie holds a secret and nothing else; the session lies in the database, where an administrator can end it. A signed
//! cookie that carries its own contents was rejected, because it cannot be taken back.

use std::sync::Arc;

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, Method, request::Parts},
    response::Response,
};
use jiff::Timestamp;

use super::shell::Shell;
use crate::{
    dossier::{Language, Role, StaffAction},
    service::{Actor, ServiceError, SignedIn},
    web::{
        App, reply,
        visitor::{LANGUAGE_COOKIE, Visitor, cookie},
    },
};

const YEAR_IN_SECONDS: u32 = 31_536_000;

/// A member of staff who has signed in.
pub(super) struct Staff {
    pub visitor: Visitor,
    pub account: String,
    /// That of the account at the moment of this request.
    pub role: Role,
    secret: String,
}

impl Staff {
    pub(super) fn actor(&self) -> Actor {
        Actor::staff(&self.account, self.role)
    }

    pub(super) fn may(&self, action: StaffAction) -> bool {
        self.role.may(action)
    }

    /// The text that a form of this session must carry.
    pub(super) fn csrf(&self, app: &App) -> String {
        app.service.csrf_text(&self.secret)
    }

    pub(super) fn secret(&self) -> &str {
        &self.secret
    }

    /// The frame of a page for this member of staff.
    pub(super) fn shell(&self, app: &App) -> Shell {
        Shell::new(app, &self.visitor, Some((self, self.csrf(app))))
    }
}

/// Why it is not known that somebody is at the desk.
pub(super) enum Nobody {
    /// There is no session.
    SignedIn(Visitor),
    /// The database does not say whether there is one.
    Known(Stranger),
}

/// Whoever holds a session's secret of which the database does not say whether it is still good.
pub(super) struct Stranger {
    pub visitor: Visitor,
    pub error: ServiceError,
    secret: String,
}

impl Stranger {
    /// The text that a form of this session must carry, which needs no database.
    pub(super) fn csrf(&self, app: &App) -> String {
        app.service.csrf_text(&self.secret)
    }

    /// The frame of a page on which a form can be sent again, and nothing else be done.
    pub(super) fn shell(&self, app: &App) -> Shell {
        let mut shell = Shell::new(app, &self.visitor, None);
        shell.csrf = self.csrf(app);
        shell
    }
}

impl Staff {
    /// Somebody who has signed in with this very request.
    pub(super) fn signed_in(visitor: Visitor, signed_in: &SignedIn) -> Self {
        let secret = signed_in.secret.as_str().to_owned();
        Self { visitor, account: signed_in.account.clone(), role: signed_in.role, secret }
    }

    pub(super) async fn find(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Nobody> {
        let visitor = Visitor::from_request_parts(parts, app).await.unwrap_or_else(|never| match never {});
        let Some(secret) = session_cookie(app, &parts.headers) else {
            return Err(Nobody::SignedIn(visitor));
        };
        match app.service.session(&secret).await {
            Ok(Some(session)) => Ok(Self { visitor, account: session.account, role: session.role, secret }),
            Ok(None) => Err(Nobody::SignedIn(visitor)),
            Err(error) => Err(Nobody::Known(Stranger { visitor, error, secret })),
        }
    }
}

impl FromRequestParts<Arc<App>> for Staff {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Response> {
        Self::find(parts, app).await.map_err(|nobody| match nobody {
            Nobody::SignedIn(_) => to_sign_in(parts),
            Nobody::Known(stranger) => reply::failure(app, &stranger.visitor, &stranger.error),
        })
    }
}

fn exact_language(tag: &str) -> Option<Language> {
    Language::ALL.into_iter().find(|language| language.tag() == tag)
}

/// The language that `?l=` asks for.
pub(super) fn chosen_language(query: Option<&str>) -> Option<Language> {
    let query = query?;
    form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "l").and_then(|(_, tag)| exact_language(&tag))
}

pub(super) fn language_cookie(language: Language) -> String {
    format!("{LANGUAGE_COOKIE}={}; Path=/desk; Max-Age={YEAR_IN_SECONDS}; HttpOnly; SameSite=Strict", language.tag())
}

/// A lost or ended session: to the sign-in page, and from there to where the clerk wanted to go.
pub(super) fn to_sign_in(parts: &Parts) -> Response {
    let path = parts.uri.path();
    let wanted = if parts.method == Method::GET {
        parts.uri.path_and_query().map_or(path, |whole| whole.as_str())
    } else {
        // A form cannot be sent again by a link; its dossier's page can be opened.
        match path.strip_prefix("/desk/d/").and_then(|rest| rest.split_once('/')) {
            Some((reference, _)) => &path[.."/desk/d/".len() + reference.len()],
            None => path,
        }
    };
    let next: String = form_urlencoded::byte_serialize(wanted.as_bytes()).collect();
    reply::see_other(&format!("/desk/sign-in?next={next}"))
}

/// Only a place of this desk is followed after signing in; anything else leads to the list.
pub(super) fn safe_next(next: &str) -> &str {
    let path = next.split(['?', '#']).next().unwrap_or_default();
    let ours = path == "/desk" || path.starts_with("/desk/");
    let plain = next.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\')
        && !path.contains("..")
        && !path.contains('%');
    let useful = !path.starts_with("/desk/sign-");
    if ours && plain && useful && next.len() <= 500 { next } else { "/desk" }
}

/// The `__Host-` prefix makes a browser refuse the cookie from a neighbouring domain; it is only allowed under https.
fn session_cookie_name(app: &App) -> &'static str {
    if app.service.issuer().public_url.is_https() { "__Host-milaf" } else { "milaf" }
}

fn session_cookie(app: &App, headers: &HeaderMap) -> Option<String> {
    let value = cookie(headers, session_cookie_name(app))?;
    // Every secret that was ever given out has this form; others are not worth a look into the database.
    let plausible = value.len() == 64 && value.bytes().all(|byte| byte.is_ascii_hexdigit());
    plausible.then(|| value.to_owned())
}

pub(super) fn set_session_cookie(app: &App, secret: &str, expires_at: Timestamp) -> String {
    let seconds = expires_at.duration_since(app.service.now()).as_secs().max(0);
    cookie_line(app, secret, &format!("Max-Age={seconds}"))
}

pub(super) fn clear_session_cookie(app: &App) -> String {
    cookie_line(app, "", "Max-Age=0")
}

fn cookie_line(app: &App, value: &str, age: &str) -> String {
    let secure = if app.service.issuer().public_url.is_https() { "; Secure" } else { "" };
    format!("{}={value}; Path=/; {age}; HttpOnly; SameSite=Strict{secure}", session_cookie_name(app))
}

#[cfg(test)]
mod tests {
    use super::safe_next;

    #[test]
    fn only_places_of_the_desk_are_followed() {
        let check = |next: &str, followed: &str| assert_eq!(safe_next(next), followed, "{next:?}");
        check("/desk", "/desk");
        check("/desk/register?procedure=PC", "/desk/register?procedure=PC");
        check("/desk/d/PC-2026-000001", "/desk/d/PC-2026-000001");
        for elsewhere in [
            "",
            "//evil.example/desk",
            "https://evil.example/desk",
            "/desk\\..\\x",
            "/desk/../D/x",
            "/desk/%2e%2e/D/x",
            "/deskx",
            "/desk/sign-out",
            "/desk/sign-in?next=/desk",
            "/D/ABC",
            "/desk\r\nSet-Cookie: a=b",
            "javascript:alert(1)",
        ] {
            check(elsewhere, "/desk");
        }
    }
}
