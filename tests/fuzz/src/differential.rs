//! The codec and hyper on the same bytes.

use crate::{
    hyper_client,
    input::{Cuts, Input},
    ours::{self, Ours},
    outcome::{End, Outcome, Response},
    wire,
};
use bytes::Bytes;
use http::{HeaderMap, Method, Version, header};
use skybridge_h1_codec::{BodyError, HeadError, Limits};

/// Both read the same response, or one of them refuses it for a reason that is listed here.
///
/// | on the wire | the codec | hyper |
/// |---|---|---|
/// | more than 16 bytes of empty lines before a status line | refused | skipped |
/// | `content-length` that is no number, or several that differ, beside `transfer-encoding` | refused | the coding counts |
/// | `content-length` and `transfer-encoding` | refused | the coding counts |
/// | a transfer coding other than `chunked` alone | refused | the last one counts, or the end of the connection |
/// | `transfer-encoding` in an HTTP/1.0 response | obeyed, then closed | refused |
/// | a `content-length` of 2^64-1 or 2^64-2 | a length | refused: hyper means something else by it |
/// | a folded value | the text, each fold one space | the same with other spaces |
/// | bytes above 127 in a reason phrase | given up | replaced by nothing |
/// | a chunk's size with more than 16 digits | refused | read, if all but 16 are zeros |
/// | a control character in a chunk extension | refused | skipped |
/// | chunk extensions and trailers at their limits | counted in bytes of the wire | counted otherwise |
/// | trailers that RFC 9110, section 6.5.1, forbids | left out | trailers |
/// | trailers with a bare LF | refused | what stands behind an empty line is dropped |
pub fn h1_differential(input: &[u8]) {
    let Some(Input { method, cuts, wire }) = Input::parse(input) else { return };
    let wire = &*wire;
    let limits = Limits::default();
    let ours = ours::read(&method, &Cuts::NONE.pieces(wire), &limits);
    for cuts in [cuts, Cuts::NONE] {
        let theirs = hyper_client::read(&method, &cuts.pieces(wire), &limits);
        if let Err(difference) = compare(&ours, &theirs, wire, &method, &limits) {
            panic!(
                "{difference}\nwire: {}\nours: {:#?}, {:?}\nhyper: {theirs:#?}",
                wire.escape_ascii(),
                ours.outcome,
                ours.framing
            );
        }
    }
}

type Theirs = Outcome<hyper::Error, hyper::Error>;

fn compare(ours: &Ours, theirs: &Theirs, wire: &[u8], method: &Method, limits: &Limits) -> Result<(), &'static str> {
    match (&ours.outcome, theirs) {
        // What can't become a head any more is refused by one of them at once, by the other with the connection's end.
        (Outcome::HeadRefused(_) | Outcome::HeadIncomplete, Outcome::HeadRefused(_) | Outcome::HeadIncomplete) => {
            Ok(())
        }
        (Outcome::HeadRefused(error), Outcome::Read(theirs)) => {
            head_refused_by_us(error, &theirs.headers, &wire[ours.at..])
        }
        (Outcome::HeadIncomplete, Outcome::Read(_)) => Err("hyper sees a head that we don't"),
        (Outcome::Read(response), Outcome::HeadRefused(_) | Outcome::HeadIncomplete) => {
            head_refused_by_hyper(response, method)
        }
        (Outcome::Read(response), Outcome::Read(theirs)) => {
            let head = &wire[ours.head.0..ours.head.1];
            heads(response, theirs, head)?;
            ends(response, theirs, &wire[ours.at..], limits)
        }
    }
}

fn head_refused_by_us(error: &HeadError, headers: &HeaderMap, at: &[u8]) -> Result<(), &'static str> {
    let has_coding = headers.contains_key(header::TRANSFER_ENCODING);
    let allowed = match error {
        HeadError::EmptyLines { .. } => wire::has_many_empty_lines(&at[..at.len().min(17)]),
        HeadError::ContentLength(_) | HeadError::ContentLengths(..) => has_coding,
        HeadError::LengthAndCoding => has_coding && headers.contains_key(header::CONTENT_LENGTH),
        HeadError::TransferCoding(_) => !is_chunked_alone(headers),
        _ => false,
    };
    if allowed { Ok(()) } else { Err("we refuse a head that hyper reads") }
}

fn is_chunked_alone(headers: &HeaderMap) -> bool {
    let mut codings = headers.get_all(header::TRANSFER_ENCODING).iter();
    let first = codings.next();
    codings.next().is_none() && first.is_some_and(|coding| coding.as_bytes().eq_ignore_ascii_case(b"chunked"))
}

fn head_refused_by_hyper(ours: &Response<BodyError>, method: &Method) -> Result<(), &'static str> {
    let has_body = *method != Method::HEAD && !matches!(ours.status.as_u16(), 204 | 304);
    let old_and_coded = ours.version == Version::HTTP_10 && ours.headers.contains_key(header::TRANSFER_ENCODING);
    let huge = ours.headers.get_all(header::CONTENT_LENGTH).iter().all(|length| {
        let text = String::from_utf8_lossy(length.as_bytes());
        text.split(',').all(|length| length.trim().parse().is_ok_and(|length: u64| length > u64::MAX - 2))
    });
    let huge = huge && ours.headers.contains_key(header::CONTENT_LENGTH);
    if has_body && (old_and_coded || huge) { Ok(()) } else { Err("hyper refuses a head that we read") }
}

fn heads(ours: &Response<BodyError>, theirs: &Response<hyper::Error>, head: &[u8]) -> Result<(), &'static str> {
    if (ours.status, ours.version) != (theirs.status, theirs.version) {
        return Err("the status lines differ");
    }
    let reason = wire::reason(head);
    if ours.reason.as_deref().is_some_and(|ours| ours != reason) {
        return Err("the reason phrase is not what stands there");
    }
    if ours.reason != theirs.reason && reason.is_ascii() {
        return Err("the reason phrases differ");
    }
    same_fields(&ours.headers, &theirs.headers, wire::has_fold(head))
}

/// In the same order for each name.
fn same_fields(ours: &HeaderMap, theirs: &HeaderMap, folded: bool) -> Result<(), &'static str> {
    if ours.len() != theirs.len() {
        return Err("one has more fields");
    }
    for name in ours.keys() {
        let ours: Vec<_> = ours.get_all(name).iter().map(|value| value.as_bytes()).collect();
        let theirs: Vec<_> = theirs.get_all(name).iter().map(|value| value.as_bytes()).collect();
        let squeezed = |values: &[&[u8]]| values.iter().map(|value| squeeze(value)).collect::<Vec<_>>();
        if ours != theirs && !(folded && squeezed(&ours) == squeezed(&theirs)) {
            return Err("a field has another value");
        }
    }
    Ok(())
}

/// Without white space at the ends, and with one space where there is some.
fn squeeze(value: &[u8]) -> Bytes {
    let words = value.split(|byte| matches!(byte, b' ' | b'\t')).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(&b' ').into()
}

fn ends(
    ours: &Response<BodyError>,
    theirs: &Response<hyper::Error>,
    at: &[u8],
    limits: &Limits,
) -> Result<(), &'static str> {
    match (&ours.end, &theirs.end) {
        (End::Whole { left }, End::Whole { left: their_left }) => {
            if ours.body != theirs.body {
                return Err("the bodies differ");
            }
            let mut trailers = [&ours.trailers, &theirs.trailers].map(|fields| fields.clone().unwrap_or_default());
            wire::NO_TRAILERS.iter().for_each(|name| drop(trailers[1].remove(*name)));
            same_fields(&trailers[0], &trailers[1], false)?;
            if left == their_left { Ok(()) } else { Err("the messages end elsewhere") }
        }
        (End::Refused(_) | End::Incomplete, End::Refused(_) | End::Incomplete) => Ok(()),
        (End::Refused(error), End::Whole { .. }) => body_refused_by_us(error, at, limits),
        (End::Incomplete, End::Whole { .. }) => Err("hyper sees the end of a body that we don't"),
        (End::Whole { .. }, End::Refused(_)) => body_refused_by_hyper(ours, limits),
        (End::Whole { .. }, End::Incomplete) => Err("we see the end of a body that hyper doesn't"),
    }
}

fn body_refused_by_us(error: &BodyError, at: &[u8], limits: &Limits) -> Result<(), &'static str> {
    let line = wire::crlf_line(skip_data_end(at)).unwrap_or_default();
    let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    let allowed = match error {
        BodyError::ChunkLine(_) if digits > 16 => line[..digits - 16].iter().all(|digit| *digit == b'0'),
        BodyError::ChunkLine(_) => {
            let extension = line.iter().position(|byte| *byte == b';').map_or(&b""[..], |at| &line[at..]);
            extension.iter().any(|byte| byte.is_ascii_control() && *byte != b'\t')
        }
        BodyError::ChunkExtensions { limit } => *limit == limits.chunk_extension_bytes && line.len() > digits,
        BodyError::Trailers(_) => wire::has_bare_lf(wire::trailer_block(skip_last_chunk(at))),
        _ => false,
    };
    if allowed { Ok(()) } else { Err("we refuse a body that hyper reads") }
}

fn body_refused_by_hyper(ours: &Response<BodyError>, limits: &Limits) -> Result<(), &'static str> {
    let bytes = |trailers: &HeaderMap| trailers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    let trailers: usize = ours.trailers.as_ref().map_or(0, bytes);
    if trailers + 2 >= limits.head_bytes { Ok(()) } else { Err("hyper refuses a body that we read") }
}

/// The codec takes the CRLF behind a chunk's data together with what follows.
fn skip_data_end(at: &[u8]) -> &[u8] {
    at.strip_prefix(b"\r\n").unwrap_or(at)
}

/// And the line of the last chunk together with the trailers.
fn skip_last_chunk(at: &[u8]) -> &[u8] {
    let at = skip_data_end(at);
    match wire::crlf_line(at) {
        Some(line) if line.starts_with(b"0") => &at[line.len() + 2..],
        _ => at,
    }
}
