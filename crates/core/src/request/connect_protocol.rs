use http::{Method, Request};
use std::{borrow::Cow, fmt};

/// What an extended CONNECT asks for (RFC 8441): a stream of another protocol, such as `websocket`, within an HTTP/2
/// connection that other requests share. In the extensions of a request with the method CONNECT, whose URI is that of
/// the resource: `https://a.test/chat`.
///
/// The stream is the two bodies: what is written goes into the request's, what is received is the response's, as
/// soon as there is a response with a status of 2xx. To drop the response ends both.
///
/// A connection waits with such a request for its peer's SETTINGS. It fails unsent, with
/// [`RequestError::ExtendedConnect`](crate::RequestError::ExtendedConnect), where they don't allow it
/// (SETTINGS_ENABLE_CONNECT_PROTOCOL), and on HTTP/1.1. There, `connection: upgrade` asks for the same.
///
/// ```
/// use skybridge_core::ConnectProtocol;
///
/// let mut request = http::Request::connect("https://a.test/chat").body(())?;
/// request.headers_mut().insert("sec-websocket-version", http::HeaderValue::from_static("13"));
/// request.extensions_mut().insert(ConnectProtocol::WEBSOCKET);
/// # Ok::<_, http::Error>(())
/// ```
#[derive(Clone, Eq, Hash, PartialEq)]
pub struct ConnectProtocol(Cow<'static, str>);

impl ConnectProtocol {
    /// WebSocket, RFC 8441, section 5.
    pub const WEBSOCKET: Self = Self(Cow::Borrowed("websocket"));

    /// A protocol by its name in the registry of HTTP upgrade tokens.
    pub fn new(name: impl Into<Cow<'static, str>>) -> Self {
        Self(name.into())
    }

    /// What this request asks for, if it is an extended CONNECT.
    pub fn of<B>(request: &Request<B>) -> Option<&Self> {
        if *request.method() == Method::CONNECT { request.extensions().get() } else { None }
    }

    /// Its name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ConnectProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ConnectProtocol").field(&self.0).finish()
    }
}
