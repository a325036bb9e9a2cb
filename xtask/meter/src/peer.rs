//! The peers: as little as an HTTP server can be, in memory, on the same thread.

use crate::sealed;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use skybridge_counting::Uncounted;
use std::{convert::Infallible, future::poll_fn};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, duplex};

const WINDOW: usize = 64 * 1024;

/// What is between HTTP and the stream.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Over {
    Nothing,
    Tls,
}

/// A stream to a new HTTP/1.1 peer.
pub(crate) fn h1(over: Over) -> DuplexStream {
    let (ours, theirs) = duplex(WINDOW);
    tokio::spawn(Uncounted(Box::pin(async move {
        match over {
            Over::Nothing => serve_h1(theirs).await,
            Over::Tls => serve_h1(sealed::accept(theirs).await).await,
        }
    })));
    ours
}

/// A stream to a new HTTP/2 peer.
pub(crate) fn h2(over: Over) -> DuplexStream {
    let (ours, theirs) = duplex(WINDOW);
    tokio::spawn(Uncounted(Box::pin(async move {
        match over {
            Over::Nothing => serve_h2(theirs).await,
            Over::Tls => serve_h2(sealed::accept(theirs).await).await,
        }
    })));
    ours
}

async fn serve_h1(io: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) {
    let service = service_fn(async |_: Request<Incoming>| {
        Ok::<_, Infallible>(Response::new(Full::new(Bytes::from_static(b"hello"))))
    });
    let _ = http1::Builder::new().serve_connection(TokioIo::new(io), service).await;
}

async fn serve_h2(io: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) {
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
