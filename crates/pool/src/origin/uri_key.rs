use http::Uri;

/// The spelling of an origin in a URI: scheme and authority, as they stand there.
#[derive(Debug)]
pub(crate) struct UriKey {
    pub(crate) hash: u64,
    https: bool,
    authority: Box<str>,
}

impl UriKey {
    pub(crate) fn new(hash: u64, https: bool, authority: &str) -> Self {
        Self { hash, https, authority: authority.into() }
    }

    #[inline]
    pub(crate) fn is(&self, https: bool, authority: &str) -> bool {
        self.https == https && *self.authority == *authority
    }

    /// Whether the scheme is `https`, and the authority; `None` for what is no origin of ours.
    #[inline]
    pub(crate) fn parts(uri: &Uri) -> Option<(bool, &str)> {
        let https = match uri.scheme_str()? {
            "http" => false,
            "https" => true,
            _ => return None,
        };
        Some((https, uri.authority()?.as_str()))
    }
}
