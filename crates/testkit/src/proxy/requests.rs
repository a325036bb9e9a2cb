use skybridge_core::sync::Mutex;
use std::sync::{
    Arc, MutexGuard,
    atomic::{AtomicUsize, Ordering},
};

/// A request to a [`ProxyServer`](super::ProxyServer).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ProxyRequest {
    /// Its connection, from 0.
    pub connection: usize,
    /// `CONNECT a.test:443 HTTP/1.1`, `GET http://a.test/ HTTP/1.1`, `SOCKS5 a.test:443`, `SOCKS4 192.0.2.1:80`.
    pub line: String,
    /// The head's other lines, in lower case up to the colon; none of SOCKS.
    pub headers: Vec<(String, String)>,
    /// The credentials as they were sent: the value of `proxy-authorization`, or `user:password`.
    pub credentials: Option<String>,
}

impl ProxyRequest {
    /// The first value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }
}

/// What a proxy records.
#[derive(Debug, Default)]
pub(super) struct Record {
    connections: AtomicUsize,
    open: AtomicUsize,
    requests: Mutex<Vec<ProxyRequest>>,
}

/// A connection that is open.
pub(super) struct Open {
    pub(super) index: usize,
    record: Arc<Record>,
}

// === impl Record ===

impl Record {
    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    pub(super) fn open(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }

    pub(super) fn requests(&self) -> Vec<ProxyRequest> {
        self.list().clone()
    }

    pub(super) fn opened(self: &Arc<Self>) -> Open {
        self.open.fetch_add(1, Ordering::SeqCst);
        Open { index: self.connections.fetch_add(1, Ordering::SeqCst), record: Arc::clone(self) }
    }

    fn list(&self) -> MutexGuard<'_, Vec<ProxyRequest>> {
        self.requests.lock()
    }
}

// === impl Open ===

impl Open {
    pub(super) fn was_asked(&self, line: String, headers: Vec<(String, String)>, credentials: Option<String>) {
        let requests = ProxyRequest { connection: self.index, line, headers, credentials };
        self.record.list().push(requests);
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.record.open.fetch_sub(1, Ordering::SeqCst);
    }
}
