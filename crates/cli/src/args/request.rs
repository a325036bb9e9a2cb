use super::{Data, Header, Seconds};
use clap::{ArgAction, Args};
use http::{HeaderValue, Method};
use std::path::PathBuf;

#[derive(Args)]
#[command(next_help_heading = "Request")]
pub(crate) struct RequestArgs {
    /// The method
    #[arg(short = 'X', long, value_name = "METHOD")]
    pub(crate) request: Option<Method>,
    /// Send HEAD, and print the response's head
    #[arg(short = 'I', long)]
    pub(crate) head: bool,
    /// A header, 'Name: value'; 'Name:' leaves out one of ours, 'Name;' sends an empty one
    #[arg(short = 'H', long, value_name = "HEADER", action = ArgAction::Append)]
    pub(crate) header: Vec<Header>,
    /// A body to POST, or of @FILE or @- without line breaks; several are joined by `&`
    #[arg(short = 'd', long, value_name = "DATA", action = ArgAction::Append, value_parser = Data::text)]
    pub(crate) data: Vec<Data>,
    /// The same, byte by byte; @- is streamed and can't be sent twice
    #[arg(long, value_name = "DATA", action = ArgAction::Append, value_parser = Data::binary)]
    pub(crate) data_binary: Vec<Data>,
    /// The user agent; skybridge/VERSION unless given, none when empty
    #[arg(short = 'A', long, value_name = "NAME")]
    pub(crate) user_agent: Option<String>,
    /// Write the body here; the nth one is for the nth URL
    #[arg(short = 'o', long, value_name = "FILE", action = ArgAction::Append)]
    pub(crate) output: Vec<PathBuf>,
    /// Print the response's head too
    #[arg(short = 'i', long)]
    pub(crate) include: bool,
    /// Print neither errors nor progress
    #[arg(short = 's', long)]
    pub(crate) silent: bool,
    /// Print on stderr what happens
    #[arg(short = 'v', long)]
    pub(crate) verbose: bool,
    /// A status of 400 or more is an error (exit 22), and its body isn't written
    #[arg(short = 'f', long, conflicts_with = "fail_with_body")]
    pub(crate) fail: bool,
    /// A status of 400 or more is an error (exit 22), and its body is written
    #[arg(long)]
    pub(crate) fail_with_body: bool,
    /// Follow redirects; a POST becomes a GET after 301, 302 and 303 unless -X is given, and headers of -H that are
    /// credentials by their name are not sent to other origins
    #[arg(short = 'L', long)]
    pub(crate) location: bool,
    /// With --location, follow at most this many redirects (exit 47); -1 is no limit
    #[arg(long, value_name = "N", default_value = "50", value_parser = redirects, allow_negative_numbers = true)]
    pub(crate) max_redirs: usize,
    /// Ask for gzip and deflate, and decode the response
    #[arg(long)]
    pub(crate) compressed: bool,
    /// Fetch the list of URLs this many times, through the same client
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) repeat: u32,
    /// Fetch all URLs in parallel
    #[arg(short = 'Z', long)]
    pub(crate) parallel: bool,
    /// With --parallel, at most this many at once
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) parallel_max: u16,
    /// How long a call may take in all
    #[arg(short = 'm', long, value_name = "SECONDS")]
    pub(crate) max_time: Option<Seconds>,
    /// How long connecting may take, from DNS to handshake
    #[arg(long, value_name = "SECONDS")]
    pub(crate) connect_timeout: Option<Seconds>,
    /// How long to wait for the response, and between two reads of it
    #[arg(long, value_name = "SECONDS")]
    pub(crate) read_timeout: Option<Seconds>,
}

fn redirects(text: &str) -> Result<usize, &'static str> {
    match text {
        "-1" => Ok(usize::MAX),
        _ => text.parse().map_err(|_| "not a number of redirects, such as 5, or -1"),
    }
}

impl RequestArgs {
    /// The value of `user-agent`.
    pub(crate) fn who_asks(&self) -> Option<HeaderValue> {
        let agent = self.user_agent.as_deref().unwrap_or(concat!("skybridge/", env!("CARGO_PKG_VERSION")));
        HeaderValue::from_str(agent).ok().filter(|agent| !agent.is_empty())
    }
}
