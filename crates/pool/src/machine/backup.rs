//! A second connect beside one that takes long, for the same requests.
//!
//! Requests join the first of two, and their time limits hold for both. Whichever comes first serves them; if one ends
//! without having served them, they wait for the other.

use crate::{
    config::PoolConfig,
    machine::{
        Machine,
        action::{Action, Actions},
        connects::ConnectKey,
        environment::Environment,
    },
};
use skybridge_core::ConnectError;

impl Machine {
    /// A connect takes long: if requests wait for it, they get another one beside it, now or as soon as no limit
    /// forbids it.
    pub(crate) fn takes_long(&mut self, connect: ConnectKey, config: &PoolConfig, env: &impl Environment) -> Actions {
        self.connects.want_backup(connect);
        if self.queue.is_empty() { Actions::none() } else { self.serve(config, env) }
    }

    /// Begins one more beside each that takes long and that somebody waits for. It takes nothing from others: no
    /// request is refused for it, no idle connection makes room, and it waits for no permit. An origin whose connects
    /// fail has none.
    pub(super) fn begin_backups(&mut self, config: &PoolConfig, env: &impl Environment, actions: &mut Actions) {
        while let Some(connect) = self.connects.next_that_wants_backup() {
            if self.is_failing(env) || self.is_at_limit(config) {
                return;
            }
            let joined = self.queue.iter().filter(|(_, waiting)| waiting.has_joined(connect));
            let joined: Vec<_> = joined.map(|(waiter, _)| waiter).collect();
            let Some(first) = joined.first().filter(|_| env.acquire_permit().is_ok()) else { return };
            if let Some(waiting) = self.queue.get_mut(*first) {
                waiting.initiator = true;
            }
            let backup = self.connects.begin_backup(connect);
            actions.push(Action::BackUp { connect: backup, beside: connect, waiter: *first });
            actions.extend(joined.into_iter().map(|waiter| Action::Join(waiter, backup)));
        }
    }

    fn is_at_limit(&self, config: &PoolConfig) -> bool {
        let connects = self.connects.len();
        self.connections.open() + connects >= config.max_per_origin || connects >= config.max_connecting_per_origin
    }

    /// One of two connects failed: those who wait go on waiting for the other. False when there is no other.
    pub(super) fn failed_beside(&mut self, connect: ConnectKey, error: &ConnectError, actions: &mut Actions) -> bool {
        let Some(other) = self.connects.other(connect) else { return false };
        self.connects.note_failure(other, error);
        actions.push(Action::Notify(other));
        self.end(connect, None);
        true
    }

    /// A connect is about to end: the task of the other one, if there are two, looks after those who wait from now on.
    pub(crate) fn notify_other(&self, connect: ConnectKey) -> Actions {
        let mut actions = Actions::none();
        actions.extend(self.connects.other(connect).map(Action::Notify));
        actions
    }
}
