//! The state of one fake connection, and of each handle to it.

use super::{Exchange, queue::Queue};
use skybridge_core::{
    Capacity, CloseReason, ConnInfo, ConnectionStatus, Delivery, Error, Phase, StatusSender, sync::Mutex,
};
use std::{
    sync::{
        Arc, MutexGuard,
        atomic::{AtomicU8, Ordering},
    },
    task::Waker,
};
use tokio::sync::Notify;

pub(super) struct Shared<B> {
    pub(super) info: Arc<ConnInfo>,
    pub(super) exclusive: bool,
    pub(super) status: StatusSender,
    pub(super) exchanges: Queue<Exchange<B>>,
    pub(super) dropped: Notify,
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
pub(super) struct Slot(AtomicU8);

const IDLE: u8 = 0;
const BUSY: u8 = 1;
const CANCELLED: u8 = 2;

// === impl Shared ===

impl<B> Shared<B> {
    pub(super) fn new(info: Arc<ConnInfo>, exclusive: bool, capacity: Capacity) -> Self {
        let state = State {
            capacity,
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
            info,
            exclusive,
            status: StatusSender::new(),
            exchanges: Queue::default(),
            dropped: Notify::new(),
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
        self.0.load(Ordering::SeqCst) == BUSY
    }

    pub(super) fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::SeqCst) == CANCELLED
    }

    pub(super) fn begin<B>(&self, shared: &Shared<B>) {
        self.0.store(BUSY, Ordering::SeqCst);
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

    fn leave<B>(&self, shared: &Shared<B>, next: u8) -> bool {
        let left = self.0.compare_exchange(BUSY, next, Ordering::SeqCst, Ordering::SeqCst).is_ok();
        if left {
            shared.change(|state| state.in_flight -= 1);
        }
        left
    }
}
