use super::records::{Records, Servers};
use crate::{ResolveError, localhost::localhost, pick::with_port};
use futures_core::Stream;
use skybridge_core::{Answer, BoxFuture, Endpoint, Families, Phase, Query, timeout};
use std::{
    fmt,
    io::{Error, ErrorKind},
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

/// The answers of [`Hickory`](crate::Hickory): those of the two families, as they come. Drop it to end its queries.
pub struct HickoryLookup {
    query: Query,
    v6: Family,
    v4: Family,
    answered: bool,
    /// The error that ends the stream.
    error: Option<ResolveError>,
    finished: bool,
}

/// The records of one family.
enum Family {
    /// Not asked for, or returned.
    None,
    Asked(BoxFuture<Result<Records, ResolveError>>),
    Found(Vec<Endpoint>, Option<Duration>),
}

impl HickoryLookup {
    pub(super) fn new(query: Query, servers: &Arc<Servers>, limit: Duration) -> Self {
        let family = |family: Families, others: Families| {
            if query.families == others {
                return Family::None;
            }
            match localhost(&query.host, family) {
                Some(loopback) => {
                    Family::Found(loopback.iter().map(|endpoint| with_port(endpoint, query.port)).collect(), None)
                }
                None => Family::Asked(Box::pin(ask(Arc::clone(servers), query.clone(), family, limit))),
            }
        };
        Self {
            v6: family(Families::V6, Families::V4),
            v4: family(Families::V4, Families::V6),
            query,
            answered: false,
            error: None,
            finished: false,
        }
    }

    /// The addresses of one family. Of errors the one that says most is kept.
    fn take(&mut self, v6: bool) -> Option<Answer> {
        let family = if v6 { &mut self.v6 } else { &mut self.v4 };
        let (endpoints, ttl) = family.take()?;
        self.answered = true;
        let mut answer = Answer::only(endpoints);
        answer.ttl = ttl;
        answer.last = self.v6.is_over() && self.v4.is_over() && self.take_error().is_none();
        self.finished = answer.last;
        Some(answer)
    }

    /// The error, unless there are addresses and it says that there are none of one family.
    fn take_error(&mut self) -> Option<ResolveError> {
        self.error.take_if(|error| self.answered && !error.is_failure());
        self.error.clone()
    }
}

/// Within the time limit, which begins with the query.
async fn ask(servers: Arc<Servers>, query: Query, family: Families, limit: Duration) -> Result<Records, ResolveError> {
    let _place = servers.place().await;
    let asked = timeout(&query.ctx, Phase::Resolve, limit, servers.ask(Arc::clone(&query.host), family)).await;
    asked.unwrap_or_else(|timed_out| {
        let source = Arc::new(Error::new(ErrorKind::TimedOut, timed_out));
        Err(ResolveError::Io { host: query.host, source })
    })
}

// === impl Family ===

impl Family {
    fn is_over(&self) -> bool {
        matches!(self, Self::None)
    }

    /// Its addresses, once.
    fn take(&mut self) -> Option<(Vec<Endpoint>, Option<Duration>)> {
        match std::mem::replace(self, Self::None) {
            Self::Found(endpoints, ttl) => Some((endpoints, ttl)),
            other => {
                *self = other;
                None
            }
        }
    }

    fn poll(&mut self, port: u16, error: &mut Option<ResolveError>, cx: &mut Context<'_>) {
        let Self::Asked(asked) = self else { return };
        let Poll::Ready(records) = asked.as_mut().poll(cx) else { return };
        *self = match records {
            Ok(Records { addresses, ttl }) => {
                let endpoints = addresses.into_iter().map(|ip| SocketAddr::new(ip, port).into());
                Self::Found(endpoints.collect(), Some(ttl))
            }
            Err(new) => {
                *error = Some(match error.take() {
                    Some(old) => old.weightier(new),
                    None => new,
                });
                Self::None
            }
        };
    }
}

impl Stream for HickoryLookup {
    type Item = Result<Answer, ResolveError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        if this.finished {
            return Poll::Ready(None);
        }
        let port = this.query.port;
        this.v4.poll(port, &mut this.error, cx);
        this.v6.poll(port, &mut this.error, cx);
        if let Some(answer) = this.take(true).or_else(|| this.take(false)) {
            return Poll::Ready(Some(Ok(answer)));
        }
        if this.v6.is_over() && this.v4.is_over() {
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
