use http::{Uri, uri::InvalidUri};
use skybridge_core::{OriginError, Reference, ascii_host};
use std::{
    borrow::Cow,
    io::{Error, ErrorKind, Result},
};

/// Where a server is asked over HTTPS (RFC 8484, section 4.1): a query is the value of `dns`.
#[derive(Clone)]
pub(super) struct DohUrl {
    /// Up to the value.
    before: Box<str>,
}

impl DohUrl {
    /// A URL, or a template that ends with `{?dns}` or `{&dns}`.
    ///
    /// # Errors
    /// `InvalidInput` when it is none of `https`, or has credentials or a fragment, which wouldn't be sent.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let wrong = |why: &str| Error::new(ErrorKind::InvalidInput, format!("the URL of the DNS server {why}"));
        let bare = text.strip_suffix("{?dns}").or_else(|| text.strip_suffix("{&dns}")).unwrap_or(text);
        if bare.contains(['{', '}']) {
            return Err(wrong("is a template with more than {?dns} at its end"));
        }
        if bare.contains('#') {
            return Err(wrong("has a fragment"));
        }
        let reference = Reference::parse(bare);
        if !reference.scheme().is_some_and(|scheme| scheme.eq_ignore_ascii_case("https")) {
            return Err(wrong("must begin with https://"));
        }
        if reference.authority().is_some_and(|authority| authority.contains('@')) {
            return Err(wrong("has credentials"));
        }
        let ascii = in_ascii(bare).map_err(|error| wrong(&format!("can't be asked: {error}")))?;
        if !ascii.is_ascii() {
            return Err(wrong("is not ASCII behind its host: percent-encode it"));
        }
        let uri: Uri = ascii.parse().map_err(|error: InvalidUri| wrong(&format!("is none: {error}")))?;
        let Some(authority) = uri.authority().filter(|authority| !authority.host().is_empty()) else {
            return Err(wrong("has no host"));
        };
        let sign = match uri.query() {
            None => "?",
            Some("") => "",
            Some(_) => "&",
        };
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        Ok(Self { before: format!("https://{authority}{path}{sign}dns=").into() })
    }

    /// That of a query.
    pub(super) fn with(&self, query: &[u8]) -> std::result::Result<Uri, InvalidUri> {
        let mut url = String::from(&*self.before);
        base64url(query, &mut url);
        Uri::try_from(url)
    }
}

/// With the host in ASCII, and the rest as it is.
fn in_ascii(url: &str) -> std::result::Result<Cow<'_, str>, OriginError> {
    let authority = Reference::parse(url).authority();
    let host = authority.map(|authority| authority.split_once(':').map_or(authority, |(host, _)| host));
    match host.filter(|host| !host.is_ascii()) {
        // Nothing before it is the same: a scheme is ASCII.
        Some(host) => Ok(url.replacen(host, &ascii_host(host)?, 1).into()),
        None => Ok(url.into()),
    }
}

/// Without padding (RFC 4648, section 5).
fn base64url(bytes: &[u8], to: &mut String) {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    for chunk in bytes.chunks(3) {
        let bits = chunk.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for digit in 0..=chunk.len() {
            let at = bits >> (18 - 6 * digit) & 63;
            to.extend(DIGITS.get(at as usize).map(|digit| char::from(*digit)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str, query: &[u8]) -> String {
        DohUrl::parse(text).unwrap().with(query).unwrap().to_string()
    }

    #[test]
    fn a_query_is_the_value_of_dns_behind_what_the_url_has() {
        for (text, expected) in [
            ("https://dns.test/dns-query", "https://dns.test/dns-query?dns=AAE"),
            ("https://dns.test/dns-query{?dns}", "https://dns.test/dns-query?dns=AAE"),
            ("https://dns.test:8443", "https://dns.test:8443/?dns=AAE"),
            ("https://[2001:db8::1]/q?", "https://[2001:db8::1]/q?dns=AAE"),
            ("https://192.0.2.1/q?ct=1", "https://192.0.2.1/q?ct=1&dns=AAE"),
            ("https://dns.test/q?ct=1{&dns}", "https://dns.test/q?ct=1&dns=AAE"),
        ] {
            assert_eq!(url(text, &[0, 1]), expected, "{text}");
        }
    }

    #[cfg(feature = "idn")]
    #[test]
    fn a_host_that_is_not_ascii_is_the_one_that_urls_have() {
        for host in ["b\u{fc}cher.test", "BU\u{308}CHER\u{3002}Test"] {
            let asked = url(&format!("https://{host}:8443/q{{?dns}}"), &[0, 1]);
            assert_eq!(asked, "https://xn--bcher-kva.test:8443/q?dns=AAE");
        }
    }

    #[cfg(not(feature = "idn"))]
    #[test]
    fn without_the_feature_a_host_that_is_not_ascii_is_refused_and_said_how_to_write() {
        let error = DohUrl::parse("https://b\u{fc}cher.test/").err().unwrap();
        assert!(error.kind() == ErrorKind::InvalidInput && error.to_string().contains("xn--"), "{error}");
    }

    /// The examples of RFC 4648, section 10, and the digits in which it differs from base64.
    #[test]
    fn it_is_written_in_base64url_without_padding() {
        for (bytes, expected) in [
            (&b""[..], ""),
            (b"f", "Zg"),
            (b"fo", "Zm8"),
            (b"foo", "Zm9v"),
            (b"foob", "Zm9vYg"),
            (b"fooba", "Zm9vYmE"),
            (b"foobar", "Zm9vYmFy"),
            (&[0xfb, 0xff, 0xfe], "-__-"),
        ] {
            assert_eq!(url("https://dns.test/q", bytes), format!("https://dns.test/q?dns={expected}"));
        }
    }

    #[test]
    fn what_is_no_https_url_of_a_server_is_refused() {
        for (text, why) in [
            ("http://dns.test/dns-query", "https://"),
            ("dns.test", "https://"),
            ("/dns-query", "https://"),
            ("tls://192.0.2.1", "https://"),
            ("", "https://"),
            ("b\u{fc}cher.test", "https://"),
            ("https://dns.test/a b", "is none"),
            ("https://dns.test/b\u{fc}cher", "percent-encode"),
            ("https://dns.test:b\u{fc}/", "percent-encode"),
            ("https://b\u{fc}cher.test\u{ff0f}/", "host"),
            ("https://b\u{fc}:b\u{fc}@dns.test/", "credentials"),
            ("https://", "is none"),
            ("https://:443/", "host"),
            ("https://a:b@dns.test/", "credentials"),
            ("https://dns.test/#a", "fragment"),
            ("https://dns.test/{dns}", "template"),
            ("https://dns.test/{?a}{?dns}", "template"),
        ] {
            let error = DohUrl::parse(text).err().unwrap();
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            assert!(error.to_string().contains(why), "{text}: {error}");
        }
    }
}
