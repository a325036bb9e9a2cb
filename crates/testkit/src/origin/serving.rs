use bytes::Bytes;
use http::{Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Incoming;
use skybridge_core::{BoxError, BoxFuture};
use std::sync::Arc;

/// The body of an origin's response.
pub type ResponseBody = UnsyncBoxBody<Bytes, BoxError>;

pub(super) type Handle = Arc<dyn Fn(Request<Incoming>) -> BoxFuture<Response<ResponseBody>> + Send + Sync>;

/// How each connection is served.
#[derive(Clone)]
pub(super) struct Serving {
    pub(super) http2: bool,
    /// Without one, `hello` is the answer.
    pub(super) handle: Option<Handle>,
    /// How many a connection takes.
    pub(super) requests: usize,
    pub(super) streams: Option<u32>,
}
