//! Connects while they fail: one at a time, with pauses between them.

use crate::{
    config::PoolConfig,
    machine::{
        Machine,
        action::{Action, Actions},
        connecting::Begun,
        connections::ConnectionKey,
        connects::ConnectKey,
        environment::Environment,
    },
    shared::time::Timestamp,
};
use skybridge_core::{ConnectError, Protocol};

impl Machine {
    /// Whether connects fail, as far as that is remembered.
    pub(super) fn is_failing(&mut self, env: &impl Environment, actions: &mut Actions) -> bool {
        self.backoff.is_on() && {
            self.forget_failures(env.now(), actions);
            self.backoff.is_on()
        }
    }

    /// Forgets failures when their time has come, but not while what the next connect comes to isn't known.
    pub(super) fn forget_failures(&mut self, now: Timestamp, actions: &mut Actions) {
        if !self.connects.any_under_way() && self.backoff.forget(now) {
            actions.extend(self.connects.paused().map(Action::Notify));
        }
    }

    /// When failures are to be forgotten.
    pub(super) fn forget_failures_at(&self) -> Option<Timestamp> {
        self.backoff.forget_at().filter(|_| !self.connects.any_under_way())
    }

    /// All who wait join one connect, which begins when the backoff is over. True when a permit for it was refused.
    pub(super) fn one_at_a_time(&mut self, config: &PoolConfig, env: &impl Environment, actions: &mut Actions) -> bool {
        // On HTTP/1.1 none that began before is joined: it is for the request that it began for.
        let is_shared = self.protocol != Some(Protocol::Http1);
        let is_for_all = |connect: &ConnectKey| is_shared || self.connects.failures(*connect) > Some(0);
        let under_way = self.connects.to_join().find(is_for_all);
        let connect = match under_way {
            Some(connect) => connect,
            None => {
                let unjoined = self.queue.iter().find(|(_, waiting)| waiting.connect.is_none());
                let Some((first, _)) = unjoined else { return false };
                match self.begin(first, config, env, actions) {
                    Begun::Yes(connect) => connect,
                    Begun::AtLimit => return false,
                    Begun::PermitRefused => return true,
                }
            }
        };
        // Those who came last are at the end.
        let unjoined_in_middle = std::mem::take(&mut self.unjoined_in_middle);
        for place in (0..self.queue.places()).rev() {
            match self.queue.at(place) {
                Some((waiter, waiting)) if waiting.connect.is_none() => self.join(waiter, connect, env, actions),
                Some(_) if !unjoined_in_middle => break,
                _ => {}
            }
        }
        false
    }

    /// When a connect that waits for the end of the backoff may begin; `None` when it may by now.
    pub(crate) fn pause_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.backoff.pause_until(now)
    }

    /// The backoff is over, or no other origin has lent a connection. False when there is no permit for a socket: then
    /// the connect is over too, and whoever waits for it looks again. [`serve`](Self::serve) follows.
    pub(crate) fn resume(&mut self, connect: ConnectKey, config: &PoolConfig, env: &impl Environment) -> bool {
        if !self.connects.is_paused(connect) {
            return true;
        }
        let permitted = env.acquire_permit().is_ok();
        if permitted {
            self.connects.unpause(connect);
            self.backoff.begin(config, env);
        } else {
            self.looked = true;
            self.end(connect, None);
        }
        permitted
    }

    /// Whether a connect is under way and has a permit for a socket, which one that waits for the end of the backoff
    /// has not.
    pub(crate) fn holds_permit(&self, connect: ConnectKey) -> bool {
        self.connects.holds_permit(connect)
    }

    /// Whether a connect is under way.
    pub(crate) fn is_under_way(&self, connect: ConnectKey) -> bool {
        self.connects.failures(connect).is_some()
    }

    /// Whether a connect waits for the end of the backoff.
    pub(crate) fn is_paused(&self, connect: ConnectKey) -> bool {
        self.connects.is_paused(connect)
    }

    /// A connect failed, and its peer or the way there is to blame. [`failed`](Self::failed) follows.
    pub(crate) fn count_failure(&mut self, connect: ConnectKey, config: &PoolConfig, env: &impl Environment) {
        if let Some(failures) = self.connects.failures(connect).filter(|_| self.connects.is_wanted(connect)) {
            self.backoff.fail(failures, config, env);
        }
    }

    /// A connection that was made after so many failures ended before it carried anything. Returns whether the origin
    /// is left alone now. Then those who had waited for it fail, as if it had not been made.
    pub(crate) fn never_carried(
        &mut self,
        connection: Option<ConnectionKey>,
        failures: u8,
        config: &PoolConfig,
        env: &impl Environment,
        error: impl Fn() -> ConnectError,
    ) -> (bool, Actions) {
        let mut actions = Actions::none();
        self.backoff.fail(failures, config, env);
        if failures > 1 && self.backoff.is_long() && connection.is_some() {
            let waited = self.queue.iter().filter(|(_, waiting)| waiting.connected == connection);
            let waited: Vec<_> = waited.map(|(waiter, _)| waiter).collect();
            for waiter in waited {
                self.leave_connect(waiter, &mut actions);
                self.queue.remove(waiter);
                actions.push(Action::Fail(waiter, error().into()));
            }
        }
        (self.backoff.is_long(), actions)
    }

    /// A new connection has carried a response: connects that wait for the end of the backoff may begin.
    pub(crate) fn answered(&mut self) -> Actions {
        let mut actions = Actions::none();
        if self.backoff.reset() {
            actions.extend(self.connects.paused().map(Action::Notify));
        }
        actions
    }
}
