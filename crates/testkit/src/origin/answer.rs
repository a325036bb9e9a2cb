use super::socket_effect::SocketEffect;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use std::time::Duration;

/// A response that waits for its request: see [`Origin::enqueue`](super::Origin::enqueue).
///
/// ```
/// use skybridge_testkit::origin::{Answer, SocketEffect};
/// use std::time::Duration;
///
/// let slow = Answer::new("a long body").throttle(4, Duration::from_secs(1));
/// let busy = Answer::new("").status(503).header("retry-after", "1");
/// let broken = Answer::new("half of this").on_response_body(SocketEffect::Reset);
/// # let _ = (slow, busy, broken);
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    pub(super) trailers: Option<HeaderMap>,
    pub(super) chunked: bool,
    pub(super) delay: Duration,
    pub(super) body_delay: Duration,
    pub(super) throttle: Option<(usize, Duration)>,
    pub(super) effects: Effects,
}

/// By point, in the order of an exchange.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Effects {
    pub(super) connect: Option<SocketEffect>,
    pub(super) request_start: Option<SocketEffect>,
    pub(super) request_body: Option<SocketEffect>,
    pub(super) response_start: Option<SocketEffect>,
    pub(super) response_body: Option<SocketEffect>,
    pub(super) response_end: Option<SocketEffect>,
}

// === impl Answer ===

impl Answer {
    /// 200, with this body and its length.
    pub fn new(body: impl Into<Bytes>) -> Self {
        Self {
            status: StatusCode::OK,
            headers: HeaderMap::new(),
            body: body.into(),
            trailers: None,
            chunked: false,
            delay: Duration::ZERO,
            body_delay: Duration::ZERO,
            throttle: None,
            effects: Effects::default(),
        }
    }

    /// The status (default: 200).
    ///
    /// # Panics
    /// When it is none.
    pub fn status(mut self, status: u16) -> Self {
        self.status = StatusCode::from_u16(status).unwrap_or_else(|error| panic!("{status}: {error}"));
        self
    }

    /// Adds a header field.
    ///
    /// # Panics
    /// When it is none.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        let (name, value) = field(name, value);
        self.headers.append(name, value);
        self
    }

    /// Adds a trailer field; in HTTP/1.1 for those whose request says `te: trailers`. The body has no length then.
    ///
    /// # Panics
    /// When it is none.
    pub fn trailer(mut self, name: &str, value: &str) -> Self {
        let (name, value) = field(name, value);
        if self.trailers.is_none() {
            // HTTP/1.1 sends what was announced, and no other.
            self.chunked = true;
        }
        self.headers.append(http::header::TRAILER, HeaderValue::from(name.clone()));
        self.trailers.get_or_insert_default().append(name, value);
        self
    }

    /// The body has no length: in HTTP/1.1 it is chunked.
    pub fn chunked(mut self) -> Self {
        self.chunked = true;
        self
    }

    /// Waits for this long before the head.
    pub fn delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Waits for this long between the head and the body.
    pub fn body_delay(mut self, delay: Duration) -> Self {
        self.body_delay = delay;
        self
    }

    /// Sends so many bytes of the body at a time, and waits for this long in between.
    ///
    /// # Panics
    /// When it is no byte.
    pub fn throttle(mut self, bytes: usize, every: Duration) -> Self {
        assert!(bytes > 0, "no byte at a time?");
        self.throttle = Some((bytes, every));
        self
    }

    /// In place of a TLS handshake or a first request: no request gets this answer, a new connection does.
    pub fn on_connect(mut self, effect: SocketEffect) -> Self {
        self.effects.connect = Some(effect);
        self
    }

    /// Once the head of the request is read.
    pub fn on_request_start(mut self, effect: SocketEffect) -> Self {
        self.effects.request_start = Some(effect);
        self
    }

    /// Once the first piece of the request's body is read; without a body, once that is known.
    pub fn on_request_body(mut self, effect: SocketEffect) -> Self {
        self.effects.request_body = Some(effect);
        self
    }

    /// Once the request is read and the [`delay`](Self::delay) is over, before the head.
    pub fn on_response_start(mut self, effect: SocketEffect) -> Self {
        self.effects.response_start = Some(effect);
        self
    }

    /// Once the head and half of the body are sent; without a body, once the head is.
    pub fn on_response_body(mut self, effect: SocketEffect) -> Self {
        self.effects.response_body = Some(effect);
        self
    }

    /// Once all is sent.
    pub fn on_response_end(mut self, effect: SocketEffect) -> Self {
        self.effects.response_end = Some(effect);
        self
    }
}

impl From<&str> for Answer {
    fn from(body: &str) -> Self {
        Self::new(body.to_owned())
    }
}

fn field(name: &str, value: &str) -> (HeaderName, HeaderValue) {
    let name = HeaderName::try_from(name).unwrap_or_else(|error| panic!("{name}: {error}"));
    (name, HeaderValue::from_str(value).unwrap_or_else(|error| panic!("{value}: {error}")))
}
