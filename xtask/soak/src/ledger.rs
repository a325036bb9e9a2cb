use skybridge::types::sync::Mutex;
use skybridge::{Cause, Delivery, Error};
use std::{
    fmt::{self, Display},
    ops::AddAssign,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
    },
};

/// What is known of the requests of a round, by both ends, and what must not have happened.
#[derive(Clone, Debug)]
pub(crate) struct Ledger(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    first: u64,
    entries: Vec<Entry>,
    found: Mutex<Vec<String>>,
    served: AtomicU64,
    dropped: AtomicU64,
    failed: [AtomicU64; 4],
}

/// One request, at its peers.
#[derive(Debug, Default)]
struct Entry {
    arrived: AtomicU32,
    /// Of these, those that weren't refused.
    taken: AtomicU32,
    /// What its caller was told: may a peer have it?
    unsent: AtomicBool,
    refused: AtomicBool,
}

/// How many requests ended how.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) served: u64,
    pub(crate) dropped: u64,
    /// By [`Kind`].
    failed: [u64; 4],
}

/// Why a request failed.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Time,
    Full,
    Connect,
    Exchange,
}

/// Enough to see what kind of mistake it is.
const SHOWN: usize = 5;

impl Ledger {
    pub(crate) fn new(first: u64, requests: u64) -> Self {
        let entries = (0..requests).map(|_| Entry::default()).collect();
        Self(Arc::new(Shared {
            first,
            entries,
            found: Mutex::default(),
            served: AtomicU64::default(),
            dropped: AtomicU64::default(),
            failed: Default::default(),
        }))
    }

    fn entry(&self, id: u64) -> Option<&Entry> {
        let index = id.checked_sub(self.0.first)?;
        self.0.entries.get(usize::try_from(index).ok()?)
    }

    /// Something that must not be.
    pub(crate) fn violated(&self, id: u64, what: impl Display) {
        self.0.found.lock().push(format!("request {id}: {what}"));
    }

    /// A peer has it. Whether it takes it, or refuses.
    pub(crate) fn arrived(&self, id: u64, post: bool, taken: bool) {
        let Some(entry) = self.entry(id) else { return self.violated(id, "arrived after its round") };
        entry.arrived.fetch_add(1, Ordering::SeqCst);
        if taken && entry.taken.fetch_add(1, Ordering::SeqCst) > 0 && post {
            self.violated(id, "a POST was processed twice");
        }
    }

    pub(crate) fn served(&self) {
        self.0.served.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn dropped(&self) {
        self.0.dropped.fetch_add(1, Ordering::Relaxed);
    }

    /// The caller was told so.
    pub(crate) fn failed(&self, id: u64, error: &Error) {
        let kind = match error.cause() {
            _ if error.is_timeout() => Kind::Time,
            Cause::Overloaded(_) => Kind::Full,
            Cause::Connect(_) => Kind::Connect,
            _ => Kind::Exchange,
        };
        self.0.failed[kind as usize].fetch_add(1, Ordering::Relaxed);
        let Some(entry) = self.entry(id) else { return };
        match error.delivery() {
            Delivery::Unsent => entry.unsent.store(true, Ordering::SeqCst),
            Delivery::Refused => entry.refused.store(true, Ordering::SeqCst),
            _ => {}
        }
        entry.check().unwrap_or_else(|what| self.violated(id, format!("{what}: {error:?}")));
    }

    pub(crate) fn tally(&self) -> Tally {
        Tally {
            served: self.0.served.load(Ordering::Relaxed),
            dropped: self.0.dropped.load(Ordering::Relaxed),
            failed: [0, 1, 2, 3].map(|kind| self.0.failed[kind].load(Ordering::Relaxed)),
        }
    }

    /// Nothing that must not be has happened: asked when nothing is under way any more, as a request may also arrive
    /// after its caller was told that it had not been sent.
    pub(crate) fn check(&self) -> Result<(), String> {
        for (id, entry) in (self.0.first..).zip(&self.0.entries) {
            entry.check().unwrap_or_else(|what| self.violated(id, what));
        }
        let found = self.0.found.lock();
        match found.len() {
            0 => Ok(()),
            more => Err(format!("{more} times something went wrong: {}", found[..more.min(SHOWN)].join("; "))),
        }
    }
}

impl Entry {
    fn check(&self) -> Result<(), &'static str> {
        match () {
            () if self.unsent.load(Ordering::SeqCst) && self.arrived.load(Ordering::SeqCst) > 0 => {
                Err("was said to be unsent, and arrived")
            }
            () if self.refused.load(Ordering::SeqCst) && self.taken.load(Ordering::SeqCst) > 0 => {
                Err("was said to be refused, and was taken")
            }
            () => Ok(()),
        }
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.served += other.served;
        self.dropped += other.dropped;
        self.failed.iter_mut().zip(other.failed).for_each(|(sum, failed)| *sum += failed);
    }
}

impl Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { served, dropped, failed: [time, full, connect, exchange] } = self;
        write!(
            f,
            "{served} served, {dropped} dropped, failed: {connect} without a connection, {full} at a full queue, "
        )?;
        write!(f, "{time} by a time limit, {exchange} by their peer")
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use skybridge::Phase;

    fn unsent() -> Error {
        Error::new(Delivery::Unsent, Phase::Acquire, "a failure")
    }

    #[test]
    fn a_post_that_is_taken_twice_is_found_and_one_that_was_refused_is_not() {
        let ledger = Ledger::new(7, 2);
        ledger.arrived(7, true, false);
        ledger.arrived(7, true, true);
        ledger.arrived(8, false, true);
        ledger.arrived(8, false, true);
        ledger.check().unwrap();
        ledger.arrived(7, true, true);
        assert!(ledger.check().unwrap_err().contains("request 7: a POST was processed twice"));
    }

    #[test]
    fn what_was_said_to_be_unsent_must_not_arrive_before_or_after() {
        for late in [false, true] {
            let ledger = Ledger::new(0, 1);
            if !late {
                ledger.arrived(0, false, true);
            }
            ledger.failed(0, &unsent());
            if late {
                ledger.arrived(0, false, true);
            }
            assert!(ledger.check().unwrap_err().contains("said to be unsent"), "late: {late}");
        }
    }

    #[test]
    fn a_request_of_an_earlier_round_must_not_arrive() {
        let ledger = Ledger::new(10, 1);
        ledger.arrived(9, false, true);
        assert!(ledger.check().is_err());
    }
}
