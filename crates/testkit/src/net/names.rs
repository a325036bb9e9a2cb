//! The names of a network: its zone, and a resolver over it.

use super::Network;
use futures_core::Stream;
use skybridge_core::{Answer, ConnectError, Ctx, Endpoint, Families, Phase, Query, Sleep};
use std::{
    collections::VecDeque,
    fmt,
    future::{Ready, ready},
    io::{Error, ErrorKind},
    net::{IpAddr, SocketAddr},
    pin::Pin,
    task::{self, Context, Poll},
    time::Duration,
};
use tower_service::Service;

/// How one name resolves; each setter holds for queries that start after it.
#[derive(Clone, Debug)]
pub struct Name {
    net: Network,
    name: String,
}

/// What a name resolves to.
#[derive(Clone, Debug, Default)]
pub(super) struct Record {
    batches: Vec<Batch>,
    end: End,
    pub(super) queries: usize,
}

/// Addresses that come this long after those before them.
#[derive(Clone, Debug)]
struct Batch {
    after: Duration,
    addrs: Vec<IpAddr>,
}

#[derive(Clone, Debug, Default)]
enum End {
    #[default]
    Last,
    Fail(ErrorKind),
    Never,
}

/// A resolver over the names of a network. Made by [`Network::resolver`].
#[derive(Clone, Debug)]
pub struct Names {
    net: Network,
}

/// The answers to one query, as they come.
pub struct Answers {
    ctx: Ctx,
    batches: VecDeque<(Duration, Answer)>,
    end: Option<ConnectError>,
    never: bool,
    timer: Option<Pin<Box<dyn Sleep>>>,
}

impl Network {
    /// Sets the addresses of a name, in this order.
    pub fn host(&self, name: &str, addrs: impl IntoIterator<Item = IpAddr>) -> Name {
        let handle = self.name(name);
        let batch = Batch { after: Duration::ZERO, addrs: addrs.into_iter().collect() };
        handle.set(|record| *record = Record { batches: vec![batch], end: End::Last, queries: record.queries });
        handle
    }

    /// The behaviour of a name.
    pub fn name(&self, name: &str) -> Name {
        Name { net: self.clone(), name: name.to_ascii_lowercase() }
    }

    /// The addresses of a name, if it has been given any.
    pub fn lookup(&self, name: &str) -> Option<Vec<IpAddr>> {
        let record = self.record(&name.to_ascii_lowercase())?;
        Some(record.batches.into_iter().flat_map(|batch| batch.addrs).collect())
    }

    /// A resolver over these names, in place of the system's.
    pub fn resolver(&self) -> Names {
        Names { net: self.clone() }
    }
}

// === impl Name ===

impl Name {
    /// Delays the first answer by this long.
    pub fn latency(&self, latency: Duration) -> &Self {
        self.set(|record| match record.batches.first_mut() {
            Some(batch) => batch.after = latency,
            None => record.batches.push(Batch { after: latency, addrs: Vec::new() }),
        })
    }

    /// Adds an answer with these addresses, this long after the one before.
    pub fn then(&self, after: Duration, addrs: impl IntoIterator<Item = IpAddr>) -> &Self {
        let batch = Batch { after, addrs: addrs.into_iter().collect() };
        self.set(|record| record.batches.push(batch))
    }

    /// After its answers the query fails with this error.
    pub fn fail(&self, kind: ErrorKind) -> &Self {
        self.set(|record| record.end = End::Fail(kind))
    }

    /// After its answers the query never ends.
    pub fn hang(&self) -> &Self {
        self.set(|record| record.end = End::Never)
    }

    /// How often it was queried.
    pub fn queries(&self) -> usize {
        self.net.record(&self.name).map_or(0, |record| record.queries)
    }

    fn set(&self, set: impl FnOnce(&mut Record)) -> &Self {
        self.net.change_record(&self.name, set);
        self
    }
}

// === impl Names ===

impl Names {
    fn resolve(&self, query: Query) -> Result<Answers, ConnectError> {
        let name = query.host.to_ascii_lowercase();
        let unknown = || ConnectError::new(Phase::Resolve, Error::new(ErrorKind::NotFound, "no such name"));
        let record = self.net.record(&name).ok_or_else(unknown)?;
        self.net.change_record(&name, |record| record.queries += 1);
        let mut batches: VecDeque<_> =
            record.batches.iter().map(|batch| (batch.after, answer(&batch.addrs, &query))).collect();
        if let (End::Last, Some((_, answer))) = (&record.end, batches.back_mut()) {
            answer.last = true;
        }
        let (end, never) = match record.end {
            End::Last => (None, false),
            End::Fail(kind) => (Some(ConnectError::new(Phase::Resolve, Error::from(kind))), false),
            End::Never => (None, true),
        };
        Ok(Answers { ctx: query.ctx, batches, end, never, timer: None })
    }
}

fn answer(addrs: &[IpAddr], query: &Query) -> Answer {
    let wanted = |addr: &&IpAddr| match query.families {
        Families::V4 => addr.is_ipv4(),
        Families::V6 => addr.is_ipv6(),
        _ => true,
    };
    let endpoints = addrs.iter().filter(wanted).map(|addr| Endpoint::from(SocketAddr::new(*addr, query.port)));
    let mut answer = Answer::only(endpoints);
    answer.last = false;
    answer
}

impl Service<Query> for Names {
    type Response = Answers;
    type Error = ConnectError;
    type Future = Ready<Result<Answers, ConnectError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ConnectError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, query: Query) -> Self::Future {
        ready(self.resolve(query))
    }
}

// === impl Answers ===

impl Stream for Answers {
    type Item = Result<Answer, ConnectError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        let Some((after, _)) = this.batches.front() else {
            return if this.never { Poll::Pending } else { Poll::Ready(this.end.take().map(Err)) };
        };
        if !after.is_zero() {
            let runtime = this.ctx.runtime();
            let timer = this.timer.get_or_insert_with(|| runtime.sleep_until(runtime.now() + *after));
            task::ready!(timer.as_mut().poll(cx));
            this.timer = None;
        }
        Poll::Ready(this.batches.pop_front().map(|(_, answer)| Ok(answer)))
    }
}

impl fmt::Debug for Answers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answers").field("left", &self.batches.len()).finish_non_exhaustive()
    }
}
