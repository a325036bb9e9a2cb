//! What is taken out of a pool: what is too old, what is one too many, and in the end everything.

use crate::{origin::OriginPool, registry::Registry, shared::time::Timestamp, stats::PoolStats};
use skybridge_core::{Cause, CloseReason, Delivery, Error, Phase};
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::SeqCst},
};

impl<C: Send + 'static> Registry<C> {
    /// Closes the connection that has been idle longest: of all origins when there are few, of a sample when there are
    /// many.
    pub(super) fn evict_one(&self, own: &Arc<OriginPool<C>>) {
        let origin = oldest(self.by_key.sample()).unwrap_or_else(|| Arc::clone(own));
        origin.evict_oldest(CloseReason::Evicted);
    }

    /// Closes an idle connection of any origin: the oldest of a sample, or of all when the sample has none.
    pub(super) fn reclaim_idle(&self) {
        if self.shared.idle.get() == 0 {
            return;
        }
        let reclaim = |origins| {
            oldest(origins).is_some_and(|origin: Arc<OriginPool<C>>| origin.evict_oldest(CloseReason::LimitReclaimed))
        };
        if !reclaim(self.by_key.sample()) {
            reclaim(self.by_key.all());
        }
    }

    /// Closes and drains what is overdue; when to look again, which is never once nothing is left.
    ///
    /// What is in use now may be idle at any time, but then for as long as the idle limit. Where nothing is used there
    /// is nothing to look at before that.
    pub(super) fn expire_all(&self) -> Option<Timestamp> {
        let shared = &self.shared;
        let (sleeps, now) = (shared.sleeps(), shared.clock.get());
        let origins = self.by_key.all();
        let next = origins.iter().filter_map(|origin| origin.expire(now, sleeps)).min();
        origins.iter().for_each(|origin| origin.remove_if_vacant());
        self.by_address.remove_closed();
        // One that is added at this moment may be missed: another origin then opens its own.
        if self.forwarded.remove_closed() {
            self.shared.set_forwards(false, false);
        }
        let any = origins.iter().any(|origin| !origin.is_vacant());
        let look_again = any.then(|| now.plus(shared.quiet_interval()));
        let next = next.into_iter().chain(look_again).min()?;
        Some(next.max(now.plus(shared.reaper_pause())))
    }

    /// Closes what is idle, and keeps nothing of what is in use.
    pub(crate) fn evict_all(&self) {
        let [begun, ended] = &self.evictions;
        begun.fetch_add(1, SeqCst);
        let _ended = Ended(ended);
        for origin in self.by_key.all() {
            origin.evict_all(CloseReason::Evicted);
        }
    }

    /// No more requests. Idle connections close, connects end, those who wait get an error; bodies under way run to
    /// their end, but nothing of a request whose response is over.
    pub(crate) fn close(&self) {
        self.shared.close();
        self.end();
        self.shared.unfinished.end();
    }

    pub(super) fn end(&self) {
        self.shared.reaper.stop();
        self.shared.unfinished.end_unread();
        for origin in self.by_key.clear() {
            self.by_uri.remove(&origin);
            origin.close(|| Error::of(Delivery::Unsent, Phase::Acquire, Cause::Closed));
        }
    }

    pub(crate) fn stats(&self) -> PoolStats {
        self.by_key.all().iter().fold(PoolStats::default(), |stats, origin| stats.plus(origin.stats()))
    }
}

/// Counts when it is dropped, also by a panic.
struct Ended<'a>(&'a AtomicUsize);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, SeqCst);
    }
}

/// The origin whose connection has been idle longest.
fn oldest<C: Send + 'static>(origins: Vec<Arc<OriginPool<C>>>) -> Option<Arc<OriginPool<C>>> {
    let idle = origins.into_iter().filter_map(|origin| origin.oldest_idle().map(|since| (since, origin)));
    idle.min_by_key(|(since, _)| *since).map(|(_, origin)| origin)
}
