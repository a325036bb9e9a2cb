use crate::{OriginRef, Scheme};
use std::fmt;

/// Printed in place of a secret.
const HIDDEN: &str = "[hidden]";

/// Schemes that are always printed. Any other before an `@` may be a user name, with a password that begins with two
/// slashes.
const KNOWN_SCHEMES: [&str; 11] =
    ["http", "https", "ws", "wss", "ftp", "ftps", "socks4", "socks4a", "socks5", "socks5h", "direct"];

/// A URI reference in its parts (RFC 3986, section 3 and appendix B). Any text can be split, though the parts of a text
/// that isn't a URL mean nothing.
///
/// This is the only place that splits URLs by hand, and it decides what is printed of one. `Display` and `Debug` show
/// scheme, host, port and path, but neither userinfo nor query nor fragment. When the text isn't a valid URL and has an
/// `@` somewhere, userinfo can't be told from the rest: then nothing is shown after the scheme. Control characters are
/// escaped.
///
/// ```
/// use skybridge_core::Reference;
///
/// let url = Reference::parse("https://me:secret@a.test/p?token=secret#secret");
/// assert_eq!((url.scheme(), url.authority(), url.path()), (Some("https"), Some("me:secret@a.test"), "/p"));
/// assert_eq!(url.to_string(), "https://[hidden]@a.test/p?[hidden]#[hidden]");
///
/// // A scheme has no slash in it, so what looks like one further on is not a scheme.
/// assert_eq!(Reference::parse("/login?next=https://a.test/").scheme(), None);
/// assert_eq!(Reference::typed("a.test/login?next=https://a.test/").authority(), Some("a.test"));
/// ```
#[derive(Clone, Copy, Eq, PartialEq)]
pub struct Reference<'a> {
    text: &'a str,
    scheme: Option<&'a str>,
    authority: Option<&'a str>,
    path: &'a str,
    query: Option<&'a str>,
    fragment: Option<&'a str>,
}

impl<'a> Reference<'a> {
    /// Splits a URI reference: a URL, or a reference relative to one, as in a `location` header.
    pub fn parse(text: &'a str) -> Self {
        let (scheme, rest) = match split_scheme(text) {
            Some((scheme, rest)) => (Some(scheme), rest),
            None => (None, text),
        };
        match rest.strip_prefix("//") {
            Some(rest) => Self::with_authority(text, scheme, rest),
            None => Self::new(text, scheme, None, rest),
        }
    }

    /// Splits a URL as it is typed or configured: without `scheme://` it begins with its authority, as in
    /// `a.test:8080/path`.
    pub fn typed(text: &'a str) -> Self {
        match split_scheme(text) {
            Some((scheme, rest)) if rest.starts_with("//") => Self::with_authority(text, Some(scheme), &rest[2..]),
            // `http:/a.test` has no host, and `http` in it is not one.
            Some((scheme, rest)) if is_known(scheme) => Self::new(text, Some(scheme), None, rest),
            _ => Self::with_authority(text, None, text),
        }
    }

    fn with_authority(text: &'a str, scheme: Option<&'a str>, rest: &'a str) -> Self {
        let (authority, rest) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        Self::new(text, scheme, Some(authority), rest)
    }

    fn new(text: &'a str, scheme: Option<&'a str>, authority: Option<&'a str>, rest: &'a str) -> Self {
        let (rest, fragment) = split(rest, '#');
        let (path, query) = split(rest, '?');
        Self { text, scheme, authority, path, query, fragment }
    }

    /// The text before the first colon, if it has the form of a scheme: a letter, then letters, digits, `+`, `-` and
    /// `.`.
    pub fn scheme(&self) -> Option<&'a str> {
        self.scheme
    }

    /// The text between `//` and the path: userinfo, host and port. May contain a secret.
    pub fn authority(&self) -> Option<&'a str> {
        self.authority
    }

    /// The path, which may be empty.
    pub fn path(&self) -> &'a str {
        self.path
    }

    /// The text between `?` and the fragment. May contain a secret.
    pub fn query(&self) -> Option<&'a str> {
        self.query
    }

    /// The text after `#`. May contain a secret.
    pub fn fragment(&self) -> Option<&'a str> {
        self.fragment
    }

    /// The text without the fragment, which is not sent to servers (RFC 9110, section 7.1).
    pub fn without_fragment(&self) -> &'a str {
        split(self.text, '#').0
    }

    /// Whether there is an `@` anywhere, so that any part before it may belong to userinfo.
    pub fn has_at(&self) -> bool {
        self.text.contains('@')
    }

    /// Whether the authority has userinfo, and the host with its port; `None` when they can't be told apart.
    fn split_userinfo(&self) -> Option<(bool, &'a str)> {
        let Some(authority) = self.authority else {
            // A relative reference: a path that begins with a slash has no userinfo in it.
            let is_path =
                self.path.is_empty() || self.scheme.is_none() && self.path.starts_with('/') && self.is_legal();
            return (is_path || !self.has_at()).then_some((false, ""));
        };
        let Some((user, host)) = authority.rsplit_once('@') else {
            // Of other schemes nothing has a rule for what is before the `@`.
            let is_url = self.scheme.is_none_or(is_http) && is_host(authority) && self.is_legal();
            let certain = !self.has_at() || is_url;
            return certain.then_some((false, authority));
        };
        let certain = is_host(host) && authority.matches('@').count() == self.text.matches('@').count();
        certain.then_some((!user.is_empty(), host))
    }

    /// Whether every byte is one that a URI may have (RFC 3986, section 2).
    fn is_legal(&self) -> bool {
        self.text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=%".contains(&byte))
    }

    fn show_scheme(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.scheme {
            Some(scheme) if !self.has_at() || is_known(scheme) => write!(f, "{scheme}:")?,
            Some(_) => write!(f, "{HIDDEN}:")?,
            None => {}
        }
        // A typed URL without a scheme has an authority without slashes before it.
        if self.authority.is_some() && (self.scheme.is_some() || self.text.starts_with("//")) {
            f.write_str("//")?;
        }
        Ok(())
    }
}

/// Splits at the colon after the scheme, if there is one.
fn split_scheme(text: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = text.split_once(':')?;
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    let is_scheme = scheme.starts_with(|first: char| first.is_ascii_alphabetic()) && scheme.bytes().all(legal);
    is_scheme.then_some((scheme, rest))
}

fn split(text: &str, at: char) -> (&str, Option<&str>) {
    match text.split_once(at) {
        Some((before, after)) => (before, Some(after)),
        None => (text, None),
    }
}

fn is_known(scheme: &str) -> bool {
    KNOWN_SCHEMES.iter().any(|known| known.eq_ignore_ascii_case(scheme))
}

fn is_http(scheme: &str) -> bool {
    ["http", "https"].iter().any(|http| http.eq_ignore_ascii_case(scheme))
}

/// Whether the text is a valid `host[:port]`.
fn is_host(text: &str) -> bool {
    OriginRef::parse(Scheme::Http, text).and_then(OriginRef::to_owned).is_ok()
}

/// Hides a port that isn't a number: it may be the password of a URL without a host.
fn without_password(host: &str) -> (&str, &str) {
    match host.rsplit_once(':') {
        Some((_, port)) if port.ends_with(']') || port.bytes().all(|byte| byte.is_ascii_digit()) => (host, ""),
        Some((host, _)) => (host, ":[hidden]"),
        None => (host, ""),
    }
}

/// Text from elsewhere, with its control characters escaped, so that it can't move a terminal's cursor.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|char| {
            if char.is_control() { write!(f, "{}", char.escape_default()) } else { write!(f, "{char}") }
        })
    }
}

impl fmt::Display for Reference<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.show_scheme(f)?;
        let Some((has_user, host)) = self.split_userinfo() else { return f.write_str(HIDDEN) };
        if has_user {
            write!(f, "{HIDDEN}@")?;
        }
        let (host, port) = without_password(host);
        write!(f, "{}{port}{}", Escaped(host), Escaped(self.path))?;
        if self.query.is_some() {
            write!(f, "?{HIDDEN}")?;
        }
        if self.fragment.is_some() {
            write!(f, "#{HIDDEN}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Reference<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reference({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Parts<'a> = (Option<&'a str>, Option<&'a str>, &'a str, Option<&'a str>, Option<&'a str>);

    fn parts<'a>(reference: &Reference<'a>) -> Parts<'a> {
        (reference.scheme(), reference.authority(), reference.path(), reference.query(), reference.fragment())
    }

    /// The examples of RFC 3986, section 1.1.2, and some more.
    #[test]
    fn parts_are_those_of_the_rfc() {
        let rows: [(&str, Parts<'_>); 12] = [
            ("http://a.test/x?y#z", (Some("http"), Some("a.test"), "/x", Some("y"), Some("z"))),
            ("ftp://ftp.is.co.za/rfc/rfc1808.txt", (Some("ftp"), Some("ftp.is.co.za"), "/rfc/rfc1808.txt", None, None)),
            (
                "ldap://[2001:db8::7]/c=GB?one?two",
                (Some("ldap"), Some("[2001:db8::7]"), "/c=GB", Some("one?two"), None),
            ),
            ("mailto:John.Doe@example.com", (Some("mailto"), None, "John.Doe@example.com", None, None)),
            ("telnet://192.0.2.16:80/", (Some("telnet"), Some("192.0.2.16:80"), "/", None, None)),
            ("/cb?code=1&next=https://x.test/", (None, None, "/cb", Some("code=1&next=https://x.test/"), None)),
            ("//a.test?", (None, Some("a.test"), "", Some(""), None)),
            ("x/y://z", (None, None, "x/y://z", None, None)),
            ("#a?b", (None, None, "", None, Some("a?b"))),
            ("1a://b", (None, None, "1a://b", None, None)),
            ("http:/a.test/", (Some("http"), None, "/a.test/", None, None)),
            ("", (None, None, "", None, None)),
        ];
        for (text, expected) in rows {
            assert_eq!(parts(&Reference::parse(text)), expected, "{text}");
        }
    }

    #[test]
    fn typed_text_begins_with_its_authority() {
        let rows: [(&str, Parts<'_>); 9] = [
            ("a.test", (None, Some("a.test"), "", None, None)),
            ("a.test:80/x?y://z", (None, Some("a.test:80"), "/x", Some("y://z"), None)),
            ("127.0.0.1:80/?next=https://x/", (None, Some("127.0.0.1:80"), "/", Some("next=https://x/"), None)),
            ("me:pw@a.test/?next=https://x/", (None, Some("me:pw@a.test"), "/", Some("next=https://x/"), None)),
            ("HTTPS://a.test", (Some("HTTPS"), Some("a.test"), "", None, None)),
            ("[::1]:80#x", (None, Some("[::1]:80"), "", None, Some("x"))),
            ("http:/a.test/", (Some("http"), None, "/a.test/", None, None)),
            ("http:", (Some("http"), None, "", None, None)),
            ("localhost:80", (None, Some("localhost:80"), "", None, None)),
        ];
        for (text, expected) in rows {
            assert_eq!(parts(&Reference::typed(text)), expected, "{text}");
        }
    }

    #[test]
    fn typed_urls_are_shown_without_their_secrets() {
        let rows = [
            ("https://a.test/p?token=1", "https://a.test/p?[hidden]"),
            ("https://a.test/p#token", "https://a.test/p#[hidden]"),
            ("https://me:pw@a.test/p", "https://[hidden]@a.test/p"),
            ("https://me@a.test:8443?x#y", "https://[hidden]@a.test:8443?[hidden]#[hidden]"),
            ("https://@a.test/", "https://a.test/"),
            ("me:p@ss@a.test", "[hidden]@a.test"),
            ("me:pw@127.0.0.1:80/?next=https://x/", "[hidden]@127.0.0.1:80/?[hidden]"),
            ("127.0.0.1:80/?token=1&next=https://x/", "127.0.0.1:80/?[hidden]"),
            ("https://a.test/@x", "https://a.test/@x"),
            ("https://a.test/npm/react@18/x.js?y@z", "https://a.test/npm/react@18/x.js?[hidden]"),
            ("https://[::1]/@x", "https://[::1]/@x"),
            ("https://b\u{fc}cher.test/x", "https://b\u{fc}cher.test/x"),
            // It can't be told what is userinfo here.
            ("https://me:p/w@a.test/p", "https://[hidden]"),
            ("https://me:p?w@a.test/p?q", "https://[hidden]"),
            ("https://me:p#w@a.test/p", "https://[hidden]"),
            ("https://me:s3cr/et@a.test/", "https://[hidden]"),
            ("https://me:p@w/d@a.test/", "https://[hidden]"),
            ("https://me:pw@a.test/?x=y@z", "https://[hidden]"),
            ("https://me:/pw@a b.test/", "https://[hidden]"),
            ("me://pw@a.test/", "[hidden]://[hidden]@a.test/"),
            ("ftp://me://@a.test", "ftp://[hidden]"),
            ("https://me:hunter2", "https://me:[hidden]"),
            ("https://a.test:99999/", "https://a.test:99999/"),
            ("https://a.test/\u{1b}[2J", "https://a.test/\\u{1b}[2J"),
        ];
        for (text, shown) in rows {
            assert_eq!(Reference::typed(text).to_string(), shown, "{text}");
        }
    }

    #[test]
    fn references_are_shown_without_their_secrets() {
        let rows = [
            ("/cb?code=1&next=https://x.test/", "/cb?[hidden]"),
            ("/@scope/x#y", "/@scope/x#[hidden]"),
            ("//me:pw@a.test/", "//[hidden]@a.test/"),
            ("?token=1", "?[hidden]"),
            ("x/y?z", "x/y?[hidden]"),
            ("me:pw@a.test/x", "[hidden]:[hidden]"),
            ("pw@a.test/x", "[hidden]"),
            ("mailto:me@a.test", "[hidden]:[hidden]"),
            ("https://a.test/", "https://a.test/"),
        ];
        for (text, shown) in rows {
            assert_eq!(Reference::parse(text).to_string(), shown, "{text}");
            assert_eq!(format!("{:?}", Reference::parse(text)), format!("Reference({shown})"));
        }
    }
}
