//! The proxies of a URL: those of `-x` and `--preproxy`, or the environment's; and the hosts that are exempt.

use crate::args::{Args, Way};
use http::Uri;
use skybridge::{
    PasswordAuth,
    types::{Proxy, ProxyError},
};
use std::{error::Error, ffi::OsString, fmt, net::IpAddr, sync::Arc};

type ProxyChain = Arc<[Proxy]>;

pub(crate) struct Proxies {
    /// `-x` or `--preproxy` was given: the client has the proxies.
    given: bool,
    /// Those of `-x` and `--preproxy`.
    proxy_lists: Vec<ProxyChain>,
    http: Option<ProxyChain>,
    https: Option<ProxyChain>,
    except: Exceptions,
}

/// Why an environment variable names no proxy. It is not ignored: that would mean to connect directly.
#[derive(Debug)]
pub(crate) enum NotAProxy {
    NotText,
    Proxy(ProxyError),
}

/// Hosts that are connected to directly.
struct Exceptions(Vec<Box<str>>);

/// The proxies of `-x` in order, each behind that of `--preproxy`.
pub(crate) fn proxy_lists(args: &Args) -> Vec<ProxyChain> {
    let first = args.proxy.preproxy.as_ref().map(|preproxy| preproxy.0.clone());
    if args.proxy.proxy.is_empty() {
        // Without -x, -U is for this proxy.
        return first.into_iter().map(|proxy| [with_credentials(proxy, args)].into()).collect();
    }
    let way = |way: &Way| {
        let last = way.0.clone().map(|proxy| with_credentials(proxy, args));
        first.clone().into_iter().chain(last).collect()
    };
    args.proxy.proxy.iter().map(way).collect()
}

fn with_credentials(proxy: Proxy, args: &Args) -> Proxy {
    let proxy = if args.proxy.proxytunnel { proxy.tunnels_all() } else { proxy };
    let proxy = match &args.proxy.proxy_user {
        Some(credentials) if proxy.auth.is_none() => proxy.auth(credentials.0.clone()),
        _ => proxy,
    };
    by_scheme(proxy, args)
}

/// User and password are shown when the proxy asks for them, where that was said.
fn by_scheme(proxy: Proxy, args: &Args) -> Proxy {
    let own = proxy.auth.as_ref().and_then(|auth| auth.0.user_password());
    let auth = match own.filter(|_| proxy.kind.is_http()) {
        Some((user, password)) if args.proxy.proxy_digest => PasswordAuth::digest(user, password),
        Some((user, password)) if args.proxy.proxy_anyauth => PasswordAuth::any(user, password),
        _ => return proxy,
    };
    proxy.auth(auth)
}

impl Proxies {
    /// # Errors
    /// When the environment names an invalid proxy: the variable, and why.
    pub(crate) fn of(
        args: &Args,
        variable: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Self, (&'static str, NotAProxy)> {
        // As with curl, --preproxy alone overrides the environment.
        let given = !args.proxy.proxy.is_empty() || args.proxy.preproxy.is_some();
        let proxy = |connect_to: &[&'static str]| -> Result<Option<ProxyChain>, _> {
            let set =
                connect_to.iter().find_map(|name| Some((*name, variable(name).filter(|value| !value.is_empty())?)));
            let Some((name, value)) = set.filter(|_| !given) else { return Ok(None) };
            let value = value.to_str().ok_or((name, NotAProxy::NotText))?;
            let proxy = Proxy::parse(value).map_err(|error| (name, NotAProxy::Proxy(error)))?;
            Ok(Some([with_credentials(proxy, args)].into()))
        };
        let environment = || ["no_proxy", "NO_PROXY"].into_iter().find_map(&variable).filter(|_| !given);
        // An entry that isn't UTF-8 matches no host; the others apply.
        let environment = || environment().map(|list| list.to_string_lossy().into_owned());
        let except = args.proxy.noproxy.clone().or_else(environment).unwrap_or_default();
        // HTTP_PROXY is ignored: a CGI server sets it from a request's header.
        Ok(Self {
            given,
            proxy_lists: proxy_lists(args),
            http: proxy(&["http_proxy", "all_proxy", "ALL_PROXY"])?,
            https: proxy(&["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"])?,
            except: Exceptions::parse(&except),
        })
    }

    /// Whether this URL may be fetched through a proxy.
    pub(crate) fn are_for(&self, uri: &Uri) -> bool {
        self.proxies(uri).map_or(self.given, |proxies| !proxies.is_empty())
    }

    /// The hosts and ports of all of them.
    pub(crate) fn hosts_and_ports(&self) -> Arc<[(Box<str>, u16)]> {
        let all = self.proxy_lists.iter().chain(&self.http).chain(&self.https);
        all.flat_map(|proxies| proxies.iter()).map(|proxy| (proxy.name().into(), proxy.port)).collect()
    }

    /// The proxies for a request to this URL; `None` leaves them to the client.
    pub(crate) fn proxies(&self, uri: &Uri) -> Option<ProxyChain> {
        if self.except.covers(uri.host().unwrap_or_default()) {
            return Some([].into());
        }
        match uri.scheme_str() {
            _ if self.given => None,
            Some("https") => self.https.clone(),
            _ => self.http.clone(),
        }
    }
}

impl fmt::Display for NotAProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotText => f.write_str("not UTF-8"),
            Self::Proxy(error) => write!(f, "{error}"),
        }
    }
}

impl Error for NotAProxy {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::NotText => None,
            Self::Proxy(error) => error.source(),
        }
    }
}

impl Exceptions {
    fn parse(list: &str) -> Self {
        let entries = list.split([',', ' ']).map(str::trim).filter(|entry| !entry.is_empty());
        Self(entries.map(|entry| entry.trim_start_matches('.').to_ascii_lowercase().into()).collect())
    }

    fn covers(&self, host: &str) -> bool {
        let host = host.trim_matches(['[', ']']).trim_end_matches('.').to_ascii_lowercase();
        let ip = host.parse::<IpAddr>().ok();
        self.0.iter().any(|entry| match ip {
            _ if &**entry == "*" => true,
            Some(ip) => is_within(entry, ip),
            None => host.strip_suffix(&**entry).is_some_and(|rest| rest.is_empty() || rest.ends_with('.')),
        })
    }
}

/// An address, or a network such as 10.0.0.0/8.
fn is_within(entry: &str, ip: IpAddr) -> bool {
    let (network, bits) = match entry.split_once('/') {
        Some((network, bits)) => (network, bits.parse::<u32>().ok()),
        None => (entry, Some(128)),
    };
    let (Ok(network), Some(bits)) = (network.trim_matches(['[', ']']).parse::<IpAddr>(), bits) else { return false };
    match (network, ip) {
        (IpAddr::V4(network), IpAddr::V4(ip)) => same(network.to_bits().into(), ip.to_bits().into(), 32, bits),
        (IpAddr::V6(network), IpAddr::V6(ip)) => same(network.to_bits(), ip.to_bits(), 128, bits),
        _ => false,
    }
}

fn same(a: u128, b: u128, width: u32, bits: u32) -> bool {
    (a ^ b).checked_shr(width.saturating_sub(bits)).unwrap_or(0) == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;
    use http::Method;
    use skybridge::types::ProxyRequest;

    fn args(line: &str) -> Args {
        Args::try_parse_from(["skybridge", "u"].into_iter().chain(line.split_whitespace()))
            .unwrap_or_else(|error| panic!("{error}"))
    }

    fn proxies(line: &str, environment: &[(&str, &str)]) -> Proxies {
        let variable =
            |name: &str| environment.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).into());
        Proxies::of(&args(line), variable).unwrap()
    }

    fn chain_of(proxies: &Proxies, url: &str) -> String {
        match proxies.proxies(&url.parse().unwrap()) {
            None => "client".into(),
            Some(proxies) if proxies.is_empty() => "direct".into(),
            Some(proxies) => proxies[0].to_string(),
        }
    }

    #[test]
    fn the_environment_is_asked_when_no_proxy_is_given() {
        let environment = [("http_proxy", "p.test:1"), ("HTTPS_PROXY", "socks5h://q.test"), ("no_proxy", "b.test")];
        let own = proxies("", &environment);
        assert_eq!(chain_of(&own, "http://a.test/"), "http://p.test:1");
        assert_eq!(chain_of(&own, "https://a.test/"), "socks5h://q.test:1080");
        assert_eq!(chain_of(&own, "http://x.b.test/"), "direct");
        let given = proxies("-x http://r.test:2 --noproxy c.test", &environment);
        assert_eq!(chain_of(&given, "http://b.test/"), "client");
        assert_eq!(chain_of(&given, "http://c.test/"), "direct");
        assert!(proxies("-p", &environment).proxies(&"http://a.test/".parse().unwrap()).unwrap()[0].tunnels_all);
        assert_eq!(chain_of(&proxies("", &[("HTTP_PROXY", "http://evil.test")]), "http://a.test/"), "client");
    }

    /// The proxies of each list, with their users.
    fn chains(line: &str) -> Vec<String> {
        let user = |proxy: &Proxy| {
            let auth = proxy.auth.as_ref()?.0.user_password()?;
            Some(auth.0.to_owned())
        };
        let proxy =
            |proxy: &Proxy| format!("{} {}", proxy.name(), user(proxy).unwrap_or_default()).trim_end().to_owned();
        proxy_lists(&args(line))
            .iter()
            .map(|proxies| proxies.iter().map(proxy).collect::<Vec<_>>().join(", "))
            .collect()
    }

    #[test]
    fn the_preproxy_is_in_front_of_every_way_with_its_own_credentials() {
        let rows: [(&str, &[&str]); 5] = [
            ("-x http://p.test -x direct:// -U me:pw", &["p.test me", ""]),
            ("--preproxy socks5h://s.test -x http://p.test -x direct:// -U me:pw", &["s.test, p.test me", "s.test"]),
            ("--preproxy socks5h://you:pw@s.test -x socks4a://q.test", &["s.test you, q.test"]),
            ("--preproxy socks5h://s.test -U me:pw", &["s.test me"]),
            ("--preproxy socks5h://you:pw@s.test -U me:pw", &["s.test you"]),
        ];
        for (line, expected) in rows {
            assert_eq!(chains(line), expected, "{line}");
        }
    }

    #[test]
    fn user_and_password_wait_for_a_challenge_where_that_was_said() {
        let rows = [
            ("-U me:pw -x http://p.test", Some("Basic bWU6cHc=")),
            ("-U me:pw --proxy-digest --proxy-basic -x http://p.test", Some("Basic bWU6cHc=")),
            ("-U me:pw --proxy-digest -x http://p.test", None),
            ("--proxy-anyauth -x http://me:pw@p.test", None),
        ];
        for (line, at_once) in rows {
            let lists = proxy_lists(&args(line));
            let proxy = &lists[0][0];
            let request = ProxyRequest::new(proxy, &Method::CONNECT, &"a.test:443");
            let shown = request.authorize(None);
            assert_eq!(shown.as_ref().map(|value| value.to_str().unwrap()), at_once, "{line}");
            assert_eq!(proxy.auth.as_ref().unwrap().0.user_password(), Some(("me", "pw")), "{line}");
        }
    }

    #[test]
    fn a_preproxy_alone_is_instead_of_the_environment_and_has_exceptions() {
        let alone = proxies("--preproxy socks5h://s.test --noproxy c.test", &[("http_proxy", "http://p.test")]);
        assert_eq!(chain_of(&alone, "http://a.test/"), "client");
        assert_eq!(chain_of(&alone, "http://c.test/"), "direct");
        assert!(alone.are_for(&"http://a.test/".parse().unwrap()));
    }

    #[test]
    fn exceptions_are_names_addresses_and_networks() {
        let rows = [
            ("a.test", "a.test", true),
            ("a.test", "x.a.test", true),
            (".a.test", "a.test", true),
            ("a.test", "ba.test", false),
            ("*", "a.test", true),
            ("10.0.0.0/8", "10.1.2.3", true),
            ("10.0.0.0/8", "11.1.2.3", false),
            ("127.0.0.1", "127.0.0.1", true),
            ("0.0.0.0/0", "1.2.3.4", true),
            ("::1", "[::1]", true),
            ("fd00::/8", "[fd12::1]", true),
            ("b.test, A.test", "a.test.", true),
        ];
        for (list, host, covered) in rows {
            assert_eq!(Exceptions::parse(list).covers(host), covered, "{list} {host}");
        }
    }
}
