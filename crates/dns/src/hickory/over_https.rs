//! Asking over HTTPS (RFC 8484): a request for each question, by whoever sends requests.

use super::{
    answer::{Found, Missing},
    doh_error::DohError,
    doh_url::DohUrl,
    message,
};
use bytes::Buf;
use hickory_resolver::proto::rr::{Name, RecordType};
use http::{
    HeaderMap, Request, Response, Uri,
    header::{ACCEPT, AGE, CONTENT_TYPE, HeaderValue},
};
use http_body::Body;
use skybridge_core::{BoxError, BoxFuture};
use std::{
    future::poll_fn,
    io::{Error, ErrorKind, Result as IoResult},
    pin::pin,
    sync::Arc,
    time::Duration,
};
use tower_service::Service;

const DNS_MESSAGE: &str = "application/dns-message";
/// As long as a DNS message can be (RFC 8484, section 6).
const MAX_MESSAGE: usize = 65_535;

/// The server, and whoever sends requests to it.
pub(super) struct OverHttps {
    url: DohUrl,
    http: Arc<dyn Http>,
}

/// Who sends requests, without its type.
trait Http: Send + Sync {
    fn get(&self, request: Request<String>) -> BoxFuture<Result<Reply, DohError>>;
}

struct Sender<S>(S);

struct Reply {
    message: Vec<u8>,
    /// For how long it was kept on the way.
    age: Duration,
}

impl OverHttps {
    /// # Errors
    /// As for [`DohUrl::parse`].
    pub(super) fn new<S, B>(url: &str, service: S) -> IoResult<Self>
    where
        S: Service<Request<String>, Response = Response<B>, Error: Into<BoxError>, Future: Send>,
        S: Clone + Send + Sync + 'static,
        B: Body<Error: Into<BoxError>> + Send + 'static,
    {
        Ok(Self { url: DohUrl::parse(url)?, http: Arc::new(Sender(service)) })
    }

    /// Asks for the records of a name.
    pub(super) async fn ask(&self, name: &Name, kind: RecordType) -> Result<Found, Missing> {
        // A name that can't be is not there.
        let query = message::query(name, kind);
        let query = query.map_err(|error| Missing::Name(Error::new(ErrorKind::InvalidInput, error)))?;
        let uri = self.url.with(&query).map_err(|error| Missing::Unknown(Error::other(error)))?;
        let reply = self.http.get(request(uri)).await.map_err(|error| Missing::Unknown(error.into()))?;
        let mut found = message::read(&reply.message, name, kind)?;
        found.ttl = found.ttl.saturating_sub(reply.age);
        Ok(found)
    }
}

/// It says nothing of who asks (RFC 8484, section 8.2).
fn request(uri: Uri) -> Request<String> {
    let mut request = Request::new(String::new());
    *request.uri_mut() = uri;
    request.headers_mut().insert(ACCEPT, HeaderValue::from_static(DNS_MESSAGE));
    request
}

impl<S, B> Http for Sender<S>
where
    S: Service<Request<String>, Response = Response<B>, Error: Into<BoxError>, Future: Send>,
    S: Clone + Send + Sync + 'static,
    B: Body<Error: Into<BoxError>> + Send + 'static,
{
    fn get(&self, request: Request<String>) -> BoxFuture<Result<Reply, DohError>> {
        let mut service = self.0.clone();
        Box::pin(async move {
            poll_fn(|cx| service.poll_ready(cx)).await.map_err(|error| DohError::Http(error.into()))?;
            let response = service.call(request).await.map_err(|error| DohError::Http(error.into()))?;
            let (head, body) = response.into_parts();
            if !head.status.is_success() {
                return Err(DohError::Status(head.status));
            }
            let kind = head.headers.get(CONTENT_TYPE);
            if !kind.is_some_and(is_dns_message) {
                return Err(DohError::ContentType(kind.cloned()));
            }
            Ok(Reply { message: read(body).await?, age: age(&head.headers) })
        })
    }
}

/// Whatever its parameters.
fn is_dns_message(kind: &HeaderValue) -> bool {
    let kind = kind.to_str().unwrap_or_default();
    let kind = kind.split_once(';').map_or(kind, |(kind, _)| kind);
    kind.trim().eq_ignore_ascii_case(DNS_MESSAGE)
}

/// The first counts, and one that can't be read doesn't (RFC 9111, section 5.1).
fn age(headers: &HeaderMap) -> Duration {
    let digits = headers.get(AGE).and_then(|age| age.to_str().ok()).unwrap_or_default();
    if !digits.bytes().all(|digit| digit.is_ascii_digit()) || digits.is_empty() {
        return Duration::ZERO;
    }
    // More than a number can be is for ever (section 1.2.2).
    digits.parse().map_or(Duration::MAX, Duration::from_secs)
}

async fn read<B: Body<Error: Into<BoxError>>>(body: B) -> Result<Vec<u8>, DohError> {
    if body.size_hint().lower() > MAX_MESSAGE as u64 {
        return Err(DohError::TooLong);
    }
    let (mut body, mut message) = (pin!(body), Vec::new());
    while let Some(frame) = poll_fn(|cx| body.as_mut().poll_frame(cx)).await {
        let frame = frame.map_err(|error| DohError::Http(error.into()))?;
        let Ok(mut data) = frame.into_data() else { continue };
        if data.remaining() > MAX_MESSAGE - message.len() {
            return Err(DohError::TooLong);
        }
        while data.has_remaining() {
            let chunk = data.chunk();
            message.extend_from_slice(chunk);
            let len = chunk.len();
            data.advance(len);
        }
    }
    Ok(message)
}
