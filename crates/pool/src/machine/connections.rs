use crate::{
    machine::slab::{Key, Slab},
    shared::time::Timestamp,
};
use skybridge_core::CloseReason;

/// What does not change about a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Facts {
    /// It was opened for this origin.
    pub(crate) own: bool,
    /// One exchange at a time.
    pub(crate) exclusive: bool,
    /// Drained when it gets older than this, or its certificate does.
    pub(crate) expires_at: Option<Timestamp>,
    /// How long it may be idle, in nanoseconds.
    pub(crate) idle_timeout: u64,
    /// When the first certificate of its path expires: until then it may carry other names than its own.
    pub(crate) valid_until: Option<Timestamp>,
}

impl Facts {
    /// Why it is drained at `expires_at`.
    pub(crate) fn expiry_reason(&self) -> CloseReason {
        // The age has no limit that is the same to the nanosecond.
        if self.expires_at == self.valid_until { CloseReason::CertificateExpired } else { CloseReason::MaxAge }
    }
}

/// A connection of an origin.
#[derive(Debug)]
pub(crate) struct Member {
    pub(super) facts: Facts,
    /// It counts against the limit per origin: it takes exchanges, or may take one again when it comes back.
    counted: bool,
    /// Nobody has said yet that it takes no more exchanges.
    usable: bool,
    /// Its socket is open, and this origin's.
    socket: bool,
    /// How often everything had been evicted when it was made.
    epoch: u64,
}

pub(crate) type ConnectionKey = Key<Member>;

/// An exclusive connection that nobody uses.
#[derive(Clone, Copy, Debug)]
pub(super) struct Idle {
    pub(super) connection: ConnectionKey,
    pub(super) until: Timestamp,
}

/// The connections that an origin may use: its own, and those of other names that it was coalesced onto.
#[derive(Debug)]
pub(super) struct Connections {
    members: Slab<Member>,
    /// Last in, first out: the most recently used is the least likely to be dead.
    idle: Vec<Idle>,
    /// Shared ones, its own and others'. All take new exchanges, or are about to be removed.
    shared: Vec<ConnectionKey>,
    /// Own ones that count against the limit per origin.
    open: usize,
    /// Own ones whose sockets are open, draining ones too.
    sockets: usize,
    /// How often everything was evicted: what was made before is not kept.
    epoch: u64,
    /// How often an exclusive one became idle.
    idled: u64,
}

impl Connections {
    pub(super) fn new() -> Self {
        Self { members: Slab::new(), idle: Vec::new(), shared: Vec::new(), open: 0, sockets: 0, epoch: 0, idled: 0 }
    }

    pub(super) fn contains(&self, connection: ConnectionKey) -> bool {
        self.members.get(connection).is_some()
    }

    /// All that are known, whoever opened them, and those that drain.
    pub(super) fn members(&self) -> impl Iterator<Item = ConnectionKey> {
        self.members.iter().map(|(key, _)| key)
    }

    #[inline]
    pub(super) fn shared(&self) -> &[ConnectionKey] {
        &self.shared
    }

    fn shared_facts(&self) -> impl Iterator<Item = (ConnectionKey, Facts)> {
        self.shared.iter().filter_map(|key| self.members.get(*key).map(|member| (*key, member.facts)))
    }

    /// Shared ones that were opened for this origin: those of others are not its to count or to close.
    pub(super) fn own_shared(&self) -> impl Iterator<Item = (ConnectionKey, Facts)> {
        self.shared_facts().filter(|(_, facts)| facts.own)
    }

    pub(super) fn coalesced(&self) -> impl Iterator<Item = (ConnectionKey, Facts)> {
        self.shared_facts().filter(|(_, facts)| !facts.own)
    }

    #[inline]
    pub(super) fn idle(&self) -> &[Idle] {
        &self.idle
    }

    pub(super) fn open(&self) -> usize {
        self.open
    }

    pub(super) fn sockets(&self) -> usize {
        self.sockets
    }

    pub(super) fn add(&mut self, facts: Facts) -> ConnectionKey {
        let own = facts.own;
        let key = self.members.insert(Member { facts, counted: own, usable: true, socket: own, epoch: self.epoch });
        self.open += usize::from(own);
        self.sockets += usize::from(own);
        if !facts.exclusive {
            self.shared.push(key);
        }
        key
    }

    #[inline]
    pub(super) fn pop_idle(&mut self) -> Option<ConnectionKey> {
        self.idle.pop().map(|idle| idle.connection)
    }

    /// Takes this one out of those that nobody uses. False when it isn't one of them.
    pub(super) fn take_idle(&mut self, connection: ConnectionKey) -> bool {
        let at = self.idle.iter().rposition(|idle| idle.connection == connection);
        at.map(|at| self.idle.remove(at)).is_some()
    }

    /// An exclusive connection is used by nobody. Returns its place in the order in which they became idle; `None` when
    /// everything was evicted since it was made.
    #[inline]
    pub(super) fn push_idle(&mut self, connection: ConnectionKey, until: Timestamp) -> Option<u64> {
        if self.members.get(connection).is_none_or(|member| member.epoch != self.epoch) {
            return None;
        }
        self.idled += 1;
        self.idle.push(Idle { connection, until });
        Some(self.idled)
    }

    /// It takes no more exchanges. True when it was idle.
    pub(super) fn remove(&mut self, connection: ConnectionKey) -> bool {
        let Some(member) = self.members.get_mut(connection) else { return false };
        member.usable = false;
        self.open -= usize::from(std::mem::take(&mut member.counted));
        if !member.socket {
            self.members.remove(connection);
        }
        self.shared.retain(|other| *other != connection);
        self.take_idle(connection)
    }

    /// The socket of one of its own is gone. False when that is known already.
    pub(super) fn socket_closed(&mut self, connection: ConnectionKey) -> bool {
        let Some(member) = self.members.get_mut(connection).filter(|member| member.socket) else { return false };
        member.socket = false;
        self.sockets -= 1;
        self.open -= usize::from(std::mem::take(&mut member.counted));
        // Whoever drains it on another thread may not have come to `remove` yet.
        if !member.usable {
            self.members.remove(connection);
        }
        true
    }

    /// Takes out what is idle. What is in use now is not kept when it comes back.
    pub(super) fn evict(&mut self) -> Vec<Idle> {
        self.epoch += 1;
        std::mem::take(&mut self.idle)
    }

    /// Takes out those that have been idle or alive for too long, oldest first, and says which it was.
    pub(super) fn expire(&mut self, now: Timestamp) -> Vec<(Idle, CloseReason)> {
        let Self { members, idle, .. } = self;
        let too_old = |idle: &Idle| {
            let facts = members.get(idle.connection).map(|member| member.facts);
            facts.filter(|facts| facts.expires_at.is_some_and(|until| until <= now)).map(|facts| facts.expiry_reason())
        };
        let over = idle.extract_if(.., |idle| idle.until <= now || too_old(idle).is_some());
        over.map(|idle| (idle, too_old(&idle).unwrap_or(CloseReason::Idle))).collect()
    }

    /// Own ones whose sockets are open, draining ones too.
    pub(super) fn own_sockets(&self) -> impl Iterator<Item = (ConnectionKey, Facts)> {
        self.members.iter().filter(|(_, member)| member.socket).map(|(key, member)| (key, member.facts))
    }

    /// Own ones that nobody has taken out yet, in use or not.
    pub(super) fn own(&self) -> impl Iterator<Item = ConnectionKey> {
        self.members.iter().filter(|(_, member)| member.facts.own && member.usable).map(|(key, _)| key)
    }

    /// Takes out the one that has been idle longest.
    pub(super) fn remove_oldest_idle(&mut self) -> Option<ConnectionKey> {
        if self.idle.is_empty() { None } else { Some(self.idle.remove(0).connection) }
    }

    /// Takes out those that are `older`.
    pub(super) fn remove_older(&mut self, older: impl Fn(ConnectionKey) -> bool) -> Vec<ConnectionKey> {
        self.idle.extract_if(.., |idle| older(idle.connection)).map(|idle| idle.connection).collect()
    }

    /// Since when the exclusive one that has been idle longest is idle. Idle limits differ by their jitter, this
    /// doesn't.
    pub(super) fn oldest_idle(&self) -> Option<Timestamp> {
        let idle = self.idle.first()?;
        Some(idle.until.minus(self.members.get(idle.connection).map_or(0, |member| member.facts.idle_timeout)))
    }

    /// The numbers are those of the members.
    #[cfg(all(test, not(loom)))]
    pub(super) fn check(&self) {
        let count = |is: fn(&Member) -> bool| self.members.iter().filter(|(_, member)| is(member)).count();
        assert_eq!((self.open, self.sockets), (count(|member| member.counted), count(|member| member.socket)));
        let usable = count(|member| member.usable && !member.facts.exclusive);
        assert_eq!(self.shared.len(), usable, "shared connections are listed");
        assert!(!self.members.iter().any(|(_, member)| member.facts.own && member.counted && !member.usable));
    }

    /// When the first of the exclusive ones that are idle will have been so, or alive, for too long.
    pub(super) fn next_expiry(&self) -> Option<Timestamp> {
        let ends = |idle: &Idle| {
            let old = self.members.get(idle.connection).and_then(|member| member.facts.expires_at);
            [Some(idle.until), old]
        };
        self.idle.iter().flat_map(ends).flatten().min()
    }
}
