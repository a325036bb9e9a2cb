use http::{
    Uri,
    uri::{Authority, PathAndQuery, Scheme},
};
use skybridge_core::{OriginError, OriginRef};

/// Where requests go: an origin, and a path that theirs are below.
#[derive(Clone, Debug)]
pub(crate) struct Upstream {
    scheme: Scheme,
    authority: Authority,
    /// Without a slash at its end: empty for the root.
    base: Box<str>,
}

impl Upstream {
    pub(crate) fn new(uri: Uri) -> Result<Self, OriginError> {
        OriginRef::of(&uri)?.to_owned()?;
        let parts = uri.into_parts();
        let path = parts.path_and_query.as_ref().map_or("", PathAndQuery::path);
        let base = path.trim_end_matches('/').into();
        match (parts.scheme, parts.authority) {
            (Some(scheme), Some(authority)) => Ok(Self { scheme, authority, base }),
            _ => Err(OriginError::NoScheme),
        }
    }

    /// The same path and query there. Of the request's URI nothing else counts, so that nobody chooses another host.
    /// `None` where the path would lead out of the upstream's.
    pub(crate) fn uri(&self, asked: &Uri) -> Option<Uri> {
        let root = PathAndQuery::from_static("/");
        let asked = asked.path_and_query().unwrap_or(&root);
        let path = if self.base.is_empty() {
            asked.clone()
        } else if leads_up(asked.path()) {
            return None;
        } else {
            PathAndQuery::try_from(format!("{}{asked}", self.base)).ok()?
        };
        let origin = Uri::builder().scheme(self.scheme.clone()).authority(self.authority.clone());
        origin.path_and_query(path).build().ok()
    }
}

/// Whether a segment is `..`, however it is written: servers differ in what they decode first.
fn leads_up(path: &str) -> bool {
    if !path.contains(['.', '%']) {
        return false;
    }
    let plain = path.to_ascii_lowercase().replace("%2e", ".").replace("%2f", "/").replace("%5c", "\\");
    plain.split(['/', '\\']).any(|segment| segment == "..")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn towards(upstream: &str, asked: &str) -> Option<String> {
        let upstream = Upstream::new(upstream.parse().unwrap()).unwrap();
        upstream.uri(&asked.parse().unwrap()).map(|uri| uri.to_string())
    }

    #[test]
    fn path_and_query_are_below_the_path_of_the_upstream() {
        for (upstream, asked, expected) in [
            ("http://up.test:81", "/cat?colour=black", "http://up.test:81/cat?colour=black"),
            ("http://up.test/", "/", "http://up.test/"),
            ("http://up.test/api/", "/cat", "http://up.test/api/cat"),
            ("https://up.test/api", "http://evil.test/cat", "https://up.test/api/cat"),
            ("http://up.test", "/a/../b", "http://up.test/a/../b"),
        ] {
            assert_eq!(towards(upstream, asked).as_deref(), Some(expected));
        }
    }

    #[test]
    fn no_path_leads_out_of_the_upstreams() {
        for path in ["/..", "/../admin", "/a/%2e%2E/admin", "/a/..%2fadmin", "/a/.%2e%5cadmin"] {
            assert_eq!(towards("http://up.test/api", path), None, "{path}");
        }
        for path in ["/a..b", "/...", "/.well-known"] {
            assert!(towards("http://up.test/api", path).is_some(), "{path}");
        }
    }

    #[test]
    fn an_upstream_is_a_url() {
        for wrong in ["/", "up.test", "ftp://up.test/"] {
            assert!(Upstream::new(wrong.parse().unwrap()).is_err(), "{wrong}");
        }
    }
}
