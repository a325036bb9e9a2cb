//! What may be said behind a body (RFC 9110, section 6.5.1), and pass.

use crate::fields::{PROXY, is_claim};
use http::{HeaderMap, HeaderName};
use skybridge_core::is_hop_by_hop;

/// Removes what is of one hop, what a client may have written of where it comes from, and what must not be said behind
/// a body. A server that merges trailers into the fields before the body would believe it, after all that looked at
/// those fields has passed them.
pub(crate) fn clean(trailers: &mut HeaderMap) {
    let names: Vec<HeaderName> = trailers.keys().filter(|name| !passes(name)).cloned().collect();
    for name in names {
        trailers.remove(name);
    }
}

fn passes(name: &HeaderName) -> bool {
    !is_hop_by_hop(name) && !is_claim(name) && *name != PROXY && !is_of_the_head(name.as_str())
}

/// What frames, routes, authenticates or modifies a message, or says what its body is.
fn is_of_the_head(name: &str) -> bool {
    matches!(
        name,
        // Framing and routing.
        "content-length" | "host" | "max-forwards" | "trailer" | "via"
            // Authentication, and what stands for it.
            | "authorization" | "cookie" | "set-cookie" | "www-authenticate"
            // Modifiers of a request.
            | "cache-control" | "expect" | "if-match" | "if-modified-since" | "if-none-match" | "if-range"
            | "if-unmodified-since" | "pragma" | "range"
            // Controls of a response.
            | "age" | "expires" | "location" | "retry-after" | "vary"
            // The format of the content.
            | "content-encoding" | "content-range" | "content-type"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn trailers_say_nothing_that_belongs_before_the_body() {
        let forbidden =
            ["content-length", "transfer-encoding", "host", "connection", "te", "authorization", "cookie", "proxy"];
        let claims = ["x-forwarded-for", "x_forwarded_for", "forwarded", "x-real-ip", "via"];
        let passes = ["grpc-status", "etag", "digest", "server-timing", "x-sum", "date"];
        let all = forbidden.into_iter().chain(claims).chain(passes);
        let mut trailers: HeaderMap = all.map(|name| (name.parse().unwrap(), HeaderValue::from_static("1"))).collect();
        clean(&mut trailers);
        let left: Vec<_> = trailers.keys().map(HeaderName::as_str).collect();
        assert_eq!(left.len(), passes.len(), "{left:?}");
        assert!(passes.iter().all(|name| left.contains(name)), "{left:?}");
    }
}
