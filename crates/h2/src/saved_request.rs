use http::{Extensions, HeaderName, HeaderValue, Method, Request, Uri, Version, request::Parts};
use skybridge_core::OriginRef;

/// Headers in the order they came in: cheaper to fill than a map, and its memory serves one exchange after the other.
pub(crate) type Headers = Vec<(HeaderName, HeaderValue)>;

/// A request as it came down, while the h2 crate has the one that goes out.
pub(crate) struct Kept<B> {
    method: Method,
    uri: Uri,
    version: Version,
    headers: Headers,
    extensions: Extensions,
    /// It is of use though it may have been processed.
    may_repeat: bool,
    /// The body, if it needs no polling, or a copy of it.
    copy: Option<B>,
}

impl<B> Kept<B> {
    pub(crate) fn new(parts: &mut Parts, mut headers: Headers, copy: Option<B>, may_repeat: bool) -> Self {
        headers.extend(parts.headers.iter().map(|(name, value)| (name.clone(), value.clone())));
        Self {
            method: parts.method.clone(),
            uri: parts.uri.clone(),
            version: parts.version,
            headers,
            // The h2 crate throws them away before it sends.
            extensions: std::mem::take(&mut parts.extensions),
            may_repeat,
            copy,
        }
    }

    /// Whether it is of use though it may have been processed.
    pub(crate) fn may_repeat(&self) -> bool {
        self.may_repeat
    }

    /// Who it was for.
    pub(crate) fn origin(&self) -> Option<OriginRef<'_>> {
        OriginRef::of(&self.uri).ok()
    }

    /// Whether only the body itself could come back.
    pub(crate) fn has_no_copy(&self) -> bool {
        self.copy.is_none()
    }

    /// The request, with its body if that was never polled and else with the copy; and the empty buffer.
    pub(crate) fn restore(mut self, unpolled: Option<B>) -> (Option<Request<B>>, Headers) {
        let Some(body) = unpolled.or_else(|| self.copy.take()) else { return (None, self.into_buffer()) };
        let mut request = Request::new(body);
        *request.method_mut() = self.method;
        *request.uri_mut() = self.uri;
        *request.version_mut() = self.version;
        *request.extensions_mut() = self.extensions;
        // Only a wish: a name may have more values than a map has places.
        let _ = request.headers_mut().try_reserve(self.headers.len());
        for (name, value) in self.headers.drain(..) {
            // As many as there were before.
            let _ = request.headers_mut().try_append(name, value);
        }
        (Some(request), self.headers)
    }

    /// The empty buffer.
    pub(crate) fn into_buffer(mut self) -> Headers {
        self.headers.clear();
        self.headers
    }
}
