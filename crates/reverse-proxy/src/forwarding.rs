use crate::{
    ProxiedBody, answer, fields,
    join::{Front, join},
    stall::Exchange,
    websocket,
};
use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body::Body;
use hyper::upgrade::OnUpgrade;
use pin_project::pin_project;
use skybridge_core::{BoxError, Error, Runtime, Upgrade};
use std::{
    convert::Infallible,
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

/// A request on its way to the upstream. Dropped, it is cancelled there.
#[pin_project]
#[must_use = "futures do nothing unless polled"]
pub struct Forwarding<F>(#[pin] State<F>);

#[pin_project(project = StateProj)]
enum State<F> {
    Sent(#[pin] F, Option<Box<Asked>>, Arc<Exchange>),
    /// It wasn't sent.
    Answered(StatusCode),
    Failed(Option<Error>),
}

/// An upgrade that was asked for.
pub(crate) struct Asked {
    pub(crate) protocols: HeaderValue,
    /// It was asked for over HTTP/2.
    pub(crate) websocket: Option<websocket::Accept>,
    pub(crate) client: OnUpgrade,
    pub(crate) idle_limit: Duration,
    pub(crate) runtime: Arc<dyn Runtime>,
}

impl<F> Forwarding<F> {
    pub(crate) fn sent(future: F, asked: Option<Box<Asked>>, exchange: Arc<Exchange>) -> Self {
        Self(State::Sent(future, asked, exchange))
    }

    pub(crate) fn answered(status: StatusCode) -> Self {
        Self(State::Answered(status))
    }

    pub(crate) fn failed(error: Error) -> Self {
        Self(State::Failed(Some(error)))
    }
}

impl<F, B, E> Future for Forwarding<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Body<Data = Bytes>,
    E: Into<BoxError>,
{
    type Output = Result<Response<ProxiedBody<B>>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let response = match self.project().0.project() {
            StateProj::Sent(future, asked, exchange) => match ready!(future.poll(cx)) {
                Ok(response) => towards_client(response, asked.take(), exchange),
                Err(error) => answer::failed(Error::from(error.into())),
            },
            StateProj::Answered(status) => answer::answer(*status),
            StateProj::Failed(error) => match error.take() {
                Some(error) => answer::failed(error),
                None => answer::answer(StatusCode::BAD_GATEWAY),
            },
        };
        Poll::Ready(Ok(response))
    }
}

fn towards_client<B: Body>(
    mut response: Response<B>,
    asked: Option<Box<Asked>>,
    exchange: &Arc<Exchange>,
) -> Response<ProxiedBody<B>> {
    // What the response was waited for isn't its body's time.
    exchange.passes();
    let (status, version) = (response.status(), response.version());
    fields::towards_client(response.headers_mut(), status, version);
    if status == StatusCode::SWITCHING_PROTOCOLS {
        let upgrade = response.extensions_mut().remove::<Upgrade>();
        let named = response.headers().get(header::UPGRADE);
        // To another protocol, the bytes would be something else to each side (RFC 9110, section 7.8).
        let asked = asked.filter(|asked| fields::are_among(named, &asked.protocols));
        let is_right = |accept: &websocket::Accept| accept.is_in(response.headers());
        let asked = asked.filter(|asked| asked.websocket.as_ref().is_none_or(is_right));
        let (Some(asked), Some(upstream)) = (asked, upgrade.and_then(|upgrade| upgrade.take())) else {
            return answer::answer(StatusCode::BAD_GATEWAY);
        };
        let Asked { protocols: _, websocket, client, idle_limit, runtime } = *asked;
        let front = if websocket.is_some() { Front::Http2 } else { Front::Http1 };
        runtime.spawn(Box::pin(join(client, front, upstream, idle_limit, Arc::clone(&runtime))));
        if websocket.is_some() {
            *response.status_mut() = StatusCode::OK;
            websocket::accepted(response.headers_mut());
        }
    } else if asked.is_some_and(|asked| asked.websocket.is_some()) {
        // To the client, it would be the begin of the stream.
        if status.is_success() {
            return answer::answer(StatusCode::BAD_GATEWAY);
        }
        websocket::refused(response.headers_mut());
    }
    response.map(|body| ProxiedBody::of_response(body, Arc::clone(exchange)))
}

impl<F> fmt::Debug for Forwarding<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &self.0 {
            State::Sent(_, asked, _) if asked.is_some() => "Upgrading",
            State::Sent(..) => "Sent",
            State::Answered(_) | State::Failed(_) => "Answered",
        };
        f.debug_tuple("Forwarding").field(&state).finish()
    }
}
