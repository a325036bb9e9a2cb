use crate::wire::Wire;
use skybridge_core::{Runtime, Sleep};
use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
    time::Instant,
};

/// The driver's timer. It says that there is something to look at when it fires, so that the driver need not poll it
/// each time that it is woken.
pub(crate) struct Alarm {
    timer: Pin<Box<dyn Sleep>>,
    due: Instant,
    waker: Waker,
}

struct Ring {
    driver: Waker,
    wire: Wire,
}

impl Alarm {
    pub(crate) fn new(runtime: &dyn Runtime, due: Instant, cx: &Context<'_>, wire: &Wire) -> Self {
        let waker = Waker::from(Arc::new(Ring { driver: cx.waker().clone(), wire: wire.clone() }));
        Self { timer: runtime.sleep_until(due), due, waker }
    }

    pub(crate) fn reset(&mut self, due: Instant) {
        if self.due != due {
            self.due = due;
            self.timer.as_mut().reset(due);
        }
    }

    /// Ready when it is due.
    pub(crate) fn poll(&mut self) -> Poll<()> {
        self.timer.as_mut().poll(&mut Context::from_waker(&self.waker))
    }
}

impl Wake for Ring {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.wire.set_control();
        self.driver.wake_by_ref();
    }
}
