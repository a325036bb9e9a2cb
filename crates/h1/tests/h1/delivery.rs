//! What is known of a request's delivery when the connection fails.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use crate::{
    handshake::{H1, cause},
    suite::support::{TestBody, get, send},
};
use skybridge_core::{Connector as _, Delivery, Failed, Handshake, Phase};
use skybridge_h1::{H1Error, Http1};
use skybridge_testkit::{executor::Executor, fixtures, h1::Script, net::Network};
use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A stream whose write fails. One that writes records, as TLS does, may have written some of them before it fails, and
/// can't say so: there is no count beside an error.
struct FailingWrite<I> {
    io: I,
    /// Whether the bytes of the failing write reach the peer.
    writes: bool,
}

impl<I: AsyncRead + Unpin> AsyncRead for FailingWrite<I> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for FailingWrite<I> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if self.writes {
            ready!(Pin::new(&mut self.io).poll_write(cx, buf))?;
        }
        Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

/// Nothing of a request was sent if not a byte was written to a plain socket. Of one that was given to a TLS stream
/// nobody knows: it was sealed into a record, and that may have left before the stream failed.
#[tokio::test(start_paused = true)]
async fn a_failed_write_has_sent_nothing_unless_the_stream_writes_records() {
    for (origin, addr, tunnelled) in [
        ("http://a.test", "192.0.2.1:80", false),
        ("https://a.test", "192.0.2.1:443", false),
        // Through an `https` proxy, which the facts of this connection don't show.
        ("http://a.test", "192.0.2.1:80", true),
    ] {
        let in_records = origin.starts_with("https") || tunnelled;
        let (executor, net) = (Executor::new(), Network::new());
        let listener = net.listen(addr.parse().unwrap());
        let link = net.connector().connect(fixtures::route(origin, [addr], executor.ctx())).await.unwrap();
        let mut link = link.map_io(|io| FailingWrite { io, writes: in_records });
        if origin.starts_with("https") {
            link.info.tls = Some(fixtures::tls(None, ["a.test"]));
        }
        if tunnelled {
            (link.info.tunnelled, link.info.proxies_passed) = (true, 1);
            link.info.route.proxies = [skybridge_core::Proxy::parse("https://proxy.test").unwrap()].into();
        }
        let mut conn: Http1<TestBody> = H1::new().handshake(link, &executor.ctx()).await.unwrap();
        let mut peer = Script::new(listener.accept().await.0);

        let Failed { error, .. } = send(&mut conn, get(&format!("{origin}/"))).await.unwrap_err();
        assert!(matches!(cause(&error), H1Error::Write(_)), "{error:?}");
        let expected = if in_records { Delivery::Unknown } else { Delivery::Unsent };
        assert_eq!((error.delivery(), error.phase()), (expected, Phase::Send), "{origin}, tunnelled: {tunnelled}");
        drop(conn);
        if in_records {
            assert_eq!(peer.request().await.target(), "/");
        }
        peer.expect_close().await;
    }
}
