use crate::machine::slab::{Key, Slab};
use skybridge_core::ConnectError;

/// A connect under way: planning, looking for a connection of another name, opening one.
#[derive(Debug)]
pub(crate) struct Connecting {
    /// How many requests wait for it.
    joined: usize,
    /// How many failures in a row there had been when it was wanted.
    failures: u8,
    permit: Permit,
    backup: Backup,
    /// The other of two that are under way for the same requests.
    other: Option<ConnectKey>,
    /// What the other one failed with.
    other_failed: Option<ConnectError>,
}

/// Whether a connect has a permit for a socket.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Permit {
    Held,
    /// Not before the backoff is over.
    AfterPause,
    /// There was none: first it looks whether another origin has an idle connection to lend.
    AfterLook,
}

/// Whether a connect has another one beside it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Backup {
    /// It doesn't take long.
    No,
    /// It takes long.
    Wanted,
    /// It has one, or had one.
    Had,
    /// It is one itself, or was.
    Is,
    /// The other one has come to a connection: nobody joins it any more, whether it is one itself or had one.
    Superseded,
}

pub(crate) type ConnectKey = Key<Connecting>;

/// The connects under way.
#[derive(Debug)]
pub(super) struct Connects {
    all: Slab<Connecting>,
    /// How many of them are superseded.
    superseded: usize,
}

impl Connecting {
    fn is_wanted(&self) -> bool {
        self.backup != Backup::Superseded
    }
}

impl Connects {
    pub(super) fn new() -> Self {
        Self { all: Slab::new(), superseded: 0 }
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    pub(super) fn begin(&mut self, failures: u8, permit: Permit) -> ConnectKey {
        let backup = Backup::No;
        self.all.insert(Connecting { joined: 0, failures, permit, backup, other: None, other_failed: None })
    }

    /// One more beside one that wants it.
    pub(super) fn begin_backup(&mut self, connect: ConnectKey) -> ConnectKey {
        let backup = self.begin(0, Permit::Held);
        for (this, other, how) in [(connect, backup, Backup::Had), (backup, connect, Backup::Is)] {
            if let Some(connecting) = self.all.get_mut(this) {
                connecting.other = Some(other);
                connecting.backup = how;
            }
        }
        backup
    }

    /// The other one was given up, as nobody waited for it: it may have another if somebody does.
    pub(super) fn want_backup_again(&mut self, connect: ConnectKey) {
        if let Some(connecting) = self.all.get_mut(connect)
            && connecting.backup == Backup::Had
        {
            connecting.backup = Backup::Wanted;
        }
    }

    /// It takes long.
    pub(super) fn want_backup(&mut self, connect: ConnectKey) {
        if let Some(connecting) = self.all.get_mut(connect)
            && connecting.backup == Backup::No
        {
            connecting.backup = Backup::Wanted;
        }
    }

    /// One that takes long, has no other beside it, and is waited for.
    pub(super) fn next_that_wants_backup(&self) -> Option<ConnectKey> {
        let wants = |connecting: &Connecting| connecting.backup == Backup::Wanted && connecting.joined > 0;
        self.all.iter().find(|(_, connecting)| wants(connecting)).map(|(key, _)| key)
    }

    /// The other of two.
    pub(super) fn other(&self, connect: ConnectKey) -> Option<ConnectKey> {
        self.all.get(connect).and_then(|connecting| connecting.other)
    }

    /// The other one failed.
    pub(super) fn note_failure(&mut self, connect: ConnectKey, error: &ConnectError) {
        if let Some(connecting) = self.all.get_mut(connect) {
            connecting.other_failed = Some(error.clone());
        }
    }

    /// What another failed with that had been under way for the same requests.
    pub(super) fn other_failed(&self, connect: ConnectKey) -> Option<&ConnectError> {
        self.all.get(connect).and_then(|connecting| connecting.other_failed.as_ref())
    }

    /// The other one has come to a connection.
    pub(super) fn supersede(&mut self, connect: ConnectKey) {
        if let Some(connecting) = self.all.get_mut(connect) {
            connecting.backup = Backup::Superseded;
            connecting.joined = 0;
            self.superseded += 1;
        }
    }

    /// Whether anything is wanted of it.
    pub(super) fn is_wanted(&self, connect: ConnectKey) -> bool {
        self.all.get(connect).is_some_and(Connecting::is_wanted)
    }

    /// How many there are of which anything is wanted.
    pub(super) fn wanted(&self) -> usize {
        self.all.len() - self.superseded
    }

    /// Those that requests join: of two, the first.
    pub(super) fn to_join(&self) -> impl Iterator<Item = ConnectKey> {
        let joins = |connecting: &Connecting| {
            connecting.is_wanted() && (connecting.backup != Backup::Is || connecting.other.is_none())
        };
        self.all.iter().filter(move |(_, connecting)| joins(connecting)).map(|(key, _)| key)
    }

    pub(super) fn failures(&self, connect: ConnectKey) -> Option<u8> {
        self.all.get(connect).map(|connecting| connecting.failures)
    }

    /// It is under way, and has no permit yet.
    pub(super) fn is_paused(&self, connect: ConnectKey) -> bool {
        self.all.get(connect).is_some_and(|connecting| connecting.permit != Permit::Held)
    }

    /// One looks for a connection of another origin, without a permit.
    pub(super) fn any_looks(&self) -> bool {
        self.all.iter().any(|(_, connecting)| connecting.permit == Permit::AfterLook)
    }

    /// It is under way, and has a permit.
    pub(super) fn holds_permit(&self, connect: ConnectKey) -> bool {
        self.all.get(connect).is_some_and(|connecting| connecting.permit == Permit::Held)
    }

    /// Whether any is under way that has a permit, and of which anything is wanted.
    pub(super) fn any_under_way(&self) -> bool {
        self.all.iter().any(|(_, connecting)| connecting.permit == Permit::Held && connecting.is_wanted())
    }

    /// It has a permit now.
    pub(super) fn unpause(&mut self, connect: ConnectKey) {
        if let Some(connecting) = self.all.get_mut(connect) {
            connecting.permit = Permit::Held;
        }
    }

    /// Returns the other of two, which goes on by itself.
    pub(super) fn end(&mut self, connect: ConnectKey) -> Option<ConnectKey> {
        let ended = self.all.remove(connect)?;
        self.superseded -= usize::from(!ended.is_wanted());
        let other = ended.other?;
        if let Some(connecting) = self.all.get_mut(other) {
            connecting.other = None;
        }
        Some(other)
    }

    pub(super) fn join(&mut self, connect: ConnectKey) {
        if let Some(connecting) = self.all.get_mut(connect) {
            connecting.joined += 1;
        }
    }

    /// A request waits no more. True when that was the last, of the other one's too.
    pub(super) fn leave(&mut self, connect: ConnectKey) -> bool {
        if let Some(connecting) = self.all.get_mut(connect) {
            connecting.joined -= 1;
        }
        !self.is_awaited(connect)
    }

    /// Whether requests wait for it, or for the other of two.
    pub(super) fn is_awaited(&self, connect: ConnectKey) -> bool {
        self.joined(connect) > 0 || self.other(connect).is_some_and(|other| self.joined(other) > 0)
    }

    pub(super) fn joined(&self, connect: ConnectKey) -> usize {
        self.all.get(connect).map_or(0, |connecting| connecting.joined)
    }

    pub(super) fn paused(&self) -> impl Iterator<Item = ConnectKey> {
        self.all.iter().filter(|(_, connecting)| connecting.permit != Permit::Held).map(|(key, _)| key)
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = ConnectKey> {
        self.all.iter().map(|(key, _)| key)
    }
}
