/// What is in a pool right now.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct PoolStats {
    /// Keys that the pool knows.
    pub origins: usize,
    /// Searches for a connection under way.
    pub connecting: usize,
    /// Connections that nobody uses.
    pub idle: usize,
    /// Connections in use that take, or will take, more requests.
    pub active: usize,
    /// Connections that carry what they carried already, and nothing new.
    pub draining: usize,
    /// Exchanges on shared connections.
    pub streams: usize,
    /// Requests in queues.
    pub waiting: usize,
}
