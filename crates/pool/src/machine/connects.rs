use crate::machine::slab::{Key, Slab};

/// A connect under way: planning, looking for a connection of another name, opening one.
#[derive(Debug)]
pub(crate) struct Connecting {
    /// How many requests wait for it.
    joined: usize,
    /// How many failures in a row there had been when it was wanted.
    failures: u8,
    /// It waits for the end of the backoff, and has no permit for a socket yet.
    paused: bool,
}

pub(crate) type ConnectKey = Key<Connecting>;

/// The connects under way.
#[derive(Debug)]
pub(super) struct Connects(Slab<Connecting>);

impl Connects {
    pub(super) fn new() -> Self {
        Self(Slab::new())
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn begin(&mut self, failures: u8, paused: bool) -> ConnectKey {
        self.0.insert(Connecting { joined: 0, failures, paused })
    }

    pub(super) fn failures(&self, connect: ConnectKey) -> Option<u8> {
        self.0.get(connect).map(|connecting| connecting.failures)
    }

    pub(super) fn is_paused(&self, connect: ConnectKey) -> bool {
        self.0.get(connect).is_some_and(|connecting| connecting.paused)
    }

    pub(super) fn unpause(&mut self, connect: ConnectKey) {
        if let Some(connecting) = self.0.get_mut(connect) {
            connecting.paused = false;
        }
    }

    pub(super) fn end(&mut self, connect: ConnectKey) {
        self.0.remove(connect);
    }

    pub(super) fn join(&mut self, connect: ConnectKey) {
        if let Some(connecting) = self.0.get_mut(connect) {
            connecting.joined += 1;
        }
    }

    /// True when that was the last.
    pub(super) fn leave(&mut self, connect: ConnectKey) -> bool {
        let Some(connecting) = self.0.get_mut(connect) else { return false };
        connecting.joined -= 1;
        connecting.joined == 0
    }

    pub(super) fn joined(&self, connect: ConnectKey) -> usize {
        self.0.get(connect).map_or(0, |connecting| connecting.joined)
    }

    pub(super) fn paused(&self) -> impl Iterator<Item = ConnectKey> {
        self.0.iter().filter(|(_, connecting)| connecting.paused).map(|(key, _)| key)
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = ConnectKey> {
        self.0.iter().map(|(key, _)| key)
    }
}
