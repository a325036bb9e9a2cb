//! `--resolve`: addresses for hosts and ports, in place of what a resolver would say.

use crate::args::Resolve;
use skybridge::{
    Endpoint, OverridesLayer,
    tower::{Layer, Service},
    types::{Query, Resolver, Runtime},
};
use std::{
    net::IpAddr,
    task::{Context, Poll},
    time::{Duration, Instant},
};

/// For how long entries with a `+` hold: as long as curl keeps what a resolver has said.
const EXPIRY: Duration = Duration::from_secs(60);

/// Answers for the hosts and ports of `--resolve`.
#[derive(Clone)]
pub(crate) struct ResolveLayer {
    all: OverridesLayer,
    kept: OverridesLayer,
    until: Instant,
}

/// The resolver that [`ResolveLayer`] makes.
#[derive(Clone)]
pub(crate) struct WithResolve<R> {
    all: R,
    /// Without the entries that expire.
    kept: R,
    until: Instant,
}

impl ResolveLayer {
    pub(crate) fn new(given: &[Resolve], runtime: &dyn Runtime) -> Self {
        let overrides = |kept_alone: bool| {
            let entries = entries(given).into_iter().filter(|entry| !(kept_alone && entry.expires));
            entries.fold(OverridesLayer::new(), |layer, entry| {
                let endpoints = entry.endpoints.iter().cloned();
                match &entry.host {
                    Some(host) => layer.host_port(host, entry.port, endpoints),
                    None => layer.port(entry.port, endpoints),
                }
            })
        };
        Self { all: overrides(false), kept: overrides(true), until: runtime.now() + EXPIRY }
    }
}

/// The endpoints for a host that is an address, which no resolver is asked for.
pub(crate) fn for_address(given: &[Resolve], ip: IpAddr, port: u16) -> Option<Vec<Endpoint>> {
    found(given, port, |host| host.parse() == Ok(ip))
}

/// The endpoints for a host, while those hold that expire.
pub(crate) fn for_host(given: &[Resolve], host: &str, port: u16) -> Option<Vec<Endpoint>> {
    match host.parse() {
        Ok(ip) => for_address(given, ip, port),
        Err(_) => found(given, port, |named| named.eq_ignore_ascii_case(host)),
    }
}

/// Those of a host go before those of any.
fn found(given: &[Resolve], port: u16, is_it: impl Fn(&str) -> bool) -> Option<Vec<Endpoint>> {
    let entries = entries(given);
    let of = |is_it: &dyn Fn(Option<&str>) -> bool| {
        let found = entries.iter().find(|entry| entry.port == port && is_it(entry.host.as_deref()));
        found.map(|entry| entry.endpoints.clone())
    };
    of(&|host| host.is_some_and(&is_it)).or_else(|| of(&|host| host.is_none()))
}

/// What is left of them: each replaces what was said before of its host and port, or takes it away.
fn entries(given: &[Resolve]) -> Vec<&Resolve> {
    let mut entries: Vec<&Resolve> = Vec::new();
    for new in given {
        let is_same = |old: &Resolve| {
            let hosts = (old.host.as_deref().unwrap_or("*"), new.host.as_deref().unwrap_or("*"));
            hosts.0.eq_ignore_ascii_case(hosts.1) && old.port == new.port
        };
        entries.retain(|old| !is_same(old));
        if !new.endpoints.is_empty() {
            entries.push(new);
        }
    }
    entries
}

impl<R: Resolver> Layer<R> for ResolveLayer {
    type Service = WithResolve<<OverridesLayer as Layer<R>>::Service>;

    fn layer(&self, inner: R) -> Self::Service {
        WithResolve { all: self.all.layer(inner.clone()), kept: self.kept.layer(inner), until: self.until }
    }
}

impl<R: Resolver> Service<Query> for WithResolve<R> {
    type Response = R::Answers;
    type Error = R::Error;
    type Future = R::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), R::Error>> {
        let (all, kept) = (self.all.poll_ready(cx)?, self.kept.poll_ready(cx)?);
        if all.is_ready() && kept.is_ready() { Poll::Ready(Ok(())) } else { Poll::Pending }
    }

    fn call(&mut self, query: Query) -> R::Future {
        let is_over = query.ctx.runtime().now() >= self.until;
        if is_over { self.kept.resolve(query) } else { self.all.resolve(query) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use skybridge::{Client, System, TokioRuntime};
    use skybridge_testkit::origin::Origin;

    fn resolve(text: &str) -> Resolve {
        text.parse().unwrap()
    }

    #[test]
    fn a_later_entry_replaces_an_earlier_one_or_takes_it_away() {
        let rows: [(&[&str], &[&str]); 5] = [
            (&["a.test:80:192.0.2.1", "A.test:80:192.0.2.2"], &["192.0.2.2:80"]),
            (&["a.test:80:192.0.2.1", "-A.TEST:80"], &[]),
            (&["a.test:80:192.0.2.1", "-a.test:81", "-*:80"], &["192.0.2.1:80"]),
            (&["*:80:192.0.2.1", "-a.test:80", "+a.test:81:192.0.2.2"], &["192.0.2.1:80", "192.0.2.2:81"]),
            (&["-a.test:80", "a.test:80:192.0.2.1"], &["192.0.2.1:80"]),
        ];
        for (given, left) in rows {
            let given: Vec<_> = given.iter().map(|text| resolve(text)).collect();
            let entries: Vec<_> =
                entries(&given).iter().flat_map(|entry| &entry.endpoints).map(|at| at.to_string()).collect();
            assert_eq!(entries, left, "{given:?}");
        }
    }

    #[test]
    fn an_address_has_entries_too() {
        let given = ["*:80:192.0.2.1", "[::1]:80:192.0.2.2", "127.0.0.1:80:192.0.2.3"].map(resolve);
        let to = |ip: &str, port| for_address(&given, ip.parse().unwrap(), port).map(|to| to[0].to_string());
        assert_eq!(to("0::1", 80).as_deref(), Some("192.0.2.2:80"));
        assert_eq!(to("127.0.0.1", 80).as_deref(), Some("192.0.2.3:80"));
        assert_eq!(to("127.0.0.2", 80).as_deref(), Some("192.0.2.1:80"));
        assert_eq!(to("127.0.0.1", 81), None);
    }

    /// The system says that the name is this machine, and the entry that it is another one, where nobody listens.
    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn an_entry_with_a_plus_holds_for_a_minute() {
        let origin = Origin::h1().start().await;
        let port = origin.addr().port();
        for (plus, minutes, reaches) in [("+", 0, false), ("+", 1, true), ("", 1, false)] {
            let given = [resolve(&format!("{plus}localhost:{port}:127.0.0.2"))];
            let mut layer = ResolveLayer::new(&given, &TokioRuntime::current());
            layer.until -= EXPIRY * minutes;
            let client = Client::builder().resolver(layer.layer(System::new())).build();
            let response = client.get(format!("http://localhost:{port}/")).await;
            assert_eq!(response.is_ok(), reaches, "{plus} {minutes}: {response:?}");
        }
    }
}
