use super::{
    ascii_host::ascii_host,
    host::{Host, HostBuf},
};
use http::Uri;
use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

/// The scheme of an origin.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Scheme {
    /// HTTP in cleartext, at port 80 by default (RFC 9110, section 4.2.1).
    Http,
    /// HTTP over TLS, at port 443 by default (RFC 9110, section 4.2.2).
    Https,
}

impl Scheme {
    /// The port of a URI that names none.
    pub fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }

    /// `http` or `https`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// The origin of a request (RFC 9110, section 4.3.1): scheme, host and port. It is valid, and in lower case.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Origin {
    scheme: Scheme,
    host: HostBuf,
    port: u16,
}

/// An [`Origin`] borrowed from a URI, so that finding a pooled connection allocates no key.
///
/// To read one checks only what could lead to a wrong pooled connection. [`to_owned`](Self::to_owned), which is called
/// before a connection is opened, checks the rest.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct OriginRef<'a> {
    scheme: Scheme,
    host: Host<'a>,
    port: u16,
}

/// Why a URI has no origin that can be reached. No connection was opened. No message repeats userinfo.
///
/// The text of a variant is the invalid part. It is empty where that may be a part of userinfo: by RFC 3986, the URI
/// `http://me:secret/and@a.test/` has the port `secret`.
#[derive(Clone, Eq, PartialEq)]
#[non_exhaustive]
pub enum OriginError {
    /// The URI is relative, or only an authority.
    NoScheme,
    /// The scheme is neither `http` nor `https`.
    UnknownScheme(Box<str>),
    /// The host is empty.
    EmptyHost,
    /// The URI has userinfo (`user:password@`), which is deprecated (RFC 9110, section 4.2.4) and easily leaks. Send an
    /// `authorization` header instead.
    UserInfo,
    /// The port is not a number from 1 to 65535. Only digits are repeated: anything else may be the password of a URL
    /// without a host.
    Port(Box<str>),
    /// The host is not ASCII, and the feature `idn`, which would convert it, is off.
    NotAscii(Box<str>),
    /// The host is an IPv6 address with a zone id (`%eth0`), which has a meaning on one machine only.
    ZoneId(Box<str>),
    /// The host has brackets without an IPv6 address in them, or its last label is a number and it isn't an IPv4
    /// address.
    NotAnAddress(Box<str>),
    /// The host has an empty label (`a..b`), a character that is not allowed in a host, or is not ASCII and no name by
    /// IDNA.
    NotAHost(Box<str>),
}

// === impl OriginRef ===

impl<'a> OriginRef<'a> {
    /// Reads the origin of an absolute URI.
    ///
    /// # Errors
    /// When there is no scheme or host, the scheme is unknown, the port is out of range, or there is userinfo.
    pub fn of(uri: &'a Uri) -> Result<Self, OriginError> {
        let rest = uri.path_and_query().map_or("", |rest| rest.as_str());
        let origin = Self::read(uri);
        if !rest.contains('@') {
            return origin;
        }
        // The host is checked here already, because later it isn't known that there was an `@`.
        origin.and_then(|origin| check_host(origin.host.0).map(|()| origin)).map_err(OriginError::unspoken)
    }

    fn read(uri: &'a Uri) -> Result<Self, OriginError> {
        let authority = uri.authority().map_or("", |authority| authority.as_str());
        let scheme = match uri.scheme() {
            Some(scheme) if *scheme == http::uri::Scheme::HTTP => Scheme::Http,
            Some(scheme) if *scheme == http::uri::Scheme::HTTPS => Scheme::Https,
            Some(_) if authority.contains('@') => return Err(OriginError::UnknownScheme("".into())),
            Some(other) => return Err(OriginError::UnknownScheme(other.as_str().into())),
            None => return Err(OriginError::NoScheme),
        };
        Self::parse(scheme, authority)
    }

    /// Reads `host[:port]`.
    ///
    /// # Errors
    /// As for [`of`](Self::of).
    pub fn parse(scheme: Scheme, authority: &'a str) -> Result<Self, OriginError> {
        let bytes = authority.as_bytes();
        let mut colon = None;
        for (at, byte) in bytes.iter().enumerate() {
            match byte {
                b'@' => return Err(OriginError::UserInfo),
                b':' => colon = Some(at),
                // The colons in an IPv6 address don't precede a port.
                b']' => colon = None,
                _ => {}
            }
        }
        let (host, port) = match colon {
            Some(at) => (&authority[..at], parse_port(&authority[at + 1..], scheme)?),
            None => (authority, scheme.default_port()),
        };
        if host.is_empty() {
            return Err(OriginError::EmptyHost);
        }
        Ok(Self { scheme, host: Host(host), port })
    }

    /// The scheme.
    pub fn scheme(self) -> Scheme {
        self.scheme
    }

    /// The host as it is written in the URI.
    pub fn host(self) -> Host<'a> {
        self.host
    }

    /// The port; the scheme's default when the URI names none.
    pub fn port(self) -> u16 {
        self.port
    }

    /// Checks what was not checked when it was read.
    pub(crate) fn check(self) -> Result<(), OriginError> {
        check_host(self.host.0)
    }

    /// Checks the host and converts it to lower case, and one that isn't ASCII as [`ascii_host`] does.
    ///
    /// # Errors
    /// When the host is not a valid name or address.
    #[allow(
        clippy::wrong_self_convention,
        reason = "the word of the standard library; `Origin` can't be its `Owned` as it may fail"
    )]
    pub fn to_owned(self) -> Result<Origin, OriginError> {
        let host = ascii_host(self.host.0)?;
        check_host(&host)?;
        Ok(Origin { scheme: self.scheme, host: HostBuf::new(Host(&host)), port: self.port })
    }
}

fn parse_port(text: &str, scheme: Scheme) -> Result<u16, OriginError> {
    // RFC 3986, section 3.2.3: an empty port is the default one.
    if text.is_empty() {
        return Ok(scheme.default_port());
    }
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse::<u16>() {
        Ok(port) if digits && port > 0 => Ok(port),
        _ => Err(OriginError::Port(if digits { text.into() } else { "".into() })),
    }
}

pub(super) fn check_host(host: &str) -> Result<(), OriginError> {
    if !host.is_ascii() {
        return Err(OriginError::NotAscii(host.into()));
    }
    if host.contains('%') {
        return Err(if host.starts_with('[') {
            OriginError::ZoneId(host.into())
        } else {
            OriginError::NotAHost(host.into())
        });
    }
    if let Some(inner) = host.strip_prefix('[') {
        let address = inner.strip_suffix(']').and_then(|inner| inner.parse::<Ipv6Addr>().ok());
        return address.map(|_| ()).ok_or_else(|| OriginError::NotAnAddress(host.into()));
    }
    let name = host.strip_suffix('.').unwrap_or(host);
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=".contains(&byte);
    if name.split('.').any(str::is_empty) || !name.bytes().all(legal) {
        return Err(OriginError::NotAHost(host.into()));
    }
    // Some parsers take a host that ends in a number for an address, others for a name. Only the form on which all
    // agree is accepted.
    let last = name.rsplit('.').next().unwrap_or(name);
    if is_number(last) && name.parse::<Ipv4Addr>().is_err() {
        return Err(OriginError::NotAnAddress(host.into()));
    }
    Ok(())
}

fn is_number(label: &str) -> bool {
    let hex = label.strip_prefix("0x").or_else(|| label.strip_prefix("0X"));
    match hex {
        Some(hex) => hex.bytes().all(|byte| byte.is_ascii_hexdigit()),
        None => label.bytes().all(|byte| byte.is_ascii_digit()),
    }
}

// === impl Origin ===

impl Origin {
    /// The scheme.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The host in lower case, IPv6 addresses in brackets, a trailing dot kept.
    pub fn host(&self) -> &str {
        self.host.borrow().0
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The host, when it is an IP address. It is not resolved, and not sent as SNI.
    pub fn ip(&self) -> Option<IpAddr> {
        let host = self.name();
        host.trim_start_matches('[').trim_end_matches(']').parse().ok()
    }

    /// The host without a trailing dot: what is resolved, sent as SNI (RFC 6066, section 3) and compared with a
    /// certificate.
    pub fn name(&self) -> &str {
        let host = self.host();
        host.strip_suffix('.').unwrap_or(host)
    }

    /// `host`, or `host:port` when the port isn't the scheme's default: the `host` header (RFC 9110, section 7.2).
    pub fn authority(&self) -> String {
        if self.port == self.scheme.default_port() {
            self.host().into()
        } else {
            format!("{}:{}", self.host(), self.port)
        }
    }

    /// The borrowed form.
    #[inline]
    pub fn as_ref(&self) -> OriginRef<'_> {
        OriginRef { scheme: self.scheme, host: self.host.borrow(), port: self.port }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme.as_str(), self.authority())
    }
}

// === impl OriginError ===

impl OriginError {
    /// The same error without the text from the URI.
    pub fn unspoken(self) -> Self {
        match self {
            Self::NoScheme | Self::EmptyHost | Self::UserInfo => self,
            Self::UnknownScheme(_) => Self::UnknownScheme("".into()),
            Self::Port(_) => Self::Port("".into()),
            Self::NotAscii(_) => Self::NotAscii("".into()),
            Self::ZoneId(_) => Self::ZoneId("".into()),
            Self::NotAnAddress(_) => Self::NotAnAddress("".into()),
            Self::NotAHost(_) => Self::NotAHost("".into()),
        }
    }
}

/// The name of an invalid part, followed by its text unless that is hidden.
struct Named<'a>(&'static str, &'a str);

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)?;
        if self.1.is_empty() { Ok(()) } else { write!(f, " `{}`", self.1) }
    }
}

impl fmt::Display for OriginError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoScheme => f.write_str("the URI has no scheme: it must start with http:// or https://"),
            Self::UnknownScheme(scheme) => {
                write!(f, "{}: only http and https are supported", Named("unknown scheme", scheme))
            }
            Self::EmptyHost => f.write_str("the URI has an empty host"),
            Self::UserInfo => f.write_str("the URI has userinfo before its host: send an authorization header instead"),
            Self::Port(port) => write!(f, "{} is not a number from 1 to 65535", Named("the port", port)),
            Self::NotAscii(host) => {
                write!(
                    f,
                    "{} is not ASCII: write it as IDNA does (xn--...), or turn on the feature `idn`",
                    Named("the host", host)
                )
            }
            Self::ZoneId(host) => write!(f, "{} has a zone id, which is not supported", Named("the host", host)),
            Self::NotAnAddress(host) => write!(f, "{} is not a valid IP address", Named("the host", host)),
            Self::NotAHost(host) => write!(f, "{} is not a host name", Named("the host", host)),
        }
    }
}

impl fmt::Debug for OriginError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&crate::OneLine(self), f)
    }
}

impl std::error::Error for OriginError {}

#[cfg(test)]
mod tests {
    use super::*;
    use std::hash::{BuildHasher, RandomState};

    fn origin(uri: &str) -> Result<Origin, OriginError> {
        let uri = uri.parse::<Uri>().map_err(|_| OriginError::NotAHost("unparsable".into()))?;
        OriginRef::of(&uri)?.to_owned()
    }

    /// The table of canonical hosts.
    #[test]
    fn canonical_hosts() {
        let rows: &[(&str, Result<&str, OriginError>)] = &[
            ("http://a.test", Ok("http://a.test")),
            ("HTTP://A.Test/x?y", Ok("http://a.test")),
            ("http://a.test:80/", Ok("http://a.test")),
            ("http://a.test:/", Ok("http://a.test")),
            ("https://a.test:443/", Ok("https://a.test")),
            ("http://a.test:443/", Ok("http://a.test:443")),
            ("http://a.test./", Ok("http://a.test.")),
            ("http://a_b.test/", Ok("http://a_b.test")),
            ("http://127.0.0.1/", Ok("http://127.0.0.1")),
            ("http://127.0.0.1./", Ok("http://127.0.0.1.")),
            ("http://[::1]:8080/", Ok("http://[::1]:8080")),
            ("http://[2001:DB8::1]/", Ok("http://[2001:db8::1]")),
            ("http://127.1/", Err(OriginError::NotAnAddress("127.1".into()))),
            ("http://0x7f.1/", Err(OriginError::NotAnAddress("0x7f.1".into()))),
            ("http://a.0x7f/", Err(OriginError::NotAnAddress("a.0x7f".into()))),
            ("http://1.2.3.256/", Err(OriginError::NotAnAddress("1.2.3.256".into()))),
            ("http://[nonsense]/", Err(OriginError::NotAnAddress("[nonsense]".into()))),
            ("http://a..test/", Err(OriginError::NotAHost("a..test".into()))),
            ("http://.test/", Err(OriginError::NotAHost(".test".into()))),
            ("http://a.test:65536/", Err(OriginError::Port("65536".into()))),
            ("http://a.test:0/", Err(OriginError::Port("0".into()))),
            ("ftp://a.test/", Err(OriginError::UnknownScheme("ftp".into()))),
            ("/path", Err(OriginError::NoScheme)),
            ("a.test:80", Err(OriginError::NoScheme)),
            ("http://:80/", Err(OriginError::EmptyHost)),
            ("http://user:secret@a.test/", Err(OriginError::UserInfo)),
        ];
        for (uri, expected) in rows {
            let got = origin(uri).map(|origin| origin.to_string());
            assert_eq!(got.as_deref().map_err(Clone::clone), expected.clone(), "{uri}");
        }
    }

    #[test]
    fn hosts_that_a_uri_type_already_refuses_are_refused_here_too() {
        let parse = |authority| OriginRef::parse(Scheme::Http, authority).and_then(OriginRef::to_owned);
        assert_eq!(parse("[fe80::1%25eth0]"), Err(OriginError::ZoneId("[fe80::1%25eth0]".into())));
        assert_eq!(parse("a b"), Err(OriginError::NotAHost("a b".into())));
        assert_eq!(parse("a%41"), Err(OriginError::NotAHost("a%41".into())));
        assert_eq!(parse("a.test:+80"), Err(OriginError::Port("".into())));
        let half_a_password = parse("me:s3cret").map_err(|error| error.to_string());
        assert_eq!(half_a_password.unwrap_err(), "the port is not a number from 1 to 65535");
    }

    #[test]
    fn case_and_default_ports_make_no_difference_to_equality_and_hash() {
        let (a, b) =
            ("http://LONG-name.EXAMPLE.test:80/x".parse().unwrap(), "http://long-NAME.example.TEST".parse().unwrap());
        let (a, b) = (OriginRef::of(&a).unwrap(), OriginRef::of(&b).unwrap());
        let state = RandomState::new();
        assert_eq!(a, b);
        assert_eq!(state.hash_one(a), state.hash_one(b));
        assert_eq!(state.hash_one(a), state.hash_one(a.to_owned().unwrap()));
        assert_eq!(a.to_owned().unwrap().as_ref(), b);
    }

    #[test]
    fn a_trailing_dot_is_kept_in_the_key_and_stripped_from_the_name() {
        let (with, without) = (origin("http://a.test.").unwrap(), origin("http://a.test").unwrap());
        assert_ne!(with, without);
        assert_eq!(with.name(), without.name());
    }

    #[test]
    fn addresses_are_recognised() {
        assert_eq!(origin("http://[::1]").unwrap().ip(), Some("::1".parse().unwrap()));
        assert_eq!(origin("http://10.0.0.1").unwrap().ip(), Some("10.0.0.1".parse().unwrap()));
        assert_eq!(origin("http://a.test").unwrap().ip(), None);
    }

    /// What is userinfo to whoever wrote it may be a host, a port and a path to RFC 3986.
    #[test]
    fn half_of_userinfo_is_repeated_nowhere() {
        let rows = [
            ("http://user:secret@a.test/", OriginError::UserInfo),
            ("http://user:secret/x@a.test/", OriginError::Port("".into())),
            ("http://user:99999/x@a.test/", OriginError::Port("".into())),
            ("http://user:secret?x@a.test/", OriginError::Port("".into())),
            ("http://secret..x:1/y@a.test/", OriginError::NotAHost("".into())),
            ("http://secret.1:/y@a.test/", OriginError::NotAnAddress("".into())),
            ("secret://x@a.test/", OriginError::UnknownScheme("".into())),
            ("secret://x/y@a.test/", OriginError::UnknownScheme("".into())),
            ("http://user:secret", OriginError::Port("".into())),
        ];
        for (text, expected) in rows {
            let uri = text.parse().unwrap();
            let error = OriginRef::of(&uri).and_then(OriginRef::to_owned).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("secret"), "{text}: {error:?}");
            assert_eq!(error, expected, "{text}");
        }
        // An `@` in a path is fine.
        assert_eq!(origin("http://a.test/@x?y@z").unwrap().to_string(), "http://a.test");
    }
}
