//! What an observed request is told of the search among the connections of other origins.

use crate::{
    connection::PooledConnection,
    origin::{OriginPool, pending_connect::PendingConnect},
    registry::Registry,
};
use skybridge_core::{Endpoint, EventKind, Found, NotUsed, Route, Search};
use std::sync::Arc;

/// A search on behalf of a request; without an observer nothing is collected.
pub(super) struct Searching<'a> {
    route: &'a Route,
    search: Option<Box<Search>>,
}

impl<'a> Searching<'a> {
    pub(super) fn begin<C: Send + 'static>(origin: &OriginPool<C>, route: &'a Route) -> Self {
        let observed = route.ctx().is_observed();
        let search = observed.then(|| Box::new(Search::new(origin.key.origin.clone(), Found::Coalesced)));
        Self { route, search }
    }

    /// Where those are listed that were looked at.
    pub(super) fn list(&mut self) -> Option<&mut Search> {
        self.search.as_deref_mut()
    }

    /// A shared connection of another origin, which uses it from now on; not if the observer panics.
    pub(super) fn found<C: Send + 'static>(self, origin: &Arc<OriginPool<C>>, connection: &Arc<PooledConnection<C>>) {
        let leave = Leave { origin, connection };
        self.tell(connection);
        std::mem::forget(leave);
    }

    /// An idle connection to the proxy that forwards, which was another origin's.
    pub(super) fn taken<C: Send + 'static>(&mut self, connection: &PooledConnection<C>) {
        Self { route: self.route, search: self.search.take() }.tell(connection);
    }

    /// One that was lent and went back, or has ended meanwhile.
    pub(super) fn stayed<C: Send + 'static>(&mut self, connection: &PooledConnection<C>) {
        if let Some(search) = &mut self.search {
            let why = if connection.stays() { NotUsed::Stays } else { NotUsed::Draining(connection.close_reason()) };
            search.pass_over(&connection.info, why);
        }
    }

    fn tell<C: Send + 'static>(self, connection: &PooledConnection<C>) {
        if let Some(mut search) = self.search {
            search.found = if connection.info.forwarded { Found::Forwarded } else { Found::Coalesced };
            self.route.ctx().emit(None, connection.info.id, EventKind::Searched(&search));
        }
    }

    /// None. `told` is what it was told before, when fewer addresses were known.
    pub(super) fn found_none<C: Send + 'static>(
        self,
        pool: &Registry<C>,
        origin: &Arc<OriginPool<C>>,
        connect: &PendingConnect,
        endpoints: &[Endpoint],
        told: &mut Option<Box<Search>>,
    ) {
        let Some(mut search) = self.search else { return };
        pool.pass_over_others(origin, self.route, endpoints, &mut search);
        search.found = origin.goes_on(connect);
        if search.is_news() && told.as_ref().is_none_or(|told| told.passed_over != search.passed_over) {
            self.route.ctx().emit(None, None, EventKind::Searched(&search));
            *told = Some(search);
        }
    }
}

/// The observer has panicked: the origin uses the connection no longer.
struct Leave<'a, C: Send + 'static> {
    origin: &'a Arc<OriginPool<C>>,
    connection: &'a Arc<PooledConnection<C>>,
}

impl<C: Send + 'static> Drop for Leave<'_, C> {
    fn drop(&mut self) {
        if !self.origin.is_home_of(self.connection) {
            self.origin.leave_coalesced(self.connection);
        }
    }
}
