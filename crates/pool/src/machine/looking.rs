//! A connect without a permit for a socket, where another origin may have an idle connection to lend: nothing is closed
//! to make room before that is known.

use crate::config::PoolConfig;
use crate::machine::{
    Machine,
    action::{Action, Actions},
    connecting::Begun,
    connects::{ConnectKey, Permit},
    environment::Environment,
    queue::WaiterKey,
};

impl Machine {
    /// Whether a connect that gets no permit looks for a connection to be lent, as none has in vain.
    pub(crate) fn may_look(&self, env: &impl Environment) -> bool {
        !self.looked && !self.backoff.is_on() && !self.connects.any_looks() && env.may_be_lent()
    }

    /// One at a time: it looks for whoever is first in the queue, and when it is over the next one begins.
    pub(super) fn begin_look(&mut self, waiter: WaiterKey, actions: &mut Actions) -> Begun {
        if let Some(waiting) = self.queue.get_mut(waiter) {
            waiting.initiator = true;
        }
        let connect = self.connects.begin(0, Permit::AfterLook);
        actions.push(Action::Connect(connect, waiter, 0));
        Begun::Yes(connect)
    }

    /// Another origin has a connection that it may lend, and this one stands in the queue for permits, where it stays.
    /// Whether it looks for that; `None` when it waits for nothing by now.
    pub(crate) fn look(&mut self, config: &PoolConfig, env: &impl Environment) -> (Option<bool>, Actions) {
        if self.closed || !self.queue.iter().any(|(_, waiting)| waiting.connect.is_none()) {
            return (None, Actions::none());
        }
        self.looked = false;
        if !self.may_look(env) {
            return (Some(self.connects.any_looks()), Actions::none());
        }
        let actions = self.serve(config, env);
        (Some(self.connects.any_looks()), actions)
    }

    /// A connection was lent together with its permit. False when the connect has one, so that this one is free.
    pub(crate) fn take_permit(&mut self, connect: ConnectKey) -> bool {
        let takes = self.connects.is_paused(connect);
        self.connects.unpause(connect);
        takes
    }
}
