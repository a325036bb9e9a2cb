//! Whether another exchange may begin, and what is done for that.

use super::{
    super::{inner::drain::Ending, stage::Stage},
    Handle,
};
use http_body::Body;
use skybridge_core::{CloseReason, Delivery, Error, Phase};
use std::{
    task::{Context, Poll, ready},
    time::Duration,
};

impl<B: Body> Handle<B> {
    #[inline]
    pub(in crate::connection) fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        if self.shared.idle.stage.is(Stage::Idle) && self.shared.idle.is_quiet() {
            return Poll::Ready(Ok(()));
        }
        let effects = self.shared.lock().look_if_woken();
        self.shared.apply(effects);
        self.poll_over(cx)
    }

    /// The exchange has ended, or is left to end: what is unread is read for a while, what is unsent has a while to be
    /// sent.
    #[cold]
    fn poll_over(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        loop {
            let (ending, effects) = self.shared.lock().poll_over(&mut self.drain_budget, cx);
            self.shared.apply(effects);
            match ending {
                Ending::Idle => {
                    self.timer.stop();
                    return Poll::Ready(Ok(()));
                }
                Ending::Closed(error) => {
                    self.timer.stop();
                    return Poll::Ready(Err(self.error(Delivery::Unsent, Phase::Send, error)));
                }
                // Its own limits are for who reads it.
                Ending::Read => return Poll::Pending,
                Ending::Unread => ready!(self.close_after(self.settings.drain_time, cx)),
                // Whoever holds this handle knows how long that may take.
                Ending::Unwritten => return Poll::Pending,
            }
        }
    }

    fn close_after(&mut self, limit: Duration, cx: &mut Context<'_>) -> Poll<()> {
        ready!(self.timer.poll(limit, self.info.route.ctx().runtime(), cx));
        self.shared.close(CloseReason::Unread);
        Poll::Ready(())
    }
}
