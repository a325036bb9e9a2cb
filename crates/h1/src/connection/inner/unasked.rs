//! What the peer says that nobody has asked: its end, bytes or an error, each of which ends the connection.

use super::{super::effects::Effects, Half, Inner, State};
use crate::H1Error;
use skybridge_core::{CloseReason, Io};
use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};
use tokio::io::ReadBuf;

impl Inner {
    /// Asks the socket to wake the watch. Whatever it has to say at once ends the connection.
    #[inline]
    pub(in crate::connection) fn watch_idle(&mut self) -> Effects {
        self.watch.resume();
        match poll_unasked(&mut self.io, &mut Context::from_waker(&self.idle)) {
            Poll::Pending => Effects::default(),
            Poll::Ready(error) => self.broke(error),
        }
    }

    /// Looks what woke the watch, if something did. Asked and looked under one lock: in between no request may begin.
    #[inline]
    pub(in crate::connection) fn look_if_woken(&mut self) -> Effects {
        if self.watch.was_woken() { self.look_idle() } else { Effects::default() }
    }

    /// Looks what the socket of an idle connection has to say.
    pub(super) fn look_idle(&mut self) -> Effects {
        if self.is_idle() { self.watch_idle() } else { Effects::default() }
    }

    /// A response is over whose request is still being written: whatever the peer says now ends the connection, and
    /// the request with it.
    pub(in crate::connection) fn watch_upload(&mut self, cx: &mut Context<'_>) -> Effects {
        match self.state {
            State::Exchange { response: Half::Over, .. } if !self.read.is_empty() => {
                self.close(CloseReason::Unsolicited)
            }
            State::Exchange { response: Half::Over, .. } => match poll_unasked(&mut self.io, cx) {
                Poll::Pending => Effects::default(),
                Poll::Ready(error) => self.broke(error),
            },
            _ => Effects::default(),
        }
    }
}

#[inline]
fn poll_unasked(io: &mut Pin<Box<dyn Io>>, cx: &mut Context<'_>) -> Poll<H1Error> {
    let mut first = [0; 9];
    let mut read = ReadBuf::new(&mut first);
    io.as_mut().poll_read(cx, &mut read).map(|outcome| match outcome {
        Ok(()) if read.filled().is_empty() => H1Error::NotOpen(CloseReason::PeerFin),
        // The header of a SETTINGS frame: a server may send it before it has read anything.
        Ok(()) if matches!(read.filled(), [_, _, _, 0x04, 0x00, 0x00, 0x00, 0x00, 0x00]) => H1Error::UnaskedHttp2,
        Ok(()) => H1Error::NotOpen(CloseReason::Unsolicited),
        Err(error) => H1Error::Read(Arc::new(error)),
    })
}
