//! Which servers work, as far as the requests have told.

use crate::EndpointState;
use skybridge_core::{Cause, Endpoint, Error, Phase, Runtime, Sleep, sync::Mutex};
use std::{
    collections::HashMap,
    mem,
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
/// end of a backoff: it gets an answer, or the error of a server. When all fail they take turns at that.
pub(crate) struct Health {
    runtime: Arc<dyn Runtime>,
    members: Mutex<Members>,
}

#[derive(Default)]
struct Members {
    by_endpoint: HashMap<Endpoint, Member>,
    /// A server can't be connected to, or fails: there may be others by now.
    wants_lookup: bool,
    /// Not to be chosen just now, if others can be: as many as one request is tried at.
    avoided: Vec<Endpoint>,
}

#[derive(Default)]
struct Member {
    /// Since it last answered.
    failures: u32,
    /// How often it was left alone since it last answered.
    backoffs: u32,
    until: Option<Instant>,
    /// The last failure was that it can't be connected to: an answer shows that it can.
    unreachable: bool,
    /// It is asked because all fail, before its backoff is over.
    in_turn: bool,
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
        self.members.lock().by_endpoint.entry(endpoint.clone()).or_default();
    }

    pub(crate) fn remove(&self, endpoint: &Endpoint) {
        let waker = self.members.lock().remove_member(endpoint);
        waker.into_iter().for_each(Waker::wake);
    }

    /// The head of a response is here.
    pub(crate) fn answers(&self, endpoint: &Endpoint) {
        if let Some(member) = self.members.lock().by_endpoint.get_mut(endpoint).filter(|member| member.unreachable) {
            member.works();
        }
    }

    /// A response is here, or as much of it as was wanted.
    pub(crate) fn answered(&self, endpoint: &Endpoint) {
        if let Some(member) = self.members.lock().by_endpoint.get_mut(endpoint) {
            member.works();
        }
    }

    /// Whether another than these would be asked that may work.
    pub(crate) fn has_another(&self, tried: &[Endpoint]) -> bool {
        let (now, members) = (self.runtime.now(), self.members.lock());
        let mut others = members.by_endpoint.iter().filter(|(endpoint, _)| !tried.contains(endpoint));
        others.any(|(_, member)| member.is_asked(now) && !member.in_turn)
    }

    /// While a server is chosen: any but these, which aren't ready meanwhile.
    pub(crate) fn avoid(&self, endpoints: Vec<Endpoint>) {
        self.members.lock().avoided = endpoints;
    }

    /// They may be chosen again.
    pub(crate) fn avoid_none(&self) {
        let wakers: Vec<_> = {
            let mut members = self.members.lock();
            let avoided = mem::take(&mut members.avoided);
            avoided.iter().filter_map(|endpoint| members.by_endpoint.get_mut(endpoint)?.waker.take()).collect()
        };
        wakers.into_iter().for_each(Waker::wake);
    }

    pub(crate) fn wants_lookup(&self) -> bool {
        self.members.lock().wants_lookup
    }

    /// It is made.
    pub(crate) fn looks_up(&self) {
        self.members.lock().wants_lookup = false;
    }

    pub(crate) fn failed(&self, endpoint: &Endpoint, error: &Error) {
        if is_of_the_server(error) {
            let waker = self.members.lock().fail(endpoint, error, self.runtime.now());
            waker.into_iter().for_each(Waker::wake);
        }
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
                let is_avoided = members.avoided.contains(endpoint);
                let Some(member) = members.by_endpoint.get_mut(endpoint) else { return Poll::Ready(()) };
                member.until = member.until.filter(|until| now < *until);
                if is_avoided {
                    member.waker = Some(cx.waker().clone());
                    return Poll::Pending;
                }
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
        let states = members.by_endpoint.iter().map(|(endpoint, member)| EndpointState {
            endpoint: endpoint.clone(),
            failures: member.failures,
            reason: member.reason.clone(),
            left_alone: member.until.map(|until| until.saturating_duration_since(now)).filter(|left| !left.is_zero()),
        });
        states.collect()
    }
}

impl Members {
    /// Who is to be woken, because the last one that worked doesn't any more.
    fn fail(&mut self, endpoint: &Endpoint, error: &Error, now: Instant) -> Option<Waker> {
        let asked = self.by_endpoint.values().filter(|member| member.is_asked(now)).count();
        let member = self.by_endpoint.get_mut(endpoint)?;
        member.failures = member.failures.saturating_add(1);
        member.reason = Some(error.reason());
        member.unreachable = error.is_connect();
        if !member.is_asked(now) || !(member.unreachable || member.failures >= FAILURES) {
            return None;
        }
        self.wants_lookup = true;
        let mut waker = None;
        if asked < 2 {
            // Not the same one until the others come back: it may be the one that doesn't.
            let others = self.by_endpoint.iter_mut().filter(|(other, _)| *other != endpoint);
            waker = others.map(|(_, other)| other).min_by_key(|other| other.until)?.take_turn();
        }
        let member = self.by_endpoint.get_mut(endpoint)?;
        let backoff = FIRST_BACKOFF.saturating_mul(1 << member.backoffs.min(16)).min(LONGEST_BACKOFF);
        member.backoffs = member.backoffs.saturating_add(1);
        member.in_turn = false;
        member.until = now.checked_add(backoff);
        waker
    }

    /// Who is to be woken, because the last one that worked is gone: whoever comes back first comes back now.
    fn remove_member(&mut self, endpoint: &Endpoint) -> Option<Waker> {
        self.by_endpoint.remove(endpoint);
        if self.by_endpoint.values().any(|member| member.until.is_none()) {
            return None;
        }
        self.by_endpoint.values_mut().min_by_key(|member| member.until)?.take_turn()
    }
}

impl Member {
    /// Whether requests are given to it. Nobody may have noticed yet that its backoff is over.
    fn is_asked(&self, now: Instant) -> bool {
        self.until.is_none_or(|until| until <= now)
    }

    fn works(&mut self) {
        (self.failures, self.backoffs, self.reason) = (0, 0, None);
        (self.unreachable, self.in_turn) = (false, false);
    }

    fn take_turn(&mut self) -> Option<Waker> {
        (self.until, self.in_turn) = (None, true);
        self.waker.take()
    }
}

/// Whether it tells that the server doesn't work, and not that we or the request don't.
pub(crate) fn is_of_the_server(error: &Error) -> bool {
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

#[cfg(test)]
mod tests {
    use super::*;
    use skybridge_core::ConnectError;
    use skybridge_testkit::executor::Executor;

    /// A thread may be held up between the two, and another request may have asked it again meanwhile.
    #[tokio::test(start_paused = true)]
    async fn there_is_another_though_the_backoff_of_the_one_that_failed_is_over() {
        let health = Health::new(Executor::new().runtime());
        let [failed, works] = [1, 2].map(|last| Endpoint::from(([192, 0, 2, last], 80)));
        health.add(&failed);
        health.add(&works);
        let refused = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
        health.failed(&failed, &ConnectError::new(Phase::Tcp, refused).into());
        assert!(health.has_another(std::slice::from_ref(&failed)));
        tokio::time::sleep(2 * FIRST_BACKOFF).await;
        assert!(health.has_another(std::slice::from_ref(&failed)));
        assert!(!health.has_another(&[failed, works]));
    }
}
