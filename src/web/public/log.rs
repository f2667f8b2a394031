//! The public log as files, for programs: C2SP's tlog-tiles and tlog-proof.
//!
//! Nothing here is for people's eyes, so a wrong name gets one plain line and not a page, and nothing beyond the published
//! checkpoint is ever given. What a log has once, it has for good: a full tile may be kept for ever by whoever has it. No
//! answer says what happened to whom; the leaves are commitments.

use std::sync::Arc;

use axum::{
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};

use crate::{
    service::ServiceError,
    tlog::{Tile, TileKind},
    web::{
        App,
        body::{Encoding, has_it, tag},
        reply,
    },
};

const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const BYTES: HeaderValue = HeaderValue::from_static("application/octet-stream");

/// How long somebody may keep a file without asking again.
#[derive(Clone, Copy)]
enum Keep {
    /// It changes with the next checkpoint.
    Seconds,
    /// It stays right, but the log's end moves on and another one takes its place.
    Minutes,
    ForEver,
}

impl Keep {
    const fn value(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Seconds => "public, max-age=1",
            Self::Minutes => "public, max-age=300",
            Self::ForEver => "public, max-age=31536000, immutable",
        })
    }
}

/// `/log/checkpoint`
pub(super) async fn checkpoint(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    match app.service.published_checkpoint_note().await {
        Ok(Some(note)) => file(&headers, note.into(), TEXT, Keep::Seconds, false),
        Ok(None) => nothing(),
        Err(error) => unavailable(&error),
    }
}

/// `/log/checkpoint/newest`: also while it waits for its witnesses.
pub(super) async fn newest(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    match app.service.newest_checkpoint().await {
        Ok(Some(newest)) => file(&headers, newest.note.into(), TEXT, Keep::Seconds, false),
        Ok(None) => nothing(),
        Err(error) => unavailable(&error),
    }
}

/// `/log/tile/…`. The name is read as it was sent: a name with an escaped letter is another name.
pub(super) async fn tile(State(app): State<Arc<App>>, uri: Uri, headers: HeaderMap) -> Response {
    let Some(Ok(tile)) = uri.path().strip_prefix("/log/").map(Tile::parse) else { return nothing() };
    let keep = if tile.is_full() { Keep::ForEver } else { Keep::Minutes };
    match app.service.published_tile(tile).await {
        Ok(Some(bytes)) => file(&headers, bytes.into(), BYTES, keep, tile.kind() == TileKind::Entries),
        Ok(None) => nothing(),
        Err(error) => unavailable(&error),
    }
}

/// `/log/proof/<index>.tlog-proof`
pub(super) async fn proof(State(app): State<Arc<App>>, uri: Uri, headers: HeaderMap) -> Response {
    let Some(index) = uri.path().strip_prefix("/log/proof/").and_then(index_in) else { return nothing() };
    match app.service.proof_file(index).await {
        Ok(Some(proof)) => file(&headers, proof.to_string().into(), TEXT, Keep::Seconds, false),
        Ok(None) => nothing(),
        Err(error) => unavailable(&error),
    }
}

/// Every other name below `/log/`.
pub(super) async fn unknown() -> Response {
    nothing()
}

/// An index has one spelling.
fn index_in(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(".tlog-proof")?;
    let index: u64 = digits.parse().ok()?;
    (index.to_string() == digits).then_some(index)
}

fn file(asked: &HeaderMap, content: Bytes, kind: HeaderValue, keep: Keep, compressible: bool) -> Response {
    let encoding = if compressible { Encoding::negotiate(asked).for_content(&content) } else { Encoding::Identity };
    let tag = tag(&content, encoding);
    let known = has_it(asked, &tag);
    let mut response = if known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let mut response = Response::new(Body::from(encoding.apply(content)));
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        if encoding != Encoding::Identity {
            response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding.token()));
        }
        response
    };
    let headers = response.headers_mut();
    headers.insert(header::ETAG, tag);
    headers.insert(header::CACHE_CONTROL, keep.value());
    if compressible {
        headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    }
    response
}

fn nothing() -> Response {
    (StatusCode::NOT_FOUND, [(header::CONTENT_TYPE, TEXT)], "not found\n").into_response()
}

fn unavailable(error: &ServiceError) -> Response {
    let response =
        (StatusCode::SERVICE_UNAVAILABLE, [(header::CONTENT_TYPE, TEXT)], "try again later\n").into_response();
    reply::try_again_later(response, error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_has_one_spelling() {
        for (name, index) in [
            ("0.tlog-proof", Some(0)),
            ("73894.tlog-proof", Some(73_894)),
            ("18446744073709551615.tlog-proof", Some(u64::MAX)),
            ("18446744073709551616.tlog-proof", None),
            ("01.tlog-proof", None),
            ("+1.tlog-proof", None),
            ("-1.tlog-proof", None),
            (".tlog-proof", None),
            ("1", None),
            ("1.tlog-proof/", None),
            ("١.tlog-proof", None),
        ] {
            assert_eq!(index_in(name), index, "{name}");
        }
    }
}
