use super::{Credentials, Preproxy, ProxyHeader, Way};
use clap::{ArgAction, Args};

#[derive(Args)]
#[command(next_help_heading = "Proxy")]
pub(crate) struct ProxyArgs {
    /// Go through this proxy: [http|https|socks4|socks4a|socks5|socks5h]://[user:password@]host[:port], or direct://,
    /// which '' is too; several are tried in order
    #[arg(short = 'x', long, value_name = "URL", action = ArgAction::Append, overrides_with = "proxy1_0")]
    pub(crate) proxy: Vec<Way>,
    /// In place of -x: this HTTP proxy, which is asked for tunnels by HTTP/1.0
    #[arg(long = "proxy1.0", value_name = "HOST[:PORT]", overrides_with = "proxy", value_parser = Way::of_http)]
    proxy1_0: Option<Way>,
    /// Go through this proxy first, then through those of -x, if any, and not of the environment:
    /// [socks4|socks4a|socks5|socks5h]://[user:password@]host[:port]
    #[arg(long, value_name = "URL")]
    pub(crate) preproxy: Option<Preproxy>,
    /// Tunnel through HTTP proxies for http:// URLs too, instead of letting them forward requests
    #[arg(short = 'p', long)]
    pub(crate) proxytunnel: bool,
    /// Credentials for proxies whose URL has none, sent with the first request unless a flag below says otherwise
    #[arg(short = 'U', long, value_name = "USER:PASSWORD")]
    pub(crate) proxy_user: Option<Credentials>,
    /// Show HTTP proxies user and password at once, by the Basic scheme, which is the default
    #[arg(long, overrides_with_all = ["proxy_digest", "proxy_anyauth"])]
    pub(crate) proxy_basic: bool,
    /// Answer HTTP proxies that ask for user and password, by the Digest scheme alone
    #[arg(long, overrides_with_all = ["proxy_basic", "proxy_anyauth"])]
    pub(crate) proxy_digest: bool,
    /// Answer HTTP proxies that ask for user and password, by the strongest scheme that they offer: Digest or Basic
    #[arg(long, overrides_with_all = ["proxy_basic", "proxy_digest"])]
    pub(crate) proxy_anyauth: bool,
    /// A header for HTTP proxies and nobody else, 'Name: value'; 'user-agent:' leaves out ours, 'Name;' sends an empty
    /// one
    #[arg(long, value_name = "HEADER", action = ArgAction::Append)]
    pub(crate) proxy_header: Vec<ProxyHeader>,
    /// Speak HTTP/2 to an https:// proxy that chooses it: tunnels, and the plain requests that it forwards, are streams
    /// of one connection
    #[arg(long)]
    pub(crate) proxy_http2: bool,
    /// With --egress public: the proxies refuse addresses that aren't public by themselves, so that they may be asked
    /// for names, and may be anywhere themselves
    #[arg(long)]
    pub(crate) proxy_filters_egress: bool,
    /// Hosts that are connected to directly: names with their subdomains, addresses, networks, `*`
    #[arg(long, value_name = "LIST")]
    pub(crate) noproxy: Option<String>,
}

impl ProxyArgs {
    /// Those to be tried, in order.
    pub(crate) fn ways(&self) -> &[Way] {
        if self.asks_by_http1_0() { self.proxy1_0.as_slice() } else { &self.proxy }
    }

    pub(crate) fn asks_by_http1_0(&self) -> bool {
        self.proxy1_0.is_some()
    }

    /// Whether there may be proxies: flags name some, or the environment does.
    pub(crate) fn may_be_used(&self) -> bool {
        let names = ["http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"];
        !self.ways().is_empty() || self.preproxy.is_some() || names.iter().any(|name| std::env::var_os(name).is_some())
    }
}
