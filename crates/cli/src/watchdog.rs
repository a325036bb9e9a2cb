//! The last word on `--max-time`. What waits for the network or for a sink ends by itself; but whoever reads stderr may stop reading in the middle of
//! a line of `-v`, and then nothing in this process goes on any more, except a thread that has nothing to say.

use crate::exit::Exit;
use std::{
    sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel},
    thread,
    time::Duration,
};

/// A call that is watched, until this is dropped.
pub(crate) struct Watched(#[expect(dead_code, reason = "its end is what is told")] SyncSender<()>);

/// Ends the process when that is still not dropped after so long.
pub(crate) fn watch(limit: Duration) -> Watched {
    let (sender, receiver) = sync_channel(0);
    // Where no thread can be started, everything else still ends in time.
    let _ = thread::Builder::new().name("watchdog".into()).spawn(move || {
        if let Err(RecvTimeoutError::Timeout) = receiver.recv_timeout(limit) {
            std::process::exit(Exit::TIMEOUT.0.into());
        }
    });
    Watched(sender)
}
