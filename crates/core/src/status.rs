use crate::sync::Mutex;
use std::{
    fmt,
    sync::{Arc, OnceLock},
};

/// Who is told what happens to a connection: the pool's record of it.
pub trait StatusListener: Send + Sync + 'static {
    /// Told by the connection's driver, never under a lock.
    fn notify(&self, status: ConnectionStatus);
}

/// What happened to a connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ConnectionStatus {
    /// It may now carry this many exchanges at once.
    Capacity(u32),
    /// No new exchanges; those that run may end.
    Draining(CloseReason),
    /// It may be dead: a ping is out.
    Suspect,
    /// It is not.
    Healthy,
    /// It is gone.
    Closed(CloseReason),
}

/// Why a connection was closed. The first reason wins, and is told once.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum CloseReason {
    /// Unused for longer than the idle limit.
    Idle,
    /// Older than the age limit.
    MaxAge,
    /// It has carried as many requests as it may.
    MaxRequests,
    /// The peer closed its side, or asked for it with `connection: close`.
    PeerFin,
    /// The peer sent GOAWAY.
    PeerGoAway,
    /// The peer broke the protocol, or the socket broke.
    Protocol,
    /// A response was dropped before its end.
    Unread,
    /// A response was over, and the rest of its request was not taken, or did not come, in time.
    UploadStalled,
    /// A layer asked for it.
    Poisoned,
    /// A ping was not answered.
    PingTimeout,
    /// The peer sent bytes nobody had asked for.
    Unsolicited,
    /// It became something else (101, or CONNECT).
    Upgraded,
    /// A user asked for it.
    Evicted,
    /// Its address is no longer among its origin's.
    AddressGone,
    /// Trust or identity were replaced.
    IdentityReplaced,
    /// A certificate on its path expired.
    CertExpired,
    /// The machine slept.
    Suspended,
    /// Room was needed for another.
    LimitReclaimed,
    /// The client was dropped or closed.
    Shutdown,
    /// The runtime that drove it ended.
    RuntimeShutdown,
}

impl CloseReason {
    /// A word for logs and reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::MaxAge => "max_age",
            Self::MaxRequests => "max_requests",
            Self::PeerFin => "peer_fin",
            Self::PeerGoAway => "peer_goaway",
            Self::Protocol => "protocol",
            Self::Unread => "unread",
            Self::UploadStalled => "upload_stalled",
            Self::Poisoned => "poisoned",
            Self::PingTimeout => "ping_timeout",
            Self::Unsolicited => "unsolicited",
            Self::Upgraded => "upgraded",
            Self::Evicted => "evicted",
            Self::AddressGone => "address_gone",
            Self::IdentityReplaced => "identity_replaced",
            Self::CertExpired => "cert_expired",
            Self::Suspended => "suspended",
            Self::LimitReclaimed => "limit_reclaimed",
            Self::Shutdown => "shutdown",
            Self::RuntimeShutdown => "runtime_shutdown",
        }
    }
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What the implementor of a connection holds in its driver: takes news before anyone watches, and tells the end once.
#[derive(Default)]
pub struct StatusSender {
    listener: OnceLock<Arc<dyn StatusListener>>,
    state: Mutex<Desk>,
}

#[derive(Default)]
struct Desk {
    early: Vec<ConnectionStatus>,
    subscribed: bool,
    closed: bool,
}

impl StatusSender {
    /// No news, and nobody to tell.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets who is told, and tells what came before. The first one stays.
    pub fn subscribe(&self, listener: Arc<dyn StatusListener>) {
        if self.listener.set(listener).is_err() {
            return;
        }
        loop {
            let early = {
                let mut desk = self.state.lock();
                desk.subscribed = desk.early.is_empty();
                std::mem::take(&mut desk.early)
            };
            if early.is_empty() {
                return;
            }
            self.publish(early);
        }
    }

    /// Tells, or keeps until somebody watches. After [`ConnectionStatus::Closed`] nothing is told any more.
    pub fn tell(&self, status: ConnectionStatus) {
        {
            let mut desk = self.state.lock();
            if desk.closed {
                return;
            }
            desk.closed = matches!(status, ConnectionStatus::Closed(_));
            if !desk.subscribed {
                desk.early.push(status);
                return;
            }
        }
        self.publish([status]);
    }

    fn publish(&self, status: impl IntoIterator<Item = ConnectionStatus>) {
        if let Some(listener) = self.listener.get() {
            status.into_iter().for_each(|status| listener.notify(status));
        }
    }
}

impl fmt::Debug for StatusSender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewsDesk").field("subscribed", &self.listener.get().is_some()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Notes(Mutex<Vec<ConnectionStatus>>);
    impl StatusListener for Notes {
        fn notify(&self, status: ConnectionStatus) {
            self.0.lock().push(status);
        }
    }

    #[test]
    fn early_news_is_told_first_and_the_first_end_is_the_end() {
        let (desk, notes) = (StatusSender::new(), Arc::new(Notes::default()));
        desk.tell(ConnectionStatus::Capacity(7));
        desk.subscribe(notes.clone());
        desk.tell(ConnectionStatus::Closed(CloseReason::PeerFin));
        desk.tell(ConnectionStatus::Closed(CloseReason::Protocol));
        desk.tell(ConnectionStatus::Capacity(1));
        assert_eq!(*notes.0.lock(), [ConnectionStatus::Capacity(7), ConnectionStatus::Closed(CloseReason::PeerFin)]);
    }
}
