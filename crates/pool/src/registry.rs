pub(crate) mod by_address;
pub(crate) mod by_key;
pub(crate) mod by_uri;

use crate::{
    config::{AtConnectionLimit, PoolConfig},
    connect::Launch,
    connection::{Record, Times},
    machine::Permits,
    origin::Bucket,
    origin::connect_timeouts::SearchLimits,
    origin::pending_connect::Flight,
    origin::waiter::Luggage,
    registry::by_address::Index,
    registry::by_key::Buckets,
    registry::by_uri::Spellings,
    shared::clock::{Clock, Stamp, nanos},
    shared::held::Held,
    shared::late_uploads::Uploads,
    shared::permits::Budget,
    shared::reaper::Reaper,
    stats::PoolStats,
};
use http::Uri;
use skybridge_core::{
    Cause, CloseReason, ConnectOptions, Ctx, Delivery, Endpoint, Error, Ids, KeyRef, Observe, OriginError, Overloaded,
    Phase, Route, Runtime, Scheme, Timeouts, can_coalesce,
};
use std::{
    fmt,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

/// What all buckets of a pool have in common. Handles and running requests keep it; tasks and bodies hold it weakly, so that the pool
/// closes when the last handle is dropped.
pub(crate) struct Hub<C: Held> {
    pub(crate) config: PoolConfig,
    pub(crate) runtime: Arc<dyn Runtime>,
    pub(crate) clock: Clock,
    pub(crate) observer: Option<Arc<dyn Observe>>,
    pub(crate) timeouts: Timeouts,
    attended: bool,
    pub(crate) connect_options: ConnectOptions,
    pub(crate) ids: Arc<Ids>,
    pub(crate) buckets: Buckets<C>,
    spellings: Spellings<C>,
    pub(crate) index: Index<C>,
    budget: Budget<C>,
    /// Idle connections, of all buckets.
    pub(crate) idle: Arc<AtomicUsize>,
    reaper: Arc<Reaper>,
    uploads: Arc<Uploads>,
    launcher: Box<dyn Launch<C>>,
    closed: AtomicBool,
    this: Weak<Self>,
}

/// What a pool is made of.
pub(crate) struct Parts {
    pub(crate) config: PoolConfig,
    pub(crate) runtime: Arc<dyn Runtime>,
    pub(crate) observer: Option<Arc<dyn Observe>>,
    pub(crate) timeouts: Timeouts,
    pub(crate) connect_options: ConnectOptions,
}

impl<C: Held> Hub<C> {
    pub(crate) fn new(parts: Parts, launcher: Box<dyn Launch<C>>) -> Arc<Self> {
        let Parts { config, runtime, observer, timeouts, connect_options } = parts;
        let attended = observer.is_some() || timeouts != Timeouts::default();
        Arc::new_cyclic(|this| Self {
            attended,
            clock: Clock::new(runtime.now()),
            budget: Budget::new(config.max_total, config.max_overtaking),
            uploads: Arc::new(Uploads::new(config.upload_grace)),
            // What may be idle for no time is not kept at all.
            config: if config.idle_timeout.is_zero() { config.max_idle(0) } else { config },
            runtime,
            observer,
            timeouts,
            connect_options,
            ids: Arc::default(),
            buckets: Buckets::new(),
            spellings: Spellings::new(),
            index: Index::default(),
            idle: Arc::default(),
            reaper: Arc::new(Reaper::new()),
            launcher,
            closed: AtomicBool::new(false),
            this: this.clone(),
        })
    }

    /// The bucket of a key; made when it isn't there, for which the key must be valid.
    #[inline]
    pub(crate) fn bucket(&self, key: KeyRef<'_>) -> Result<Arc<Bucket<C>>, OriginError> {
        self.buckets.find_or_insert(key, &self.this)
    }

    /// The bucket of a request that wishes nothing, when its origin was spelled like that before.
    #[inline]
    pub(crate) fn spelled(&self, uri: &Uri) -> Option<Arc<Bucket<C>>> {
        self.spellings.find(uri)
    }

    pub(crate) fn learn(&self, uri: &Uri, bucket: &Arc<Bucket<C>>) {
        self.spellings.learn(uri, bucket);
    }

    /// For whom a search is made.
    pub(crate) fn ctx(&self, luggage: &Luggage) -> Ctx {
        let ctx = Ctx::new(Arc::clone(&self.runtime))
            .with_ids(Arc::clone(&self.ids))
            .observer(luggage.observer.as_ref().or(self.observer.as_ref()).cloned())
            .with_limits(luggage.timeouts.or(&self.timeouts));
        match luggage.call {
            Some(call) => ctx.with_call(call),
            None => ctx,
        }
    }

    pub(crate) fn overloaded(&self, full: Overloaded) -> Error {
        Error::of(Delivery::Unsent, Phase::Acquire, Cause::Overloaded(full))
    }

    pub(crate) fn launch(self: &Arc<Self>, bucket: &Arc<Bucket<C>>, flight: Arc<Flight>, luggage: &Luggage) {
        self.launcher.launch(self, Arc::clone(bucket), flight, luggage);
    }

    /// The times of a connection that is new now. A tenth of jitter keeps a burst from ending as one.
    pub(crate) fn times(&self) -> Times {
        let now = self.look();
        let until = self.config.max_age.map(|age| now.plus(jittered(age)));
        // The reaper pauses between two looks, so connections may end that much late: compensated here.
        let keep = jittered(self.config.idle_timeout).saturating_sub(self.pause());
        Times { until, keep, exchanges: self.config.max_requests, uploads: Arc::clone(&self.uploads) }
    }

    #[inline]
    pub(crate) fn idle_shrunk(&self, by: usize) {
        if by > 0 {
            self.idle.fetch_sub(by, Ordering::Relaxed);
        }
    }

    /// One more connection is idle, under its bucket's lock; `idle_settled` follows once that is free.
    #[inline]
    pub(crate) fn idle_counted(&self) {
        self.idle.fetch_add(1, Ordering::Relaxed);
    }

    /// Something is idle: keeps the total within its limit, and sees to its end.
    #[inline]
    pub(crate) fn idle_settled(self: &Arc<Self>, bucket: &Arc<Bucket<C>>) {
        if self.config.max_idle_per_origin != usize::MAX && bucket.idle_count() > self.config.max_idle_per_origin {
            bucket.evict_oldest(self, CloseReason::Evicted);
        }
        if self.idle.load(Ordering::Relaxed) > self.config.max_idle {
            self.evict_oldest(bucket, CloseReason::Evicted);
        }
        if self.budget.is_wanted() {
            self.reclaim();
        }
        self.reaper.ensure(self);
    }

    /// Closes the connection that has been idle longest: of all buckets when there are few, of a sample when there are many.
    fn evict_oldest(&self, own: &Arc<Bucket<C>>, reason: CloseReason) {
        let sample = self.buckets.sample();
        let oldest = sample.iter().filter_map(|bucket| bucket.oldest_idle().map(|since| (since, bucket)));
        let bucket = oldest.min_by_key(|(since, _)| *since).map_or(own, |(_, bucket)| bucket);
        bucket.evict_oldest(self, reason);
    }

    /// Closes an idle connection of any origin, so that another origin may open one: the oldest of a sample, or of all
    /// when the sample has none.
    pub(crate) fn reclaim(&self) {
        if self.idle.load(Ordering::Relaxed) == 0 {
            return;
        }
        for buckets in [Buckets::sample, Buckets::all] {
            let buckets = buckets(&self.buckets);
            let oldest = buckets.iter().filter_map(|bucket| bucket.oldest_idle().map(|since| (since, bucket)));
            if let Some((_, bucket)) = oldest.min_by_key(|(since, _)| *since)
                && bucket.evict_oldest(self, CloseReason::LimitReclaimed)
            {
                return;
            }
        }
    }

    /// Nobody may stand in the queue for the total limit, and it is reached: what is idle elsewhere goes before anybody is refused.
    pub(crate) fn must_make_room(&self) -> bool {
        self.config.at_connection_limit == AtConnectionLimit::Refuse && self.budget.is_full()
    }

    /// Stands in the queue for the total limit.
    pub(crate) fn queue(&self, bucket: &Arc<Bucket<C>>, starving: bool) {
        self.budget.queue(bucket, starving);
    }

    /// Takes a bucket out of that queue.
    pub(crate) fn leave_queue(&self, bucket: &Arc<Bucket<C>>) {
        self.budget.leave(bucket);
    }

    /// Whether an origin without any connection is in that queue.
    #[inline]
    pub(crate) fn is_contended(&self) -> bool {
        self.budget.is_contended()
    }

    /// An origin for which others must make room.
    pub(crate) fn due(&self) -> Option<Arc<Bucket<C>>> {
        self.budget.due()
    }

    /// A request was served on this connection while an origin without one waits.
    #[cold]
    pub(crate) fn overtakes(&self, record: &Arc<Record<C>>) {
        if self.budget.overtakes() && !record.exclusive && Bucket::another_is_due(self) && self.budget.makes_room() {
            record.drain(CloseReason::LimitReclaimed);
        }
    }

    /// A socket is gone, or a search was over without one: whoever stands in the queue may try.
    pub(crate) fn permit_free(&self) {
        self.budget.free();
        self.serve_queue();
    }

    /// As long as there are permits, those who stand in the queue may try.
    pub(crate) fn serve_queue(&self) {
        while let Some(next) = self.budget.next() {
            next.dequeued();
        }
    }

    /// Forgets a bucket that holds nothing.
    pub(crate) fn tidy(&self, bucket: &Arc<Bucket<C>>) {
        if bucket.is_vacant() {
            self.buckets.remove(bucket);
            if bucket.is_closed() {
                self.spellings.forget(bucket);
            }
        }
    }

    /// A shared connection that may carry this key to one of these endpoints, and will.
    pub(crate) fn coalesce(
        &self,
        bucket: &Arc<Bucket<C>>,
        route: &Route,
        endpoints: &[Endpoint],
    ) -> Option<Arc<Record<C>>> {
        if !self.config.coalesce || bucket.key.origin.scheme() != Scheme::Https {
            return None;
        }
        let now = self.runtime.now();
        let direct = route.proxies.is_empty();
        endpoints.iter().flat_map(|endpoint| self.index.at(endpoint)).find(|record| {
            record.slots.is_open()
                && !record.takes_none()
                && !record.is_misdirected(&bucket.key.origin)
                && can_coalesce(&record.info, &bucket.key, direct, endpoints, now).is_ok()
                && !bucket.shares(record)
                && record.add_guest(bucket)
        })
    }

    /// Closes and drains what is overdue; when to look again, which is never once nothing is left.
    ///
    /// What is in use now may be idle at any time, but then for as long as the idle limit.
    pub(crate) fn expire(&self) -> Option<Stamp> {
        let now = self.look();
        let buckets = self.buckets.all();
        let next = buckets.iter().filter_map(|bucket| bucket.expire(self, now)).min();
        buckets.iter().for_each(|bucket| self.tidy(bucket));
        self.index.tidy();
        let any = buckets.iter().any(|bucket| !bucket.is_vacant());
        let look_again = any.then(|| now.plus(self.tick()));
        let next = next.into_iter().chain(look_again).min()?;
        Some(next.max(now.plus(self.pause())))
    }

    /// Until when a connection may carry other names than its own.
    pub(crate) fn valid_until(&self, record: &Record<C>) -> Option<Stamp> {
        record.info.tls.as_ref()?.valid_until.map(|until| self.clock.stamp(until))
    }

    /// Makes the reaper look no later than at that time.
    pub(crate) fn look_by(&self, time: Option<Stamp>) {
        if let Some(time) = time {
            self.reaper.look_by(time);
        }
    }

    /// How often somebody looks at the clock while anything is open.
    fn tick(&self) -> u64 {
        // At each instant would be too often when nothing may be idle at all.
        (nanos(self.config.idle_timeout.min(FAR)) / 16).max(nanos(Duration::from_millis(10)))
    }

    /// The reaper's pause after each look, since a look visits every bucket: what ends during it is handled together.
    fn pause(&self) -> u64 {
        self.tick() / 64
    }

    /// Looks at the real clock.
    pub(crate) fn look(&self) -> Stamp {
        self.clock.set(self.runtime.now())
    }

    pub(crate) fn stats(&self) -> PoolStats {
        let mut stats = PoolStats::default();
        for bucket in self.buckets.all() {
            stats.origins += 1;
            bucket.count(&mut stats);
        }
        stats
    }

    /// Requests are watched, or have time limits.
    #[inline]
    pub(crate) fn is_attended(&self) -> bool {
        self.attended
    }

    #[inline]
    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// No more requests. Idle connections close, searches end, those who wait are told; bodies under way run to their
    /// end, but nothing of a request whose response is over.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.end();
        self.uploads.cut();
    }

    fn end(&self) {
        self.reaper.stop();
        for bucket in self.buckets.clear() {
            self.spellings.forget(&bucket);
            bucket.close(|| Error::of(Delivery::Unsent, Phase::Acquire, Cause::Closed));
        }
    }
}

/// As good as never, and still an instant.
const FAR: Duration = Duration::from_secs(1 << 30);

/// Up to a tenth less, in nanoseconds.
fn jittered(time: Duration) -> u64 {
    let time = nanos(time.min(FAR));
    time - time / 10_240 * u64::from(fastrand::u32(0..1024))
}

impl<C: Held> Permits for Hub<C> {
    fn acquire(&self) -> bool {
        self.budget.acquire()
    }

    fn now(&self) -> Stamp {
        self.look()
    }

    fn search_limits(&self) -> SearchLimits {
        SearchLimits::new(self.timeouts.clone())
    }
}

impl<C: Held> Drop for Hub<C> {
    fn drop(&mut self) {
        self.end();
    }
}

impl<C: Held> fmt::Debug for Hub<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub").field("config", &self.config).finish_non_exhaustive()
    }
}

#[cfg(test)]
impl<C: Held> Hub<C> {
    /// Permits that are out.
    pub(crate) fn permits(&self) -> usize {
        self.budget.open()
    }

    /// How many stand in the queue for the total limit.
    pub(crate) fn queued(&self) -> usize {
        self.budget.queued()
    }

    pub(crate) fn is_locked(&self) -> bool {
        self.buckets.is_locked() || self.index.is_locked() || self.budget.is_locked()
    }
}
