use super::{SessionFacts, SessionKey, Sessions};
use crate::{
    TlsError,
    handshake_capture::{self, Captured},
};
use rustls::{
    NamedGroup,
    client::{ClientSessionStore, Tls12ClientSessionValue, Tls13ClientSessionValue},
    pki_types::ServerName,
    time_provider::TimeProvider,
};
use skybridge_core::{Trust, sync::Mutex};
use std::{
    fmt,
    sync::{Arc, MutexGuard},
};

/// The session store of one connection, over the [`Sessions`] that all share.
///
/// rustls tells a store the peer's name and nothing else, and tickets arrive long after the handshake: only a store of
/// the connection's own can keep the connection's facts with its tickets.
pub(crate) struct ConnectionStore {
    sessions: Arc<Sessions>,
    key: SessionKey,
    clock: Arc<dyn TimeProvider>,
    state: Mutex<State>,
}

/// What is known of the connection so far.
#[derive(Default)]
struct State {
    captured: Captured,
    /// The facts of the session that it offered to resume.
    offered: Option<SessionFacts>,
    /// The facts of the connection, once its handshake is over.
    finished: Option<SessionFacts>,
}

// === impl View ===

impl ConnectionStore {
    pub(crate) fn new(sessions: Arc<Sessions>, key: SessionKey, clock: Arc<dyn TimeProvider>) -> Self {
        Self { sessions, key, clock, state: Mutex::default() }
    }

    /// Adds what was captured during one poll.
    pub(crate) fn add(&self, captured: Captured) {
        let State { captured: all, .. } = &mut *self.state();
        all.path = captured.path.or(all.path.take());
        all.refused = captured.refused.or(all.refused.take());
        all.client_auth |= captured.client_auth;
        all.shown_none |= captured.shown_none;
    }

    /// Why the verifier refused the peer, if it did.
    pub(crate) fn refused(&self) -> Option<TlsError> {
        self.state().captured.refused.take().map(|error| *error)
    }

    /// Whether the peer asked for a certificate of the client, and was sent none.
    pub(crate) fn has_shown_none(&self) -> bool {
        self.state().captured.shown_none
    }

    /// Whether the peer was let through without being verified.
    pub(crate) fn is_unverified(&self) -> bool {
        self.state().captured.path.as_ref().is_some_and(|path| path.trust == Trust::Unverified)
    }

    /// Called when the handshake is over. Returns what was verified during it, or on the connection whose session was
    /// resumed.
    pub(crate) fn finish(&self, resumed: bool) -> Option<SessionFacts> {
        let mut state = self.state();
        let State { captured, offered, finished } = &mut *state;
        let full = captured.path.take().map(|path| SessionFacts { path, client_auth: captured.client_auth });
        *finished = if resumed { offered.take() } else { full };
        finished.clone()
    }

    /// The facts to keep with a session.
    ///
    /// A TLS 1.2 session arrives before the handshake is over, within the very poll that verified the peer. Afterwards
    /// the thread-local is not read: a ticket of a proxy may arrive during a handshake with the origin behind it.
    fn facts(&self) -> Option<SessionFacts> {
        let State { captured, offered, finished } = &*self.state();
        if finished.is_some() {
            return finished.clone();
        }
        let (path, client_auth) = handshake_capture::peek(|now| (now.path.clone(), now.client_auth));
        match captured.path.clone().or(path) {
            Some(path) => Some(SessionFacts { path, client_auth: captured.client_auth || client_auth }),
            None => offered.clone(),
        }
    }

    fn offer<T>(&self, session: Option<(T, SessionFacts)>) -> Option<T> {
        let (session, facts) = session?;
        self.state().offered = Some(facts);
        Some(session)
    }

    fn now(&self) -> rustls::pki_types::UnixTime {
        // Without a clock every certificate counts as expired.
        self.clock.current_time().unwrap_or(rustls::pki_types::UnixTime::since_unix_epoch(std::time::Duration::MAX))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }
}

/// The names that rustls passes are ignored: they are part of the key.
impl ClientSessionStore for ConnectionStore {
    fn set_kx_hint(&self, _: ServerName<'static>, group: NamedGroup) {
        self.sessions.set_group(&self.key, group);
    }

    fn kx_hint(&self, _: &ServerName<'_>) -> Option<NamedGroup> {
        self.sessions.group(&self.key)
    }

    fn set_tls12_session(&self, _: ServerName<'static>, session: Tls12ClientSessionValue) {
        let facts = self.facts();
        self.sessions.set_tls12(&self.key, facts.map(|facts| (session, facts)));
    }

    fn tls12_session(&self, _: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        self.offer(self.sessions.tls12(&self.key, self.now()))
    }

    fn remove_tls12_session(&self, _: &ServerName<'static>) {
        self.sessions.set_tls12(&self.key, None);
    }

    fn insert_tls13_ticket(&self, _: ServerName<'static>, ticket: Tls13ClientSessionValue) {
        if let Some(facts) = self.facts() {
            self.sessions.add_tls13(&self.key, ticket, facts);
        }
    }

    fn take_tls13_ticket(&self, _: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        self.offer(self.sessions.take_tls13(&self.key, self.now()))
    }
}

impl fmt::Debug for ConnectionStore {
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
        Arc::new(Path::of_leaf(&Vec::new().into(), &[], skybridge_core::Trust::Verified))
    }

    fn store() -> ConnectionStore {
        let name = ServerName::try_from("a.test").unwrap();
        let key = SessionKey { partition: None, name, port: None };
        ConnectionStore::new(Sessions::new(crate::sessions::MEMORY, None), key, Arc::new(DefaultTimeProvider))
    }

    fn has_path(store: &ConnectionStore, path: &Arc<Path>) -> bool {
        store.facts().is_some_and(|facts| Arc::ptr_eq(&facts.path, path))
    }

    #[test]
    fn the_verified_path_is_known_within_the_same_poll_and_after_it() {
        let (store, own) = (store(), path());
        let (facts, captured) = handshake_capture::capture(|| {
            handshake_capture::record(|captured| captured.path = Some(Arc::clone(&own)));
            has_path(&store, &own)
        });
        assert!(facts && store.facts().is_none());
        store.add(captured);
        assert!(has_path(&store, &own));
        assert!(store.finish(false).is_some_and(|facts| Arc::ptr_eq(&facts.path, &own)));
        assert!(has_path(&store, &own));
    }

    /// TLS within TLS: the ticket of a proxy is read during the handshake with the origin.
    #[test]
    fn a_ticket_that_arrives_during_another_handshake_does_not_get_its_path() {
        let (store, own, others) = (store(), path(), path());
        let resumed = SessionFacts { path: Arc::clone(&own), client_auth: false };
        assert!(store.offer(Some(((), resumed))).is_some());
        store.finish(true);
        let (facts, _) = handshake_capture::capture(|| {
            handshake_capture::record(|captured| captured.path = Some(others));
            has_path(&store, &own)
        });
        assert!(facts);
    }

    #[test]
    fn the_facts_of_a_session_that_was_not_resumed_are_dropped() {
        let (store, old, new) = (store(), path(), path());
        assert!(store.offer(Some(((), SessionFacts { path: old, client_auth: true }))).is_some());
        store.add(Captured { path: Some(Arc::clone(&new)), ..Captured::default() });
        assert!(store.finish(false).is_some_and(|facts| Arc::ptr_eq(&facts.path, &new) && !facts.client_auth));
        assert!(has_path(&store, &new));
    }
}
