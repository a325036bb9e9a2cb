//! What a request would come to, which is planned and not sent.

use crate::{
    connection::PooledConnection,
    explanation::Explanation,
    origin::{Host, OriginPool, waiter::RequestContext},
    registry::Registry,
};
use skybridge_core::{
    Cause, ConnInfo, Delivery, Differs, Endpoint, Error, Found, Key, NotUsed, Phase, Route, Search, Target,
};
use std::{
    cmp::Reverse,
    sync::{Arc, Weak},
};

/// In how many origins connections are looked at.
const MOST_ORIGINS: usize = 1024;

impl<C: Send + 'static> Registry<C> {
    /// What a request with this key would come to now.
    pub(crate) async fn explain(self: Arc<Self>, key: Key, context: RequestContext) -> Result<Explanation, Error> {
        if self.shared.is_closed() {
            return Err(Error::of(Delivery::Unsent, Phase::Acquire, Cause::Closed));
        }
        let origin = self.by_key.find(key.as_ref()).unwrap_or_else(|| {
            let host: Weak<dyn Host<C>> = self.this.clone();
            // Nobody else sees it.
            Arc::new(OriginPool::new(key, 0, Arc::clone(&self.shared), host))
        });
        let key = Arc::clone(&origin.key);
        let mut search = Search::new(key.origin.clone(), Found::Idle);
        let connection = origin.forecast(&mut search);
        if !matches!(search.found, Found::Opens { .. }) {
            return Ok(Explanation { key, search, connection, outline: None });
        }
        let target = Target::new(Arc::clone(&key), self.ctx(&context));
        let outline = self.connect.outline(target).await.map_err(|error| Error::from(error).to(&key.origin))?;
        let connection = self.forecast_others(&origin, &outline.route, &mut search);
        Ok(Explanation { key, search, connection, outline: Some(outline) })
    }

    /// The connection of another key that it would use. All others are listed, for whatever reason it can't use them.
    fn forecast_others(
        &self,
        origin: &Arc<OriginPool<C>>,
        route: &Route,
        search: &mut Search,
    ) -> Option<Arc<ConnInfo>> {
        let endpoints = route.endpoints.snapshot();
        let mut fit = Vec::new();
        for other in self.by_key.some(MOST_ORIGINS).into_iter().filter(|other| !Arc::ptr_eq(other, origin)) {
            for (connection, is_idle) in other.own() {
                let info = Arc::clone(&connection.info);
                match self.would_use(&connection, is_idle, origin, route, &endpoints) {
                    _ if search.passed_over.iter().any(|passed| passed.connection == info.id) => {}
                    Ok(found) => fit.push((found, info)),
                    Err(why) => search.pass_over(&info, why),
                }
            }
        }
        // By the address that comes first, and of one address the most recent.
        let order = |(_, info): &(Found, Arc<ConnInfo>)| {
            let place = endpoints.iter().position(|endpoint| *endpoint == info.remote);
            (place, Reverse(info.id))
        };
        fit.sort_by_key(order);
        let (found, info) = fit.into_iter().next()?;
        search.found = found;
        Some(info)
    }

    fn would_use(
        &self,
        connection: &Arc<PooledConnection<C>>,
        is_idle: bool,
        origin: &Arc<OriginPool<C>>,
        route: &Route,
        endpoints: &[Endpoint],
    ) -> Result<Found, NotUsed> {
        let (own, other) = (&origin.key, &connection.info.route.target.key);
        if own.origin == other.origin
            && let Some(differs) = Differs::between(&other.connect_options, &own.connect_options)
        {
            return Err(NotUsed::Options(differs));
        }
        let is_forwarded = self.is_forwarded(origin, route);
        if is_forwarded && connection.exclusive {
            Self::may_be_lent(connection, route)?;
            if !is_idle {
                return Err(NotUsed::Busy);
            }
        } else {
            self.may_join(connection, origin, route, endpoints)?;
            if !connection.has_room_for(&origin.as_user()) {
                return Err(NotUsed::TooManyNames);
            }
        }
        match self.shared.config.coalesce {
            false => Err(NotUsed::SharingOff),
            true if is_forwarded => Ok(Found::Forwarded),
            true => Ok(Found::Coalesced),
        }
    }
}
