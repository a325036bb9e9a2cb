//! What is not printed unless it is asked for: queries, userinfo, cookies, credentials.

use http::{HeaderName, HeaderValue, header};

const HIDDEN: &str = "[hidden]";

/// Whether secrets are printed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Secrets {
    Shown,
    Hidden,
}

impl Secrets {
    /// Text that may be no URL at all.
    pub(crate) fn url(self, text: &str) -> String {
        if self == Self::Shown {
            return text.to_owned();
        }
        let (before, query) = match text.split_once('?') {
            Some((before, _)) => (before, "?[hidden]"),
            None => (text, ""),
        };
        let start = before.find("://").map_or(0, |at| at + 3);
        let end = before[start..].find('/').map_or(before.len(), |at| start + at);
        match before[start..end].rfind('@') {
            Some(at) => format!("{}{HIDDEN}{}{query}", &before[..start], &before[start + at..]),
            None => format!("{before}{query}"),
        }
    }

    pub(crate) fn header(self, name: &HeaderName, value: &HeaderValue) -> String {
        let secret = [header::AUTHORIZATION, header::PROXY_AUTHORIZATION, header::COOKIE, header::SET_COOKIE];
        if self == Self::Hidden && (value.is_sensitive() || secret.contains(name)) {
            return HIDDEN.to_owned();
        }
        if self == Self::Hidden && (*name == header::LOCATION || *name == header::REFERER) {
            return self.url(&String::from_utf8_lossy(value.as_bytes()));
        }
        String::from_utf8_lossy(value.as_bytes()).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_and_userinfo_are_hidden() {
        let rows = [
            ("https://a.test/p?token=1", "https://a.test/p?[hidden]"),
            ("https://me:pw@a.test/p", "https://[hidden]@a.test/p"),
            ("me:p@ss@a.test", "[hidden]@a.test"),
            ("https://a.test/@x", "https://a.test/@x"),
        ];
        for (url, hidden) in rows {
            assert_eq!(Secrets::Hidden.url(url), hidden);
            assert_eq!(Secrets::Shown.url(url), url);
        }
    }
}
