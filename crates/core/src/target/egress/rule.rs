use super::{
    public::{by_local_nat64, embedded},
    rule_error::EgressRuleError,
};
use crate::{Endpoint, Origin, OriginError, target::ascii_host::ascii_host, target::origin::check_host};
use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    ops::RangeInclusive,
    str::FromStr,
    sync::Arc,
};

/// Which connections a rule of an [`Egress`](crate::Egress) is about: those for which all that is set holds. One of
/// which nothing is set is about all.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub struct EgressRule {
    to: Option<Place>,
    ports: Option<(u16, u16)>,
    origin: Option<Arc<Origin>>,
    host: Option<Arc<str>>,
}

#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
enum Place {
    Network(Network),
    UnixSocket,
}

/// A block of IP addresses, in the notation of CIDR: `10.0.0.0/8`, `fd00::/8`, or an address, which is a block of one.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Network {
    first: IpAddr,
    prefix: u8,
}

/// A text that is no [`Network`].
#[derive(Clone, Eq, PartialEq)]
#[non_exhaustive]
pub struct NetworkError {
    /// The text.
    pub text: Box<str>,
    /// The network that the address is in, where it isn't the first of it (`10.1.2.3/8`): which of them was meant?
    pub nearest: Option<Network>,
}

/// Whether a rule is about a connection, of which the address need not be known.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Matches {
    No,
    Yes,
    /// It depends on the address.
    Perhaps,
}

// === impl EgressRule ===

impl EgressRule {
    /// A rule about everything.
    pub fn new() -> Self {
        Self::default()
    }

    /// Only about addresses in this network. IPv4-mapped addresses are IPv4 addresses. What is denied is denied as well
    /// where it is embedded in an IPv6 address: by NAT64 with the prefixes 64:ff9b::/96 and 64:ff9b:1::/48, and not
    /// with another prefix of a network's own, by 6to4, Teredo or ISATAP, or as an IPv4-compatible or IPv4-translated
    /// address.
    #[must_use]
    pub fn network(mut self, network: Network) -> Self {
        self.to = Some(Place::Network(network));
        self
    }

    /// Only about Unix domain sockets.
    #[must_use]
    pub fn unix_sockets(mut self) -> Self {
        self.to = Some(Place::UnixSocket);
        self
    }

    /// Only about this port of the address.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.ports = Some((port, port));
        self
    }

    /// Only about these ports of the address.
    ///
    /// # Errors
    /// When the first is above the last.
    pub fn ports(mut self, ports: RangeInclusive<u16>) -> Result<Self, EgressRuleError> {
        let (first, last) = ports.into_inner();
        if first > last {
            return Err(EgressRuleError::Ports(first, last));
        }
        self.ports = Some((first, last));
        Ok(self)
    }

    /// Only about connections for this origin. What is allowed so is the origin's own address, and not a proxy's.
    #[must_use]
    pub fn origin(mut self, origin: Origin) -> Self {
        self.origin = Some(Arc::new(origin));
        self
    }

    /// Only about connections for origins with this host: a name, an address, `*.` and a name for all below it, or `*`
    /// for all. What is allowed so is the origin's own address, and not a proxy's. A name that isn't ASCII is
    /// [converted](crate::ascii_host).
    ///
    /// # Errors
    /// When it is none of these, so that the rule would never match.
    pub fn host(mut self, host: &str) -> Result<Self, EgressRuleError> {
        let (below, own) = host.strip_prefix("*.").map_or(("", host), |own| ("*.", own));
        let own = ascii_host(own).map_err(|source| EgressRuleError::Host { host: host.into(), source })?;
        // A wide star isn't one that was meant.
        if own.contains('*') && !host.is_ascii() {
            return Err(EgressRuleError::Wildcard(host.into()));
        }
        let given = host;
        let host = format!("{below}{own}");
        let name = host.strip_suffix('.').unwrap_or(&host);
        let name = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
        check_pattern(given, name)?;
        self.host = Some(name.to_ascii_lowercase().into());
        Ok(self)
    }

    pub(super) fn is_about_origin(&self, origin: &Origin) -> bool {
        self.origin.as_ref().is_none_or(|own| is_same(own, origin))
            && self.host.as_ref().is_none_or(|host| is_host(host, origin))
    }

    fn is_about_port(&self, port: Option<u16>) -> bool {
        self.ports.is_none_or(|(first, last)| port.is_some_and(|port| (first..=last).contains(&port)))
    }

    /// Whether a connection for this origin to this endpoint is denied.
    pub(super) fn denies(&self, origin: &Origin, endpoint: &Endpoint) -> bool {
        let is_there = match (&self.to, endpoint.inet()) {
            (None, _) => true,
            (Some(Place::UnixSocket), addr) => addr.is_none(),
            (Some(Place::Network(network)), Some(addr)) => network.leads_to(addr.ip()),
            (Some(Place::Network(_)), None) => false,
        };
        is_there && self.is_about_port(port(endpoint)) && self.is_about_origin(origin)
    }

    /// Whether it is allowed. `origin` is `None` where the endpoint is a proxy's.
    pub(super) fn allows(&self, origin: Option<&Origin>, endpoint: &Endpoint) -> bool {
        let is_there = match (&self.to, endpoint.inet()) {
            (None, _) => true,
            (Some(Place::UnixSocket), addr) => addr.is_none(),
            (Some(Place::Network(network)), Some(addr)) => network.contains(addr.ip()),
            (Some(Place::Network(_)), None) => false,
        };
        is_there && self.is_about_port(port(endpoint)) && self.is_about_owner(origin)
    }

    fn is_about_owner(&self, origin: Option<&Origin>) -> bool {
        match origin {
            Some(origin) => self.is_about_origin(origin),
            None => self.origin.is_none() && self.host.is_none(),
        }
    }

    /// Whether it is about a name that a proxy resolves. `origin` is `None` where the name is a proxy's, unless it is
    /// to be denied.
    pub(super) fn matches_name(&self, origin: Option<&Origin>, port: u16) -> Matches {
        if !self.is_about_port(Some(port)) || !self.is_about_owner(origin) {
            return Matches::No;
        }
        match self.to {
            None => Matches::Yes,
            Some(Place::Network(_)) => Matches::Perhaps,
            Some(Place::UnixSocket) => Matches::No,
        }
    }
}

/// Whether the host of an origin can be this one, which was given as `host`.
fn check_pattern(host: &str, name: &str) -> Result<(), EgressRuleError> {
    let below = name.strip_prefix("*.");
    let rest = below.unwrap_or(name);
    if host == "*" {
        return Ok(());
    }
    if rest.contains('*') {
        return Err(EgressRuleError::Wildcard(host.into()));
    }
    let of = |source| EgressRuleError::Host { host: host.into(), source };
    match rest.parse::<IpAddr>() {
        Ok(_) if below.is_none() => Ok(()),
        // Nothing is below an address.
        Ok(_) => Err(of(OriginError::NotAHost(host.into()))),
        Err(_) if rest.ends_with('.') => Err(of(OriginError::NotAHost(host.into()))),
        Err(_) => check_host(rest).map_err(of),
    }
}

/// Unlike for a pool, a trailing dot and the spelling of an address make no difference: the peer is the same.
fn is_same(own: &Origin, origin: &Origin) -> bool {
    let is_same_host = match (own.ip(), origin.ip()) {
        (Some(own), Some(ip)) => own.to_canonical() == ip.to_canonical(),
        (None, None) => own.name().eq_ignore_ascii_case(origin.name()),
        _ => false,
    };
    is_same_host && (own.scheme(), own.port()) == (origin.scheme(), origin.port())
}

/// Whether the origin's host is this one, in lower case and without brackets, or below it.
fn is_host(host: &str, origin: &Origin) -> bool {
    match (host.strip_prefix('*'), origin.ip()) {
        (Some(""), _) => true,
        // However an address is spelled.
        (_, Some(ip)) => host.parse().is_ok_and(|own: IpAddr| own.to_canonical() == ip.to_canonical()),
        (Some(suffix), None) if suffix.starts_with('.') => origin.name().to_ascii_lowercase().ends_with(suffix),
        (_, None) => origin.name().eq_ignore_ascii_case(host),
    }
}

fn port(endpoint: &Endpoint) -> Option<u16> {
    endpoint.inet().map(|addr| addr.port())
}

impl fmt::Display for EgressRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.to {
            None => f.write_str("everything")?,
            Some(Place::UnixSocket) => f.write_str("Unix sockets")?,
            Some(Place::Network(network)) => network.fmt(f)?,
        }
        match self.ports {
            None => {}
            Some((first, last)) if first == last => write!(f, " port {first}")?,
            Some((first, last)) => write!(f, " ports {first} to {last}")?,
        }
        if let Some(origin) = &self.origin {
            write!(f, " for {origin}")?;
        }
        if let Some(host) = &self.host {
            write!(f, " for {host}")?;
        }
        Ok(())
    }
}

// === impl Network ===

impl Network {
    /// The addresses that share the first `prefix` bits with this one; all bits where there are fewer. A block of
    /// IPv4-mapped addresses is one of IPv4 addresses.
    pub fn new(ip: IpAddr, prefix: u8) -> Self {
        match ip {
            IpAddr::V6(v6) if prefix >= 96 && v6.to_ipv4_mapped().is_some() => {
                Self::masked(ip.to_canonical(), prefix - 96)
            }
            ip => Self::masked(ip, prefix),
        }
    }

    fn masked(ip: IpAddr, prefix: u8) -> Self {
        match ip {
            IpAddr::V4(v4) => {
                let prefix = prefix.min(32);
                let mask = u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0);
                Self { first: IpAddr::V4((v4.to_bits() & mask).into()), prefix }
            }
            IpAddr::V6(v6) => {
                let prefix = prefix.min(128);
                let mask = u128::MAX.checked_shl(128 - u32::from(prefix)).unwrap_or(0);
                Self { first: IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & mask)), prefix }
            }
        }
    }

    /// Whether the address is in it.
    pub fn contains(&self, ip: IpAddr) -> bool {
        let ip = ip.to_canonical();
        ip.is_ipv4() == self.first.is_ipv4() && Self::masked(ip, self.prefix) == *self
    }

    /// Whether the address, or one that is embedded in it, is in the network. A connection to the unspecified address
    /// goes to this machine.
    fn leads_to(&self, ip: IpAddr) -> bool {
        // Also where an endpoint was made without `From`, which does the same.
        let ip = ip.to_canonical();
        let this_machine: IpAddr = match ip {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        };
        if ip.is_unspecified() && self.contains(this_machine) {
            return true;
        }
        let IpAddr::V6(v6) = ip else { return self.contains(ip) };
        let mut inner = embedded(v6).into_iter().flatten().map(|inner| inner.ip).chain(by_local_nat64(v6));
        self.contains(ip) || inner.any(|inner| self.contains(inner.into()))
    }
}

impl From<IpAddr> for Network {
    fn from(ip: IpAddr) -> Self {
        Self::new(ip, 128)
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    /// # Errors
    /// When it is neither an address nor a block of them, or the address isn't the first of its block.
    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let (ip, prefix) = text.split_once('/').map_or((text, None), |(ip, prefix)| (ip, Some(prefix)));
        let parsed = || {
            let ip: IpAddr = ip.parse().ok()?;
            let most = if ip.is_ipv4() { 32 } else { 128 };
            let Some(prefix) = prefix else { return Some((ip, Self::new(ip, most))) };
            let is_number = !prefix.is_empty() && prefix.bytes().all(|byte| byte.is_ascii_digit());
            let prefix = prefix.parse().ok().filter(|prefix| is_number && *prefix <= most)?;
            Some((ip, Self::new(ip, prefix)))
        };
        let wrong = |nearest| NetworkError { text: text.into(), nearest };
        let (ip, network) = parsed().ok_or_else(|| wrong(None))?;
        if network.first.to_canonical() == ip.to_canonical() { Ok(network) } else { Err(wrong(Some(network))) }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.first, self.prefix)
    }
}

impl fmt::Display for NetworkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.text.escape_default();
        match self.nearest {
            None => write!(f, "`{text}` is no network, such as 10.0.0.0/8"),
            Some(network) => write!(f, "`{text}` has an address that is not the first of its network, {network}"),
        }
    }
}

impl fmt::Debug for NetworkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&crate::OneLine(self), f)
    }
}

impl std::error::Error for NetworkError {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::OriginRef;

    #[test]
    fn networks() {
        let rows = [
            ("10.0.0.0/8", "10.0.0.0/8", "10.255.0.1", "11.0.0.1"),
            ("10.1.2.3", "10.1.2.3/32", "10.1.2.3", "10.1.2.4"),
            ("0.0.0.0/0", "0.0.0.0/0", "255.1.1.1", "::1"),
            ("::/0", "::/0", "::1", "1.1.1.1"),
            ("fd00::/8", "fd00::/8", "fdff::1", "fe00::1"),
            ("::1", "::1/128", "::1", "::2"),
            ("::ffff:10.0.0.0/104", "10.0.0.0/8", "::ffff:10.9.9.9", "11.0.0.1"),
            ("::ffff:0:0/96", "0.0.0.0/0", "1.1.1.1", "::1"),
        ];
        for (text, shown, inside, outside) in rows {
            let network: Network = text.parse().unwrap();
            assert_eq!(network.to_string(), shown);
            assert!(network.contains(inside.parse().unwrap()) && !network.contains(outside.parse().unwrap()), "{text}");
        }
        for text in ["", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/+8", "::/129", "a.test", "10.0.0/8", "10.0.0.0/8/8"] {
            assert_eq!(text.parse::<Network>(), Err(NetworkError { text: text.into(), nearest: None }));
        }
    }

    #[test]
    fn a_network_has_no_more_bits_than_its_addresses() {
        let shown = |ip: &str, prefix| Network::new(ip.parse().unwrap(), prefix).to_string();
        assert_eq!([shown("10.1.2.3", 32), shown("10.1.2.3", 200)], ["10.1.2.3/32"; 2]);
        assert_eq!([shown("::1", 128), shown("::1", 200)], ["::1/128"; 2]);
        assert_eq!(shown("::ffff:10.1.2.3", 255), "10.1.2.3/32");
        // More than IPv4-mapped addresses: a network of IPv6.
        assert_eq!([shown("::ffff:10.1.2.3", 64), shown("::ffff:10.1.2.3", 80)], ["::/64", "::/80"]);
    }

    /// What is denied to this machine is denied to the unspecified address, which leads there, and to no other.
    #[test]
    fn the_unspecified_address_leads_to_this_machine_and_others_do_not() {
        let leads = |network: &str, ip: &str| network.parse::<Network>().unwrap().leads_to(ip.parse().unwrap());
        for (network, ip, expected) in [
            ("127.0.0.0/8", "127.9.9.9", true),
            ("127.0.0.0/8", "0.0.0.0", true),
            ("127.0.0.0/8", "::ffff:0.0.0.0", true),
            ("127.0.0.0/8", "10.0.0.1", false),
            ("::1", "::", true),
            ("::1", "2001:db8::1", false),
            ("10.0.0.0/8", "0.0.0.0", false),
        ] {
            assert_eq!(leads(network, ip), expected, "{network} {ip}");
        }
    }

    #[test]
    fn a_host_that_is_an_address_is_that_one_however_it_is_spelled() {
        for host in ["192.0.2.1", "::ffff:192.0.2.1", "[::ffff:c000:201]"] {
            let rule = EgressRule::new().host(host).unwrap();
            for (url, expected) in [
                ("http://192.0.2.1", true),
                ("http://[::ffff:192.0.2.1]", true),
                ("http://192.0.2.2", false),
                ("http://[2001:db8::1]", false),
                ("http://a.test", false),
            ] {
                let origin = OriginRef::of(&url.parse().unwrap()).unwrap().to_owned().unwrap();
                assert_eq!(rule.is_about_origin(&origin), expected, "{host} {url}");
            }
        }
    }

    #[test]
    fn an_address_that_is_not_the_first_of_its_network_is_refused() {
        for (text, nearest) in [
            ("10.1.2.3/8", "10.0.0.0/8"),
            ("fd00::1/8", "fd00::/8"),
            ("::ffff:10.1.2.3/104", "10.0.0.0/8"),
            ("1.1.1.1/0", "0.0.0.0/0"),
        ] {
            let error = text.parse::<Network>().unwrap_err();
            let expected = format!("`{text}` has an address that is not the first of its network, {nearest}");
            assert_eq!(error.to_string(), expected);
            assert_eq!(error.nearest, Some(nearest.parse().unwrap()));
        }
    }

    #[test]
    fn a_rule_that_would_never_match_is_refused() {
        let rule = EgressRule::new;
        for host in ["*", "a.test", "A.test.", "*.a.test", "xn--bcher-kva.test", "a_b.test", "[::1]", "::1", "1.1.1.1"]
        {
            assert!(rule().host(host).is_ok(), "{host}");
        }
        let told = |host: &str| rule().host(host).unwrap_err().to_string();
        if cfg!(feature = "idn") {
            for host in ["*.Bücher.test", "*.bücher\u{3002}test\u{3002}", "*.XN--bcher-kva.test"] {
                assert_eq!(rule().host(host), rule().host("*.xn--bcher-kva.test"), "{host}");
            }
            assert!(told("*.a\u{ff0f}b").starts_with("`*.a\u{ff0f}b` in a rule is no host"));
            // Nor is a wide star all that is below.
            for wide in ["\u{ff0a}.a.test", "*\u{3002}a.test", "\u{ff0a}"] {
                assert!(told(wide).contains(wide), "{wide}: {}", told(wide));
            }
        } else {
            let expected = "the host `bücher.test` of a rule must be as URLs have it, in its form with xn--, unless the \
                            feature `idn` is on";
            assert_eq!(told("bücher.test"), expected);
        }
        for host in ["*.", "*corp.test", "a.*.test", "*.*.test", "**", "a.test*"] {
            assert!(
                told(host).starts_with(&format!("the `*` in `{host}` of a rule must be its first label")),
                "{host}"
            );
        }
        for host in
            ["", ".", ".a.test", "a..test", "a.test..", "a.test:443", "http://a.test", "*.1.1.1.1", "1.1", "[a.test"]
        {
            assert!(told(host).starts_with(&format!("`{host}` in a rule is no host")), "{host}");
        }
        assert_eq!(rule().ports(RangeInclusive::new(443, 80)), Err(EgressRuleError::Ports(443, 80)));
        assert_eq!(rule().ports(80..=80), Ok(rule().port(80)));
    }
}
