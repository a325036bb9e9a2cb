use futures_core::Stream;
use skybridge_core::{Answer, ConnectError, Resolver};
use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

/// One answer that is already known, or the inner resolver's.
pub struct Answers<A>(From<A>);

enum From<A> {
    Known(Option<Answer>),
    Inner(Pin<Box<A>>),
}

/// Asks the inner resolver, unless the answer is already known.
pub struct Asking<R: Resolver>(State<R>);

enum State<R: Resolver> {
    Known(Option<Result<Answer, ConnectError>>),
    Inner(Pin<Box<R::Future>>),
}

// === impl Answers ===

impl<A> Answers<A> {
    pub(crate) fn known(answer: Answer) -> Self {
        Self(From::Known(Some(answer)))
    }
}

impl<A, E> Stream for Answers<A>
where
    A: Stream<Item = Result<Answer, E>>,
    E: Into<ConnectError>,
{
    type Item = Result<Answer, ConnectError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match &mut self.0 {
            From::Known(answer) => Poll::Ready(answer.take().map(Ok)),
            From::Inner(answers) => answers.as_mut().poll_next(cx).map_err(Into::into),
        }
    }
}

impl<A> fmt::Debug for Answers<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answers").finish_non_exhaustive()
    }
}

// === impl Asking ===

impl<R: Resolver> Asking<R> {
    pub(crate) fn known(answer: Result<Answer, impl Into<ConnectError>>) -> Self {
        Self(State::Known(Some(answer.map_err(Into::into))))
    }

    pub(crate) fn inner(asking: R::Future) -> Self {
        Self(State::Inner(Box::pin(asking)))
    }
}

impl<R: Resolver> Future for Asking<R> {
    type Output = Result<Answers<R::Answers>, ConnectError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            State::Known(answer) => match answer.take() {
                Some(answer) => Poll::Ready(answer.map(Answers::known)),
                None => Poll::Pending,
            },
            State::Inner(asking) => {
                let answers = ready!(asking.as_mut().poll(cx)).map_err(Into::into)?;
                Poll::Ready(Ok(Answers(From::Inner(Box::pin(answers)))))
            }
        }
    }
}

impl<R: Resolver> fmt::Debug for Asking<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Asking").finish_non_exhaustive()
    }
}
