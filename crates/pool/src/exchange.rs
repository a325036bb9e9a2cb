//! One request: finds its connection or waits for one, sends, hands up the response with the connection in its body,
//! from where that goes back.

pub(crate) mod body;
mod dead;
mod ending;
pub(crate) mod events;
pub(crate) mod find;
pub(crate) mod lease;
mod queue_entry;
mod read_timeout;
mod settings_timeout;
pub(crate) mod timeouts;
mod unfinished;

pub(crate) use self::ending::{as_connect_error, is_of_connection};
use self::{
    body::{Holding, PooledBody},
    events::CallEvents,
    find::{find, find_version},
    lease::{Lease, NotRedeemed},
    queue_entry::QueueEntry,
    settings_timeout::SettingsTimeout,
    timeouts::ExchangeTimeouts,
    unfinished::UnfinishedExchange,
};
use crate::{
    origin::{
        Refused,
        waiter::{Delivered, RequestContext, Waiter},
    },
    registry::Registry,
};
use http::{Request, Response, StatusCode, Version};
use http_body::{Body as _, SizeHint};
use skybridge_core::{
    Acquired, Capacity, Cause, CloseReason, Connection, Delivery, Error, EventKind, Failed, Found, HttpVersions,
    NotUsed, Origin, OriginRef, Phase, Rare, RequestOptions, Search, TimedOut, validate_request,
};
use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

/// One request on one connection: finds it, waits for it, sends, and hands up the response with the lease in its body.
///
/// Nothing happens before the first poll. Dropped while it waits, it leaves the queue; dropped later, it cancels the
/// exchange.
pub struct Exchange<C: Connection<B>, B> {
    pool: Arc<Registry<C>>,
    request: Option<Request<B>>,
    step: Step,
    queued: Rare<QueueEntry<C>>,
    lease: Option<Lease<C>>,
    /// It has looked for a connection before.
    looked: bool,
    /// The version of HTTP that alone can carry it.
    version: Option<HttpVersions>,
    /// How many connections it found dead.
    dead: u8,
    /// And how many of these were new.
    dead_new: u8,
    events: Rare<CallEvents>,
    /// Only when it has limits that a pool looks after, or is observed: then it is asked how far it has got.
    timeouts: Rare<ExchangeTimeouts>,
}

/// ```text
/// Looking -> Queued -> Readying -> Waiting -> Done
///    ^  \______________^   |
///    |_____________________| (found dead, or not ready: nothing was sent)
/// ```
#[derive(Clone, Copy, Debug)]
enum Step {
    Looking,
    Queued,
    Readying,
    Waiting,
    Done,
}

/// How a connection was waited for, for the event that says so.
#[derive(Clone, Copy)]
struct Waited {
    initiator: bool,
    joined: bool,
}

/// What a response is made of: the body holds the lease.
type Received<C, B> = Response<PooledBody<C, B>>;

type Outcome<C, B> = Result<Received<C, B>, Failed<Request<B>>>;

impl<C: Connection<B>, B> Unpin for Exchange<C, B> {}

impl<C, B> Exchange<C, B>
where
    C: Connection<B>,
    B: http_body::Body + 'static,
{
    #[inline]
    pub(crate) fn new(pool: Arc<Registry<C>>, request: Request<B>) -> Self {
        Self {
            pool,
            request: Some(request),
            step: Step::Looking,
            queued: Rare::none(),
            lease: None,
            looked: false,
            version: None,
            dead: 0,
            dead_new: 0,
            events: Rare::none(),
            timeouts: Rare::none(),
        }
    }

    /// How far the request has got, for whoever ends it now: nothing of it is sent before it has a connection.
    pub fn delivery(&self) -> Delivery {
        match self.step {
            Step::Looking | Step::Queued | Step::Readying => Delivery::Unsent,
            Step::Waiting | Step::Done => Delivery::Unknown,
        }
    }

    /// What it is doing, and for which origin, for whoever ends it now.
    #[cold]
    pub fn progress(&self) -> (Phase, Option<Origin>) {
        let phase = match self.step {
            Step::Looking | Step::Queued => Phase::Acquire,
            Step::Readying => Phase::Handshake,
            Step::Waiting | Step::Done => Phase::Wait,
        };
        let of_request = || OriginRef::of(self.request.as_ref()?.uri()).ok()?.to_owned().ok();
        (phase, self.lease.as_ref().map(|lease| lease.wanted().clone()).or_else(of_request))
    }

    /// Adds to the error of whoever ends it now where it was: on which connection, or at which addresses.
    #[cold]
    pub fn tell_place(&self, error: Error) -> Error {
        if let Some(lease) = &self.lease {
            return error.on(lease.info());
        }
        let Some(queued) = &*self.queued else { return error };
        let connects = queued.origin.connects_progress();
        let looks_up = connects.iter().any(|(phase, attempts)| *phase == Some(Phase::Resolve) && attempts.is_empty());
        let attempts = connects.into_iter().flat_map(|(_, attempts)| attempts).collect::<Vec<_>>();
        let error = if attempts.is_empty() && looks_up { error.during(Phase::Resolve) } else { error };
        error.with_attempts(attempts)
    }

    /// Looks for a connection; takes a place in the queue when there is none.
    #[inline]
    fn look(&mut self) -> Result<(), Error> {
        // invariant: a request is taken only when the exchange starts or ends, and both leave `Looking` for good.
        let Some(request) = &self.request else { return Ok(()) };
        let options = request.extensions().get::<RequestOptions>();
        if !std::mem::replace(&mut self.looked, true) {
            self.version = validate_request(request)?;
            if options.is_some() || self.pool.shared.attends_requests() {
                *self.events = events(&self.pool, options);
                *self.timeouts = ExchangeTimeouts::of(&self.pool.shared, options, self.events.is_some());
            }
        }
        if options.is_none()
            && self.version.is_none()
            && let Some(origin) = self.pool.by_uri(request.uri())
            && let Some(granted) = origin.take(self.reads_clock(options))
        {
            match Lease::redeem(granted, origin, C::share) {
                Ok(lease) => {
                    self.acquired(lease, None);
                    return Ok(());
                }
                Err(not) => not_redeemed(&mut self.events, &not),
            }
        }
        self.look_further()
    }

    /// By key, and into the queue.
    #[cold]
    fn look_further(&mut self) -> Result<(), Error> {
        let Some(request) = &self.request else { return Ok(()) };
        let options = request.extensions().get::<RequestOptions>();
        loop {
            if self.pool.shared.is_closed() {
                return Err(Error::of(Delivery::Unsent, Phase::Acquire, Cause::Closed));
            }
            let origin = match self.version {
                None => find(&self.pool, request.uri(), options)?,
                Some(version) => find_version(&self.pool, request.uri(), options, version)?,
            };
            if let Some(granted) = origin.take(self.reads_clock(options)) {
                match Lease::redeem(granted, origin, C::share) {
                    Ok(lease) => {
                        self.acquired(lease, None);
                        return Ok(());
                    }
                    Err(not) => {
                        not_redeemed(&mut self.events, &not);
                        continue;
                    }
                }
            }
            let waiter = Waiter::new(self.context(options), self.pool.shared.now());
            let mut search =
                self.events.as_ref().map(|_| Box::new(Search::new(origin.key.origin.clone(), Found::Idle)));
            match origin.wait(&waiter, &mut search) {
                Ok(key) => {
                    *self.queued = Some(Box::new(QueueEntry { origin, waiter, key }));
                    self.wait();
                    self.step = Step::Queued;
                    if let (Some(search), Some(events)) = (search, &mut *self.events) {
                        events.searched(None, *search);
                    }
                    return Ok(());
                }
                Err(Refused::Stale) => {}
                Err(Refused::Full(error)) => {
                    if let (Some(search), Some(events)) = (search, &mut *self.events) {
                        events.searched(None, *search);
                    }
                    return Err(error);
                }
            }
        }
    }

    /// Whether the clock is read for it anyway, for its limits or its events.
    #[inline]
    fn reads_clock(&self, options: Option<&RequestOptions>) -> bool {
        options.is_some() || self.pool.shared.attends_requests()
    }

    fn context(&self, options: Option<&RequestOptions>) -> RequestContext {
        let call = self.events.as_ref().map(|events| events.call());
        match options {
            Some(options) => {
                RequestContext { observer: options.observer.clone(), call, timeouts: options.timeouts.clone() }
            }
            None => RequestContext { call, ..RequestContext::default() },
        }
    }

    #[inline]
    fn acquired(&mut self, mut lease: Lease<C>, waited: Option<Waited>) {
        if let Some(mut events) = self.events.take() {
            let id = lease.info().id;
            let how = match waited.filter(|waited| waited.joined || lease.is_fresh()) {
                _ if lease.is_coalesced() => Acquired::Coalesced,
                Some(_) if lease.connection().is_of_another() => Acquired::Coalesced,
                Some(Waited { initiator: true, .. }) => Acquired::New,
                Some(_) => Acquired::Joined,
                None => Acquired::Reused,
            };
            events.set_connection(id);
            lease.tell_taken(&mut events, waited.is_some());
            events.emit(id, EventKind::Acquired(how));
            lease.events = Some(events);
        }
        if self.pool.shared.permits.is_contended() {
            self.overtakes(&lease);
        }
        self.lease = Some(lease);
        self.step = Step::Readying;
    }

    /// It was served while an origin without any connection waits.
    #[cold]
    fn overtakes(&self, lease: &Lease<C>) {
        let permits = &self.pool.shared.permits;
        if lease.is_exclusive() {
            // That one makes room when it comes back.
            permits.overtaken();
        } else if permits.overtaken_by_shared() {
            lease.connection().drain(CloseReason::LimitReclaimed);
        }
    }

    fn poll_queue(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let Some(queued) = &*self.queued else { return Poll::Ready(Ok(())) };
        let origin = Arc::clone(&queued.origin);
        let Poll::Ready(result) = queued.waiter.poll(cx) else {
            return self.poll_wait(cx).map(Err);
        };
        let Delivered { granted, initiator, joined } = result?;
        // To connect takes no longer, but until the connection is ready it is waited for.
        self.wait();
        match Lease::redeem(granted, origin, C::share) {
            Ok(mut lease) => {
                self.await_settings(&mut lease);
                self.acquired(lease, Some(Waited { initiator, joined }));
            }
            // It was closed between the grant and this poll, or may not be used any more.
            Err(not) => {
                not_redeemed(&mut self.events, &not);
                self.found_dead(not.error, false, false)?
            }
        }
        *self.queued = None;
        Poll::Ready(Ok(()))
    }

    /// The limits of connecting go on until the connection's SETTINGS are here.
    #[cold]
    fn await_settings(&mut self, lease: &mut Lease<C>) {
        let (Some(queued), shared) = (&*self.queued, &self.pool.shared) else { return };
        let waited = Duration::from_nanos(shared.now().0.saturating_sub(queued.waiter.since.0));
        let timeouts = queued.waiter.context.timeouts.or(&shared.timeouts);
        if let Some(settings) = SettingsTimeout::of(lease, &timeouts, waited, &*shared.runtime) {
            ExchangeTimeouts::await_settings(&mut self.timeouts, timeouts, settings);
        }
    }

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let Some(lease) = &mut self.lease else { return Poll::Ready(Ok(())) };
        let Some(handle) = lease.handle() else { return Poll::Ready(Ok(())) };
        match handle.poll_ready(cx) {
            Poll::Ready(Ok(())) => self.start(),
            Poll::Ready(Err(error)) => self.dead(error)?,
            Poll::Pending => return self.poll_unready(cx),
        }
        Poll::Ready(Ok(()))
    }

    /// The connection is not ready. One that only its driver keeps from being so is waited for, and one that is new, or
    /// shared: the next would be no better. Otherwise another is taken, and this one comes back when it is ready.
    #[cold]
    fn poll_unready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let Some(lease) = &mut self.lease else { return Poll::Ready(Ok(())) };
        let is_sent = lease.handle().is_none_or(|handle| handle.is_sent());
        if is_sent || !lease.is_exclusive() || lease.is_fresh() {
            if self.timeouts.as_ref().is_some_and(|timeouts| !timeouts.is_armed()) {
                self.wait();
            }
            return self.poll_wait(cx).map(Err);
        }
        *self.events = lease.events.take().map(|mut events| {
            events.pass_over(lease.info(), lease.wanted(), NotUsed::NotReady);
            events.start_over()
        });
        if let Some(lease) = self.lease.take() {
            UnfinishedExchange::<C, B>::await_request(lease);
        }
        self.step = Step::Looking;
        Poll::Ready(Ok(()))
    }

    #[inline]
    fn start(&mut self) {
        if let Some(timeouts) = &mut *self.timeouts {
            timeouts.start();
        }
        let max_requests = self.pool.shared.config.request_limit();
        self.step = Step::Waiting;
        let Some(lease) = &mut self.lease else { return };
        if let Some(events) = &mut lease.events {
            events.send(self.request.as_ref().map_or_else(SizeHint::new, |request| request.body().size_hint()));
        }
        lease.begin(max_requests);
        if let Some(handle) = lease.handle() {
            handle.start_from(&mut self.request);
        }
    }

    #[inline]
    fn poll_response(&mut self, cx: &mut Context<'_>) -> Poll<Outcome<C, B>> {
        let Some(lease) = &mut self.lease else { return Poll::Pending };
        let Some(handle) = lease.handle() else { return Poll::Pending };
        match handle.poll_response(cx) {
            Poll::Ready(Ok(response)) => {
                let ended = response.body().is_end_stream();
                let holding = self.received(cx, response.status(), response.version(), ended);
                // Last, and at once: a response that is moved before is copied once more.
                Poll::Ready(Ok(response.map(|body| holding.body(body, &mut self.lease))))
            }
            Poll::Ready(Err(failed)) => self.failed(cx, failed),
            // An observed one has limits too, though they may be none.
            Poll::Pending if self.timeouts.is_none() => Poll::Pending,
            Poll::Pending => self.poll_unanswered(cx),
        }
    }

    /// No response yet, and somebody wants to know how far the request has got.
    #[cold]
    fn poll_unanswered(&mut self, cx: &mut Context<'_>) -> Poll<Outcome<C, B>> {
        let Some(lease) = &mut self.lease else { return Poll::Pending };
        let Some(handle) = lease.handle() else { return Poll::Pending };
        let (sent, may_carry) = (handle.sent(cx), handle.capacity());
        if let (None, Some(events)) = (sent, &mut lease.events) {
            events.sent();
        }
        let Some(timeouts) = &mut *self.timeouts else { return Poll::Pending };
        if let Poll::Ready(over) = timeouts.poll_settings(may_carry != Capacity::Unknown, cx) {
            return self.end(Failed::lost(Error::of(Delivery::Unknown, Phase::Handshake, Cause::TimedOut(over))));
        }
        let over = ready!(timeouts.poll_exchange(&*self.pool.shared.runtime, sent, cx));
        self.end(Failed::lost(Error::of(Delivery::Unknown, over.phase, Cause::TimedOut(over))))
    }

    /// All that the arrival of a response changes. `ended`: its body is over already.
    #[inline]
    fn received(&mut self, cx: &mut Context<'_>, status: StatusCode, version: Version, ended: bool) -> Holding {
        self.step = Step::Done;
        self.disarm();
        if let Some(lease) = &mut self.lease {
            lease.answered();
            if !lease.connection().is_answered() {
                lease.connection().set_answered();
            }
            // Where a proxy forwards, it is about that one's connection.
            if status == StatusCode::MISDIRECTED_REQUEST && lease.is_coalesced() && !lease.info().forwarded {
                lease.misdirected();
            }
        }
        let read_idle = self.timeouts.as_ref().and_then(|timeouts| timeouts.read_idle());
        Holding::new::<C, B>(cx, &mut self.lease, (status, version), ended, read_idle)
    }

    /// Waits for a connection from now on, or goes on waiting.
    #[inline]
    fn wait(&mut self) {
        if let Some(timeouts) = &mut *self.timeouts {
            timeouts.wait(&*self.pool.shared.runtime);
        }
    }

    #[inline]
    fn disarm(&mut self) {
        if let Some(timeouts) = &mut *self.timeouts {
            timeouts.disarm();
        }
    }

    #[inline]
    fn poll_wait(&mut self, cx: &mut Context<'_>) -> Poll<Error> {
        let Some(timeouts) = &mut *self.timeouts else { return Poll::Pending };
        ready!(timeouts.poll(cx));
        let (phase, limit) = (Phase::Acquire, timeouts.pool_wait().unwrap_or_default());
        Poll::Ready(Error::of(Delivery::Unsent, phase, Cause::TimedOut(TimedOut { phase, limit })))
    }

    /// Ends with this error, and the exchange with it, if there is one.
    #[cold]
    fn end<T>(&mut self, failed: Failed<Request<B>>) -> Poll<Result<T, Failed<Request<B>>>> {
        self.step = Step::Done;
        let (mut error, request) = failed.into_parts();
        match (&self.lease, self.queued.take()) {
            (Some(lease), _) => error = error.to(lease.wanted()),
            (None, Some(queued)) => error = error.to(&queued.origin.key.origin),
            (None, None) => {
                let origin = request.as_ref().and_then(|request| OriginRef::of(request.uri()).ok());
                if let Some(origin) = origin.and_then(|origin| origin.to_owned().ok()) {
                    error = error.to(&origin);
                }
            }
        }
        if let Some(lease) = self.lease.take() {
            error = error.on(lease.info());
            if lease.ends_like_those_before(&error) {
                error = error.backing_off();
            }
            lease.fail(&error);
        }
        if let Some(mut events) = self.events.take() {
            events.fail(&error);
        }
        Poll::Ready(Err(Failed::new(error, request)))
    }
}

impl<C, B> Future for Exchange<C, B>
where
    C: Connection<B>,
    B: http_body::Body + 'static,
{
    type Output = Outcome<C, B>;

    // Always inlined: what is above hands the response on with another body, and copies it once more where this is
    // called.
    #[inline(always)]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        loop {
            let moved = match this.step {
                Step::Looking => this.look(),
                Step::Queued => ready!(this.poll_queue(cx)),
                Step::Readying => ready!(this.poll_ready(cx)),
                // Handed up as it is: a response is a quarter of a kilobyte, and each name it is given on the way is a
                // copy.
                Step::Waiting => return this.poll_response(cx),
                Step::Done => return Poll::Pending,
            };
            if let Err(error) = moved {
                let request = this.request.take().map(Box::new);
                return this.end(Failed::new(error, request));
            }
        }
    }
}

/// A request was granted a stream that is of no use.
#[cold]
fn not_redeemed(events: &mut Option<Box<CallEvents>>, not: &NotRedeemed) {
    if let Some(events) = events {
        events.pass_over(&not.info, &not.wanted, not.why);
    }
}

#[cold]
fn events<C: Send + 'static>(pool: &Registry<C>, options: Option<&RequestOptions>) -> Option<Box<CallEvents>> {
    let shared = &pool.shared;
    let observer = options.and_then(|options| options.observer.as_ref()).or(shared.observer.as_ref())?;
    let call = options.and_then(|options| options.call_id).unwrap_or_else(|| shared.ids.next_call());
    let mut events = Box::new(CallEvents::new(Arc::clone(observer), Arc::clone(&shared.runtime), call));
    events.enter(Phase::Acquire);
    Some(events)
}

impl<C: Connection<B>, B> fmt::Debug for Exchange<C, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exchange").field("step", &self.step).finish_non_exhaustive()
    }
}

#[cfg(all(test, not(loom)))]
impl<C: Connection<B>, B> Exchange<C, B> {
    /// Where it waits.
    pub(crate) fn waiter(&self) -> Option<&Waiter<crate::origin::waiter::Granted<C>>> {
        self.queued.as_ref().map(|queued| &*queued.waiter)
    }

    /// For what.
    pub(crate) fn key(&self) -> Option<&skybridge_core::Key> {
        self.queued.as_ref().map(|queued| &*queued.origin.key)
    }
}
