/// What is in a pool right now.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct PoolStats {
    /// [Keys](crate#words) that the pool has anything of: a connection, a connect, a request that waits.
    pub origins: usize,
    /// Connects under way, from the planning of their connections on.
    pub connecting: usize,
    /// Connections that nobody uses.
    pub idle: usize,
    /// Connections in use that take, or will take, more requests.
    pub active: usize,
    /// Connections that carry what they carried already, and nothing new.
    pub draining: usize,
    /// Exchanges on shared connections (HTTP/2).
    pub streams: usize,
    /// Requests in queues.
    pub waiting: usize,
}

impl PoolStats {
    pub(crate) fn plus(self, other: Self) -> Self {
        Self {
            origins: self.origins + other.origins,
            connecting: self.connecting + other.connecting,
            idle: self.idle + other.idle,
            active: self.active + other.active,
            draining: self.draining + other.draining,
            streams: self.streams + other.streams,
            waiting: self.waiting + other.waiting,
        }
    }
}
