use crate::{
    config::Settings,
    error::NoAddresses,
    memory::Memory,
    recall::Recall,
    resolve::{Asked, Resolved, resolve},
};
use skybridge_core::{
    BoxFuture, ConnectError, Endpoint, Endpoints, Families, Phase, Proxy, ProxyKind, Resolver, Route, Span, Target,
};
use std::{
    future::Future,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

/// The proxies that may be gone through, in order; an empty list of hops is "directly".
pub(crate) type List = Arc<[Arc<[Proxy]>]>;

/// The ways to one target. Each is decided when the one before has failed: no proxy is looked up that isn't needed.
pub(crate) struct Ways<R> {
    resolver: R,
    settings: Settings,
    memory: Arc<Memory>,
    target: Target,
    list: List,
    /// How many of the list were looked at.
    seen: usize,
    first_error: Option<ConnectError>,
}

/// One way, its first addresses known.
pub(crate) struct Way {
    pub(crate) route: Route,
    pub(crate) recall: Arc<Recall>,
    /// The origin's addresses, where the last proxy is to be told one. Each is tried in turn.
    pub(crate) proxy_target: Option<Endpoints>,
    pub(crate) late: Late,
}

/// Feeds endpoints with later answers while it is polled.
#[derive(Default)]
pub(crate) struct Late(Vec<BoxFuture<()>>);

// === impl Ways ===

impl<R: Resolver> Ways<R> {
    pub(crate) fn new(resolver: R, settings: Settings, memory: Arc<Memory>, list: List, target: Target) -> Self {
        let list = target.connect_options().proxies.clone().map_or(list, |proxies| [proxies].into());
        Self { resolver, settings, memory, target, list, seen: 0, first_error: None }
    }

    /// How many attempts each of them may cost.
    pub(crate) fn max_attempts(&self) -> usize {
        self.settings.max_attempts
    }

    /// The next one whose names are resolved. Those before it failed, and so did those that are skipped.
    pub(crate) async fn next(&mut self) -> Result<Way, ConnectError> {
        while let Some(proxies) = self.list.get(self.seen).cloned() {
            self.seen += 1;
            match self.decide(proxies).await {
                Ok(way) => return Ok(way),
                Err(error) if error.is_fatal() => return Err(error),
                Err(error) => self.failed(error),
            }
        }
        Err(self.first_error.take().unwrap_or_else(|| no_addresses(&self.target)))
    }

    /// A way failed. What is told in the end is why the first one did; the trail has the others.
    pub(crate) fn failed(&mut self, error: ConnectError) {
        self.first_error.get_or_insert(error);
    }

    async fn decide(&self, proxies: Arc<[Proxy]>) -> Result<Way, ConnectError> {
        let mut route = Route::direct(self.target.clone(), Endpoints::fixed([]));
        route.proxies = proxies;
        let recall = Arc::new(Recall::new(Arc::clone(&self.memory), &route));
        route.feedback = Some(recall.clone());
        let mut way = Way { route, recall, proxy_target: None, late: Late::default() };
        let decided = match self.near(&mut way).await {
            Ok(()) => self.far(&mut way).await,
            error => error,
        };
        match decided {
            Ok(()) => Ok(way),
            Err(error) => Err(error.on_route(&way.route)),
        }
    }

    /// Where the first hop, or without hops the origin, listens.
    async fn near(&self, way: &mut Way) -> Result<(), ConnectError> {
        let origin = self.target.origin();
        let (ip, host, port) = match way.route.proxies.first() {
            Some(proxy) => (proxy.ip(), proxy.name(), proxy.port),
            None => {
                if let Some(dial) = &self.target.connect_options().dial {
                    way.route.endpoints = Endpoints::fixed(way.recall.postpone(dial.to_vec()));
                    return Ok(());
                }
                (origin.ip(), origin.name(), origin.port())
            }
        };
        if let Some(ip) = ip {
            way.route.endpoints = Endpoints::fixed([SocketAddr::new(ip, port).into()]);
            return Ok(());
        }
        let asked = Asked { host: host.into(), port, families: self.settings.families };
        way.route.endpoints = self.look_up(way, asked).await?;
        Ok(())
    }

    /// Where the origin listens, if the last hop must be told: it wants an address, or we were told what to dial.
    async fn far(&self, way: &mut Way) -> Result<(), ConnectError> {
        let Some(last) = way.route.proxies.last() else { return Ok(()) };
        let origin = self.target.origin();
        if let Some(dial) = &self.target.connect_options().dial {
            let inet: Vec<Endpoint> = dial.iter().filter(|endpoint| endpoint.inet().is_some()).cloned().collect();
            if inet.is_empty() {
                return Err(no_addresses(&self.target));
            }
            way.proxy_target = Some(Endpoints::fixed(inet));
        } else if last.kind.wants_address() && origin.ip().is_none() {
            let families = if last.kind == ProxyKind::Socks4 { Families::V4 } else { self.settings.families };
            let asked = Asked { host: origin.name().into(), port: origin.port(), families };
            way.proxy_target = Some(self.look_up(way, asked).await?);
        }
        Ok(())
    }

    async fn look_up(&self, way: &mut Way, asked: Asked) -> Result<Endpoints, ConnectError> {
        let resolved = resolve(self.resolver.clone(), self.settings, asked, &way.route, &way.recall).await?;
        let Resolved { endpoints, span, rest } = resolved;
        let start = way.route.resolved.map_or(span.start, |earlier| earlier.start);
        way.route.resolved = Some(Span { start, end: span.end });
        way.late.0.extend(rest);
        Ok(endpoints)
    }
}

fn no_addresses(target: &Target) -> ConnectError {
    ConnectError::new(Phase::Resolve, NoAddresses { host: target.origin().name().into() })
}

// === impl Late ===

impl Late {
    /// Drives what brings late answers beside what uses them.
    pub(crate) async fn alongside<T>(&mut self, future: impl Future<Output = T>) -> T {
        let mut future = std::pin::pin!(future);
        std::future::poll_fn(|cx| {
            self.poll(cx);
            future.as_mut().poll(cx)
        })
        .await
    }

    fn poll(&mut self, cx: &mut Context<'_>) {
        self.0.retain_mut(|answers| matches!(Pin::new(answers).poll(cx), Poll::Pending));
    }
}
