//! The proxies of a URL: those of `-x` and `--preproxy`, or the environment's; and the hosts that are exempt.

use crate::args::{Args, Header, Way};
use http::{HeaderMap, HeaderValue, Uri, header};
use skybridge::{
    EnvironmentProxies, NoProxy, PasswordAuth, ProxyVariableError,
    types::{BasicAuth, Origin, OriginRef, Proxy, ProxyAuth, ProxyHeaders, ProxyRequest, sync::Mutex},
};
use std::{ffi::OsString, sync::Arc};

type ProxyChain = Arc<[Proxy]>;

/// Who names the proxies of each origin.
#[derive(Clone)]
pub(crate) enum Proxies {
    /// `-x` or `--preproxy` was given: these, but for `--noproxy`.
    Given {
        chains: Arc<[ProxyChain]>,
        except: NoProxy,
    },
    Environment {
        proxies: EnvironmentProxies,
        settings: Settings,
    },
}

/// What flags say of proxies.
#[derive(Clone)]
pub(crate) struct Settings {
    tunnels_all: bool,
    credentials: Option<BasicAuth>,
    /// User and password are shown when the proxy asks for them, by Digest alone or by any scheme.
    digest: bool,
    any_scheme: bool,
    /// One for each user and password: it remembers what was asked for. The environment's proxies are looked up for
    /// every request.
    by_challenge: Arc<Mutex<Vec<PasswordAuth>>>,
    filters_egress: bool,
    headers: ProxyHeaders,
    /// That of `--proxy-header`, which goes before user and password.
    authorization: Option<Authorization>,
}

/// Credentials as they are sent.
#[derive(Clone)]
struct Authorization(HeaderValue);

impl ProxyAuth for Authorization {
    fn identity(&self) -> &[u8] {
        self.0.as_bytes()
    }

    fn authorize(&self, _: &ProxyRequest<'_>, challenge: Option<&HeaderMap>) -> Option<HeaderValue> {
        challenge.is_none().then(|| self.0.clone())
    }
}

/// The proxies of `-x` in order, each behind that of `--preproxy`. Without either there is none, and `-x ''` is a
/// direct connection.
fn proxy_chains(args: &Args) -> Vec<ProxyChain> {
    let settings = Settings::of(args);
    let first = args.proxy.preproxy.as_ref().map(|preproxy| settings.declare(preproxy.0.clone()));
    if args.proxy.ways().is_empty() {
        // Without -x, -U is for this proxy.
        return first.into_iter().map(|proxy| [settings.apply(proxy)].into()).collect();
    }
    let way = |way: &Way| {
        let last = way.0.clone().map(|proxy| settings.apply(proxy));
        first.clone().into_iter().chain(last).collect()
    };
    args.proxy.ways().iter().map(way).collect()
}

/// Who asks for tunnels.
pub(crate) fn user_agent(args: &Args) -> Option<HeaderValue> {
    let without = Header::Without(header::USER_AGENT);
    args.request.who_asks().filter(|_| args.proxy.proxy_header.iter().all(|given| given.0 != without))
}

impl Settings {
    fn of(args: &Args) -> Self {
        let credentials = args.proxy.proxy_user.as_ref().map(|credentials| credentials.0.clone());
        let (digest, any_scheme) = (args.proxy.proxy_digest, args.proxy.proxy_anyauth);
        let mut headers = HeaderMap::new();
        for given in &args.proxy.proxy_header {
            if let Header::Set(name, value) = &given.0 {
                headers.append(name, value.clone());
            }
        }
        let authorization = headers.remove(header::PROXY_AUTHORIZATION).map(Authorization);
        // Each was checked by itself.
        let headers = ProxyHeaders::new(&headers).unwrap_or_default();
        let (tunnels_all, filters_egress) = (args.proxy.proxytunnel, args.proxy.proxy_filters_egress);
        let by_challenge = Arc::default();
        Self { tunnels_all, credentials, digest, any_scheme, by_challenge, filters_egress, headers, authorization }
    }

    /// What is said of all of them, the preproxy included.
    fn declare(&self, proxy: Proxy) -> Proxy {
        if self.filters_egress { proxy.filters_egress() } else { proxy }
    }

    fn apply(&self, proxy: Proxy) -> Proxy {
        let proxy = self.declare(proxy);
        let proxy = if self.tunnels_all { proxy.tunnels_all() } else { proxy };
        let proxy = proxy.headers(self.headers.clone());
        if let Some(authorization) = self.authorization.as_ref().filter(|_| proxy.kind.is_http()) {
            return proxy.auth(authorization.clone());
        }
        let proxy = match &self.credentials {
            Some(credentials) if proxy.auth.is_none() => proxy.auth(credentials.clone()),
            _ => proxy,
        };
        let own = proxy.auth.as_ref().and_then(|auth| auth.0.user_password());
        let auth = match own.filter(|_| proxy.kind.is_http()) {
            Some((user, password)) if self.digest => PasswordAuth::digest(user, password),
            Some((user, password)) if self.any_scheme => PasswordAuth::any(user, password),
            _ => return proxy,
        };
        proxy.auth(self.known(auth))
    }

    fn known(&self, auth: PasswordAuth) -> PasswordAuth {
        let mut all = self.by_challenge.lock();
        if let Some(known) = all.iter().find(|known| known.identity() == auth.identity()) {
            return known.clone();
        }
        all.push(auth.clone());
        auth
    }
}

impl Proxies {
    pub(crate) fn of(args: &Args, variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let noproxy = args.proxy.noproxy.as_deref().map(NoProxy::parse);
        // As with curl, --preproxy alone overrides the environment.
        if !args.proxy.ways().is_empty() || args.proxy.preproxy.is_some() {
            return Self::Given { chains: proxy_chains(args).into(), except: noproxy.unwrap_or_default() };
        }
        let proxies = EnvironmentProxies::of(variable);
        let proxies = noproxy.into_iter().fold(proxies, EnvironmentProxies::no_proxy);
        Self::Environment { proxies, settings: Settings::of(args) }
    }

    /// The chains by which an origin is reached, in order; an empty one is a direct connection.
    ///
    /// # Errors
    /// When the environment names no valid proxy for it.
    pub(crate) fn chains(&self, origin: &Origin) -> Result<Arc<[ProxyChain]>, ProxyVariableError> {
        match self {
            Self::Given { except, .. } if except.covers(origin) => Ok([[].into()].into()),
            Self::Given { chains, .. } => Ok(Arc::clone(chains)),
            Self::Environment { proxies, settings } => {
                let proxy = proxies.proxy_for(origin)?.map(|proxy| settings.apply(proxy));
                Ok([proxy.into_iter().collect()].into())
            }
        }
    }

    /// Who has chosen the chains of an origin, in words.
    pub(crate) fn chosen_by(&self, origin: &Origin, args: &Args) -> String {
        let flag = if args.proxy.proxy.is_empty() { "--preproxy" } else { "-x" };
        let list = if args.proxy.noproxy.is_some() { "--noproxy" } else { "no_proxy" };
        match self {
            Self::Given { except, .. } if except.covers(origin) => format!("{flag} is given, and --noproxy exempts it"),
            Self::Given { .. } => format!("{flag} says so"),
            Self::Environment { proxies, .. } => match proxies.variable_for(origin) {
                Some((variable, false)) => format!("the environment variable {variable} says so"),
                Some((variable, true)) => format!("{variable} is set, and {list} exempts it"),
                None => "no flag and no variable names a proxy".to_owned(),
            },
        }
    }

    fn chains_for(&self, uri: &Uri) -> Option<Arc<[ProxyChain]>> {
        // The client refuses URLs without an origin, and fails where the environment's proxy is none.
        let origin = OriginRef::of(uri).and_then(OriginRef::to_owned).ok()?;
        self.chains(&origin).ok()
    }

    /// Whether this URL may be fetched through a proxy.
    pub(crate) fn are_for(&self, uri: &Uri) -> bool {
        self.chains_for(uri).is_some_and(|chains| chains.iter().any(|chain| !chain.is_empty()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;
    use http::{HeaderMap, HeaderValue, Method, header::PROXY_AUTHENTICATE};
    use skybridge::types::ProxyRequest;

    fn args(line: &str) -> Args {
        Args::try_parse_from(["skybridge", "u"].into_iter().chain(line.split_whitespace()))
            .unwrap_or_else(|error| panic!("{error}"))
    }

    fn proxies(line: &str, environment: &[(&str, &str)]) -> Proxies {
        let variable =
            |name: &str| environment.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).into());
        Proxies::of(&args(line), variable)
    }

    /// The proxies of each chain for a URL, with their users.
    fn chains(proxies: &Proxies, url: &str) -> Vec<String> {
        let user = |proxy: &Proxy| {
            let auth = proxy.auth.as_ref()?.0.user_password()?;
            Some(auth.0.to_owned())
        };
        let proxy =
            |proxy: &Proxy| format!("{} {}", proxy.name(), user(proxy).unwrap_or_default()).trim_end().to_owned();
        let chains = proxies.chains_for(&url.parse().unwrap()).unwrap();
        chains.iter().map(|chain| chain.iter().map(proxy).collect::<Vec<_>>().join(", ")).collect()
    }

    #[test]
    fn the_environment_is_asked_when_no_proxy_is_given() {
        let environment = [("http_proxy", "p.test:1"), ("HTTPS_PROXY", "socks5h://q.test"), ("no_proxy", "b.test")];
        let own = proxies("-p -U me:pw", &environment);
        assert_eq!(chains(&own, "http://a.test/"), ["p.test me"]);
        assert_eq!(chains(&own, "https://a.test/"), ["q.test me"]);
        assert_eq!(chains(&own, "http://x.b.test/"), [""]);
        assert!(own.chains_for(&"http://a.test/".parse().unwrap()).unwrap()[0][0].tunnels_all);
        assert_eq!(chains(&proxies("--noproxy a.test", &environment), "http://x.b.test/"), ["p.test"]);
        let given = proxies("-x http://r.test:2 --noproxy c.test", &environment);
        assert_eq!(chains(&given, "http://b.test/"), ["r.test"]);
        assert_eq!(chains(&given, "http://c.test/"), [""]);
    }

    #[test]
    fn an_empty_proxy_is_none_whatever_the_environment_says() {
        let environment = [("all_proxy", "socks://nonsense")];
        let none = Proxies::of(
            &Args::try_parse_from(["skybridge", "-x", "", "u"]).unwrap_or_else(|error| panic!("{error}")),
            |name| environment.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).into()),
        );
        assert_eq!(chains(&none, "http://a.test/"), [""]);
        assert!(proxies("", &environment).chains_for(&"http://a.test/".parse().unwrap()).is_none());
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
            assert_eq!(
                chains(&proxies(line, &[("http_proxy", "http://p.test")]), "http://a.test/"),
                expected,
                "{line}"
            );
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
            let chains = proxy_chains(&args(line));
            let proxy = &chains[0][0];
            let request = ProxyRequest::new(proxy, &Method::CONNECT, &"a.test:443");
            let shown = request.authorize(None);
            assert_eq!(shown.as_ref().map(|value| value.to_str().unwrap()), at_once, "{line}");
            assert_eq!(proxy.auth.as_ref().unwrap().0.user_password(), Some(("me", "pw")), "{line}");
        }
    }

    #[test]
    fn what_a_proxy_of_the_environment_wanted_is_shown_at_once_the_next_time() {
        let environment = [("http_proxy", "http://me:pw@p.test:1"), ("https_proxy", "http://you:pw@p.test:2")];
        let own = proxies("--proxy-anyauth", &environment);
        let shown = |url: &str, challenge: Option<&HeaderMap>| {
            let proxy = own.chains_for(&url.parse().unwrap()).unwrap()[0][0].clone();
            ProxyRequest::new(&proxy, &Method::CONNECT, &"a.test:443").authorize(challenge)
        };
        let basic = HeaderMap::from_iter([(PROXY_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"r\""))]);
        assert_eq!(shown("http://a.test/", None), None);
        let said = shown("http://a.test/", Some(&basic)).unwrap();
        assert_eq!(shown("http://a.test/", None), Some(said));
        assert_eq!(shown("https://a.test/", None), None, "another user");
    }

    #[test]
    fn a_preproxy_alone_has_exceptions() {
        let alone = proxies("--preproxy socks5h://s.test --noproxy c.test", &[("http_proxy", "http://p.test")]);
        assert_eq!(chains(&alone, "http://c.test/"), [""]);
        assert!(alone.are_for(&"http://a.test/".parse().unwrap()));
        assert!(!alone.are_for(&"http://c.test/".parse().unwrap()));
    }
}
