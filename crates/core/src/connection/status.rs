use crate::sync::Mutex;
use std::{fmt, sync::Arc};

/// Is notified of changes of a connection's status. Implemented by a pool.
pub trait StatusListener: Send + Sync + 'static {
    /// Called by what drives the connection: a task, or a call or the drop of its handle or body. Never under a lock.
    fn notify(&self, status: ConnectionStatus);
}

/// A change of a connection's status.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ConnectionStatus {
    /// It can carry this many exchanges at once from now on.
    Capacity(u32),
    /// A response did not come in time, or the machine has slept, and nothing has come from the peer since. The
    /// connection finds out whether the peer is alive, and reports [`Healthy`](Self::Healthy) or
    /// [`Closed`](Self::Closed). Until then it should carry no new exchanges.
    Suspect,
    /// It is no longer suspect.
    Healthy,
    /// It takes no new exchanges; those on it continue.
    Draining(CloseReason),
    /// It was closed.
    Closed(CloseReason),
}

/// Why a connection was closed. Only the first reason counts, and it is reported once.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum CloseReason {
    /// It was idle for longer than the idle timeout.
    Idle,
    /// It was older than the maximum age.
    MaxAge,
    /// A certificate of its peer's path has expired.
    CertificateExpired,
    /// The trusted roots, the client's certificate or other settings of TLS were replaced after it was made.
    TlsReplaced,
    /// Its address is no longer one of its origin's.
    Moved,
    /// It has carried the maximum number of requests.
    MaxRequests,
    /// The peer closed the connection, or announced it with `connection: close`.
    PeerFin,
    /// The peer sent GOAWAY.
    PeerGoAway,
    /// The peer refused one request after the other, or reset their streams before there was a response.
    Refusing,
    /// The peer violated the protocol.
    Protocol,
    /// The socket failed, as by a reset.
    SocketFailed,
    /// The peer sent a fatal TLS alert after the handshake.
    TlsAlert,
    /// A time limit of this side ended the exchange that it carried.
    TimedOut,
    /// The call whose exchange it carried was dropped before the response's head.
    Cancelled,
    /// The request's own body failed, so that what was written is no whole request.
    RequestFailed,
    /// Another connection to the same endpoint, which had been idle for less long, was dead when it was used again. Or
    /// the machine has slept since it became idle, and its peer can't be asked whether it is still there.
    Stale,
    /// The peer did not answer when it was asked for a sign of life.
    Unresponsive,
    /// A response was dropped before its end.
    Unread,
    /// The response was complete, but the rest of the request could not be sent in time.
    UploadStalled,
    /// A layer asked to close it.
    Poisoned,
    /// The peer sent data without a request.
    Unsolicited,
    /// It was upgraded to another protocol (101 or CONNECT).
    Upgraded,
    /// The user of the client asked to close it.
    Evicted,
    /// A limit was reached, and another connection was needed.
    LimitReclaimed,
    /// The client was closed or dropped.
    Shutdown,
    /// The runtime of its driver task has ended. (HTTP/1.1 of `skybridge-h1` has none.)
    RuntimeShutdown,
}

impl CloseReason {
    /// What has happened to the connection, for people: `its peer has closed it`.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Idle => "it was idle for too long",
            Self::MaxAge => "it is older than connections may be",
            Self::CertificateExpired => "a certificate of its peer has expired",
            Self::TlsReplaced => "its TLS settings were replaced",
            Self::Moved => "its address is no longer one of its origin's",
            Self::MaxRequests => "it has carried as many requests as it may",
            Self::PeerFin => "its peer has closed it",
            Self::PeerGoAway => "its peer has sent GOAWAY",
            Self::Refusing => "its peer refuses one request after the other",
            Self::Protocol => "its peer has violated the protocol",
            Self::SocketFailed => "its socket has failed",
            Self::TlsAlert => "its peer has sent a TLS alert",
            Self::TimedOut => "a request on it has taken too long",
            Self::Cancelled => "a request on it was cancelled",
            Self::RequestFailed => "the body of a request on it has failed",
            Self::Stale => "it is as old as another one that was dead",
            Self::Unresponsive => "its peer has given no sign of life",
            Self::Unread => "a response on it was not read to its end",
            Self::UploadStalled => "the rest of a request on it could not be sent in time",
            Self::Poisoned => "a layer has asked to close it",
            Self::Unsolicited => "its peer has sent data that nobody asked for",
            Self::Upgraded => "it speaks another protocol by now",
            Self::Evicted => "it was evicted",
            Self::LimitReclaimed => "it makes room for another one, as a limit was reached",
            Self::Shutdown => "the client was closed",
            Self::RuntimeShutdown => "its runtime has ended",
        }
    }

    /// The name for logs and reports, in snake case.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::MaxAge => "max_age",
            Self::CertificateExpired => "certificate_expired",
            Self::TlsReplaced => "tls_replaced",
            Self::Moved => "moved",
            Self::MaxRequests => "max_requests",
            Self::PeerFin => "peer_fin",
            Self::PeerGoAway => "peer_goaway",
            Self::Refusing => "refusing",
            Self::Protocol => "protocol",
            Self::SocketFailed => "socket_failed",
            Self::TlsAlert => "tls_alert",
            Self::TimedOut => "timed_out",
            Self::Cancelled => "cancelled",
            Self::RequestFailed => "request_failed",
            Self::Stale => "stale",
            Self::Unresponsive => "unresponsive",
            Self::Unread => "unread",
            Self::UploadStalled => "upload_stalled",
            Self::Poisoned => "poisoned",
            Self::Unsolicited => "unsolicited",
            Self::Upgraded => "upgraded",
            Self::Evicted => "evicted",
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

/// Reports changes of status to the [`StatusListener`]. Held by a connection, or by its driver. It keeps what happens
/// before there is a listener, and reports the end of the connection once to each.
#[derive(Default)]
pub struct StatusSender(Mutex<State>);

#[derive(Default)]
struct State {
    /// What happened before there was a listener, or while it is told of that.
    early: Vec<ConnectionStatus>,
    listener: Option<Arc<dyn StatusListener>>,
    /// It is told at once.
    is_told: bool,
    /// Its end, or that it takes no new exchanges.
    ending: Option<ConnectionStatus>,
}

impl StatusSender {
    /// A sender without a listener.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the listener, in place of the one before, and reports to it what has happened while there was none. One
    /// that comes after the end, or after it began, is told of that.
    pub fn subscribe(&self, listener: Arc<dyn StatusListener>) {
        {
            let mut state = self.0.lock();
            let is_first = state.listener.replace(Arc::clone(&listener)).is_none();
            if !is_first && state.is_told {
                state.early = state.ending.into_iter().collect();
            }
            state.is_told = false;
        }
        loop {
            let early = {
                let mut state = self.0.lock();
                state.is_told = state.early.is_empty();
                std::mem::take(&mut state.early)
            };
            if early.is_empty() {
                return;
            }
            early.into_iter().for_each(|status| listener.notify(status));
        }
    }

    /// Reports a change, or keeps it until there is a listener. After [`ConnectionStatus::Closed`] nothing more is
    /// reported.
    pub fn report(&self, status: ConnectionStatus) {
        let listener = {
            let mut state = self.0.lock();
            if matches!(state.ending, Some(ConnectionStatus::Closed(_))) {
                return;
            }
            if matches!(status, ConnectionStatus::Closed(_) | ConnectionStatus::Draining(_)) {
                state.ending = Some(status);
            }
            match &state.listener {
                Some(listener) if state.is_told => Arc::clone(listener),
                _ => return state.early.push(status),
            }
        };
        listener.notify(status);
    }
}

impl fmt::Debug for StatusSender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StatusSender").field("ending", &self.0.lock().ending).finish_non_exhaustive()
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
    fn what_happened_before_comes_first_and_nothing_after_the_end() {
        let (sender, notes) = (StatusSender::new(), Arc::new(Notes::default()));
        sender.report(ConnectionStatus::Capacity(7));
        sender.subscribe(notes.clone());
        sender.report(ConnectionStatus::Closed(CloseReason::PeerFin));
        sender.report(ConnectionStatus::Closed(CloseReason::Protocol));
        sender.report(ConnectionStatus::Capacity(1));
        assert_eq!(*notes.0.lock(), [ConnectionStatus::Capacity(7), ConnectionStatus::Closed(CloseReason::PeerFin)]);
    }

    #[test]
    fn a_second_listener_takes_the_place_of_the_first_and_is_told_of_an_end_before_it() {
        let (sender, [first, second, third]) = (StatusSender::new(), [(); 3].map(|()| Arc::new(Notes::default())));
        sender.subscribe(first.clone());
        sender.report(ConnectionStatus::Capacity(7));
        sender.subscribe(second.clone());
        assert_eq!(*second.0.lock(), []);
        sender.report(ConnectionStatus::Closed(CloseReason::PeerFin));
        sender.subscribe(third.clone());
        sender.report(ConnectionStatus::Closed(CloseReason::Protocol));
        assert_eq!(*first.0.lock(), [ConnectionStatus::Capacity(7)]);
        for told in [second, third] {
            assert_eq!(*told.0.lock(), [ConnectionStatus::Closed(CloseReason::PeerFin)]);
        }
    }
}
