//! What is above the client: `-L` and `--compressed`, by tower-http's layers. Without these flags they pass everything.

use crate::{args::Args, call::Broken, secrets::is_credential};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, Method, Request, Uri, header};
use http_body::{Body, Frame, SizeHint};
use skybridge::{Error, RequestBody, types::OriginRef};
use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll},
};
use tower_http::{
    decompression::DecompressionLayer,
    follow_redirect::{
        FollowRedirectLayer,
        policy::{Action, Attempt, Policy},
    },
};

/// Which redirects are followed, and what goes along.
#[derive(Clone)]
pub(crate) struct Redirects {
    follows: bool,
    most: usize,
    left: usize,
    home: Uri,
    is_away: bool,
    /// Of `-X`: as with curl, it is said again wherever a redirect leads.
    method: Option<Method>,
}

/// Counts what arrives, before it is decoded.
pub(crate) struct Counted {
    body: skybridge::Body,
    received: Arc<AtomicU64>,
}

pub(crate) fn redirects(args: &Args, home: Uri) -> FollowRedirectLayer<Redirects> {
    let most = args.request.max_redirs;
    FollowRedirectLayer::with_policy(Redirects {
        follows: args.request.location,
        most,
        left: most,
        home,
        is_away: false,
        method: args.request.request.clone(),
    })
}

pub(crate) fn decompression(args: &Args) -> DecompressionLayer {
    let layer = DecompressionLayer::new();
    if args.request.compressed { layer } else { layer.no_gzip().no_deflate() }
}

impl Policy<RequestBody, Broken> for Redirects {
    fn redirect(&mut self, attempt: &Attempt<'_>) -> Result<Action, Broken> {
        if !self.follows {
            return Ok(Action::Stop);
        }
        self.left = self.left.checked_sub(1).ok_or(Broken::Redirects(self.most))?;
        self.is_away = !is_same(&self.home, attempt.location());
        Ok(Action::Follow)
    }

    /// Each has the headers of the first one, whatever was taken from those between.
    fn on_request(&mut self, request: &mut Request<RequestBody>) {
        if self.is_away {
            keep_at_home(request.headers_mut());
        }
        if let Some(method) = &self.method {
            method.clone_into(request.method_mut());
        }
    }

    fn clone_body(&self, body: &RequestBody) -> Option<RequestBody> {
        body.replay().filter(|_| self.follows)
    }
}

/// Takes out what was meant for the origin that the URL names, and for nobody else.
fn keep_at_home(headers: &mut HeaderMap) {
    let is_private = |name: &&HeaderName| **name == header::HOST || is_credential(name);
    let private: Vec<_> = headers.keys().filter(is_private).cloned().collect();
    private.iter().for_each(|name| drop(headers.remove(name)));
}

fn is_same(one: &Uri, other: &Uri) -> bool {
    matches!((OriginRef::of(one), OriginRef::of(other)), (Ok(one), Ok(other)) if one == other)
}

impl Counted {
    pub(crate) fn new(body: skybridge::Body, received: Arc<AtomicU64>) -> Self {
        Self { body, received }
    }
}

impl Body for Counted {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        if let Poll::Ready(Some(Ok(frame))) = &polled
            && let Some(data) = frame.data_ref()
        {
            self.received.fetch_add(data.len() as u64, Relaxed);
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
