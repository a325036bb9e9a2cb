use crate::{
    chunk::Chunk, classify, ending::DriverEnd, pings::Pings, preface_io::PrefaceIo, settings::Settings, shared::Shared,
    stream_limit::UNANNOUNCED, windows::Windows,
};
use h2::client::Connection;
use http_body::Body;
use pin_project::{pin_project, pinned_drop};
use skybridge_core::{CloseReason, ConnectionStatus, Io, Sleep};
use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker, ready},
    time::Duration,
};

/// How long the driver tries to send its last frames to a peer that reads nothing, once no handle is left.
const LINGER: Duration = Duration::from_secs(30);

/// The task of a connection: reads and writes its frames, and reports its status.
#[pin_project(PinnedDrop)]
pub(crate) struct Driver<I: Io, B: Body> {
    connection: Connection<PrefaceIo<I>, Chunk<B::Data>>,
    shared: Arc<Shared<B>>,
    draining: Option<CloseReason>,
    linger: Option<Linger>,
    windows: Windows,
    /// The windows may be too small, and could not be raised yet.
    raises: bool,
    /// The windows were lowered when so many SETTINGS had been acknowledged, all there were.
    lowered: Option<u32>,
    pings: Pings,
    /// What everything wakes that this task waits for.
    waker: Option<Waker>,
}

/// No handle is left, and the last frames wait for the peer to read.
struct Linger {
    timer: Pin<Box<dyn Sleep>>,
    /// The count of writes with progress when the timer was started.
    progress: usize,
}

impl<I: Io, B: Body> Driver<I, B> {
    pub(crate) fn new(
        connection: Connection<PrefaceIo<I>, Chunk<B::Data>>,
        shared: Arc<Shared<B>>,
        settings: &Settings,
    ) -> Self {
        let windows = Windows::new(settings, &shared.wire);
        let pings = Pings::new(settings, shared.runtime.now());
        let (draining, linger, waker) = (None, None, None);
        Self { connection, shared, draining, linger, windows, raises: false, lowered: None, pings, waker }
    }

    /// Nothing was read that changes what the connection may carry, and nothing keeps the h2 crate from having handled
    /// all that was read: it stops in the middle only while it can't write.
    #[inline]
    fn is_quiet(&self) -> bool {
        self.linger.is_none() && self.shared.wire.blocked().is_none() && !self.shared.wire.take_control()
    }

    /// More streams are open than the windows were made for.
    #[cold]
    fn lower_windows(&mut self, open: usize) {
        if let Some(window) = self.windows.lower(open)
            && self.announce(window, open)
        {
            self.lowered = Some(self.shared.wire.acknowledged());
        }
    }

    /// False if the peer has not acknowledged the SETTINGS before.
    fn announce(&mut self, window: u32, open: usize) -> bool {
        let announced = self.connection.set_initial_window_size(window).is_ok();
        if announced {
            self.windows.announce(window, open);
        }
        announced
    }

    /// Looks at all that may have happened but for requests and responses. Returns why the connection is at its end, if
    /// it is.
    #[cold]
    fn look(&mut self, cx: &mut Context<'_>) -> Option<DriverEnd> {
        let (shared, open) = (&self.shared, self.shared.wire.open_streams());
        if let Some(bytes) = self.pings.poll_answer(shared, cx) {
            self.windows.measured(bytes, shared.wire.data());
            self.raises = true;
        }
        let probes = shared.take_wants_probe();
        if self.lowered.is_some_and(|acknowledged| acknowledged != shared.wire.acknowledged()) {
            self.lowered = None;
            shared.wire.wake_readers();
        }
        let (data, mut measures) = (shared.wire.data(), false);
        if data >= shared.wire.looks_at() {
            shared.wire.look_at(self.windows.next_look(data));
            self.raises = true;
            measures = self.windows.wants_measurement(data, open);
        }
        if (probes || measures || self.pings.are_regular()) && !self.pings.is_open() {
            self.pings.open(self.connection.ping_pong());
            // The h2 crate looks for what it is to send when it is polled, and doesn't wake anybody before.
            cx.waker().wake_by_ref();
        }
        let shared = &self.shared;
        if probes {
            self.pings.probe(shared);
        }
        if measures {
            self.pings.measure(shared);
        }
        if self.raises {
            self.raises = match self.windows.raise(open) {
                // The h2 crate sends them when it is polled again.
                Some(window) if self.announce(window, open) => {
                    cx.waker().wake_by_ref();
                    false
                }
                Some(_) => true,
                None => false,
            };
        }
        self.pings.poll_alarm(&self.shared, cx)
    }

    /// The driver is polled for the first time, or in another task than before.
    #[cold]
    fn move_to(&mut self, waker: &Waker) {
        self.waker = Some(waker.clone());
        self.shared.probe().driver = Some(waker.clone());
        self.pings.disarm();
        self.shared.wire.set_control();
    }

    /// The connection ends. The first end that is reported is the one that counts.
    #[cold]
    fn end(&self, end: DriverEnd) {
        self.shared.capacity.close();
        self.shared.wire.wake_readers();
        let driver = self.shared.probe().driver.take();
        drop(driver);
        self.shared.wire.ending().driver_ended(end);
        self.shared.status.report(ConnectionStatus::Closed(end.cause().close_reason()));
    }

    fn update_capacity(&self) {
        let limit = self.connection.max_concurrent_send_streams();
        let is_first = !self.shared.capacity.is_announced();
        if limit != UNANNOUNCED
            && let Some(streams) = self.shared.capacity.update(limit)
        {
            self.shared.status.report(ConnectionStatus::Capacity(streams));
            if is_first {
                // An extended CONNECT may wait for them.
                self.shared.wire.wake_readers();
            }
        }
    }

    /// Returns whether any handle is left, and notices when no more streams can be opened.
    fn probe_handles(&mut self, cx: &mut Context<'_>) -> bool {
        let open = {
            let mut probe = self.shared.probe();
            match &mut probe.handle {
                Some(handle) => handle.poll_ready(cx),
                None => return false,
            }
        };
        if let Poll::Ready(Err(error)) = open
            && self.draining.is_none()
        {
            self.shared.capacity.close();
            self.draining = classify::draining(&error);
            if let Some(reason) = self.draining {
                self.shared.status.report(ConnectionStatus::Draining(reason));
            }
        }
        true
    }
}

impl<I: Io, B: Body> Driver<I, B> {
    /// Ready when the peer has read nothing for too long. As long as there are handles, that is for their users'
    /// timeouts.
    fn poll_parting(&mut self, cx: &mut Context<'_>, has_handles: bool) -> Poll<()> {
        let Some(progress) = self.shared.wire.blocked().filter(|_| !has_handles) else {
            self.linger = None;
            return Poll::Pending;
        };
        if self.linger.as_ref().is_none_or(|linger| linger.progress != progress) {
            let runtime = &self.shared.runtime;
            self.linger = Some(Linger { timer: runtime.sleep_until(runtime.now() + LINGER), progress });
        }
        self.linger.as_mut().map_or(Poll::Pending, |linger| linger.timer.as_mut().poll(cx))
    }
}

impl<I: Io, B: Body> Future for Driver<I, B> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let polled = self.as_mut().poll_frames(cx);
        if let Some(watch) = self.shared.wire.watch() {
            watch.tell(&self.shared.info);
        }
        polled
    }
}

impl<I: Io, B: Body> Driver<I, B> {
    #[inline]
    fn poll_frames(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.shared.wire.next_poll();
        if !self.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            self.move_to(cx.waker());
        }
        let open = self.shared.wire.open_streams();
        if open > self.windows.allowed {
            self.lower_windows(open);
        }
        let ended = Pin::new(&mut self.connection).poll(cx);
        if ended.is_pending() && self.is_quiet() {
            return Poll::Pending;
        }
        self.update_capacity();
        if ended.is_pending()
            && let Some(end) = self.look(cx)
        {
            self.end(end);
            return Poll::Ready(());
        }
        let has_handles = self.probe_handles(cx);
        let ended = match ended {
            Poll::Ready(ended) => ended,
            Poll::Pending => {
                ready!(self.poll_parting(cx, has_handles));
                Ok(())
            }
        };
        let reason = match (self.draining, ended) {
            (Some(reason), _) => reason,
            (None, Err(error)) => self.shared.wire.ending().cause(error, false).close_reason(),
            (None, Ok(())) if has_handles => CloseReason::PeerFin,
            (None, Ok(())) => CloseReason::Shutdown,
        };
        self.end(DriverEnd::Closed(reason));
        Poll::Ready(())
    }
}

#[pinned_drop]
impl<I: Io, B: Body> PinnedDrop for Driver<I, B> {
    /// Reports a driver that is dropped before its connection ends, and lets go who observed that.
    fn drop(self: Pin<&mut Self>) {
        self.end(DriverEnd::Closed(CloseReason::RuntimeShutdown));
        if let Some(watch) = self.shared.wire.watch() {
            watch.end();
        }
    }
}
