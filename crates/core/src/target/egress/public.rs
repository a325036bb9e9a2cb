//! Which addresses are public: those that the IANA special-purpose registries (RFC 6890) call globally reachable.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// An IPv4 address in an IPv6 one, and what embeds it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Embedded {
    pub(super) ip: Ipv4Addr,
    pub(super) by: &'static str,
    /// Whether what embeds it is in use on the public Internet.
    is_routed: bool,
}

/// What an address is, if it isn't public, and what embeds it.
pub(super) fn not_public(ip: IpAddr) -> Option<(&'static str, Option<&'static str>)> {
    let v6 = match ip.to_canonical() {
        IpAddr::V4(ip) => return not_public_v4(ip).map(|kind| (kind, None)),
        IpAddr::V6(ip) => ip,
    };
    let embedded = embedded(v6);
    let special = embedded.iter().flatten().find_map(|inner| Some((not_public_v4(inner.ip)?, Some(inner.by))));
    // An address that nobody has leads nowhere, or to where a router of this network sends it.
    let unrouted = || embedded.iter().flatten().find(|inner| !inner.is_routed).map(|inner| (inner.by, None));
    special.or_else(unrouted).or_else(|| not_public_v6(v6).map(|kind| (kind, None)))
}

fn not_public_v4(ip: Ipv4Addr) -> Option<&'static str> {
    Some(match ip.octets() {
        // Of most clouds; of Azure, where it looks public; of Alibaba and Oracle.
        [169, 254, 169, 254] | [168, 63, 129, 16] | [100, 100, 100, 200] | [192, 0, 0, 192] => "metadata service",
        [0, 0, 0, 0] => "unspecified",
        [0, ..] => "this network (0.0.0.0/8)",
        [127, ..] => "loopback",
        [10, ..] | [192, 168, ..] => "private",
        [172, b, ..] if b & 0xf0 == 16 => "private",
        [100, b, ..] if b & 0xc0 == 64 => "carrier-grade NAT (100.64.0.0/10)",
        [169, 254, ..] => "link-local",
        [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => "documentation",
        [192, 0, 0, _] => "IETF protocol assignment (192.0.0.0/24)",
        [192, 88, 99, _] => "6to4 relay (192.88.99.0/24)",
        [198, 18 | 19, ..] => "benchmarking (198.18.0.0/15)",
        [255, 255, 255, 255] => "broadcast",
        [224..=239, ..] => "multicast",
        [240..=255, ..] => "reserved (240.0.0.0/4)",
        _ => return None,
    })
}

fn not_public_v6(ip: Ipv6Addr) -> Option<&'static str> {
    Some(match ip.segments() {
        // Of Amazon and of Google.
        [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254] | [0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254] => "metadata service",
        [0, 0, 0, 0, 0, 0, 0, 0] => "unspecified",
        [0, 0, 0, 0, 0, 0, 0, 1] => "loopback",
        // NAT64, which is what the IPv4 address is.
        [0x64, 0xff9b, 0, 0, 0, 0, ..] => return None,
        [0x64, 0xff9b, 1, ..] => "local NAT64 (64:ff9b:1::/48)",
        [0x2001, 0xdb8, ..] => "documentation",
        [0x3fff, b, ..] if b < 0x1000 => "documentation",
        [0x2001, b, ..] if b < 0x200 => "IETF protocol assignment (2001::/23)",
        [a, ..] if a & 0xffc0 == 0xfe80 => "link-local",
        [a, ..] if a & 0xffc0 == 0xfec0 => "site-local",
        [a, ..] if a & 0xfe00 == 0xfc00 => "unique local (fc00::/7)",
        [a, ..] if a & 0xff00 == 0xff00 => "multicast",
        // Global unicast: 2000::/3.
        [a, ..] if a & 0xe000 == 0x2000 => return None,
        _ => "reserved",
    })
}

/// The IPv4 addresses that an IPv6 one leads to, by one of the mechanisms of transition.
pub(super) fn embedded(ip: Ipv6Addr) -> [Option<Embedded>; 2] {
    let segments = ip.segments();
    let v4 = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    let of = |ip, by, is_routed| Some(Embedded { ip, by, is_routed });
    // RFC 5214, section 6.1: in an address of any prefix.
    let isatap = match segments {
        [_, _, _, _, 0 | 0x200, 0x5efe, y, z] => of(v4(y, z), "ISATAP", true),
        _ => None,
    };
    match segments {
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => [None, None],
        [0, 0, 0, 0, 0, 0xffff, y, z] => [of(v4(y, z), "IPv4-mapped", true), None],
        [0, 0, 0, 0, 0, 0, y, z] => [of(v4(y, z), "IPv4-compatible (::/96)", false), None],
        [0, 0, 0, 0, 0xffff, 0, y, z] => [of(v4(y, z), "IPv4-translated (::ffff:0:0:0/96)", false), None],
        // RFC 6052, 3056, and 4380, where the client's address is inverted.
        [0x64, 0xff9b, 0, 0, 0, 0, y, z] => [of(v4(y, z), "NAT64", true), None],
        [0x2002, high, low, ..] => [of(v4(high, low), "6to4", true), isatap],
        [0x2001, 0, high, low, _, _, y, z] => [of(v4(high, low), "Teredo", false), of(v4(!y, !z), "Teredo", false)],
        _ => [isatap, None],
    }
}

/// The IPv4 addresses that one of a network's own NAT64 (64:ff9b:1::/48, RFC 8215) can lead to. Which part of it embeds
/// one depends on the length of the network's prefix, which isn't known here: 48, 56, 64 or 96 bits (RFC 6052, section
/// 2.2). Where it isn't this one the part is mostly zeros, and 0.0.0.0/8 is nowhere.
pub(super) fn by_local_nat64(ip: Ipv6Addr) -> impl Iterator<Item = Ipv4Addr> {
    const PARTS: [[usize; 4]; 4] = [[6, 7, 9, 10], [7, 9, 10, 11], [9, 10, 11, 12], [12, 13, 14, 15]];
    let octets = ip.octets();
    let parts = if octets.starts_with(&[0, 0x64, 0xff, 0x9b, 0, 1]) { &PARTS[..] } else { &[] };
    let addresses = parts.iter().map(move |part| Ipv4Addr::from(part.map(|at| octets[at])));
    addresses.filter(|ip| ip.octets()[0] != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(ip: &str) -> Option<(&'static str, Option<&'static str>)> {
        not_public(ip.parse().unwrap())
    }

    #[test]
    fn what_the_registries_call_global_is_public() {
        let ips = [
            "1.1.1.1",
            "9.255.255.255",
            "100.63.0.1",
            "100.128.0.1",
            "168.63.129.17",
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
            "2606:4700::5efe:1.1.1.1",
            "2606:4700::100:5efe:10.0.0.1",
        ];
        for ip in ips {
            assert_eq!(of(ip), None, "{ip}");
        }
    }

    #[test]
    fn everything_else_is_not_and_is_named() {
        let rows = [
            ("0.0.0.0", "unspecified"),
            ("0.1.2.3", "this network (0.0.0.0/8)"),
            ("10.0.0.1", "private"),
            ("100.64.0.1", "carrier-grade NAT (100.64.0.0/10)"),
            ("100.127.255.255", "carrier-grade NAT (100.64.0.0/10)"),
            ("100.100.100.200", "metadata service"),
            ("127.0.0.1", "loopback"),
            ("168.63.129.16", "metadata service"),
            ("169.254.1.1", "link-local"),
            ("169.254.169.254", "metadata service"),
            ("172.16.0.1", "private"),
            ("172.31.255.255", "private"),
            ("192.0.0.1", "IETF protocol assignment (192.0.0.0/24)"),
            ("192.0.2.1", "documentation"),
            ("192.88.99.1", "6to4 relay (192.88.99.0/24)"),
            ("192.168.1.1", "private"),
            ("198.18.0.1", "benchmarking (198.18.0.0/15)"),
            ("198.19.0.1", "benchmarking (198.18.0.0/15)"),
            ("198.51.100.1", "documentation"),
            ("203.0.113.1", "documentation"),
            ("224.0.0.1", "multicast"),
            ("239.255.255.255", "multicast"),
            ("240.0.0.1", "reserved (240.0.0.0/4)"),
            ("255.255.255.255", "broadcast"),
            ("::", "unspecified"),
            ("::1", "loopback"),
            ("64:ff9b:1::1", "local NAT64 (64:ff9b:1::/48)"),
            ("64:ff9b:1::1.1.1.1", "local NAT64 (64:ff9b:1::/48)"),
            ("64:ff9b:2::1", "reserved"),
            ("100::1", "reserved"),
            ("2001:2::1", "IETF protocol assignment (2001::/23)"),
            ("2001:1ff::1", "IETF protocol assignment (2001::/23)"),
            ("2001:db8::1", "documentation"),
            ("3fff::1", "documentation"),
            ("5f00::1", "reserved"),
            ("fc00::1", "unique local (fc00::/7)"),
            ("fd00::1", "unique local (fc00::/7)"),
            ("fd00:ec2::254", "metadata service"),
            ("fe80::1", "link-local"),
            ("febf::1", "link-local"),
            ("fec0::1", "site-local"),
            ("ff02::1", "multicast"),
        ];
        for (ip, kind) in rows {
            assert_eq!(of(ip), Some((kind, None)), "{ip}");
        }
    }

    #[test]
    fn an_ipv4_address_in_an_ipv6_one_is_judged_for_itself() {
        let rows = [
            ("::ffff:127.0.0.1", "loopback", None),
            ("::ffff:10.0.0.1", "private", None),
            ("::127.0.0.1", "loopback", Some("IPv4-compatible (::/96)")),
            ("::2", "this network (0.0.0.0/8)", Some("IPv4-compatible (::/96)")),
            ("::1.1.1.1", "IPv4-compatible (::/96)", None),
            ("::ffff:0:10.0.0.1", "private", Some("IPv4-translated (::ffff:0:0:0/96)")),
            ("::ffff:0:1.1.1.1", "IPv4-translated (::ffff:0:0:0/96)", None),
            ("64:ff9b::10.0.0.1", "private", Some("NAT64")),
            ("64:ff9b::169.254.169.254", "metadata service", Some("NAT64")),
            ("2002:a00:1::1", "private", Some("6to4")),
            ("2002:7f00:1::", "loopback", Some("6to4")),
            // The server, and the client, which is inverted.
            ("2001:0:a00:1::f5ff:fffe", "private", Some("Teredo")),
            ("2001:0:101:101::f5ff:fffe", "private", Some("Teredo")),
            ("2001:0:101:101::fefe:fefe", "Teredo", None),
            ("2606:4700::5efe:10.0.0.1", "private", Some("ISATAP")),
            ("2606:4700::200:5efe:127.0.0.1", "loopback", Some("ISATAP")),
            ("2002:101:101::5efe:10.0.0.1", "private", Some("ISATAP")),
            // Whatever the IPv4 address, the prefix is judged too.
            ("fe80::5efe:1.1.1.1", "link-local", None),
            ("fd00::200:5efe:1.1.1.1", "unique local (fc00::/7)", None),
        ];
        for (ip, kind, by) in rows {
            assert_eq!(of(ip), Some((kind, by)), "{ip}");
        }
    }
}
