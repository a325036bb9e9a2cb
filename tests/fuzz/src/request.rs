//! What the codec writes, read by another parser.

use crate::wire;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Uri,
    uri::{Authority, PathAndQuery, Scheme},
};
use skybridge_h1_codec::{
    BodyFraming, CHUNK_END, ConnectionOptions, FieldCase, FieldSpelling, RequestHead, RequestTarget, chunk_start,
    last_chunk,
};

/// Whatever request there can be, what is written is one request and nothing else: the same target and fields, without
/// those that are for another hop, and framed by its body alone.
pub fn h1_request(input: &[u8]) {
    let Some(request) = Asked::parse(input) else { return };
    let mut wire = vec![];
    request.head().encode(&mut wire);
    let head = wire.len();
    request.write_body(&mut wire);
    let shown = || wire.escape_ascii();

    let mut fields = vec![httparse::EMPTY_HEADER; input.len() + 16];
    let mut read = httparse::Request::new(&mut fields);
    let parsed = read.parse(&wire).unwrap_or_else(|error| panic!("no request ({error}): {}", shown()));
    assert_eq!(parsed, httparse::Status::Complete(head), "it ends elsewhere: {}", shown());
    assert_eq!((read.method, read.version), (Some(request.method.as_str()), Some(1)), "{}", shown());
    assert_eq!(read.path, Some(&*request.target()), "{}", shown());

    let lines = wire[..head].split_inclusive(|byte| *byte == b'\n');
    assert_eq!(lines.clone().count(), read.headers.len() + 2, "a line too many: {}", shown());
    for line in lines {
        let text = line.strip_suffix(b"\r\n").unwrap_or_else(|| panic!("a line without CRLF: {}", shown()));
        assert!(!text.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)), "a control character: {}", shown());
    }

    let got: Vec<_> =
        read.headers.iter().map(|field| (field.name.to_ascii_lowercase(), field.value.to_vec())).collect();
    assert_eq!(got, request.fields(), "{}", shown());
    request.check_body(&wire[head..]);
}

/// A request and how it is to be written. An input is
///
/// ```text
/// METHOD letters target
/// name: value
///
/// body
/// ```
///
/// where the letters say what else is asked, and each line of the body is a chunk. What `http` doesn't take is left
/// out.
struct Asked {
    method: Method,
    letters: Vec<u8>,
    uri: Uri,
    headers: HeaderMap,
    host: HeaderValue,
    upgrade: Option<HeaderValue>,
    credentials: Option<HeaderValue>,
    spelling: FieldSpelling,
    body: Vec<Vec<u8>>,
}

impl Asked {
    fn parse(input: &[u8]) -> Option<Self> {
        let mut lines = input.split(|byte| *byte == b'\n');
        let mut words = lines.next()?.splitn(3, |byte| *byte == b' ');
        let method = Method::from_bytes(words.next()?).ok()?;
        let letters = words.next()?.to_vec();
        let uri = uri(words.next()?, letters.contains(&b'q'))?;
        let (mut headers, mut spelling) = (HeaderMap::new(), FieldSpelling::default());
        for line in lines.by_ref().take_while(|line| !line.is_empty()) {
            let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
            let (name, value) = (&line[..colon], &line[colon + 1..]);
            if let (Ok(named), Ok(value)) = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value)) {
                spelling.learn(&named, name.to_vec().into());
                headers.append(named, value);
            }
        }
        let value = |name| headers.get(name).cloned();
        let host = value("host").unwrap_or_else(|| HeaderValue::from_static("a.test"));
        let upgrade = value("upgrade").filter(|_| letters.contains(&b'u'));
        let credentials = value("x-credentials").filter(|_| letters.contains(&b'p'));
        let body = lines.filter(|line| !line.is_empty()).map(<[u8]>::to_vec).collect();
        Some(Self { method, letters, uri, headers, host, upgrade, credentials, spelling, body })
    }

    fn asks(&self, letter: u8) -> bool {
        self.letters.contains(&letter)
    }

    fn framing(&self) -> BodyFraming {
        match () {
            () if self.asks(b'c') => BodyFraming::Chunked,
            () if self.asks(b'l') => BodyFraming::Length(self.body.iter().map(|line| line.len() as u64).sum()),
            () => BodyFraming::Empty,
        }
    }

    fn head(&self) -> RequestHead<'_> {
        RequestHead {
            method: &self.method,
            target: match self.uri.authority() {
                Some(authority) if self.method == Method::CONNECT => RequestTarget::Authority(authority.as_str()),
                _ if self.asks(b'a') => RequestTarget::Absolute(&self.uri),
                _ => RequestTarget::Origin(&self.uri),
            },
            host: &self.host,
            headers: &self.headers,
            body: self.framing(),
            options: ConnectionOptions {
                close: self.asks(b'x'),
                upgrade: self.upgrade.as_ref(),
                trailers: self.asks(b't'),
            },
            credentials: self.credentials.as_ref(),
            case: match () {
                () if self.asks(b's') => FieldCase::AsBefore(&self.spelling),
                () if self.asks(b'T') => FieldCase::Title,
                () => FieldCase::Lower,
            },
        }
    }

    fn write_body(&self, wire: &mut Vec<u8>) {
        match self.framing() {
            BodyFraming::Empty => {}
            BodyFraming::Length(_) => self.body.iter().for_each(|line| wire.extend_from_slice(line)),
            BodyFraming::Chunked => {
                for line in &self.body {
                    chunk_start(wire, line.len());
                    wire.extend_from_slice(line);
                    wire.extend_from_slice(CHUNK_END);
                }
                let before = wire.len();
                if let Err(error) = last_chunk(wire, self.trailers()) {
                    assert!(wire::NO_TRAILERS.contains(&error.name().as_str()) && wire.len() == before, "{error}");
                    last_chunk(wire, None).expect("there is nothing to refuse");
                }
            }
        }
    }

    fn trailers(&self) -> Option<&HeaderMap> {
        Some(&self.headers).filter(|_| self.asks(b't'))
    }

    /// What the target is, put together from the URI's parts.
    fn target(&self) -> String {
        // There always is a path in a target (RFC 9112, section 3.2.1), and it begins with a slash.
        let slash = if self.uri.path() == "*" || self.uri.path().starts_with('/') { "" } else { "/" };
        let query = self.uri.query().map_or(String::new(), |query| format!("?{query}"));
        let path = format!("{slash}{}{query}", self.uri.path());
        let (Some(scheme), Some(authority)) = (self.uri.scheme(), self.uri.authority()) else {
            return match self.uri.authority() {
                Some(authority) if self.method == Method::CONNECT => without_user(authority).to_owned(),
                _ => path,
            };
        };
        if self.method == Method::CONNECT {
            return without_user(authority).to_owned();
        }
        if !self.asks(b'a') {
            return path;
        }
        let host = without_user(authority);
        let path = if self.uri.path() == "*" { "" } else { &path };
        format!("{scheme}://{host}{path}")
    }

    /// The fields that are to arrive, in their order.
    fn fields(&self) -> Vec<(String, Vec<u8>)> {
        let mut fields = vec![("host".to_owned(), trimmed(self.host.as_bytes()))];
        let hop = ["host", "connection", "content-length", "transfer-encoding", "te", "upgrade"];
        for name in self.headers.keys().map(HeaderName::as_str).filter(|name| !hop.contains(name)) {
            let values = self.headers.get_all(name).iter().map(HeaderValue::as_bytes);
            if name == "expect" {
                // Nobody waits for leave to send nothing (RFC 9110, section 10.1.1).
                let empty = matches!(self.framing(), BodyFraming::Empty | BodyFraming::Length(0));
                let values = values.filter(|value| !(empty && value.eq_ignore_ascii_case(b"100-continue")));
                fields.extend(values.map(|value| (name.to_owned(), trimmed(value))));
            } else if name == "cookie" {
                fields.push((name.to_owned(), trimmed(&values.collect::<Vec<_>>().join(&b"; "[..]))));
            } else {
                fields.extend(values.map(|value| (name.to_owned(), trimmed(value))));
            }
        }
        let mut put = |name: &str, value: &[u8]| fields.push((name.to_owned(), trimmed(value)));
        match self.framing() {
            BodyFraming::Chunked => put("transfer-encoding", b"chunked"),
            BodyFraming::Length(length) => put("content-length", length.to_string().as_bytes()),
            BodyFraming::Empty if matches!(self.method.as_str(), "POST" | "PUT" | "PATCH") => {
                put("content-length", b"0");
            }
            BodyFraming::Empty => {}
        }
        if let Some(credentials) = &self.credentials
            && !self.headers.contains_key("proxy-authorization")
        {
            put("proxy-authorization", credentials.as_bytes());
        }
        let mut options = vec![];
        if self.asks(b't') {
            put("te", b"trailers");
        }
        if let Some(upgrade) = &self.upgrade {
            put("upgrade", upgrade.as_bytes());
        }
        options.extend(self.asks(b'x').then_some("close"));
        options.extend(self.upgrade.is_some().then_some("upgrade"));
        options.extend(self.asks(b't').then_some("te"));
        if !options.is_empty() {
            put("connection", options.join(", ").as_bytes());
        }
        fields
    }

    /// What stands behind the head is the body, and nothing behind that.
    fn check_body(&self, mut wire: &[u8]) {
        let body = self.body.concat();
        match self.framing() {
            BodyFraming::Empty => return assert!(wire.is_empty()),
            BodyFraming::Length(_) => return assert_eq!(wire, body),
            BodyFraming::Chunked => {}
        }
        let mut got = vec![];
        loop {
            let Ok(httparse::Status::Complete((line, size))) = httparse::parse_chunk_size(wire) else {
                panic!("no chunk: {}", wire.escape_ascii());
            };
            wire = &wire[line..];
            if size == 0 {
                break;
            }
            let (data, rest) = wire.split_at(usize::try_from(size).expect("it is here"));
            got.extend_from_slice(data);
            wire = rest.strip_prefix(b"\r\n").expect("CRLF behind each chunk");
        }
        assert_eq!(got, body);
        let mut fields = vec![httparse::EMPTY_HEADER; self.headers.len() + 1];
        let Ok(httparse::Status::Complete((end, trailers))) = httparse::parse_headers(wire, &mut fields) else {
            panic!("no trailers: {}", wire.escape_ascii());
        };
        assert_eq!(end, wire.len(), "something behind the trailers: {}", wire.escape_ascii());
        // All of them, or none if there is one that must not be.
        let expected = self.trailers().filter(|all| !wire::NO_TRAILERS.iter().any(|name| all.contains_key(*name)));
        let expected = expected.into_iter().flatten().map(|(name, value)| (name.as_str(), trimmed(value.as_bytes())));
        let got = trailers.iter().map(|trailer| (trailer.name, trailer.value.to_vec()));
        assert!(got.eq(expected), "other trailers");
    }
}

/// Parsed whole, or put together from its parts: that takes what the parser wouldn't.
fn uri(text: &[u8], in_parts: bool) -> Option<Uri> {
    if !in_parts {
        return Uri::try_from(text).ok();
    }
    let (authority, path) = text.split_at(text.iter().position(|byte| *byte == b'|')?);
    let mut parts = http::uri::Parts::default();
    parts.scheme = Some(Scheme::HTTP);
    parts.authority = Some(Authority::try_from(authority).ok()?);
    parts.path_and_query = Some(PathAndQuery::try_from(&path[1..]).ok()?);
    Uri::from_parts(parts).ok()
}

/// User and password are no part of what is sent (RFC 9110, section 4.2.4).
fn without_user(authority: &Authority) -> &str {
    let host = authority.as_str().split('@').next_back().unwrap_or_default();
    assert!(host.starts_with(authority.host()));
    host
}

/// White space around a value is no part of it (RFC 9112, section 5.1).
fn trimmed(value: &[u8]) -> Vec<u8> {
    value.trim_ascii().to_vec()
}
