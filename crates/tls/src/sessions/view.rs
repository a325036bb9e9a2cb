use super::{Known, SessionKey, Sessions};
use crate::{
    TlsError,
    witness::{self, Seen},
};
use rustls::{
    NamedGroup,
    client::{ClientSessionStore, Tls12ClientSessionValue, Tls13ClientSessionValue},
    pki_types::ServerName,
    time_provider::TimeProvider,
};
use skybridge_core::sync::Mutex;
use std::{
    fmt,
    sync::{Arc, MutexGuard},
};

/// How one connection sees the sessions.
///
/// A store is told a peer's name and nothing else, and tickets come long after the handshake: only a store of the connection's own can put what is
/// known of the connection beside its tickets.
pub(crate) struct View {
    sessions: Arc<Sessions>,
    key: SessionKey,
    clock: Arc<dyn TimeProvider>,
    state: Mutex<State>,
}

/// What is known of the connection so far.
#[derive(Default)]
struct State {
    seen: Seen,
    /// What was known of the session that it asked to resume.
    offered: Option<Known>,
    /// What is known since the handshake is over.
    settled: Option<Known>,
}

// === impl View ===

impl View {
    pub(crate) fn new(sessions: Arc<Sessions>, key: SessionKey, clock: Arc<dyn TimeProvider>) -> Self {
        Self { sessions, key, clock, state: Mutex::default() }
    }

    /// Adds what was seen during one poll.
    pub(crate) fn add(&self, seen: Seen) {
        let State { seen: all, .. } = &mut *self.state();
        all.path = seen.path.or(all.path.take());
        all.refused = seen.refused.or(all.refused.take());
        all.showed |= seen.showed;
    }

    /// Why the verifier refused the peer, if it did.
    pub(crate) fn refused(&self) -> Option<TlsError> {
        self.state().seen.refused.take()
    }

    /// The handshake is over: what was verified during it, or else on the connection whose session it resumed.
    pub(crate) fn settle(&self, resumed: bool) -> Option<Known> {
        let mut state = self.state();
        let State { seen, offered, settled } = &mut *state;
        let full = seen.path.take().map(|path| Known { path, showed: seen.showed });
        *settled = if resumed { offered.take() } else { full };
        settled.clone()
    }

    /// What goes beside a session.
    ///
    /// One of TLS 1.2 comes before the handshake is over, and within the very poll that verified the peer. Once it is over the thread is not asked:
    /// tickets of a proxy may come in the middle of a handshake with the origin behind it.
    fn known(&self) -> Option<Known> {
        let State { seen, offered, settled } = &*self.state();
        if settled.is_some() {
            return settled.clone();
        }
        let (path, showed) = witness::so_far(|now| (now.path.clone(), now.showed));
        match seen.path.clone().or(path) {
            Some(path) => Some(Known { path, showed: seen.showed || showed }),
            None => offered.clone(),
        }
    }

    fn offer<T>(&self, session: Option<(T, Known)>) -> Option<T> {
        let (session, known) = session?;
        self.state().offered = Some(known);
        Some(session)
    }

    fn now(&self) -> rustls::pki_types::UnixTime {
        // Without a clock nothing is valid any more.
        self.clock.current_time().unwrap_or(rustls::pki_types::UnixTime::since_unix_epoch(std::time::Duration::MAX))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }
}

/// The names that are told are the key's.
impl ClientSessionStore for View {
    fn set_kx_hint(&self, _: ServerName<'static>, group: NamedGroup) {
        self.sessions.set_group(&self.key, group);
    }

    fn kx_hint(&self, _: &ServerName<'_>) -> Option<NamedGroup> {
        self.sessions.group(&self.key)
    }

    fn set_tls12_session(&self, _: ServerName<'static>, session: Tls12ClientSessionValue) {
        let known = self.known();
        self.sessions.set_tls12(&self.key, known.map(|known| (session, known)));
    }

    fn tls12_session(&self, _: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        self.offer(self.sessions.tls12(&self.key, self.now()))
    }

    fn remove_tls12_session(&self, _: &ServerName<'static>) {
        self.sessions.set_tls12(&self.key, None);
    }

    fn insert_tls13_ticket(&self, _: ServerName<'static>, ticket: Tls13ClientSessionValue) {
        if let Some(known) = self.known() {
            self.sessions.add_tls13(&self.key, ticket, known);
        }
    }

    fn take_tls13_ticket(&self, _: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        self.offer(self.sessions.take_tls13(&self.key, self.now()))
    }
}

impl fmt::Debug for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("View").field("sessions", &self.sessions).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::path::Path;
    use rustls::time_provider::DefaultTimeProvider;

    fn path() -> Arc<Path> {
        Arc::new(Path::presented(&Vec::new().into()))
    }

    fn view() -> View {
        let name = ServerName::try_from("a.test").unwrap();
        let key = SessionKey { partition: None, name, port: None };
        View::new(Arc::default(), key, Arc::new(DefaultTimeProvider))
    }

    fn is_known(view: &View, path: &Arc<Path>) -> bool {
        view.known().is_some_and(|known| Arc::ptr_eq(&known.path, path))
    }

    #[test]
    fn what_was_verified_is_known_within_the_same_poll_and_after_it() {
        let (view, own) = (view(), path());
        let (known, seen) = witness::during(|| {
            witness::saw(|seen| seen.path = Some(Arc::clone(&own)));
            is_known(&view, &own)
        });
        assert!(known && view.known().is_none());
        view.add(seen);
        assert!(is_known(&view, &own));
        assert!(view.settle(false).is_some_and(|known| Arc::ptr_eq(&known.path, &own)));
        assert!(is_known(&view, &own));
    }

    /// TLS within TLS: the ticket of a proxy is read by the handshake with the origin.
    #[test]
    fn a_ticket_that_comes_during_anothers_handshake_is_not_put_beside_the_others_path() {
        let (view, own, others) = (view(), path(), path());
        let resumed = Known { path: Arc::clone(&own), showed: false };
        assert!(view.offer(Some(((), resumed))).is_some());
        view.settle(true);
        let (known, _) = witness::during(|| {
            witness::saw(|seen| seen.path = Some(others));
            is_known(&view, &own)
        });
        assert!(known);
    }

    #[test]
    fn a_session_that_was_asked_for_in_vain_is_forgotten() {
        let (view, old, new) = (view(), path(), path());
        assert!(view.offer(Some(((), Known { path: old, showed: true }))).is_some());
        view.add(Seen { path: Some(Arc::clone(&new)), ..Seen::default() });
        assert!(view.settle(false).is_some_and(|known| Arc::ptr_eq(&known.path, &new) && !known.showed));
        assert!(is_known(&view, &new));
    }
}
