//! Two custom layers: one between race and negotiate that counts the bytes of every connection, and one above the pool
//! that signs each try of a request.
//!
//! ```sh
//! cargo run --example custom_layer
//! ```

use http::{HeaderValue, Request};
use http_body_util::BodyExt;
use skybridge::{
    ConnectError, H1, H2, NegotiateLayer, PoolLayer, RaceLayer, RequestBody, RetryLayer, RouteLayer, System, Tcp,
    TokioRuntime,
    tower::{Layer, Service, ServiceBuilder, ServiceExt},
    types::{Connector, Deferred, Link, Route},
};
use skybridge_testkit::origin::Origin;
use std::{
    error::Error,
    future::Future,
    io::{self, IoSlice},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll},
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let origin = Origin::h1().start().await;
    let bytes = CountBytes::default();

    // Shared, since each request may run on a clone of the service.
    let tries = Arc::new(AtomicU64::new(0));
    let sign = move |mut request: Request<RequestBody>| {
        let signature = HeaderValue::from(tries.fetch_add(1, Relaxed) + 1);
        request.headers_mut().insert("signature", signature);
        request
    };

    #[rustfmt::skip]
    let mut client = ServiceBuilder::new()
        .layer(RetryLayer::unsent())                       // send again what was never sent
        .map_request(sign)                                 // signed, each time it is sent
        .layer(PoolLayer::new(TokioRuntime::current()))    // on a pooled connection, or a new one
        .layer(RouteLayer::new(System::new()))             // found by its address
        .layer(NegotiateLayer::new(H1::new(), H2::new()))  // that speaks HTTP/2 or HTTP/1.1
        .layer(bytes.clone())                              // counted
        .layer(RaceLayer::happy_eyeballs())                // over whichever address answers first
        .service(Tcp::new()); // by a socket

    for _ in 0..3 {
        let request = Request::get(origin.url("/")).body(RequestBody::empty())?;
        let response = client.ready().await?.call(request).await?;
        response.into_body().collect().await?;
    }
    for seen in origin.requests() {
        println!("{} {} signature: {}", seen.name(), seen.line(), seen.header("signature").unwrap_or("none"));
    }
    println!("{} bytes out, {} bytes in", bytes.out.load(Relaxed), bytes.into.load(Relaxed));
    Ok(())
}

/// Counts the bytes of all connections made through it.
#[derive(Clone, Default)]
struct CountBytes {
    into: Arc<AtomicU64>,
    out: Arc<AtomicU64>,
}

/// The layer's service: a connector above a connector.
#[derive(Clone)]
struct Counting<S> {
    inner: S,
    count: CountBytes,
}

/// A stream that is counted.
struct Counted<I> {
    io: I,
    count: CountBytes,
}

/// Bound on the alias, so that in a wrong place the compiler says what belongs below; and named as [`Deferred`], so
/// that it says so of the layers above too.
impl<S: Connector> Layer<S> for CountBytes {
    type Service = Deferred<S::Io, Counting<S>>;

    fn layer(&self, inner: S) -> Counting<S> {
        Counting { inner, count: self.clone() }
    }
}

impl<S: Connector> Service<Route> for Counting<S> {
    type Response = Link<Counted<S::Io>>;
    type Error = ConnectError;
    // A box per connection, not per request.
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, ConnectError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ConnectError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, route: Route) -> Self::Future {
        let (connecting, count) = (self.inner.connect(route), self.count.clone());
        Box::pin(async move {
            let link = connecting.await.map_err(Into::into)?;
            Ok(link.map_io(|io| Counted { io, count }))
        })
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Counted<I> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = Pin::new(&mut self.io).poll_read(cx, buf);
        self.count.into.fetch_add((buf.filled().len() - before) as u64, Relaxed);
        read
    }
}

impl<I: AsyncWrite + Unpin> Counted<I> {
    fn wrote(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(bytes)) = written {
            self.count.out.fetch_add(bytes as u64, Relaxed);
        }
        written
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Counted<I> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write(cx, bytes);
        self.wrote(written)
    }

    // Forwarded, or every head and body would be copied into one buffer first.
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write_vectored(cx, bytes);
        self.wrote(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
