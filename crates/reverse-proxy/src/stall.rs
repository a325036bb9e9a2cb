//! How long nothing may pass of the bodies of a request and its response.

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use skybridge_core::{BoxError, Cause, Delivery, Error, Phase, Runtime, Sleep, TimedOut, sync::Mutex};
use std::{
    future::poll_fn,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Waker, ready},
    time::{Duration, Instant},
};

/// A request and its response, while one of their bodies is under way.
pub(crate) struct Exchange {
    runtime: Arc<dyn Runtime>,
    limit: Duration,
    /// When something passed, either way.
    last: Mutex<Instant>,
    /// The response is here to its end, or nobody wants more of it.
    is_answered: AtomicBool,
}

/// Waits until an exchange stands still. One timer, which is set anew only when it fires too early.
pub(crate) struct Waiting {
    exchange: Arc<Exchange>,
    timer: Option<Pin<Box<dyn Sleep>>>,
    begun: bool,
}

/// The body of a response that is let go of when its exchange stands still, also while nobody asks for more of it: who
/// doesn't read would otherwise hold the upstream's connection.
pub(crate) struct Watched<B> {
    shared: Arc<Shared<B>>,
    /// A task does so.
    is_watched: bool,
}

/// What the reader of a body and the task have in common. Neither waits for the lock: what they do with it is short.
struct Shared<B> {
    exchange: Arc<Exchange>,
    state: Mutex<State<B>>,
}

struct State<B> {
    body: Held<B>,
    reader: Option<Waker>,
    task: Option<Waker>,
}

enum Held<B> {
    Here(Pin<Box<B>>),
    /// It is being polled. `true`: and was to be let go of meanwhile.
    Polled(bool),
    /// It was let go of, which its reader is to be told.
    Ended,
    /// It is over.
    Over,
}

// === impl Exchange ===

impl Exchange {
    /// `Duration::MAX` is no limit.
    pub(crate) fn new(runtime: &Arc<dyn Runtime>, limit: Duration) -> Arc<Self> {
        let last = Mutex::new(runtime.now());
        Arc::new(Self { runtime: Arc::clone(runtime), limit, last, is_answered: AtomicBool::new(false) })
    }

    pub(crate) fn is_answered(&self) -> bool {
        self.is_answered.load(Ordering::Acquire)
    }

    pub(crate) fn answered(&self) {
        self.is_answered.store(true, Ordering::Release);
    }

    fn is_limited(&self) -> bool {
        self.last.lock().checked_add(self.limit).is_some()
    }

    pub(crate) fn passes(&self) {
        *self.last.lock() = self.runtime.now();
    }

    fn timed_out(&self, phase: Phase) -> TimedOut {
        TimedOut { phase, limit: self.limit }
    }

    /// Ready when nothing has passed for as long as the limit.
    fn poll_still(&self, timer: &mut Option<Pin<Box<dyn Sleep>>>, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let last = *self.last.lock();
            let Some(deadline) = last.checked_add(self.limit) else { return Poll::Pending };
            let timer = timer.get_or_insert_with(|| self.runtime.sleep_until(deadline));
            ready!(timer.as_mut().poll(cx));
            if self.runtime.now() >= deadline {
                return Poll::Ready(());
            }
            timer.as_mut().reset(deadline);
        }
    }
}

// === impl Waiting ===

impl Waiting {
    pub(crate) fn new(exchange: &Arc<Exchange>) -> Self {
        Self { exchange: Arc::clone(exchange), timer: None, begun: false }
    }

    pub(crate) fn exchange(&self) -> &Exchange {
        &self.exchange
    }

    /// Of a body that was polled: it passes, or is waited for, not for ever.
    pub(crate) fn poll<T>(&mut self, polled: Poll<T>, cx: &mut Context<'_>) -> Poll<Result<T, BoxError>> {
        // What it was waited for before, as a connection, isn't its time.
        if !std::mem::replace(&mut self.begun, true) || polled.is_ready() {
            self.exchange.passes();
        }
        if let Poll::Ready(piece) = polled {
            return Poll::Ready(Ok(piece));
        }
        let over = self.exchange.poll_still(&mut self.timer, cx);
        over.map(|()| Err(self.exchange.timed_out(Phase::Send).into()))
    }
}

// === impl Watched ===

impl<B> Watched<B> {
    pub(crate) fn new(body: B, exchange: Arc<Exchange>) -> Self {
        let state = State { body: Held::Here(Box::pin(body)), reader: None, task: None };
        Self { shared: Arc::new(Shared { exchange, state: Mutex::new(state) }), is_watched: false }
    }
}

impl<B> Watched<B>
where
    B: Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    pub(crate) fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let mut body = {
            let mut state = self.shared.state.lock();
            state.reader = Some(cx.waker().clone());
            match std::mem::replace(&mut state.body, Held::Polled(false)) {
                Held::Here(body) => body,
                Held::Over => {
                    state.body = Held::Over;
                    return Poll::Ready(None);
                }
                // What was lost as it was polled, by a panic, is no whole one either.
                Held::Ended | Held::Polled(_) => {
                    state.body = Held::Over;
                    return Poll::Ready(Some(Err(self.shared.error())));
                }
            }
        };
        let polled = body.as_mut().poll_frame(cx);
        if polled.is_ready() {
            self.shared.exchange.passes();
        }
        let failed_or_over = matches!(polled, Poll::Ready(None | Some(Err(_))));
        let is_over = failed_or_over || body.is_end_stream();
        let mut left = Some(body);
        let (expired, task) = {
            let mut state = self.shared.state.lock();
            let expired = matches!(state.body, Held::Polled(true));
            let stays = !(is_over || expired && polled.is_pending());
            state.body = left.take_if(|_| stays).map_or(Held::Over, Held::Here);
            let task = if is_over { state.task.take() } else { None };
            (expired, task)
        };
        // Somebody else's code, outside of the lock.
        task.into_iter().for_each(Waker::wake);
        if expired {
            self.is_watched = false;
            if polled.is_pending() {
                self.shared.exchange.timed_out(Phase::Body).ends(|| drop(left));
                return Poll::Ready(Some(Err(self.shared.error())));
            }
        }
        if !is_over && self.shared.exchange.is_limited() && !std::mem::replace(&mut self.is_watched, true) {
            self.shared.exchange.runtime.spawn(Box::pin(watch(Arc::clone(&self.shared))));
        }
        polled.map(|frame| frame.map(|frame| frame.map_err(Into::into)))
    }
}

impl<B: Body> Watched<B> {
    /// Not of one that was let go of, which is no whole one.
    pub(crate) fn is_end_stream(&self) -> bool {
        match &self.shared.state.lock().body {
            Held::Here(body) => body.is_end_stream(),
            Held::Polled(_) | Held::Ended => false,
            Held::Over => true,
        }
    }

    pub(crate) fn size_hint(&self) -> SizeHint {
        match &self.shared.state.lock().body {
            Held::Here(body) => body.size_hint(),
            Held::Polled(_) | Held::Ended => SizeHint::default(),
            Held::Over => SizeHint::with_exact(0),
        }
    }
}

impl<B> Drop for Watched<B> {
    fn drop(&mut self) {
        self.shared.exchange.answered();
        let (body, task) = {
            let mut state = self.shared.state.lock();
            (std::mem::replace(&mut state.body, Held::Over), state.task.take())
        };
        drop(body);
        task.into_iter().for_each(Waker::wake);
    }
}

/// Until the body is over, or its exchange stands still.
async fn watch<B>(shared: Arc<Shared<B>>) {
    let mut timer = None;
    let still = poll_fn(|cx| {
        {
            let mut state = shared.state.lock();
            if matches!(state.body, Held::Over) {
                return Poll::Ready(false);
            }
            state.task = Some(cx.waker().clone());
        }
        shared.exchange.poll_still(&mut timer, cx).map(|()| true)
    });
    if still.await {
        shared.let_go();
    }
}

// === impl Shared ===

impl<B> Shared<B> {
    fn let_go(&self) {
        let (body, reader) = {
            let mut state = self.state.lock();
            let (left, body) = match std::mem::replace(&mut state.body, Held::Over) {
                Held::Here(body) => (Held::Ended, Some(body)),
                Held::Polled(_) => (Held::Polled(true), None),
                other => (other, None),
            };
            state.body = left;
            (body, state.reader.take())
        };
        self.exchange.timed_out(Phase::Body).ends(|| drop(body));
        reader.into_iter().for_each(Waker::wake);
    }

    fn error(&self) -> BoxError {
        let timed_out = self.exchange.timed_out(Phase::Body);
        Error::of(Delivery::Unknown, Phase::Body, Cause::TimedOut(timed_out)).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use skybridge_testkit::executor::{Executor, run_until_idle};

    const LIMIT: Duration = Duration::from_secs(5);

    /// A piece at most, and whoever is told of each time that it is asked for.
    struct Slow(Option<Bytes>, Option<Arc<Shared<Slow>>>);

    impl Body for Slow {
        type Data = Bytes;
        type Error = BoxError;

        fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
            if let Some(shared) = self.1.take() {
                shared.let_go();
            }
            self.0.take().map_or(Poll::Pending, |piece| Poll::Ready(Some(Ok(Frame::data(piece)))))
        }
    }

    fn watched(executor: &Executor, piece: Option<&'static str>) -> Watched<Slow> {
        let exchange = Exchange::new(&executor.runtime(), LIMIT);
        let watched = Watched::new(Slow(piece.map(Bytes::from), None), exchange);
        if let Held::Here(body) = &mut watched.shared.state.lock().body {
            body.1 = Some(Arc::clone(&watched.shared));
        }
        watched
    }

    /// The task and the reader may be on two threads.
    #[tokio::test(start_paused = true)]
    async fn a_body_that_is_let_go_of_while_it_is_polled_fails_unless_it_passes() {
        let executor = Executor::new();
        let mut cx = Context::from_waker(Waker::noop());
        let mut still = watched(&executor, None);
        assert!(matches!(still.poll_frame(&mut cx), Poll::Ready(Some(Err(_)))));

        let mut passes = watched(&executor, Some("piece"));
        assert!(matches!(passes.poll_frame(&mut cx), Poll::Ready(Some(Ok(_)))));
        assert!(passes.poll_frame(&mut cx).is_pending() && !passes.is_end_stream());
        tokio::time::sleep(LIMIT).await;
        run_until_idle().await;
        assert!(!passes.is_end_stream(), "it is no whole one");
        assert!(matches!(passes.poll_frame(&mut cx), Poll::Ready(Some(Err(_)))));
        assert!(matches!(passes.poll_frame(&mut cx), Poll::Ready(None)));
        executor.assert_idle().await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_is_dropped_leaves_no_task() {
        let executor = Executor::new();
        let mut body = watched(&executor, Some("piece"));
        assert!(body.poll_frame(&mut Context::from_waker(Waker::noop())).is_ready());
        run_until_idle().await;
        assert_eq!(executor.spawned(), 1);
        drop(body);
        run_until_idle().await;
        executor.assert_idle().await;
    }
}
