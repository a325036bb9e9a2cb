use crate::{
    BodyError, Framing, Limits,
    chunked::{Chunked, Taken},
};
use bytes::{Bytes, BytesMut};
use http::HeaderMap;

/// Takes a response's body out of what was read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct BodyDecoder(Kind);

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    Length(u64),
    Chunked(Chunked),
    UntilClose,
    Done,
}

/// A piece of a body.
#[derive(Clone, Debug, PartialEq)]
pub enum Piece {
    /// Some of its data, never none.
    Data(Bytes),
    /// Its trailers: nothing comes behind them.
    Trailers(HeaderMap),
}

impl BodyDecoder {
    /// For a body that is framed so. One that is none, or another protocol's, is done at once.
    #[inline]
    pub fn new(framing: Framing) -> Self {
        Self(match framing {
            Framing::Length(length) if length > 0 => Kind::Length(length),
            Framing::Chunked => Kind::Chunked(Chunked::new()),
            Framing::UntilClose => Kind::UntilClose,
            Framing::Empty | Framing::Length(_) | Framing::Upgrade => Kind::Done,
        })
    }

    /// Whether nothing more belongs to it.
    #[inline]
    pub fn is_done(&self) -> bool {
        match &self.0 {
            Kind::Done => true,
            Kind::Chunked(chunked) => chunked.is_done(),
            Kind::Length(_) | Kind::UntilClose => false,
        }
    }

    /// How many bytes of data are left, where that is known.
    #[inline]
    pub fn remaining(&self) -> Option<u64> {
        match &self.0 {
            Kind::Length(left) => Some(*left),
            Kind::Done => Some(0),
            Kind::Chunked(chunked) if chunked.is_done() => Some(0),
            Kind::Chunked(_) | Kind::UntilClose => None,
        }
    }

    /// The next piece that is here; `None` when more has to be read, or when the body [is done](Self::is_done).
    ///
    /// # Errors
    /// When the chunks or the trailers are malformed, or larger than the limits.
    #[inline]
    pub fn decode(&mut self, buf: &mut BytesMut, limits: &Limits) -> Result<Option<Piece>, BodyError> {
        match &mut self.0 {
            Kind::Length(left) if !buf.is_empty() => {
                let length = usize::try_from(*left).unwrap_or(usize::MAX).min(buf.len());
                *left -= length as u64;
                if *left == 0 {
                    self.0 = Kind::Done;
                }
                Ok(Some(Piece::Data(buf.split_to(length).freeze())))
            }
            Kind::UntilClose if !buf.is_empty() => Ok(Some(Piece::Data(buf.split().freeze()))),
            Kind::Chunked(chunked) => Ok(match chunked.decode(buf, limits)? {
                Taken::Data(data) => Some(Piece::Data(data)),
                Taken::Trailers(trailers) => Some(Piece::Trailers(trailers)),
                Taken::Nothing => None,
            }),
            Kind::Length(_) | Kind::UntilClose | Kind::Done => Ok(None),
        }
    }

    /// The peer has ended the connection, and the buffer is empty.
    ///
    /// # Errors
    /// When the body ends with anything but the connection, and hasn't ended.
    pub fn eof(&mut self) -> Result<(), BodyError> {
        match &self.0 {
            Kind::UntilClose => self.0 = Kind::Done,
            Kind::Length(left) => return Err(BodyError::Incomplete { missing: Some(*left) }),
            Kind::Chunked(chunked) if !chunked.is_done() => {
                return Err(BodyError::Incomplete { missing: chunked.missing() });
            }
            Kind::Chunked(_) | Kind::Done => {}
        }
        Ok(())
    }
}
