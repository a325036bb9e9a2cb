use crate::{call::CallScope, collect::Collecting, layered_body::LayeredBody, stack::LeasedBody, text::Text};
use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};
use pin_project::pin_project;
use skybridge_core::{ConnInfo, Error, Rare};
use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

/// The body of a response, and in it the connection that it comes by.
///
/// Read to its end, it gives the connection back to the pool. Dropped before, it cancels the exchange. It reads as an
/// [`http_body::Body`], or at once by [`bytes`](Self::bytes) and [`text`](Self::text).
#[pin_project]
#[derive(Default)]
pub struct Body {
    #[pin]
    source: Source,
    /// Dropped after the rest: the call ends last.
    scope: Rare<CallScope>,
}

#[pin_project(project = SourceProj)]
enum Source {
    Pooled(#[pin] LeasedBody),
    /// A user's layer put its own body around the connection's.
    Layered(LayeredBody),
}

impl Body {
    /// The most that [`bytes`](Self::bytes) and [`text`](Self::text) read: 2 MiB.
    pub const LIMIT: usize = 2 << 20;

    #[inline]
    pub(crate) fn pooled(body: LeasedBody) -> Self {
        Self { source: Source::Pooled(body), scope: Rare::none() }
    }

    pub(crate) fn layered(body: LayeredBody) -> Self {
        Self { source: Source::Layered(body), scope: Rare::none() }
    }

    /// What ends with its call ends with it.
    pub(crate) fn within(self, scope: Option<Box<CallScope>>) -> Self {
        let mut scope = scope;
        if let Some(scope) = &mut scope {
            scope.answered();
            if self.source.is_end_stream() {
                scope.end(None);
            }
        }
        Self { scope: scope.into(), ..self }
    }

    /// The facts of the connection; `None` only for a default body, which came by none, and where a layer
    /// [above the pool](crate::ClientBuilder::above_pool) or [above retry](crate::ClientBuilder::above_retry) has put a
    /// body of its own around the connection's: [`ConnInfoLayer`](crate::ConnInfoLayer) keeps them for
    /// [`ResponseExt::connection`](crate::ResponseExt::connection).
    pub fn connection(&self) -> Option<&Arc<ConnInfo>> {
        self.source.connection()
    }

    /// All of it, if it has no more than [`LIMIT`](Self::LIMIT) bytes. A body that comes in one piece is not copied.
    ///
    /// # Errors
    /// When it breaks, or has more: [`TooLarge`](crate::TooLarge) names the limit.
    pub fn bytes(self) -> Collecting {
        self.bytes_up_to(Self::LIMIT)
    }

    /// All of it, if it has no more than so many bytes.
    ///
    /// # Errors
    /// As [`bytes`](Self::bytes). A `content-length` beyond the limit fails at once.
    pub fn bytes_up_to(self, limit: usize) -> Collecting {
        Collecting::new(self, limit)
    }

    /// All of it as UTF-8, if it has no more than [`LIMIT`](Self::LIMIT) bytes.
    ///
    /// # Errors
    /// As [`bytes`](Self::bytes), and when it is not UTF-8. What a `content-type` says of other encodings is not looked
    /// at.
    pub fn text(self) -> Text {
        self.text_up_to(Self::LIMIT)
    }

    /// All of it as UTF-8, if it has no more than so many bytes.
    ///
    /// # Errors
    /// As [`text`](Self::text).
    pub fn text_up_to(self, limit: usize) -> Text {
        Text::new(self.bytes_up_to(limit))
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Error;

    #[inline]
    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = self.project();
        match **this.scope {
            None => this.source.poll_frame(cx),
            Some(_) => poll_in_scope(this.source, this.scope, cx),
        }
    }

    #[inline]
    fn is_end_stream(&self) -> bool {
        self.source.is_end_stream()
    }

    #[inline]
    fn size_hint(&self) -> SizeHint {
        self.source.size_hint()
    }
}

/// Within the call's time limit, and seen by its observer. Apart from the rest, so that the one without is small enough
/// to be inlined.
fn poll_in_scope(
    mut source: Pin<&mut Source>,
    scope: &mut Option<Box<CallScope>>,
    cx: &mut Context<'_>,
) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
    let Some(running) = scope else { return source.poll_frame(cx) };
    // Before anything is read: somebody reads slowly, or there is always more. What is over already is not cut.
    if let Some(limit) = running.limit()
        && limit.is_over()
        && !source.is_end_stream()
    {
        let error = limit.error();
        return Poll::Ready(Some(Err(cut(source, scope, error))));
    }
    let frame = source.as_mut().poll_frame(cx);
    match &frame {
        Poll::Pending => {
            if let Some(limit) = running.limit()
                && let Poll::Ready(error) = limit.poll(cx)
            {
                return Poll::Ready(Some(Err(cut(source, scope, error))));
            }
        }
        Poll::Ready(Some(Err(error))) => running.end(Some(error)),
        Poll::Ready(frame) if frame.is_none() || source.is_end_stream() => running.end(None),
        Poll::Ready(_) => {}
    }
    frame
}

/// Ends the exchange now, not when the body is dropped.
#[cold]
fn cut(mut source: Pin<&mut Source>, scope: &mut Option<Box<CallScope>>, error: Error) -> Error {
    let mut scope = scope.take();
    let error = match source.connection() {
        Some(connection) => error.on(connection),
        None => error,
    };
    match scope.as_mut().and_then(|scope| scope.limit()) {
        Some(limit) => limit.timed_out().ends(|| source.set(Source::default())),
        None => source.set(Source::default()),
    }
    if let Some(scope) = &mut scope {
        scope.end(Some(&error));
    }
    error
}

// === impl Source ===

impl Source {
    fn connection(&self) -> Option<&Arc<ConnInfo>> {
        match self {
            Self::Pooled(body) => body.connection(),
            Self::Layered(_) => None,
        }
    }
}

impl http_body::Body for Source {
    type Data = Bytes;
    type Error = Error;

    #[inline]
    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        match self.project() {
            SourceProj::Pooled(body) => body.poll_frame(cx),
            SourceProj::Layered(body) => body.as_mut().poll_frame(cx),
        }
    }

    #[inline]
    fn is_end_stream(&self) -> bool {
        match self {
            Self::Pooled(body) => body.is_end_stream(),
            Self::Layered(body) => body.is_end_stream(),
        }
    }

    #[inline]
    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Pooled(body) => body.size_hint(),
            Self::Layered(body) => body.size_hint(),
        }
    }
}

impl Default for Source {
    fn default() -> Self {
        Self::Pooled(LeasedBody::default())
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body").field("size", &http_body::Body::size_hint(self)).finish_non_exhaustive()
    }
}
