//! The rest of an exchange that nobody reads or writes any more.

use super::{super::effects::Effects, Half, Inner, State};
use crate::H1Error;
use skybridge_core::CloseReason;
use skybridge_h1_codec::{BodyDecoder, Piece};
use std::task::{Context, Poll};

/// Where an exchange is that nobody drives but who waits for its end.
pub(in crate::connection) enum Ending {
    /// The connection may carry another.
    Idle,
    /// It may not.
    Closed(H1Error),
    /// Somebody reads the response: nobody knows for how long.
    Read,
    /// Nobody reads the response any more, and it isn't over.
    Unread,
    /// The response is over, and the request isn't.
    Unwritten,
}

impl Inner {
    /// Waits for the end of an exchange that nobody reads any more, and throws away up to `budget` bytes of its
    /// response.
    pub(in crate::connection) fn poll_over(&mut self, budget: &mut u64, cx: &mut Context<'_>) -> (Ending, Effects) {
        let mut effects = Effects::default();
        if let State::Exchange { response: Half::Unread(mut body), .. } = self.state {
            effects = self.poll_unread(&mut body, budget, cx);
        }
        match self.state {
            State::Idle => (Ending::Idle, effects),
            State::Closed(reason) => (Ending::Closed(self.not_open(reason)), effects),
            State::Exchange { response, .. } => {
                self.over = Some(cx.waker().clone());
                let ending = match response {
                    Half::Driven => Ending::Read,
                    Half::Unread(_) => Ending::Unread,
                    Half::Over => Ending::Unwritten,
                };
                (ending, effects)
            }
        }
    }

    fn poll_unread(&mut self, body: &mut BodyDecoder, budget: &mut u64, cx: &mut Context<'_>) -> Effects {
        // What can't end in time, or would end with the connection, isn't worth reading.
        if self.reuse.refused().is_some() || body.remaining().is_some_and(|left| left > *budget) {
            return self.close(CloseReason::Unread);
        }
        loop {
            match self.poll_piece(body, cx) {
                Poll::Ready(Ok(Some(Piece::Data(data)))) => match budget.checked_sub(data.len() as u64) {
                    Some(left) => *budget = left,
                    None => return self.close(CloseReason::Unread),
                },
                Poll::Ready(Ok(Some(Piece::Trailers(_)))) => {}
                Poll::Ready(Ok(None)) => return self.response_over(),
                Poll::Ready(Err(error)) => return self.close(error.close_reason()),
                Poll::Pending => {
                    // Without waking anybody: whoever waits for the end is who polls.
                    if let State::Exchange { response, .. } = &mut self.state {
                        *response = Half::Unread(*body);
                    }
                    return Effects::default();
                }
            }
            if body.is_done() {
                return self.response_over();
            }
        }
    }
}
