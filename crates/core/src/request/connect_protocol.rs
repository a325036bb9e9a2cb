use crate::RequestError;
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

    /// A protocol by its name in the registry of HTTP upgrade tokens, perhaps with a version: `name` or `name/version`.
    ///
    /// # Errors
    /// When it isn't written so (RFC 9110, section 7.8).
    pub fn new(name: impl Into<Cow<'static, str>>) -> Result<Self, RequestError> {
        let name = name.into();
        let (protocol, version) = name.split_once('/').unwrap_or((&name, "0"));
        let is_token = |text: &str| !text.is_empty() && text.bytes().all(is_token_byte);
        let refused = RequestError::ExtendedConnect("the name of the protocol isn't a token");
        if is_token(protocol) && is_token(version) { Ok(Self(name)) } else { Err(refused) }
    }

    /// What this request asks for, if it is an extended CONNECT.
    pub fn of<B>(request: &Request<B>) -> Option<&Self> {
        if *request.method() == Method::CONNECT { request.extensions().get() } else { None }
    }

    /// Checks that a request with another method doesn't ask for one.
    pub(super) fn check_absent<B>(request: &Request<B>) -> Result<(), RequestError> {
        match request.extensions().get::<Self>() {
            Some(_) if *request.method() != Method::CONNECT => {
                Err(RequestError::ExtendedConnect("its method isn't CONNECT"))
            }
            _ => Ok(()),
        }
    }

    /// Checks that a connection of HTTP/1.1 may carry a request: that has no extended CONNECT.
    ///
    /// # Errors
    /// When the request is one.
    pub fn check_http1<B>(request: &Request<B>) -> Result<(), RequestError> {
        match Self::of(request) {
            None => Ok(()),
            Some(_) => {
                let why = "the connection speaks HTTP/1.1, which has `upgrade` for this";
                Err(RequestError::ExtendedConnect(why))
            }
        }
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

/// RFC 9110, section 5.6.2.
fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_belongs_to_connect_and_makes_no_upgrade_of_it() {
        let asks = |method: Method| {
            let mut request = Request::builder().method(method).uri("https://a.test/chat");
            request = request.header("connection", "upgrade").header("upgrade", "websocket");
            let mut request = request.body(String::new()).unwrap();
            request.extensions_mut().insert(ConnectProtocol::WEBSOCKET);
            crate::validate_request(&request)
        };
        assert_eq!(asks(Method::CONNECT), Ok(None));
        assert!(matches!(asks(Method::GET), Err(RequestError::ExtendedConnect(_))));
    }

    #[test]
    fn a_name_is_a_token_perhaps_with_a_version() {
        for name in ["websocket", "connect-udp", "HTTP/2.0"] {
            assert_eq!(ConnectProtocol::new(name).unwrap().as_str(), name);
        }
        for name in ["", "/", "a/", "/1", "a/1/2", "a b", "websocket\r\nx: y", "w\0", "w\u{fc}"] {
            assert!(ConnectProtocol::new(name).is_err(), "{name:?}");
        }
    }
}
