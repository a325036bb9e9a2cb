use super::{
    family::{Family, timed_out},
    https_records::Service,
    records::Servers,
    services::{self, Services},
};
use crate::{ResolveError, localhost::is_localhost};
use futures_core::Stream;
use skybridge_core::{Answer, BoxFuture, Families, Phase, Query, ServiceBinding, Sleep, TimedOut, timeout};
use std::{
    collections::VecDeque,
    fmt,
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

/// The answers of [`Hickory`](crate::Hickory): those of the two families, as they come, and before them those of the
/// services that an HTTPS record names. Drop it to end its queries.
pub struct HickoryLookup {
    query: Query,
    servers: Arc<Servers>,
    limit: Duration,
    /// The name itself, and those that services have.
    hosts: Vec<Host>,
    /// `None` where they aren't asked for, are known, or were too late.
    asked: Option<BoxFuture<(Services, Option<ResolveError>)>>,
    /// What is known of the services.
    services: Vec<Bound>,
    /// The addresses of the name itself.
    own: Given,
    /// How long what is found waits for what goes before it.
    delay: Duration,
    hold: Hold,
    ready: VecDeque<Answer>,
    answered: bool,
    /// The error that ends the stream.
    error: Option<ResolveError>,
    finished: bool,
}

struct Host {
    name: Arc<str>,
    v6: Family,
    v4: Family,
}

/// A service, and which of the hosts it has.
struct Bound {
    binding: Arc<ServiceBinding>,
    port: u16,
    host: usize,
    hints: Vec<IpAddr>,
    hinted: bool,
    ttl: Duration,
    given: Given,
}

/// How long what is found waits for what goes before it.
enum Hold {
    NotBegun,
    /// `None`: for as long as that takes.
    Until(Option<Pin<Box<dyn Sleep>>>),
    Over,
}

/// Which addresses have been told.
#[derive(Clone, Copy, Default)]
struct Given {
    v6: bool,
    v4: bool,
}

impl HickoryLookup {
    /// `delay` is how long addresses wait for HTTPS records, which aren't asked for where it is zero.
    pub(super) fn new(query: Query, servers: &Arc<Servers>, limit: Duration, delay: Duration) -> Self {
        let asks_https = query.https_record && !delay.is_zero() && !is_localhost(&query.host);
        let asked: Option<BoxFuture<_>> = asks_https.then(|| {
            let asked: BoxFuture<_> = Box::pin(find(Arc::clone(servers), query.clone(), limit));
            asked
        });
        Self {
            hosts: vec![Host::ask(servers, Arc::clone(&query.host), &query, limit)],
            query,
            servers: Arc::clone(servers),
            limit,
            asked,
            services: Vec::new(),
            own: Given::default(),
            delay,
            hold: Hold::NotBegun,
            ready: VecDeque::new(),
            answered: false,
            error: None,
            finished: false,
        }
    }

    /// Makes answers of what has come.
    fn advance(&mut self, cx: &mut Context<'_>) {
        self.poll_services(cx);
        for host in &mut self.hosts {
            host.v4.poll(&mut self.error, cx);
            host.v6.poll(&mut self.error, cx);
        }
        if self.asked.is_some() {
            let is_found = self.hosts.first().is_some_and(Host::is_found);
            if !is_found || !self.is_held_too_long(cx) {
                return;
            }
            // They would come too late for those who connect, and hold up whoever waits for all there is.
            self.asked = None;
            let (host, limit) = (Arc::clone(&self.query.host), self.delay);
            self.fail(timed_out(host, TimedOut { phase: Phase::Resolve, limit }));
        }
        if self.tell_services() && self.hosts.iter().any(Host::is_found) && !self.is_held_too_long(cx) {
            return;
        }
        for i in 0..self.services.len() {
            self.tell_service(i);
        }
        let Some(host) = self.hosts.first() else { return };
        let own = host.untold(&mut self.own);
        self.ready.extend(own.into_iter().map(|(ips, ttl)| answer(&ips, self.query.port, ttl)));
    }

    fn poll_services(&mut self, cx: &mut Context<'_>) {
        let Some(asked) = &mut self.asked else { return };
        let Poll::Ready(services) = asked.as_mut().poll(cx) else { return };
        self.asked = None;
        // Now those that services have are waited for.
        self.hold = Hold::NotBegun;
        let (Services { list, ttl }, failed) = services;
        if let Some(error) = failed {
            self.fail(error);
        }
        for service in list {
            let host = self.host(&service.target);
            self.services.push(Bound::new(service, host, self.query.port, ttl));
        }
    }

    /// The place of this host, which is asked for now if it wasn't.
    fn host(&mut self, name: &Arc<str>) -> usize {
        self.hosts.iter().position(|host| host.name.eq_ignore_ascii_case(name)).unwrap_or_else(|| {
            self.hosts.push(Host::ask(&self.servers, Arc::clone(name), &self.query, self.limit));
            self.hosts.len() - 1
        })
    }

    /// Tells what is known of the services up to the first of which nothing is: whether there is such a one.
    fn tell_services(&mut self) -> bool {
        for i in 0..self.services.len() {
            if self.tell_service(i) {
                return true;
            }
        }
        false
    }

    /// Tells what is new of a service: whether nothing is known of it yet.
    fn tell_service(&mut self, i: usize) -> bool {
        let Some(bound) = self.services.get_mut(i) else { return false };
        let Some(host) = self.hosts.get(bound.host) else { return false };
        for (ips, ttl) in host.untold(&mut bound.given) {
            let ttl = Some(ttl.map_or(bound.ttl, |ttl| ttl.min(bound.ttl)));
            self.ready.push_back(bound.answer(&ips, ttl));
        }
        let is_awaited = |ip: &IpAddr| if ip.is_ipv4() { host.v4.is_asked() } else { host.v6.is_asked() };
        let hints: Vec<IpAddr> = std::mem::take(&mut bound.hints).into_iter().filter(is_awaited).collect();
        if !hints.is_empty() {
            bound.hinted = true;
            let mut answer = bound.answer(&hints, Some(bound.ttl));
            answer.early = true;
            self.ready.push_back(answer);
        }
        !bound.is_told() && host.is_asked()
    }

    /// Whether what is found has waited long enough, which begins with the first call.
    fn is_held_too_long(&mut self, cx: &mut Context<'_>) -> bool {
        if matches!(self.hold, Hold::NotBegun) {
            let runtime = self.query.ctx.runtime();
            // A delay that the clock can't reach: until the others are known.
            let deadline = runtime.now().checked_add(self.delay);
            self.hold = Hold::Until(deadline.map(|deadline| runtime.sleep_until(deadline)));
        }
        if let Hold::Until(Some(sleep)) = &mut self.hold
            && sleep.as_mut().poll(cx).is_ready()
        {
            self.hold = Hold::Over;
        }
        matches!(self.hold, Hold::Over)
    }

    /// Whether nothing more will be told.
    fn is_over(&self) -> bool {
        self.asked.is_none() && self.ready.is_empty() && !self.hosts.iter().any(Host::is_asked)
    }

    /// Of errors the one that says most is kept.
    fn fail(&mut self, error: ResolveError) {
        self.error = Some(match self.error.take() {
            Some(old) => old.weightier(error),
            None => error,
        });
    }

    /// The error, unless there are addresses and it says that there are none of one family or name.
    fn take_error(&mut self) -> Option<ResolveError> {
        self.error.take_if(|error| self.answered && !error.is_failure());
        self.error.clone()
    }
}

fn answer(ips: &[IpAddr], port: u16, ttl: Option<Duration>) -> Answer {
    let mut answer = Answer::only(ips.iter().map(|ip| SocketAddr::new(*ip, port).into()));
    (answer.ttl, answer.last) = (ttl, false);
    answer
}

/// Within the time limit, which begins with the query.
async fn find(servers: Arc<Servers>, query: Query, limit: Duration) -> (Services, Option<ResolveError>) {
    let _place = servers.place().await;
    let found = services::find(&servers, Arc::clone(&query.host), query.port);
    let found = timeout(&query.ctx, Phase::Resolve, limit, found).await;
    found.unwrap_or_else(|late| (Services::none(), Some(timed_out(query.host, late))))
}

// === impl Host ===

impl Host {
    fn ask(servers: &Arc<Servers>, name: Arc<str>, query: &Query, limit: Duration) -> Self {
        let v6 = Family::ask(servers, &name, Families::V6, query, limit);
        let v4 = Family::ask(servers, &name, Families::V4, query, limit);
        Self { name, v6, v4 }
    }

    fn is_asked(&self) -> bool {
        self.v6.is_asked() || self.v4.is_asked()
    }

    fn is_found(&self) -> bool {
        self.v6.found().is_some() || self.v4.found().is_some()
    }

    /// Its addresses that have not been told, IPv6 first, and their time to live.
    fn untold(&self, given: &mut Given) -> Vec<(Vec<IpAddr>, Option<Duration>)> {
        let v6 = self.v6.found().filter(|_| !given.v6);
        let v4 = self.v4.found().filter(|_| !given.v4);
        given.v6 |= v6.is_some();
        given.v4 |= v4.is_some();
        v6.into_iter().chain(v4).map(|(ips, ttl)| (ips.to_vec(), ttl)).collect()
    }
}

// === impl Bound ===

impl Bound {
    fn new(service: Service, host: usize, port: u16, ttl: Duration) -> Self {
        let Service { priority, target, port: own_port, http1, http2, ech, hints } = service;
        let mut binding = ServiceBinding::new(priority, target);
        (binding.http1, binding.http2, binding.ech) = (http1, http2, ech);
        let (port, given) = (own_port.unwrap_or(port), Given::default());
        Self { binding: Arc::new(binding), port, host, hints, hinted: false, ttl, given }
    }

    fn answer(&self, ips: &[IpAddr], ttl: Option<Duration>) -> Answer {
        let mut answer = answer(ips, self.port, ttl);
        answer.service = Some(Arc::clone(&self.binding));
        answer
    }

    fn is_told(&self) -> bool {
        self.hinted || self.given.v6 || self.given.v4
    }
}

impl Stream for HickoryLookup {
    type Item = Result<Answer, ResolveError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        if this.finished {
            return Poll::Ready(None);
        }
        this.advance(cx);
        if let Some(mut answer) = this.ready.pop_front() {
            this.answered = true;
            answer.last = this.is_over() && this.take_error().is_none();
            this.finished = answer.last;
            return Poll::Ready(Some(Ok(answer)));
        }
        if this.is_over() {
            this.finished = true;
            return Poll::Ready(this.take_error().map(Err));
        }
        Poll::Pending
    }
}

impl fmt::Debug for HickoryLookup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HickoryLookup").field("host", &self.query.host).finish_non_exhaustive()
    }
}
