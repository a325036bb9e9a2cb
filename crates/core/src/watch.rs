use std::{
    fmt,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

/// Who is told what happens to a connection: the pool's record of it.
pub trait Watch: Send + Sync + 'static {
    /// Told by the connection's driver, never under a lock.
    fn on(&self, news: News);
}

/// What happened to a connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum News {
    /// It may now carry this many exchanges at once.
    Room(u32),
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
pub struct NewsDesk {
    watch: OnceLock<Arc<dyn Watch>>,
    state: Mutex<Desk>,
}

#[derive(Default)]
struct Desk {
    early: Vec<News>,
    watched: bool,
    closed: bool,
}

impl NewsDesk {
    /// No news, and nobody to tell.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets who is told, and tells what came before. The first one stays.
    pub fn watch(&self, watch: Arc<dyn Watch>) {
        if self.watch.set(watch).is_err() {
            return;
        }
        loop {
            let early = {
                let mut desk = self.state.lock().unwrap_or_else(PoisonError::into_inner);
                desk.watched = desk.early.is_empty();
                std::mem::take(&mut desk.early)
            };
            if early.is_empty() {
                return;
            }
            self.publish(early);
        }
    }

    /// Tells, or keeps until somebody watches. After [`News::Closed`] nothing is told any more.
    pub fn tell(&self, news: News) {
        {
            let mut desk = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            if desk.closed {
                return;
            }
            desk.closed = matches!(news, News::Closed(_));
            if !desk.watched {
                desk.early.push(news);
                return;
            }
        }
        self.publish([news]);
    }

    fn publish(&self, news: impl IntoIterator<Item = News>) {
        if let Some(watch) = self.watch.get() {
            news.into_iter().for_each(|news| watch.on(news));
        }
    }
}

impl fmt::Debug for NewsDesk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewsDesk").field("watched", &self.watch.get().is_some()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Notes(Mutex<Vec<News>>);
    impl Watch for Notes {
        fn on(&self, news: News) {
            self.0.lock().unwrap().push(news);
        }
    }

    #[test]
    fn early_news_is_told_first_and_the_first_end_is_the_end() {
        let (desk, notes) = (NewsDesk::new(), Arc::new(Notes::default()));
        desk.tell(News::Room(7));
        desk.watch(notes.clone());
        desk.tell(News::Closed(CloseReason::PeerFin));
        desk.tell(News::Closed(CloseReason::Protocol));
        desk.tell(News::Room(1));
        assert_eq!(*notes.0.lock().unwrap(), [News::Room(7), News::Closed(CloseReason::PeerFin)]);
    }
}
