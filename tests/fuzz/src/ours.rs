//! The codec, driven as a connection drives it.

use crate::outcome::{End, Outcome, Response};
use bytes::{Bytes, BytesMut};
use http::Method;
use skybridge_h1_codec::{BodyDecoder, BodyError, Framing, HeadDecoder, HeadError, Limits, Piece, ResponseHead};

/// What was read, and what the codec says of it beyond that.
pub(crate) struct Ours {
    pub(crate) outcome: Outcome<HeadError, BodyError>,
    /// How the response was framed.
    pub(crate) framing: Option<Framing>,
    /// Whether each head was strict.
    pub(crate) strict: bool,
    pub(crate) keep_alive: bool,
    /// How many interim responses came before.
    pub(crate) interim: usize,
    /// Where the response's head begins and ends.
    pub(crate) head: (usize, usize),
    /// Where in the bytes the decoder was when it last took something: what it refuses begins there.
    pub(crate) at: usize,
}

/// Reads what arrives in these pieces, before the peer ends the connection.
pub(crate) fn read(method: &Method, pieces: &[&[u8]], limits: &Limits) -> Ours {
    let mut reader = Reader { pieces: pieces.iter(), buf: BytesMut::new(), arrived: 0, method, limits };
    let mut ours = Ours {
        outcome: Outcome::HeadIncomplete,
        framing: None,
        strict: true,
        keep_alive: true,
        interim: 0,
        head: (0, 0),
        at: 0,
    };
    let head = loop {
        ours.head.0 = reader.taken();
        ours.at = ours.head.0;
        match reader.head() {
            Ok(Some(head)) => {
                ours.strict &= head.is_strict();
                ours.keep_alive &= head.is_keep_alive();
                ours.head.1 = reader.taken();
                if !head.is_interim() {
                    break head;
                }
                assert_eq!(head.framing, Framing::Empty, "an interim response has no body");
                ours.interim += 1;
            }
            Ok(None) => return ours,
            Err(error) => {
                ours.outcome = Outcome::HeadRefused(error);
                return ours;
            }
        }
    };
    ours.framing = Some(head.framing);
    let response = reader.body(head, &mut ours.at);
    ours.outcome = Outcome::Read(Box::new(response));
    ours
}

struct Reader<'a> {
    pieces: std::slice::Iter<'a, &'a [u8]>,
    buf: BytesMut,
    arrived: usize,
    method: &'a Method,
    limits: &'a Limits,
}

impl Reader<'_> {
    fn fill(&mut self) -> bool {
        let Some(piece) = self.pieces.next() else { return false };
        self.buf.extend_from_slice(piece);
        self.arrived += piece.len();
        true
    }

    fn taken(&self) -> usize {
        self.arrived - self.buf.len()
    }

    fn head(&mut self) -> Result<Option<ResponseHead>, HeadError> {
        let mut decoder = HeadDecoder::default();
        loop {
            if !self.buf.is_empty() {
                let before = Bytes::copy_from_slice(&self.buf);
                if let Some(head) = decoder.decode(&mut self.buf, self.method, self.limits)? {
                    assert!(before.ends_with(&self.buf), "what is left is the end of what was there");
                    let taken = before.len() - self.buf.len();
                    assert!(taken > 0 && taken <= self.limits.head_bytes, "{taken} bytes of head");
                    assert!(head.headers.len() <= self.limits.fields, "{} fields", head.headers.len());
                    return Ok(Some(head));
                }
                assert_eq!(self.buf, before, "nothing is taken of a head that isn't all here");
                assert!(self.buf.len() <= self.limits.head_bytes, "a head that grows without a limit");
            }
            if !self.fill() {
                return decoder.eof(&self.buf, self.limits).map(|()| None);
            }
        }
    }

    fn body(&mut self, head: ResponseHead, at: &mut usize) -> Response<BodyError> {
        let ResponseHead { status, version, reason, headers, framing, .. } = head;
        let reason = reason.map(|reason| Bytes::copy_from_slice(reason.as_bytes()));
        let mut response =
            Response { status, version, reason, headers, body: vec![], trailers: None, end: End::Incomplete };
        let mut decoder = BodyDecoder::new(framing);
        while !decoder.is_done() {
            *at = self.taken();
            let (before, remaining) = (self.buf.len(), decoder.remaining());
            match decoder.decode(&mut self.buf, self.limits) {
                Ok(Some(piece)) => {
                    assert!(self.buf.len() < before, "what is given up was taken from the buffer");
                    assert!(response.trailers.is_none(), "nothing comes behind the trailers");
                    match piece {
                        Piece::Data(data) => {
                            assert!(!data.is_empty(), "a piece without data");
                            if let Some(remaining) = remaining {
                                assert_eq!(decoder.remaining(), Some(remaining - data.len() as u64));
                            }
                            response.body.extend_from_slice(&data);
                        }
                        Piece::Trailers(trailers) => {
                            assert!(decoder.is_done() && !trailers.is_empty() && trailers.len() <= self.limits.fields);
                            response.trailers = Some(trailers);
                        }
                    }
                }
                Ok(None) if decoder.is_done() => {}
                Ok(None) => {
                    let most = self.limits.head_bytes.max(self.limits.chunk_extension_bytes + 128);
                    assert!(self.buf.len() <= most, "{} bytes wait for more", self.buf.len());
                    if !self.fill() {
                        match decoder.eof() {
                            Ok(()) => assert!(decoder.is_done()),
                            Err(BodyError::Incomplete { .. }) => return response,
                            Err(error) => {
                                response.end = End::Refused(error);
                                return response;
                            }
                        }
                    }
                }
                Err(error) => {
                    let again = decoder.decode(&mut self.buf, self.limits);
                    assert!(!matches!(again, Ok(Some(_))), "a body goes on behind {error:?}: {again:?}");
                    response.end = End::Refused(error);
                    return response;
                }
            }
        }
        let left = self.buf.len() + self.pieces.by_ref().map(|piece| piece.len()).sum::<usize>();
        response.end = End::Whole { left };
        response
    }
}
