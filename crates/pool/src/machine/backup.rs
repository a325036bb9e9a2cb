//! A second connect beside one that takes long, for the same requests.
//!
//! Requests join the first of two, and their time limits hold for both. Whichever comes first serves them; if one ends
//! without having served them, they wait for the other. When one has come to a connection, nothing is wanted of the
//! other any more: whom the connection doesn't serve gets a connect that isn't known to take long.

use crate::{
    config::{AtConnectionLimit, PoolConfig},
    machine::{
        Machine,
        action::{Action, Actions},
        connections::ConnectionKey,
        connects::{ConnectKey, Connects},
        environment::Environment,
        queue::{WaiterKey, Waiting},
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

    /// Begins one more beside each that takes long and that somebody waits for. It takes nothing from those who are
    /// there: no request is refused for it, no idle connection makes room, and it waits for no permit. Where limits
    /// refuse requests it would take the place of one that comes, and so there is none, nor while connects fail.
    pub(super) fn begin_backups(&mut self, config: &PoolConfig, env: &impl Environment, actions: &mut Actions) {
        while let Some(connect) = self.connects.next_that_wants_backup() {
            let limited = config.max_per_origin != usize::MAX || config.max_total != usize::MAX;
            let refuses = limited && config.at_connection_limit == AtConnectionLimit::Refuse;
            if refuses || self.is_failing(env, actions) || self.is_at_limit(config) || env.acquire_permit().is_err() {
                return;
            }
            let joined = self.queue.iter().filter(|(_, waiting)| waiting.has_joined(connect));
            let joined: Vec<_> = joined.map(|(waiter, _)| waiter).collect();
            let backup = self.connects.begin_backup(connect);
            // invariant: one that wants another is waited for.
            if let Some(first) = joined.first().copied() {
                if let Some(waiting) = self.queue.get_mut(first) {
                    waiting.initiator = true;
                }
                actions.push(Action::BackUp { connect: backup, beside: connect, waiter: first });
            }
            actions.extend(joined.into_iter().map(|waiter| Action::Join(waiter, backup)));
        }
    }

    fn is_at_limit(&self, config: &PoolConfig) -> bool {
        self.connections.open() + self.connects.len() >= config.max_per_origin
            || self.connects.wanted() >= config.max_connecting_per_origin
    }

    /// One of two connects failed: those who wait go on waiting for the other. False when there is no other.
    pub(super) fn failed_beside(&mut self, connect: ConnectKey, error: &ConnectError, actions: &mut Actions) -> bool {
        let Some(other) = self.connects.other(connect) else { return false };
        // What one met on this side alone says nothing of why the other fails.
        if !error.is_overloaded() {
            self.connects.note_failure(other, error);
        }
        actions.push(Action::Notify(other));
        self.end(connect, None);
        true
    }

    /// A connect has ended, and nothing is wanted of the other one of two either: those who had joined them are without
    /// one. The other is given up if it has no socket; it becomes an idle connection otherwise.
    pub(super) fn end_both(&mut self, connect: ConnectKey, connection: Option<ConnectionKey>) -> Actions {
        let mut actions = Actions::none();
        let Some(other) = self.connects.other(connect) else {
            self.end(connect, connection);
            return actions;
        };
        self.unjoined_in_middle = true;
        self.connects.end(connect);
        self.connects.supersede(other);
        for place in 0..self.queue.places() {
            if let Some((waiter, waiting)) = self.queue.at(place)
                && (waiting.has_joined(connect) || waiting.has_joined(other))
            {
                waiting.connect = None;
                waiting.connected = connection;
                actions.push(Action::Leave { waiter, connect: other, last: false });
            }
        }
        actions.push(Action::Notify(other));
        actions
    }

    /// Whether a connect is what another one has left over, which came to a connection.
    pub(crate) fn is_left_over(&self, connect: ConnectKey) -> bool {
        self.is_under_way(connect) && !self.connects.is_wanted(connect)
    }

    /// No other way would help: those who wait for one of two fail at once. `None` when there is no other.
    pub(super) fn failed_for_both(&mut self, connect: ConnectKey, error: &ConnectError) -> Option<Actions> {
        let other = self.connects.other(connect)?;
        let waits = |waiting: &Waiting| waiting.has_joined(connect) || waiting.has_joined(other);
        let joined = self.queue.iter().filter(|(_, waiting)| waits(waiting)).map(|(waiter, _)| waiter);
        let joined: Vec<_> = joined.collect();
        let mut actions = self.end_both(connect, None);
        for waiter in joined {
            self.queue.remove(waiter);
            actions.push(Action::Fail(waiter, error.clone().into()));
        }
        Some(actions)
    }

    /// The other of two connects.
    pub(crate) fn beside(&self, connect: ConnectKey) -> Option<ConnectKey> {
        self.connects.other(connect)
    }

    /// A connect is about to end: the task of the other one, if there are two, looks after those who wait from now on.
    pub(crate) fn notify_other(&self, connect: ConnectKey) -> Actions {
        let mut actions = Actions::none();
        actions.extend(self.connects.other(connect).map(Action::Notify));
        actions
    }
}

/// A request waits no more for a connect, nor for the other of two.
pub(super) fn leave(connects: &mut Connects, connect: ConnectKey, waiter: WaiterKey, actions: &mut Actions) {
    let last = connects.leave(connect);
    let both = [Some(connect), connects.other(connect)].into_iter().flatten();
    actions.extend(both.map(|connect| Action::Leave { waiter, connect, last }));
}
