//! What stands above the client: `-L`, by tower-http, and what counts bytes.

use crate::{
    args::{Args, Protos},
    fault::Fault,
    outcome::CallError,
    progress::{Transfer, Way},
    secrets::{Secrets, is_credential},
};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, Method, Request, Uri, header};
use http_body::{Body, Frame, SizeHint};
use skybridge::{
    RequestBody,
    types::{OriginRef, sync::Mutex},
};
use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll},
};
use tower_http::follow_redirect::{
    FollowRedirectLayer,
    policy::{Action, Attempt, Policy},
};

/// Which redirects are followed, and with which headers.
#[derive(Clone)]
pub(crate) struct Redirects {
    follows: bool,
    limit: usize,
    remaining: usize,
    origin: Uri,
    is_cross_origin: bool,
    protos: Protos,
    secrets: Secrets,
    /// The method of `-X`: as with curl, redirects keep it.
    method: Option<Method>,
}

/// Counts the bytes of a body before it is decoded.
pub(crate) struct CountedBody<B = skybridge::Body> {
    body: B,
    count: Arc<AtomicU64>,
    /// That of what is sent, and how long it is.
    progress: Option<(Arc<Transfer>, Option<u64>)>,
}

pub(crate) fn redirects(args: &Args, origin: Uri) -> FollowRedirectLayer<Redirects> {
    let limit = args.request.max_redirs;
    FollowRedirectLayer::with_policy(Redirects {
        follows: args.request.location,
        limit,
        remaining: limit,
        origin,
        is_cross_origin: false,
        protos: args.protocol.protos,
        secrets: Secrets::of(args),
        method: args.request.request.clone(),
    })
}

impl Policy<RequestBody, CallError> for Redirects {
    fn redirect(&mut self, attempt: &Attempt<'_>) -> Result<Action, CallError> {
        if !self.follows {
            return Ok(Action::Stop);
        }
        let to = attempt.location();
        let (scheme, protos) = (to.scheme_str().unwrap_or_default(), self.protos);
        let led = || format!("a redirect to {}", self.secrets.url(&to.to_string()));
        protos
            .check_redirect(scheme)
            .map_err(|by| CallError::Forbidden(Fault { processed: "yes", ..Fault::forbidden(led(), scheme, by) }))?;
        // Without one it is no URL, as is found where it is asked for.
        if !matches!(scheme, "" | "http" | "https") {
            return Err(CallError::Forbidden(Fault { processed: "yes", ..Fault::not_spoken(&led()) }));
        }
        self.remaining = self.remaining.checked_sub(1).ok_or(CallError::Redirects(self.limit))?;
        self.is_cross_origin = !is_same(&self.origin, to);
        Ok(Action::Follow)
    }

    /// Each request starts with the headers of the first, whatever was stripped for one in between.
    fn on_request(&mut self, request: &mut Request<RequestBody>) {
        if self.is_cross_origin {
            strip_private(request.headers_mut());
        }
        if let Some(method) = &self.method {
            method.clone_into(request.method_mut());
        }
    }

    fn clone_body(&self, body: &RequestBody) -> Option<RequestBody> {
        body.replay().filter(|_| self.follows)
    }
}

/// Removes headers that are meant for the first origin alone.
fn strip_private(headers: &mut HeaderMap) {
    let is_private = |name: &&HeaderName| **name == header::HOST || is_credential(name);
    let private: Vec<_> = headers.keys().filter(is_private).cloned().collect();
    private.iter().for_each(|name| drop(headers.remove(name)));
}

fn is_same(one: &Uri, other: &Uri) -> bool {
    matches!((OriginRef::of(one), OriginRef::of(other)), (Ok(one), Ok(other)) if one == other)
}

/// A request's body whose bytes are counted when they are taken, those of the last time that it is sent.
pub(crate) fn counted_upload(
    body: RequestBody,
    count: &Arc<AtomicU64>,
    transfer: Option<&Arc<Transfer>>,
) -> RequestBody {
    let (count, is_replayable) = (Arc::clone(count), body.replay().is_some());
    let progress = transfer.map(|transfer| (Arc::clone(transfer), body.size_hint().exact()));
    if !is_replayable {
        return RequestBody::wrap(CountedBody { body, count, progress });
    }
    let template = Mutex::new(body);
    RequestBody::replayable(move || {
        count.store(0, Relaxed);
        let body = template.lock().replay().unwrap_or_default();
        CountedBody { body, count: Arc::clone(&count), progress: progress.clone() }
    })
}

impl<B> CountedBody<B> {
    pub(crate) fn new(body: B, count: Arc<AtomicU64>) -> Self {
        Self { body, count, progress: None }
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for CountedBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        if let Poll::Ready(Some(Ok(frame))) = &polled
            && let Some(data) = frame.data_ref()
        {
            let length = data.len() as u64;
            let bytes = self.count.fetch_add(length, Relaxed) + length;
            if let Some((transfer, total)) = &self.progress {
                transfer.moved(Way::Up, bytes, *total);
            }
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
