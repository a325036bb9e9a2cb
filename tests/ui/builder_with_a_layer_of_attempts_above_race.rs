//! A layer for attempts, put where routes are.

use skybridge::{
    tower::{Layer, Service},
    types::Attempt,
    *,
};
use std::task::{Context, Poll};

#[derive(Clone)]
struct AttemptsLayer;

#[derive(Clone)]
struct Attempts<S>(S);

impl<S> Layer<S> for AttemptsLayer {
    type Service = Attempts<S>;
    fn layer(&self, inner: S) -> Attempts<S> {
        Attempts(inner)
    }
}

impl<S: Service<Attempt>> Service<Attempt> for Attempts<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }
    fn call(&mut self, attempt: Attempt) -> S::Future {
        self.0.call(attempt)
    }
}

fn main() {
    let _client = Client::builder().above_race(AttemptsLayer).build();
}
