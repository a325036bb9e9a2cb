use super::received::{Framing, Received};
use crate::{gate::Gate, net};
use bytes::{Buf, Bytes, BytesMut};
use std::{
    fmt::Write as _,
    io::{self, ErrorKind},
    time::Duration,
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// The server's side of an HTTP/1.1 connection, scripted by the test.
/// Every method panics with the dialogue so far if the client deviates from the script.
#[derive(Debug)]
pub struct Script<I> {
    io: I,
    buffer: BytesMut,
    requests: Vec<Received>,
    dialogue: String,
}

// === impl Script ===

impl<I: AsyncRead + AsyncWrite + Unpin> Script<I> {
    /// A peer that has sent nothing yet.
    pub fn new(io: I) -> Self {
        Self { io, buffer: BytesMut::new(), requests: Vec::new(), dialogue: String::new() }
    }

    /// Reads a whole request: head, body (by content-length or chunks) and trailers.
    pub async fn request(&mut self) -> Received {
        match self.next_request().await {
            Some(request) => request,
            None => self.fail("expected a request, the client closed"),
        }
    }

    /// As [`request`](Self::request); `None` when the client closes instead.
    pub async fn next_request(&mut self) -> Option<Received> {
        let mut request = self.next_head().await?;
        match request.framing() {
            Framing::Length(length) => request.body = self.take(length).await,
            Framing::Chunked => self.chunks(&mut request).await,
        }
        self.requests.push(request.clone());
        Some(request)
    }

    /// Reads a request's head only; what follows is left for [`expect`](Self::expect) or [`take`](Self::take).
    pub async fn head(&mut self) -> Received {
        let Some(request) = self.next_head().await else { self.fail("expected a head, the client closed") };
        self.requests.push(request.clone());
        request
    }

    /// The client's next bytes must be these.
    pub async fn expect(&mut self, bytes: impl AsRef<[u8]>) {
        let bytes = bytes.as_ref();
        while self.buffer.len() < bytes.len() && bytes.starts_with(&self.buffer) {
            if !self.fill().await {
                break;
            }
        }
        if !self.buffer.starts_with(bytes) {
            self.fail(&format!("expected {:?}, got {:?}", bytes.escape_ascii().to_string(), self.unread()));
        }
        self.note('>', bytes);
        self.buffer.advance(bytes.len());
    }

    /// Reads exactly this many bytes.
    pub async fn take(&mut self, length: usize) -> Bytes {
        while self.buffer.len() < length {
            if !self.fill().await {
                self.fail(&format!("expected {length} bytes, the client closed after {:?}", self.unread()));
            }
        }
        let taken = self.buffer.split_to(length).freeze();
        self.note('>', &taken);
        taken
    }

    /// Sends bytes as they are.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        if let Err(error) = self.try_send(bytes.as_ref()).await {
            self.fail(&format!("could not send: {error}"));
        }
    }

    /// As [`send`](Self::send), where the client may have gone.
    ///
    /// # Errors
    /// Those of the connection.
    pub async fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.note('<', bytes.as_ref());
        self.io.write_all(bytes.as_ref()).await?;
        self.io.flush().await
    }

    /// Sends a response with a content-length.
    pub async fn respond(&mut self, status: u16, body: impl AsRef<[u8]>) {
        let body = body.as_ref();
        let mut response = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n\r\n", body.len()).into_bytes();
        response.extend_from_slice(body);
        self.send(response).await;
    }

    /// Waits until the test opens the gate.
    pub async fn wait(&mut self, gate: &Gate) {
        gate.passed().await;
        self.note('|', b"the gate opens");
    }

    /// FIN: closes this direction; reading goes on.
    pub async fn fin(&mut self) {
        self.note('<', b"FIN");
        if let Err(error) = self.io.shutdown().await {
            self.fail(&format!("could not close: {error}"));
        }
    }

    /// The client must close now, with FIN or RST, and send nothing before.
    pub async fn expect_close(&mut self) {
        if self.fill().await || !self.buffer.is_empty() {
            self.fail(&format!("expected the client to close, got {:?}", self.unread()));
        }
    }

    /// The client must neither send nor close for this long. On virtual time.
    pub async fn expect_silence(&mut self, time: Duration) {
        let heard = tokio::time::timeout(time, self.fill()).await;
        if heard.is_ok() || !self.buffer.is_empty() {
            self.fail(&format!("expected silence for {time:?}, got {:?}", self.unread()));
        }
    }

    /// The requests read so far.
    pub fn requests(&self) -> &[Received] {
        &self.requests
    }

    /// The dialogue so far: `>` by the client, `<` by this peer.
    pub fn dialogue(&self) -> &str {
        &self.dialogue
    }

    /// The connection.
    pub fn get_ref(&self) -> &I {
        &self.io
    }

    /// The connection, and bytes that were read but not consumed.
    pub fn into_parts(self) -> (I, Bytes) {
        (self.io, self.buffer.freeze())
    }

    async fn next_head(&mut self) -> Option<Received> {
        loop {
            if let Some(end) = self.buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                let head = self.take(end + 4).await;
                return Some(Received::new(String::from_utf8_lossy(&head).into_owned()));
            }
            if !self.fill().await {
                if !self.buffer.is_empty() {
                    self.fail(&format!("the client closed within a head: {:?}", self.unread()));
                }
                return None;
            }
        }
    }

    async fn chunks(&mut self, request: &mut Received) {
        let mut body = BytesMut::new();
        loop {
            let line = self.line().await;
            let size = line.split(';').next().unwrap_or_default();
            let Ok(size) = usize::from_str_radix(size.trim(), 16) else { self.fail(&format!("chunk size {line:?}")) };
            if size == 0 {
                break;
            }
            body.extend_from_slice(&self.take(size).await);
            self.expect("\r\n").await;
        }
        request.body = body.freeze();
        loop {
            let line = self.line().await;
            let Some((name, value)) = line.split_once(':') else { break };
            request.trailers.push((name.to_owned(), value.trim().to_owned()));
        }
    }

    async fn line(&mut self) -> String {
        loop {
            if let Some(end) = self.buffer.windows(2).position(|window| window == b"\r\n") {
                let line = self.take(end + 2).await;
                return String::from_utf8_lossy(&line).trim_end().to_owned();
            }
            if !self.fill().await {
                self.fail(&format!("the client closed within a line: {:?}", self.unread()));
            }
        }
    }

    /// Reads more; false at the end, be it FIN or RST.
    async fn fill(&mut self) -> bool {
        match self.io.read_buf(&mut self.buffer).await {
            Ok(0) => {
                self.note('>', b"FIN");
                false
            }
            Ok(_) => true,
            Err(error) if matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe) => {
                self.note('>', b"RST");
                false
            }
            Err(error) => self.fail(&format!("could not read: {error}")),
        }
    }

    fn unread(&self) -> String {
        self.buffer.escape_ascii().to_string()
    }

    fn note(&mut self, who: char, bytes: &[u8]) {
        // Writing to a `String` can't fail.
        let _ = writeln!(self.dialogue, "{who} {}", bytes.escape_ascii());
    }

    fn fail(&self, problem: &str) -> ! {
        panic!("{problem}\nthe dialogue so far:\n{}", self.dialogue)
    }
}

impl Script<net::Conn> {
    /// Resets the connection (RST).
    pub fn reset(&mut self) {
        self.note('<', b"RST");
        self.io.reset();
    }

    /// Nothing arrives any more, in either direction.
    pub fn stall(&mut self) {
        self.note('|', b"the line stalls");
        self.io.stall();
    }

    /// Undoes [`stall`](Self::stall).
    pub fn resume(&mut self) {
        self.note('|', b"the line resumes");
        self.io.wire().resume();
    }
}

impl Script<tokio::net::TcpStream> {
    /// RST: closes the socket and drops data in flight.
    ///
    /// # Errors
    /// When the socket is closed already.
    pub fn reset(self) -> io::Result<()> {
        socket2::SockRef::from(&self.io).set_linger(Some(Duration::ZERO))
    }
}
