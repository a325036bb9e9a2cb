use super::{Credentials, Preproxy, Way};
use clap::{ArgAction, Args};

#[derive(Args)]
#[command(next_help_heading = "Proxy")]
pub(crate) struct ProxyArgs {
    /// Go through this proxy: [http|https|socks4|socks4a|socks5|socks5h]://[user:password@]host[:port], or direct://;
    /// several are tried in order
    #[arg(short = 'x', long, value_name = "URL", action = ArgAction::Append)]
    pub(crate) proxy: Vec<Way>,
    /// Go through this proxy first, then through those of -x, if any, and not of the environment:
    /// [socks4|socks4a|socks5|socks5h]://[user:password@]host[:port]
    #[arg(long, value_name = "URL")]
    pub(crate) preproxy: Option<Preproxy>,
    /// Tunnel through HTTP proxies for http:// URLs too, instead of letting them forward requests
    #[arg(short = 'p', long)]
    pub(crate) proxytunnel: bool,
    /// Credentials for proxies whose URL has none, sent with the first request
    #[arg(short = 'U', long, value_name = "USER:PASSWORD")]
    pub(crate) proxy_user: Option<Credentials>,
    /// Use the Basic scheme, which is the default
    #[arg(long)]
    pub(crate) proxy_basic: bool,
    /// Hosts that are connected to directly: names with their subdomains, addresses, networks, `*`
    #[arg(long, value_name = "LIST")]
    pub(crate) noproxy: Option<String>,
}
