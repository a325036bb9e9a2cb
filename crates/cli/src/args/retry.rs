//! `--retry`: fetch a URL again where what went wrong may be over soon, as curl does. What the stack itself does about
//! lost connections is in the arguments of the protocol.

use super::Seconds;
use clap::Args;

#[derive(Args)]
#[command(next_help_heading = "Trying again")]
pub(crate) struct RetryArgs {
    /// Fetch a URL up to so many times more after a timeout, or an answer of 408, 429, 500, 502, 503, 504, 522 or 524;
    /// after 1 s, then 2, 4 and so on up to ten minutes, or as long as the answer asks for (`retry-after`)
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) retry: u32,
    /// With --retry, always wait for so long
    #[arg(long, value_name = "SECONDS")]
    pub(crate) retry_delay: Option<Seconds>,
    /// With --retry, begin nothing after so long
    #[arg(long, value_name = "SECONDS")]
    pub(crate) retry_max_time: Option<Seconds>,
    /// With --retry, also if connections are refused
    #[arg(long)]
    pub(crate) retry_connrefused: bool,
    /// With --retry, after any error; with --fail, that is a status of 400 or more too
    #[arg(long)]
    pub(crate) retry_all_errors: bool,
}
