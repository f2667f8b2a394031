//! A form with a file, as browsers send it: `multipart/form-data` (RFC 7578), read strictly and from memory.
//!
//! Only what the one form of ours needs is read: a few parts, each with a name, and of a file nothing but its bytes. The
//! name and the type that a browser says are never looked at. A library that streams was rejected: the file has to be in
//! memory anyway, and is bounded before it gets here.

use super::form::FormProblem;

/// More parts than this are no form of ours.
const PARTS: usize = 8;
/// RFC 2046 allows no longer one.
const LONGEST_BOUNDARY: usize = 70;
/// Of the lines before a part's content.
const LONGEST_HEAD: usize = 2048;

/// The boundary that a content type names.
pub(super) fn boundary(content_type: &str) -> Option<&str> {
    let mut pieces = content_type.split(';');
    if !pieces.next()?.trim().eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    let named = pieces.filter_map(|piece| piece.trim().split_once('='));
    let value = named.into_iter().find(|(name, _)| name.eq_ignore_ascii_case("boundary"))?.1.trim();
    let value = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value);
    let plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\' | b';');
    ((1..=LONGEST_BOUNDARY).contains(&value.len()) && value.bytes().all(plain)).then_some(value)
}

/// Where in the body the one part of this name lies; `None` when there is none.
pub(super) fn part(body: &[u8], boundary: &str, name: &str) -> Result<Option<std::ops::Range<usize>>, FormProblem> {
    let opening = format!("--{boundary}");
    if !body.starts_with(opening.as_bytes()) {
        return Err(FormProblem::Broken);
    }
    let line = format!("\r\n--{boundary}");
    let mut at = opening.len();
    let mut found = None;
    for _ in 0..=PARTS {
        let rest = &body[at..];
        if rest.starts_with(b"--") {
            return Ok(found);
        }
        if !rest.starts_with(b"\r\n") {
            return Err(FormProblem::Broken);
        }
        // A head may be empty, so its end may begin with the line's own end.
        let head_room = &rest[..rest.len().min(LONGEST_HEAD)];
        let head_end = position(head_room, b"\r\n\r\n").ok_or(FormProblem::Broken)?;
        let content = at + head_end + 4;
        let length = position(&body[content..], line.as_bytes()).ok_or(FormProblem::Broken)?;
        if part_name(&rest[..head_end]).is_some_and(|given| given == name) {
            if found.is_some() {
                return Err(FormProblem::Twice);
            }
            found = Some(content..content + length);
        }
        at = content + length + line.len();
    }
    Err(FormProblem::TooManyFields)
}

fn part_name(head: &[u8]) -> Option<String> {
    let head = std::str::from_utf8(head).ok()?;
    let disposition = head.split("\r\n").filter_map(|line| line.split_once(':'));
    let mut disposition = disposition.filter(|(name, _)| name.trim().eq_ignore_ascii_case("content-disposition"));
    let value = disposition.next()?.1;
    let mut pieces = value.split(';').map(str::trim);
    if !pieces.next()?.eq_ignore_ascii_case("form-data") {
        return None;
    }
    // A browser writes the name first, so a file's name that looks like one is not asked.
    let name = pieces.next()?.strip_prefix("name=\"")?.strip_suffix('"')?;
    Some(name.to_owned())
}

/// Where a mark begins. The mark's first byte is sought alone first, so that ten megabytes take milliseconds.
fn position(text: &[u8], mark: &[u8]) -> Option<usize> {
    let first = *mark.first()?;
    let mut from = 0;
    while let Some(step) = text.get(from..)?.iter().position(|byte| *byte == first) {
        if text[from + step..].starts_with(mark) {
            return Some(from + step);
        }
        from += step + 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_browsers_send_and_nothing_else() {
        let check = |body: &str, expected: Result<Option<&str>, FormProblem>| {
            let found = part(body.as_bytes(), "xYz", "file").map(|range| range.map(|range| &body[range]));
            assert_eq!(found, expected, "{body:?}");
        };
        let one =
            "--xYz\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\nContent-Type: image/png\r\n\r\n";
        let other = "--xYz\r\ncontent-disposition: form-data; name=\"b\"\r\n\r\n1\r\n";
        check(&format!("{one}content\r\n--xYz--\r\n"), Ok(Some("content")));
        check(&format!("{one}\r\n--xYz--"), Ok(Some("")));
        check(&format!("{one}a\r\n--xY\r\n\r\n--xYz--"), Ok(Some("a\r\n--xY\r\n")));
        check(&format!("{other}{one}a\r\n--xYz--"), Ok(Some("a")));
        check(&format!("{other}--xYz--"), Ok(None));
        check("--xYz--", Ok(None));
        check(&format!("{one}a\r\n{one}a\r\n--xYz--"), Err(FormProblem::Twice));
        check(&format!("{}--xYz--", other.repeat(9)), Err(FormProblem::TooManyFields));
        check(&format!("{one}content"), Err(FormProblem::Broken));
        check(&one[..60], Err(FormProblem::Broken));
        check("", Err(FormProblem::Broken));
        check("--abc\r\n\r\n", Err(FormProblem::Broken));
        check("--xYz\r\nContent-Disposition: form-data; filename=\"x\"; name=\"file\"\r\n\r\na\r\n--xYz--", Ok(None));
    }

    #[test]
    fn finds_the_boundary() {
        assert_eq!(boundary("multipart/form-data; boundary=----WebKitFormBoundary7"), Some("----WebKitFormBoundary7"));
        assert_eq!(boundary("Multipart/Form-Data;charset=utf-8; Boundary=\"a\""), Some("a"));
        for ill in ["", "multipart/form-data", "multipart/mixed; boundary=a", "multipart/form-data; boundary="] {
            assert_eq!(boundary(ill), None, "{ill}");
        }
        assert_eq!(boundary(&format!("multipart/form-data; boundary={}", "a".repeat(71))), None);
    }
}
