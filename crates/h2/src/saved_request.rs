use http::{Extensions, HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, Version};
use skybridge_core::OriginRef;

/// A request as it was given to `start`, saved to be sent again, while the h2 crate has the one that is sent.
///
/// It lies in the handle, and is filled and emptied there: it is large, and each name it is given is a copy.
pub(crate) struct SavedRequest<B> {
    /// `None` when no request is saved.
    uri: Option<Uri>,
    method: Method,
    version: Version,
    /// In order: cheaper to fill than a map, and the buffer is used by the next exchange again.
    headers: Vec<(HeaderName, HeaderValue)>,
    extensions: Extensions,
    /// It may be sent again even if it may have been processed.
    may_repeat: bool,
    /// The body, if it is empty, or a copy of it.
    copy: Option<B>,
}

/// Credentials, for as long as the request is saved.
#[derive(Clone)]
struct Shown(HeaderValue);

impl<B> SavedRequest<B> {
    /// Nothing is saved.
    pub(crate) fn none() -> Self {
        Self {
            uri: None,
            method: Method::GET,
            version: Version::HTTP_11,
            headers: Vec::new(),
            extensions: Extensions::new(),
            may_repeat: false,
            copy: None,
        }
    }

    /// It shows this to the proxy that forwards it.
    #[cold]
    pub(crate) fn show(&mut self, credentials: &HeaderValue) {
        if self.is_saved() {
            self.extensions.insert(Shown(credentials.clone()));
        }
    }

    /// What it has shown to the proxy that forwards it.
    pub(crate) fn shown(&self) -> Option<&HeaderValue> {
        self.extensions.get::<Shown>().map(|Shown(credentials)| credentials)
    }

    #[inline]
    pub(crate) fn save(&mut self, request: &mut Request<B>, copy: Option<B>, may_repeat: bool) {
        self.forget();
        if !request.headers().is_empty() {
            self.save_headers(request.headers());
        }
        // Nothing is there now, and so nothing is in its way.
        self.uri.get_or_insert_with(|| request.uri().clone());
        self.method = request.method().clone();
        self.version = request.version();
        // The h2 crate drops them before it sends.
        self.extensions = std::mem::take(request.extensions_mut());
        (self.may_repeat, self.copy) = (may_repeat, copy);
    }

    /// The body that was sent is its own copy, as it is empty. Takes it.
    #[inline]
    pub(crate) fn keep_body(&mut self, body: &mut Option<B>) {
        if self.is_saved() {
            self.copy = body.take();
        }
    }

    fn save_headers(&mut self, headers: &HeaderMap) {
        self.headers.reserve(headers.len());
        for (name, value) in headers {
            self.headers.push((name.clone(), value.clone()));
        }
    }

    /// Drops what is saved, but for the buffer.
    #[inline]
    pub(crate) fn forget(&mut self) {
        if self.is_saved() {
            self.drop_saved();
        }
    }

    fn drop_saved(&mut self) {
        (self.uri, self.copy) = (None, None);
        if !self.headers.is_empty() {
            self.headers.clear();
        }
        if !self.extensions.is_empty() {
            self.extensions = Extensions::new();
        }
    }

    #[inline]
    pub(crate) fn is_saved(&self) -> bool {
        self.uri.is_some()
    }

    /// Whether one is saved that may be sent again even if it may have been processed.
    pub(crate) fn may_repeat(&self) -> bool {
        self.is_saved() && self.may_repeat
    }

    /// The origin that it was for.
    pub(crate) fn origin(&self) -> Option<OriginRef<'_>> {
        OriginRef::of(self.uri.as_ref()?).ok()
    }

    /// Whether one is saved of whose body there is no copy, so that only the unpolled body itself can come back.
    pub(crate) fn has_no_copy(&self) -> bool {
        self.is_saved() && self.copy.is_none()
    }

    /// The request, with the body if that was never polled, otherwise with the copy. Nothing is saved from then on.
    #[cold]
    pub(crate) fn restore(&mut self, unpolled: Option<B>) -> Option<Request<B>> {
        let restored = self.uri.as_ref().and(unpolled.or_else(|| self.copy.take())).map(Request::new);
        let restored = restored.map(|mut request| {
            *request.method_mut() = self.method.clone();
            *request.uri_mut() = self.uri.take().unwrap_or_default();
            *request.version_mut() = self.version;
            *request.extensions_mut() = std::mem::take(&mut self.extensions);
            request.extensions_mut().remove::<Shown>();
            // A failure doesn't matter: several values of one name take a single place in the map.
            let _ = request.headers_mut().try_reserve(self.headers.len());
            for (name, value) in self.headers.drain(..) {
                // It can't fail: the headers were in a map before.
                let _ = request.headers_mut().try_append(name, value);
            }
            request
        });
        // Also a copy of which the body itself has come back.
        self.drop_saved();
        restored
    }
}
