//! What every part of a pool uses, and which uses none of them: settings, the clock, and what is counted over all
//! origins.

pub(crate) mod clock;
mod descriptors;
pub(crate) mod idle;
pub(crate) mod notify;
pub(crate) mod permits;
pub(crate) mod reaper;
pub(crate) mod sleeps;
pub(crate) mod sync;
pub(crate) mod time;
pub(crate) mod unfinished;

use self::{
    clock::Clock,
    idle::IdleCount,
    permits::SocketPermits,
    reaper::Reaper,
    sleeps::Sleeps,
    time::{Timestamp, nanos},
    unfinished::UnfinishedExchanges,
};
use crate::config::{AtConnectionLimit, PoolConfig};
use skybridge_core::{ConnInfo, ConnectOptions, Ids, Observe, Runtime, Timeouts};
use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// What a pool is made of.
pub(crate) struct Settings {
    pub(crate) config: PoolConfig,
    pub(crate) runtime: Arc<dyn Runtime>,
    pub(crate) observer: Option<Arc<dyn Observe>>,
    pub(crate) timeouts: Timeouts,
    pub(crate) connect_options: ConnectOptions,
}

/// What the origins and connections of one pool have in common. It holds none of them, so whoever is left of a pool
/// may keep it.
pub(crate) struct Shared {
    pub(crate) config: PoolConfig,
    pub(crate) runtime: Arc<dyn Runtime>,
    pub(crate) observer: Option<Arc<dyn Observe>>,
    pub(crate) timeouts: Timeouts,
    pub(crate) connect_options: ConnectOptions,
    pub(crate) clock: Clock,
    pub(crate) sleeps: Sleeps,
    pub(crate) ids: Arc<Ids>,
    pub(crate) idle: Arc<IdleCount>,
    pub(crate) permits: SocketPermits,
    pub(crate) reaper: Arc<Reaper>,
    pub(crate) unfinished: Arc<UnfinishedExchanges>,
    attends_requests: bool,
    /// There is a connection to a proxy that forwards, or was a short while ago; and a shared one.
    forwards: [AtomicBool; 2],
    closed: AtomicBool,
}

impl Shared {
    pub(crate) fn new(settings: Settings) -> Arc<Self> {
        let Settings { config, runtime, observer, timeouts, connect_options } = settings;
        Arc::new(Self {
            attends_requests: observer.is_some() || timeouts != Timeouts::default(),
            clock: Clock::new(runtime.now()),
            sleeps: Sleeps::new(runtime.wall_now()),
            permits: SocketPermits::new(config.total_limit(), config.max_overtaking),
            unfinished: UnfinishedExchanges::new(config.upload_grace, config.unread_grace),
            // What may be idle for no time is not kept at all.
            config: if config.idle_timeout.is_zero() { config.max_idle(0) } else { config },
            runtime,
            observer,
            timeouts,
            connect_options,
            ids: Arc::default(),
            idle: Arc::default(),
            reaper: Arc::new(Reaper::new()),
            forwards: Default::default(),
            closed: AtomicBool::new(false),
        })
    }

    /// Asks the runtime for the time.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.set(self.runtime.now())
    }

    /// Compares the runtime's clock with the wall's: how often the machine has slept.
    pub(crate) fn sleeps(&self) -> u16 {
        let now = self.now();
        self.sleeps.compare(Duration::from_nanos(now.0), self.runtime.wall_now())
    }

    /// All requests are observed, or have time limits.
    #[inline]
    pub(crate) fn attends_requests(&self) -> bool {
        self.attends_requests
    }

    #[inline]
    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// No more requests.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
    }

    /// There is a connection to a proxy that forwards requests, and a `shared` one; or there is none any more.
    pub(crate) fn set_forwards(&self, any: bool, shared: bool) {
        let [forwards, shares] = &self.forwards;
        forwards.store(any, Ordering::Release);
        if shared || !any {
            shares.store(shared, Ordering::Release);
        }
    }

    /// Whether an origin may have an idle connection that it may lend to another, or one that both may use.
    pub(crate) fn may_lend(&self) -> bool {
        let [forwards, shares] = &self.forwards;
        let may = || self.idle.get() > 0 || shares.load(Ordering::Acquire);
        self.config.coalesce && forwards.load(Ordering::Acquire) && may()
    }

    /// Nobody may stand in the queue for permits, and none is free: what is idle elsewhere goes before anybody is
    /// refused.
    pub(crate) fn must_make_room(&self) -> bool {
        self.config.at_connection_limit == AtConnectionLimit::Refuse && self.permits.is_full()
    }

    /// When a connection that is made now is too old, or has a certificate that expires. Its age is up to a tenth less
    /// than its limit, so that connections that were made together don't end together.
    pub(crate) fn expires_at(&self, info: &ConnInfo) -> Option<Timestamp> {
        let now = self.now();
        let age = self.config.age_limit().map(|age| now.plus(jittered(age)));
        let certificate = self.config.drain_expired_certificates.then(|| self.valid_until(info)).flatten();
        age.into_iter().chain(certificate).min()
    }

    /// When the first certificate of its peer's path expires.
    pub(crate) fn valid_until(&self, info: &ConnInfo) -> Option<Timestamp> {
        info.tls.as_ref().and_then(|tls| tls.valid_until).map(|until| self.clock.timestamp(until))
    }

    /// How long a connection that is made now may be idle, in nanoseconds; up to a tenth less than the limit.
    pub(crate) fn idle_timeout(&self) -> u64 {
        // The reaper pauses between two looks, so connections may end that much late: compensated here.
        jittered(self.config.idle_timeout).saturating_sub(self.reaper_pause())
    }

    /// How often the reaper looks at the clock while connections are used, in nanoseconds. Where they may be idle for
    /// long there is more to look at than that: whether the machine has slept.
    pub(crate) fn reaper_interval(&self) -> u64 {
        self.quiet_interval().min(nanos(LONGEST_INTERVAL))
    }

    /// And while they are only open.
    pub(crate) fn quiet_interval(&self) -> u64 {
        // At each instant would be too often when nothing may be idle at all.
        (nanos(self.config.idle_timeout.min(FAR)) / 16).max(nanos(Duration::from_millis(10)))
    }

    /// The reaper's pause after each look, in nanoseconds. A look visits every origin: what ends during the pause is
    /// handled together.
    pub(crate) fn reaper_pause(&self) -> u64 {
        self.reaper_interval() / 64
    }
}

/// Between two looks of the reaper while connections are used.
const LONGEST_INTERVAL: Duration = Duration::from_secs(20);

/// As good as never, and still an instant.
const FAR: Duration = Duration::from_secs(1 << 30);

/// Up to a tenth less, in nanoseconds.
fn jittered(time: Duration) -> u64 {
    let time = nanos(time.min(FAR));
    time - time / 10_240 * u64::from(fastrand::u32(0..1024))
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("config", &self.config).finish_non_exhaustive()
    }
}
