use crate::fields::is_claim;
use http::{Extensions, HeaderMap, HeaderName, HeaderValue, header, uri::Scheme};
use std::{fmt, net::IpAddr};

const FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Whether, and in which fields, the upstream is told who has asked, for which host, and by which scheme.
///
/// What a client says itself of that (`forwarded`, `x-forwarded-*`, `x-real-ip`) is removed, as an upstream believes
/// its proxy: unless the clients are proxies that are [trusted](Self::trusted). Default: [`none`](Self::none).
///
/// ```
/// use axum::extract::ConnectInfo;
/// use skybridge_reverse_proxy::Forwarded;
/// use std::net::SocketAddr;
///
/// // With `axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>())`.
/// let forwarded = Forwarded::x_forwarded()
///     .client(|extensions| extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip()));
/// ```
#[derive(Clone)]
pub struct Forwarded {
    x_forwarded: bool,
    standard: bool,
    trusted: bool,
    scheme: Scheme,
    client: fn(&Extensions) -> Option<IpAddr>,
}

impl Forwarded {
    const fn new(x_forwarded: bool, standard: bool) -> Self {
        Self { x_forwarded, standard, trusted: false, scheme: Scheme::HTTP, client: |_| None }
    }

    /// Tells it nothing.
    pub const fn none() -> Self {
        Self::new(false, false)
    }

    /// By `x-forwarded-for`, if the client is [known](Self::client), `x-forwarded-host` and `x-forwarded-proto`.
    pub const fn x_forwarded() -> Self {
        Self::new(true, false)
    }

    /// By `forwarded` (RFC 7239): `for=192.0.2.1;host=a.test;proto=http`.
    pub const fn rfc7239() -> Self {
        Self::new(false, true)
    }

    /// By both.
    pub const fn both() -> Self {
        Self::new(true, true)
    }

    /// Who asks, by what the server has put into the extensions of the request. Default: nobody knows.
    #[must_use]
    pub const fn client(mut self, client: fn(&Extensions) -> Option<IpAddr>) -> Self {
        self.client = client;
        self
    }

    /// Says that clients come by `https`, which a proxy behind an end of TLS can't see. Default: by `http`.
    #[must_use]
    pub fn https(mut self) -> Self {
        self.scheme = Scheme::HTTPS;
        self
    }

    /// Believes what clients say, and adds to it, in the same line: for a proxy that only other proxies of one's own
    /// can reach. Their `x-forwarded-host` and `x-forwarded-proto` stay as they are. What is spelt otherwise, as
    /// `x_forwarded_for` is, is removed all the same.
    #[must_use]
    pub const fn trusted(mut self) -> Self {
        self.trusted = true;
        self
    }

    /// Of a request for this host.
    pub(crate) fn apply(&self, headers: &mut HeaderMap, extensions: &Extensions, host: Option<&HeaderValue>) {
        let is_spelt_so =
            |name: &HeaderName| name.as_str().bytes().all(|byte| byte == b'-' || byte.is_ascii_alphanumeric());
        let goes = |name: &&HeaderName| is_claim(name) && !(self.trusted && is_spelt_so(name));
        let claims: Vec<HeaderName> = headers.keys().filter(goes).cloned().collect();
        for name in claims {
            headers.remove(name);
        }
        if !self.x_forwarded && !self.standard {
            return;
        }
        // An upstream looks for the IPv4 address that it knows, not for one of IPv6 that maps it.
        let client = (self.client)(extensions).map(|client| client.to_canonical());
        if self.x_forwarded {
            if let Some(client) = client.and_then(|client| client.to_string().parse().ok()) {
                add(headers, FOR, &client);
            }
            if let Some(host) = host {
                headers.entry(HOST).or_insert_with(|| host.clone());
            }
            headers.entry(PROTO).or_insert_with(|| self.proto());
        }
        if self.standard
            && let Ok(element) = HeaderValue::from_str(&self.element(client, host))
        {
            add(headers, header::FORWARDED, &element);
        }
    }

    fn proto(&self) -> HeaderValue {
        HeaderValue::from_static(if self.scheme == Scheme::HTTPS { "https" } else { "http" })
    }

    /// RFC 7239, section 4: what isn't a token is quoted.
    fn element(&self, client: Option<IpAddr>, host: Option<&HeaderValue>) -> String {
        let by = match client {
            Some(IpAddr::V4(address)) => address.to_string(),
            Some(IpAddr::V6(address)) => format!("\"[{address}]\""),
            None => "unknown".to_owned(),
        };
        // A host that had to be escaped would be none.
        let host = host.and_then(|host| host.to_str().ok()).filter(|host| !host.contains(['"', '\\']));
        let host = host.map(|host| format!("host=\"{host}\";")).unwrap_or_default();
        format!("for={by};{host}proto={}", self.scheme)
    }
}

/// Adds to a list, in one line: of two, some upstreams read the first alone, which is not what this side says.
fn add(headers: &mut HeaderMap, name: HeaderName, member: &HeaderValue) {
    let said = headers.get_all(&name).into_iter().filter(|value| !value.is_empty());
    let line = said.chain([member]).map(HeaderValue::as_bytes).collect::<Vec<_>>().join(&b", "[..]);
    // What values are joined by is allowed in one.
    if let Ok(line) = HeaderValue::from_bytes(&line) {
        headers.insert(name, line);
    }
}

impl Default for Forwarded {
    fn default() -> Self {
        Self::none()
    }
}

impl fmt::Debug for Forwarded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { x_forwarded, standard, trusted, scheme, client: _ } = self;
        f.debug_struct("Forwarded")
            .field("x_forwarded", x_forwarded)
            .field("standard", standard)
            .field("trusted", trusted)
            .field("scheme", scheme)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLAIMS: [(&str, &str); 4] = [
        ("forwarded", "for=198.51.100.7"),
        ("x-forwarded-for", "198.51.100.7"),
        ("x-forwarded-prefix", "/admin"),
        ("x-real-ip", "198.51.100.7"),
    ];

    fn applied(forwarded: &Forwarded, client: Option<&str>) -> Vec<String> {
        let fields = CLAIMS.map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        let mut headers: HeaderMap = fields.into_iter().collect();
        let mut extensions = Extensions::new();
        extensions.insert(client.map(|client| client.parse::<IpAddr>().unwrap()));
        let forwarded = forwarded.clone().client(|extensions| *extensions.get::<Option<IpAddr>>().unwrap());
        forwarded.apply(&mut headers, &extensions, Some(&HeaderValue::from_static("a.test:8080")));
        headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect()
    }

    #[test]
    fn what_a_client_claims_is_removed_whatever_is_added() {
        assert_eq!(applied(&Forwarded::none(), None), [""; 0]);
        assert_eq!(
            applied(&Forwarded::x_forwarded(), Some("192.0.2.1")),
            ["x-forwarded-for: 192.0.2.1", "x-forwarded-host: a.test:8080", "x-forwarded-proto: http"]
        );
        assert_eq!(
            applied(&Forwarded::x_forwarded().https(), None),
            ["x-forwarded-host: a.test:8080", "x-forwarded-proto: https"]
        );
    }

    /// As they are in the environment of CGI, WSGI and PHP, where a `-` is a `_`.
    #[test]
    fn a_claim_that_an_upstream_reads_as_one_is_removed() {
        for name in ["x_forwarded_for", "x-forwarded_for", "x_real_ip", "x.forwarded.host", "x-forwarded"] {
            let mut headers = HeaderMap::from_iter([(name.parse().unwrap(), HeaderValue::from_static("198.51.100.7"))]);
            Forwarded::x_forwarded().apply(&mut headers, &Extensions::new(), None);
            assert!(!headers.contains_key(name), "{name}");
        }
    }

    /// No proxy writes it so, and the upstream would read it as what one has written.
    #[test]
    fn of_a_trusted_proxy_no_other_spelling_is_believed() {
        let names = ["x_forwarded_for", "x-forwarded_proto", "x.real.ip", "x-forwarded-proto", "x-real-ip"];
        let value = HeaderValue::from_static("1");
        let mut headers: HeaderMap =
            names.map(|name| (HeaderName::from_static(name), value.clone())).into_iter().collect();
        Forwarded::x_forwarded().trusted().apply(&mut headers, &Extensions::new(), None);
        let mut left: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        left.sort_unstable();
        assert_eq!(left, ["x-forwarded-proto", "x-real-ip"]);
    }

    #[test]
    fn the_standard_field_quotes_what_is_no_token() {
        for (client, expected) in [
            (Some("192.0.2.1"), "forwarded: for=192.0.2.1;host=\"a.test:8080\";proto=https"),
            (Some("2001:db8::1"), "forwarded: for=\"[2001:db8::1]\";host=\"a.test:8080\";proto=https"),
            // As a socket of both families has it.
            (Some("::ffff:192.0.2.1"), "forwarded: for=192.0.2.1;host=\"a.test:8080\";proto=https"),
            (None, "forwarded: for=unknown;host=\"a.test:8080\";proto=https"),
        ] {
            assert_eq!(applied(&Forwarded::rfc7239().https(), client), [expected]);
        }
    }

    #[test]
    fn a_trusted_proxy_is_added_to() {
        let all = applied(&Forwarded::both().trusted(), Some("192.0.2.1"));
        let of = |name: &str| all.iter().filter_map(|line| line.strip_prefix(name)).collect::<Vec<_>>();
        // In one line, of which the last is right: Go's `Header.Get` and others look at the first line alone.
        assert_eq!(of("x-forwarded-for: "), ["198.51.100.7, 192.0.2.1"]);
        assert_eq!(of("forwarded: "), ["for=198.51.100.7, for=192.0.2.1;host=\"a.test:8080\";proto=http"]);
        assert_eq!(of("x-real-ip: "), ["198.51.100.7"]);
    }
}
