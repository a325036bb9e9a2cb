//! Why no connection could be made: each failed address with its phase and reason, alike ones together.

use super::{connect::ConnectError, phase_name::name, reason::reason};
use crate::{Advice, AttemptReport, Endpoint, Error, Outcome, Phase, Protocol, Rounded, TimedOut};
use std::{borrow::Cow, fmt};

/// How many addresses are named of those that failed alike.
const MOST_ADDRESSES: usize = 4;
/// How many different failures are told.
const MOST_FAILURES: usize = 3;

/// The failures of a connect, the one that ended it first.
pub(super) struct Failures<'a> {
    list: Vec<Failure<'a>>,
    error: &'a ConnectError,
}

/// The addresses that failed alike.
struct Failure<'a> {
    phase: Option<Phase>,
    /// Whether it was made all right, and has ended before it carried anything.
    unused: bool,
    why: Why,
    addresses: Vec<&'a Endpoint>,
    proxies: Option<&'a str>,
    /// The proxy that failed, rather than what is behind it.
    proxy: Option<&'a str>,
}

#[derive(PartialEq)]
enum Why {
    Reason(String),
    /// This limit was over.
    Limit(TimedOut),
}

impl<'a> Failures<'a> {
    pub(super) fn of(error: &'a ConnectError) -> Self {
        let mut failures = Self { list: Vec::new(), error };
        let route = error.route().or_else(|| error.attempts().first().map(|report| &*report.route));
        failures.add(error, error.phase(), error.endpoint(), route);
        failures.list.iter_mut().for_each(|first| first.add_cut_off(error));
        for report in error.attempts() {
            if let Outcome::Failed(failed) = &report.outcome {
                failures.add(failed, Some(report.phase), Some(&report.endpoint), Some(&report.route));
            }
        }
        failures
    }

    fn add(
        &mut self,
        error: &'a ConnectError,
        phase: Option<Phase>,
        address: Option<&'a Endpoint>,
        route: Option<&'a str>,
    ) {
        let (why, unused) = (Why::of(error), is_unused(error));
        let proxies = route.and_then(proxies_of);
        let first = phase.zip(proxies).and_then(|(phase, proxies)| first_of(phase, proxies));
        let proxy = error.proxy().or(first);
        let alike = |known: &&mut Failure<'_>| {
            (known.phase, known.unused, known.proxies, &known.why) == (phase, unused, proxies, &why)
        };
        match self.list.iter_mut().find(alike) {
            Some(known) => known.add(address),
            None => {
                self.list.push(Failure { phase, unused, why, addresses: address.into_iter().collect(), proxies, proxy })
            }
        }
    }

    /// Where the attempts were that a limit for all of them has cut off, the furthest first.
    fn cut_off(&self) -> Option<(TimedOut, Vec<&'a AttemptReport>)> {
        let limit = limit(self.error)?;
        let is_for_all = self.error.endpoint().is_none() && matches!(limit.phase, Phase::Acquire | Phase::Call);
        let mut open: Vec<_> = open(self.error).collect();
        open.sort_by_key(|report| std::cmp::Reverse(report.phase));
        is_for_all.then_some((limit, open))
    }
}

impl fmt::Display for Failures<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut told = self.list.iter();
        if let Some((limit, open)) = self.cut_off() {
            // It is the first of the list.
            told.next();
            cut_off(f, &open, limit, self.error.advice())?;
            told.clone().next().map_or(Ok(()), |_| f.write_str("; "))?;
        }
        for (at, failure) in told.clone().take(MOST_FAILURES).enumerate() {
            write!(f, "{}{failure}", if at == 0 { "" } else { "; " })?;
        }
        match told.len().saturating_sub(MOST_FAILURES) {
            0 => {}
            more => write!(f, "; and {more} more that failed otherwise")?,
        }
        match self.error.left_out() {
            0 => Ok(()),
            1 => f.write_str("; 1 more address was not tried"),
            more => write!(f, "; {more} more addresses were not tried"),
        }
    }
}

/// The limit for all that it takes to connect is over.
fn cut_off(
    f: &mut fmt::Formatter<'_>,
    open: &[&AttemptReport],
    limit: TimedOut,
    advice: Option<Advice>,
) -> fmt::Result {
    let limit = Rounded(limit.limit);
    match Step::furthest(open) {
        Some(step) => write!(f, "{step} was not done within {limit}, the limit for connecting"),
        None if advice == Some(Advice::NoAnswer) => {
            write!(f, "the name lookup was not done within {limit}, the limit for connecting")
        }
        None => write!(f, "there was no connection within {limit}"),
    }
}

/// The limit that ended it, if it is nothing but that.
fn limit(error: &ConnectError) -> Option<TimedOut> {
    error.behind().downcast_ref().copied()
}

/// Whether this is the end of a connection of HTTP/1.1, in which there is no handshake that could fail.
fn is_unused(error: &ConnectError) -> bool {
    let ended = error.source_as::<Error>().filter(|_| error.phase() == Some(Phase::Handshake));
    ended.and_then(Error::connection).is_some_and(|info| info.protocol == Some(Protocol::Http1))
}

/// The attempts that have not failed.
fn open(error: &ConnectError) -> impl Iterator<Item = &AttemptReport> {
    error.attempts().iter().filter(|report| !matches!(report.outcome, Outcome::Failed(_)))
}

impl<'a> Failure<'a> {
    /// A limit that knows no address has ended the attempts that were in its phase.
    fn add_cut_off(&mut self, error: &'a ConnectError) {
        if let Why::Limit(limit) = self.why
            && self.addresses.is_empty()
        {
            open(error)
                .filter(|report| report.phase == limit.phase)
                .for_each(|report| self.add(Some(&report.endpoint)));
        }
    }

    fn add(&mut self, address: Option<&'a Endpoint>) {
        if let Some(address) = address
            && !self.addresses.contains(&address)
        {
            self.addresses.push(address);
        }
    }
}

impl fmt::Display for Failure<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.phase {
            Some(Phase::Acquire) => f.write_str("no connection")?,
            Some(phase) => {
                let addresses = self.addresses.as_slice().into();
                let what = if self.unused { "the connection" } else { name(phase) };
                write!(f, "{}", Step { phase, what, addresses, proxies: self.proxies, proxy: self.proxy })?
            }
            None => f.write_str("connecting")?,
        }
        let failed = if self.phase == Some(Phase::Acquire) { "" } else { " failed" };
        match &self.why {
            Why::Reason(why) if why.is_empty() => f.write_str(failed),
            Why::Reason(why) => write!(f, "{failed}: {why}"),
            Why::Limit(limit) => write!(f, " took longer than {}", Rounded(limit.limit)),
        }
    }
}

/// A phase, and where it was: `TCP to 10.0.0.7:443 and 10.0.0.8:443`.
pub(super) struct Step<'a> {
    phase: Phase,
    /// What a person calls it.
    what: &'static str,
    addresses: Cow<'a, [&'a Endpoint]>,
    proxies: Option<&'a str>,
    proxy: Option<&'a str>,
}

/// The proxies of a route that is told so: `a.test via http://p.test, socks5://q.test`.
fn proxies_of(route: &str) -> Option<&str> {
    route.split_once(" via ").map(|(_, proxies)| proxies)
}

/// The proxy whose addresses are connected to.
fn first_of(phase: Phase, proxies: &str) -> Option<&str> {
    proxies.split(", ").next().filter(|_| phase == Phase::Tcp)
}

impl<'a> Step<'a> {
    /// How far attempts have got that are under way, and where. Nothing if none is.
    pub(super) fn under_way(attempts: &'a [AttemptReport]) -> Option<Self> {
        let is_open = |report: &&AttemptReport| matches!(report.outcome, Outcome::Pending | Outcome::Connected);
        let mut open: Vec<_> = attempts.iter().filter(is_open).collect();
        open.sort_by_key(|report| std::cmp::Reverse(report.phase));
        Self::furthest(&open)
    }

    /// The step of the first of these, and of those that are as far as it.
    fn furthest(open: &[&'a AttemptReport]) -> Option<Self> {
        let furthest = open.first()?;
        let (phase, proxies) = (furthest.phase, proxies_of(&furthest.route));
        let alike = open.iter().filter(|report| report.phase == phase && report.route == furthest.route);
        let proxy = proxies.and_then(|proxies| first_of(phase, proxies));
        Some(Self {
            phase,
            what: name(phase),
            addresses: alike.map(|report| &report.endpoint).collect(),
            proxies,
            proxy,
        })
    }
}

impl fmt::Display for Step<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.phase, &*self.addresses) {
            (Phase::Tcp, [Endpoint::Unix(_), ..]) => f.write_str("the socket")?,
            _ => f.write_str(self.what)?,
        }
        let is_named = |by: &str| matches!(&*self.addresses, [one] if by.ends_with(&format!("//{one}")));
        match (self.proxies, self.proxy) {
            (_, Some(proxy)) if matches!(self.phase, Phase::LookupQueue | Phase::Resolve) => {
                write!(f, " of the proxy {proxy}")
            }
            // Whose name it is, the reason says.
            (Some(proxies), None) if matches!(self.phase, Phase::LookupQueue | Phase::Resolve) => {
                write!(f, " (to go via {proxies})")
            }
            (_, Some(proxy)) if is_named(proxy) || self.addresses.is_empty() => write!(f, " to the proxy {proxy}"),
            (_, Some(proxy)) => write!(f, "{} (the proxy {proxy})", Addresses(" to ", &self.addresses)),
            // The addresses are the first proxy's, and it is what is behind them that has failed.
            (Some(proxies), None) if is_named(proxies) => write!(f, " via {proxies}"),
            (Some(proxies), None) => write!(f, " via {proxies}{}", Addresses(" at ", &self.addresses)),
            (None, None) => Addresses(" to ", &self.addresses).fmt(f),
        }
    }
}

/// Some addresses, and a word before the first: ` to 10.0.0.7:443 and 10.0.0.8:443`.
struct Addresses<'a>(&'static str, &'a [&'a Endpoint]);

impl fmt::Display for Addresses<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(first, addresses) = self;
        let last = addresses.len().min(MOST_ADDRESSES).saturating_sub(1);
        let more = addresses.len().saturating_sub(MOST_ADDRESSES);
        for (at, address) in addresses.iter().take(MOST_ADDRESSES).enumerate() {
            let and = match at {
                0 => first,
                at if at == last && more == 0 => " and ",
                _ => ", ",
            };
            write!(f, "{and}{address}")?;
        }
        if more > 0 { write!(f, " and {more} more") } else { Ok(()) }
    }
}

impl Why {
    fn of(error: &ConnectError) -> Self {
        match (error.reason(), limit(error)) {
            (Some(reason), _) => Self::Reason(reason.to_owned()),
            (None, Some(limit)) => Self::Limit(limit),
            (None, None) => Self::Reason(reason(error.behind())),
        }
    }
}
