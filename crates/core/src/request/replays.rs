use http::Method;
use std::{any::Any, cell::Cell, fmt, marker::PhantomData, sync::Arc};

/// The body of a request that may be had once more.
#[diagnostic::on_unimplemented(
    message = "a body of type `{Self}` doesn't say how it is had once more",
    label = "what is sent again needs its body again",
    note = "`RetryLayer::replaying` takes a function that says it, `skybridge::RequestBody` says it itself, and `RetryLayer::unsent` needs none"
)]
pub trait Replay: Sized {
    /// The same once more, if that costs no more than counting a reference, and nothing of it has been taken yet.
    fn replay(&self) -> Option<Self>;
}

/// Which requests are of use to whoever is above if they come back after they were given to a connection: who can send them again.
///
/// Whether a connection copies what it writes is decided by the retry layer alone, and here is how its connections learn of it, whatever is
/// between. The layer polls what is below it while it [asks](Asking::enter); a connection that starts an exchange looks whether somebody
/// [asks](Self::wanted). (A mark in a request's extensions would cost two allocations for each, and one in the type of its body would be in the
/// type of every layer between.) Who asks for nothing pays for nothing.
///
/// A layer between the two that has its futures polled by another task than the one that polls it takes the asking away: what a connection has
/// written does not come back then, and is not sent again.
///
/// ```
/// use skybridge_core::Replays;
///
/// let asking = Replays::<()>::new(|body| Some(*body)).ask();
/// assert!(Replays::<()>::wanted().is_none());
/// assert!(asking.during(|| Replays::<()>::wanted().is_some()));
/// ```
pub struct Replays<B> {
    body: fn(&B) -> Option<B>,
    any_method: bool,
}

/// A wish for [`Replays`], made once and held by who has it.
#[derive(Clone)]
pub struct Asking(Arc<dyn Any + Send + Sync>);

thread_local! {
    /// Of the innermost layer that is being polled and asks.
    static ASKED: Cell<Option<Asking>> = const { Cell::new(None) };
}

/// While this is held, [`Asking`] asks on this thread. Dropped, also by a panic, what was asked before is asked again.
#[must_use = "it asks until it is dropped"]
pub struct Asked {
    outer: Option<Asking>,
    /// It is this thread's.
    _thread: PhantomData<*const ()>,
}

// === impl Replays ===

impl<B: 'static> Replays<B> {
    /// Those that may be repeated by their method (RFC 9110, section 9.2.2), or were not processed, with a body that can be had once more.
    pub fn new(body: fn(&B) -> Option<B>) -> Self {
        Self { body, any_method: false }
    }

    /// Whatever the method, though they may have been processed.
    pub fn any_method(mut self) -> Self {
        self.any_method = true;
        self
    }

    /// What is asked for on this thread right now. For connections, when an exchange starts.
    #[inline]
    pub fn wanted() -> Option<Self> {
        // While a thread ends, nobody asks.
        ASKED
            .try_with(|asked| {
                let asking = asked.take()?;
                let replays = asking.0.downcast_ref::<Self>().copied();
                asked.set(Some(asking));
                replays
            })
            .ok()?
    }

    /// The body once more, if that is possible.
    pub fn body(&self, body: &B) -> Option<B> {
        (self.body)(body)
    }

    /// Whether a request with this method is of use though it may have been processed.
    pub fn may_repeat(&self, method: &Method) -> bool {
        self.any_method || method.is_idempotent()
    }

    /// To be held by whoever asks.
    pub fn ask(self) -> Asking {
        Asking(Arc::new(self))
    }
}

impl<B> Clone for Replays<B> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<B> Copy for Replays<B> {}

impl<B> fmt::Debug for Replays<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Replays").field("any_method", &self.any_method).finish_non_exhaustive()
    }
}

// === impl Asking ===

impl Asking {
    /// Asks until the guard is dropped, which is to be before the poll is over that it is made in.
    #[inline]
    pub fn enter(&self) -> Asked {
        // While a thread ends, nobody asks.
        let outer = ASKED.try_with(|asked| asked.replace(Some(self.clone()))).ok().flatten();
        Asked { outer, _thread: PhantomData }
    }

    /// Asks while this runs: the poll of a future below.
    #[inline]
    pub fn during<T>(&self, poll: impl FnOnce() -> T) -> T {
        let _asked = self.enter();
        poll()
    }
}

// === impl Asked ===

impl Drop for Asked {
    #[inline]
    fn drop(&mut self) {
        let outer = self.outer.take();
        let _ = ASKED.try_with(|asked| asked.set(outer));
    }
}

impl fmt::Debug for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Asked(..)")
    }
}

impl fmt::Debug for Asking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Asking(..)")
    }
}

impl Replay for () {
    fn replay(&self) -> Option<Self> {
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    fn any_method() -> Option<bool> {
        Replays::<()>::wanted().map(|replays| replays.any_method)
    }

    #[test]
    fn the_innermost_is_heard_and_nobody_afterwards() {
        let (safe, any) = (Replays::new(<()>::replay), Replays::new(<()>::replay).any_method());
        let (safe, any) = (safe.ask(), any.ask());
        safe.during(|| {
            assert_eq!(any_method(), Some(false));
            any.during(|| assert_eq!((any_method(), any_method()), (Some(true), Some(true))));
            assert_eq!(any_method(), Some(false));
            assert!(catch_unwind(AssertUnwindSafe(|| any.during(|| std::panic::panic_any(())))).is_err());
            assert_eq!(any_method(), Some(false));
            // A request with another body can't be given to who asks for these.
            assert!(Replays::<u8>::wanted().is_none());
        });
        assert_eq!(any_method(), None);
    }

    #[test]
    fn what_may_be_repeated_is_decided_by_method_or_by_wish() {
        let safe = Replays::new(<()>::replay);
        assert!(safe.may_repeat(&Method::PUT) && !safe.may_repeat(&Method::POST));
        assert!(safe.any_method().may_repeat(&Method::POST));
    }
}
