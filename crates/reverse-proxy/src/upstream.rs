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
    /// `None` where the path would lead out of the upstream's, or is none.
    pub(crate) fn uri(&self, asked: &Uri) -> Option<Uri> {
        let root = PathAndQuery::from_static("/");
        let asked = asked.path_and_query().unwrap_or(&root);
        // Without it, this would be read as the end of the authority by whoever takes the URI as text.
        if !asked.as_str().starts_with(['/', '?']) {
            return None;
        }
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

/// Whether a segment is `..`, however it is written: servers differ in what they decode first, and some leave out what
/// is behind a `;`.
fn leads_up(path: &str) -> bool {
    if !path.contains(['.', '%']) {
        return false;
    }
    let plain = path.to_ascii_lowercase().replace("%2e", ".").replace("%2f", "/").replace("%5c", "\\");
    let plain = plain.replace("%3b", ";");
    plain.split(['/', '\\']).any(|segment| segment.split(';').next() == Some(".."))
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
        let written = ["/..", "/../admin", "/a/%2e%2E/admin", "/a/..%2fadmin", "/a/.%2e%5cadmin"];
        // Servlet containers take what is behind a semicolon off a segment before they resolve it.
        for path in written.into_iter().chain(["/..;/admin", "/a/.%2e;x=1/admin", "/..%3b/admin"]) {
            assert_eq!(towards("http://up.test/api", path), None, "{path}");
        }
        for path in ["/a..b", "/...", "/.well-known", "/a;../b", "/..a;b"] {
            assert!(towards("http://up.test/api", path).is_some(), "{path}");
        }
    }

    /// HTTP/2 carries the path apart, so that a server may pass on one that no URI in one line has.
    #[test]
    fn a_path_begins_with_a_slash() {
        for path in ["*x", "*", "admin", "@evil.test/"] {
            let asked = Uri::builder().scheme("http").authority("p.test").path_and_query(path);
            let Ok(asked) = asked.build() else { continue };
            for upstream in ["http://up.test", "http://up.test/api"] {
                let to = Upstream::new(upstream.parse().unwrap()).unwrap().uri(&asked);
                assert!(to.is_none(), "{path}: {to:?}");
            }
        }
    }

    #[test]
    fn an_upstream_is_a_url() {
        for wrong in ["/", "up.test", "ftp://up.test/"] {
            assert!(Upstream::new(wrong.parse().unwrap()).is_err(), "{wrong}");
        }
    }
}
