//! One response after another, taken out of a stream that arrives in pieces.
#![allow(dead_code, clippy::unwrap_used, reason = "each test file uses a part; a test may panic")]

use bytes::BytesMut;
use http::{HeaderMap, Method};
use skybridge_h1_codec::{BodyDecoder, BodyError, Framing, HeadDecoder, HeadError, Limits, Piece, ResponseHead};

/// A whole response.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Message {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) framing: Framing,
    pub(crate) body: Vec<u8>,
    pub(crate) trailers: HeaderMap,
    /// The connection may carry another request.
    pub(crate) reusable: bool,
}

/// Why there are no more.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum End {
    /// The stream ended between two responses, or with the last one.
    Clean,
    /// Another protocol's bytes.
    Upgrade(Vec<u8>),
    HeadBreaksOff,
    Head(HeadError),
    Body(BodyError),
}

/// All responses to requests with this method.
pub(crate) fn read_all(method: &Method, pieces: &[&[u8]]) -> (Vec<Message>, End) {
    let mut stream = Stream { pieces: pieces.iter(), buf: BytesMut::new(), limits: Limits::default() };
    let mut messages = Vec::new();
    loop {
        match stream.message(method) {
            Ok(message) => messages.push(message),
            Err(end) => return (messages, end),
        }
    }
}

struct Stream<'a> {
    pieces: std::slice::Iter<'a, &'a [u8]>,
    buf: BytesMut,
    limits: Limits,
}

impl Stream<'_> {
    fn fill(&mut self) -> bool {
        self.pieces.next().map(|piece| self.buf.extend_from_slice(piece)).is_some()
    }

    fn message(&mut self, method: &Method) -> Result<Message, End> {
        let head = self.head(method)?;
        if head.framing == Framing::Upgrade {
            while self.fill() {}
            return Err(End::Upgrade(self.buf.to_vec()));
        }
        let mut message = Message {
            status: head.status.as_u16(),
            reusable: head.is_keep_alive() && head.is_strict() && head.framing != Framing::UntilClose,
            headers: head.headers,
            framing: head.framing,
            body: Vec::new(),
            trailers: HeaderMap::new(),
        };
        let mut body = BodyDecoder::new(head.framing);
        while !body.is_done() {
            match body.decode(&mut self.buf, &self.limits).map_err(End::Body)? {
                Some(Piece::Data(data)) => message.body.extend_from_slice(&data),
                Some(Piece::Trailers(trailers)) => message.trailers = trailers,
                None if body.is_done() || self.fill() => {}
                None => body.eof().map_err(End::Body)?,
            }
        }
        Ok(message)
    }

    fn head(&mut self, method: &Method) -> Result<ResponseHead, End> {
        let mut decoder = HeadDecoder::default();
        loop {
            if let Some(head) = decoder.decode(&mut self.buf, method, &self.limits).map_err(End::Head)? {
                return Ok(head);
            }
            if !self.fill() {
                decoder.eof(&self.buf, &self.limits).map_err(End::Head)?;
                return Err(if self.buf.is_empty() { End::Clean } else { End::HeadBreaksOff });
            }
        }
    }
}
