use super::{ConnectTo, DnsServers, Interface, Resolve};
use clap::{ArgAction, Args, ValueEnum};
use std::path::PathBuf;

#[derive(Args)]
#[command(next_help_heading = "Route")]
pub(crate) struct RouteArgs {
    /// Addresses for a host and port, in the order to try them; `*` is any host, +HOST... holds for a minute, and
    /// -HOST:PORT takes back an earlier one
    #[arg(long, value_name = "HOST:PORT:ADDR[,ADDR...]", action = ArgAction::Append, allow_hyphen_values = true)]
    pub(crate) resolve: Vec<Resolve>,
    /// Connect to H2:P2 instead of H1:P1, by a tunnel where there is an HTTP proxy; an empty part means any, or the
    /// same
    #[arg(long, value_name = "H1:P1:H2:P2", action = ArgAction::Append)]
    pub(crate) connect_to: Vec<ConnectTo>,
    /// Ask these DNS servers for addresses, not the system: no hosts file is read, and no search domains are tried.
    /// Over TLS alone where they are tls://IP[:PORT][#NAME]; each proves the name, or the address
    #[arg(long, value_name = "IP[:PORT][,...]")]
    pub(crate) dns_servers: Option<DnsServers>,
    /// Ask this server for addresses, over HTTPS alone: directly, whatever proxies there are. Its own name is asked of
    /// the system or of --dns-servers, if --resolve has none
    #[arg(long, value_name = "URL")]
    pub(crate) doh_url: Option<String>,
    /// As --insecure, for the server of --doh-url, which --insecure isn't about
    #[arg(long)]
    pub(crate) doh_insecure: bool,
    /// IPv4 only
    #[arg(short = '4', long, overrides_with = "ipv6")]
    pub(crate) ipv4: bool,
    /// IPv6 only
    #[arg(short = '6', long, overrides_with = "ipv4")]
    pub(crate) ipv6: bool,
    /// Refuse addresses that are not public, proxies' too, and names that a proxy would resolve, unless
    /// --proxy-filters-egress says that it refuses them itself
    #[arg(long, value_name = "WHERE")]
    pub(crate) egress: Option<EgressArg>,
    /// The time between the starts of two attempts to connect; 250 unless given, from 100 to 2000
    #[arg(long, value_name = "MS")]
    pub(crate) happy_eyeballs_timeout_ms: Option<u64>,
    /// Connect from this address, or by the interface of this name; if!NAME and host!ADDR say which
    #[arg(long, value_name = "NAME|ADDR")]
    pub(crate) interface: Option<Interface>,
    /// Connect to this socket, whatever the URL says
    #[arg(long, value_name = "PATH")]
    pub(crate) unix_socket: Option<PathBuf>,
    /// Try one address after the other, without overlap
    #[arg(long)]
    pub(crate) no_fast_fallback: bool,
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum EgressArg {
    // Public addresses only.
    Public,
}
