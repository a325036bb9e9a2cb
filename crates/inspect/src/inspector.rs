use crate::{RecentCalls, Source, json, page, policy};
use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use skybridge_core::CallId;
use skybridge_trace::Timelines;
use std::{
    convert::Infallible,
    fmt,
    future::{Ready, ready},
    sync::Arc,
    task::{Context, Poll},
};
use tower_service::Service;

/// The most origins that are shown.
pub(crate) const ORIGINS: usize = 200;

/// A service that answers GET and HEAD: `/` with a page (`/?call=7` with the waterfall of that call on it), `/json`
/// with the same for programs, `/calls/7.svg` with the picture of a call. All else is 404, other methods 405. Its links
/// are relative, so that it may be mounted anywhere.
///
/// It doesn't keep its client alive: when that is gone, it says so.
#[derive(Clone)]
pub struct Inspector {
    source: Arc<dyn Source>,
    calls: Option<Arc<RecentCalls>>,
    policy: HeaderValue,
}

// === impl Inspector ===

impl Inspector {
    /// Of a client, and of the calls that are kept of it: `None` where none are, which the page says.
    pub fn new(source: impl Source, calls: Option<Arc<RecentCalls>>) -> Self {
        let policy = HeaderValue::from_str(&policy::content_security_policy());
        // It is ASCII; if it were not, nothing would be allowed.
        let policy = policy.unwrap_or(HeaderValue::from_static("default-src 'none'"));
        Self { source: Arc::new(source), calls, policy }
    }

    fn answer<B>(&self, request: &Request<B>) -> Response<Full<Bytes>> {
        if ![Method::GET, Method::HEAD].contains(request.method()) {
            let mut response = self.response(StatusCode::METHOD_NOT_ALLOWED, TEXT, "only GET and HEAD\n".into());
            response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
            return response;
        }
        let path = request.uri().path();
        let found = match path {
            "" | "/" => {
                let call = request.uri().query().and_then(asked_call);
                Some((HTML, page::page(self.source.snapshot(ORIGINS), self.calls.as_deref(), call)))
            }
            "/json" => Some((JSON, json::json(self.source.snapshot(ORIGINS), self.calls.as_deref()))),
            path => self.picture(path).map(|svg| (SVG, svg)),
        };
        let (status, (kind, text)) = match found {
            Some(found) => (StatusCode::OK, found),
            None => (StatusCode::NOT_FOUND, (TEXT, "not found\n".into())),
        };
        self.response(status, kind, if request.method() == Method::HEAD { String::new() } else { text })
    }

    fn picture(&self, path: &str) -> Option<String> {
        let id = path.strip_prefix("/calls/")?.strip_suffix(".svg")?.parse().ok()?;
        let now = self.source.snapshot(0).map(|snapshot| snapshot.pool.at);
        let timeline = self.calls.as_deref()?.timeline(CallId(id), now)?;
        Some(Timelines::from(timeline).svg(""))
    }

    fn response(&self, status: StatusCode, kind: &'static str, text: String) -> Response<Full<Bytes>> {
        let mut response = Response::new(Full::new(Bytes::from(text)));
        *response.status_mut() = status;
        let fields = [
            (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
            (header::CONTENT_SECURITY_POLICY, self.policy.clone()),
            (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
            (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
            (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        ];
        response.headers_mut().extend(fields);
        response
    }
}

const HTML: &str = "text/html; charset=utf-8";
const JSON: &str = "application/json";
const SVG: &str = "image/svg+xml";
const TEXT: &str = "text/plain; charset=utf-8";

fn asked_call(query: &str) -> Option<CallId> {
    query.split('&').find_map(|pair| pair.strip_prefix("call=")?.parse().ok()).map(CallId)
}

impl<B> Service<Request<B>> for Inspector {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        ready(Ok(self.answer(&request)))
    }
}

impl fmt::Debug for Inspector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inspector").field("calls", &self.calls).finish_non_exhaustive()
    }
}
