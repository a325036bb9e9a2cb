use super::event::{Event, Observe};
use std::cell::Cell;

thread_local! {
    /// The panic that unwinds on this thread is an observer's.
    static BROKEN: Cell<bool> = const { Cell::new(false) };
}

struct Unwinding {
    /// Something else did before.
    unwinds: bool,
}

impl Drop for Unwinding {
    fn drop(&mut self) {
        if !self.unwinds && std::thread::panicking() {
            let _ = BROKEN.try_with(|broken| broken.set(true));
        }
    }
}

/// Passes an event to an observer. While the panic of an observer unwinds no observer is called on its thread: what is
/// dropped meanwhile has events of its own, and a second panic would abort the process. While another panic unwinds
/// they are called, as somebody may want to know what ends by it: one that panics then aborts the process.
pub fn notify(observer: &(impl Observe + ?Sized), event: &Event<'_>) {
    let unwinds = std::thread::panicking();
    if BROKEN.try_with(|broken| broken.replace(unwinds && broken.get()) && unwinds).unwrap_or(false) {
        return;
    }
    let _unwinding = Unwinding { unwinds };
    observer.observe(event);
}
