use super::Handshake;
use crate::ech::OuterHello;
use http::{HeaderMap, Method, Request, Uri, Version};
use skybridge_core::sync::Mutex;
use std::sync::{Arc, MutexGuard};
use tokio::sync::watch;

/// The head of a request that an [`Origin`](super::Origin) received.
#[derive(Clone, Debug)]
pub struct OriginRequest {
    /// Its connection, from 0.
    pub connection: usize,
    /// Its index on the connection, from 0.
    pub exchange: usize,
    /// The method, such as `GET`.
    pub method: Method,
    /// The request target.
    pub uri: Uri,
    /// The version.
    pub version: Version,
    /// The headers.
    pub headers: HeaderMap,
}

/// What an origin records.
#[derive(Debug, Default)]
pub(super) struct Record {
    list: Mutex<List>,
    open: watch::Sender<usize>,
}

#[derive(Debug, Default)]
struct List {
    connections: usize,
    requests: Vec<OriginRequest>,
    handshakes: Vec<Handshake>,
    hellos: Vec<OuterHello>,
}

/// A connection that is open.
pub(super) struct Open {
    pub(super) index: usize,
    record: Arc<Record>,
}

// === impl OriginRequest ===

impl OriginRequest {
    /// `c0e1`: the second exchange on the first connection.
    pub fn name(&self) -> String {
        format!("c{}e{}", self.connection, self.exchange)
    }

    /// The request line.
    pub fn line(&self) -> String {
        format!("{} {} {:?}", self.method, self.uri, self.version)
    }

    /// The first value of a header, where it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

// === impl Record ===

impl Record {
    pub(super) fn connections(&self) -> usize {
        self.list().connections
    }

    pub(super) fn open(&self) -> usize {
        *self.open.borrow()
    }

    pub(super) async fn until_open(&self, connections: usize) {
        let mut open = self.open.subscribe();
        // The sender lives as long as `self`: waiting can't fail.
        let _ = open.wait_for(|open| *open == connections).await;
    }

    pub(super) fn hellos(&self) -> Vec<OuterHello> {
        self.list().hellos.clone()
    }

    pub(super) fn requests(&self) -> Vec<OriginRequest> {
        self.list().requests.clone()
    }

    pub(super) fn handshakes(&self) -> Vec<Handshake> {
        self.list().handshakes.clone()
    }

    pub(super) fn opened(self: &Arc<Self>) -> Open {
        let index = {
            let mut list = self.list();
            list.connections += 1;
            list.connections - 1
        };
        self.open.send_modify(|open| *open += 1);
        Open { index, record: Arc::clone(self) }
    }

    fn list(&self) -> MutexGuard<'_, List> {
        self.list.lock()
    }
}

// === impl Open ===

impl Open {
    /// Records what the client shows.
    pub(super) fn greeted(&self, hello: OuterHello) {
        self.record.list().hellos.push(hello);
    }

    /// Records a handshake.
    pub(super) fn shook(&self, handshake: Handshake) {
        self.record.list().handshakes.push(handshake);
    }

    /// Records a request, and says which on this connection it is.
    pub(super) fn saw<B>(&self, request: &Request<B>) -> usize {
        let mut list = self.record.list();
        let exchange = list.requests.iter().filter(|requests| requests.connection == self.index).count();
        list.requests.push(OriginRequest {
            connection: self.index,
            exchange,
            method: request.method().clone(),
            uri: request.uri().clone(),
            version: request.version(),
            headers: request.headers().clone(),
        });
        exchange
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.record.open.send_modify(|open| *open -= 1);
    }
}
