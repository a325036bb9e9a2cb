use std::{cell::Cell, time::Instant};

thread_local! {
    /// When the call must be over that is being polled right now. Without a destructor, so that it is never gone.
    static DEADLINE: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// When the call must be over that is being polled: known to whoever would otherwise wait longer, below whatever
/// layers.
///
/// Whoever limits a call sets it while it polls the call, and a layer that is about to wait for a known time looks
/// first. It ends nothing by itself. If a layer in between lets another task poll its futures, it isn't seen below.
///
/// ```
/// use skybridge_core::Deadline;
///
/// # #[allow(clippy::disallowed_methods)]
/// let at = std::time::Instant::now();
/// assert_eq!(Deadline::during(at, Deadline::current), Some(at));
/// assert_eq!(Deadline::current(), None);
/// ```
#[derive(Debug)]
pub struct Deadline(Option<Instant>);

impl Deadline {
    /// Sets it while `poll` runs, which polls the call. One that was set before and is sooner stays.
    #[inline]
    pub fn during<T>(at: Instant, poll: impl FnOnce() -> T) -> T {
        let outer = DEADLINE.get();
        DEADLINE.set(Some(outer.map_or(at, |outer| outer.min(at))));
        let _restore = Self(outer);
        poll()
    }

    /// That of the call that is being polled on this thread; `None` if it has none.
    pub fn current() -> Option<Instant> {
        DEADLINE.get()
    }
}

impl Drop for Deadline {
    #[inline]
    fn drop(&mut self) {
        DEADLINE.set(self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        panic::{AssertUnwindSafe, catch_unwind},
        time::Duration,
    };

    #[test]
    #[expect(clippy::disallowed_methods, reason = "an instant to count from, never compared with the real time")]
    fn the_sooner_of_two_counts_and_none_afterwards() {
        let (soon, late) = (Instant::now(), Instant::now() + Duration::from_secs(1));
        for (outer, inner) in [(soon, late), (late, soon)] {
            Deadline::during(outer, || {
                assert_eq!(Deadline::during(inner, Deadline::current), Some(soon));
                let panics = || Deadline::during(inner, || std::panic::panic_any(()));
                assert!(catch_unwind(AssertUnwindSafe(panics)).is_err());
                assert_eq!(Deadline::current(), Some(outer));
            });
        }
        assert_eq!(Deadline::current(), None);
    }
}
