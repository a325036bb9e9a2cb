//! WebSocket over HTTP/2 (RFC 8441), asked of the upstream as an upgrade of HTTP/1.1 (RFC 6455, section 4).

use base64::{Engine, prelude::BASE64_STANDARD};
use http::{HeaderMap, HeaderValue, Method, Request, header};
use hyper::ext::Protocol;
use sha1::{Digest, Sha1};

/// What an upstream must say to show that it speaks WebSocket, and has not just repeated what it was sent.
pub(crate) struct Accept(String);

/// Whether a request is an extended CONNECT to a WebSocket.
pub(crate) fn is_asked<B>(request: &Request<B>) -> bool {
    let protocol = request.extensions().get::<Protocol>();
    *request.method() == Method::CONNECT && protocol.is_some_and(|protocol| protocol.as_str() == "websocket")
}

/// Makes it an upgrade, with a key of its own: HTTP/2 has none (RFC 8441, section 5). Its content is the stream, which
/// is joined later.
pub(crate) fn ask<B>(request: &mut Request<B>) -> Accept {
    *request.method_mut() = Method::GET;
    request.extensions_mut().remove::<Protocol>();
    let key = BASE64_STANDARD.encode(fastrand::u128(..).to_ne_bytes());
    let accept = Accept::of(&key);
    let headers = request.headers_mut();
    headers.remove(header::CONTENT_LENGTH);
    if let Ok(key) = HeaderValue::try_from(key) {
        headers.insert(header::SEC_WEBSOCKET_KEY, key);
    }
    accept
}

/// Makes the fields of a 101 those of a 200, which stands for it in HTTP/2.
pub(crate) fn accepted(headers: &mut HeaderMap) {
    for name in [header::CONNECTION, header::UPGRADE, header::SEC_WEBSOCKET_ACCEPT, header::CONTENT_LENGTH] {
        headers.remove(name);
    }
}

/// Of another answer, removes what HTTP/2 doesn't allow (RFC 9113, section 8.2.2).
pub(crate) fn refused(headers: &mut HeaderMap) {
    headers.remove(header::CONNECTION);
    headers.remove(header::UPGRADE);
}

impl Accept {
    /// RFC 6455, section 4.2.2. What SHA-1 is good for elsewhere isn't asked of it here.
    fn of(key: &str) -> Self {
        let hash = Sha1::new().chain_update(key).chain_update("258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
        Self(BASE64_STANDARD.encode(hash.finalize()))
    }

    pub(crate) fn is_in(&self, headers: &HeaderMap) -> bool {
        let mut said = headers.get_all(header::SEC_WEBSOCKET_ACCEPT).iter();
        said.next().is_some_and(|said| said.as_bytes() == self.0.as_bytes()) && said.next().is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_to_a_key_is_that_of_the_rfc_and_is_said_once() {
        let accept = Accept::of("dGhlIHNhbXBsZSBub25jZQ==");
        let says = |said: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for said in said {
                headers.append(header::SEC_WEBSOCKET_ACCEPT, HeaderValue::from_static(said));
            }
            accept.is_in(&headers)
        };
        const RIGHT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
        assert!(says(&[RIGHT]));
        for wrong in [&[][..], &["dGhlIHNhbXBsZSBub25jZQ=="], &[RIGHT, RIGHT], &["s3ppLMBiTxaQ9kYGzzhZRbK+xOo="]] {
            assert!(!says(wrong), "{wrong:?}");
        }
    }

    #[test]
    fn each_request_has_a_key_of_its_own() {
        let key = || {
            let mut request = Request::connect("https://a.test/chat").body(()).unwrap();
            ask(&mut request);
            assert_eq!(*request.method(), Method::GET);
            request.headers()[header::SEC_WEBSOCKET_KEY].clone()
        };
        let (first, second) = (key(), key());
        assert_eq!(BASE64_STANDARD.decode(&first).unwrap().len(), 16);
        assert_ne!(first, second);
    }
}
