//! `--connect-to`: other hosts and ports in place of those that are asked for.

use crate::{args::ConnectTo, usage::Usage};
use http::Uri;
use skybridge::{
    Endpoint,
    core::{Query, Resolver},
    tower::Service,
};
use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    task::{Context, Poll},
};

/// Asks the resolver below for somebody else.
#[derive(Clone)]
pub(crate) struct Elsewhere<R> {
    inner: R,
    rules: Arc<[ConnectTo]>,
}

impl<R> Elsewhere<R> {
    pub(crate) fn new(inner: R, rules: Vec<ConnectTo>) -> Self {
        Self { inner, rules: rules.into() }
    }
}

impl ConnectTo {
    pub(crate) fn matches(&self, host: &str, port: u16) -> bool {
        let (from, at) = &self.from;
        from.as_ref().is_none_or(|from| from.eq_ignore_ascii_case(host)) && at.is_none_or(|at| at == port)
    }
}

/// Where the rules lead a URL whose host no resolver of ours is asked for: an address, or any host behind a proxy.
///
/// # Errors
/// When that is a name: nobody would look it up.
pub(crate) fn dial(rules: &[ConnectTo], uri: &Uri, proxied: bool) -> Result<Option<Endpoint>, Usage> {
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    let port = uri.port_u16().unwrap_or(if uri.scheme_str() == Some("https") { 443 } else { 80 });
    let is_address = host.parse::<IpAddr>().is_ok();
    let Some(rule) = rules.iter().find(|rule| rule.matches(host, port)) else { return Ok(None) };
    if !is_address && !proxied {
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

impl<R: Resolver> Service<Query> for Elsewhere<R> {
    type Response = R::Answers;
    type Error = R::Error;
    type Future = R::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), R::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut query: Query) -> R::Future {
        if let Some(rule) = self.rules.iter().find(|rule| rule.matches(&query.host, query.port)) {
            let (host, port) = &rule.to;
            query.host = host.as_deref().map_or_else(|| Arc::clone(&query.host), Into::into);
            query.port = port.unwrap_or(query.port);
        }
        self.inner.resolve(query)
    }
}
