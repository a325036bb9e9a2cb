use crate::collect::Collecting;
use bytes::Bytes;
use skybridge_core::{Delivery, Error, Phase};
use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

/// Reads a body to its end, as UTF-8. Made by [`Body::text`](crate::Body::text).
#[pin_project::pin_project]
#[derive(Debug)]
#[must_use = "nothing is read until it is polled"]
pub struct Text(#[pin] Collecting);

impl Text {
    pub(crate) fn new(bytes: Collecting) -> Self {
        Self(bytes)
    }
}

impl Future for Text {
    type Output = Result<String, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let bytes: Bytes = ready!(self.project().0.poll(cx))?;
        // The vector is taken over, not copied, when the body came in pieces.
        let text = String::from_utf8(bytes.into());
        Poll::Ready(text.map_err(|error| Error::new(Delivery::Unknown, Phase::Body, error.utf8_error())))
    }
}
