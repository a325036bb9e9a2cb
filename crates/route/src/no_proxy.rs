use skybridge_core::{Origin, ascii_host};
use std::{borrow::Cow, net::IpAddr, sync::Arc};

/// Origins that are reached without a proxy: the list of `no_proxy`, `NO_PROXY`, and curl's `--noproxy`.
///
/// Entries are separated by commas, spaces and tabs, and compared without regard to case and a trailing dot:
///
/// | entry | covers |
/// |---|---|
/// | `a.test`, `.a.test` | `a.test` and every name below it |
/// | `*.a.test` | every name below `a.test` |
/// | `192.0.2.1`, `2001:db8::1`, `[2001:db8::1]` | this address, however it is written |
/// | `192.0.2.0/24`, `2001:db8::/32`, `[2001:db8::]/32` | every address of the network |
/// | `*` | everything |
/// | any of them with `:8080` | only at this port, 80 and 443 being those of URLs without one |
///
/// Names are not looked up, so an address or a network covers only URLs that have an address in them. An IPv4 address
/// that is mapped to IPv6 is the IPv4 address. With a port, an IPv6 address must have brackets. Where curl and Go
/// differ, a leading dot is curl's and means the name itself too; what only Go knows, `*.` and ports, is as there; and
/// nothing is covered unasked, not even loopback.
///
/// An entry that is none of these covers nothing, so that what it was meant for goes through the proxy. Nor does a name
/// that isn't ASCII, unless the feature `idn` is on, which [converts](ascii_host) it.
///
/// ```
/// use skybridge_route::NoProxy;
/// use skybridge_core::OriginRef;
///
/// let list = NoProxy::parse(".internal.test, 10.0.0.0/8, [fd00::]/8:8080");
/// let covers = |url: &str| list.covers(&OriginRef::of(&url.parse().unwrap()).unwrap().to_owned().unwrap());
/// assert!(covers("https://wiki.internal.test/") && covers("http://10.1.2.3/") && covers("http://[fd00::1]:8080/"));
/// assert!(!covers("https://a.test/") && !covers("http://[fd00::1]/"));
/// ```
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct NoProxy(Arc<[Entry]>);

#[derive(Clone, Debug, Eq, PartialEq)]
struct Entry {
    hosts: Hosts,
    /// `None` for any.
    port: Option<u16>,
}

#[derive(Clone, Debug, Eq, PartialEq)]
enum Hosts {
    All,
    /// The addresses whose first bits are these.
    Network(IpAddr, u32),
    /// A name in lower case and without dots at its ends, and those below it.
    Name(Box<str>),
    /// Those below a name alone.
    Below(Box<str>),
}

// === impl NoProxy ===

impl NoProxy {
    /// Reads a list. There are no errors: what isn't understood covers nothing.
    pub fn parse(list: &str) -> Self {
        let entries = list.split(|char: char| char == ',' || char.is_ascii_whitespace());
        Self(entries.filter_map(Entry::parse).collect())
    }

    /// Whether an origin is reached without a proxy.
    pub fn covers(&self, origin: &Origin) -> bool {
        let ip = origin.ip().map(|ip| ip.to_canonical());
        self.0.iter().any(|entry| entry.covers(origin.name(), ip, origin.port()))
    }
}

// === impl Entry ===

impl Entry {
    fn parse(text: &str) -> Option<Self> {
        // An IPv6 address is nothing but colons: what is one as a whole has no port.
        if let Some(hosts) = Hosts::network(text) {
            return Some(Self { hosts, port: None });
        }
        let (hosts, port) = match text.rsplit_once(':') {
            Some((hosts, port)) if !port.contains(']') => (hosts, Some(port)),
            _ => (text, None),
        };
        let port = match port {
            None | Some("") => None,
            Some(port) => Some(number(port).and_then(|port| u16::try_from(port).ok()).filter(|port| *port > 0)?),
        };
        // Only in brackets does it have one after it.
        let hosts = if hosts.contains(':') && !hosts.starts_with('[') { None } else { Hosts::parse(hosts) };
        Some(Self { hosts: hosts?, port })
    }

    fn covers(&self, name: &str, ip: Option<IpAddr>, port: u16) -> bool {
        self.port.is_none_or(|own| own == port) && self.hosts.cover(name, ip)
    }
}

// === impl Hosts ===

impl Hosts {
    fn parse(text: &str) -> Option<Self> {
        if text == "*" {
            return Some(Self::All);
        }
        let text = in_ascii(text)?;
        let text = text.strip_suffix('.').unwrap_or(&text);
        if let Some(network) = Self::network(text) {
            return Some(network);
        }
        let (name, below): (_, fn(Box<str>) -> Self) = match text.strip_prefix("*.") {
            Some(name) => (name, Self::Below),
            None => (text.strip_prefix('.').unwrap_or(text), Self::Name),
        };
        let legal = !name.is_empty() && !name.starts_with('.') && !name.contains(['*', '/', '[', ']', ':']);
        legal.then(|| below(name.to_ascii_lowercase().into()))
    }

    /// An address, or a network such as 10.0.0.0/8.
    fn network(text: &str) -> Option<Self> {
        let (ip, bits) = match text.split_once('/') {
            Some((ip, bits)) => (ip, Some(number(bits)?)),
            None => (text, None),
        };
        let bare = ip.strip_prefix('[').and_then(|ip| ip.strip_suffix(']'));
        let ip = bare.unwrap_or(ip).parse::<IpAddr>().ok().filter(|ip| bare.is_none() || ip.is_ipv6())?;
        let bits = bits.unwrap_or(width(ip));
        // The first 96 bits of a mapped address are the same in all of them.
        match (ip, ip.to_canonical()) {
            (IpAddr::V6(_), v4 @ IpAddr::V4(_)) if (96..=128).contains(&bits) => Some(Self::Network(v4, bits - 96)),
            (ip, _) => (bits <= width(ip)).then_some(Self::Network(ip, bits)),
        }
    }

    fn cover(&self, name: &str, ip: Option<IpAddr>) -> bool {
        match (self, ip) {
            (Self::All, _) => true,
            (Self::Network(network, bits), Some(ip)) => is_within(*network, *bits, ip),
            (Self::Name(own), None) => {
                name.strip_suffix(&**own).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
            }
            (Self::Below(own), None) => name.strip_suffix(&**own).is_some_and(|rest| rest.ends_with('.')),
            _ => false,
        }
    }
}

/// With the dot or star before its name, which belongs to the list.
fn in_ascii(text: &str) -> Option<Cow<'_, str>> {
    if text.is_ascii() {
        return Some(text.into());
    }
    let name = text.strip_prefix("*.").or_else(|| text.strip_prefix('.')).unwrap_or(text);
    let before = &text[..text.len() - name.len()];
    let ascii = ascii_host(name).ok().filter(|ascii| !ascii.contains('*'))?;
    Some(format!("{before}{ascii}").into())
}

fn is_within(network: IpAddr, bits: u32, ip: IpAddr) -> bool {
    let (a, b) = match (network, ip) {
        (IpAddr::V4(a), IpAddr::V4(b)) => (a.to_bits().into(), b.to_bits().into()),
        (IpAddr::V6(a), IpAddr::V6(b)) => (a.to_bits(), b.to_bits()),
        _ => return false,
    };
    let differing: u128 = a ^ b;
    differing.checked_shr(width(ip) - bits).unwrap_or(0) == 0
}

fn width(ip: IpAddr) -> u32 {
    if ip.is_ipv4() { 32 } else { 128 }
}

/// Digits alone: `parse` would take a sign, too.
fn number(text: &str) -> Option<u32> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use skybridge_core::OriginRef;

    fn covers(list: &str, authority: &str) -> bool {
        let uri = format!("http://{authority}/").parse().unwrap();
        NoProxy::parse(list).covers(&OriginRef::of(&uri).unwrap().to_owned().unwrap())
    }

    fn check(rows: &[(&str, &[&str], &[&str])]) {
        for (list, covered, others) in rows {
            for (authorities, expected) in [(covered, true), (others, false)] {
                for authority in *authorities {
                    assert_eq!(covers(list, authority), expected, "`{list}` {authority}");
                }
            }
        }
    }

    #[test]
    fn names_cover_what_is_below_them_and_never_a_part_of_a_label() {
        check(&[
            ("a.test", &["a.test", "x.a.test", "y.x.a.test", "A.Test"], &["ba.test", "test", "a.test.b.test", "a.tes"]),
            (".a.test", &["a.test", "x.a.test"], &["ba.test"]),
            ("A.TEST.", &["a.test", "a.test.", "x.a.test."], &["b.test"]),
            (".a.test.", &["a.test", "x.a.test."], &["b.test"]),
            ("*.a.test", &["x.a.test", "y.x.a.test"], &["a.test", "xa.test"]),
            ("localhost", &["localhost", "x.localhost"], &["localhost.test", "127.0.0.1"]),
            ("", &[], &["a.test", "127.0.0.1", "localhost"]),
        ]);
    }

    #[cfg(feature = "idn")]
    #[test]
    fn names_that_are_not_ascii_cover_what_they_are_converted_to() {
        check(&[
            ("bücher.test", &["xn--bcher-kva.test", "x.xn--bcher-kva.test"], &["bcher.test"]),
            (".BÜCHER.test.", &["xn--bcher-kva.test"], &["test"]),
            ("*.bücher\u{3002}test:81", &["x.XN--bcher-kva.test:81"], &["xn--bcher-kva.test:81"]),
            ("straße.test", &["xn--strae-oqa.test"], &["strasse.test"]),
            ("\u{ff11}\u{ff12}\u{ff17}.0.0.1", &["127.0.0.1"], &["127.0.0.2"]),
            ("a\u{ff0f}b.test, ü*.test, *\u{3002}test, \u{ff0a}.test", &[], &["a.test", "b.test"]),
        ]);
    }

    #[test]
    fn everything_is_covered_by_a_star() {
        check(&[
            ("*", &["a.test", "a.test:81", "192.0.2.1", "[::1]"], &[]),
            ("b.test, *", &["a.test"], &[]),
            ("*:81", &["a.test:81", "[::1]:81"], &["a.test"]),
        ]);
    }

    #[test]
    fn entries_are_apart_by_commas_spaces_and_tabs() {
        for list in
            ["a.test,b.test", "a.test b.test", "a.test\tb.test", " ,,\t a.test ,\t b.test,", "a.test\n,b.test\r"]
        {
            assert!(covers(list, "a.test") && covers(list, "b.test") && !covers(list, "c.test"), "{list:?}");
        }
    }

    #[test]
    fn addresses_and_networks_are_compared_by_their_bits() {
        check(&[
            ("192.0.2.1", &["192.0.2.1", "192.0.2.1.", "[::ffff:192.0.2.1]", "[::ffff:c000:201]"], &["192.0.2.2"]),
            ("192.0.2.1.", &["192.0.2.1"], &[]),
            ("192.0.2.0", &[], &["192.0.2.1"]),
            ("192.0.2.0/24", &["192.0.2.1", "192.0.2.255", "[::ffff:192.0.2.9]"], &["192.0.3.1", "[::1]"]),
            ("192.0.2.77/24", &["192.0.2.1"], &["192.0.3.1"]),
            ("10.0.0.0/30", &["10.0.0.3"], &["10.0.0.4"]),
            ("192.0.2.1/32", &["192.0.2.1"], &["192.0.2.0"]),
            ("0.0.0.0/0", &["192.0.2.1"], &["[2001:db8::1]", "a.test"]),
            ("::/0", &["[2001:db8::1]"], &["192.0.2.1"]),
            ("2001:db8::52:0:1", &["[2001:DB8:0:0::52:0:1]", "[2001:db8::0052:0.0.0.1]"], &["[2001:db8::52:0:2]"]),
            ("2001:0DB8::0052:0:0001", &["[2001:db8::52:0:1]"], &[]),
            ("[2001:db8::1]", &["[2001:db8::1]"], &["[2001:db8::2]"]),
            ("2001:db8:a::45/64", &["[2001:db8:a::123]"], &["[2001:db8:a:1::1]"]),
            ("[fd00::]/8", &["[fd12::1]"], &["[fe00::1]"]),
            ("::ffff:192.0.2.0/120", &["192.0.2.1", "[::ffff:192.0.2.1]"], &["192.0.3.1"]),
            ("::ffff:192.0.2.1", &["192.0.2.1"], &["192.0.2.2"]),
        ]);
    }

    #[test]
    fn a_port_is_that_of_the_url_or_of_its_scheme() {
        check(&[
            ("a.test:80", &["a.test", "x.a.test:80"], &["a.test:81"]),
            ("a.test:81", &["a.test:81"], &["a.test"]),
            ("a.test.:81, b.test:82", &["a.test:81", "b.test:82"], &["a.test:82"]),
            ("*.a.test:81", &["x.a.test:81"], &["x.a.test", "a.test:81"]),
            ("a.test:", &["a.test", "a.test:81"], &[]),
            ("192.0.2.1:81", &["192.0.2.1:81"], &["192.0.2.1"]),
            ("192.0.2.0/24:81", &["192.0.2.1:81"], &["192.0.2.1"]),
            ("[::1]:80", &["[::1]"], &["[::1]:81"]),
            ("[fd00::]/8:81", &["[fd00::1]:81"], &["[fd00::1]"]),
            // An address as a whole.
            ("::1:81", &["[::1:81]"], &["[::1]:81"]),
        ]);
        let sealed = OriginRef::of(&"https://a.test/".parse().unwrap()).unwrap().to_owned().unwrap();
        assert!(NoProxy::parse("a.test:443").covers(&sealed) && !NoProxy::parse("a.test:80").covers(&sealed));
    }

    #[test]
    fn what_is_not_understood_covers_nothing() {
        for list in [
            ":1",
            ".",
            "*.",
            "..",
            "..a.test",
            "*..a.test",
            "a.test..",
            ":",
            "/8",
            "[]",
            "[::1",
            "::1]",
            "[a.test]",
            "[192.0.2.1]",
            "192.0.2.0/33",
            "::/129",
            "192.0.2.0/",
            "192.0.2.0/+8",
            "192.0.2.0/-1",
            "192.0.2.0/255.255.255.0",
            "a.test:+80",
            "a.test:0",
            "a.test:65536",
            "a.test:x",
            "a*.test",
            "a.*",
            "http://a.test",
            "a.test/8",
            "fe80::1%eth0",
            "b\u{fc}cher.test",
            "192.0.2",
            "1:2:3:4:5:6:7:8:80",
            "192.0.2.1:",
            "[::ffff:192.0.2.0]/200",
        ] {
            let covered = ["a.test", "a.test:80", "x.a.test", "192.0.2.2", "[::1]"].map(|host| covers(list, host));
            assert_eq!(covered, [false; 5], "{list}");
        }
    }
}
