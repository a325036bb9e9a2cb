//! The peers: as little as an HTTP server can be, in memory, on the same thread.

use crate::counting::Uncounted;
use bytes::Bytes;
use std::future::poll_fn;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

const WINDOW: usize = 64 * 1024;

/// A stream to a new HTTP/1.1 peer.
pub(crate) fn h1() -> DuplexStream {
    let (ours, theirs) = duplex(WINDOW);
    tokio::spawn(Uncounted(Box::pin(serve_h1(theirs))));
    ours
}

/// A stream to a new HTTP/2 peer.
pub(crate) fn h2() -> DuplexStream {
    let (ours, theirs) = duplex(WINDOW);
    tokio::spawn(Uncounted(Box::pin(serve_h2(theirs))));
    ours
}

async fn serve_h1(mut io: DuplexStream) {
    let mut seen = Vec::with_capacity(WINDOW);
    while matches!(io.read_buf(&mut seen).await, Ok(n) if n > 0) {
        while let Some(end) = end_of_request(&seen) {
            seen.drain(..end);
            if io.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello").await.is_err() {
                return;
            }
        }
    }
}

/// Where the first request in `seen` ends, when all of it is there.
fn end_of_request(seen: &[u8]) -> Option<usize> {
    let head = seen.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let declared = b"content-length: ";
    let length = seen[..head].windows(declared.len()).position(|at| at == declared).map_or(0, |at| {
        let digits = seen[at + declared.len()..].iter().take_while(|byte| byte.is_ascii_digit());
        digits.fold(0, |length, digit| length * 10 + usize::from(digit - b'0'))
    });
    (seen.len() >= head + length).then_some(head + length)
}

async fn serve_h2(io: DuplexStream) {
    let Ok(mut connection) = h2::server::handshake(io).await else { return };
    while let Some(Ok((request, mut respond))) = connection.accept().await {
        tokio::spawn(Uncounted(Box::pin(async move {
            let mut body = request.into_body();
            while let Some(Ok(data)) = poll_fn(|cx| body.poll_data(cx)).await {
                let _ = body.flow_control().release_capacity(data.len());
            }
            if let Ok(mut stream) = respond.send_response(http::Response::new(()), false) {
                let _ = stream.send_data(Bytes::from_static(b"hello"), true);
            }
        })));
    }
}
