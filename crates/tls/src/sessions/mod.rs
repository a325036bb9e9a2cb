mod connection_store;
mod given;
mod session;

pub use self::given::{Session, SessionPeer, SessionStore};
pub(crate) use self::{
    connection_store::ConnectionStore,
    session::{SessionFacts, SessionKey},
};

use self::{given::GivenStore, session::SESSION};
use rustls::{
    NamedGroup,
    client::{Tls12ClientSessionValue, Tls13ClientSessionValue},
    pki_types::UnixTime,
};
use skybridge_core::sync::Mutex;
use std::{
    collections::{HashMap, VecDeque},
    fmt,
    sync::{Arc, MutexGuard},
};

/// What sessions take by default, in bytes.
pub(crate) const MEMORY: usize = 1 << 20;
/// The most TLS 1.3 tickets that are kept for each peer: a ticket is used once.
const TICKETS: usize = 8;
/// What a peer takes beside its sessions.
const PEER: usize = 288;

/// The sessions of a configuration, each with the facts of the connection that it comes from. Bounded by what they
/// take: the oldest peer is evicted first.
pub(crate) struct Sessions {
    cache: Mutex<PeerCache>,
    /// In bytes, estimated; 0: none are kept.
    most: usize,
    /// Where they are kept instead, all but the groups, which are no secret.
    given: Option<GivenStore>,
}

#[derive(Default)]
struct PeerCache {
    peers: HashMap<Arc<SessionKey>, PeerSessions>,
    /// The oldest first: those that may have several tickets.
    order: VecDeque<Arc<SessionKey>>,
    /// Those that were left with one, for want of memory. They are older.
    trimmed: VecDeque<Arc<SessionKey>>,
    bytes: usize,
}

#[derive(Default)]
struct PeerSessions {
    /// What they took when that was last looked at.
    bytes: usize,
    group: Option<NamedGroup>,
    /// Boxed, as most peers have none.
    tls12: Option<Box<(Tls12ClientSessionValue, SessionFacts)>>,
    tls13: VecDeque<(Tls13ClientSessionValue, SessionFacts)>,
}

// === impl Sessions ===

impl Sessions {
    /// In a user's store, if one is given and there are to be any.
    pub(crate) fn new(most: usize, given: Option<Arc<dyn SessionStore>>) -> Arc<Self> {
        let given = given.filter(|_| most > 0).map(GivenStore::new);
        Arc::new(Self { cache: Mutex::default(), most, given })
    }

    /// As many others.
    pub(crate) fn others(&self) -> Arc<Self> {
        let given = self.given.as_ref().map(GivenStore::others);
        Arc::new(Self { cache: Mutex::default(), most: self.most, given })
    }

    pub(crate) fn group(&self, key: &SessionKey) -> Option<NamedGroup> {
        self.cache().peers.get(key)?.group
    }

    pub(crate) fn set_group(&self, key: &SessionKey, group: NamedGroup) {
        self.change(key, |peer| peer.group = Some(group));
    }

    pub(crate) fn tls12(&self, key: &SessionKey, now: UnixTime) -> Option<(Tls12ClientSessionValue, SessionFacts)> {
        if let Some(given) = &self.given {
            return given.tls12(key, now);
        }
        let (session, facts) = self.cache().peers.get(key)?.tls12.as_deref().cloned()?;
        facts.path.is_valid_at(now).then_some((session, facts))
    }

    pub(crate) fn set_tls12(&self, key: &SessionKey, session: Option<(Tls12ClientSessionValue, SessionFacts)>) {
        if let Some(given) = &self.given {
            return given.set_tls12(key, session);
        }
        if session.is_some() || self.cache().peers.contains_key(key) {
            self.change(key, |peer| peer.tls12 = session.map(Box::new));
        }
    }

    /// Takes the newest ticket. Tickets of connections whose certificate has expired since are dropped.
    pub(crate) fn take_tls13(
        &self,
        key: &SessionKey,
        now: UnixTime,
    ) -> Option<(Tls13ClientSessionValue, SessionFacts)> {
        if let Some(given) = &self.given {
            return given.take_tls13(key, now);
        }
        let mut cache = self.cache();
        let tickets = &mut cache.peers.get_mut(key)?.tls13;
        tickets.retain(|(_, facts)| facts.path.is_valid_at(now));
        let taken = tickets.pop_back();
        cache.count(key);
        taken
    }

    pub(crate) fn add_tls13(&self, key: &SessionKey, ticket: Tls13ClientSessionValue, facts: SessionFacts) {
        if let Some(given) = &self.given {
            return given.add_tls13(key, ticket, facts);
        }
        self.change(key, |peer| {
            if peer.tls13.len() == TICKETS {
                peer.tls13.pop_front();
            }
            // Most have one or two, and each is large.
            peer.tls13.reserve_exact(1);
            peer.tls13.push_back((ticket, facts));
        });
    }

    /// Changes what is kept of a peer, and makes room for it.
    fn change(&self, key: &SessionKey, change: impl FnOnce(&mut PeerSessions)) {
        if self.most == 0 {
            return;
        }
        let mut cache = self.cache();
        let peer = cache.entry(key);
        change(peer);
        cache.count(key);
        while cache.bytes > self.most && cache.drop_one() {}
    }

    fn cache(&self) -> MutexGuard<'_, PeerCache> {
        self.cache.lock()
    }
}

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sessions").field("peers", &self.cache().peers.len()).finish_non_exhaustive()
    }
}

// === impl PeerSessions ===

impl PeerSessions {
    /// What they take, about: rustls keeps the peer's certificates with each.
    fn size(&self) -> usize {
        let facts = self.tls13.iter().map(|(_, facts)| facts).chain(self.tls12.iter().map(|session| &session.1));
        PEER + facts.map(|facts| SESSION + facts.path.presented_bytes()).sum::<usize>()
    }
}

// === impl PeerCache ===

impl PeerCache {
    fn entry(&mut self, key: &SessionKey) -> &mut PeerSessions {
        let key = match self.peers.get_key_value(key) {
            Some((known, _)) => Arc::clone(known),
            None => {
                let new = Arc::new(key.clone());
                self.order.push_back(Arc::clone(&new));
                new
            }
        };
        self.peers.entry(key).or_default()
    }

    /// What is kept of a peer has changed.
    fn count(&mut self, key: &SessionKey) {
        if let Some(peer) = self.peers.get_mut(key) {
            let (before, after) = (peer.bytes, peer.size());
            peer.bytes = after;
            self.bytes = self.bytes + after - before;
        }
    }

    /// Drops what is missed least: all tickets but the latest of the oldest peer that has several, or else the oldest
    /// peer. False when nothing is left.
    fn drop_one(&mut self) -> bool {
        if let Some(key) = self.order.pop_front() {
            if let Some(peer) = self.peers.get_mut(&key) {
                peer.tls13.drain(..peer.tls13.len().saturating_sub(1));
                peer.tls13.shrink_to_fit();
            }
            self.count(&key);
            self.trimmed.push_back(key);
            return true;
        }
        let Some(evicted) = self.trimmed.pop_front().and_then(|key| self.peers.remove(&key)) else { return false };
        self.bytes -= evicted.bytes;
        true
    }
}
