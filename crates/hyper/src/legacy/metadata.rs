use hyper_util::client::legacy::connect::Connected;
use skybridge_core::{CloseReason, ConnInfo, ConnectionStatus, StatusListener};
use std::{
    fmt,
    ops::Deref,
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
    },
};

/// What a connector says of its connection: it is a [`Connected`], and [`poison`](Self::poison) is known to this
/// client's pool.
#[derive(Clone)]
pub struct ConnectionMetadata(Arc<Shared>);

struct Shared {
    connected: Connected,
    poisoned: AtomicBool,
    /// The pool's. Weak, as it has the connection, whose facts have this.
    listener: Mutex<Option<Weak<dyn StatusListener>>>,
}

impl ConnectionMetadata {
    pub(crate) fn new(connected: Connected) -> Self {
        Self(Arc::new(Shared { connected, poisoned: AtomicBool::new(false), listener: Mutex::new(None) }))
    }

    /// That of the connection with these facts, if a connector of this client has made it.
    pub(crate) fn of(info: &ConnInfo) -> Option<&Self> {
        info.extensions.get()
    }

    /// No request but those that are under way goes on this connection.
    pub fn poison(&self) {
        self.0.connected.poison();
        self.0.poisoned.store(true, Ordering::SeqCst);
        self.tell();
    }

    pub(crate) fn is_poisoned(&self) -> bool {
        self.0.poisoned.load(Ordering::SeqCst)
    }

    pub(crate) fn listen(&self, listener: &Arc<dyn StatusListener>) {
        *self.0.listener.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::downgrade(listener));
        if self.is_poisoned() {
            self.tell();
        }
    }

    fn tell(&self) {
        let listener = self.0.listener.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(listener) = listener.and_then(|listener| listener.upgrade()) {
            listener.notify(ConnectionStatus::Draining(CloseReason::Poisoned));
        }
    }
}

impl Deref for ConnectionMetadata {
    type Target = Connected;

    fn deref(&self) -> &Connected {
        &self.0.connected
    }
}

impl fmt::Debug for ConnectionMetadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectionMetadata")
            .field("is_proxied", &self.is_proxied())
            .field("is_negotiated_h2", &self.is_negotiated_h2())
            .field("is_poisoned", &self.is_poisoned())
            .finish()
    }
}
