use crate::{
    BodyFraming, FieldSpelling,
    fields::{put, spelled},
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header};

/// A request's head, to be written as HTTP/1.1.
///
/// What frames the message is written from [`body`](Self::body) alone, and what is asked of the next hop from
/// [`options`](Self::options) alone, whatever the fields say: `content-length`, `transfer-encoding`, `host`,
/// `connection`, `te` and `upgrade` among them are left out. Other fields that are for one hop (RFC 9110, section
/// 7.6.1) are the caller's to leave out.
#[derive(Clone, Copy, Debug)]
pub struct RequestHead<'a> {
    /// Its method.
    pub method: &'a Method,
    /// To whom it is addressed.
    pub target: RequestTarget<'a>,
    /// The value of `host`. It comes first, in place of what the fields say (RFC 9110, section 7.2).
    pub host: &'a HeaderValue,
    /// Its fields.
    pub headers: &'a HeaderMap,
    /// How its body is sent.
    pub body: BodyFraming,
    /// What is asked of the next hop.
    pub options: ConnectionOptions<'a>,
    /// `proxy-authorization`, where the fields have none: for the proxy that the request is sent to.
    pub credentials: Option<&'a HeaderValue>,
    /// How names are written.
    pub case: FieldCase<'a>,
}

/// What a request asks of the next hop alone (RFC 9110, section 7.6.1).
#[derive(Clone, Copy, Debug, Default)]
pub struct ConnectionOptions<'a> {
    /// `connection: close`: to be closed after the response.
    pub close: bool,
    /// `upgrade`, and `connection` that names it: what the connection is to become (RFC 9110, section 7.8).
    pub upgrade: Option<&'a HeaderValue>,
    /// `te: trailers`, and `connection` that names it (RFC 9110, section 10.1.4).
    pub trailers: bool,
}

/// A request target (RFC 9112, section 3.2).
#[derive(Clone, Copy, Debug)]
pub enum RequestTarget<'a> {
    /// Path and query, or `*`: to the origin itself.
    Origin(&'a Uri),
    /// The whole URI, without user and password: to a proxy that forwards it. A request for `*` is addressed to the
    /// origin (section 3.2.4).
    Absolute(&'a Uri),
    /// Host and port, for CONNECT. User and password are left out.
    Authority(&'a str),
}

/// How the names of fields are written. It means nothing (RFC 9110, section 5.1), but there are peers that look at it.
#[derive(Clone, Copy, Debug, Default)]
pub enum FieldCase<'a> {
    /// `content-type`.
    #[default]
    Lower,
    /// `Content-Type`.
    Title,
    /// As they were spelled before; others `Content-Type`.
    AsBefore(&'a FieldSpelling),
}

/// What was found in a request's fields while they were written.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Encoded {
    /// `expect: 100-continue`: to hold the body back until the peer wants it (RFC 9110, section 10.1.1).
    pub expects_continue: bool,
}

impl RequestHead<'_> {
    /// Writes it.
    #[inline]
    pub fn encode(&self, out: &mut Vec<u8>) -> Encoded {
        out.reserve(128);
        out.extend_from_slice(self.method.as_str().as_bytes());
        out.push(b' ');
        self.target.encode(out);
        out.extend_from_slice(b" HTTP/1.1\r\n");
        let mut head = Head { out, title: false, spelling: None };
        match self.case {
            FieldCase::Lower => {}
            FieldCase::Title => head.title = true,
            FieldCase::AsBefore(spelling) => (head.title, head.spelling) = (true, Some(spelling)),
        }
        head.put(&header::HOST, self.host.as_bytes());
        let encoded = self.fields(&mut head);
        match self.body {
            BodyFraming::Length(length) => {
                head.put(&header::CONTENT_LENGTH, itoa::Buffer::new().format(length).as_bytes())
            }
            BodyFraming::Chunked => head.put(&header::TRANSFER_ENCODING, b"chunked"),
            // Servers answer with 411 where a method that has a body says nothing of its length (RFC 9110, section
            // 8.6).
            BodyFraming::Empty if matches!(*self.method, Method::POST | Method::PUT | Method::PATCH) => {
                head.put(&header::CONTENT_LENGTH, b"0");
            }
            BodyFraming::Empty => {}
        }
        if let Some(credentials) = self.credentials
            && !self.headers.contains_key(header::PROXY_AUTHORIZATION)
        {
            head.put(&header::PROXY_AUTHORIZATION, credentials.as_bytes());
        }
        head.options(&self.options);
        out.extend_from_slice(b"\r\n");
        encoded
    }

    #[inline]
    fn fields(&self, head: &mut Head<'_>) -> Encoded {
        let mut encoded = Encoded::default();
        // Where the line of the last cookie ends: the next one goes on there (RFC 6265, section 5.4).
        let mut cookies = None;
        for (name, value) in self.headers {
            match Kind::of(name) {
                Kind::Field => head.put(name, value.as_bytes()),
                Kind::Cookie => {
                    match cookies {
                        Some(end) => {
                            head.out.truncate(end);
                            head.out.extend_from_slice(b"; ");
                            head.out.extend_from_slice(value.as_bytes());
                            head.out.extend_from_slice(b"\r\n");
                        }
                        None => head.put(name, value.as_bytes()),
                    }
                    cookies = Some(head.out.len() - 2);
                }
                Kind::Expect => {
                    let expects_continue = value.as_bytes().eq_ignore_ascii_case(b"100-continue");
                    // Not without content (RFC 9110, section 10.1.1).
                    if !expects_continue || !matches!(self.body, BodyFraming::Empty | BodyFraming::Length(0)) {
                        head.put(name, value.as_bytes());
                        encoded.expects_continue |= expects_continue;
                    }
                }
                Kind::WrittenFromElsewhere => {}
            }
        }
        encoded
    }
}

/// Makes HTTP/1.0 of the request line that what was [encoded](RequestHead::encode) begins with.
#[cold]
pub fn http1_0(head: &mut [u8]) {
    let end = head.windows(2).position(|two| two == b"\r\n");
    // Before the line's end stands the version's last digit.
    if let Some(digit) = end.and_then(|end| end.checked_sub(1)).and_then(|at| head.get_mut(at)) {
        *digit = b'0';
    }
}

impl RequestTarget<'_> {
    #[inline]
    fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Origin(uri) => origin(out, uri),
            Self::Authority(authority) => out.extend_from_slice(without_user(authority).as_bytes()),
            Self::Absolute(uri) => absolute(out, uri),
        }
    }
}

/// A URI may have no path, or one without a slash, which would become a part of the host behind one.
#[inline]
fn origin(out: &mut Vec<u8>, uri: &Uri) {
    let path = uri.path_and_query().map_or("", |path| path.as_str());
    if !path.starts_with('/') && path != "*" {
        out.push(b'/');
    }
    out.extend_from_slice(path.as_bytes());
}

/// Without user and password: they are no part of it (RFC 9110, section 4.2.4).
fn absolute(out: &mut Vec<u8>, uri: &Uri) {
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return origin(out, uri);
    };
    out.extend_from_slice(scheme.as_bytes());
    out.extend_from_slice(b"://");
    out.extend_from_slice(without_user(authority.as_str()).as_bytes());
    if uri.path() != "*" {
        origin(out, uri);
    }
}

fn without_user(authority: &str) -> &str {
    authority.rsplit_once('@').map_or(authority, |(_, host)| host)
}

/// What is written, and how names are spelled in it.
struct Head<'a> {
    out: &'a mut Vec<u8>,
    title: bool,
    spelling: Option<&'a FieldSpelling>,
}

impl Head<'_> {
    #[inline]
    fn put(&mut self, name: &HeaderName, value: &[u8]) {
        if self.title {
            let name = spelled(name, self.title, self.spelling);
            return put(self.out, &name, value);
        }
        put(self.out, name.as_str().as_bytes(), value);
    }

    #[inline]
    fn options(&mut self, options: &ConnectionOptions<'_>) {
        if options.close || options.trailers || options.upgrade.is_some() {
            self.put_options(options);
        }
    }

    #[cold]
    fn put_options(&mut self, options: &ConnectionOptions<'_>) {
        if options.trailers {
            self.put(&header::TE, b"trailers");
        }
        if let Some(protocols) = options.upgrade {
            self.put(&header::UPGRADE, protocols.as_bytes());
        }
        let names = [(options.close, "close"), (options.upgrade.is_some(), "upgrade"), (options.trailers, "te")];
        let names: Vec<_> = names.into_iter().filter_map(|(is, name)| is.then_some(name)).collect();
        self.put(&header::CONNECTION, names.join(", ").as_bytes());
    }
}

/// What becomes of a field.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    Field,
    Cookie,
    Expect,
    WrittenFromElsewhere,
}

impl Kind {
    #[inline]
    fn of(name: &HeaderName) -> Self {
        // The first letter tells most others apart: this is asked for each field of each request.
        match name.as_str().as_bytes() {
            b"cookie" => Self::Cookie,
            b"expect" => Self::Expect,
            b"host" | b"connection" | b"content-length" | b"transfer-encoding" | b"te" | b"upgrade" => {
                Self::WrittenFromElsewhere
            }
            _ => Self::Field,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encode(method: &str, uri: &str, fields: &[(&str, &str)], body: BodyFraming) -> (String, Encoded) {
        write(method, uri, fields, body, None, false)
    }

    fn write(
        method: &str,
        uri: &str,
        fields: &[(&str, &str)],
        body: BodyFraming,
        proxy: Option<Option<&str>>,
        title: bool,
    ) -> (String, Encoded) {
        let (method, uri, host) = (method.parse().unwrap(), uri.parse().unwrap(), HeaderValue::from_static("a.test"));
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap());
        }
        let credentials = proxy.flatten().map(|value| value.parse().unwrap());
        let head = RequestHead {
            method: &method,
            target: if proxy.is_some() { RequestTarget::Absolute(&uri) } else { RequestTarget::Origin(&uri) },
            host: &host,
            headers: &headers,
            body,
            options: ConnectionOptions::default(),
            credentials: credentials.as_ref(),
            case: if title { FieldCase::Title } else { FieldCase::Lower },
        };
        let mut out = Vec::new();
        let encoded = head.encode(&mut out);
        (String::from_utf8(out).unwrap(), encoded)
    }

    #[test]
    fn targets() {
        let line =
            |uri, proxy| write("GET", uri, &[], BodyFraming::Empty, proxy, false).0.lines().next().unwrap().to_owned();
        assert_eq!(line("http://a.test/x?y", None), "GET /x?y HTTP/1.1");
        assert_eq!(line("http://a.test", None), "GET / HTTP/1.1");
        assert_eq!(line("http://a.test?y", None), "GET /?y HTTP/1.1");
        assert_eq!(line("/x", None), "GET /x HTTP/1.1");
        assert_eq!(line("*", None), "GET * HTTP/1.1");
        assert_eq!(line("http://a.test/x?y", Some(None)), "GET http://a.test/x?y HTTP/1.1");
        assert_eq!(line("http://a.test?y", Some(None)), "GET http://a.test/?y HTTP/1.1");
        assert_eq!(line("http://a.test:81", Some(None)), "GET http://a.test:81/ HTTP/1.1");
        assert_eq!(line("http://me:secret@a.test/x", Some(None)), "GET http://a.test/x HTTP/1.1");
        for authority in ["a.test:443", "me:secret@a.test:443"] {
            let written = with_target(&Method::CONNECT, RequestTarget::Authority(authority));
            assert_eq!(written, "CONNECT a.test:443 HTTP/1.1\r\nhost: a.test:443\r\n\r\n");
        }
    }

    fn with_target(method: &Method, target: RequestTarget<'_>) -> String {
        let (mut out, host) = (Vec::new(), HeaderValue::from_static("a.test:443"));
        let (headers, options) = (HeaderMap::new(), ConnectionOptions::default());
        let (body, case) = (BodyFraming::Empty, FieldCase::Lower);
        let head =
            RequestHead { method, target, host: &host, headers: &headers, body, options, credentials: None, case };
        head.encode(&mut out);
        String::from_utf8(out).unwrap()
    }

    /// Some versions of `http` take a path without one, which would become a part of the host.
    #[test]
    fn a_path_begins_with_a_slash() {
        let Ok(path) = ".evil.test/x".parse::<http::uri::PathAndQuery>() else { return };
        let uri = Uri::builder().scheme("http").authority("a.test").path_and_query(path).build().unwrap();
        let absolute = with_target(&Method::GET, RequestTarget::Absolute(&uri));
        assert!(absolute.starts_with("GET http://a.test/.evil.test/x HTTP/1.1\r\n"), "{absolute}");
        let origin = with_target(&Method::GET, RequestTarget::Origin(&uri));
        assert!(origin.starts_with("GET /.evil.test/x HTTP/1.1\r\n"), "{origin}");
    }

    #[test]
    fn the_framing_is_that_of_the_body() {
        let fields = [("content-length", "9"), ("transfer-encoding", "chunked"), ("host", "evil.test")];
        for (method, body, framing) in [
            ("GET", BodyFraming::Empty, ""),
            ("DELETE", BodyFraming::Empty, ""),
            ("POST", BodyFraming::Empty, "content-length: 0\r\n"),
            ("PUT", BodyFraming::Empty, "content-length: 0\r\n"),
            ("PATCH", BodyFraming::Empty, "content-length: 0\r\n"),
            ("GET", BodyFraming::Length(5), "content-length: 5\r\n"),
            ("POST", BodyFraming::Length(5), "content-length: 5\r\n"),
            ("POST", BodyFraming::Chunked, "transfer-encoding: chunked\r\n"),
        ] {
            let (written, _) = encode(method, "/", &fields, body);
            assert_eq!(written, format!("{method} / HTTP/1.1\r\nhost: a.test\r\n{framing}\r\n"), "{body:?}");
        }
    }

    #[test]
    fn what_is_asked_of_the_next_hop_is_what_the_options_say() {
        let written = |options: ConnectionOptions<'_>| {
            let headers = HeaderMap::from_iter(
                [("connection", "x"), ("te", "gzip"), ("upgrade", "irc"), ("x-a", "1")]
                    .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))),
            );
            let mut out = Vec::new();
            let (uri, host) = (Uri::from_static("/"), HeaderValue::from_static("a.test"));
            let head = RequestHead {
                method: &Method::GET,
                target: RequestTarget::Origin(&uri),
                host: &host,
                headers: &headers,
                body: BodyFraming::Empty,
                options,
                credentials: None,
                case: FieldCase::Lower,
            };
            head.encode(&mut out);
            let written = String::from_utf8(out).unwrap();
            let fields = written.strip_prefix("GET / HTTP/1.1\r\nhost: a.test\r\nx-a: 1\r\n").unwrap();
            fields.strip_suffix("\r\n").unwrap().to_owned()
        };
        let none = ConnectionOptions::default();
        let websocket = HeaderValue::from_static("websocket");
        assert_eq!(written(none), "");
        assert_eq!(written(ConnectionOptions { close: true, ..none }), "connection: close\r\n");
        assert_eq!(written(ConnectionOptions { trailers: true, ..none }), "te: trailers\r\nconnection: te\r\n");
        assert_eq!(
            written(ConnectionOptions { close: true, upgrade: Some(&websocket), trailers: true }),
            "te: trailers\r\nupgrade: websocket\r\nconnection: close, upgrade, te\r\n"
        );
    }

    #[test]
    fn an_expectation_is_told() {
        let (written, encoded) = encode("PUT", "/", &[("expect", "100-Continue")], BodyFraming::Length(1));
        assert!(encoded.expects_continue && written.contains("\r\nexpect: 100-Continue\r\n"));
        assert!(!encode("PUT", "/", &[("expect", "more")], BodyFraming::Length(1)).1.expects_continue);
        for empty in [BodyFraming::Empty, BodyFraming::Length(0)] {
            let (written, encoded) = encode("PUT", "/", &[("expect", "100-continue")], empty);
            assert!(!encoded.expects_continue && !written.contains("expect"), "{written}");
        }
    }

    #[test]
    fn cookies_are_one_line() {
        let (written, _) = encode(
            "GET",
            "/",
            &[("cookie", "a=1"), ("cookie", "b=2"), ("cookie", "c=3"), ("x-a", "1")],
            BodyFraming::Empty,
        );
        assert_eq!(written, "GET / HTTP/1.1\r\nhost: a.test\r\ncookie: a=1; b=2; c=3\r\nx-a: 1\r\n\r\n");
    }

    #[test]
    fn a_proxy_sees_its_credentials_and_nobody_else_does() {
        let to_proxy = |fields: &[(&str, &str)]| {
            write("GET", "http://a.test/", fields, BodyFraming::Empty, Some(Some("ours")), false).0
        };
        assert!(to_proxy(&[]).ends_with("\r\nproxy-authorization: ours\r\n\r\n"));
        assert!(to_proxy(&[("proxy-authorization", "theirs")]).ends_with("\r\nproxy-authorization: theirs\r\n\r\n"));
    }

    #[test]
    fn names_in_title_case() {
        let (written, _) = write("POST", "/", &[("x-request-id", "1")], BodyFraming::Length(1), None, true);
        assert_eq!(written, "POST / HTTP/1.1\r\nHost: a.test\r\nX-Request-Id: 1\r\nContent-Length: 1\r\n\r\n");
    }
}
