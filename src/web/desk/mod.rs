//! The staff pages: sign-in, registration, receipts, the list and the dossier with its legal moves.
//!
//! They show what the service says and send back what a clerk wishes; no rule of the domain may live here. Every page works
//! without a script, because an office's browser may be old or locked down; the script only saves keystrokes. A single-page
//! application was rejected for the same reason.

mod assets;
mod audit;
mod clock_words;
mod dossier;
mod facts;
mod go;
mod guard;
mod kept_form;
mod list;
mod move_fields;
mod move_form;
mod moves;
mod receipt;
mod refusal_words;
mod register;
mod register_page;
mod session;
mod shell;
mod sign_in;
mod timeline;

use std::sync::Arc;

use axum::{
    Router,
    extract::Request,
    http::{HeaderValue, header},
    middleware::{self, Next},
    response::Response,
    routing::{get, post},
};

use super::App;

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/desk", get(list::page))
        .route("/desk/sign-in", get(sign_in::page).post(sign_in::submit))
        .route("/desk/sign-out", post(sign_in::sign_out))
        .route("/desk/register", get(register::page).post(register::submit))
        .route("/desk/go", get(go::go))
        .route("/desk/d/{reference}", get(dossier::page))
        .route("/desk/d/{reference}/receipt", get(receipt::page))
        .route("/desk/d/{reference}/receipt.pdf", get(receipt::pdf))
        .route("/desk/d/{reference}/{command}", post(moves::submit))
        .route("/desk/assets/desk.css", get(assets::style))
        .route("/desk/assets/desk.js", get(assets::script))
        .merge(audit::routes())
        .layer(middleware::from_fn(staff_headers))
}

/// Remembers the language that was chosen by `?l=`, and lets forms say where they come from: under `no-referrer` a browser
/// sends `Origin: null`, which is what a forged form would send too.
async fn staff_headers(request: Request, next: Next) -> Response {
    let chosen = session::chosen_language(request.uri().query());
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    if let Some(language) = chosen
        && let Ok(cookie) = HeaderValue::from_str(&session::language_cookie(language))
    {
        headers.append(header::SET_COOKIE, cookie);
    }
    response
}
