//! Layers that users write.

use http::Request;
use pin_project::pin_project;
use skybridge::{
    ConnectError, Delivery, Error, Phase,
    types::{BoxFuture, Connector, Failed, Link, Route},
};
use std::{
    fmt,
    future::Future,
    io::{self, IoSlice},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    task::{Context, Poll},
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tower::{Layer, Service};

/// The error of a foreign layer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Forbidden;

impl fmt::Display for Forbidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("that is forbidden")
    }
}

impl std::error::Error for Forbidden {}

/// Between negotiate and race: counts the bytes of every link.
#[derive(Clone, Debug, Default)]
pub struct CountBytes(Arc<[AtomicU64; 2]>);

/// So many bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Counted {
    /// Written.
    pub out: u64,
    /// Read.
    pub into: u64,
}

/// Made by [`CountBytes`].
#[derive(Clone, Debug)]
pub struct Counting<S> {
    inner: S,
    count: CountBytes,
}

/// A counted stream.
#[derive(Debug)]
pub struct CountedIo<I> {
    io: I,
    count: CountBytes,
}

impl CountBytes {
    /// So far.
    pub fn count(&self) -> Counted {
        Counted { out: self.0[0].load(SeqCst), into: self.0[1].load(SeqCst) }
    }

    fn add(&self, direction: usize, bytes: usize) {
        self.0[direction].fetch_add(bytes as u64, SeqCst);
    }
}

impl<S: Connector> Layer<S> for CountBytes {
    type Service = Counting<S>;

    fn layer(&self, inner: S) -> Counting<S> {
        Counting { inner, count: self.clone() }
    }
}

impl<S: Connector> Service<Route> for Counting<S> {
    type Response = Link<CountedIo<S::Io>>;
    type Error = ConnectError;
    type Future = BoxFuture<Result<Self::Response, ConnectError>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ConnectError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, route: Route) -> Self::Future {
        let (connecting, count) = (self.inner.connect(route), self.count.clone());
        Box::pin(async move {
            let link = connecting.await.map_err(Into::into)?;
            Ok(link.map_io(|io| CountedIo { io, count }))
        })
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for CountedIo<I> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = Pin::new(&mut self.io).poll_read(cx, buf);
        self.count.add(1, buf.filled().len() - before);
        read
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for CountedIo<I> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write(cx, buf);
        written.map_ok(|bytes| {
            self.count.add(0, bytes);
            bytes
        })
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write_vectored(cx, bufs);
        written.map_ok(|bytes| {
            self.count.add(0, bytes);
            bytes
        })
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

/// Between retry and pool: fails requests for `/forbidden` and hands them back, as a circuit breaker would.
#[derive(Clone, Copy, Debug)]
pub struct Fence;

/// Made by [`Fence`].
#[derive(Clone, Debug)]
pub struct Fenced<S>(S);

/// A request on either side of it.
#[pin_project(project = FencingProj)]
#[derive(Debug)]
pub enum Fencing<F, B> {
    /// Let through.
    Open(#[pin] F),
    /// Handed back.
    Shut(Option<Box<Request<B>>>),
}

impl<S> Layer<S> for Fence {
    type Service = Fenced<S>;

    fn layer(&self, inner: S) -> Fenced<S> {
        Fenced(inner)
    }
}

impl<S, B> Service<Request<B>> for Fenced<S>
where
    S: Service<Request<B>, Error = Failed<Request<B>>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Fencing<S::Future, B>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        match request.uri().path() {
            "/forbidden" => Fencing::Shut(Some(Box::new(request))),
            _ => Fencing::Open(self.0.call(request)),
        }
    }
}

impl<F, B, R> Future for Fencing<F, B>
where
    F: Future<Output = Result<R, Failed<Request<B>>>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        match self.project() {
            FencingProj::Open(inner) => inner.poll(cx),
            FencingProj::Shut(request) => match request.take() {
                Some(request) => {
                    Poll::Ready(Err(Failed::with(Error::new(Delivery::Unsent, Phase::Acquire, Forbidden), *request)))
                }
                None => Poll::Pending,
            },
        }
    }
}
