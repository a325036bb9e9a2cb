//! How the values of flags are read. Each error ends in an example of what would do.

use http::{HeaderMap, HeaderName, HeaderValue, header};
use skybridge::{
    Endpoint, Pins,
    types::{BasicAuth, Dial, Proxy, ProxyHeaders, ascii_host},
};
use std::{
    net::{IpAddr, SocketAddr},
    str::FromStr,
    time::Duration,
};

/// A time in seconds, fractions allowed. As with curl, 0 is none.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Seconds(pub(crate) Duration);

/// One `-H`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Header {
    Set(HeaderName, HeaderValue),
    /// One that is sent unasked is left out.
    Without(HeaderName),
}

/// One `--proxy-header`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ProxyHeader(pub(crate) Header);

/// One `--resolve`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Resolve {
    /// `None` is any, `*`.
    pub(crate) host: Option<String>,
    pub(crate) port: u16,
    /// None at all takes away what was said before.
    pub(crate) endpoints: Vec<Endpoint>,
    /// It holds for a while only.
    pub(crate) expires: bool,
}

/// One `--connect-to`. What is `None` on the left matches all, on the right it stays as it was.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ConnectTo {
    pub(crate) from: (Option<String>, Option<u16>),
    pub(crate) to: (Option<String>, Option<u16>),
}

/// `--interface`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Interface {
    Address(IpAddr),
    Name(String),
}

/// One `-x`: a proxy, or none at all.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Way(pub(crate) Option<Proxy>);

/// `--preproxy`: spoken to by SOCKS.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Preproxy(pub(crate) Proxy);

/// `-U`.
#[derive(Clone)]
pub(crate) struct Credentials(pub(crate) BasicAuth);

/// One `--pin`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct PinRule {
    pub(crate) pattern: String,
    pub(crate) pin: String,
}

impl Seconds {
    /// `None` for 0, which lifts a limit.
    pub(crate) fn limit(self) -> Duration {
        if self.0.is_zero() { Duration::MAX } else { self.0 }
    }
}

impl FromStr for Seconds {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = "not a number of seconds, such as 2 or 0.5";
        let seconds = text.parse::<f64>().map_err(|_| wrong)?;
        Duration::try_from_secs_f64(seconds).map(Self).map_err(|_| wrong)
    }
}

impl FromStr for Header {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = "not a header, such as 'accept: text/html'";
        if let Some(name) = text.strip_suffix(';')
            && !text.contains(':')
        {
            return Ok(Self::Set(name.parse().map_err(|_| wrong)?, HeaderValue::from_static("")));
        }
        let (name, value) = text.split_once(':').ok_or(wrong)?;
        let name = name.trim().parse().map_err(|_| wrong)?;
        match value.trim() {
            "" => Ok(Self::Without(name)),
            value => Ok(Self::Set(name, HeaderValue::from_str(value).map_err(|_| wrong)?)),
        }
    }
}

impl FromStr for ProxyHeader {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let nearest = "nearest: 'x-session: 7'";
        let header = text.parse().map_err(|_| format!("not a header; {nearest}"))?;
        match &header {
            // Credentials; no other header takes their place.
            Header::Set(name, _) if *name == header::PROXY_AUTHORIZATION => {}
            Header::Set(name, value) => {
                let one = HeaderMap::from_iter([(name.clone(), value.clone())]);
                ProxyHeaders::new(&one).map_err(|error| format!("{error}; {nearest}"))?;
            }
            Header::Without(name) if *name == header::HOST => {
                return Err(format!("a proxy must be told the host; {nearest}"));
            }
            // It isn't there.
            Header::Without(_) => {}
        }
        Ok(Self(header))
    }
}

impl FromStr for Way {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // As with curl, an empty one turns off those of the environment.
        if matches!(text, "" | "direct://" | "direct:") {
            return Ok(Self(None));
        }
        let nearest = "nearest: http://proxy.test:3128, socks5h://proxy.test:1080 or direct://";
        Proxy::parse(text).map(|proxy| Self(Some(proxy))).map_err(|error| format!("{error}; {nearest}"))
    }
}

impl Way {
    /// `--proxy1.0`.
    pub(crate) fn of_http(text: &str) -> Result<Self, String> {
        match text.parse() {
            Ok(Self(Some(proxy))) if proxy.kind.is_http() => Ok(Self(Some(proxy))),
            Ok(_) => Err("not an HTTP proxy; nearest: proxy.test:3128".to_owned()),
            Err(error) => Err(error),
        }
    }
}

impl FromStr for Preproxy {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let nearest = "nearest: socks5h://proxy.test:1080";
        match Proxy::parse(text) {
            Ok(proxy) if proxy.kind.is_http() => Err(format!("not a SOCKS proxy; {nearest}")),
            Ok(proxy) => Ok(Self(proxy)),
            Err(error) => Err(format!("{error}; {nearest}")),
        }
    }
}

impl FromStr for PinRule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let nearest = "nearest: '**.a.test=sha256/BASE64'";
        let (pattern, pin) = text.split_once('=').ok_or_else(|| format!("no PATTERN=PIN; {nearest}"))?;
        Pins::new().pin(pattern, pin).map_err(|error| format!("{error}; {nearest}"))?;
        Ok(Self { pattern: pattern.to_owned(), pin: pin.to_owned() })
    }
}

impl FromStr for Credentials {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (user, password) = text.split_once(':').ok_or("not USER:PASSWORD")?;
        Ok(Self(BasicAuth::new(user, password)))
    }
}

impl FromStr for Resolve {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = "not HOST:PORT:ADDR[,ADDR...], such as a.test:443:127.0.0.1,::1";
        let expires = text.starts_with('+');
        let (removes, text) = match text.strip_prefix('-') {
            Some(text) => (true, text),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (host, rest) = split(text).ok_or(wrong)?;
        let host = match host {
            "*" => None,
            host if host.is_empty() || host.starts_with(['+', '-']) || host.contains(['*', ',']) => return Err(wrong),
            host => {
                let host = ascii_host(host).ok().filter(|host| !host.contains('*')).ok_or(wrong)?;
                Some(host.into_owned())
            }
        };
        if removes {
            let port = rest.parse().map_err(|_| "not -HOST:PORT, such as -a.test:443")?;
            return Ok(Self { host, port, endpoints: Vec::new(), expires });
        }
        let (port, addresses) = rest.split_once(':').ok_or(wrong)?;
        let port = port.parse().map_err(|_| wrong)?;
        let endpoint = |address: &str| -> Result<_, &'static str> {
            let ip = address.trim_matches(['[', ']']).parse::<IpAddr>().map_err(|_| wrong)?;
            Ok(Endpoint::from(SocketAddr::new(ip, port)))
        };
        let endpoints = addresses.split(',').map(endpoint).collect::<Result<_, _>>()?;
        Ok(Self { host, port, endpoints, expires })
    }
}

impl FromStr for Interface {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let address = |text: &str| text.trim_matches(['[', ']']).parse().map(Self::Address);
        if let Some(host) = text.strip_prefix("host!") {
            return address(host).map_err(|_| "not an address, such as host!192.0.2.7");
        }
        let name = text.strip_prefix("if!");
        match (address(text), name.unwrap_or(text)) {
            (Ok(address), _) if name.is_none() => Ok(address),
            // What no system would take for a name of one.
            (_, name) if (1..=15).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_graphic() && b != b'/') => {
                Ok(Self::Name(name.to_owned()))
            }
            _ => Err("neither an interface nor an address, such as eth0 or 192.0.2.7"),
        }
    }
}

impl FromStr for ConnectTo {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = "not H1:P1:H2:P2, such as a.test:443:127.0.0.1:8443";
        let part = |text: &str| match ascii_host(text) {
            Ok(host) => Ok((!host.is_empty()).then(|| host.into_owned())),
            Err(_) => Err(wrong),
        };
        let port = |text: &str| match text {
            "" => Ok(None),
            text => text.parse().map(Some).map_err(|_| wrong),
        };
        let (host1, rest) = split(text).ok_or(wrong)?;
        let (port1, rest) = rest.split_once(':').ok_or(wrong)?;
        let (host2, port2) = split(rest).ok_or(wrong)?;
        let to = (part(host2)?, port(port2)?);
        Dial::host_and_port(to.0.as_deref().unwrap_or("a.test"), to.1.unwrap_or(1)).map_err(|_| wrong)?;
        Ok(Self { from: (part(host1)?, port(port1)?), to })
    }
}

/// At the colon after a host, which may be an address in brackets.
fn split(text: &str) -> Option<(&str, &str)> {
    let after = if text.starts_with('[') { text.find(']')? } else { 0 };
    let colon = after + text[after..].find(':')?;
    Some((text[..colon].trim_matches(['[', ']']), &text[colon + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interfaces_are_names_or_addresses() {
        let name = |name: &str| Ok(Interface::Name(name.to_owned()));
        let address = |text: &str| Ok(Interface::Address(text.parse().unwrap()));
        let rows = [
            ("eth0", name("eth0")),
            ("if!eth0.100", name("eth0.100")),
            // One that looks like an address.
            ("if!10.0.0.1", name("10.0.0.1")),
            ("10.0.0.1", address("10.0.0.1")),
            ("host!10.0.0.1", address("10.0.0.1")),
            ("[::1]", address("::1")),
            ("host!eth0", Err("not an address, such as host!192.0.2.7")),
            ("", Err("neither an interface nor an address, such as eth0 or 192.0.2.7")),
            ("longer-than-15-by", Err("neither an interface nor an address, such as eth0 or 192.0.2.7")),
            ("http://a.test", Err("neither an interface nor an address, such as eth0 or 192.0.2.7")),
        ];
        for (text, expected) in rows {
            assert_eq!(text.parse::<Interface>(), expected, "{text}");
        }
    }

    #[test]
    fn seconds_may_have_fractions_and_nothing_else() {
        assert_eq!("0.25".parse(), Ok(Seconds(Duration::from_millis(250))));
        assert_eq!("0".parse::<Seconds>().unwrap().limit(), Duration::MAX);
        for wrong in ["", "-1", "2s", "nan", "inf"] {
            assert!(wrong.parse::<Seconds>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn headers_are_set_emptied_and_left_out() {
        let name = HeaderName::from_static("x");
        assert_eq!("X:  a b ".parse(), Ok(Header::Set(name.clone(), HeaderValue::from_static("a b"))));
        assert_eq!("X;".parse(), Ok(Header::Set(name.clone(), HeaderValue::from_static(""))));
        assert_eq!("X:".parse(), Ok(Header::Without(name)));
        assert!("X".parse::<Header>().is_err() && "a b: c".parse::<Header>().is_err());
    }

    #[test]
    fn headers_for_proxies_are_those_that_are_not_ours_to_say() {
        for header in ["x: 1", "x;", "user-agent:", "Proxy-Authorization: Bearer x", "proxy-connection:"] {
            assert_eq!(header.parse(), Ok(ProxyHeader(header.parse().unwrap())));
        }
        for header in ["x", "Host: a.test", "host:", "Connection: x", "content-length: 1", "transfer-encoding: x"] {
            assert!(
                header.parse::<ProxyHeader>().is_err_and(|why| why.ends_with("nearest: 'x-session: 7'")),
                "{header}"
            );
        }
    }

    #[test]
    fn a_preproxy_is_spoken_to_by_socks() {
        for url in ["socks4://p.test", "socks4a://p.test", "socks5://p.test", "socks5h://me:pw@p.test:9050"] {
            assert_eq!(url.parse::<Preproxy>().map(|preproxy| preproxy.0), Ok(Proxy::parse(url).unwrap()));
        }
        for url in ["p.test:1080", "http://p.test", "https://p.test", "direct://", ""] {
            assert!(url.parse::<Preproxy>().is_err_and(|error| error.ends_with("socks5h://proxy.test:1080")), "{url}");
        }
    }

    #[test]
    fn resolve_takes_addresses_of_both_families_in_order() {
        let resolve: Resolve = "a.test:443:[::1],127.0.0.1".parse().unwrap();
        assert_eq!((resolve.host.as_deref(), resolve.port, resolve.expires), (Some("a.test"), 443, false));
        assert_eq!(
            resolve.endpoints.iter().map(ToString::to_string).collect::<Vec<_>>(),
            ["[::1]:443", "127.0.0.1:443"]
        );
        for wrong in [
            "a.test:443",
            "a.test:x:127.0.0.1",
            "a.test:443:b.test",
            "*.test:443:127.0.0.1",
            "a.test:443:",
            ":443:::1",
            "a\u{ff0f}b.test:443:::1",
            "\u{ff0a}:443:::1",
            "",
        ] {
            assert!(wrong.parse::<Resolve>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn hosts_that_are_not_ascii_are_those_that_urls_have() {
        let resolve: Resolve = "Bücher.test:443:::1".parse().unwrap();
        assert_eq!(resolve.host.as_deref(), Some("xn--bcher-kva.test"));
        let all: ConnectTo = "bücher.test:443:straße.test:8443".parse().unwrap();
        let host = |name: &str| Some(name.to_owned());
        assert_eq!((all.from.0, all.to.0), (host("xn--bcher-kva.test"), host("xn--strae-oqa.test")));
    }

    #[test]
    fn resolve_may_be_for_any_host_for_a_while_and_undone() {
        let of = |text: &str| {
            let Resolve { host, port, endpoints, expires } = text.parse()?;
            Ok::<_, &str>((host.unwrap_or("*".into()), port, endpoints.len(), expires))
        };
        assert_eq!(of("*:443:127.0.0.1"), Ok(("*".into(), 443, 1, false)));
        assert_eq!(of("+a.test:443:[::1],127.0.0.1"), Ok(("a.test".into(), 443, 2, true)));
        assert_eq!(of("+*:443:::1"), Ok(("*".into(), 443, 1, true)));
        assert_eq!(of("-[::1]:443"), Ok(("::1".into(), 443, 0, false)));
        assert_eq!(of("-*:443"), Ok(("*".into(), 443, 0, false)));
        for wrong in ["-a.test", "-a.test:443:127.0.0.1", "--a.test:443", "+-a.test:443", "-:443"] {
            assert!(of(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn connect_to_may_leave_out_any_part() {
        let all: ConnectTo = "a.test:443:[::1]:8443".parse().unwrap();
        assert_eq!(all, ConnectTo { from: (Some("a.test".into()), Some(443)), to: (Some("::1".into()), Some(8443)) });
        let none: ConnectTo = ":::".parse().unwrap();
        assert_eq!(none, ConnectTo { from: (None, None), to: (None, None) });
        for wrong in
            ["a.test:443:b.test", "a.test:443:b test:443", "::b.test:0", "a.test:443:u@b.test:", "a\u{ff0f}b.test:::"]
        {
            assert!(wrong.parse::<ConnectTo>().is_err(), "{wrong}");
        }
    }
}
