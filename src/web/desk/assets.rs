//! The staff pages' style and script, embedded in the program so that there is one file to install.

use axum::{
    http::header,
    response::{IntoResponse, Response},
};

const STYLE: &str = include_str!("../../../assets/desk.css");
const SCRIPT: &str = include_str!("../../../assets/desk.js");

pub(super) async fn style() -> Response {
    asset("text/css; charset=utf-8", STYLE)
}

pub(super) async fn script() -> Response {
    asset("text/javascript; charset=utf-8", SCRIPT)
}

/// They hold nothing secret; `no-cache` asks again after an upgrade.
fn asset(kind: &'static str, content: &'static str) -> Response {
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, "no-cache"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, content).into_response()
}
