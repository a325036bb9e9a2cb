use super::{Seconds, proto::Protos};
use clap::Args;
use std::net::IpAddr;

#[derive(Args)]
#[command(next_help_heading = "Protocol and pool")]
pub(crate) struct ProtocolArgs {
    #[command(flatten)]
    pub(crate) protos: Protos,
    /// HTTP/1.0 only: a connection for each request, and no body whose length isn't known
    #[arg(short = '0', long = "http1.0", overrides_with_all = ["http1_1", "http2", "http2_prior_knowledge"])]
    pub(crate) http1_0: bool,
    /// HTTP/1.1 only
    #[arg(long = "http1.1", overrides_with_all = ["http1_0", "http2", "http2_prior_knowledge"])]
    pub(crate) http1_1: bool,
    /// HTTP/2 if ALPN negotiates it, which is the default
    #[arg(long, overrides_with_all = ["http1_0", "http1_1", "http2_prior_knowledge"])]
    pub(crate) http2: bool,
    /// HTTP/2 only, in cleartext too
    #[arg(long, overrides_with_all = ["http1_0", "http1_1", "http2"])]
    pub(crate) http2_prior_knowledge: bool,
    /// How long a body of HTTP/1.1 waits to be wanted, where -H 'expect: 100-continue' asks whether it is; 1 unless
    /// given
    #[arg(long, value_name = "SECONDS")]
    pub(crate) expect100_timeout: Option<Seconds>,
    /// Begin each connection with a header of HAProxy's PROXY protocol, version 1, which says who connects; behind the
    /// tunnel of a proxy
    #[arg(long)]
    pub(crate) haproxy_protocol: bool,
    /// The same, with this address as the client's
    #[arg(long, value_name = "IP")]
    pub(crate) haproxy_clientip: Option<IpAddr>,
    /// How long a connection may be silent before TCP asks whether it is alive
    #[arg(long, value_name = "SECONDS")]
    pub(crate) keepalive_time: Option<Seconds>,
    /// Keep at most this many idle connections
    #[arg(long, value_name = "N")]
    pub(crate) pool_idle: Option<usize>,
    /// Close a connection after it was idle for this long
    #[arg(long, value_name = "SECONDS")]
    pub(crate) pool_idle_timeout: Option<Seconds>,
    /// At most this many connections to one host
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) pool_max_per_host: Option<u32>,
    /// Reuse no connection that is older than this
    #[arg(long, value_name = "SECONDS")]
    pub(crate) pool_max_age: Option<Seconds>,
    /// Never use one host's connection for another host
    #[arg(long)]
    pub(crate) no_coalesce: bool,
    /// Use a new connection for each call
    #[arg(long)]
    pub(crate) no_reuse: bool,
    /// Never send a request twice
    #[arg(long)]
    pub(crate) no_retry: bool,
    /// Send a request at most this many times
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) retry_max: Option<u32>,
    /// Leave a 408, a 425 and a 503 with `retry-after: 0` as they are
    #[arg(long)]
    pub(crate) no_retry_answers: bool,
    /// Send a request again after a 408, a 425 or a 503 that asks to wait for at most this long (`retry-after`)
    #[arg(long, value_name = "SECONDS", conflicts_with = "no_retry_answers")]
    pub(crate) retry_after: Option<Seconds>,
    /// Retry any method, even if the request may have been processed
    #[arg(long)]
    pub(crate) replay_non_idempotent: bool,
}
