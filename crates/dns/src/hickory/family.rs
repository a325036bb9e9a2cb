use super::records::{Records, Servers};
use crate::{ResolveError, localhost::localhost};
use skybridge_core::{BoxFuture, Families, Phase, Query, TimedOut, timeout};
use std::{
    io::{Error, ErrorKind},
    net::IpAddr,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

/// The records of one family, of one name.
pub(super) enum Family {
    /// Not asked for, or there are none.
    None,
    Asked(BoxFuture<Result<Records, ResolveError>>),
    Found(Vec<IpAddr>, Option<Duration>),
}

impl Family {
    /// Asks for those of this name, if the query is for this family.
    pub(super) fn ask(
        servers: &Arc<Servers>,
        host: &Arc<str>,
        family: Families,
        query: &Query,
        limit: Duration,
    ) -> Self {
        if query.families != Families::Both && query.families != family {
            return Self::None;
        }
        match localhost(host, family) {
            Some(loopback) => {
                Self::Found(loopback.iter().filter_map(|at| at.inet().map(|addr| addr.ip())).collect(), None)
            }
            None => Self::Asked(Box::pin(ask(Arc::clone(servers), Arc::clone(host), query.clone(), family, limit))),
        }
    }

    pub(super) fn is_asked(&self) -> bool {
        matches!(self, Self::Asked(_))
    }

    pub(super) fn found(&self) -> Option<(&[IpAddr], Option<Duration>)> {
        match self {
            Self::Found(ips, ttl) => Some((ips, *ttl)),
            _ => None,
        }
    }

    pub(super) fn poll(&mut self, error: &mut Option<ResolveError>, cx: &mut Context<'_>) {
        let Self::Asked(asked) = self else { return };
        let Poll::Ready(records) = asked.as_mut().poll(cx) else { return };
        *self = match records {
            Ok(Records { addresses, ttl }) => Self::Found(addresses, Some(ttl)),
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

/// Within the time limit, which begins with the query.
async fn ask(
    servers: Arc<Servers>,
    host: Arc<str>,
    query: Query,
    family: Families,
    limit: Duration,
) -> Result<Records, ResolveError> {
    let _place = servers.place().await;
    let asked = timeout(&query.ctx, Phase::Resolve, limit, servers.ask(Arc::clone(&host), family)).await;
    asked.unwrap_or_else(|late| Err(timed_out(host, late)))
}

pub(super) fn timed_out(host: Arc<str>, timed_out: TimedOut) -> ResolveError {
    ResolveError::Io { host, source: Arc::new(Error::new(ErrorKind::TimedOut, timed_out)) }
}
