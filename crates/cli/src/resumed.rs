//! `-C`: the rest of what was fetched before.

use crate::{args::ContinueAt, named_file::NamedFile};
use http::{HeaderMap, Response, StatusCode, header};
use http_body::Body;
use std::{fs, io};

/// What a response is to a request for the rest.
#[derive(Debug, PartialEq)]
pub(crate) enum Rest {
    Follows,
    /// All was there before.
    IsNothing,
    /// The response is something else, from which a file can't be continued.
    IsNone,
}

/// How many bytes are there already. Blocks.
///
/// # Errors
/// When the file is there and can't be asked.
pub(crate) fn offset(at: ContinueAt, file: Option<&NamedFile>) -> io::Result<u64> {
    let path = match (at, file) {
        (ContinueAt::Offset(offset), _) => return Ok(offset),
        (ContinueAt::End, Some(file)) => file.path(),
        (ContinueAt::End, None) => return Ok(0),
    };
    match fs::metadata(path) {
        Ok(known) => Ok(known.len()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
        Err(error) => Err(io::Error::new(error.kind(), format!("{}: {error}", path.display()))),
    }
}

/// As curl judges it, and with what the range must be said to be (RFC 9110, section 15.3.7).
pub(crate) fn rest<B: Body>(response: &Response<B>, offset: u64) -> Rest {
    match response.status() {
        StatusCode::RANGE_NOT_SATISFIABLE => Rest::IsNothing,
        StatusCode::PARTIAL_CONTENT if first(response.headers()) == Some(offset) => Rest::Follows,
        StatusCode::OK if response.body().size_hint().exact() == Some(offset) => Rest::IsNothing,
        _ => Rest::IsNone,
    }
}

/// Where the range begins that was sent.
fn first(headers: &HeaderMap) -> Option<u64> {
    let range = headers.get(header::CONTENT_RANGE)?.to_str().ok()?.trim_ascii();
    let (unit, range) = range.split_once(' ')?;
    let (first, _) = range.trim_ascii().split_once('-')?;
    first.parse().ok().filter(|_| unit.eq_ignore_ascii_case("bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::Full;

    #[test]
    fn the_rest_follows_where_the_range_is_the_one_that_was_asked_for() {
        let rows = [
            (206, "bytes 5-9/10", 3, Rest::Follows),
            (206, "Bytes  5-9/*", 3, Rest::Follows),
            (206, "bytes 4-9/10", 3, Rest::IsNone),
            (206, "lines 5-9/10", 3, Rest::IsNone),
            (206, "", 3, Rest::IsNone),
            (200, "bytes 5-9/10", 3, Rest::IsNone),
            (200, "", 3, Rest::IsNone),
            (200, "", 5, Rest::IsNothing),
            (416, "bytes */5", 3, Rest::IsNothing),
            (404, "", 3, Rest::IsNone),
        ];
        for (status, range, length, rest_is) in rows {
            let body = Full::new(bytes::Bytes::from(vec![b'x'; length]));
            let response = Response::builder().status(status).header("content-range", range).body(body).unwrap();
            assert_eq!(rest(&response, 5), rest_is, "{status} {range}");
        }
    }
}
