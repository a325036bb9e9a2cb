use http::{Extensions, HeaderName, HeaderValue, Method, Request, Uri};

/// How a body is had once more.
pub(crate) type Replay<B> = fn(&B) -> Option<B>;

/// A second copy of a request that a dying connection may swallow. hyper takes the head by value and doesn't give it back once written.
pub(crate) struct Spare<B> {
    replay: Option<Replay<B>>,
    any_method: bool,
    kept: Option<Kept<B>>,
    /// A list, as a map would be hashed for each request; its room is used again.
    headers: Vec<(HeaderName, HeaderValue)>,
}

struct Kept<B> {
    method: Method,
    uri: Uri,
    extensions: Extensions,
    body: B,
}

impl<B> Spare<B> {
    pub(crate) fn new(replay: Option<Replay<B>>, any_method: bool) -> Self {
        Self { replay, any_method, kept: None, headers: Vec::new() }
    }

    /// Copies a request that may be sent again: its method is idempotent (RFC 9110, section 9.2.2) and its body can be had once more.
    #[inline]
    pub(crate) fn keep(&mut self, request: &Request<B>) {
        let Some(replay) = self.replay else { return };
        if !self.any_method && !request.method().is_idempotent() {
            return;
        }
        let Some(body) = replay(request.body()) else { return };
        self.headers.extend(request.headers().iter().map(|(name, value)| (name.clone(), value.clone())));
        self.kept = Some(Kept {
            method: request.method().clone(),
            uri: request.uri().clone(),
            extensions: request.extensions().clone(),
            body,
        });
    }

    /// The copy, as it was on its way to the wire.
    #[cold]
    pub(crate) fn take(&mut self) -> Option<Request<B>> {
        let Kept { method, uri, extensions, body } = self.kept.take()?;
        let mut request = Request::new(body);
        *request.method_mut() = method;
        *request.uri_mut() = uri;
        *request.extensions_mut() = extensions;
        for (name, value) in self.headers.drain(..) {
            // As many as there were before.
            let _ = request.headers_mut().try_append(name, value);
        }
        Some(request)
    }

    /// Forgets the copy: there is a response.
    #[inline]
    pub(crate) fn clear(&mut self) {
        self.kept = None;
        self.headers.clear();
    }
}
