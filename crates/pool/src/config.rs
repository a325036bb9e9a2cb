use std::time::Duration;

/// What to do with a request when all shared connections of its origin are at their stream limit.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum AtStreamLimit {
    /// Open another connection, as far as the connection limits allow.
    #[default]
    Open,
    /// Wait for a stream.
    Wait,
    /// Fail with [`Overloaded`](skybridge_core::Overloaded), unsent.
    Refuse,
}

/// What to do with a request when a connection is needed and a connection limit is reached.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum AtConnectionLimit {
    /// Wait in the queue.
    #[default]
    Wait,
    /// Fail with [`Overloaded`](skybridge_core::Overloaded), unsent.
    Refuse,
}

/// A pool's limits. [`default`](Self::default) is for servers, [`okhttp`](Self::okhttp) for apps.
///
/// | setting | default | `okhttp()` |
/// |---|---|---|
/// | `max_idle` (connections, in total; with 0 a finished one still serves a waiting request) | 1,024 | 5 |
/// | `max_idle_per_origin` | no limit | no limit |
/// | `idle_timeout` (idle, at most; less up to 10 % of jitter) | 50 s | 5 min |
/// | `max_per_origin` (open and connecting) | no limit | no limit |
/// | `max_connecting_per_origin` | 64 | 64 |
/// | `max_total` (open, connecting and draining) | no limit | no limit |
/// | `max_overtaking` (later requests served before an origin that waits for `max_total`) | 64 | 64 |
/// | `max_waiting_per_origin` (requests in the queue) | 16,384 | 16,384 |
/// | `max_age` (then drained; less up to 10 % of jitter) | no limit | no limit |
/// | `max_requests` (then drained; 1 is a connection for each request) | no limit | no limit |
/// | `max_streams` (per connection, below the peer's limit) | no limit | no limit |
/// | `streams_before_settings` | 1 | 1 |
/// | `connect_timeout` (to plan and connect, once for all that wait for it) | 30 s | 30 s |
/// | `connect_backoff` (after two failures in a row; doubled by each one more; less up to 50 %) | 50 ms | 50 ms |
/// | `max_connect_backoff` (the longest) | 2 s | 2 s |
/// | `backup_connect` (a connect that takes longer gets a second one beside it) | 2 s | 2 s |
/// | `upload_grace` (rest of a request whose response is over) | 5 s | 5 s |
/// | `unread_grace` (rest of a response that was dropped, HTTP/1.1) | 100 ms | 100 ms |
/// | `at_stream_limit` | open another | open another |
/// | `at_connection_limit` | wait | wait |
/// | `coalesce` (use a connection for another host that it may carry) | yes | yes |
/// | `drain_expired_certificates` (take a connection out when a certificate of its path expires) | no | no |
/// | `drain_moved` (take a connection out when its address is no longer its origin's) | no | no |
///
/// *Per origin* is per [key](crate#words): an origin with the options for connecting to it.
///
/// No limit is the greatest value of a setting's type: `usize::MAX`, `u64::MAX`, `u32::MAX`, [`Duration::MAX`]. Zero is
/// never that: it is none at all, or the least there can be.
#[derive(Clone, Debug)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the table above is their documentation")]
pub struct PoolConfig {
    pub max_idle: usize,
    pub max_idle_per_origin: usize,
    pub idle_timeout: Duration,
    pub max_per_origin: usize,
    pub max_connecting_per_origin: usize,
    pub max_total: usize,
    pub max_overtaking: usize,
    pub max_waiting_per_origin: usize,
    pub max_age: Duration,
    pub max_requests: u64,
    pub max_streams: u32,
    pub streams_before_settings: u32,
    pub connect_timeout: Duration,
    pub connect_backoff: Duration,
    pub max_connect_backoff: Duration,
    pub backup_connect: Duration,
    pub upload_grace: Duration,
    pub unread_grace: Duration,
    pub at_stream_limit: AtStreamLimit,
    pub at_connection_limit: AtConnectionLimit,
    pub coalesce: bool,
    pub drain_expired_certificates: bool,
    pub drain_moved: bool,
}

impl Default for PoolConfig {
    fn default() -> Self {
        Self {
            max_idle: 1024,
            max_idle_per_origin: usize::MAX,
            idle_timeout: Duration::from_secs(50),
            max_per_origin: usize::MAX,
            max_connecting_per_origin: 64,
            max_total: usize::MAX,
            max_overtaking: 64,
            max_waiting_per_origin: 16_384,
            max_age: Duration::MAX,
            max_requests: u64::MAX,
            max_streams: u32::MAX,
            streams_before_settings: 1,
            connect_timeout: Duration::from_secs(30),
            connect_backoff: Duration::from_millis(50),
            max_connect_backoff: Duration::from_secs(2),
            backup_connect: Duration::from_secs(2),
            upload_grace: Duration::from_secs(5),
            unread_grace: Duration::from_millis(100),
            at_stream_limit: AtStreamLimit::Open,
            at_connection_limit: AtConnectionLimit::Wait,
            coalesce: true,
            drain_expired_certificates: false,
            drain_moved: false,
        }
    }
}

impl PoolConfig {
    /// The defaults for servers: 1,024 idle connections, for up to 50 s, which is below the idle limit of common
    /// servers and proxies.
    pub fn new() -> Self {
        Self::default()
    }

    /// OkHttp's: 5 idle connections, for up to 5 minutes.
    pub fn okhttp() -> Self {
        Self { max_idle: 5, idle_timeout: Duration::from_secs(300), ..Self::default() }
    }

    /// Idle connections in total.
    ///
    /// 0 keeps none: a connection whose exchange is over goes to a request that is waiting for one, and is closed when
    /// there is none. To open a new connection for every request, set [`max_requests(1)`](Self::max_requests).
    pub fn max_idle(mut self, connections: usize) -> Self {
        self.max_idle = connections;
        self
    }

    /// Idle connections per [key](crate#words).
    pub fn max_idle_per_origin(mut self, connections: usize) -> Self {
        self.max_idle_per_origin = connections;
        self
    }

    /// How long a connection may be idle.
    pub fn idle_timeout(mut self, time: Duration) -> Self {
        self.idle_timeout = time;
        self
    }

    /// Open and connecting connections per [key](crate#words); at least 1.
    pub fn max_per_origin(mut self, connections: usize) -> Self {
        self.max_per_origin = connections.max(1);
        self
    }

    /// Connects under way at once that requests of one [key](crate#words) may wait for; at least 1.
    pub fn max_connecting_per_origin(mut self, connections: usize) -> Self {
        self.max_connecting_per_origin = connections.max(1);
        self
    }

    /// Sockets in total; at least 1.
    ///
    /// When the system has no file descriptor for one more, those that are open are the limit, whatever is set here.
    /// A second later one more is tried, and each second twice as many, until nobody waits or there is none again.
    pub fn max_total(mut self, sockets: usize) -> Self {
        self.max_total = sockets.max(1);
        self
    }

    /// How many later requests of other origins may be served, at most, before a request whose origin has no connection
    /// and waits for [`max_total`](Self::max_total); at least 1. Without a bound, busy origins would keep their
    /// connections for ever.
    ///
    /// An idle connection is closed at once to make room, unless the request can have it, as it leads to the proxy that
    /// forwards for both origins. When there is none, one in use makes room after this many
    /// requests: an HTTP/1.1 connection is closed instead of being reused; an HTTP/2 connection takes no more requests
    /// and closes when those on it are over. Origins that have waited for longer have their turn first.
    ///
    /// The higher the number, the fewer connections are opened while more origins are busy than there may be sockets.
    pub fn max_overtaking(mut self, requests: usize) -> Self {
        self.max_overtaking = requests.max(1);
        self
    }

    /// Requests waiting per [key](crate#words); those beyond it fail with [`Overloaded`](skybridge_core::Overloaded),
    /// unsent.
    pub fn max_waiting_per_origin(mut self, requests: usize) -> Self {
        self.max_waiting_per_origin = requests;
        self
    }

    /// How old a connection may become, counted from the end of its handshake. Then it [drains](crate#words).
    pub fn max_age(mut self, age: Duration) -> Self {
        self.max_age = age;
        self
    }

    /// How many requests a connection may carry; at least 1. With 1, no connection is ever reused.
    pub fn max_requests(mut self, requests: u64) -> Self {
        self.max_requests = requests.max(1);
        self
    }

    /// Streams per connection, whatever more the peer allows; at least 1.
    pub fn max_streams(mut self, streams: u32) -> Self {
        self.max_streams = streams.max(1);
        self
    }

    /// How many streams a new connection carries before its peer has said how many it takes; at least 1.
    pub fn streams_before_settings(mut self, streams: u32) -> Self {
        self.streams_before_settings = streams.max(1);
        self
    }

    /// How long finding and opening a connection may take, unless [`Timeouts::connect`](skybridge_core::Timeouts) of
    /// the client or of the request says otherwise. It includes waiting for an HTTP/2 peer that announces a limit of 0
    /// streams to allow some.
    pub fn connect_timeout(mut self, limit: Duration) -> Self {
        self.connect_timeout = limit;
        self
    }

    /// How long no connect to an origin begins after two failures in a row: connects that failed, or connections that
    /// their peer ended before they had carried anything, or for refusing each request. Doubled for each one more, up
    /// to [`max_connect_backoff`](Self::max_connect_backoff), and less up to 50 %. All requests that wait meanwhile
    /// share the next connect, and what comes of it. Their own limits go on, and the pool's limit for connecting.
    ///
    /// A response on a new connection ends it, as do [`Pool::evict_all`](crate::Pool::evict_all), and some time without
    /// a failure: twice the longest pause, but no more than a minute. Zero: connects begin at once, and nothing is
    /// remembered.
    pub fn connect_backoff(mut self, time: Duration) -> Self {
        self.connect_backoff = time;
        self
    }

    /// The longest pause of [`connect_backoff`](Self::connect_backoff).
    pub fn max_connect_backoff(mut self, time: Duration) -> Self {
        self.max_connect_backoff = time;
        self
    }

    /// How long connecting may take, once the name is resolved, before a second connect begins beside it for the same
    /// requests: a first packet that was lost, or a server that is stuck, costs so long and no longer. Whichever comes
    /// first serves them. The other one, if it has got as far as a socket and no limit of connections is set, becomes
    /// an idle connection; it is given up otherwise. Requests fail when both have failed, with the error that came
    /// first, or when one has in a way that no other would help; and the limit for connecting in total counts from the
    /// beginning of the first. [`Duration::MAX`] is never.
    ///
    /// There is one at most for each connect. There is none where a limit of connections is reached, or refuses
    /// requests ([`at_connection_limit`](Self::at_connection_limit)), nor while connects to the origin fail
    /// ([`connect_backoff`](Self::connect_backoff)); but a request that comes later may have to wait for its place.
    /// Waiting in a layer below, as for a limit of connects, is time that a connect takes, too.
    pub fn backup_connect(mut self, after: Duration) -> Self {
        self.backup_connect = after;
        self
    }

    /// How long a request may still be sent once its response is over: what a peer has answered it need not take. After
    /// that the stream is reset (RFC 9113, section 8.1), or an HTTP/1.1 connection closed.
    /// [`Pool::close`](crate::Pool::close) doesn't wait for it.
    pub fn upload_grace(mut self, time: Duration) -> Self {
        self.upload_grace = time;
        self
    }

    /// How long the rest of a response may be on its way once its body was dropped. Until then an HTTP/1.1 connection
    /// reads it and throws it away, as a short rest costs less than a new connection; after that it is closed. Zero
    /// closes it at once, unless the rest has arrived already. The connection has limits of its own, in bytes too
    /// (`H1::drain`), and the first that is reached counts. An HTTP/2 stream is reset at once.
    ///
    /// The connection isn't free until then. At most 256 of a pool are read on like that at once; one more is closed.
    /// Neither [`Pool::close`](crate::Pool::close) nor the drop of the pool's last handle waits for them.
    pub fn unread_grace(mut self, time: Duration) -> Self {
        self.unread_grace = time;
        self
    }

    pub(crate) fn total_limit(&self) -> Option<usize> {
        (self.max_total != usize::MAX).then_some(self.max_total)
    }

    pub(crate) fn age_limit(&self) -> Option<Duration> {
        (self.max_age != Duration::MAX).then_some(self.max_age)
    }

    pub(crate) fn request_limit(&self) -> Option<u64> {
        (self.max_requests != u64::MAX).then_some(self.max_requests)
    }

    /// What to do at the stream limit.
    pub fn at_stream_limit(mut self, policy: AtStreamLimit) -> Self {
        self.at_stream_limit = policy;
        self
    }

    /// What to do at a connection limit.
    pub fn at_connection_limit(mut self, policy: AtConnectionLimit) -> Self {
        self.at_connection_limit = policy;
        self
    }

    /// Whether a connection may carry another host than the one it was opened for: an HTTP/2 one whose certificate
    /// names both (RFC 9113, section 9.1.1; [`can_coalesce`](skybridge_core::can_coalesce)), and one to a proxy that
    /// forwards the requests of both, once it is idle ([`can_forward`](skybridge_core::can_forward)).
    pub fn coalesce(mut self, coalesce: bool) -> Self {
        self.coalesce = coalesce;
        self
    }

    /// Whether a connection takes no more requests from the time on when the first certificate of its peer's path
    /// expires, on a clock that may stand still while the machine sleeps. What is under way goes on, then it is closed
    /// as [`CertificateExpired`](skybridge_core::CloseReason::CertificateExpired). Otherwise the peer that was verified
    /// when the connection was opened is trusted for as long as it is open, but not for other hosts (see
    /// [`coalesce`](Self::coalesce)).
    pub fn drain_expired_certificates(mut self, drain: bool) -> Self {
        self.drain_expired_certificates = drain;
        self
    }

    /// Whether a connection takes no more requests once its address is no longer one of its origin's, or of the proxy's
    /// that it goes through. What is under way goes on, then it is closed as
    /// [`Moved`](skybridge_core::CloseReason::Moved).
    ///
    /// That is learned when another connection to the origin is needed and its name is looked up: nothing is looked up
    /// for it. An answer that came in part says nothing, nor does one that has no address of the same family. Not for
    /// names whose answers change each time, as each of them would take out the connections to the others.
    pub fn drain_moved(mut self, drain: bool) -> Self {
        self.drain_moved = drain;
        self
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    /// With none of these a pool could carry nothing.
    #[test]
    fn what_can_not_be_zero_is_one() {
        let config = PoolConfig::new().max_per_origin(0).max_connecting_per_origin(0).max_total(0).max_overtaking(0);
        let PoolConfig { max_per_origin, max_connecting_per_origin, max_total, max_overtaking, .. } = config;
        assert_eq!([max_per_origin, max_connecting_per_origin, max_total, max_overtaking], [1; 4]);
        let config = PoolConfig::new().max_requests(0).max_streams(0).streams_before_settings(0);
        assert_eq!((config.max_requests, config.max_streams, config.streams_before_settings), (1, 1, 1));
    }
}
