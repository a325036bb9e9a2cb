use crate::{
    ResolveError,
    half::{Half, Stage},
    pick::with_port,
};
use futures_core::Stream;
use skybridge_core::{Answer, Query, Sleep};
use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

/// The answers of [`System`](crate::System): those of the two families as they come. Drop it to stop waiting.
pub struct Lookup {
    query: Query,
    v6: Half,
    v4: Half,
    resolution_delay: Duration,
    /// Runs while there are IPv4 addresses and it isn't known yet whether there are IPv6 ones.
    timer: Option<Pin<Box<dyn Sleep>>>,
    queue: Queue,
    answered: bool,
    /// The error that ends the stream, after the addresses.
    error: Option<ResolveError>,
    finished: bool,
}

/// What was said of waiting to begin.
#[derive(Clone, Copy)]
enum Queue {
    Nothing,
    Queued,
    Begun,
}

impl Lookup {
    pub(crate) fn new(query: Query, v6: Half, v4: Half, resolution_delay: Duration) -> Self {
        Self {
            query,
            v6,
            v4,
            resolution_delay,
            timer: None,
            queue: Queue::Nothing,
            answered: false,
            error: None,
            finished: false,
        }
    }

    /// Says once that the lookup waits to begin and, if it did, that it has begun.
    fn poll_queue(&mut self, is_queued: bool) -> Poll<Option<Answer>> {
        let (said, answer) = match (self.queue, is_queued) {
            (Queue::Nothing, true) => (Queue::Queued, Some(Answer::queued())),
            (Queue::Queued, true) => return Poll::Pending,
            (Queue::Queued, false) => (Queue::Begun, Some(Answer::default())),
            (Queue::Nothing | Queue::Begun, _) => (Queue::Begun, None),
        };
        self.queue = said;
        Poll::Ready(answer)
    }

    /// The addresses that haven't been returned yet, IPv6 first.
    fn take_answer(&mut self) -> Option<Answer> {
        let halves = [self.v6.take_addresses(), self.v4.take_addresses()];
        if halves.iter().all(Option::is_none) {
            return None;
        }
        self.answered = true;
        let endpoints = halves.iter().flatten().flat_map(|endpoints| endpoints.iter());
        let mut answer = Answer::only(endpoints.map(|endpoint| with_port(endpoint, self.query.port)));
        answer.last = false;
        Some(answer)
    }

    /// The last of the answers, when both families are over.
    fn finish(&mut self) -> Option<Result<Answer, ResolveError>> {
        let answer = self.take_answer();
        // Of equals that of IPv4.
        let error = self.v4.take_error().into_iter().chain(self.v6.take_error()).reduce(ResolveError::weightier);
        // That a name has no addresses of one family is no error when it has some of the other.
        self.error = error.filter(|error| !self.answered || error.is_failure());
        self.finished = self.error.is_none();
        match answer {
            Some(mut answer) => {
                answer.last = self.finished;
                Some(Ok(answer))
            }
            None => {
                self.finished = true;
                self.error.take().map(Err)
            }
        }
    }
}

impl Stream for Lookup {
    type Item = Result<Answer, ResolveError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        if this.finished {
            return Poll::Ready(None);
        }
        if let Some(error) = this.error.take() {
            this.finished = true;
            return Poll::Ready(Some(Err(error)));
        }
        let (v6, v4) = (this.v6.poll(cx), this.v4.poll(cx));
        if let Some(answer) = ready!(this.poll_queue(Stage::are_queued([v6, v4]))) {
            return Poll::Ready(Some(Ok(answer)));
        }
        if v6.is_over() && v4.is_over() {
            return Poll::Ready(this.finish());
        }
        // RFC 8305, section 3: IPv6 addresses are used at once, IPv4 addresses wait a little for them.
        if this.v4.has_addresses() && !v6.is_over() {
            let (runtime, delay) = (this.query.ctx.runtime(), this.resolution_delay);
            let timer = this.timer.get_or_insert_with(|| runtime.sleep_until(runtime.now() + delay));
            ready!(timer.as_mut().poll(cx));
            this.timer = None;
        }
        match this.take_answer() {
            Some(answer) => Poll::Ready(Some(Ok(answer))),
            None => Poll::Pending,
        }
    }
}

impl fmt::Debug for Lookup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lookup").field("host", &self.query.host).finish_non_exhaustive()
    }
}
