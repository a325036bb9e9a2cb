//! The command line: curl's names and meanings wherever curl has one.

mod data;
mod diagnostics;
mod dns_servers;
mod ech;
mod protocol;
mod proxy;
mod request;
mod route;
mod tls;
mod values;

pub(crate) use self::{
    data::Data,
    diagnostics::SeeingArgs,
    dns_servers::DnsServers,
    ech::EchArg,
    protocol::ProtocolArgs,
    proxy::ProxyArgs,
    request::RequestArgs,
    route::RouteArgs,
    tls::{Hashes, TlsArgs},
    values::{ConnectTo, Credentials, Header, Interface, PinRule, Preproxy, ProxyHeader, Resolve, Seconds, Way},
};
use clap::Parser;

/// Fetches URLs through one client, and shows what happened to their connections.
#[derive(Parser)]
#[command(
    name = "skybridge",
    version,
    args_override_self = true,
    after_help = "Flags carry curl's names and meanings wherever curl has one; exit codes are curl's.\n`skybridge tour`, of a build with the feature `tour`, starts an origin and proxies of its own and walks through everything."
)]
pub(crate) struct Args {
    /// What to fetch, in order. Without a scheme it is http://
    #[arg(required = true, value_name = "URL")]
    pub(crate) urls: Vec<String>,
    #[command(flatten)]
    pub(crate) request: RequestArgs,
    #[command(flatten)]
    pub(crate) route: RouteArgs,
    #[command(flatten)]
    pub(crate) proxy: ProxyArgs,
    #[command(flatten)]
    pub(crate) tls: TlsArgs,
    #[command(flatten)]
    pub(crate) protocol: ProtocolArgs,
    #[command(flatten)]
    pub(crate) diagnostics: SeeingArgs,
}
