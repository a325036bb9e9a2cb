use std::{future::poll_fn, mem, task::Poll};

/// Ends this poll, and goes on in the next: no poll drives more than one handshake, however fast a peer answers.
pub(crate) async fn end_of_turn() {
    let mut has_ended = false;
    poll_fn(|cx| match mem::replace(&mut has_ended, true) {
        true => Poll::Ready(()),
        false => {
            cx.waker().wake_by_ref();
            Poll::Pending
        }
    })
    .await;
}
