use crate::{TunnelError, proxy_target::Beyond};
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

/// The most that the head of a proxy's answer may have, in bytes.
const HEAD_LIMIT: usize = 64 * 1024;
/// The most that is kept of a refusal's body.
const BODY_LIMIT: usize = 16 * 1024;
/// The most requests on one connection, each answering the challenge of the one before.
const MOST_REQUESTS: usize = 4;

type Body = Empty<Bytes>;

/// One connection to a proxy, driven by whoever waits for something of it.
struct Dialogue<I: Io> {
    sender: SendRequest<Body>,
    connection: http1::Connection<TokioIo<I>, Body>,
    over: bool,
}

/// A refusal as far as it came.
pub(crate) struct Refusal {
    status: StatusCode,
    headers: Box<HeaderMap>,
    body: BytesMut,
    authorized: bool,
}

/// CONNECT (RFC 9110, section 9.3.6) over HTTP/1.1: the stream, and what came behind the head of the answer.
///
/// A refusal is in `refusal` while its body is read: whoever gives up waiting for the rest knows why there is no tunnel.
pub(crate) async fn connect<I: Io>(
    io: I,
    proxy: &Proxy,
    proxy_target: &Beyond,
    refusal: &mut Option<Refusal>,
) -> Result<(I, Bytes), TunnelError> {
    let mut dialogue = Dialogue::begin(io).await?;
    let mut credentials = authorize(proxy, None);
    let mut last = TunnelError::Closed;
    for _ in 0..MOST_REQUESTS {
        let authorized = credentials.is_some();
        let response = match dialogue.ask(request(proxy_target, credentials)?).await {
            Ok(response) => response,
            // A proxy that challenges and hangs up has said why before.
            Err(TunnelError::Closed) => return Err(last),
            Err(error) => return Err(error),
        };
        if response.status().is_success() {
            drop(response);
            return dialogue.end().await;
        }
        let (head, body) = response.into_parts();
        let headers = Box::new(head.headers);
        let said = refusal.insert(Refusal { status: head.status, headers, body: BytesMut::new(), authorized });
        let whole = dialogue.read(body, &mut said.body).await;
        let challenged = said.status == StatusCode::PROXY_AUTHENTICATION_REQUIRED && whole;
        credentials = if challenged { authorize(proxy, Some(&said.headers)) } else { None };
        last = refusal.take().map_or(TunnelError::Closed, Refusal::told);
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

/// Of the origin's request no header is in it: those are for the origin alone.
fn request(proxy_target: &Beyond, credentials: Option<HeaderValue>) -> Result<Request<Body>, TunnelError> {
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
    pub(crate) fn told(self) -> TunnelError {
        let Self { status, headers, body, authorized } = self;
        TunnelError::Refused { status, headers, body: body.freeze(), authorized }
    }
}

// === impl Dialogue ===

impl<I: Io> Dialogue<I> {
    async fn begin(io: I) -> Result<Self, TunnelError> {
        let mut builder = http1::Builder::new();
        // The buffer too: heads are parsed as long as it has any, before anybody looks at the clock.
        builder.max_header_size(HEAD_LIMIT).max_buf_size(HEAD_LIMIT);
        let (sender, connection) = builder.handshake(TokioIo::new(io)).await?;
        Ok(Self { sender, connection, over: false })
    }

    /// Interim answers (1xx) are skipped.
    async fn ask(&mut self, request: Request<Body>) -> Result<Response<Incoming>, TunnelError> {
        let ready = poll_fn(|cx| self.sender.poll_ready(cx));
        beside(&mut self.connection, &mut self.over, ready).await.ok_or(TunnelError::Closed)??;
        let answer = self.sender.send_request(request);
        Ok(beside(&mut self.connection, &mut self.over, answer).await.ok_or(TunnelError::Closed)??)
    }

    /// As much of a body as is kept; whether that is all of it. One that breaks off is kept too.
    async fn read(&mut self, mut body: Incoming, kept: &mut BytesMut) -> bool {
        while kept.len() < BODY_LIMIT {
            match beside(&mut self.connection, &mut self.over, body.frame()).await {
                Some(Some(Ok(frame))) => {
                    let data = frame.data_ref().map_or(&[][..], |data| data);
                    kept.extend_from_slice(&data[..data.len().min(BODY_LIMIT - kept.len())]);
                }
                Some(None) => return true,
                Some(Some(Err(_))) | None => return false,
            }
        }
        false
    }

    /// Takes the stream back.
    async fn end(mut self) -> Result<(I, Bytes), TunnelError> {
        if !self.over {
            poll_fn(|cx| self.connection.poll_without_shutdown(cx)).await?;
        }
        let parts = self.connection.into_parts();
        Ok((parts.io.into_inner(), parts.read_buf))
    }
}

/// Drives a connection until a future that waits for something of it is ready; `None` when the connection ends and the future isn't.
async fn beside<I: Io, T>(
    connection: &mut http1::Connection<TokioIo<I>, Body>,
    over: &mut bool,
    future: impl Future<Output = T>,
) -> Option<T> {
    let mut future = pin!(future);
    poll_fn(|cx| {
        if let Poll::Ready(output) = future.as_mut().poll(cx) {
            return Poll::Ready(Some(output));
        }
        // How it ended is told to whoever waits.
        *over = *over || connection.poll_without_shutdown(cx).is_ready();
        match future.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if *over => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}
