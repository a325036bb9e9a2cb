//! A runtime of one's own in place of `TokioRuntime`.

use skybridge::{
    Client,
    types::{BoxFuture, Runtime, Sleep},
};
use skybridge_testkit::origin::Origin;
use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    task::{Context, Poll},
    time::Instant,
};

/// It counts the tasks.
#[derive(Default)]
struct Counting(AtomicUsize);

struct Timer(Pin<Box<tokio::time::Sleep>>);

impl Future for Timer {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.0.as_mut().poll(cx)
    }
}

impl Sleep for Timer {
    fn reset(mut self: Pin<&mut Self>, deadline: Instant) {
        self.0.as_mut().reset(deadline.into());
    }
}

impl Runtime for Counting {
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        Box::pin(Timer(Box::pin(tokio::time::sleep_until(deadline.into()))))
    }

    fn spawn(&self, task: BoxFuture<()>) {
        self.0.fetch_add(1, SeqCst);
        tokio::spawn(task);
    }

    fn spawn_blocking(&self, work: Box<dyn FnOnce() + Send>) {
        tokio::task::spawn_blocking(work);
    }
}

#[tokio::test]
async fn a_runtime_that_counts_tasks() {
    let origin = Origin::h1().start().await;
    let runtime = Arc::new(Counting::default());
    let client = Client::builder().runtime(runtime.clone()).build();
    assert_eq!(client.get(origin.url("/")).await.unwrap().into_body().text().await.unwrap(), "hello");
    assert!(runtime.0.load(SeqCst) > 0);
}
