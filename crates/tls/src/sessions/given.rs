use super::session::{SESSION, SessionFacts, SessionKey};
use rustls::{
    client::{Tls12ClientSessionValue, Tls13ClientSessionValue},
    pki_types::UnixTime,
};
use skybridge_core::Partition;
use std::{
    borrow::Cow,
    fmt,
    hash::{Hash, Hasher},
    sync::{Arc, Weak},
};

/// Keeps sessions in the place of a [configuration](crate::TlsConfig): for one bound on those of several, another order
/// of eviction, or to forget all at once. Set by [`session_store`](crate::TlsConfigBuilder::session_store).
///
/// Whatever it gives, a session is resumed by whom it was made for alone: the same configuration, as proxy or as
/// origin, of the same generation, spec, [partition](Partition), name and port. Another is dropped, and the handshake
/// is a full one, as it is where the certificates of a session have expired meanwhile.
///
/// What is asked of it is that it has a bound, as peers may send any number of tickets, and that it doesn't block: it
/// is called within a handshake and while a response is read, with no lock held. Who keeps a session keeps its secret:
/// who can read that memory, and has recorded what was sent, can read what was sent on connections that it resumed.
/// They can't be written to a disk.
///
/// ```
/// use skybridge_tls::{Roots, Session, SessionPeer, SessionStore, TlsConfig};
/// use std::{collections::HashMap, sync::{Arc, Mutex}};
///
/// /// One session for each of the first 100 peers.
/// #[derive(Default)]
/// struct Few(Mutex<HashMap<SessionPeer, Session>>);
///
/// impl SessionStore for Few {
///     fn insert(&self, peer: &SessionPeer, session: Session) {
///         let mut few = self.0.lock().unwrap();
///         few.retain(|peer, _| !peer.is_gone());
///         if few.len() < 100 || few.contains_key(peer) {
///             few.insert(peer.clone(), session);
///         }
///     }
///
///     fn take(&self, peer: &SessionPeer) -> Option<Session> {
///         self.0.lock().unwrap().remove(peer)
///     }
/// }
///
/// # let root = skybridge_testkit::certs::Ca::new("a root").der();
/// let few = Arc::new(Few::default());
/// let config = TlsConfig::builder().roots(Roots::Given(vec![root])).session_store(few).build()?;
/// # let _ = config;
/// # Ok::<_, skybridge_tls::TlsConfigError>(())
/// ```
pub trait SessionStore: Send + Sync {
    /// Keeps a session of this peer, beside others that it has or in their place.
    fn insert(&self, peer: &SessionPeer, session: Session);

    /// Takes out a session of this peer, best the newest. One of TLS 1.3 is used once; one of TLS 1.2 is inserted again
    /// at once.
    fn take(&self, peer: &SessionPeer) -> Option<Session>;
}

/// With whom a session was made, and for whom: sessions of different ones aren't for each other. Cheap to clone.
#[derive(Clone, Eq, Hash, PartialEq)]
pub struct SessionPeer(Arc<Whose>);

#[derive(Eq, Hash, PartialEq)]
struct Whose {
    owner: Owner,
    key: SessionKey,
    tls13: bool,
}

/// One configuration in one role, generation and spec.
#[derive(Clone)]
struct Owner(Weak<()>);

/// A session that a connection may resume, with what was verified when it was made. Nothing of its secret is in its
/// `Debug`; dropping it erases that.
pub struct Session {
    peer: SessionPeer,
    value: Value,
    facts: SessionFacts,
}

/// A user's store, as one configuration in one role, generation and spec has it.
pub(super) struct GivenStore {
    store: Arc<dyn SessionStore>,
    /// Tells it from all others.
    owner: Arc<()>,
}

enum Value {
    Tls12(Tls12ClientSessionValue),
    Tls13(Tls13ClientSessionValue),
}

// === impl SessionPeer ===

impl SessionPeer {
    /// The name, or address, that the peer has proved to have: the origin's host, or the
    /// [`server_name`](skybridge_core::ConnectOptions::server_name) that was set for it. In lower case.
    pub fn host(&self) -> Cow<'_, str> {
        self.0.key.name.to_str()
    }

    /// The origin's port. `None` where the peer is no origin of ours: a proxy, a DNS server, or who is asked by
    /// [another stack](crate::TlsConfig::rustls_config).
    pub fn port(&self) -> Option<u16> {
        self.0.key.port
    }

    /// The partition of the requests that it is for.
    pub fn partition(&self) -> Option<&Partition> {
        self.0.key.partition.as_ref()
    }

    /// Whether it is of TLS 1.3; otherwise it is of TLS 1.2.
    pub fn is_tls13(&self) -> bool {
        self.0.tls13
    }

    /// Whether nobody will ask for its sessions any more: the configuration, or the
    /// [generation](crate::TlsHandle) of it that they are of, and all of its connections are gone.
    pub fn is_gone(&self) -> bool {
        self.0.owner.0.strong_count() == 0
    }
}

impl fmt::Debug for SessionPeer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Whose { key, tls13, .. } = &*self.0;
        let mut debug = f.debug_struct("SessionPeer");
        debug.field("host", &key.name.to_str()).field("port", &key.port).field("partition", &key.partition);
        debug.field("tls13", tls13).finish_non_exhaustive()
    }
}

// === impl Owner ===

impl PartialEq for Owner {
    fn eq(&self, other: &Self) -> bool {
        self.0.ptr_eq(&other.0)
    }
}

impl Eq for Owner {}

impl Hash for Owner {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.as_ptr().hash(state);
    }
}

// === impl Session ===

impl Session {
    /// With whom it was made, and for whom.
    pub fn peer(&self) -> &SessionPeer {
        &self.peer
    }

    /// What it takes, in bytes, estimated: the peer's certificates, and 640 for the rest.
    pub fn bytes(&self) -> usize {
        SESSION + self.facts.path.presented_bytes()
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("peer", &self.peer).finish_non_exhaustive()
    }
}

// === impl GivenStore ===

impl GivenStore {
    pub(super) fn new(store: Arc<dyn SessionStore>) -> Self {
        Self { store, owner: Arc::new(()) }
    }

    /// The same store for others.
    pub(super) fn others(&self) -> Self {
        Self::new(Arc::clone(&self.store))
    }

    /// One that may be resumed again is inserted anew.
    pub(super) fn tls12(&self, key: &SessionKey, now: UnixTime) -> Option<(Tls12ClientSessionValue, SessionFacts)> {
        let (Value::Tls12(session), facts) = self.take(key, false, now)? else { return None };
        self.insert(key, Value::Tls12(session.clone()), facts.clone());
        Some((session, facts))
    }

    pub(super) fn set_tls12(&self, key: &SessionKey, session: Option<(Tls12ClientSessionValue, SessionFacts)>) {
        match session {
            Some((session, facts)) => self.insert(key, Value::Tls12(session), facts),
            None => drop(self.store.take(&self.peer(key, false))),
        }
    }

    pub(super) fn take_tls13(
        &self,
        key: &SessionKey,
        now: UnixTime,
    ) -> Option<(Tls13ClientSessionValue, SessionFacts)> {
        let (Value::Tls13(ticket), facts) = self.take(key, true, now)? else { return None };
        Some((ticket, facts))
    }

    pub(super) fn add_tls13(&self, key: &SessionKey, ticket: Tls13ClientSessionValue, facts: SessionFacts) {
        self.insert(key, Value::Tls13(ticket), facts);
    }

    fn insert(&self, key: &SessionKey, value: Value, facts: SessionFacts) {
        let peer = self.peer(key, matches!(value, Value::Tls13(_)));
        self.store.insert(&peer, Session { peer: peer.clone(), value, facts });
    }

    /// Nothing that was made for others, whatever the store gives.
    fn take(&self, key: &SessionKey, tls13: bool, now: UnixTime) -> Option<(Value, SessionFacts)> {
        let wanted = self.peer(key, tls13);
        let Session { peer, value, facts } = self.store.take(&wanted)?;
        (peer == wanted && facts.path.is_valid_at(now)).then_some((value, facts))
    }

    fn peer(&self, key: &SessionKey, tls13: bool) -> SessionPeer {
        SessionPeer(Arc::new(Whose { owner: Owner(Arc::downgrade(&self.owner)), key: key.clone(), tls13 }))
    }
}
