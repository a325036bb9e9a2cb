use http::{Extensions, HeaderName, HeaderValue, Method, Request, Uri};
use skybridge_core::Replays;

/// A second copy of a request that a dying connection may swallow. hyper takes the head by value and doesn't give it
/// back once written.
pub(crate) struct ReplayCopy<B> {
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

impl<B: 'static> ReplayCopy<B> {
    /// Copies a request that may be sent again: somebody above asks for it, its method may be repeated, and its body
    /// can be had once more.
    #[inline]
    pub(crate) fn keep(&mut self, request: &Request<B>) {
        let Some(replays) = Replays::wanted().filter(|replays| replays.may_repeat(request.method())) else { return };
        let Some(body) = replays.body(request.body()) else { return };
        self.headers.extend(request.headers().iter().map(|(name, value)| (name.clone(), value.clone())));
        self.kept = Some(Kept {
            method: request.method().clone(),
            uri: request.uri().clone(),
            extensions: request.extensions().clone(),
            body,
        });
    }
}

impl<B> ReplayCopy<B> {
    pub(crate) fn new() -> Self {
        Self { kept: None, headers: Vec::new() }
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
