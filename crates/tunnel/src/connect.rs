use crate::{TunnelError, proxy_target::ProxyTarget};
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Empty};
use hyper::{
    body::Incoming,
    client::conn::http1::{self, SendRequest},
};
use hyper_util::rt::TokioIo;
use skybridge_core::{Io, Proxy};
use std::{
    future::{Future, poll_fn},
    pin::pin,
    task::Poll,
};

/// The largest head of a proxy's response, in bytes.
const HEAD_LIMIT: usize = 64 * 1024;
/// The most of a refusal's body that is kept, in bytes.
const BODY_LIMIT: usize = 16 * 1024;
/// The most CONNECT requests on one connection: each after the first answers a challenge.
const MAX_REQUESTS: usize = 4;

type Body = Empty<Bytes>;

/// An HTTP/1.1 connection to a proxy. It has no task: whoever waits for a response drives it.
struct ConnectClient<I: Io> {
    sender: SendRequest<Body>,
    connection: http1::Connection<TokioIo<I>, Body>,
    closed: bool,
}

/// A refusal, with as much of its body as has arrived.
pub(crate) struct Refusal {
    status: StatusCode,
    headers: Box<HeaderMap>,
    body: BytesMut,
    authorized: bool,
}

/// CONNECT (RFC 9110, section 9.3.6) over HTTP/1.1. Returns the stream, and the bytes that arrived after the response's
/// head. While the body of a refusal is read, the refusal is in `refusal`: if reading it times out, the caller still
/// knows why there is no tunnel.
pub(crate) async fn connect<I: Io>(
    io: I,
    proxy: &Proxy,
    proxy_target: &ProxyTarget,
    refusal: &mut Option<Refusal>,
) -> Result<(I, Bytes), TunnelError> {
    let mut client = ConnectClient::handshake(io).await?;
    let mut credentials = authorize(proxy, None);
    let mut last = TunnelError::Closed;
    for _ in 0..MAX_REQUESTS {
        let authorized = credentials.is_some();
        let response = match client.send(request(proxy_target, credentials)?).await {
            Ok(response) => response,
            // A proxy that closes the connection after its challenge: the challenge is the reason.
            Err(TunnelError::Closed) => return Err(last),
            Err(error) => return Err(error),
        };
        if response.status().is_success() {
            drop(response);
            return client.into_stream().await;
        }
        let (head, body) = response.into_parts();
        let headers = Box::new(head.headers);
        let refused = refusal.insert(Refusal { status: head.status, headers, body: BytesMut::new(), authorized });
        let whole = client.read(body, &mut refused.body).await;
        let challenged = refused.status == StatusCode::PROXY_AUTHENTICATION_REQUIRED && whole;
        credentials = if challenged { authorize(proxy, Some(&refused.headers)) } else { None };
        last = refusal.take().map_or(TunnelError::Closed, Refusal::into_error);
        if credentials.is_none() {
            break;
        }
    }
    Err(last)
}

fn authorize(proxy: &Proxy, challenge: Option<&HeaderMap>) -> Option<HeaderValue> {
    let mut value = proxy.auth.as_ref()?.0.authorize(challenge)?;
    value.set_sensitive(true);
    Some(value)
}

/// The request contains none of the headers of the origin's request: those are for the origin alone.
fn request(proxy_target: &ProxyTarget, credentials: Option<HeaderValue>) -> Result<Request<Body>, TunnelError> {
    let authority = proxy_target.to_string();
    let request = Request::builder().method(Method::CONNECT).uri(&authority).header(header::HOST, &authority);
    let mut request = request.body(Empty::new()).map_err(|error| TunnelError::NotHttp(error.into()))?;
    if let Some(credentials) = credentials {
        request.headers_mut().insert(header::PROXY_AUTHORIZATION, credentials);
    }
    Ok(request)
}

// === impl Refusal ===

impl Refusal {
    pub(crate) fn into_error(self) -> TunnelError {
        let Self { status, headers, body, authorized } = self;
        TunnelError::Refused { status, headers, body: body.freeze(), authorized }
    }
}

// === impl Dialogue ===

impl<I: Io> ConnectClient<I> {
    async fn handshake(io: I) -> Result<Self, TunnelError> {
        let mut builder = http1::Builder::new();
        // The buffer is limited too: hyper parses all that is in it before the timeout gets its turn.
        builder.max_header_size(HEAD_LIMIT).max_buf_size(HEAD_LIMIT);
        let (sender, connection) = builder.handshake(TokioIo::new(io)).await?;
        Ok(Self { sender, connection, closed: false })
    }

    /// Sends a request and waits for its final response: interim ones (1xx) are skipped.
    async fn send(&mut self, request: Request<Body>) -> Result<Response<Incoming>, TunnelError> {
        let ready = poll_fn(|cx| self.sender.poll_ready(cx));
        drive_until(&mut self.connection, &mut self.closed, ready).await.ok_or(TunnelError::Closed)??;
        let answer = self.sender.send_request(request);
        Ok(drive_until(&mut self.connection, &mut self.closed, answer).await.ok_or(TunnelError::Closed)??)
    }

    /// Reads a body up to `BODY_LIMIT`, also one that breaks off. Returns whether it is complete.
    async fn read(&mut self, mut body: Incoming, buffer: &mut BytesMut) -> bool {
        while buffer.len() < BODY_LIMIT {
            match drive_until(&mut self.connection, &mut self.closed, body.frame()).await {
                Some(Some(Ok(frame))) => {
                    let data = frame.data_ref().map_or(&[][..], |data| data);
                    buffer.extend_from_slice(&data[..data.len().min(BODY_LIMIT - buffer.len())]);
                }
                Some(None) => return true,
                Some(Some(Err(_))) | None => return false,
            }
        }
        false
    }

    /// Returns the stream, and what was read too far.
    async fn into_stream(mut self) -> Result<(I, Bytes), TunnelError> {
        if !self.closed {
            poll_fn(|cx| self.connection.poll_without_shutdown(cx)).await?;
        }
        let parts = self.connection.into_parts();
        Ok((parts.io.into_inner(), parts.read_buf))
    }
}

/// Drives a connection until a future that waits for it is ready; `None` if the connection ends before.
async fn drive_until<I: Io, T>(
    connection: &mut http1::Connection<TokioIo<I>, Body>,
    closed: &mut bool,
    future: impl Future<Output = T>,
) -> Option<T> {
    let mut future = pin!(future);
    poll_fn(|cx| {
        if let Poll::Ready(output) = future.as_mut().poll(cx) {
            return Poll::Ready(Some(output));
        }
        // How it ended is reported through the future.
        *closed = *closed || connection.poll_without_shutdown(cx).is_ready();
        match future.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if *closed => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}
