//! `--connect-to`: connects to other hosts and ports than those of the URL.

use crate::{args::ConnectTo, proxies::Proxies, usage::Usage};
use http::Uri;
use skybridge::{
    Endpoint,
    tower::Service,
    types::{OriginRef, Query, Resolver},
};
use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    task::{Context, Poll},
};

/// Asks the resolver below for another host and port.
#[derive(Clone)]
pub(crate) struct ConnectToResolver<R> {
    inner: R,
    rules: Arc<[ConnectTo]>,
    /// Hosts and ports of proxies, which the rules don't apply to: a proxy at another address would be sent credentials
    /// that are meant for this one.
    proxies: Arc<[(Box<str>, u16)]>,
}

impl<R> ConnectToResolver<R> {
    pub(crate) fn new(inner: R, rules: Vec<ConnectTo>, proxies: Arc<[(Box<str>, u16)]>) -> Self {
        Self { inner, rules: rules.into(), proxies }
    }
}

impl ConnectTo {
    pub(crate) fn matches(&self, host: &str, port: u16) -> bool {
        let (from, at) = &self.from;
        from.as_ref().is_none_or(|from| from.eq_ignore_ascii_case(host)) && at.is_none_or(|at| at == port)
    }
}

fn is_among(proxies: &[(Box<str>, u16)], host: &str, port: u16) -> bool {
    proxies.iter().any(|(proxy, at)| proxy.eq_ignore_ascii_case(host) && *at == port)
}

/// The endpoint for a URL whose host isn't resolved here: one with an address, or any behind a proxy.
///
/// # Errors
/// When the rule leads to a name, which would not be resolved; and when the URL's host is also a proxy, which rules
/// don't apply to.
pub(crate) fn dial(rules: &[ConnectTo], uri: &Uri, proxies: &Proxies) -> Result<Option<Endpoint>, Usage> {
    // The client refuses URLs without an origin.
    let Ok(origin) = OriginRef::of(uri).and_then(OriginRef::to_owned) else { return Ok(None) };
    let (host, port) = (origin.name().trim_matches(['[', ']']), origin.port());
    let Some(rule) = rules.iter().find(|rule| rule.matches(host, port)) else { return Ok(None) };
    if origin.ip().is_none() && !proxies.are_for(uri) {
        if is_among(&proxies.hosts_and_ports(), host, port) {
            let why = format!("it is also a proxy, which is reached where it is; nearest: -x http://ADDRESS:{port}");
            return Err(Usage::of("--connect-to", format_args!("{host}:{port}"), why));
        }
        return Ok(None);
    }
    let (to, at) = &rule.to;
    let to = to.as_deref().unwrap_or(host);
    match to.parse::<IpAddr>() {
        Ok(ip) => Ok(Some(SocketAddr::new(ip, at.unwrap_or(port)).into())),
        Err(_) => Err(Usage::of(
            "--connect-to",
            to,
            format_args!("not an address, as it must be for {host}; nearest: {host}:{port}:127.0.0.1:{port}"),
        )),
    }
}

impl<R: Resolver> Service<Query> for ConnectToResolver<R> {
    type Response = R::Answers;
    type Error = R::Error;
    type Future = R::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), R::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut query: Query) -> R::Future {
        let is_proxy = is_among(&self.proxies, &query.host, query.port);
        if let Some(rule) = self.rules.iter().find(|rule| rule.matches(&query.host, query.port))
            && !is_proxy
        {
            let (host, port) = &rule.to;
            query.host = host.as_deref().map_or_else(|| Arc::clone(&query.host), Into::into);
            query.port = port.unwrap_or(query.port);
        }
        self.inner.resolve(query)
    }
}
