//! The pool's lock-free words and hand-overs, with every interleaving of two or three threads:
//! `RUSTFLAGS="--cfg loom" cargo test --release -p skybridge-pool --test loom` (`cargo xtask nightly`).
#![cfg(loom)]
#![allow(clippy::unwrap_used, clippy::panic, dead_code, unreachable_pub, missing_docs, reason = "tests of parts")]

#[path = "../src/flight.rs"]
mod flight;
#[path = "../src/held.rs"]
mod held;
#[path = "../src/search_limits.rs"]
mod search_limits;
#[path = "../src/signal.rs"]
mod signal;
#[path = "../src/slots.rs"]
mod slots;
#[path = "../src/ticket.rs"]
mod ticket;

mod sync {
    pub(crate) use loom::sync::{Arc, Mutex, MutexGuard, atomic};
    pub(crate) use std::sync::PoisonError;
}

mod state {
    /// A connection, as far as a ticket looks at it.
    #[derive(Debug)]
    pub(crate) struct Grant<C>(pub(crate) C);
}

use flight::Flight;
use loom::{
    future::block_on,
    sync::{
        Arc, Mutex,
        atomic::{
            AtomicBool, AtomicUsize,
            Ordering::{Acquire, Release, SeqCst},
        },
    },
    thread,
};
use slots::Slots;
use std::{
    future::poll_fn,
    task::{Context, Poll, Waker},
};
use ticket::{Luggage, Ticket};

#[test]
fn no_slot_is_given_out_after_the_last_look_of_who_drains() {
    loom::model(|| {
        let slots = Arc::new(Slots::new(2, false));
        let theirs = Arc::clone(&slots);
        let user = thread::spawn(move || {
            let reserved = theirs.reserve().is_some();
            (reserved, reserved && !theirs.release() && theirs.seen().in_use == 0)
        });
        let in_use = slots.drain().unwrap();
        // Exactly one of the two sees that nobody uses it any more, or both: then closing tells which was first.
        let (reserved, last) = user.join().unwrap();
        assert!(in_use == 0 || last, "whoever has the last slot of a drained connection closes it");
        assert!(!reserved || in_use <= 1);
        assert!(slots.reserve().is_none());
        assert!(slots.close() && !slots.close());
    });
}

#[test]
fn slots_never_exceed_the_room() {
    loom::model(|| {
        let (slots, running) = (Arc::new(Slots::new(1, false)), Arc::new(AtomicUsize::new(0)));
        let users: Vec<_> = (0..2)
            .map(|_| {
                let (slots, running) = (Arc::clone(&slots), Arc::clone(&running));
                thread::spawn(move || {
                    if slots.reserve().is_some() {
                        assert_eq!(running.fetch_add(1, SeqCst), 0);
                        running.fetch_sub(1, SeqCst);
                        slots.release();
                    }
                })
            })
            .collect();
        slots.set_suspect(true);
        users.into_iter().for_each(|user| user.join().unwrap());
        assert_eq!(slots.seen().in_use, 0);
    });
}

#[test]
fn one_of_two_who_drain_is_first() {
    loom::model(|| {
        let slots = Arc::new(Slots::new(1, true));
        let theirs = Arc::clone(&slots);
        let reaper = thread::spawn(move || theirs.drain_unused());
        let used = slots.reserve().is_some();
        let drained = reaper.join().unwrap();
        assert!(used != drained, "either it is used, or it is idle for too long");
    });
}

/// How a name waits for a connection that other names use too (`Record::line_up`, `Record::slot_came_free`): it lines
/// up and looks once more, and whoever frees a slot looks at the line, if there ever was one.
#[test]
fn who_lines_up_finds_the_slot_or_is_found() {
    loom::model(|| {
        let slots = Arc::new(Slots::new(1, false));
        assert!(slots.reserve().is_some());
        let (any, line) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(false)));
        let (theirs, their_any, their_line) = (Arc::clone(&slots), Arc::clone(&any), Arc::clone(&line));
        let user = thread::spawn(move || {
            theirs.release();
            their_any.load(Acquire) && std::mem::take(&mut *their_line.lock().unwrap())
        });
        any.store(true, Release);
        let mut served = slots.reserve().is_some();
        if !served {
            *line.lock().unwrap() = true;
            served = slots.look_again() && slots.reserve().is_some();
        }
        let found = user.join().unwrap();
        assert!(served || found, "a slot is free, and nobody tells who waits for it");
    });
}

/// A connection that counts where it ends up.
struct Conn(Arc<AtomicUsize>);

impl Drop for Conn {
    fn drop(&mut self) {
        self.0.fetch_add(1, SeqCst);
    }
}

#[test]
fn what_is_delivered_is_taken_or_given_back_and_never_lost() {
    loom::model(|| {
        let (dropped, ticket) = (Arc::new(AtomicUsize::new(0)), Ticket::new(Luggage::default()));
        let (connection, theirs) = (Conn(Arc::clone(&dropped)), Arc::clone(&ticket));
        let pool = thread::spawn(move || theirs.deliver(Ok(state::Grant(connection))));
        let left = ticket.leave();
        let back = pool.join().unwrap();
        assert!(left.is_some() != back.is_some(), "it is in the hands of exactly one");
        assert_eq!(dropped.load(SeqCst), 0);
    });
}

#[test]
fn who_waits_is_woken() {
    loom::model(|| {
        let ticket = Ticket::new(Luggage::default());
        let theirs = Arc::clone(&ticket);
        let pool = thread::spawn(move || assert!(theirs.deliver(Ok(state::Grant(7))).is_none()));
        let grant = block_on(poll_fn(|cx| ticket.poll(cx)));
        assert_eq!(grant.unwrap().0, 7);
        pool.join().unwrap();
    });
}

#[test]
fn a_search_learns_that_it_is_alone() {
    loom::model(|| {
        let flight = Flight::new(search_limits::SearchLimits::new(skybridge_core::Timeouts::new()));
        flight.join();
        flight.join();
        let leavers: Vec<_> = (0..2)
            .map(|_| {
                let flight = Arc::clone(&flight);
                thread::spawn(move || {
                    if flight.leave() {
                        flight.look.set();
                    }
                })
            })
            .collect();
        block_on(poll_fn(|cx| flight.look.poll(cx)));
        leavers.into_iter().for_each(|leaver| leaver.join().unwrap());
        assert_eq!(flight.joined(), 0);
        let mut cx = Context::from_waker(Waker::noop());
        assert_eq!(flight.look.poll(&mut cx), Poll::Pending, "it is told once");
    });
}
