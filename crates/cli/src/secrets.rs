//! What diagnostics don't print by default: queries, fragments, userinfo, cookies, credentials. URLs are parsed by the
//! library, which prints none of these either. What is data (`-i`, `-I`, `-w`, `-o`) is printed as it came.

use crate::args::Args;
use http::{HeaderName, HeaderValue, Uri, header};
use skybridge::types::Reference;

const HIDDEN: &str = "[hidden]";

/// Headers with credentials.
const CREDENTIALS: [HeaderName; 4] =
    [header::AUTHORIZATION, header::PROXY_AUTHORIZATION, header::COOKIE, header::SET_COOKIE];

/// Parts of names of unregistered headers with credentials, such as `x-api-key` and `private-token`.
const TELLTALES: [&str; 10] =
    ["api-key", "apikey", "auth-key", "credential", "passw", "secret", "session", "signature", "token", "x-auth"];

/// Headers whose value is a URL.
const URLS: [HeaderName; 3] = [header::LOCATION, header::CONTENT_LOCATION, header::REFERER];

/// Headers with URLs somewhere in their value.
const WITH_URLS: [HeaderName; 2] = [header::LINK, header::REFRESH];

/// Whether secrets are printed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Secrets {
    Shown,
    Hidden,
}

/// Whether a header, by its name, is for one origin alone.
pub(crate) fn is_credential(name: &HeaderName) -> bool {
    CREDENTIALS.contains(name) || TELLTALES.iter().any(|part| name.as_str().contains(part))
}

impl Secrets {
    pub(crate) fn of(args: &Args) -> Self {
        if args.diagnostics.show_secrets { Self::Shown } else { Self::Hidden }
    }

    /// A URL as it was typed, or text that isn't one.
    pub(crate) fn url(self, text: &str) -> String {
        match self {
            Self::Shown => text.to_owned(),
            Self::Hidden => Reference::typed(text).to_string(),
        }
    }

    /// A URL reference in a header's value.
    pub(crate) fn reference(self, value: &HeaderValue) -> String {
        let text = String::from_utf8_lossy(value.as_bytes());
        match self {
            Self::Shown => text.into_owned(),
            Self::Hidden => Reference::parse(&text).to_string(),
        }
    }

    /// The request target.
    pub(crate) fn target(self, uri: &Uri) -> String {
        match (self, uri.query()) {
            (Self::Hidden, Some(_)) => format!("{}?{HIDDEN}", uri.path()),
            _ => uri.path_and_query().map_or("/", |path| path.as_str()).to_owned(),
        }
    }

    /// A header's value, as far as it may be printed.
    pub(crate) fn header(self, name: &HeaderName, value: &HeaderValue) -> String {
        let text = || String::from_utf8_lossy(value.as_bytes());
        match self {
            Self::Shown => text().into_owned(),
            Self::Hidden if value.is_sensitive() || is_credential(name) => HIDDEN.to_owned(),
            Self::Hidden if URLS.contains(name) => self.reference(value),
            Self::Hidden if WITH_URLS.contains(name) && text().contains(['?', '#', '@']) => HIDDEN.to_owned(),
            Self::Hidden => text().into_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_with_credentials_are_hidden_and_others_are_not() {
        let rows = [
            ("authorization", "Basic eA==", HIDDEN),
            ("set-cookie", "a=b", HIDDEN),
            ("x-api-key", "s", HIDDEN),
            ("private-token", "s", HIDDEN),
            ("x-amz-security-token", "s", HIDDEN),
            ("location", "/cb?code=1&next=https://x.test/", "/cb?[hidden]"),
            ("location", "https://me:pw@x.test/", "https://[hidden]@x.test/"),
            ("content-location", "/x?y", "/x?[hidden]"),
            ("referer", "https://x.test/a#b", "https://x.test/a#[hidden]"),
            ("link", "<https://x.test/?y>; rel=next", HIDDEN),
            ("link", "<https://x.test/2>; rel=next", "<https://x.test/2>; rel=next"),
            ("refresh", "0; url=/x?y", HIDDEN),
            ("etag", "\"x?y\"", "\"x?y\""),
            ("www-authenticate", "Basic realm=x", "Basic realm=x"),
        ];
        for (name, value, shown) in rows {
            let (name, value) = (HeaderName::from_static(name), HeaderValue::from_static(value));
            assert_eq!(Secrets::Hidden.header(&name, &value), shown, "{name}");
            assert_eq!(Secrets::Shown.header(&name, &value).as_bytes(), value.as_bytes());
        }
        let mut marked = HeaderValue::from_static("s");
        marked.set_sensitive(true);
        assert_eq!(Secrets::Hidden.header(&HeaderName::from_static("x"), &marked), HIDDEN);
    }

    #[test]
    fn of_a_target_the_path_is_shown() {
        for (uri, shown) in
            [("http://a.test", "/"), ("http://a.test/@x?y://z", "/@x?[hidden]"), ("http://a.test/x", "/x")]
        {
            assert_eq!(Secrets::Hidden.target(&uri.parse().unwrap()), shown);
        }
    }
}
