use super::request_body::Shared;
use pin_project::{pin_project, pinned_drop};
use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

/// The task of one connection: hyper's, whose type has no name, and the news of its end.
#[pin_project(PinnedDrop)]
pub(crate) struct Driver<F, B> {
    #[pin]
    connection: Option<F>,
    shared: Arc<Shared<B>>,
}

impl<F, B> Driver<F, B> {
    pub(crate) fn new(connection: F, shared: Arc<Shared<B>>) -> Self {
        Self { connection: Some(connection), shared }
    }
}

impl<F: Future<Output = hyper::Result<()>>, B> Future for Driver<F, B> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut this = self.project();
        let Some(connection) = this.connection.as_mut().as_pin_mut() else { return Poll::Ready(()) };
        this.shared.next_turn();
        let how = match connection.poll(cx) {
            Poll::Ready(how) => how,
            Poll::Pending => {
                ready!(this.shared.lifecycle.poll_given_up(cx));
                Ok(())
            }
        };
        this.connection.set(None);
        this.shared.lifecycle.ended(how);
        Poll::Ready(())
    }
}

#[pinned_drop]
impl<F, B> PinnedDrop for Driver<F, B> {
    fn drop(self: Pin<&mut Self>) {
        if self.connection.is_some() {
            // Before what it drives is dropped, so that whoever is failed by that can ask why.
            self.shared.lifecycle.cut();
        }
    }
}
