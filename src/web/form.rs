//! Forms as browsers send them, read strictly.
//!
//! A field sent twice, a text that is no UTF-8 and a NUL are faults, not something to be guessed at: two programs that guess
//! differently about one form are how checks are evaded. Deriving a struct per form was rejected, because a form that is
//! wrong must come back with everything that was typed.

use std::{sync::Arc, time::Duration};

use axum::{
    extract::{FromRequest, FromRequestParts, Request},
    http::{StatusCode, header::CONTENT_TYPE},
    response::Response,
};
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Body as _;

use super::{App, Limits, reply, visitor::Visitor};

/// Why a form cannot be read. The texts are for the log; the visitor sees the page of [`FormProblem::status`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormProblem {
    #[error("the form is too large")]
    TooLarge,
    #[error("the form has too many fields")]
    TooManyFields,
    #[error("a field has a malformed escape")]
    Escape,
    #[error("a field is not UTF-8")]
    Encoding,
    #[error("a field has a NUL")]
    Nul,
    #[error("a field was sent twice")]
    Twice,
    #[error("the body is not a form")]
    MediaType,
    #[error("the body did not come in time")]
    Slow,
    #[error("the body broke off")]
    Broken,
}

impl FormProblem {
    pub const fn status(self) -> StatusCode {
        match self {
            Self::TooLarge | Self::TooManyFields => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Escape | Self::Encoding | Self::Nul | Self::Twice | Self::Broken => StatusCode::BAD_REQUEST,
            Self::MediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Slow => StatusCode::REQUEST_TIMEOUT,
        }
    }
}

/// The fields in the order in which they came.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Form(Vec<(String, String)>);

/// What was typed is about a person, so only the names are shown.
impl std::fmt::Debug for Form {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

impl Form {
    /// Reads an `application/x-www-form-urlencoded` body within the default limits.
    pub fn parse(body: &[u8]) -> Result<Self, FormProblem> {
        Self::parse_within(body, &Limits::default())
    }

    fn parse_within(body: &[u8], limits: &Limits) -> Result<Self, FormProblem> {
        if body.len() > limits.form_bytes {
            return Err(FormProblem::TooLarge);
        }
        let mut fields = Vec::new();
        for pair in body.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
            if fields.len() == limits.form_fields {
                return Err(FormProblem::TooManyFields);
            }
            let at = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
            let (name, value) = (&pair[..at], pair.get(at + 1..).unwrap_or_default());
            fields.push((decode(name)?, decode(value)?));
        }
        Ok(Self(fields))
    }

    /// The value of a field that may come once; empty when it did not come.
    pub fn one(&self, name: &str) -> Result<&str, FormProblem> {
        let mut values = self.0.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str());
        match (values.next(), values.next()) {
            (value, None) => Ok(value.unwrap_or_default()),
            (_, Some(_)) => Err(FormProblem::Twice),
        }
    }

    /// A form of fields that were read from another one.
    pub fn of<'a>(fields: impl Iterator<Item = (&'a str, &'a str)>) -> Self {
        Self(fields.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }

    /// Every field, in the order in which they came.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The values of a field that may come several times.
    pub fn many(&self, name: &str) -> Vec<&str> {
        self.0.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str()).collect()
    }
}

fn decode(text: &[u8]) -> Result<String, FormProblem> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.iter();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digit =
                    |byte: Option<&u8>| char::from(*byte?).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
                match (digit(rest.next()), digit(rest.next())) {
                    (Some(high), Some(low)) => high << 4 | low,
                    _ => return Err(FormProblem::Escape),
                }
            }
            other => *other,
        });
    }
    if bytes.contains(&0) {
        return Err(FormProblem::Nul);
    }
    String::from_utf8(bytes).map_err(|_| FormProblem::Encoding)
}

/// The whole body, within the time and the size that a form may take.
pub async fn read_body(app: &App, request: Request) -> Result<Bytes, FormProblem> {
    read_body_within(request, app.options.limits.form_bytes, app.options.limits.body_time).await
}

/// The whole body, within a size and a time of its own.
pub(super) async fn read_body_within(request: Request, most: usize, time: Duration) -> Result<Bytes, FormProblem> {
    // A length that is announced and too large is refused at once, instead of waiting for bytes that nobody will read.
    if request.body().size_hint().lower() > most as u64 {
        return Err(FormProblem::TooLarge);
    }
    let body = Limited::new(request.into_body(), most).collect();
    match tokio::time::timeout(time, body).await {
        Err(_) => Err(FormProblem::Slow),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(FormProblem::TooLarge),
        Ok(Err(_)) => Err(FormProblem::Broken),
        Ok(Ok(body)) => Ok(body.to_bytes()),
    }
}

/// Lets a body pass by that nobody will read, up to a size and a time, and keeps none of it. A browser shows an answer only
/// once it has sent everything; of a connection that is closed before, it shows that it broke.
pub(super) async fn let_pass(request: Request, most: usize, time: Duration) {
    let mut body = request.into_body();
    let passing = async {
        let mut passed = 0;
        while passed <= most {
            match body.frame().await {
                Some(Ok(frame)) => passed += frame.data_ref().map_or(0, Bytes::len),
                Some(Err(_)) | None => break,
            }
        }
    };
    // What has not come in time is cut off, which is all that can be done about it.
    let _ = tokio::time::timeout(time, passing).await;
}

/// A handler that takes a `Form` answers the page of the fault when there is none.
impl FromRequest<Arc<App>> for Form {
    type Rejection = Response;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let visitor = Visitor::from_request_parts(&mut parts, app).await.unwrap_or_else(|never| match never {});
        let refuse = |problem: FormProblem| {
            tracing::debug!(request = visitor.request_id, %problem, "form refused");
            reply::problem(app, &visitor, problem.status())
        };
        let media_type = parts.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let media_type = media_type.split(';').next().unwrap_or_default().trim();
        if !media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            return Err(refuse(FormProblem::MediaType));
        }
        let body = read_body(app, Request::from_parts(parts, body)).await.map_err(refuse)?;
        Self::parse_within(&body, &app.options.limits).map_err(refuse)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_browsers_send_and_nothing_else() {
        let check = |body: &[u8], expected: Result<&str, FormProblem>| {
            let one = Form::parse(body).and_then(|form| form.one("a").map(str::to_owned));
            assert_eq!(one, expected.map(str::to_owned), "{} bytes", body.len());
        };
        check(b"", Ok(""));
        check(b"a", Ok(""));
        check(b"a=", Ok(""));
        check(b"&&a=1&", Ok("1"));
        check(b"a=1=2", Ok("1=2"));
        check(b"a=x+y%20z", Ok("x y z"));
        check(b"%61=%D9%85", Ok("م"));
        check("a=م".as_bytes(), Ok("م"));
        check(b"a=1&a=1", Err(FormProblem::Twice));
        check(b"a=%", Err(FormProblem::Escape));
        check(b"a=%4", Err(FormProblem::Escape));
        check(b"a=%zz", Err(FormProblem::Escape));
        check(b"a=%+1", Err(FormProblem::Escape));
        check(b"a=%ff", Err(FormProblem::Encoding));
        check(b"a=%c0%80", Err(FormProblem::Encoding));
        check(b"a=%00", Err(FormProblem::Nul));
        check(b"b=\0", Err(FormProblem::Nul));
        check("b=1&".repeat(200).as_bytes(), Ok(""));
        check("b=1&".repeat(201).as_bytes(), Err(FormProblem::TooManyFields));
        check(&vec![b'b'; 64 * 1024], Ok(""));
        check(&vec![b'b'; 64 * 1024 + 1], Err(FormProblem::TooLarge));
        assert_eq!(Form::parse(b"d=1&c=2&d=3").unwrap().many("d"), ["1", "3"]);
    }
}
