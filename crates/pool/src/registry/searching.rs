//! Why connections of other keys are not used: for one that was looked at each rule has a name, and an observed request
//! is told of those too that were not worth a look.

use crate::{
    connection::{PooledConnection, lent::Lent},
    origin::OriginPool,
    registry::Registry,
};
use skybridge_core::{
    ConnInfo, Differs, Endpoint, NotCoalesced, NotUsed, Route, Scheme, Search, can_coalesce, can_forward,
};
use std::sync::Arc;

/// In how many origins an observed request that found no connection looks for the reason.
const MOST_LOOKED_AT: usize = 256;

/// Whether a connection is fit, and if not, why.
type Fit = Result<(), NotUsed>;

fn rule(holds: bool, otherwise: NotUsed) -> Fit {
    if holds { Ok(()) } else { Err(otherwise) }
}

impl<C: Send + 'static> Registry<C> {
    /// Whether it is fit; and if not, the search is told.
    pub(super) fn is_fit(info: &ConnInfo, fit: Fit, search: &mut Option<&mut Search>) -> bool {
        if let (Err(why), Some(search)) = (fit, search) {
            search.pass_over(info, why);
        }
        fit.is_ok()
    }

    /// Whether a shared connection may carry another origin, which uses it from then on.
    pub(super) fn joins(
        &self,
        connection: &Arc<PooledConnection<C>>,
        origin: &Arc<OriginPool<C>>,
        route: &Route,
        endpoints: &[Endpoint],
    ) -> Fit {
        self.may_join(connection, origin, route, endpoints)?;
        rule(origin.is_home_of(connection) || connection.add_name(&origin.as_user()), NotUsed::TooManyNames)
    }

    /// As [`joins`](Self::joins), but for the number of its names.
    pub(super) fn may_join(
        &self,
        connection: &Arc<PooledConnection<C>>,
        origin: &Arc<OriginPool<C>>,
        route: &Route,
        endpoints: &[Endpoint],
    ) -> Fit {
        let (info, key) = (&connection.info, &origin.key);
        let forwarded = self.is_forwarded(origin, route);
        let closing = || NotUsed::Draining(connection.close_reason());
        connection.is_open().then_some(()).ok_or_else(closing)?;
        rule(!connection.allows_no_streams(), NotUsed::NoStreams)?;
        rule(!connection.is_misdirected(&key.origin), NotUsed::Misdirected)?;
        match forwarded {
            true => can_forward(info, route).map_err(NotUsed::Forwarded)?,
            false => {
                let (direct, now) = (route.proxies.is_empty(), self.shared.runtime.now());
                can_coalesce(info, key, direct, endpoints, now).map_err(NotUsed::Coalesced)?;
            }
        }
        // An origin that speaks HTTP/1.1 as a rule begins a connect for each request.
        let is_used = origin.uses(connection) && !(forwarded && connection.has_capacity());
        if is_used { Err(connection.not_used().unwrap_or(NotUsed::Busy)) } else { Ok(()) }
    }

    /// Whether an exclusive connection of another origin may be asked of that.
    pub(super) fn may_be_lent(connection: &PooledConnection<C>, route: &Route) -> Fit {
        connection.is_open().then_some(()).ok_or_else(|| NotUsed::Draining(connection.close_reason()))?;
        rule(!connection.is_too_old(), NotUsed::TooOld)?;
        rule(!connection.stays(), NotUsed::Stays)?;
        can_forward(&connection.info, route).map_err(NotUsed::Forwarded)
    }

    /// From its home, if it is idle there.
    pub(super) fn lend_one(connection: Arc<PooledConnection<C>>, search: &mut Option<&mut Search>) -> Option<Lent<C>> {
        let info = search.is_some().then(|| Arc::clone(&connection.info));
        let lent = Lent::of(connection);
        if let (None, Some(info)) = (&lent, info) {
            Self::is_fit(&info, Err(NotUsed::Busy), search);
        }
        lent
    }

    /// Whether a proxy forwards the requests. A layer between may have planned for another target, with less
    /// protection.
    pub(super) fn is_forwarded(&self, origin: &OriginPool<C>, route: &Route) -> bool {
        route.is_forwarded() && *route.target.key == *origin.key
    }

    /// An observed request has found no connection of another key. Tells of those that were not looked at, and of which
    /// somebody may wonder why: to the same origin, and those whose certificate covers it, at another address.
    #[cold]
    pub(crate) fn pass_over_others(
        &self,
        origin: &Arc<OriginPool<C>>,
        route: &Route,
        endpoints: &[Endpoint],
        search: &mut Search,
    ) {
        let (key, now) = (&origin.key, self.shared.runtime.now());
        for other in self.by_key.some(MOST_LOOKED_AT).into_iter().filter(|other| !Arc::ptr_eq(other, origin)) {
            let differs = Differs::between(&other.key.connect_options, &key.connect_options)
                .filter(|_| other.key.origin == key.origin);
            if differs.is_none() && key.origin.scheme() != Scheme::Https {
                continue;
            }
            for info in other.infos() {
                let listed = search.passed_over.iter().any(|passed| passed.connection == info.id);
                let covers = || info.tls.as_ref().is_some_and(|tls| tls.covers.covers(&key.origin));
                match (differs, can_coalesce(&info, key, route.proxies.is_empty(), endpoints, now)) {
                    _ if listed => {}
                    (Some(differs), _) => search.pass_over(&info, NotUsed::Options(differs)),
                    (None, Err(rule @ NotCoalesced::Address)) if covers() => {
                        search.pass_over(&info, NotUsed::Coalesced(rule));
                    }
                    _ => {}
                }
            }
        }
        if !self.shared.config.coalesce {
            let at = endpoints.iter().flat_map(|endpoint| self.by_address.at(endpoint));
            at.for_each(|connection| search.pass_over(&connection.info, NotUsed::SharingOff));
        }
    }
}
