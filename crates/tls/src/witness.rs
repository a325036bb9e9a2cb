//! What the verifier and the client's identity saw, on its way to the connection that they saw it of.
//!
//! Both are shared by all connections, because rustls resumes a session only under the very same `Arc`s, and neither is told for which
//! connection it is asked. But it is asked within a poll of that connection's handshake: so it leaves what it saw with the thread, and the handshake
//! takes it from there before the poll is over. Nothing stays.

use crate::{TlsError, path::Path};
use std::{cell::RefCell, sync::Arc};

/// What was seen during one poll.
#[derive(Default)]
pub(crate) struct Seen {
    /// The path that was verified.
    pub(crate) path: Option<Arc<Path>>,
    /// Why there is none.
    pub(crate) refused: Option<TlsError>,
    /// The peer asked for a certificate, and was given one.
    pub(crate) showed: bool,
}

thread_local! {
    static SEEN: RefCell<Seen> = const { RefCell::new(Seen { path: None, refused: None, showed: false }) };
}

/// Called by those who see.
pub(crate) fn saw(note: impl FnOnce(&mut Seen)) {
    SEEN.with_borrow_mut(note);
}

/// What was seen so far during this poll.
pub(crate) fn so_far<T>(read: impl FnOnce(&Seen) -> T) -> T {
    SEEN.with_borrow(read)
}

/// One poll, and what was seen during it. A handshake that is polled within another's poll has its own.
pub(crate) fn during<T>(poll: impl FnOnce() -> T) -> (T, Seen) {
    let outer = SEEN.take();
    let output = poll();
    (output, SEEN.replace(outer))
}
