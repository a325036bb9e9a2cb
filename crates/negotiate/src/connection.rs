use crate::NegotiatedBody;
use http::Request;
use skybridge_core::{Capacity, ConnInfo, Connection, Error, ResponseResult, StatusListener};
use std::{
    sync::Arc,
    task::{Context, Poll},
};

/// A connection of whichever protocol was chosen.
#[derive(Clone, Debug)]
pub enum Negotiated<A, C> {
    /// HTTP/1.1.
    Http1(A),
    /// HTTP/2. Boxed, because a handle to a shared connection is large and is moved often. A pool keeps its handles, so
    /// there is one allocation for each exchange that runs at the same time, and not one for each exchange.
    Http2(Box<C>),
}

impl<A, C, B> Connection<B> for Negotiated<A, C>
where
    A: Connection<B>,
    C: Connection<B>,
{
    type Body = NegotiatedBody<A::Body, C::Body>;

    #[inline]
    fn info(&self) -> &Arc<ConnInfo> {
        match self {
            Self::Http1(connection) => connection.info(),
            Self::Http2(connection) => connection.info(),
        }
    }

    #[inline]
    fn capacity(&self) -> Capacity {
        match self {
            Self::Http1(connection) => connection.capacity(),
            Self::Http2(connection) => connection.capacity(),
        }
    }

    #[inline]
    fn share(&self) -> Option<Self> {
        match self {
            Self::Http1(connection) => connection.share().map(Self::Http1),
            Self::Http2(connection) => connection.share().map(|handle| Self::Http2(Box::new(handle))),
        }
    }

    fn subscribe(&self, listener: Arc<dyn StatusListener>) {
        match self {
            Self::Http1(connection) => connection.subscribe(listener),
            Self::Http2(connection) => connection.subscribe(listener),
        }
    }

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        match self {
            Self::Http1(connection) => connection.poll_ready(cx),
            Self::Http2(connection) => connection.poll_ready(cx),
        }
    }

    #[inline]
    fn is_sent(&self) -> bool {
        match self {
            Self::Http1(connection) => connection.is_sent(),
            Self::Http2(connection) => connection.is_sent(),
        }
    }

    fn sent(&self, cx: &mut Context<'_>) -> Option<u64> {
        match self {
            Self::Http1(connection) => connection.sent(cx),
            Self::Http2(connection) => connection.sent(cx),
        }
    }

    fn timed_out(&self) {
        match self {
            Self::Http1(connection) => connection.timed_out(),
            Self::Http2(connection) => connection.timed_out(),
        }
    }

    fn suspect(&self) {
        match self {
            Self::Http1(connection) => connection.suspect(),
            Self::Http2(connection) => connection.suspect(),
        }
    }

    fn forward_to(&mut self, info: &Arc<ConnInfo>) -> bool {
        match self {
            Self::Http1(connection) => connection.forward_to(info),
            Self::Http2(connection) => connection.forward_to(info),
        }
    }

    #[inline]
    fn start(&mut self, request: Request<B>) {
        match self {
            Self::Http1(connection) => connection.start(request),
            Self::Http2(connection) => connection.start(request),
        }
    }

    #[inline]
    fn start_from(&mut self, request: &mut Option<Request<B>>) {
        match self {
            Self::Http1(connection) => connection.start_from(request),
            Self::Http2(connection) => connection.start_from(request),
        }
    }

    #[inline]
    fn poll_response(&mut self, cx: &mut Context<'_>) -> Poll<ResponseResult<B, Self::Body>> {
        match self {
            Self::Http1(connection) => {
                connection.poll_response(cx).map_ok(|response| response.map(NegotiatedBody::Http1))
            }
            Self::Http2(connection) => {
                connection.poll_response(cx).map_ok(|response| response.map(NegotiatedBody::Http2))
            }
        }
    }
}
