mod connection_store;

pub(crate) use self::connection_store::ConnectionStore;

use crate::path::Path;
use rustls::{
    NamedGroup,
    client::{Tls12ClientSessionValue, Tls13ClientSessionValue},
    pki_types::{ServerName, UnixTime},
};
use skybridge_core::{Partition, sync::Mutex};
use std::{
    collections::{HashMap, VecDeque},
    fmt,
    sync::{Arc, MutexGuard},
};

/// The most peers whose sessions are kept.
const PEERS: usize = 256;
/// The most TLS 1.3 tickets that are kept for each peer: a ticket is used once.
const TICKETS: usize = 8;

/// Whose session it is. A session of one partition is never offered on behalf of another: to a peer that tracks its
/// clients a ticket is as good as a cookie.
#[derive(Clone, Eq, Hash, PartialEq)]
pub(crate) struct SessionKey {
    pub(crate) partition: Option<Partition>,
    pub(crate) name: ServerName<'static>,
    pub(crate) port: Option<u16>,
}

/// What a resumed connection inherits, since no certificate is sent on it and the verifier isn't called.
#[derive(Clone)]
pub(crate) struct SessionFacts {
    pub(crate) path: Arc<Path>,
    /// A client certificate was sent.
    pub(crate) client_auth: bool,
}

/// The sessions of a configuration, each with the facts of the connection that it comes from. Bounded: the oldest peer
/// is evicted first.
#[derive(Default)]
pub(crate) struct Sessions(Mutex<PeerCache>);

#[derive(Default)]
struct PeerCache {
    peers: HashMap<SessionKey, PeerSessions>,
    order: VecDeque<SessionKey>,
}

#[derive(Default)]
struct PeerSessions {
    group: Option<NamedGroup>,
    tls12: Option<(Tls12ClientSessionValue, SessionFacts)>,
    tls13: VecDeque<(Tls13ClientSessionValue, SessionFacts)>,
}

// === impl Sessions ===

impl Sessions {
    pub(crate) fn group(&self, key: &SessionKey) -> Option<NamedGroup> {
        self.cache().peers.get(key)?.group
    }

    pub(crate) fn set_group(&self, key: &SessionKey, group: NamedGroup) {
        self.cache().entry(key).group = Some(group);
    }

    pub(crate) fn tls12(&self, key: &SessionKey, now: UnixTime) -> Option<(Tls12ClientSessionValue, SessionFacts)> {
        let (session, facts) = self.cache().peers.get(key)?.tls12.clone()?;
        facts.path.is_valid_at(now).then_some((session, facts))
    }

    pub(crate) fn set_tls12(&self, key: &SessionKey, session: Option<(Tls12ClientSessionValue, SessionFacts)>) {
        let mut cache = self.cache();
        match session {
            Some(session) => cache.entry(key).tls12 = Some(session),
            None => {
                if let Some(entry) = cache.peers.get_mut(key) {
                    entry.tls12 = None;
                }
            }
        }
    }

    /// Takes the newest ticket. Tickets of connections whose certificate has expired since are dropped.
    pub(crate) fn take_tls13(
        &self,
        key: &SessionKey,
        now: UnixTime,
    ) -> Option<(Tls13ClientSessionValue, SessionFacts)> {
        let mut cache = self.cache();
        let tickets = &mut cache.peers.get_mut(key)?.tls13;
        tickets.retain(|(_, facts)| facts.path.is_valid_at(now));
        tickets.pop_back()
    }

    pub(crate) fn add_tls13(&self, key: &SessionKey, ticket: Tls13ClientSessionValue, facts: SessionFacts) {
        let mut cache = self.cache();
        let tickets = &mut cache.entry(key).tls13;
        if tickets.len() == TICKETS {
            tickets.pop_front();
        }
        tickets.push_back((ticket, facts));
    }

    fn cache(&self) -> MutexGuard<'_, PeerCache> {
        self.0.lock()
    }
}

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sessions").field("peers", &self.cache().peers.len()).finish_non_exhaustive()
    }
}

// === impl Shelf ===

impl PeerCache {
    fn entry(&mut self, key: &SessionKey) -> &mut PeerSessions {
        if !self.peers.contains_key(key) {
            if self.order.len() == PEERS {
                self.order.pop_front().map(|first| self.peers.remove(&first));
            }
            self.order.push_back(key.clone());
        }
        self.peers.entry(key.clone()).or_default()
    }
}
