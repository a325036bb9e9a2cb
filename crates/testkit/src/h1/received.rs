use bytes::Bytes;

/// A request as it arrived on the wire.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Received {
    head: String,
    pub(super) body: Bytes,
    pub(super) trailers: Vec<(String, String)>,
}

/// The framing of a body.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Framing {
    Length(usize),
    Chunked,
}

// === impl Received ===

impl Received {
    pub(super) fn new(head: String) -> Self {
        Self { head, body: Bytes::new(), trailers: Vec::new() }
    }

    /// Request line and headers as they were written, with the empty line.
    pub fn head(&self) -> &str {
        &self.head
    }

    /// The first line.
    pub fn line(&self) -> &str {
        self.head.split("\r\n").next().unwrap_or_default()
    }

    /// The method, such as `GET`.
    pub fn method(&self) -> &str {
        self.part(0)
    }

    /// The request target as it was written: origin form, absolute form, authority form or `*`.
    pub fn target(&self) -> &str {
        self.part(1)
    }

    /// The version, such as `HTTP/1.1`.
    pub fn version(&self) -> &str {
        self.part(2)
    }

    /// Names (as they were written) and trimmed values, in order.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        let lines = self.head.split("\r\n").skip(1);
        lines.filter_map(|line| line.split_once(':')).map(|(name, value)| (name, value.trim()))
    }

    /// The first value of a header; the case of the name doesn't matter.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers().find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// How often a header occurs.
    pub fn count(&self, name: &str) -> usize {
        self.headers().filter(|(other, _)| other.eq_ignore_ascii_case(name)).count()
    }

    /// The body, without its framing.
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// The trailers of a chunked body.
    pub fn trailers(&self) -> &[(String, String)] {
        &self.trailers
    }

    pub(super) fn framing(&self) -> Framing {
        if self.header("transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked")) {
            return Framing::Chunked;
        }
        let length = self.header("content-length").unwrap_or("0");
        Framing::Length(length.parse().unwrap_or_else(|_| panic!("content-length: {length}")))
    }

    fn part(&self, index: usize) -> &str {
        self.line().split(' ').nth(index).unwrap_or_default()
    }
}
