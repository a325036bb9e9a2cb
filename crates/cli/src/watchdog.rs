//! The last resort for `--max-time`. Waiting for the network or for a sink times out by itself; but a reader of stderr
//! may stop in the middle of a line of `-v`, and then everything in this process blocks, except a thread that prints
//! nothing.

use crate::exit::Exit;
use std::{
    sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel},
    thread,
    time::Duration,
};

/// With `--max-time`, how long printing about a call may block on a slow reader: it belongs to no call, but must end
/// too.
pub(crate) const OUTPUT_TIMEOUT: Duration = Duration::from_secs(1);

/// A call that is being watched, until this is dropped.
pub(crate) struct ObservedDialer(#[expect(dead_code, reason = "the thread waits for it to be dropped")] SyncSender<()>);

/// Exits the process if the returned guard isn't dropped within this time.
pub(crate) fn watch(limit: Duration) -> ObservedDialer {
    let (sender, receiver) = sync_channel(0);
    // Without the thread, everything else still times out.
    let _ = thread::Builder::new().name("watchdog".into()).spawn(move || {
        if let Err(RecvTimeoutError::Timeout) = receiver.recv_timeout(limit) {
            std::process::exit(Exit::TIMEOUT.0.into());
        }
    });
    ObservedDialer(sender)
}
