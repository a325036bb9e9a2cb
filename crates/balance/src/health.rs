//! Which servers work, as far as the requests have told.

use crate::EndpointState;
use skybridge_core::{Cause, Endpoint, Error, Phase, Runtime, Sleep, sync::Mutex};
use std::{
    collections::HashMap,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker, ready},
    time::{Duration, Instant},
};

const FIRST_BACKOFF: Duration = Duration::from_secs(1);
const LONGEST_BACKOFF: Duration = Duration::from_secs(30);

/// Requests that fail one after another without an answer, until a server that can be connected to is left alone.
const FAILURES: u32 = 3;

/// What is known of all servers of one balancer. One is always left to be tried, so that a request never waits for the
/// end of a backoff: it gets an answer, or the error of a server.
pub(crate) struct Health {
    runtime: Arc<dyn Runtime>,
    members: Mutex<Members>,
}

#[derive(Default)]
struct Members(HashMap<Endpoint, Member>);

#[derive(Default)]
struct Member {
    /// Since it last answered.
    failures: u32,
    /// How often it was left alone since it last answered.
    backoffs: u32,
    until: Option<Instant>,
    reason: Option<String>,
    /// Of whoever waits for the end of the backoff.
    waker: Option<Waker>,
}

impl Health {
    pub(crate) fn new(runtime: Arc<dyn Runtime>) -> Self {
        Self { runtime, members: Mutex::default() }
    }

    pub(crate) fn runtime(&self) -> &Arc<dyn Runtime> {
        &self.runtime
    }

    pub(crate) fn add(&self, endpoint: &Endpoint) {
        self.members.lock().0.entry(endpoint.clone()).or_default();
    }

    pub(crate) fn remove(&self, endpoint: &Endpoint) {
        if let Some(waker) = self.members.lock().remove_member(endpoint) {
            waker.wake();
        }
    }

    pub(crate) fn answered(&self, endpoint: &Endpoint) {
        if let Some(member) = self.members.lock().0.get_mut(endpoint) {
            (member.failures, member.backoffs, member.reason) = (0, 0, None);
        }
    }

    /// Whether another server would be asked now.
    pub(crate) fn is_left_alone(&self, endpoint: &Endpoint) -> bool {
        self.members.lock().0.get(endpoint).is_some_and(|member| member.until.is_some())
    }

    pub(crate) fn failed(&self, endpoint: &Endpoint, error: &Error) {
        if !is_of_the_server(error) {
            return;
        }
        let now = self.runtime.now();
        let mut members = self.members.lock();
        let awake = members.0.values().filter(|member| member.until.is_none()).count();
        let Some(member) = members.0.get_mut(endpoint) else { return };
        member.failures = member.failures.saturating_add(1);
        member.reason = Some(error.reason());
        if member.until.is_some() || awake < 2 || !(error.is_connect() || member.failures >= FAILURES) {
            return;
        }
        let backoff = FIRST_BACKOFF.saturating_mul(1 << member.backoffs.min(16)).min(LONGEST_BACKOFF);
        member.backoffs += 1;
        member.until = now.checked_add(backoff);
    }

    /// Whether a request may be given to it.
    pub(crate) fn poll_ready(
        &self,
        endpoint: &Endpoint,
        sleep: &mut Option<Pin<Box<dyn Sleep>>>,
        cx: &mut Context<'_>,
    ) -> Poll<()> {
        loop {
            let until = {
                let (now, mut members) = (self.runtime.now(), self.members.lock());
                let Some(member) = members.0.get_mut(endpoint) else { return Poll::Ready(()) };
                member.until = member.until.filter(|until| now < *until);
                let Some(until) = member.until else {
                    *sleep = None;
                    return Poll::Ready(());
                };
                member.waker = Some(cx.waker().clone());
                until
            };
            // A timer that is there is for this backoff: it goes with it.
            let sleep = sleep.get_or_insert_with(|| self.runtime.sleep_until(until));
            ready!(sleep.as_mut().poll(cx));
            sleep.as_mut().reset(until);
        }
    }

    pub(crate) fn states(&self) -> Vec<EndpointState> {
        let (now, members) = (self.runtime.now(), self.members.lock());
        let states = members.0.iter().map(|(endpoint, member)| EndpointState {
            endpoint: endpoint.clone(),
            failures: member.failures,
            reason: member.reason.clone(),
            left_alone: member.until.map(|until| until.saturating_duration_since(now)).filter(|left| !left.is_zero()),
        });
        states.collect()
    }
}

impl Members {
    /// Who is to be woken, because the last one that worked is gone: whoever comes back first comes back now.
    fn remove_member(&mut self, endpoint: &Endpoint) -> Option<Waker> {
        self.0.remove(endpoint);
        if self.0.values().any(|member| member.until.is_none()) {
            return None;
        }
        let first = self.0.values_mut().min_by_key(|member| member.until)?;
        first.until = None;
        first.waker.take()
    }
}

/// Whether it tells that the server doesn't work, and not that we or the request don't.
fn is_of_the_server(error: &Error) -> bool {
    match error.cause() {
        Cause::Connect(connect) => !connect.is_overloaded() && !connect.is_out_of_descriptors(),
        Cause::TimedOut(over) => !matches!(over.phase, Phase::Call | Phase::Acquire | Phase::Send),
        Cause::Protocol(_)
        | Cause::Tls(_)
        | Cause::Io(_)
        | Cause::NoResponse(_)
        | Cause::Incomplete(_)
        | Cause::Unresponsive(_) => true,
        Cause::GoAway(goaway) => !goaway.is_planned(),
        Cause::Reset(reset) => reset.is_by_peer(),
        _ => false,
    }
}
