//! Carries what the certificate verifier and the client certificate resolver found out to the handshake it belongs to.
//!
//! All connections share both, because rustls resumes a session only under the very same `Arc`s, and rustls doesn't say
//! for which connection it calls them. But it calls them within a poll of that connection's handshake: so they leave
//! their findings in a thread-local, and the handshake takes them from there before the poll returns.

use crate::{TlsError, path::Path};
use std::{cell::RefCell, sync::Arc};

/// What was found out during one poll of a handshake.
#[derive(Default)]
pub(crate) struct Captured {
    /// The path that was verified.
    pub(crate) path: Option<Arc<Path>>,
    /// Why the verifier refused the peer. In a box, so that no connection has room for it.
    pub(crate) refused: Option<Box<TlsError>>,
    /// The peer requested a client certificate, and was sent one.
    pub(crate) client_auth: bool,
    /// The peer requested a client certificate, and was sent none.
    pub(crate) shown_none: bool,
}

thread_local! {
    static CAPTURED: RefCell<Captured> =
        const { RefCell::new(Captured { path: None, refused: None, client_auth: false, shown_none: false }) };
}

/// Notes a finding. Called by the verifier and the resolver.
pub(crate) fn record(note: impl FnOnce(&mut Captured)) {
    CAPTURED.with_borrow_mut(note);
}

/// Reads what was found out so far during this poll.
pub(crate) fn peek<T>(read: impl FnOnce(&Captured) -> T) -> T {
    CAPTURED.with_borrow(read)
}

/// Runs one poll of a handshake, and returns what was found out during it. Captures nest: the handshake with an origin
/// polls the one with the proxy below it.
pub(crate) fn capture<T>(poll: impl FnOnce() -> T) -> (T, Captured) {
    let outer = CAPTURED.take();
    let output = poll();
    (output, CAPTURED.replace(outer))
}
