use crate::{
    ResolveError,
    job::LookupKey,
    localhost::localhost,
    lookup_queue::LookupQueue,
    pending::{Pending, Stage},
    pick::with_port,
};
use futures_core::Stream;
use skybridge_core::{Answer, Endpoint, Families, Query, Runtime, Sleep};
use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

/// The answers of [`System`](crate::System): one, or those of the two families as they come. Drop it to stop waiting.
pub struct Lookup {
    query: Query,
    queue: Arc<LookupQueue>,
    /// How long both families are waited for at once, before each is asked for apart.
    split_after: Duration,
    /// The lookup of all that is asked for.
    whole: Pending,
    said: Said,
    split: Split,
    /// The lookups of each family, beside it.
    v6: Pending,
    v4: Pending,
    answered_v6: bool,
    answered_v4: bool,
    /// The error that ends the stream, after the addresses.
    error: Option<ResolveError>,
    finished: bool,
}

type Timer = Pin<Box<dyn Sleep>>;

/// What was said of waiting to begin.
#[derive(Clone, Copy)]
enum Said {
    Nothing,
    Queued,
    Begun,
}

/// Whether the families are asked for apart.
enum Split {
    NotYet(Option<Timer>),
    Done,
}

impl Lookup {
    pub(crate) fn new(query: Query, queue: Arc<LookupQueue>, split_after: Duration) -> Self {
        let whole = match localhost(&query.host, query.families) {
            Some(loopback) => Pending::known(loopback),
            None => {
                let key = LookupKey { host: Arc::clone(&query.host), family: query.families };
                Pending::new(queue.join_or_start(key, query.ctx.runtime()))
            }
        };
        let split = if query.families == Families::Both { Split::NotYet(None) } else { Split::Done };
        Self {
            query,
            queue,
            split_after,
            whole,
            said: Said::Nothing,
            split,
            v6: Pending::Absent,
            v4: Pending::Absent,
            answered_v6: false,
            answered_v4: false,
            error: None,
            finished: false,
        }
    }

    /// Says once that the lookup waits to begin and, if it did, that it has begun.
    fn poll_queue(&mut self, is_queued: bool) -> Poll<Option<Answer>> {
        let (said, answer) = match (self.said, is_queued) {
            (Said::Nothing, true) => (Said::Queued, Some(Answer::queued())),
            (Said::Queued, true) => return Poll::Pending,
            (Said::Queued, false) => (Said::Begun, Some(Answer::default())),
            (Said::Nothing | Said::Begun, _) => (Said::Begun, None),
        };
        self.said = said;
        Poll::Ready(answer)
    }

    /// Asks for each family apart, once it has been waited for both together.
    fn poll_split(&mut self, cx: &mut Context<'_>) {
        let Split::NotYet(timer) = &mut self.split else { return };
        let runtime = self.query.ctx.runtime();
        if !poll_timer(timer, self.split_after, runtime, cx) {
            return;
        }
        let ask = |family| {
            let key = LookupKey { host: Arc::clone(&self.query.host), family };
            self.queue.join_or_start_beside(key, runtime).map_or(Pending::Absent, Pending::Unfinished)
        };
        (self.v6, self.v4) = (ask(Families::V6), ask(Families::V4));
        self.split = Split::Done;
    }

    /// Those of these addresses whose family hasn't been answered yet.
    fn answer<'a>(&mut self, endpoints: impl Iterator<Item = &'a Endpoint>) -> Option<Answer> {
        let is_new = |endpoint: &&Endpoint| !if is_v6(endpoint) { self.answered_v6 } else { self.answered_v4 };
        let new = endpoints.filter(is_new).map(|endpoint| with_port(endpoint, self.query.port));
        let mut answer = Answer::only(new);
        answer.last = false;
        for endpoint in &answer.endpoints {
            if is_v6(endpoint) {
                self.answered_v6 = true;
            } else {
                self.answered_v4 = true;
            }
        }
        (!answer.endpoints.is_empty()).then_some(answer)
    }

    /// The addresses of either family, IPv6 first.
    fn answer_families(&mut self) -> Option<Answer> {
        let found = [self.v6.take_addresses(), self.v4.take_addresses()];
        self.answer(found.iter().flatten().flat_map(|endpoints| endpoints.iter()))
    }

    /// The last of the answers.
    fn finish(&mut self, answer: Option<Answer>, error: Option<ResolveError>) -> Option<Result<Answer, ResolveError>> {
        let answered = self.answered_v6 || self.answered_v4;
        // That a name has no addresses of one family is no error when it has some of the other.
        let error = error.filter(|error| !answered || error.is_failure());
        match answer {
            Some(mut answer) => {
                self.finished = error.is_none();
                self.error = error;
                answer.last = self.finished;
                Some(Ok(answer))
            }
            None => {
                self.finished = true;
                error.map(Err)
            }
        }
    }

    fn finish_whole(&mut self) -> Option<Result<Answer, ResolveError>> {
        match self.whole.take_addresses() {
            Some(endpoints) => {
                // Both together may have been asked while a packet of one family was lost.
                let apart = [self.v6.take_addresses(), self.v4.take_addresses()];
                let missing = |found: &&Endpoint| !endpoints.iter().any(|whole| is_v6(whole) == is_v6(found));
                let apart = apart.iter().flatten().flat_map(|found| found.iter()).filter(missing);
                let answer = self.answer(endpoints.iter().chain(apart));
                self.finish(answer, None)
            }
            None => {
                let (answer, error) = (self.answer_families(), self.whole.take_error());
                self.finish(answer, error)
            }
        }
    }

    fn finish_families(&mut self) -> Option<Result<Answer, ResolveError>> {
        let answer = self.answer_families();
        // Of equals that of IPv4.
        let error = self.v4.take_error().into_iter().chain(self.v6.take_error()).reduce(ResolveError::weightier);
        self.finish(answer, error)
    }
}

fn is_v6(endpoint: &Endpoint) -> bool {
    endpoint.inet().is_some_and(|addr| addr.is_ipv6())
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
        let whole = this.whole.poll(cx);
        if let Some(answer) = ready!(this.poll_queue(whole == Stage::Queued)) {
            return Poll::Ready(Some(Ok(answer)));
        }
        if whole == Stage::Finished {
            // What they have found by now counts too.
            let _ = (this.v6.poll(cx), this.v4.poll(cx));
            return Poll::Ready(this.finish_whole());
        }
        this.poll_split(cx);
        let (v6, v4) = (this.v6.poll(cx), this.v4.poll(cx));
        if v6 == Stage::Finished && v4 == Stage::Finished {
            return Poll::Ready(this.finish_families());
        }
        match this.answer_families() {
            Some(answer) => Poll::Ready(Some(Ok(answer))),
            None => Poll::Pending,
        }
    }
}

/// Whether this delay is over since it was asked for the first time. One that the clock can't reach never is.
fn poll_timer(timer: &mut Option<Timer>, delay: Duration, runtime: &Arc<dyn Runtime>, cx: &mut Context<'_>) -> bool {
    let Some(deadline) = runtime.now().checked_add(delay) else { return false };
    timer.get_or_insert_with(|| runtime.sleep_until(deadline)).as_mut().poll(cx).is_ready()
}

impl fmt::Debug for Lookup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lookup").field("host", &self.query.host).finish_non_exhaustive()
    }
}
