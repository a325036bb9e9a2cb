//! What an input for the reader of responses says.

use http::Method;
use std::borrow::Cow;

/// A request's method, how the peer's bytes are cut, and these bytes. The first two are one letter each, so that an
/// input reads as what it is: `G1HTTP/1.1 200 OK...` is the response to a GET, byte by byte. In lower case the method's
/// letter stands for a status line too, and `k` for a whole head, so that most changes meet what comes behind it.
pub(crate) struct Input<'a> {
    pub(crate) method: Method,
    pub(crate) cuts: Cuts,
    pub(crate) wire: Cow<'a, [u8]>,
}

/// Where the peer's bytes are cut.
#[derive(Clone, Copy)]
pub(crate) struct Cuts(u8);

impl<'a> Input<'a> {
    pub(crate) fn parse(input: &'a [u8]) -> Option<Self> {
        let [method, cuts, wire @ ..] = input else { return None };
        let begins: &[u8] = match method {
            b'k' => b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
            b'a'..=b'z' => b"HTTP/1.1 200 OK\r\n",
            _ => b"",
        };
        let method = match method.to_ascii_uppercase() {
            b'H' => Method::HEAD,
            b'C' => Method::CONNECT,
            b'P' => Method::POST,
            _ => Method::GET,
        };
        let wire = if begins.is_empty() { Cow::Borrowed(wire) } else { Cow::Owned([begins, wire].concat()) };
        Some(Self { method, cuts: Cuts::of(*cuts), wire })
    }
}

impl Cuts {
    pub(crate) const NONE: Self = Self(b'0');
    pub(crate) const EVERYWHERE: Self = Self(b'1');

    /// As this letter of an input says.
    pub(crate) fn of(letter: u8) -> Self {
        Self(letter)
    }

    /// The pieces, none of them empty.
    pub(crate) fn pieces(self, wire: &[u8]) -> Vec<&[u8]> {
        if self.0 == Self::NONE.0 {
            return if wire.is_empty() { vec![] } else { vec![wire] };
        }
        if self.0 == Self::EVERYWHERE.0 {
            return wire.chunks(1).collect();
        }
        let (mut rest, mut pieces, mut state) = (wire, vec![], u32::from(self.0).wrapping_mul(0x9e37_79b1) | 1);
        while !rest.is_empty() {
            // xorshift
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            let most = if state & 0x300 == 0 { 64 } else { 7 };
            let (piece, after) = rest.split_at((1 + (state >> 16) as usize % most).min(rest.len()));
            pieces.push(piece);
            rest = after;
        }
        pieces
    }
}
