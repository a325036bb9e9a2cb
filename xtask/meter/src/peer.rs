//! The peers: as little as an HTTP server can be, in memory, on the same thread.

use crate::counting::Uncounted;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use std::{convert::Infallible, future::poll_fn};
use tokio::io::{DuplexStream, duplex};

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

async fn serve_h1(io: DuplexStream) {
    let service = service_fn(async |_: Request<Incoming>| {
        Ok::<_, Infallible>(Response::new(Full::new(Bytes::from_static(b"hello"))))
    });
    let _ = http1::Builder::new().serve_connection(TokioIo::new(io), service).await;
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
