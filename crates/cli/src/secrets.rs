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
        let (scheme, rest) = text.split_at(text.find("://").map_or(0, |at| at + 3));
        let authority = &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())];
        // What looks like a port and is none may be a password with one of these in it.
        let is_whole = authority
            .rsplit_once(':')
            .is_none_or(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit() || byte == b']'));
        let userinfo = if is_whole || authority.contains('@') { authority.rfind('@') } else { rest.rfind('@') };
        let (hidden, rest) = userinfo.map_or(("", rest), |at| (HIDDEN, &rest[at..]));
        match rest.split_once('?') {
            Some((before, _)) => format!("{scheme}{hidden}{before}?{HIDDEN}"),
            None => format!("{scheme}{hidden}{rest}"),
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
            ("https://a.test:8443/@x?y@z", "https://a.test:8443/@x?[hidden]"),
            ("https://[::1]/@x", "https://[::1]/@x"),
            ("https://me:p/w@a.test/p", "https://[hidden]@a.test/p"),
            ("https://me:p?w@a.test/p?q", "https://[hidden]@a.test/p?[hidden]"),
        ];
        for (url, hidden) in rows {
            assert_eq!(Secrets::Hidden.url(url), hidden);
            assert_eq!(Secrets::Shown.url(url), url);
        }
    }
}
