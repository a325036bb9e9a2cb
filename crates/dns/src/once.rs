use futures_core::Stream;
use skybridge_core::Answer;
use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

/// A stream of one answer.
#[derive(Debug)]
pub struct Once(pub(crate) Option<Answer>);

impl Stream for Once {
    type Item = Result<Answer, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(self.0.take().map(Ok))
    }
}
