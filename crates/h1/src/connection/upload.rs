use super::write_buffer::WriteBuffer;
use crate::H1Error;
use bytes::Buf;
use http_body::Body;
use skybridge_core::{BodyLength, BoxError, Io, RequestError};
use skybridge_h1_codec::{BodyFraming, CHUNK_END, chunk_start, last_chunk};
use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

/// The request's half of an exchange: what is to be written, and the body that it comes from.
pub(super) struct Upload<B: Body> {
    buffer: WriteBuffer<B::Data>,
    /// Where a body lives while it is read. The place is kept for the next one.
    place: Option<Pin<Box<Option<B>>>>,
    step: Step,
}

/// What is still to come of the request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Step {
    /// Nothing but what is in the buffer.
    Nothing,
    /// A body of so many bytes.
    Length(BodyLength),
    /// A body in chunks, of so many bytes if that was declared.
    Chunked(Option<BodyLength>),
    /// What can't be sent any more.
    Broken,
}

/// What a body gave.
#[derive(Debug)]
pub(super) enum Fetched {
    /// There is something to write, or nothing more to come.
    Something,
    /// Nothing at the moment.
    Pending,
}

impl<B: Body> Upload<B> {
    pub(super) fn new() -> Self {
        Self { buffer: WriteBuffer::new(), place: None, step: Step::Nothing }
    }

    /// A request begins; its head is to be put here.
    #[inline]
    pub(super) fn begin(&mut self) -> &mut Vec<u8> {
        self.step = Step::Nothing;
        self.buffer.begin()
    }

    /// Its body is framed so. One that is over has no length.
    #[inline]
    pub(super) fn body(&mut self, framing: BodyFraming, length: Option<BodyLength>) {
        self.step = match (framing, length) {
            (BodyFraming::Chunked, length) => Step::Chunked(length),
            (BodyFraming::Length(_), Some(length)) => Step::Length(length),
            (BodyFraming::Empty | BodyFraming::Length(_), _) => Step::Nothing,
        };
    }

    /// Whether a body is to be read, and none was given yet.
    #[inline]
    pub(super) fn wants_body(&self) -> bool {
        self.step != Step::Nothing && self.place.as_ref().is_none_or(|place| place.is_none())
    }

    pub(super) fn give_body(&mut self, body: B) {
        match &mut self.place {
            Some(place) => place.as_mut().set(Some(body)),
            None => self.place = Some(Box::pin(Some(body))),
        }
    }

    /// Whether all of the request is in the buffer, or beyond.
    #[inline]
    pub(super) fn is_fetched(&self) -> bool {
        self.step == Step::Nothing
    }

    /// Whether the peer has all that belongs to the request, though the body may not have said yet that it is over.
    #[inline]
    pub(super) fn is_written(&self) -> bool {
        let is_fetched = match &self.step {
            Step::Nothing => true,
            Step::Length(length) => length.is_reached(),
            Step::Chunked(_) | Step::Broken => false,
        };
        is_fetched && self.buffer.is_empty()
    }

    /// How many bytes have left us.
    pub(super) fn taken(&self) -> u64 {
        self.buffer.taken()
    }

    /// Whether nothing has left us.
    #[inline]
    pub(super) fn is_untouched(&self) -> bool {
        self.buffer.is_untouched()
    }

    #[inline]
    pub(super) fn poll_write(&mut self, io: &mut Pin<Box<dyn Io>>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.buffer.poll_write(io, cx)
    }

    /// The socket takes no more. It is not over: whoever drives it still has to be told.
    pub(super) fn broken(&mut self) {
        self.drop_body();
        self.step = Step::Broken;
        self.buffer.clear();
    }

    /// Whether the body was declared to be empty, and nothing of the request has left us.
    #[inline]
    pub(super) fn is_declared_empty(&self) -> bool {
        matches!(self.step, Step::Length(length) if length.declared_bytes() == 0) && self.is_untouched()
    }

    /// Nothing of the request will be sent.
    pub(super) fn discard(&mut self) {
        self.abandon();
        self.buffer.clear();
    }

    /// The rest of the request will not be sent.
    pub(super) fn abandon(&mut self) {
        self.step = Step::Nothing;
        self.drop_body();
    }

    fn drop_body(&mut self) {
        if let Some(place) = &mut self.place {
            place.as_mut().set(None);
        }
    }

    #[inline]
    pub(super) fn rest(&mut self) {
        self.buffer.rest();
    }
}

impl<B> Upload<B>
where
    B: Body,
    B::Error: Into<BoxError>,
{
    /// Reads from the body until the buffer is full. Not under a lock: a body is its user's code.
    #[inline]
    pub(super) fn poll_body(&mut self, cx: &mut Context<'_>) -> Result<Fetched, H1Error> {
        while self.step != Step::Nothing && self.buffer.has_room() {
            let Some(mut body) = self.place.as_mut().and_then(|place| place.as_mut().as_pin_mut()) else { break };
            match body.as_mut().poll_frame(cx) {
                Poll::Pending => return Ok(Fetched::Pending),
                Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                    Ok(data) => {
                        self.step.add(data.remaining())?;
                        let ended = body.is_end_stream() || self.step.is_at_end(body, cx)?;
                        self.data(data);
                        if ended {
                            self.end(None)?;
                        }
                    }
                    Err(frame) => {
                        if let Ok(trailers) = frame.into_trailers() {
                            self.end(Some(&trailers))?;
                        }
                    }
                },
                Poll::Ready(Some(Err(error))) => return Err(H1Error::request_body(error)),
                Poll::Ready(None) => self.end(None)?,
            }
        }
        Ok(Fetched::Something)
    }

    fn data(&mut self, data: B::Data) {
        let length = data.remaining();
        match self.step {
            _ if length == 0 => {}
            Step::Nothing | Step::Broken => {}
            Step::Length(_) => self.buffer.data(data),
            Step::Chunked(_) => {
                chunk_start(self.buffer.bytes(), length);
                self.buffer.data(data);
                self.buffer.bytes().extend_from_slice(CHUNK_END);
            }
        }
    }

    /// The body is over. With a length there is no place for trailers (RFC 9110, section 6.5): they are left out.
    fn end(&mut self, trailers: Option<&http::HeaderMap>) -> Result<(), H1Error> {
        match &self.step {
            Step::Nothing | Step::Broken => return Ok(()),
            Step::Length(length) => length.end()?,
            Step::Chunked(length) => {
                length.map_or(Ok(()), |length| length.end())?;
                last_chunk(self.buffer.bytes(), trailers)?;
            }
        }
        self.step = Step::Nothing;
        self.drop_body();
        Ok(())
    }
}

impl Step {
    fn add(&mut self, bytes: usize) -> Result<(), RequestError> {
        match self {
            Self::Length(length) | Self::Chunked(Some(length)) => length.add(bytes),
            Self::Nothing | Self::Chunked(None) | Self::Broken => Ok(()),
        }
    }

    /// Looks at what follows the last byte, before that is written: a body that is too long must not end as if it
    /// weren't. It is not waited for, as a body may stay open until it is answered. True when it has ended.
    fn is_at_end<B>(&mut self, mut body: Pin<&mut B>, cx: &mut Context<'_>) -> Result<bool, H1Error>
    where
        B: Body,
        B::Error: Into<BoxError>,
    {
        let Self::Length(length) = self else { return Ok(false) };
        while length.is_reached() {
            match body.as_mut().poll_frame(cx) {
                Poll::Pending => return Ok(false),
                Poll::Ready(None) => return Ok(true),
                Poll::Ready(Some(Err(error))) => return Err(H1Error::request_body(error)),
                Poll::Ready(Some(Ok(frame))) => match frame.data_ref() {
                    Some(data) => length.add(data.remaining())?,
                    None => return Ok(true),
                },
            }
        }
        Ok(false)
    }
}
