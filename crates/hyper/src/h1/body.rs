use super::request_body::Shared;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

/// The body of a response over HTTP/1.1. The default one is empty.
///
/// Dropped before its end together with its connection's handle, it closes the connection, unless the rest is here
/// already.
#[derive(Default)]
pub struct HyperH1Body(Option<Reading>);

struct Reading {
    incoming: Incoming,
    over: bool,
    connection: Arc<dyn Unread>,
}

/// The connection of a body, which is told when that is dropped: hyper's driver then ends as if the peer had closed.
trait Unread: Send + Sync {
    fn unread(&self);
}

impl<B: Send> Unread for Shared<B> {
    fn unread(&self) {
        self.lifecycle.unread();
    }
}

impl HyperH1Body {
    #[inline]
    pub(crate) fn new<B: Send + 'static>(incoming: Incoming, connection: &Arc<Shared<B>>) -> Self {
        let connection: Arc<dyn Unread> = connection.clone();
        Self(Some(Reading { incoming, over: false, connection }))
    }
}

impl Body for HyperH1Body {
    type Data = Bytes;
    type Error = hyper::Error;

    #[inline]
    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<hyper::Result<Frame<Bytes>>>> {
        let Some(reading) = &mut self.0 else { return Poll::Ready(None) };
        let frame = ready!(Pin::new(&mut reading.incoming).poll_frame(cx));
        if !matches!(frame, Some(Ok(_))) {
            // What is over, or has failed, isn't unread.
            reading.over = true;
        }
        Poll::Ready(frame)
    }

    #[inline]
    fn is_end_stream(&self) -> bool {
        self.0.as_ref().is_none_or(|reading| reading.incoming.is_end_stream())
    }

    #[inline]
    fn size_hint(&self) -> SizeHint {
        self.0.as_ref().map_or_else(|| SizeHint::with_exact(0), |reading| reading.incoming.size_hint())
    }
}

impl Drop for Reading {
    #[inline]
    fn drop(&mut self) {
        if !self.over && !self.incoming.is_end_stream() {
            self.connection.unread();
        }
    }
}

impl fmt::Debug for HyperH1Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("HyperH1Body").field(&self.0.as_ref().map(|reading| &reading.incoming)).finish()
    }
}
