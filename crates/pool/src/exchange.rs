pub(crate) mod body;
pub(crate) mod events;
mod failure;
pub(crate) mod late_upload;
pub(crate) mod lease;
mod queue_entry;
mod read_timeout;
pub(crate) mod timeouts;

use self::{
    failure::{fail, not_connected},
    queue_entry::Queued,
};
use crate::{
    exchange::body::PooledBody,
    exchange::events::Told,
    exchange::late_upload::Settling,
    exchange::lease::{Lease, redeem},
    exchange::timeouts::Timing,
    origin::waiter::{Luggage, Ticket},
    origin::{Bucket, Refused},
    registry::Hub,
    shared::held::Held,
};
use http::{Request, Response, StatusCode, Uri};
use skybridge_core::{
    Acquired, Cause, CloseReason, ConnectError, Connection, Delivery, Error, EventKind, Failed, FirstExchange, KeyRef,
    OriginRef, Phase, RequestOptions, TimedOut, check,
};
use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::{Arc, atomic::Ordering::Relaxed},
    task::{Context, Poll, ready},
    time::Duration,
};

/// How many connections one request may find dead before it gives up. Each was taken out of the pool, so this is a guard
/// against a peer that closes every connection as soon as it is made.
const MOST_DEAD: u8 = 8;
/// How many of them may have been new. One that dies before its first request isn't stale: its peer wants none of ours, and the next connection
/// would be no better.
const MOST_STILLBORN: u8 = 1;

/// One request on one connection: finds it, waits for it, sends, and hands up the response with the lease in its body.
///
/// Nothing happens before the first poll. Dropped while it waits, it leaves the queue; dropped later, it cancels the exchange.
pub struct Exchange<C: Connection<B>, B> {
    hub: Arc<Hub<C>>,
    request: Option<Request<B>>,
    step: Step,
    queued: Option<Box<Queued<C>>>,
    lease: Option<Lease<C>>,
    /// It has looked for a connection before.
    looked: bool,
    /// How many connections it found dead.
    dead: u8,
    /// And how many of these were new.
    stillborn: u8,
    told: Option<Box<Told>>,
    /// Only when it has limits that a pool looks after.
    timing: Option<Box<Timing>>,
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
    pub(crate) fn new(hub: Arc<Hub<C>>, request: Request<B>) -> Self {
        let (step, request) = (Step::Looking, Some(request));
        Self {
            hub,
            request,
            step,
            queued: None,
            lease: None,
            looked: false,
            dead: 0,
            stillborn: 0,
            told: None,
            timing: None,
        }
    }

    /// How far the request has got, for whoever ends it now: nothing of it is sent before it has a connection.
    pub fn delivery(&self) -> Delivery {
        match self.step {
            Step::Looking | Step::Queued | Step::Readying => Delivery::Unsent,
            Step::Waiting | Step::Done => Delivery::Unknown,
        }
    }

    /// Looks for a connection; takes a place in the queue when there is none.
    #[inline]
    fn look(&mut self) -> Result<(), Error> {
        // invariant: a request is taken only when the exchange starts or ends, and both leave `Looking` for good.
        let Some(request) = &self.request else { return Ok(()) };
        let options = request.extensions().get::<RequestOptions>();
        if !std::mem::replace(&mut self.looked, true) {
            check(request)?;
            if options.is_some() || self.hub.is_attended() {
                self.told = tell(&self.hub, options);
                self.timing = Timing::of(&self.hub, options);
            }
        }
        if options.is_none()
            && let Some(bucket) = self.hub.spelled(request.uri())
            && let Some(grant) = bucket.take(&self.hub)
            && let Some(lease) = redeem(grant, &bucket, &self.hub, C::share)
        {
            self.acquired(lease, None);
            return Ok(());
        }
        self.look_further()
    }

    /// By key, and into the queue.
    #[cold]
    fn look_further(&mut self) -> Result<(), Error> {
        let Some(request) = &self.request else { return Ok(()) };
        let options = request.extensions().get::<RequestOptions>();
        loop {
            if self.hub.is_closed() {
                return Err(Error::of(Delivery::Unsent, Phase::Acquire, Cause::Closed));
            }
            let bucket = parse(&self.hub, request.uri(), options)?;
            if let Some(grant) = bucket.take(&self.hub) {
                match redeem(grant, &bucket, &self.hub, C::share) {
                    Some(lease) => {
                        self.acquired(lease, None);
                        return Ok(());
                    }
                    None => continue,
                }
            }
            let ticket = Ticket::new(self.luggage(options));
            match bucket.wait(&self.hub, &ticket) {
                Ok(()) => {
                    let hub = Arc::clone(&self.hub);
                    self.queued = Some(Box::new(Queued { hub, bucket, ticket }));
                    self.wait();
                    self.step = Step::Queued;
                    return Ok(());
                }
                Err(Refused::Stale) => {}
                Err(Refused::Full(error)) => return Err(error),
            }
        }
    }

    fn luggage(&self, options: Option<&RequestOptions>) -> Luggage {
        let call = self.told.as_ref().map(|told| told.call());
        match options {
            Some(options) => Luggage { observer: options.observer.clone(), call, timeouts: options.timeouts.clone() },
            None => Luggage { call, ..Luggage::default() },
        }
    }

    #[inline]
    fn acquired(&mut self, mut lease: Lease<C>, ticket: Option<&Ticket<C>>) {
        if let Some(mut told) = self.told.take() {
            let id = lease.info().id;
            let landed = ticket.filter(|ticket| ticket.has_landed(id) || lease.is_unused());
            let how = match landed {
                _ if lease.is_coalesced() => Acquired::Coalesced,
                Some(ticket) if ticket.is_initiator() => Acquired::New,
                Some(_) => Acquired::Joined,
                None => Acquired::Reused,
            };
            told.on(id);
            told.leave();
            told.emit(id, EventKind::Acquired(how));
            lease.told = Some(told);
        }
        if self.hub.is_contended() {
            self.hub.overtakes(&lease.record);
        }
        self.lease = Some(lease);
        self.step = Step::Readying;
    }

    fn poll_queue(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let Some(queued) = &self.queued else { return Poll::Ready(Ok(())) };
        let (bucket, ticket) = (Arc::clone(&queued.bucket), Arc::clone(&queued.ticket));
        let Poll::Ready(result) = ticket.poll(cx) else {
            return self.poll_timer(cx, Phase::Acquire, Delivery::Unsent).map(Err);
        };
        let grant = result?;
        // To connect takes no longer, but until the connection is ready it is waited for.
        self.wait();
        match redeem(grant, &bucket, &self.hub, C::share) {
            Some(lease) => self.acquired(lease, Some(&ticket)),
            // It closed between the grant and this poll.
            None => self.found_dead(None, false)?,
        }
        self.queued = None;
        Poll::Ready(Ok(()))
    }

    /// Nothing was sent: look again, as long as that makes sense.
    fn found_dead(&mut self, error: Option<Error>, new: bool) -> Result<(), Error> {
        self.dead += 1;
        self.stillborn += u8::from(new);
        match error {
            Some(error) if self.stillborn > MOST_STILLBORN => return Err(not_connected(error)),
            Some(error) if self.dead > MOST_DEAD => return Err(error),
            None if self.dead > MOST_DEAD => {
                return Err(
                    ConnectError::new(Phase::Acquire, "every connection was closed before it could be used").into()
                );
            }
            _ => {}
        }
        self.step = Step::Looking;
        Ok(())
    }

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let Some(lease) = &mut self.lease else { return Poll::Ready(Ok(())) };
        let Some(connection) = lease.connection() else { return Poll::Ready(Ok(())) };
        match connection.poll_ready(cx) {
            Poll::Ready(Ok(())) => self.start(),
            Poll::Ready(Err(error)) => self.dead(error)?,
            Poll::Pending => return self.poll_unready(cx),
        }
        Poll::Ready(Ok(()))
    }

    #[cold]
    fn dead(&mut self, error: Error) -> Result<(), Error> {
        let mut new = false;
        if let Some(mut lease) = self.lease.take() {
            new = lease.record.exchanges.load(Relaxed) == 0;
            self.told = lease.told.take().map(|told| told.again());
            if lease.record.exclusive {
                lease.close(CloseReason::PeerFin);
            } else {
                lease.record.drain(CloseReason::PeerGoAway);
            }
        }
        self.found_dead(Some(error), new)
    }

    /// The connection is not ready. One that only its driver keeps from being so is waited for, and one that is new, or
    /// shared: the next would be no better. Otherwise another is taken, and this one comes back when it is ready.
    #[cold]
    fn poll_unready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let Some(lease) = &mut self.lease else { return Poll::Ready(Ok(())) };
        let is_sent = lease.connection().is_none_or(|connection| connection.is_sent());
        if is_sent || !lease.record.exclusive || lease.is_unused() {
            if self.timing.as_ref().is_some_and(|timing| !timing.is_armed()) {
                self.wait();
            }
            return self.poll_timer(cx, Phase::Acquire, Delivery::Unsent).map(Err);
        }
        self.told = lease.told.take().map(|told| told.again());
        if let Some(lease) = self.lease.take() {
            Settling::<C, B>::begin(lease);
        }
        self.step = Step::Looking;
        Poll::Ready(Ok(()))
    }

    #[inline]
    fn start(&mut self) {
        self.arm(Timing::head);
        let max_requests = self.hub.config.max_requests;
        self.step = Step::Waiting;
        let Some(lease) = &mut self.lease else { return };
        if let Some(told) = &mut lease.told {
            told.enter(Phase::Wait);
        }
        lease.begin(max_requests);
        if let Some(connection) = lease.connection()
            && let Some(request) = self.request.take()
        {
            connection.start(request);
        }
    }

    #[inline]
    fn poll_response(&mut self, cx: &mut Context<'_>) -> Poll<Outcome<C, B>> {
        let Some(lease) = &mut self.lease else { return Poll::Pending };
        let Some(connection) = lease.connection() else { return Poll::Pending };
        match connection.poll_response(cx) {
            Poll::Ready(Ok(response)) => match self.lease.take() {
                Some(lease) => Poll::Ready(Ok(self.received(cx, response, lease))),
                None => Poll::Pending,
            },
            Poll::Ready(Err(failed)) => match self.lease.take() {
                Some(lease) => self.end(fail(failed, lease)),
                None => Poll::Pending,
            },
            Poll::Pending => {
                let error = ready!(self.poll_timer(cx, Phase::Wait, Delivery::Unknown));
                let failed = Failed::lost(self.on_connection(error));
                self.end(failed)
            }
        }
    }

    #[inline]
    fn received(&mut self, cx: &mut Context<'_>, response: Response<C::Body>, lease: Lease<C>) -> Received<C, B> {
        self.step = Step::Done;
        self.disarm();
        if lease.is_first()
            && let Some(feedback) = &lease.info().route.feedback
        {
            feedback.report(&lease.info().remote, FirstExchange::Completed);
        }
        let status = response.status();
        if status == StatusCode::MISDIRECTED_REQUEST && lease.is_coalesced() {
            lease.misdirected();
        }
        let read_idle = self.timing.as_ref().and_then(|timing| timing.read_idle());
        let (head, body) = response.into_parts();
        Response::from_parts(head, PooledBody::new(cx, body, lease, status, read_idle))
    }

    fn on_connection(&self, error: Error) -> Error {
        match &self.lease {
            Some(lease) => error.on(lease.info()),
            None => error,
        }
    }

    #[inline]
    fn arm(&mut self, limit: impl FnOnce(&Timing) -> Option<Duration>) {
        if let Some(timing) = &mut self.timing {
            let limit = limit(timing);
            timing.arm(&*self.hub.runtime, limit);
        }
    }

    /// Waits for a connection from now on, or goes on waiting.
    #[inline]
    fn wait(&mut self) {
        if let Some(timing) = &mut self.timing {
            timing.wait(&*self.hub.runtime);
        }
    }

    #[inline]
    fn disarm(&mut self) {
        if let Some(timing) = &mut self.timing {
            timing.disarm();
        }
    }

    #[inline]
    fn poll_timer(&mut self, cx: &mut Context<'_>, phase: Phase, delivery: Delivery) -> Poll<Error> {
        let Some(timing) = &mut self.timing else { return Poll::Pending };
        ready!(timing.poll(cx));
        let limit = match phase {
            Phase::Acquire => timing.acquire(),
            _ => timing.head(),
        };
        let limit = limit.unwrap_or_default();
        Poll::Ready(Error::of(delivery, phase, Cause::TimedOut(TimedOut { phase, limit })))
    }

    fn end<T>(&mut self, failed: Failed<Request<B>>) -> Poll<Result<T, Failed<Request<B>>>> {
        self.step = Step::Done;
        self.queued = None;
        let told = self.lease.as_mut().and_then(|lease| lease.told.as_mut()).or(self.told.as_mut());
        if let Some(told) = told {
            told.fail(&failed.error);
        }
        self.lease = None;
        self.told = None;
        Poll::Ready(Err(failed))
    }
}

impl<C, B> Future for Exchange<C, B>
where
    C: Connection<B>,
    B: http_body::Body + 'static,
{
    type Output = Outcome<C, B>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        loop {
            let moved = match this.step {
                Step::Looking => this.look(),
                Step::Queued => ready!(this.poll_queue(cx)),
                Step::Readying => ready!(this.poll_ready(cx)),
                // Handed up as it is: a response is a quarter of a kilobyte, and each name it is given on the way is a copy.
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

/// The longer way to a bucket: by key.
#[cold]
fn parse<C: Held>(hub: &Hub<C>, uri: &Uri, options: Option<&RequestOptions>) -> Result<Arc<Bucket<C>>, Error> {
    let origin = OriginRef::of(uri)?;
    match options {
        Some(options) => Ok(hub.bucket(KeyRef::of(origin, &options.connect_options.or(&hub.connect_options)))?),
        None => {
            let bucket = hub.bucket(KeyRef::of(origin, &hub.connect_options))?;
            hub.learn(uri, &bucket);
            Ok(bucket)
        }
    }
}

#[cold]
fn tell<C: Held>(hub: &Hub<C>, options: Option<&RequestOptions>) -> Option<Box<Told>> {
    let observer = options.and_then(|options| options.observer.as_ref()).or(hub.observer.as_ref())?;
    let call = options.and_then(|options| options.call_id).unwrap_or_else(|| hub.ids.next_call());
    let mut told = Box::new(Told::new(Arc::clone(observer), Arc::clone(&hub.runtime), call));
    told.enter(Phase::Acquire);
    Some(told)
}

impl<C: Connection<B>, B> fmt::Debug for Exchange<C, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exchange").field("step", &self.step).finish_non_exhaustive()
    }
}

#[cfg(test)]
impl<C: Connection<B>, B> Exchange<C, B> {
    /// Where it waits.
    pub(crate) fn place(&self) -> Option<&Ticket<C>> {
        self.queued.as_ref().map(|queued| &*queued.ticket)
    }

    /// For what.
    pub(crate) fn key(&self) -> Option<&skybridge_core::Key> {
        self.queued.as_ref().map(|queued| &*queued.bucket.key)
    }
}
