//! The peers, in memory, on the same thread: answers that cost nothing in cleartext, and as little as an HTTP server
//! can be behind TLS.

use crate::{Over, canned::Canned, ends};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use skybridge_counting::{Uncounted, uncounted};
use std::{
    convert::Infallible,
    future::{Future, poll_fn},
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll},
};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf, duplex};

const WINDOW: usize = 64 * 1024;

/// A stream to a peer.
pub struct Wire(Kind);

enum Kind {
    Canned(Canned),
    Served(DuplexStream),
}

/// A stream to a new HTTP/1.1 peer.
pub fn h1(over: Over) -> Wire {
    match over {
        Over::Nothing => uncounted(|| Wire(Kind::Canned(Canned::h1()))),
        Over::Tls => served(|io| async move { serve_h1(ends::accept(io).await).await }),
    }
}

/// A stream to a new HTTP/2 peer.
pub fn h2(over: Over) -> Wire {
    match over {
        Over::Nothing => uncounted(|| Wire(Kind::Canned(Canned::h2()))),
        Over::Tls => served(|io| async move { serve_h2(ends::accept(io).await).await }),
    }
}

fn served<F: Future<Output = ()> + Send + 'static>(serve: impl FnOnce(DuplexStream) -> F) -> Wire {
    uncounted(|| {
        let (ours, theirs) = duplex(WINDOW);
        tokio::spawn(Uncounted(Box::pin(serve(theirs))));
        Wire(Kind::Served(ours))
    })
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

impl AsyncRead for Wire {
    #[inline]
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().0 {
            Kind::Canned(io) => Pin::new(io).poll_read(cx, buf),
            Kind::Served(io) => Pin::new(io).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Wire {
    #[inline]
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().0 {
            Kind::Canned(io) => Pin::new(io).poll_write(cx, bytes),
            Kind::Served(io) => Pin::new(io).poll_write(cx, bytes),
        }
    }

    #[inline]
    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().0 {
            Kind::Canned(io) => Pin::new(io).poll_write_vectored(cx, slices),
            Kind::Served(io) => Pin::new(io).poll_write_vectored(cx, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match &self.0 {
            Kind::Canned(io) => io.is_write_vectored(),
            Kind::Served(io) => io.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().0 {
            Kind::Canned(io) => Pin::new(io).poll_flush(cx),
            Kind::Served(io) => Pin::new(io).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().0 {
            Kind::Canned(io) => Pin::new(io).poll_shutdown(cx),
            Kind::Served(io) => Pin::new(io).poll_shutdown(cx),
        }
    }
}
