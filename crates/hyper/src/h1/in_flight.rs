use super::request_body::RequestBody;
use http::{Request, Response, request::Parts};
use http_body::Body;
use hyper::{
    body::Incoming,
    client::conn::{TrySendError, http1::SendRequest},
};
use pin_project::pin_project;
use skybridge_core::BoxError;
use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

/// What comes back for a request.
pub(crate) type Sent<B> = Result<Response<Incoming>, Box<Unsent<B>>>;

/// What failed. Behind a box, as it may hold a request, and what is given for each request would be as large.
pub(crate) type Unsent<B> = TrySendError<Request<RequestBody<B>>>;

/// Where a request's future lives. hyper's has no name, so it is behind a box: one for all requests of a connection,
/// each made in its place rather than moved there.
pub(crate) struct InFlight<B>(Pin<Box<dyn Place<B>>>);

trait Place<B>: Send {
    fn send(self: Pin<&mut Self>, sender: &mut SendRequest<RequestBody<B>>, head: Parts, body: RequestBody<B>);
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Sent<B>>;
}

#[pin_project]
struct Filled<M, F> {
    make: M,
    #[pin]
    future: Option<F>,
}

impl<B> InFlight<B>
where
    B: Body<Error: Into<BoxError>> + Send + 'static,
{
    pub(crate) fn new() -> Self {
        fn place<B, F>(
            make: impl Fn(&mut SendRequest<RequestBody<B>>, Request<RequestBody<B>>) -> F + Send + 'static,
        ) -> InFlight<B>
        where
            F: Future<Output = Result<Response<Incoming>, Unsent<B>>> + Send + 'static,
        {
            InFlight(Box::pin(Filled { make, future: None }))
        }
        place(SendRequest::try_send_request)
    }

    #[inline]
    pub(crate) fn send(&mut self, sender: &mut SendRequest<RequestBody<B>>, head: Parts, body: RequestBody<B>) {
        self.0.as_mut().send(sender, head, body);
    }

    /// Pending for ever when nothing was sent.
    #[inline]
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Sent<B>> {
        self.0.as_mut().poll(cx)
    }
}

impl<B, M, F> Place<B> for Filled<M, F>
where
    M: Fn(&mut SendRequest<RequestBody<B>>, Request<RequestBody<B>>) -> F + Send,
    F: Future<Output = Result<Response<Incoming>, Unsent<B>>> + Send,
{
    fn send(self: Pin<&mut Self>, sender: &mut SendRequest<RequestBody<B>>, head: Parts, body: RequestBody<B>) {
        let mut this = self.project();
        this.future.set(Some((this.make)(sender, Request::from_parts(head, body))));
    }

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Sent<B>> {
        match self.project().future.as_pin_mut() {
            Some(future) => future.poll(cx).map_err(Box::new),
            None => Poll::Pending,
        }
    }
}
