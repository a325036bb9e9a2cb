//! A cookie, and to what requests it belongs (RFC 6265, sections 5.1.3 and 5.1.4).

/// What a name and its value may have together, as in browsers, in bytes.
const LONGEST: usize = 4_096;

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Cookie {
    pub(crate) name: Vec<u8>,
    pub(crate) value: Vec<u8>,
    /// In lower case, without a dot in front.
    pub(crate) domain: String,
    /// It is for the hosts below its domain too.
    pub(crate) is_for_subdomains: bool,
    /// Without a slash at the end, unless it is one.
    pub(crate) path: Vec<u8>,
    pub(crate) secure: bool,
    pub(crate) http_only: bool,
    /// In seconds since 1970; `None` ends with the session.
    pub(crate) expires: Option<i64>,
}

/// From whom a cookie comes, or to whom it may go.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Site<'a> {
    /// In lower case, an IPv6 address without brackets.
    pub(crate) host: &'a str,
    pub(crate) path: &'a str,
    /// By TLS, or within this machine.
    pub(crate) is_secure: bool,
}

impl Cookie {
    pub(crate) fn is_for(&self, site: Site<'_>) -> bool {
        let is_of_domain = match self.is_for_subdomains && !is_address(site.host) {
            true => is_within(site.host, &self.domain),
            false => site.host == self.domain,
        };
        is_of_domain && (site.is_secure || !self.secure) && self.covers(site.path.as_bytes())
    }

    fn covers(&self, path: &[u8]) -> bool {
        let path = if path.is_empty() { b"/" } else { path };
        match path.strip_prefix(&*self.path) {
            Some(rest) => rest.is_empty() || rest.starts_with(b"/") || self.path.ends_with(b"/"),
            None => false,
        }
    }

    /// Whether it takes the place of the other one.
    pub(crate) fn replaces(&self, other: &Self) -> bool {
        self.is_beside(other) && self.path == other.path
    }

    fn is_beside(&self, other: &Self) -> bool {
        (&self.name, &self.domain, self.is_for_subdomains) == (&other.name, &other.domain, other.is_for_subdomains)
    }

    /// Whether it would stand before a cookie that only comes over TLS, which whoever sent it can't read.
    pub(crate) fn shadows(&self, other: &Self) -> bool {
        let first = other.path.iter().skip(1).position(|byte| *byte == b'/').map_or(other.path.len(), |at| at + 1);
        other.secure
            && !self.secure
            && self.name == other.name
            && (is_within(&self.domain, &other.domain) || is_within(&other.domain, &self.domain))
            && self.path.starts_with(&other.path[..first])
    }

    /// What can't be kept of a cookie with this content, and why.
    pub(crate) fn check(&self) -> Result<(), &'static str> {
        let is_control = |byte: &u8| byte.is_ascii_control();
        if self.name.is_empty() {
            return Err("it has no name");
        }
        if self.name.len() + self.value.len() > LONGEST {
            return Err("it is longer than 4096 bytes");
        }
        // In the path too: a tab would begin another field of the file.
        if self.name.iter().chain(&self.value).chain(&self.path).any(is_control) {
            return Err("it has a control character");
        }
        // In capitals or not: a server may read names without regard to them.
        let begins = |with: &[u8]| self.name.get(..with.len()).is_some_and(|name| name.eq_ignore_ascii_case(with));
        if begins(b"__Secure-") && !self.secure {
            return Err("by its name it is secure, and it isn't");
        }
        if begins(b"__Host-") && !(self.secure && self.path == b"/" && !self.is_for_subdomains) {
            return Err("by its name it is of one host, secure and for all paths, and it isn't");
        }
        Ok(())
    }
}

/// Whether a host is this domain, or below it.
pub(crate) fn is_within(host: &str, domain: &str) -> bool {
    host.strip_suffix(domain).is_some_and(|before| before.is_empty() || before.ends_with('.'))
}

pub(crate) fn is_address(host: &str) -> bool {
    host.parse::<std::net::IpAddr>().is_ok()
}

/// A path as a cookie has it: quotes of it are no part of it, nor is a slash at its end.
pub(crate) fn path(text: &[u8]) -> Vec<u8> {
    let text = match text.strip_prefix(b"\"") {
        Some(rest) => rest.strip_suffix(b"\"").unwrap_or(rest),
        None => text,
    };
    match text {
        [b'/', inner @ .., b'/'] if !inner.is_empty() => text[..text.len() - 1].to_vec(),
        [b'/', ..] => {
            if text == b"//" {
                b"/".to_vec()
            } else {
                text.to_vec()
            }
        }
        _ => b"/".to_vec(),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn cookie(name: &str, domain: &str, at: &str) -> Cookie {
        Cookie {
            name: name.into(),
            value: b"1".to_vec(),
            domain: domain.trim_start_matches('.').to_owned(),
            is_for_subdomains: domain.starts_with('.'),
            path: path(at.as_bytes()),
            secure: false,
            http_only: false,
            expires: None,
        }
    }

    #[test]
    fn a_cookie_is_for_its_domain_and_its_path() {
        let rows = [
            ("a.test", "/", "a.test", "/x", true),
            ("a.test", "/", "b.a.test", "/", false),
            (".a.test", "/", "b.a.test", "/", true),
            (".a.test", "/", "a.test", "", true),
            (".a.test", "/", "ba.test", "/", false),
            (".0.0.1", "/", "127.0.0.1", "/", false),
            (".127.0.0.1", "/", "127.0.0.1", "/", true),
            ("a.test", "/x", "a.test", "/x", true),
            ("a.test", "/x/", "a.test", "/x/y", true),
            ("a.test", "/x", "a.test", "/xy", false),
            ("a.test", "/x", "a.test", "/X", false),
            ("a.test", "/x", "a.test", "/", false),
        ];
        for (domain, at, host, path, expected) in rows {
            let site = Site { host, path, is_secure: false };
            assert_eq!(cookie("c", domain, at).is_for(site), expected, "{domain}{at} for {host}{path}");
        }
        let secure = Cookie { secure: true, ..cookie("c", "a.test", "/") };
        for is_secure in [true, false] {
            assert_eq!(secure.is_for(Site { host: "a.test", path: "/", is_secure }), is_secure);
        }
    }

    #[test]
    fn what_came_in_cleartext_does_not_stand_before_what_came_by_tls() {
        let secure = Cookie { secure: true, ..cookie("c", ".a.test", "/login/x") };
        for (name, domain, at, expected) in [
            ("c", "a.test", "/login/en", true),
            ("c", ".b.a.test", "/login", true),
            ("c", "a.test", "/", false),
            ("d", "a.test", "/login", false),
            ("c", "b.test", "/login", false),
        ] {
            assert_eq!(cookie(name, domain, at).shadows(&secure), expected, "{name} {domain}{at}");
        }
        assert!(!Cookie { secure: true, ..cookie("c", "a.test", "/login") }.shadows(&secure));
    }

    #[test]
    fn paths_begin_with_a_slash_and_end_without() {
        for (text, expected) in [("/a/", "/a"), ("/", "/"), ("//", "/"), ("\"/a\"", "/a"), ("a", "/"), ("", "/")] {
            assert_eq!(path(text.as_bytes()), expected.as_bytes(), "{text}");
        }
    }
}
