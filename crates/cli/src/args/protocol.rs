use super::Seconds;
use clap::Args;

#[derive(Args)]
#[command(next_help_heading = "Protocol and pool")]
pub(crate) struct ProtocolArgs {
    /// HTTP/1.1 only
    #[arg(long = "http1.1", overrides_with_all = ["http2", "http2_prior_knowledge"])]
    pub(crate) http1_1: bool,
    /// HTTP/2 where TLS agrees on it, which is the default
    #[arg(long, overrides_with_all = ["http1_1", "http2_prior_knowledge"])]
    pub(crate) http2: bool,
    /// HTTP/2 only, in cleartext too
    #[arg(long, overrides_with_all = ["http1_1", "http2"])]
    pub(crate) http2_prior_knowledge: bool,
    /// How long a connection may be silent before TCP asks whether it is alive
    #[arg(long, value_name = "SECONDS")]
    pub(crate) keepalive_time: Option<Seconds>,
    /// Keep at most so many idle connections
    #[arg(long, value_name = "N")]
    pub(crate) pool_idle: Option<usize>,
    /// Keep them no longer than this
    #[arg(long, value_name = "SECONDS")]
    pub(crate) pool_idle_timeout: Option<Seconds>,
    /// At most so many connections to one host
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) pool_max_per_host: Option<u32>,
    /// Use no connection that is older than this
    #[arg(long, value_name = "SECONDS")]
    pub(crate) pool_max_age: Option<Seconds>,
    /// One host's connection is never used for another host
    #[arg(long)]
    pub(crate) no_coalesce: bool,
    /// Each call on a connection of its own
    #[arg(long)]
    pub(crate) no_reuse: bool,
    /// Send nothing a second time
    #[arg(long)]
    pub(crate) no_retry: bool,
    /// Send a request at most so many times
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) retry_max: Option<u32>,
    /// Send again whatever the method is, though it may have been processed
    #[arg(long)]
    pub(crate) replay_non_idempotent: bool,
}
