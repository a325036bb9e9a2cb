//! The command line: curl's names and meanings wherever curl has one.

mod config;
mod cookies;
mod data;
mod diagnostics;
mod dns_servers;
mod ech;
mod output;
mod parts;
mod place;
mod proto;
mod protocol;
mod proxy;
mod request;
mod retry;
mod route;
mod specs;
mod tls;
mod values;

pub(crate) use self::{
    config::expand,
    cookies::CookieArgs,
    data::{DataArgs, Stream},
    diagnostics::{Color, SeeingArgs},
    dns_servers::DnsServers,
    ech::EchArg,
    output::{ContinueAt, OutputArgs, OutputTo},
    parts::{ClientKey, Part, parse},
    place::{ListedUrl, Place},
    proto::Protos,
    protocol::ProtocolArgs,
    proxy::ProxyArgs,
    request::RequestArgs,
    retry::RetryArgs,
    route::RouteArgs,
    specs::{Names, Specs},
    tls::{Hashes, TlsArgs},
    values::{ConnectTo, Credentials, Header, Interface, PinRule, Preproxy, ProxyHeader, Resolve, Seconds, Way},
};
use crate::look::Look;
use clap::{ArgAction, CommandFactory, Parser};
use clap_complete::Shell;
use skybridge::types::Reference;
use std::path::PathBuf;

/// Fetches URLs through one client, and shows what happened to their connections.
#[derive(Parser)]
#[command(
    name = "skybridge",
    version,
    args_override_self = true,
    override_usage = "skybridge [OPTIONS] [URL]...\n       skybridge explain [OPTIONS] [URL]...\n       skybridge pins [OPTIONS] [HOST[:PORT]]...",
    after_help = "Flags carry curl's names and meanings wherever curl has one; exit codes are curl's.\n`skybridge explain URL`, with the same flags, says what fetching it would come to - proxies, addresses, TLS, what the pool would do - and connects to nothing; with --report as JSON.\n`skybridge pins HOST`, with the same flags, prints whose keys vouch for a server, and the lines that pin them.\n`skybridge tour`, of a build with the feature `tour`, starts an origin and proxies of its own and walks through everything."
)]
pub(crate) struct Args {
    /// What to fetch, in order. Without a scheme it is http://
    #[arg(required_unless_present_any = ["url", "completions", "man"], value_name = "URL", value_parser = ListedUrl::read)]
    plain: Vec<ListedUrl>,
    /// A URL, too
    #[arg(long, value_name = "URL", action = ArgAction::Append, value_parser = ListedUrl::read)]
    url: Vec<ListedUrl>,
    /// Read more arguments from this file, a flag a line, as curl does; - is stdin
    #[arg(short = 'K', long, value_name = "FILE", action = ArgAction::Append)]
    config: Vec<PathBuf>,
    /// What follows is fetched with options of its own, over the same connections where they allow it; what is shown of
    /// it (-s, -S, -v, -Z, --stderr and all below "Seeing what happened" but -w) is said once for all
    #[arg(short = ':', long)]
    next: bool,
    /// No configuration is read unasked, which is the default
    #[arg(short = 'q', long, hide = true)]
    disable: bool,
    /// Take URLs and files of -T as they are; otherwise {a,b}, [1-3], [01-10:2] and [a-z] in one make it several, and
    /// #1 in the name of -o is what the first of these is
    #[arg(short = 'g', long)]
    pub(crate) globoff: bool,
    /// Print what this shell needs to complete flags, and nothing else
    #[arg(long, value_name = "SHELL", exclusive = true)]
    completions: Option<Shell>,
    /// Print the manual page (roff), and nothing else
    #[arg(long, exclusive = true)]
    man: bool,
    #[command(flatten)]
    pub(crate) request: RequestArgs,
    #[command(flatten)]
    pub(crate) cookies: CookieArgs,
    #[command(flatten)]
    pub(crate) data: DataArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
    #[command(flatten)]
    pub(crate) retry: RetryArgs,
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
    /// Of `skybridge pins`: where what is known of TLS is put, and then nothing is sent.
    #[arg(skip)]
    pub(crate) look: Look,
    /// How many URLs stand before its own, and how many there are in all parts.
    #[arg(skip)]
    numbers: (usize, usize),
}

impl Args {
    /// What is printed in place of fetching anything.
    pub(crate) fn text(&self) -> Option<Vec<u8>> {
        let (mut command, mut text) = (Self::command(), Vec::new());
        if let Some(shell) = self.completions {
            clap_complete::generate(shell, &mut command, "skybridge", &mut text);
        } else if self.man {
            // Writing to a vector doesn't fail.
            let _ = clap_mangen::Man::new(command).render(&mut text);
        } else {
            return None;
        }
        Some(text)
    }

    /// For `skybridge pins`: what has no scheme is https, and nothing is held to pins or resumed.
    pub(crate) fn look_at_tls(&mut self) {
        let given = self.plain.iter_mut().chain(&mut self.url);
        for listed in given.filter(|listed| Reference::typed(&listed.url).scheme().is_none()) {
            listed.url.insert_str(0, "https://");
        }
        (self.tls.pin, self.tls.pinnedpubkey) = (Vec::new(), None);
        self.look = Look::new();
    }

    /// Whether errors and warnings go to stderr.
    pub(crate) fn prints_errors(&self) -> bool {
        !self.request.silent || self.output.show_error
    }

    /// Which of several URLs this one of its own is, to be put before what is wrong with it: a URL that can't be read
    /// isn't printed, as nobody knows where its password is.
    pub(crate) fn which(&self, place: usize) -> String {
        let (before, total) = self.numbers;
        if total > 1 { format!("URL {} of {total}: ", before + place + 1) } else { String::new() }
    }

    /// What to fetch, in the order of the command line.
    pub(crate) fn urls(&self) -> Vec<&str> {
        let mut all: Vec<_> = self.plain.iter().chain(&self.url).collect();
        all.sort_by_key(|listed| listed.place);
        all.into_iter().map(|listed| &*listed.url).collect()
    }
}
