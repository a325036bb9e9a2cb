//! Any stream of responses, cut anywhere, is the same responses.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use self::support::{End, Message, read_all};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use proptest::{collection::vec, prelude::*};
use skybridge_h1_codec::Framing;

/// A response, and how it is written.
#[derive(Clone, Debug)]
struct Written {
    status: u16,
    fields: Vec<(String, String)>,
    body: Body,
}

#[derive(Clone, Debug)]
enum Body {
    None,
    Length(Vec<u8>),
    /// Chunks with what follows their size, and trailers.
    Chunked(Vec<(Vec<u8>, String)>, Vec<(String, String)>),
}

impl Written {
    fn wire(&self) -> Vec<u8> {
        let mut wire = format!("HTTP/1.1 {} \r\n", self.status).into_bytes();
        put(&mut wire, &self.fields);
        match &self.body {
            Body::None => wire.extend_from_slice(b"\r\n"),
            Body::Length(body) => {
                wire.extend_from_slice(format!("Content-Length: {}\r\n\r\n", body.len()).as_bytes());
                wire.extend_from_slice(body);
            }
            Body::Chunked(chunks, trailers) => {
                wire.extend_from_slice(b"Transfer-Encoding: chunked\r\n\r\n");
                for (data, extension) in chunks {
                    wire.extend_from_slice(format!("{:X}{extension}\r\n", data.len()).as_bytes());
                    wire.extend_from_slice(data);
                    wire.extend_from_slice(b"\r\n");
                }
                wire.extend_from_slice(b"0\r\n");
                put(&mut wire, trailers);
                wire.extend_from_slice(b"\r\n");
            }
        }
        wire
    }

    fn read(&self) -> Message {
        let (mut headers, mut trailers) = (map(&self.fields), HeaderMap::new());
        let (framing, body) = match &self.body {
            Body::None => (Framing::Empty, vec![]),
            Body::Length(body) => {
                headers.insert("content-length", body.len().into());
                (if body.is_empty() { Framing::Empty } else { Framing::Length(body.len() as u64) }, body.clone())
            }
            Body::Chunked(chunks, fields) => {
                headers.insert("transfer-encoding", HeaderValue::from_static("chunked"));
                trailers = map(fields);
                (Framing::Chunked, chunks.iter().flat_map(|(data, _)| data.clone()).collect())
            }
        };
        Message { status: self.status, headers, framing, body, trailers, reusable: true }
    }
}

fn put(wire: &mut Vec<u8>, fields: &[(String, String)]) {
    for (name, value) in fields {
        wire.extend_from_slice(format!("{name}:{value}\r\n").as_bytes());
    }
}

fn map(fields: &[(String, String)]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in fields {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        map.append(name, HeaderValue::from_str(value.trim_matches([' ', '\t'])).unwrap());
    }
    map
}

/// With white space around the value, or none at all.
fn fields() -> impl Strategy<Value = Vec<(String, String)>> {
    let field = ("X-[A-Za-z0-9!#$%&'*+.^_`|~-]{0,8}", "[ \t]{0,2}([!-~]([ -~\t]{0,12}[!-~])?)?[ \t]{0,2}");
    // Seldom more than are looked for without an allocation.
    prop_oneof![9 => vec(field, 0..8), 1 => vec(field, 60..70)]
}

fn data() -> impl Strategy<Value = Vec<u8>> {
    // What looks like the end of something is the likeliest to be taken for it.
    let bytes = prop_oneof![Just(b'\r'), Just(b'\n'), Just(b'0'), any::<u8>()];
    vec(bytes, 1..40)
}

fn body() -> impl Strategy<Value = Body> {
    let chunk = (data(), prop_oneof![Just(String::new()), Just(" ".to_owned()), " ?;[a-z]{1,3}(=\"[!#-Z ;]{0,5}\")?"]);
    let trailers = fields().prop_map(|fields| fields.into_iter().take(3).collect());
    prop_oneof![
        Just(Body::Length(vec![])),
        data().prop_map(Body::Length),
        (vec(chunk, 0..5), trailers).prop_map(|(chunks, trailers)| Body::Chunked(chunks, trailers)),
    ]
}

fn response() -> impl Strategy<Value = Written> {
    let interim = prop_oneof![Just(100), Just(102), Just(103), 110_u16..200].prop_map(|status| (status, Body::None));
    let empty = prop_oneof![Just(204), Just(304)].prop_map(|status| (status, Body::None));
    let usual = (prop_oneof![Just(200_u16), 205_u16..304, 305_u16..1_000], body());
    (prop_oneof![interim, empty, usual], fields()).prop_map(|((status, body), fields)| Written { status, fields, body })
}

/// What stands where a byte was.
fn change() -> impl Strategy<Value = (prop::sample::Index, Vec<u8>)> {
    let bytes = prop_oneof![Just(b"\n".to_vec()), Just(b"\r\n ".to_vec()), vec(any::<u8>(), 0..3)];
    (any::<prop::sample::Index>(), bytes)
}

/// The pieces between these places.
fn cut<'a>(wire: &'a [u8], at: &[prop::sample::Index]) -> Vec<&'a [u8]> {
    let mut at: Vec<_> = at.iter().map(|at| at.index(wire.len() + 1)).chain([0, wire.len()]).collect();
    at.sort_unstable();
    at.windows(2).map(|two| &wire[two[0]..two[1]]).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn responses_are_what_was_written_however_they_are_cut(
        responses in vec(response(), 1..4),
        at in vec(any::<prop::sample::Index>(), 0..12),
    ) {
        let wire: Vec<u8> = responses.iter().flat_map(Written::wire).collect();
        let written: Vec<_> = responses.iter().map(Written::read).collect();
        for pieces in [cut(&wire, &at), vec![&wire[..]], wire.chunks(1).collect()] {
            let (read, end) = read_all(&Method::GET, &pieces);
            prop_assert_eq!(&read, &written);
            prop_assert_eq!(end, End::Clean);
        }
    }

    /// Also when it is none that anybody would send.
    #[test]
    fn any_bytes_are_the_same_however_they_are_cut(
        responses in vec(response(), 1..3),
        changes in vec(change(), 0..4),
        at in vec(any::<prop::sample::Index>(), 0..12),
    ) {
        let mut wire: Vec<u8> = responses.iter().flat_map(Written::wire).collect();
        for (at, bytes) in changes {
            let at = at.index(wire.len());
            wire.splice(at..=at, bytes);
        }
        let whole = read_all(&Method::GET, &[&wire]);
        let kind = |end: &End| match end {
            End::Body(error) => format!("{:?}", std::mem::discriminant(error)),
            end => format!("{:?}", std::mem::discriminant(end)),
        };
        for pieces in [cut(&wire, &at), wire.chunks(1).collect()] {
            let (read, end) = read_all(&Method::GET, &pieces);
            prop_assert_eq!(&read, &whole.0);
            prop_assert_eq!(kind(&end), kind(&whole.1), "{:?} {:?}", end, whole.1);
        }
    }
}
