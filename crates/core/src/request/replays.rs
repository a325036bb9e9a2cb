use crate::sync::Mutex;
use http::Method;
use std::{any::Any, cell::Cell, fmt, marker::PhantomData};

/// The body of a request that can be sent again.
#[diagnostic::on_unimplemented(
    message = "a body of type `{Self}` doesn't say how it can be sent again",
    label = "to send a request again needs a copy of its body",
    note = "`RetryLayer::replaying` takes a function that copies it, `skybridge::RequestBody` implements this trait, and `RetryLayer::unsent` needs neither"
)]
pub trait Replay: Sized {
    /// A copy of the body. `None` if that would cost more than counting a reference, or if data has been taken from the
    /// body already.
    fn replay(&self) -> Option<Self>;
}

/// Which requests a retry layer can send again, if a connection returns them although it may have sent a part of them.
///
/// A connection keeps a copy of a request only if the retry layer above asks for it, and this is how it learns that,
/// whatever layers are in between. The retry layer [asks](Asking::enter) while it polls the service below; a connection
/// that starts an exchange finds out whether a layer [asks](Self::wanted) on this thread. (A mark in the request's
/// extensions would cost two allocations per request, and one in the type of its body would be in the type of every
/// layer in between.) Without a retry layer there is no cost.
///
/// If a layer in between lets another task poll its futures, the connection doesn't see the question. Requests that may
/// have been sent in part are not returned then, and not sent again.
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
    follow_ups: bool,
}

/// A prepared request for [`Replays`], made once by a retry layer.
#[derive(Clone, Copy)]
pub struct Asking(&'static (dyn Any + Send + Sync));

/// All that were prepared. They stay for as long as the program runs, so that to ask, which is done several times for
/// each request, counts no references and leaves nothing to be dropped. There is one for each type of body, function
/// and setting that the program has, however many layers are made of them.
static PREPARED: Mutex<Vec<Asking>> = Mutex::new(Vec::new());

thread_local! {
    /// What the innermost layer that is being polled asks for. Without a destructor: it is there until the thread is
    /// gone, and to look at it never fails.
    static ASKED: Cell<Option<Asking>> = const { Cell::new(None) };
}

/// While this guard exists, [`Asking`] asks on this thread. Dropped, also by a panic, it restores what was asked
/// before.
#[must_use = "it asks until it is dropped"]
pub struct Asked {
    outer: Option<Asking>,
    /// Not `Send`: it belongs to this thread.
    _thread: PhantomData<*const ()>,
}

// === impl Replays ===

impl<B: 'static> Replays<B> {
    /// Requests whose method is idempotent (RFC 9110, section 9.2.2) or that were not processed, and whose body `body`
    /// copies.
    pub fn new(body: fn(&B) -> Option<B>) -> Self {
        Self { body, any_method: false, follow_ups: false }
    }

    /// Requests of any method, although they may have been processed.
    pub fn any_method(mut self) -> Self {
        self.any_method = true;
        self
    }

    /// Also requests of any method that were answered with a status that [asks for them again](crate::FollowUp).
    pub fn follow_ups(mut self) -> Self {
        self.follow_ups = true;
        self
    }

    /// What is asked for on this thread right now. Connections call it when an exchange starts, and when it is
    /// answered with a status that [asks for another](crate::FollowUp).
    #[inline]
    pub fn wanted() -> Option<Self> {
        ASKED.get()?.0.downcast_ref().copied()
    }

    /// A copy of the body, if that is possible.
    pub fn body(&self, body: &B) -> Option<B> {
        (self.body)(body)
    }

    /// Whether a request with this method may be sent again although it may have been processed.
    pub fn may_repeat(&self, method: &Method) -> bool {
        self.any_method || method.is_idempotent()
    }

    /// Whether requests that are answered with a status that [asks for them again](crate::FollowUp) are of use.
    pub fn wants_follow_ups(&self) -> bool {
        self.follow_ups
    }

    /// Prepares to ask for these. What is prepared is kept, once for all that are the same, for as long as the program
    /// runs.
    pub fn ask(self) -> Asking {
        let mut prepared = PREPARED.lock();
        let same = |asking: &&Asking| asking.0.downcast_ref().is_some_and(|other| self.is_same(other));
        if let Some(known) = prepared.iter().find(same) {
            return *known;
        }
        let new = Asking(Box::leak(Box::new(self)));
        prepared.push(new);
        new
    }

    fn is_same(&self, other: &Self) -> bool {
        // One function may have several addresses, in a program a limited number of them.
        std::ptr::fn_addr_eq(self.body, other.body)
            && self.any_method == other.any_method
            && self.follow_ups == other.follow_ups
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
        f.debug_struct("Replays")
            .field("any_method", &self.any_method)
            .field("follow_ups", &self.follow_ups)
            .finish_non_exhaustive()
    }
}

// === impl Asking ===

impl Asking {
    /// Asks until the guard is dropped. It must be dropped before the current poll returns.
    #[inline]
    pub fn enter(self) -> Asked {
        Asked::new(Some(self))
    }

    /// Asks while `poll` runs, which polls a future below.
    #[inline]
    pub fn during<T>(self, poll: impl FnOnce() -> T) -> T {
        let _asked = self.enter();
        poll()
    }
}

// === impl Asked ===

impl Asked {
    /// Asks until it is dropped. `None` leaves it at what is asked already: without a branch, so that whatever is done
    /// meanwhile is one path of code, in which nothing large need be moved to where two paths meet.
    #[inline]
    pub fn new(asking: Option<Asking>) -> Self {
        let outer = ASKED.get();
        ASKED.set(asking.or(outer));
        Self { outer, _thread: PhantomData }
    }
}

impl Drop for Asked {
    #[inline]
    fn drop(&mut self) {
        ASKED.set(self.outer);
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

impl Replay for String {
    fn replay(&self) -> Option<Self> {
        Some(self.clone())
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
    fn the_innermost_layer_is_heard_and_none_afterwards() {
        let (safe, any) = (Replays::new(<()>::replay), Replays::new(<()>::replay).any_method());
        let (safe, any) = (safe.ask(), any.ask());
        safe.during(|| {
            assert_eq!(any_method(), Some(false));
            any.during(|| assert_eq!((any_method(), any_method()), (Some(true), Some(true))));
            assert_eq!(any_method(), Some(false));
            assert!(catch_unwind(AssertUnwindSafe(|| any.during(|| std::panic::panic_any(())))).is_err());
            assert_eq!(any_method(), Some(false));
            // A layer that asks for requests with one type of body can't take those with another.
            assert!(Replays::<u8>::wanted().is_none());
        });
        assert_eq!(any_method(), None);
    }

    #[test]
    fn what_is_the_same_is_prepared_once() {
        fn never(_: &u16) -> Option<u16> {
            None
        }
        let kept = || PREPARED.lock().iter().filter(|asking| asking.0.is::<Replays<u16>>()).count();
        (0..100).for_each(|_| _ = Replays::new(never).ask());
        assert_eq!(kept(), 1);
        Replays::new(never).any_method().ask().during(|| {
            assert!(Replays::<u16>::wanted().is_some_and(|replays| replays.any_method && replays.body(&1).is_none()));
        });
        assert_eq!(kept(), 2);
        assert!(!Replays::new(never).wants_follow_ups());
        Replays::new(never).follow_ups().ask().during(|| {
            assert!(Replays::<u16>::wanted().is_some_and(|replays| replays.wants_follow_ups() && !replays.any_method));
        });
        assert_eq!(kept(), 3);
    }

    #[test]
    fn what_may_be_repeated_is_decided_by_method_or_setting() {
        let safe = Replays::new(<()>::replay);
        assert!(safe.may_repeat(&Method::PUT) && !safe.may_repeat(&Method::POST));
        assert!(safe.any_method().may_repeat(&Method::POST));
    }
}
