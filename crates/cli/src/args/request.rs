use super::{Credentials, Header, Seconds};
use clap::{ArgAction, Args};
use http::{HeaderValue, Method, uri::PathAndQuery};

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
    /// Credentials for the origin, by the Basic scheme, sent with the first request; not to where redirects lead
    #[arg(short = 'u', long, value_name = "USER:PASSWORD")]
    pub(crate) user: Option<Credentials>,
    /// The page that led here
    #[arg(short = 'e', long, value_name = "URL", value_parser = referer)]
    pub(crate) referer: Option<HeaderValue>,
    /// Ask for these bytes, such as 0-499 or -500
    #[arg(short = 'r', long, value_name = "RANGE", value_parser = range, allow_hyphen_values = true)]
    pub(crate) range: Option<HeaderValue>,
    /// What the request line says in place of the URL's path and query: * or /PATH
    #[arg(long, value_name = "TARGET", value_parser = target)]
    pub(crate) request_target: Option<PathAndQuery>,
    /// The user agent; skybridge/VERSION unless given, none when empty
    #[arg(short = 'A', long, value_name = "NAME")]
    pub(crate) user_agent: Option<String>,
    /// Print the response's head too
    #[arg(short = 'i', long)]
    pub(crate) include: bool,
    /// Print neither errors nor progress
    #[arg(short = 's', long)]
    pub(crate) silent: bool,
    /// Print on stderr what happens; -vv prints the library's spans and lines of tracing too, of which RUST_LOG chooses
    #[arg(short = 'v', long, action = ArgAction::Count)]
    pub(crate) verbose: u8,
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
    /// Ask for gzip, deflate, br and zstd, and decode the response
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

fn target(text: &str) -> Result<PathAndQuery, &'static str> {
    let is_target = text == "*" || text.starts_with('/');
    text.parse().ok().filter(|_| is_target).ok_or("neither * nor a path with a query, such as /a?b")
}

fn referer(text: &str) -> Result<HeaderValue, &'static str> {
    if text.ends_with(";auto") {
        return Err("redirects get no referer of their own; nearest: without ;auto");
    }
    secret(text).ok_or("not a URL")
}

fn range(text: &str) -> Result<HeaderValue, &'static str> {
    let is_range = text.contains('-') && text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'-' | b','));
    let value = HeaderValue::try_from(format!("bytes={text}"));
    value.ok().filter(|_| is_range).ok_or("not a range, such as 0-499, -500, 500- or 0-0,-1")
}

fn secret(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_bytes(text.as_bytes()).ok()?;
    value.set_sensitive(true);
    Some(value)
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
