//! What a [`Peer`] sends.

use super::{Fields, Frame, Peer};
use crate::{gate::Gate, net};
use bytes::Bytes;
use std::io;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};

impl<I: AsyncRead + AsyncWrite + Unpin> Peer<I> {
    /// Sends a frame, whether it is allowed now or not.
    pub async fn send(&mut self, frame: Frame) {
        self.send_raw(frame.encode()).await;
    }

    /// Sends bytes that need not be a frame.
    pub async fn send_raw(&mut self, bytes: impl AsRef<[u8]>) {
        if let Err(error) = self.write(bytes.as_ref()).await {
            self.fail(&format!("could not send: {error}"));
        }
    }

    /// SETTINGS with these values (see [`setting`](super::setting)).
    pub async fn settings(&mut self, values: &[(u16, u32)]) {
        self.send(Frame::Settings { ack: false, values: values.to_vec() }).await;
    }

    /// Acknowledges the client's SETTINGS; only a [`manual`](Self::manual) peer needs to.
    pub async fn settings_ack(&mut self) {
        self.send(Frame::Settings { ack: true, values: Vec::new() }).await;
    }

    /// HEADERS: a response's (`:status` first), or trailers.
    pub async fn headers(&mut self, stream: u32, fields: &[(&str, &str)], end: bool) {
        self.send(Frame::Headers { stream, fields: Fields::from(fields), end }).await;
    }

    /// DATA, in one frame, regardless of windows.
    pub async fn data(&mut self, stream: u32, data: impl AsRef<[u8]>, end: bool) {
        self.send(Frame::Data { stream, data: Bytes::copy_from_slice(data.as_ref()), end }).await;
    }

    /// A whole response: HEADERS, and DATA unless the body is empty.
    pub async fn respond(&mut self, stream: u32, status: u16, body: impl AsRef<[u8]>) {
        let body = body.as_ref();
        self.headers(stream, &[(":status", &status.to_string())], body.is_empty()).await;
        if !body.is_empty() {
            self.data(stream, body, true).await;
        }
    }

    /// RST_STREAM with a [`code`](super::code).
    pub async fn reset(&mut self, stream: u32, code: u32) {
        self.send(Frame::Reset { stream, code }).await;
    }

    /// GOAWAY: streams up to `last` may have been processed.
    pub async fn goaway(&mut self, last: u32, code: u32, debug: impl AsRef<[u8]>) {
        self.send(Frame::GoAway { last, code, debug: Bytes::copy_from_slice(debug.as_ref()) }).await;
    }

    /// PING.
    pub async fn ping(&mut self, data: [u8; 8]) {
        self.send(Frame::Ping { ack: false, data }).await;
    }

    /// Answers the client's PING; only a [`manual`](Self::manual) peer needs to.
    pub async fn pong(&mut self, data: [u8; 8]) {
        self.send(Frame::Ping { ack: true, data }).await;
    }

    /// WINDOW_UPDATE of a stream, or of the connection (0).
    pub async fn window_update(&mut self, stream: u32, increment: u32) {
        self.send(Frame::WindowUpdate { stream, increment }).await;
    }

    /// Waits until the test opens the gate. Nothing is read meanwhile.
    pub async fn wait(&mut self, gate: &Gate) {
        gate.passed().await;
    }

    /// FIN: closes this direction of the connection; reading goes on.
    pub async fn fin(&mut self) {
        if let Err(error) = self.io.shutdown().await {
            self.fail(&format!("could not close: {error}"));
        }
    }

    pub(super) async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.io.write_all(bytes).await?;
        self.io.flush().await
    }
}

impl Peer<net::Conn> {
    /// RST of the connection (of a stream: [`reset`](Self::reset)).
    pub fn reset_connection(&mut self) {
        self.io.reset();
    }

    /// Nothing arrives any more, in either direction.
    pub fn stall(&mut self) {
        self.io.stall();
    }

    /// Undoes [`stall`](Self::stall).
    pub fn resume(&mut self) {
        self.io.wire().resume();
    }
}
