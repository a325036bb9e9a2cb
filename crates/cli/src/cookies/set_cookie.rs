//! `set-cookie` as curl reads it, which is RFC 6265, section 5.2, with the limits and prefixes of its successor.

use super::{
    cookie::{Cookie, Site, is_address, is_within, path},
    date,
};

/// What is longer is passed over, in bytes.
const LONGEST: usize = 5_000;

/// No cookie is kept for longer, in seconds: 400 days.
const MOST_AGE: i64 = 400 * 86_400;

/// A cookie that a server sets, or why it isn't kept. One of the past is told too: it removes another.
pub(crate) fn read(text: &[u8], from: Site<'_>, now: i64) -> Result<Cookie, &'static str> {
    if text.len() > LONGEST {
        return Err("it is longer than 5000 bytes");
    }
    let mut pieces = text.split(|byte| *byte == b';').map(split);
    let (name, value) = pieces.next().and_then(|(name, value)| Some((name, value?))).ok_or("it has no =")?;
    let folder = from.path.rfind('/').map_or("/", |slash| &from.path[..=slash]);
    let mut cookie = Cookie {
        name: name.to_vec(),
        value: value.to_vec(),
        domain: from.host.to_owned(),
        is_for_subdomains: false,
        path: path(folder.as_bytes()),
        secure: false,
        http_only: false,
        expires: None,
    };
    let (mut age, mut date) = (None, None);
    for (name, value) in pieces {
        match (&*name.to_ascii_lowercase(), value) {
            (b"secure", _) if !from.is_secure => return Err("it is secure, and comes in cleartext"),
            (b"secure", _) => cookie.secure = true,
            (b"httponly", _) => cookie.http_only = true,
            (b"path", Some(at)) if !at.is_empty() => cookie.path = path(at),
            (b"domain", Some(of)) if !of.is_empty() => set_domain(&mut cookie, of, from.host)?,
            (b"max-age", Some(seconds)) if !seconds.is_empty() => age = Some(expiry(seconds, now)),
            (b"expires", Some(at)) if date.is_none() => date = date::seconds(at),
            _ => {}
        }
    }
    cookie.expires = age.or(date).map(|expires| capped(expires, now));
    cookie.check()?;
    Ok(cookie)
}

/// At the first `=`; blanks around the parts are none of theirs.
fn split(piece: &[u8]) -> (&[u8], Option<&[u8]>) {
    match piece.iter().position(|byte| *byte == b'=') {
        Some(at) => (piece[..at].trim_ascii(), Some(piece[at + 1..].trim_ascii())),
        None => (piece.trim_ascii(), None),
    }
}

/// The host must be within the domain, and that must be somebody's.
fn set_domain(cookie: &mut Cookie, text: &[u8], host: &str) -> Result<(), &'static str> {
    let text = std::str::from_utf8(text).map_err(|_| "its domain is no name")?.to_ascii_lowercase();
    let domain = text.strip_prefix('.').unwrap_or(&text);
    if is_address(host) {
        return if domain == host { Ok(()) } else { Err("its domain isn't the address that it comes from") };
    }
    if !is_within(host, domain) {
        return Err("it is for a domain of others");
    }
    if is_suffix(domain) {
        // That of a host which is one itself is for this host alone.
        return if domain == host { Ok(()) } else { Err("its domain is a public suffix") };
    }
    (cookie.domain, cookie.is_for_subdomains) = (domain.to_owned(), true);
    Ok(())
}

/// Whether unrelated parties have the names below it, as in `co.uk` and `github.io`.
pub(crate) fn is_suffix(domain: &str) -> bool {
    let domain = domain.trim_end_matches('.');
    domain.is_empty() || psl::suffix_str(domain) == Some(domain)
}

/// Digits are seconds from now on; anything else is the past.
fn expiry(text: &[u8], now: i64) -> i64 {
    let text = text.strip_prefix(b"\"").unwrap_or(text);
    let digits: Vec<u8> = text.iter().copied().take_while(u8::is_ascii_digit).collect();
    let seconds = if digits.is_empty() { 0 } else { str(&digits).parse().unwrap_or(i64::MAX) };
    if seconds == 0 { 1 } else { now.saturating_add(seconds) }
}

fn str(digits: &[u8]) -> &str {
    std::str::from_utf8(digits).unwrap_or_default()
}

/// As with curl, what is cut ends with a minute. A date of 0 would be none.
fn capped(expires: i64, now: i64) -> i64 {
    let most = now.saturating_add(MOST_AGE);
    if expires > most { (most + 30) / 60 * 60 } else { expires.max(1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_000_000_020;

    fn read_from(host: &str, is_secure: bool, text: &str) -> Result<Cookie, &'static str> {
        read(text.as_bytes(), Site { host, path: "/a/b", is_secure }, NOW)
    }

    #[test]
    fn a_cookie_without_attributes_is_for_its_host_and_folder() {
        let cookie = read_from("a.test", false, " n = v w ;x; y=z").unwrap();
        assert_eq!((&*cookie.name, &*cookie.value, &*cookie.path), (&b"n"[..], &b"v w"[..], &b"/a"[..]));
        assert_eq!((&*cookie.domain, cookie.is_for_subdomains, cookie.expires), ("a.test", false, None));
        let cookie = read_from("a.test", true, "n=; PATH=/x/; Secure; httponly; Domain=.A.test").unwrap();
        assert_eq!((&*cookie.path, cookie.secure, cookie.http_only), (&b"/x"[..], true, true));
        assert_eq!((&*cookie.domain, cookie.is_for_subdomains), ("a.test", true));
    }

    #[test]
    fn what_is_of_others_or_of_no_form_is_not_kept() {
        let rows = [
            ("a.test", "novalue", "no ="),
            ("a.test", "=v", "no name"),
            ("a.test", "n=\u{1}", "control"),
            ("a.test", "n=v; path=/x\ty", "control"),
            ("a.test", "n=v; secure", "cleartext"),
            ("a.test", "n=v; secure=", "cleartext"),
            ("a.test", "n=v; domain=b.test", "of others"),
            ("a.test", "n=v; domain=x.a.test", "of others"),
            ("a.test", "n=v; domain=test", "public suffix"),
            ("a.co.uk", "n=v; domain=.co.uk", "public suffix"),
            ("a.github.io", "n=v; domain=github.io", "public suffix"),
            ("127.0.0.1", "n=v; domain=.0.0.1", "address"),
            ("a.test", "__Secure-n=v", "secure"),
            ("a.test", "__secure-n=v", "secure"),
            ("a.test", "__Host-n=v", "one host"),
        ];
        for (host, text, why) in rows {
            let said = read_from(host, false, text).unwrap_err();
            assert!(said.contains(why), "{text}: {said}");
        }
        for text in [format!("n={}", "v".repeat(4_096)), format!("n=v; x={}", "y".repeat(5_000))] {
            assert!(read_from("a.test", false, &text).unwrap_err().contains("longer"));
        }
        assert!(read_from("a.test", true, "__Host-n=v; secure; path=/; domain=a.test").is_err());
        assert!(read_from("a.test", true, "__Host-n=v; secure; path=/").is_ok());
        // Whatever stands behind it.
        for secure in ["secure=", "Secure=true", "SECURE = no"] {
            assert!(read_from("a.test", true, &format!("n=v; {secure}")).unwrap().secure, "{secure}");
        }
        let own = read_from("github.io", false, "n=v; domain=github.io").unwrap();
        assert!(!own.is_for_subdomains);
    }

    #[test]
    fn a_cookie_expires_by_its_age_before_its_date_and_in_400_days() {
        let most = NOW + 400 * 86_400;
        for (text, expected) in [
            ("n=v; max-age=5", Some(NOW + 5)),
            ("n=v; max-age=\"5\"", Some(NOW + 5)),
            ("n=v; max-age=0", Some(1)),
            ("n=v; max-age=-5", Some(1)),
            ("n=v; max-age=", None),
            ("n=v; max-age=99999999999999999999", Some(most)),
            ("n=v; expires=Sun, 06 Nov 1994 08:49:37 GMT", Some(784_111_777)),
            ("n=v; expires=Thu, 01 Jan 1970 00:00:00 GMT", Some(1)),
            ("n=v; max-age=5; expires=Sun, 06 Nov 1994 08:49:37 GMT", Some(NOW + 5)),
            ("n=v; expires=Sun, 06 Nov 2994 08:49:37 GMT", Some(most)),
            ("n=v; expires=soon", None),
        ] {
            let expires = read_from("a.test", false, text).unwrap().expires;
            let near =
                |one: Option<i64>, other: Option<i64>| one.zip(other).map(|(one, other)| (one - other).abs() <= 30);
            assert!(expires == expected || near(expires, expected) == Some(true), "{text}: {expires:?}");
        }
    }
}
