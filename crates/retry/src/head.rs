use http::{Extensions, HeaderMap, Method, Request, Uri};
use skybridge_core::Reference;
use std::fmt;

/// A request without its body: what [`unknown_if`](crate::RetryLayer::unknown_if) may look at.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct Head<'a> {
    /// The method.
    pub method: &'a Method,
    /// The URI.
    pub uri: &'a Uri,
    /// The headers.
    pub headers: &'a HeaderMap,
    /// The extensions, [`RequestOptions`](skybridge_core::RequestOptions) among them.
    pub extensions: &'a Extensions,
}

impl<'a> Head<'a> {
    pub(crate) fn of<B>(request: &'a Request<B>) -> Self {
        Self {
            method: request.method(),
            uri: request.uri(),
            headers: request.headers(),
            extensions: request.extensions(),
        }
    }
}

impl fmt::Debug for Head<'_> {
    /// Leaves out what may be secret: the query, and the values of headers.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let uri = self.uri.to_string();
        let names: Vec<_> = self.headers.keys().collect();
        f.debug_struct("Head")
            .field("method", self.method)
            .field("uri", &format_args!("{}", Reference::parse(&uri)))
            .field("headers", &names)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_secret() {
        let request = Request::get("http://a.test/p?hunter2").header("authorization", "hunter2").body(()).unwrap();
        let shown = format!("{:?}", Head::of(&request));
        assert_eq!(shown, r#"Head { method: GET, uri: http://a.test/p?[hidden], headers: ["authorization"], .. }"#);
    }
}
