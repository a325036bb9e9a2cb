#[cfg(feature = "tls")]
use super::Handshake;
use super::{answer::Answer, socket_effect::SocketEffect};
#[cfg(feature = "tls")]
use crate::ech::OuterHello;
use bytes::Bytes;
use http::{HeaderMap, Method, Request, Uri, Version};
use skybridge_core::sync::Mutex;
use std::{
    collections::VecDeque,
    sync::{Arc, MutexGuard},
};
use tokio::sync::watch;

/// As much of a request's body is kept.
const BODY: usize = 1 << 20;

/// A request that an [`Origin`](super::Origin) received.
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
    /// The first MiB of the body, once it is read; empty where a [handler](super::Builder::handle) reads it.
    pub body: Bytes,
}

/// What an origin records.
#[derive(Debug, Default)]
pub(super) struct Record {
    list: Mutex<List>,
    open: watch::Sender<usize>,
    /// How often a request was read.
    read: watch::Sender<usize>,
}

#[derive(Debug, Default)]
struct List {
    connections: usize,
    requests: Vec<OriginRequest>,
    /// Whether they are read.
    read: Vec<bool>,
    /// How many were taken.
    taken: usize,
    answers: VecDeque<Answer>,
    #[cfg(feature = "tls")]
    handshakes: Vec<Handshake>,
    #[cfg(feature = "tls")]
    hellos: Vec<OuterHello>,
}

/// Where a request is.
pub(super) struct Seen {
    /// Among all.
    pub(super) index: usize,
    /// On its connection.
    pub(super) exchange: usize,
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
    pub(super) fn new(answers: Vec<Answer>) -> Self {
        let list = List { answers: answers.into(), ..List::default() };
        Self { list: Mutex::new(list), open: watch::Sender::default(), read: watch::Sender::default() }
    }

    pub(super) fn enqueue(&self, answer: Answer) {
        self.list().answers.push_back(answer);
    }

    /// What becomes of a new connection in place of the next answer, if it says so.
    pub(super) fn on_connect(&self) -> Option<SocketEffect> {
        let mut list = self.list();
        let effect = list.answers.front()?.effects.connect?;
        list.answers.pop_front();
        Some(effect)
    }

    /// The next request that is read and was not taken.
    pub(super) async fn take(&self) -> OriginRequest {
        let mut read = self.read.subscribe();
        loop {
            if let Some(request) = self.list().take() {
                return request;
            }
            // The sender lives as long as `self`: waiting can't fail.
            let _ = read.changed().await;
        }
    }

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

    #[cfg(feature = "tls")]
    pub(super) fn hellos(&self) -> Vec<OuterHello> {
        self.list().hellos.clone()
    }

    pub(super) fn requests(&self) -> Vec<OriginRequest> {
        self.list().requests.clone()
    }

    #[cfg(feature = "tls")]
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

// === impl List ===

impl List {
    fn take(&mut self) -> Option<OriginRequest> {
        if !*self.read.get(self.taken)? {
            return None;
        }
        self.taken += 1;
        self.requests.get(self.taken - 1).cloned()
    }
}

// === impl Open ===

impl Open {
    pub(super) fn next_answer(&self) -> Option<Answer> {
        let mut list = self.record.list();
        // One that is for a connection waits for that.
        if list.answers.front()?.effects.connect.is_some() {
            return None;
        }
        list.answers.pop_front()
    }

    /// Records what was read of a request's body: it can be taken.
    pub(super) fn read(&self, index: usize, body: Bytes) {
        {
            let mut list = self.record.list();
            if let Some(read) = list.read.get_mut(index) {
                *read = true;
            }
            if let Some(request) = list.requests.get_mut(index) {
                request.body = Bytes::copy_from_slice(&body[..body.len().min(BODY)]);
            }
        }
        self.record.read.send_modify(|reads| *reads += 1);
    }

    /// Records what the client shows.
    #[cfg(feature = "tls")]
    pub(super) fn greeted(&self, hello: OuterHello) {
        self.record.list().hellos.push(hello);
    }

    /// Records a handshake.
    #[cfg(feature = "tls")]
    pub(super) fn shook(&self, handshake: Handshake) {
        self.record.list().handshakes.push(handshake);
    }

    /// Records a request.
    pub(super) fn saw<B>(&self, request: &Request<B>) -> Seen {
        let mut list = self.record.list();
        let exchange = list.requests.iter().filter(|requests| requests.connection == self.index).count();
        list.requests.push(OriginRequest {
            connection: self.index,
            exchange,
            method: request.method().clone(),
            uri: request.uri().clone(),
            version: request.version(),
            headers: request.headers().clone(),
            body: Bytes::new(),
        });
        list.read.push(false);
        Seen { index: list.requests.len() - 1, exchange }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.record.open.send_modify(|open| *open -= 1);
    }
}
