//! The sessions of foreign stacks, which are resumed no longer than the certificates are valid that were verified for
//! them: on a resumed connection there are none, and rustls asks no verifier. Nor does it tell of which connection a
//! ticket is. One that is read late counts as one of the peer that was verified last. To refuse tickets for a while
//! after a renewal would end resumption for that while with every server, and close no more than that while.

use crate::{
    path::Path,
    sessions::{SessionFacts, SessionKey, Sessions},
};
use rustls::{
    NamedGroup,
    client::{ClientSessionStore, Tls12ClientSessionValue, Tls13ClientSessionValue},
    pki_types::{ServerName, UnixTime},
    time_provider::TimeProvider,
};
use skybridge_core::sync::Mutex;
use std::{
    collections::{HashMap, VecDeque},
    fmt,
    sync::Arc,
    time::Duration,
};

/// The most peers whose paths are remembered. The sessions of others aren't kept.
const PEERS: usize = 256;

/// By which path each peer was verified: the verifier notes it, and the store asks for it, since rustls tells a store
/// the peer's name and nothing else.
#[derive(Default)]
pub(crate) struct VerifiedPeers(Mutex<Peers>);

#[derive(Default)]
struct Peers {
    paths: HashMap<ServerName<'static>, Arc<Path>>,
    /// The oldest first.
    order: VecDeque<ServerName<'static>>,
}

/// A store for rustls.
pub(crate) struct ForeignSessions {
    sessions: Arc<Sessions>,
    peers: Arc<VerifiedPeers>,
    clock: Arc<dyn TimeProvider>,
}

// === impl VerifiedPeers ===

impl VerifiedPeers {
    /// A peer was verified. A name may have several certificates at a time, and it isn't told which one a ticket comes
    /// by: so that of the one counts that expires first, until it has.
    pub(crate) fn add(&self, name: &ServerName<'_>, path: Arc<Path>, now: UnixTime) {
        let name = name.to_owned();
        let Peers { paths, order } = &mut *self.0.lock();
        match paths.get_mut(&name) {
            Some(known) if known.is_valid_at(now) && end(known) <= end(&path) => {}
            Some(known) => *known = path,
            None => {
                if paths.len() == PEERS
                    && let Some(oldest) = order.pop_front()
                {
                    paths.remove(&oldest);
                }
                order.push_back(name.clone());
                paths.insert(name, path);
            }
        }
    }

    fn get(&self, name: &ServerName<'static>) -> Option<SessionFacts> {
        let path = Arc::clone(self.0.lock().paths.get(name)?);
        Some(SessionFacts { path, client_auth: false })
    }
}

fn end(path: &Path) -> u64 {
    path.not_after.map_or(u64::MAX, |end| end.as_secs())
}

// === impl ForeignSessions ===

impl ForeignSessions {
    pub(crate) fn new(sessions: Arc<Sessions>, peers: Arc<VerifiedPeers>, clock: Arc<dyn TimeProvider>) -> Self {
        Self { sessions, peers, clock }
    }

    fn now(&self) -> UnixTime {
        // Without a clock every certificate counts as expired.
        self.clock.current_time().unwrap_or(UnixTime::since_unix_epoch(Duration::MAX))
    }
}

/// rustls tells neither port nor partition.
fn key(name: &ServerName<'_>) -> SessionKey {
    SessionKey { partition: None, name: name.to_owned(), port: None }
}

impl ClientSessionStore for ForeignSessions {
    fn set_kx_hint(&self, name: ServerName<'static>, group: NamedGroup) {
        self.sessions.set_group(&key(&name), group);
    }

    fn kx_hint(&self, name: &ServerName<'_>) -> Option<NamedGroup> {
        self.sessions.group(&key(name))
    }

    fn set_tls12_session(&self, name: ServerName<'static>, session: Tls12ClientSessionValue) {
        self.sessions.set_tls12(&key(&name), self.peers.get(&name).map(|facts| (session, facts)));
    }

    fn tls12_session(&self, name: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        self.sessions.tls12(&key(name), self.now()).map(|(session, _)| session)
    }

    fn remove_tls12_session(&self, name: &ServerName<'static>) {
        self.sessions.set_tls12(&key(name), None);
    }

    fn insert_tls13_ticket(&self, name: ServerName<'static>, ticket: Tls13ClientSessionValue) {
        if let Some(facts) = self.peers.get(&name) {
            self.sessions.add_tls13(&key(&name), ticket, facts);
        }
    }

    fn take_tls13_ticket(&self, name: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        self.sessions.take_tls13(&key(name), self.now()).map(|(ticket, _)| ticket)
    }
}

impl fmt::Debug for ForeignSessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ForeignSessions").field("sessions", &self.sessions).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Roots, TlsConfig, TlsVersion};
    use rustls::{
        CertificateError, ClientConfig, ClientConnection, Error, HandshakeKind, ServerConfig, ServerConnection,
    };
    use skybridge_core::Trust;
    use skybridge_testkit::certs::{Ca, Cert};
    use std::sync::atomic::{AtomicU64, Ordering};

    const HOUR: u64 = 3600;
    const EXPIRED: Result<bool, Error> = Err(Error::InvalidCertificate(CertificateError::Expired));

    #[derive(Debug)]
    struct Clock(AtomicU64);

    impl TimeProvider for Clock {
        fn current_time(&self) -> Option<UnixTime> {
            Some(UnixTime::since_unix_epoch(Duration::from_secs(self.0.load(Ordering::Relaxed))))
        }
    }

    struct World {
        root: Ca,
        config: TlsConfig,
        clock: Arc<Clock>,
        version: TlsVersion,
    }

    impl World {
        fn new(version: TlsVersion) -> Self {
            let (root, clock) = (Ca::new("a root"), Arc::new(Clock(UnixTime::now().as_secs().into())));
            let config = TlsConfig::builder().roots(Roots::Given(vec![root.der()])).versions(version..=version);
            let config = config.build().unwrap().with_clock(clock.clone());
            Self { root, config, clock, version }
        }

        fn server(&self, hours: u64) -> Arc<ServerConfig> {
            let cert: Cert = self.root.expiring(["a.test"], Duration::from_secs(hours * HOUR));
            Arc::new(cert.server(&[]))
        }

        /// A handshake, and what is sent after it. Whether it was resumed.
        fn shake_hands(&self, client: ClientConfig, server: &Arc<ServerConfig>) -> Result<bool, Error> {
            let mut client = ClientConnection::new(Arc::new(client), "a.test".try_into().unwrap()).unwrap();
            let mut server = ServerConnection::new(Arc::clone(server)).unwrap();
            for _ in 0..8 {
                let (mut there, mut back) = (Vec::new(), Vec::new());
                while client.wants_write() {
                    client.write_tls(&mut there).unwrap();
                }
                let mut there = &there[..];
                while !there.is_empty() {
                    server.read_tls(&mut there).unwrap();
                    server.process_new_packets()?;
                }
                while server.wants_write() {
                    server.write_tls(&mut back).unwrap();
                }
                let mut back = &back[..];
                while !back.is_empty() {
                    client.read_tls(&mut back).unwrap();
                    client.process_new_packets()?;
                }
            }
            Ok(client.handshake_kind() == Some(HandshakeKind::Resumed))
        }

        /// A handshake whose tickets haven't been read yet: whose they are, and what they are in.
        fn unread(&self, server: &Arc<ServerConfig>) -> (ClientConnection, Vec<u8>) {
            let client = Arc::new(self.config.rustls_config());
            let mut client = ClientConnection::new(client, "a.test".try_into().unwrap()).unwrap();
            let (mut server, mut back) = (ServerConnection::new(Arc::clone(server)).unwrap(), Vec::new());
            while server.is_handshaking() {
                client.read_tls(&mut std::mem::take(&mut back).as_slice()).unwrap();
                client.process_new_packets().unwrap();
                let mut there = Vec::new();
                while client.wants_write() {
                    client.write_tls(&mut there).unwrap();
                }
                server.read_tls(&mut there.as_slice()).unwrap();
                server.process_new_packets().unwrap();
                while server.wants_write() {
                    server.write_tls(&mut back).unwrap();
                }
            }
            (client, back)
        }

        fn resumes(&self, server: &Arc<ServerConfig>) -> bool {
            self.shake_hands(self.config.rustls_config(), server)
                .unwrap_or_else(|error| panic!("{:?}: {error}", self.version))
        }

        fn pass(&self, hours: u64) {
            self.clock.0.fetch_add(hours * HOUR, Ordering::Relaxed);
        }
    }

    #[test]
    fn a_session_is_resumed_until_its_certificate_has_expired_and_then_that_is_refused() {
        for version in TlsVersion::ALL {
            let world = World::new(version);
            let server = world.server(3);
            assert_eq!([world.resumes(&server), world.resumes(&server)], [false, true]);
            world.pass(2);
            assert!(world.resumes(&server));
            world.pass(2);
            assert_eq!(world.shake_hands(world.config.rustls_config(), &server), EXPIRED, "{version:?}");
            // One that was renewed is resumed as ever.
            let renewed = world.server(30);
            assert_eq!([world.resumes(&renewed), world.resumes(&renewed)], [false, true]);
        }
    }

    /// What is promised of them, and no more.
    #[test]
    fn a_ticket_that_is_read_when_its_certificate_has_expired_ends_with_what_was_verified_last() {
        for is_renewed in [false, true] {
            let world = World::new(TlsVersion::Tls13);
            let server = world.server(3);
            let (mut client, tickets) = world.unread(&server);
            world.pass(4);
            let renewed = is_renewed.then(|| world.server(30));
            assert_eq!(renewed.as_ref().map(|renewed| world.resumes(renewed)), renewed.as_ref().map(|_| false));
            client.read_tls(&mut tickets.as_slice()).unwrap();
            client.process_new_packets().unwrap();
            let resumed = world.shake_hands(world.config.rustls_config(), &server);
            assert_eq!(resumed, if is_renewed { Ok(true) } else { EXPIRED });
            // Resuming has brought another one.
            world.pass(31);
            assert_eq!(world.shake_hands(world.config.rustls_config(), &server), EXPIRED);
        }
    }

    #[test]
    fn sessions_that_are_apart_are_their_own_and_end_as_well() {
        for version in TlsVersion::ALL {
            let world = World::new(version);
            let server = world.server(3);
            let (one, other) = (world.config.rustls_config_apart(), world.config.rustls_config_apart());
            assert!(!world.resumes(&server));
            let shake_hands = |client: &ClientConfig| world.shake_hands(client.clone(), &server);
            assert_eq!([&one, &one, &other].map(shake_hands), [Ok(false), Ok(true), Ok(false)]);
            world.pass(4);
            assert_eq!(shake_hands(&one), EXPIRED);
        }
    }

    #[test]
    fn of_several_paths_of_a_name_the_one_that_expires_first_counts_until_it_has() {
        let at = |secs| UnixTime::since_unix_epoch(Duration::from_secs(secs));
        let path = |end: Option<u64>| {
            let mut path = Path::of_leaf(&Vec::new().into(), &[], Trust::Verified);
            path.not_after = end.map(at);
            Arc::new(path)
        };
        let (peers, name) = (VerifiedPeers::default(), ServerName::try_from("a.test").unwrap());
        for (end, now, counts) in [
            (Some(30), 0, Some(30)),
            (Some(20), 1, Some(20)),
            (Some(40), 2, Some(20)),
            (None, 20, Some(20)),
            (Some(40), 21, Some(40)),
            (None, 41, None),
        ] {
            peers.add(&name, path(end), at(now));
            assert_eq!(peers.get(&name).unwrap().path.not_after, counts.map(at), "{end:?} at {now}");
        }
        for peer in 0..PEERS {
            let peer = ServerName::try_from(format!("{peer}.test")).unwrap();
            peers.add(&peer, path(None), at(50));
        }
        assert!(peers.get(&name).is_none() && peers.0.lock().paths.len() == PEERS);
    }
}
