use crate::{
    TonicBody,
    status::{not_grpc, status_of},
};
use http::Response;
use pin_project::pin_project;
use skybridge::Error;
use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};
use tonic::Status;

/// A gRPC call until the head of its response. Dropped, it is cancelled: the server's stream is reset.
#[pin_project]
#[must_use = "nothing is sent until it is polled"]
pub struct Calling<F>(#[pin] State<F>);

#[pin_project(project = StateProj)]
enum State<F> {
    Sending(#[pin] F),
    /// There was nothing to send.
    Failed(Option<Status>),
}

impl<F> Calling<F> {
    pub(crate) fn sending(sending: F) -> Self {
        Self(State::Sending(sending))
    }

    pub(crate) fn failed(status: Status) -> Self {
        Self(State::Failed(Some(status)))
    }
}

impl<F, B, E> Future for Calling<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    E: Into<Error>,
{
    type Output = Result<Response<TonicBody<B>>, Status>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().0.project() {
            StateProj::Sending(sending) => Poll::Ready(match ready!(sending.poll(cx)) {
                Ok(response) => match not_grpc(&response) {
                    None => Ok(response.map(TonicBody::new)),
                    Some(status) => Err(status),
                },
                Err(error) => Err(status_of(error.into())),
            }),
            StateProj::Failed(status) => status.take().map_or(Poll::Pending, |status| Poll::Ready(Err(status))),
        }
    }
}

impl<F> fmt::Debug for Calling<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Calling").finish_non_exhaustive()
    }
}
