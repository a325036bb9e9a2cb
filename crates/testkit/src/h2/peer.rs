use super::{
    Frame, Request,
    frame::{CONTINUATION, END_HEADERS, HEADERS, Raw},
    hpack::Decoder,
};
use bytes::{Buf, Bytes, BytesMut};
use std::{collections::VecDeque, io::ErrorKind};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The server's side of an HTTP/2 connection, scripted by the test frame by frame.
///
/// While it reads it acknowledges SETTINGS and PING, unless [`manual`](Self::manual); it does nothing else on its own,
/// and nothing while it isn't reading. Methods panic with all frames so far when the client does something else than
/// the script says.
#[derive(Debug)]
pub struct Peer<I> {
    pub(super) io: I,
    buffer: BytesMut,
    decoder: Decoder,
    received: Vec<Frame>,
    requests: VecDeque<Request>,
    newest: u32,
    manual: bool,
}

// === impl Peer ===

impl<I: AsyncRead + AsyncWrite + Unpin> Peer<I> {
    /// A peer that has neither read nor sent anything: preface and SETTINGS are left to the script.
    pub fn new(io: I) -> Self {
        Self {
            io,
            buffer: BytesMut::new(),
            decoder: Decoder::new(),
            received: Vec::new(),
            requests: VecDeque::new(),
            newest: 0,
            manual: false,
        }
    }

    /// The usual start: reads the client's preface, sends empty SETTINGS.
    pub async fn accept(io: I) -> Self {
        Self::accept_with(io, &[]).await
    }

    /// As [`accept`](Self::accept), with these SETTINGS (see [`setting`](super::setting)).
    pub async fn accept_with(io: I, values: &[(u16, u32)]) -> Self {
        let mut peer = Self::new(io);
        peer.preface().await;
        peer.settings(values).await;
        peer
    }

    /// Leaves acknowledging SETTINGS and PING to the script.
    pub fn manual(mut self) -> Self {
        self.manual = true;
        self
    }

    /// Reads the client's 24 bytes of preface.
    pub async fn preface(&mut self) {
        while self.buffer.len() < PREFACE.len() && self.fill().await {}
        if !self.buffer.starts_with(PREFACE) {
            self.fail(&format!("expected the preface, got {:?}", self.buffer.escape_ascii().to_string()));
        }
        self.buffer.advance(PREFACE.len());
    }

    /// The next frame, whatever it is.
    pub async fn recv(&mut self) -> Frame {
        match self.next().await {
            Some(frame) => frame,
            None => self.fail("expected a frame, the client closed"),
        }
    }

    /// As [`recv`](Self::recv); `None` when the client has closed, with FIN or RST.
    pub async fn next(&mut self) -> Option<Frame> {
        let raw = self.next_raw().await?;
        let frame = Frame::decode(raw, &mut self.decoder);
        self.received.push(frame.clone());
        self.note_request(&frame);
        if !self.manual {
            self.acknowledge(&frame).await;
        }
        Some(frame)
    }

    /// Reads until a frame matches; those before it are recorded and passed over.
    pub async fn until(&mut self, matches: impl Fn(&Frame) -> bool) -> Frame {
        loop {
            match self.next().await {
                Some(frame) if matches(&frame) => return frame,
                Some(_) => {}
                None => self.fail("the frame that was waited for did not come, the client closed"),
            }
        }
    }

    /// The first frame that matches of those received already, else of those to come.
    pub async fn find(&mut self, matches: impl Fn(&Frame) -> bool) -> Frame {
        let requests = self.received.iter().find(|frame| matches(frame)).cloned();
        match requests {
            Some(frame) => frame,
            None => self.until(matches).await,
        }
    }

    /// The next request: the first that this hasn't returned yet, also when its HEADERS were passed over by another
    /// wait.
    pub async fn request(&mut self) -> Request {
        loop {
            if let Some(request) = self.requests.pop_front() {
                return request;
            }
            if self.next().await.is_none() {
                self.fail("expected a request, the client closed");
            }
        }
    }

    /// Reads until the client has ended a stream; returns its data. Windows are not updated: do it by
    /// [`window_update`](Self::window_update) where the body is longer than they are.
    pub async fn body(&mut self, stream: u32) -> Bytes {
        self.find(|frame| frame.stream() == stream && frame.ends_stream()).await;
        let data = self.received.iter().filter_map(|frame| match frame {
            Frame::Data { stream: of, data, .. } if *of == stream => Some(&data[..]),
            _ => None,
        });
        data.collect::<Vec<_>>().concat().into()
    }

    /// Waits for the client's RST_STREAM of a stream; returns its code.
    pub async fn expect_reset(&mut self, stream: u32) -> u32 {
        match self.find(|frame| frame.stream() == stream && matches!(frame, Frame::Reset { .. })).await {
            Frame::Reset { code, .. } => code,
            other => self.fail(&format!("expected RST_STREAM, got {other:?}")),
        }
    }

    /// Reads, and records, until the client closes.
    pub async fn expect_close(&mut self) {
        while self.next().await.is_some() {}
    }

    /// Every frame received so far.
    pub fn received(&self) -> &[Frame] {
        &self.received
    }

    /// The connection.
    pub fn get_ref(&self) -> &I {
        &self.io
    }

    /// The connection, to be gone on with by other means.
    pub fn into_inner(self) -> I {
        self.io
    }

    /// HEADERS on a stream beyond all others open it; others are trailers.
    fn note_request(&mut self, frame: &Frame) {
        match frame {
            Frame::Headers { stream, fields, end } if *stream > self.newest => {
                self.newest = *stream;
                self.requests.push_back(Request { stream: *stream, fields: fields.clone(), end: *end });
            }
            _ => {}
        }
    }

    async fn acknowledge(&mut self, frame: &Frame) {
        let answer = match frame {
            Frame::Settings { ack: false, .. } => Frame::Settings { ack: true, values: Vec::new() },
            Frame::Ping { ack: false, data } => Frame::Ping { ack: true, data: *data },
            _ => return,
        };
        // The client may have gone after it asked: reading tells.
        let _ = self.write(&answer.encode()).await;
    }

    /// One frame; a header block as one HEADERS frame.
    async fn next_raw(&mut self) -> Option<Raw> {
        let mut frame = self.next_plain(0).await?;
        if frame.0.kind == HEADERS {
            while frame.0.flags & END_HEADERS == 0 {
                let (more, length) = self.next_plain(frame.1).await?;
                if more.kind != CONTINUATION {
                    self.fail("a header block was interrupted");
                }
                frame.0.flags |= more.flags & END_HEADERS;
                frame.0.payload = [frame.0.payload, more.payload].concat().into();
                frame.1 = length;
            }
        }
        self.buffer.advance(frame.1);
        Some(frame.0)
    }

    /// The frame at an offset of the buffer, and its end. Nothing is taken from the buffer, so a reader may be dropped.
    async fn next_plain(&mut self, at: usize) -> Option<(Raw, usize)> {
        loop {
            if let Some(frame) = parse(&self.buffer[at..]) {
                let end = at + 9 + frame.payload.len();
                return Some((frame, end));
            }
            if !self.fill().await {
                return None;
            }
        }
    }

    /// Reads more; false at the end, be it FIN or RST.
    async fn fill(&mut self) -> bool {
        match self.io.read_buf(&mut self.buffer).await {
            Ok(read) => read > 0,
            Err(error) if matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe) => false,
            Err(error) => self.fail(&format!("could not read: {error}")),
        }
    }

    pub(super) fn fail(&self, problem: &str) -> ! {
        panic!("{problem}\nreceived so far: {:#?}", self.received)
    }
}

fn parse(buffer: &[u8]) -> Option<Raw> {
    let (header, rest) = buffer.split_first_chunk::<9>()?;
    let [l0, l1, l2, kind, flags, s0, s1, s2, s3] = *header;
    let length = u32::from_be_bytes([0, l0, l1, l2]) as usize;
    let payload = Bytes::copy_from_slice(rest.get(..length)?);
    Some(Raw { kind, flags, stream: u32::from_be_bytes([s0, s1, s2, s3]) & 0x7fff_ffff, payload })
}
