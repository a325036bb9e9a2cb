//! Tells the resolver of client certificates for whom it is asked: rustls doesn't, and all connections share one, as
//! sessions are resumed only under the very same `Arc`. It is called within a poll of the handshake, see
//! [`handshake_capture`](crate::handshake_capture), which is the other way round.

use crate::peer::Peer;
use std::{cell::RefCell, sync::Arc};

/// The peer of a handshake, by what its sessions are kept apart by: a resumed connection so has the identity that would
/// be chosen for its peer.
#[derive(Clone)]
pub(crate) struct AskedBy {
    /// The name that it must prove to have.
    pub(crate) name: Arc<str>,
    /// The port of an origin; `None` for what isn't one.
    pub(crate) port: Option<u16>,
}

thread_local! {
    static ASKED_BY: RefCell<Option<AskedBy>> = const { RefCell::new(None) };
}

/// Runs one poll of the handshake with this peer. Polls nest: that with an origin contains that with its proxy.
pub(crate) fn asked_by<T>(peer: &Peer, poll: impl FnOnce() -> T) -> T {
    within(Some(AskedBy { name: Arc::clone(&peer.text), port: peer.session.port }), poll)
}

/// Runs what is of a handshake that isn't ours, with nobody knows whom, within a poll of one that may be.
pub(crate) fn asked_by_a_stranger<T>(run: impl FnOnce() -> T) -> T {
    within(None, run)
}

fn within<T>(peer: Option<AskedBy>, run: impl FnOnce() -> T) -> T {
    let outer = ASKED_BY.replace(peer);
    let output = run();
    ASKED_BY.set(outer);
    output
}

/// The peer whose handshake is polled.
pub(crate) fn peek<T>(read: impl FnOnce(Option<&AskedBy>) -> T) -> T {
    ASKED_BY.with_borrow(|peer| read(peer.as_ref()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn who() -> Option<Box<str>> {
        peek(|peer| peer.map(|peer| (*peer.name).into()))
    }

    #[test]
    fn each_handshake_knows_its_own_peer_and_a_strangers_knows_none() {
        let peer = |name: &str| Some(AskedBy { name: name.into(), port: Some(443) });
        let seen = within(peer("a.test"), || {
            let inner = within(peer("b.test"), who);
            let stranger = asked_by_a_stranger(who);
            [inner, stranger, who()]
        });
        assert_eq!(seen, [Some("b.test".into()), None, Some("a.test".into())]);
        assert_eq!(who(), None);
    }
}
