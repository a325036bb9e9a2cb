mod view;

pub(crate) use self::view::View;

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

/// For so many peers sessions are kept.
const PEERS: usize = 256;
/// So many TLS 1.3 tickets of each: a ticket is used once.
const TICKETS: usize = 8;

/// Whose session it is. One partition's are never shown on behalf of another: a ticket is as good as a cookie to a peer that wants to know who
/// comes again.
#[derive(Clone, Eq, Hash, PartialEq)]
pub(crate) struct SessionKey {
    pub(crate) partition: Option<Partition>,
    pub(crate) name: ServerName<'static>,
    pub(crate) port: Option<u16>,
}

/// What a resumed connection inherits: no certificate is sent on it, and the verifier isn't asked.
#[derive(Clone)]
pub(crate) struct Known {
    pub(crate) path: Arc<Path>,
    /// We showed a certificate.
    pub(crate) showed: bool,
}

/// The sessions of a configuration, each beside what was known when it was made. Bounded: the peer that came first goes first.
#[derive(Default)]
pub(crate) struct Sessions(Mutex<Shelf>);

#[derive(Default)]
struct Shelf {
    peers: HashMap<SessionKey, Kept>,
    order: VecDeque<SessionKey>,
}

#[derive(Default)]
struct Kept {
    group: Option<NamedGroup>,
    tls12: Option<(Tls12ClientSessionValue, Known)>,
    tls13: VecDeque<(Tls13ClientSessionValue, Known)>,
}

// === impl Sessions ===

impl Sessions {
    pub(crate) fn group(&self, key: &SessionKey) -> Option<NamedGroup> {
        self.shelf().peers.get(key)?.group
    }

    pub(crate) fn set_group(&self, key: &SessionKey, group: NamedGroup) {
        self.shelf().kept(key).group = Some(group);
    }

    pub(crate) fn tls12(&self, key: &SessionKey, now: UnixTime) -> Option<(Tls12ClientSessionValue, Known)> {
        let (session, known) = self.shelf().peers.get(key)?.tls12.clone()?;
        known.path.is_valid_at(now).then_some((session, known))
    }

    pub(crate) fn set_tls12(&self, key: &SessionKey, session: Option<(Tls12ClientSessionValue, Known)>) {
        let mut shelf = self.shelf();
        match session {
            Some(session) => shelf.kept(key).tls12 = Some(session),
            None => {
                if let Some(kept) = shelf.peers.get_mut(key) {
                    kept.tls12 = None;
                }
            }
        }
    }

    /// The newest ticket, and never again. What was made with a certificate that has expired since is not resumed.
    pub(crate) fn take_tls13(&self, key: &SessionKey, now: UnixTime) -> Option<(Tls13ClientSessionValue, Known)> {
        let mut shelf = self.shelf();
        let tickets = &mut shelf.peers.get_mut(key)?.tls13;
        tickets.retain(|(_, known)| known.path.is_valid_at(now));
        tickets.pop_back()
    }

    pub(crate) fn add_tls13(&self, key: &SessionKey, ticket: Tls13ClientSessionValue, known: Known) {
        let mut shelf = self.shelf();
        let tickets = &mut shelf.kept(key).tls13;
        if tickets.len() == TICKETS {
            tickets.pop_front();
        }
        tickets.push_back((ticket, known));
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.0.lock()
    }
}

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sessions").field("peers", &self.shelf().peers.len()).finish_non_exhaustive()
    }
}

// === impl Shelf ===

impl Shelf {
    fn kept(&mut self, key: &SessionKey) -> &mut Kept {
        if !self.peers.contains_key(key) {
            if self.order.len() == PEERS {
                self.order.pop_front().map(|first| self.peers.remove(&first));
            }
            self.order.push_back(key.clone());
        }
        self.peers.entry(key.clone()).or_default()
    }
}
