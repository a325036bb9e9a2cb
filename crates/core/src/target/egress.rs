//! Which addresses are public: those that the IANA special-purpose registries (RFC 6890) call globally reachable.

use crate::Endpoint;
use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

/// Which addresses connections may go to.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Egress {
    /// Anywhere.
    #[default]
    Any,
    /// Only to public addresses: a guard against server-side request forgery.
    ///
    /// It applies to each address that the client knows: those that it opens sockets to, including the first proxy's,
    /// and those that it gives to a proxy. When a proxy is given a name, only the proxy can check the address behind
    /// it.
    Public,
}

/// The target allows public addresses only ([`Egress::Public`]), and this isn't one. No socket was opened to it, and no
/// proxy was asked to connect to it.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct NotPublic {
    /// The endpoint that was refused.
    pub endpoint: Endpoint,
}

impl Egress {
    /// Must be called before a socket is opened to an endpoint, and before a proxy is asked to connect to one.
    ///
    /// # Errors
    /// When the endpoint is not allowed.
    pub fn check(self, endpoint: &Endpoint) -> Result<(), NotPublic> {
        match self {
            Self::Public if !is_public(endpoint) => Err(NotPublic { endpoint: endpoint.clone() }),
            _ => Ok(()),
        }
    }
}

impl fmt::Display for NotPublic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is not a public address, and only public ones are allowed", self.endpoint)
    }
}

impl std::error::Error for NotPublic {}

/// Whether the endpoint is on the public Internet.
fn is_public(endpoint: &Endpoint) -> bool {
    endpoint.inet().is_some_and(|addr| match addr.ip().to_canonical() {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    })
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let special = match ip.octets() {
        // "This network", private use, loopback.
        [0 | 10 | 127, ..] => true,
        // Carrier-grade NAT (RFC 6598): 100.64.0.0/10.
        [100, b, ..] => b & 0xc0 == 64,
        // Link-local, which includes the metadata services of clouds.
        [169, 254, ..] => true,
        [172, b, ..] => b & 0xf0 == 16,
        // IETF protocol assignments, documentation, 6to4 relays, private use.
        [192, 0, 0 | 2, _] | [192, 88, 99, _] | [192, 168, ..] => true,
        // Benchmarking: 198.18.0.0/15. Documentation.
        [198, 18 | 19, ..] | [198, 51, 100, _] | [203, 0, 113, _] => true,
        // Multicast, reserved, broadcast.
        [a, ..] => a >= 224,
    };
    !special
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    let [a, b, .., y, z] = ip.segments();
    let embedded = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        is_public_v4(Ipv4Addr::new(a, b, c, d))
    };
    match ip.segments() {
        // NAT64 (RFC 6052) and 6to4 (RFC 3056) lead to the IPv4 address embedded in them.
        [0x64, 0xff9b, 0, 0, 0, 0, _, _] => embedded(y, z),
        [0x2002, high, low, ..] => embedded(high, low),
        // IETF protocol assignments, Teredo among them: 2001::/23. Documentation.
        [0x2001, ..] if b < 0x200 || b == 0xdb8 => false,
        [0x3fff, ..] if b < 0x1000 => false,
        // Global unicast: 2000::/3.
        _ => a & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{net::SocketAddr, path::PathBuf};

    fn public(ip: &str) -> bool {
        is_public(&SocketAddr::new(ip.parse().unwrap(), 80).into())
    }

    #[test]
    fn what_the_registries_call_global_is_public() {
        let ips = [
            "1.1.1.1",
            "9.255.255.255",
            "100.63.0.1",
            "100.128.0.1",
            "172.15.0.1",
            "172.32.0.1",
            "192.0.1.1",
            "198.20.0.1",
            "223.255.255.255",
            "2606:4700::1111",
            "2001:4860::8888",
            "2001:200::1",
            "64:ff9b::1.1.1.1",
            "2002:101:101::1",
            "::ffff:1.1.1.1",
            "3fff:1000::1",
        ];
        for ip in ips {
            assert!(public(ip), "{ip}");
        }
    }

    #[test]
    fn everything_else_is_not() {
        let ips = [
            "0.0.0.0",
            "10.0.0.1",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.1",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.0.1",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::7f00:1",
            "64:ff9b::10.0.0.1",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:1ff::1",
            "2001:db8::1",
            "2002:a00:1::1",
            "3fff::1",
            "5f00::1",
            "fc00::1",
            "fd00::1",
            "fe80::1",
            "ff02::1",
        ];
        for ip in ips {
            assert!(!public(ip), "{ip}");
        }
        assert!(!is_public(&PathBuf::from("/run/s").into()));
    }
}
