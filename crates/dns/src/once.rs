use futures_core::Stream;
use skybridge_core::Answer;
use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

/// A stream of one answer: what a resolver of one's own gives that knows all at once.
///
/// ```
/// use skybridge_core::{Answer, ConnectError, Endpoint, Query, Resolver};
/// use skybridge_dns::{CacheLayer, Once};
/// use tower::{Layer, service_fn};
///
/// # fn is_resolver(_: impl Resolver) {}
/// let directory = service_fn(|query: Query| async move {
///     let endpoint = Endpoint::from(([192, 0, 2, 1], query.port)); // whatever knows it
///     Ok::<_, ConnectError>(Once::new(Answer::only([endpoint])))
/// });
/// let resolver = CacheLayer::new().layer(directory);
/// # is_resolver(resolver);
/// ```
#[derive(Debug)]
pub struct Once(Option<Answer>);

impl Once {
    /// Of this answer.
    pub fn new(answer: Answer) -> Self {
        Self(Some(answer))
    }
}

impl Stream for Once {
    type Item = Result<Answer, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(self.0.take().map(Ok))
    }
}
