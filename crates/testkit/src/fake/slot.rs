//! The state of one fake connection, and of each handle to it.

use super::{Exchange, Facts, parts::Parts, queue::Queue};
use skybridge_core::{
    Capacity, CloseReason, ConnInfo, ConnectionStatus, Delivery, Error, Phase, Protocol, Route, StatusSender,
    sync::Mutex,
};
use std::{
    sync::{
        Arc, MutexGuard,
        atomic::{AtomicU8, Ordering},
    },
    task::{Context, Poll, Waker},
};
use tokio::sync::Notify;

pub(super) struct Shared<B> {
    /// As it was made.
    pub(super) info: Arc<ConnInfo>,
    pub(super) exclusive: bool,
    pub(super) status: StatusSender,
    pub(super) exchanges: Queue<Exchange<B>>,
    pub(super) dropped: Notify,
    /// An exclusive one reads what is missing of a response that was dropped.
    pub(super) drains: bool,
    /// It can't be taken to another origin.
    pub(super) stays: bool,
    state: Mutex<State>,
}

pub(super) struct State {
    pub(super) capacity: Capacity,
    /// Draining or closed.
    pub(super) over: Option<ConnectionStatus>,
    /// Why `poll_ready` is pending until the test releases it.
    pub(super) held: Option<Held>,
    pub(super) answers_all: bool,
    pub(super) handles: usize,
    pub(super) in_flight: usize,
    pub(super) max_in_flight: usize,
    pub(super) started: usize,
    wakers: Vec<Waker>,
}

/// Why a handle isn't ready.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Held {
    /// The request half of its last exchange.
    Request,
    /// A driver that has not run yet.
    Driver,
}

/// The exchange of one handle, which either end may finish.
#[derive(Debug, Default)]
pub(super) struct Slot {
    state: AtomicU8,
    /// What is missing of a response that was dropped.
    unread: Mutex<Option<Parts>>,
}

const IDLE: u8 = 0;
const BUSY: u8 = 1;
const CANCELLED: u8 = 2;

// === impl Shared ===

impl<B> Shared<B> {
    pub(super) fn new(facts: Facts, route: &Route) -> Self {
        let (exclusive, drains, stays) = (facts.protocol == Protocol::Http1, facts.drains, facts.stays);
        let state = State {
            capacity: facts.capacity,
            over: None,
            held: None,
            answers_all: false,
            handles: 0,
            in_flight: 0,
            max_in_flight: 0,
            started: 0,
            wakers: Vec::new(),
        };
        Self {
            info: facts.freeze(route),
            exclusive,
            status: StatusSender::new(),
            exchanges: Queue::default(),
            dropped: Notify::new(),
            drains,
            stays,
            state: Mutex::new(state),
        }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    /// Changes the state and wakes every handle.
    pub(super) fn change<R>(&self, change: impl FnOnce(&mut State) -> R) -> R {
        let (result, wakers) = {
            let mut state = self.state();
            (change(&mut state), std::mem::take(&mut state.wakers))
        };
        wakers.into_iter().for_each(Waker::wake);
        result
    }

    /// Accepts no more exchanges, and reports why.
    pub(super) fn end(&self, status: ConnectionStatus) {
        self.change(|state| {
            if !matches!(state.over, Some(ConnectionStatus::Closed(_))) {
                state.over = Some(status);
                state.capacity = Capacity::None;
            }
        });
        self.status.report(status);
    }

    /// An exchange ended before its response did.
    pub(super) fn cut(&self) {
        if self.exclusive {
            self.end(ConnectionStatus::Closed(CloseReason::Unread));
        }
    }

    pub(super) fn error(&self, delivery: Delivery, phase: Phase, what: &str) -> Error {
        Error::new(delivery, phase, what).on(&self.info)
    }
}

// === impl State ===

impl State {
    pub(super) fn wait(&mut self, waker: &Waker) {
        if !self.wakers.iter().any(|other| other.will_wake(waker)) {
            self.wakers.push(waker.clone());
        }
    }
}

// === impl Slot ===

impl Slot {
    pub(super) fn is_busy(&self) -> bool {
        self.state.load(Ordering::SeqCst) == BUSY
    }

    pub(super) fn is_cancelled(&self) -> bool {
        self.state.load(Ordering::SeqCst) == CANCELLED
    }

    pub(super) fn begin<B>(&self, shared: &Shared<B>) {
        self.state.store(BUSY, Ordering::SeqCst);
        shared.change(|state| {
            state.started += 1;
            state.in_flight += 1;
            state.max_in_flight = state.max_in_flight.max(state.in_flight);
        });
    }

    /// The exchange is over; false when it was already.
    pub(super) fn finish<B>(&self, shared: &Shared<B>) -> bool {
        self.leave(shared, IDLE)
    }

    /// The exchange is dropped; false if it was over already.
    pub(super) fn cancel<B>(&self, shared: &Shared<B>) -> bool {
        self.leave(shared, CANCELLED)
    }

    /// The response was dropped before its end. False when nobody reads on.
    pub(super) fn leave_unread<B>(&self, shared: &Shared<B>, parts: Parts) -> bool {
        let drains = shared.exclusive && shared.drains && self.is_busy();
        if drains {
            *self.unread.lock() = Some(parts);
            // Whoever waits reads it from now on.
            shared.change(|_| ());
        }
        drains
    }

    /// Reads on in a response that was dropped, as far as it is here.
    pub(super) fn read_on<B>(&self, shared: &Shared<B>, cx: &mut Context<'_>) {
        let mut unread = self.unread.lock();
        while let Some(parts) = &mut *unread
            && let Poll::Ready(part) = parts.poll(cx)
        {
            let broken = matches!(part, Some(Err(_)));
            if part.is_none() || broken || parts.are_all_here() {
                *unread = None;
            }
            if broken && self.cancel(shared) {
                shared.cut();
            } else if unread.is_none() {
                self.finish(shared);
            }
        }
    }

    fn leave<B>(&self, shared: &Shared<B>, next: u8) -> bool {
        let left = self.state.compare_exchange(BUSY, next, Ordering::SeqCst, Ordering::SeqCst).is_ok();
        if left {
            shared.change(|state| state.in_flight -= 1);
        }
        left
    }
}
