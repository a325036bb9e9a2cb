use crate::{PoolConfig, PoolStats};
use skybridge_core::{CallId, CloseReason, ConnInfo, ConnectionId, Key, Phase};
use std::{sync::Arc, time::Instant};

/// What is in a pool right now, by origin: see [`Pool::snapshot`](crate::Pool::snapshot).
///
/// Each origin is looked at by itself, one after the other, so that requests are held up by none but their own origin.
/// What happens meanwhile may be in the snapshot of one origin and not in that of another.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PoolSnapshot {
    /// When it was taken, on the runtime's clock.
    pub at: Instant,
    /// The sums over all origins.
    pub stats: PoolStats,
    /// Its limits.
    pub config: PoolConfig,
    /// How many sockets count towards [`PoolConfig::max_total`]: those of connections, also of those that drain, and
    /// one for each connect.
    pub sockets: usize,
    /// How many sockets there may be, as a connect has found no descriptor for one more; `None` while that isn't so.
    pub descriptor_limit: Option<usize>,
    /// Whether the pool was closed.
    pub closed: bool,
    /// The origins that have anything, in the order of their names: at most as many as were asked for.
    pub origins: Vec<OriginSnapshot>,
    /// How many more there are.
    pub more_origins: usize,
}

/// What a pool has of one [key](crate#words): an origin, and what is asked of its connections.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct OriginSnapshot {
    /// The key.
    pub key: Arc<Key>,
    /// The connections that were opened for it, in the order of their numbers.
    pub connections: Vec<ConnectionSnapshot>,
    /// The connections of other origins that it uses too.
    pub coalesced: Vec<ConnectionId>,
    /// The connects under way.
    pub connects: Vec<ConnectSnapshot>,
    /// The requests that wait, in their order: the first [`MOST_WAITING`](Self::MOST_WAITING).
    pub waiting: Vec<WaitingSnapshot>,
    /// How many wait.
    pub waiting_total: usize,
    /// Whether it waits to open a socket, as [`PoolConfig::max_total`] is reached.
    pub wants_permit: bool,
    /// How many connects failed in a row, or connections that had carried nothing ended.
    pub failures: u8,
    /// No connect begins before, as that many failed.
    pub paused_until: Option<Instant>,
}

/// One connection.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ConnectionSnapshot {
    /// Its facts: its number, its peer, its protocol, its TLS.
    pub info: Arc<ConnInfo>,
    /// What it does.
    pub state: ConnectionState,
    /// It takes no more exchanges until its peer has shown that it is alive.
    pub suspect: bool,
    /// How many exchanges it carries.
    pub streams: u32,
    /// How many it may carry at once; `None` where its peer has not said so yet.
    pub max_streams: Option<u32>,
    /// How many it has begun in its life.
    pub carried: u64,
    /// When it was there; `None` where the layers below did not tell.
    pub opened: Option<Instant>,
    /// When it will be drained for its age, or for its certificate's.
    pub expires: Option<Instant>,
}

/// What a connection does.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ConnectionState {
    /// Nobody uses it since then. It may be a little less, as not each request reads the clock.
    Idle(Instant),
    /// It carries exchanges, or reads what is left of a response that nobody wants.
    InUse,
    /// It carries what it carried already, and nothing new.
    Draining(CloseReason),
}

/// A connect under way: planning, waiting, or opening a connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct ConnectSnapshot {
    /// When it began.
    pub began: Instant,
    /// How many requests wait for it.
    pub joined: usize,
    /// It may not open a socket yet: it waits for the end of a pause after failures, or looks for a connection of
    /// another origin that it can use.
    pub paused: bool,
}

/// A request that waits.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct WaitingSnapshot {
    /// Since when.
    pub since: Instant,
    /// Its call, where it is observed.
    pub call: Option<CallId>,
    /// Whether it waits for a connect that is under way. Otherwise for what comes free: a connection, a stream, or room
    /// to open one.
    pub joined: bool,
}

// === impl OriginSnapshot ===

impl OriginSnapshot {
    /// The most requests of one origin that are in a snapshot.
    pub const MOST_WAITING: usize = 100;

    pub(crate) fn is_empty(&self) -> bool {
        let Self { connections, coalesced, connects, waiting, failures, .. } = self;
        let has_none = connections.is_empty() && coalesced.is_empty() && connects.is_empty();
        has_none && waiting.is_empty() && *failures == 0
    }
}

// === impl ConnectionState ===

impl ConnectionState {
    /// The name for logs and reports, in lower case.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Idle(_) => "idle",
            Self::InUse => "in use",
            Self::Draining(_) => "draining",
        }
    }
}

/// When the last phase of connecting ended.
pub(crate) fn opened(info: &ConnInfo) -> Option<Instant> {
    let phases = [Phase::Tcp, Phase::Tunnel, Phase::Tls, Phase::Handshake];
    phases.into_iter().filter_map(|phase| info.timings.get(phase)).map(|span| span.end).max()
}
