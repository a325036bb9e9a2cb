use futures_core::Stream;
use skybridge_core::{Answer, ConnectError, Resolver};
use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

/// The answers of [`Overrides`](crate::Overrides): its own, or those of the resolver below.
pub struct Answers<A>(Source<A>);

enum Source<A> {
    Known(Option<Answer>),
    Inner(Pin<Box<A>>),
}

/// The future of [`Overrides`](crate::Overrides): ready at once with its own answer, or when the resolver below is.
pub struct Resolving<R: Resolver>(State<R>);

enum State<R: Resolver> {
    Known(Option<Result<Answer, ConnectError>>),
    Inner(Pin<Box<R::Future>>),
}

// === impl Answers ===

impl<A> Answers<A> {
    pub(crate) fn known(answer: Answer) -> Self {
        Self(Source::Known(Some(answer)))
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
            Source::Known(answer) => Poll::Ready(answer.take().map(Ok)),
            Source::Inner(answers) => answers.as_mut().poll_next(cx).map_err(Into::into),
        }
    }
}

impl<A> fmt::Debug for Answers<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answers").finish_non_exhaustive()
    }
}

// === impl Resolving ===

impl<R: Resolver> Resolving<R> {
    pub(crate) fn known(answer: Result<Answer, impl Into<ConnectError>>) -> Self {
        Self(State::Known(Some(answer.map_err(Into::into))))
    }

    pub(crate) fn inner(resolving: R::Future) -> Self {
        Self(State::Inner(Box::pin(resolving)))
    }
}

impl<R: Resolver> Future for Resolving<R> {
    type Output = Result<Answers<R::Answers>, ConnectError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            State::Known(answer) => match answer.take() {
                Some(answer) => Poll::Ready(answer.map(Answers::known)),
                None => Poll::Pending,
            },
            State::Inner(resolving) => {
                let answers = ready!(resolving.as_mut().poll(cx)).map_err(Into::into)?;
                Poll::Ready(Ok(Answers(Source::Inner(Box::pin(answers)))))
            }
        }
    }
}

impl<R: Resolver> fmt::Debug for Resolving<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resolving").finish_non_exhaustive()
    }
}
