use http::{Extensions, HeaderName, HeaderValue, Method, Request, Uri, Version};
use skybridge_core::OriginRef;

/// Headers in order: cheaper to fill than a map, and the buffer is reused by the next exchange.
pub(crate) type Headers = Vec<(HeaderName, HeaderValue)>;

/// A request as it was given to `start`, saved to be sent again, while the h2 crate has the one that is sent.
pub(crate) struct SavedRequest<B> {
    method: Method,
    uri: Uri,
    version: Version,
    headers: Headers,
    extensions: Extensions,
    /// It may be sent again even if it may have been processed.
    may_repeat: bool,
    /// The body, if it is empty, or a copy of it.
    copy: Option<B>,
}

impl<B> SavedRequest<B> {
    #[inline]
    pub(crate) fn new(request: &mut Request<()>, mut headers: Headers, copy: Option<B>, may_repeat: bool) -> Self {
        headers.reserve(request.headers().len());
        for (name, value) in request.headers() {
            headers.push((name.clone(), value.clone()));
        }
        Self {
            method: request.method().clone(),
            uri: request.uri().clone(),
            version: request.version(),
            headers,
            // The h2 crate drops them before it sends.
            extensions: std::mem::take(request.extensions_mut()),
            may_repeat,
            copy,
        }
    }

    /// Whether it may be sent again even if it may have been processed.
    pub(crate) fn may_repeat(&self) -> bool {
        self.may_repeat
    }

    /// The origin that it was for.
    pub(crate) fn origin(&self) -> Option<OriginRef<'_>> {
        OriginRef::of(&self.uri).ok()
    }

    /// Whether there is no copy of the body, so that only the unpolled body itself can come back.
    pub(crate) fn has_no_copy(&self) -> bool {
        self.copy.is_none()
    }

    /// The request, with the body if that was never polled, otherwise with the copy; and the emptied buffer.
    pub(crate) fn restore(mut self, unpolled: Option<B>) -> (Option<Request<B>>, Headers) {
        let Some(body) = unpolled.or_else(|| self.copy.take()) else { return (None, self.take_buffer()) };
        let mut request = Request::new(body);
        *request.method_mut() = self.method;
        *request.uri_mut() = self.uri;
        *request.version_mut() = self.version;
        *request.extensions_mut() = self.extensions;
        // A failure doesn't matter: several values of one name take a single place in the map.
        let _ = request.headers_mut().try_reserve(self.headers.len());
        for (name, value) in self.headers.drain(..) {
            // It can't fail: the headers were in a map before.
            let _ = request.headers_mut().try_append(name, value);
        }
        (Some(request), self.headers)
    }

    /// The emptied buffer.
    pub(crate) fn take_buffer(&mut self) -> Headers {
        self.headers.clear();
        std::mem::take(&mut self.headers)
    }
}
