//! What the stream below the h2 crate, the driver and the handles of a connection tell each other.

use crate::{classify::Limits, ending::Ending, frame_tap::Watch};
use skybridge_core::sync::Mutex;
use std::{
    io::Result,
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering},
    },
    task::{Poll, Waker},
};

/// What was read and written, what is open, and how it all ends.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wire(Arc<Parts>);

#[derive(Debug, Default)]
struct Parts {
    /// The write attempts. The h2 crate writes as soon as it has encoded something: as long as there was no attempt,
    /// nothing that it was given meanwhile has left.
    attempts: AtomicUsize,
    /// The bytes that were written.
    sent: AtomicUsize,
    /// The last write is waiting for the peer to read.
    blocked: AtomicBool,
    /// How often the driver was polled: the h2 crate reads first each time. 0 until there is a driver.
    polls: AtomicU32,
    /// There is something for the driver to look at: a SETTINGS, GOAWAY or PING was read since it last looked, the last
    /// stream id was used, a timer fired, more streams are open than the windows are made for, or enough DATA has come
    /// to think of larger ones.
    control: AtomicBool,
    /// How often something was read. Written by one thread alone.
    reads: AtomicUsize,
    /// How many HEADERS that end a stream were read.
    ended: AtomicUsize,
    /// The bytes of all DATA frames that were read, and at how many the driver wants to look.
    data: AtomicUsize,
    look_at: AtomicUsize,
    /// The streams that were ever opened, and those that were closed again.
    opened: AtomicUsize,
    closed: AtomicUsize,
    /// How often windows were lowered, and who reads a stream that may have been cut off by that.
    lowered: AtomicU32,
    readers: Mutex<Vec<Option<Waker>>>,
    /// How many of our SETTINGS the peer has acknowledged.
    acknowledged: AtomicU32,
    ending: Ending,
    /// Where somebody observes the connection.
    watch: Option<Box<Watch>>,
}

/// A stream whose response is being received, until this is dropped.
#[derive(Debug)]
pub(crate) struct OpenStream {
    wire: Wire,
    /// One more than its place among the readers, once it has one.
    place: Option<NonZeroU32>,
    /// How often windows had been lowered when it was last asked.
    lowered: u32,
}

// === impl Wire ===

impl Wire {
    pub(crate) fn new(limits: Limits, is_observed: bool) -> Self {
        let watch = is_observed.then(Box::default);
        Self(Arc::new(Parts { ending: Ending::new(limits), watch, ..Parts::default() }))
    }

    /// What is told of, if somebody observes the connection.
    #[inline]
    pub(crate) fn watch(&self) -> Option<&Watch> {
        self.0.watch.as_deref()
    }

    /// How the connection ends.
    #[inline]
    pub(crate) fn ending(&self) -> &Ending {
        &self.0.ending
    }

    /// The write attempts so far. They are visible once their effect on a stream is: both happen under the h2 crate's
    /// lock.
    #[inline]
    pub(crate) fn attempts(&self) -> usize {
        self.0.attempts.load(Ordering::Relaxed)
    }

    /// How many bytes were written.
    pub(crate) fn sent(&self) -> usize {
        self.0.sent.load(Ordering::Relaxed)
    }

    /// The number of bytes that were written, if the rest waits for the peer.
    #[inline]
    pub(crate) fn blocked(&self) -> Option<usize> {
        self.0.blocked.load(Ordering::Relaxed).then(|| self.0.sent.load(Ordering::Relaxed))
    }

    /// There is something for the driver to look at.
    #[cold]
    pub(crate) fn set_control(&self) {
        self.0.control.store(true, Ordering::Release);
    }

    /// Whether there is since this was last called. The driver's question.
    #[inline]
    pub(crate) fn take_control(&self) -> bool {
        self.0.control.load(Ordering::Relaxed) && self.0.control.swap(false, Ordering::AcqRel)
    }

    /// Counts a stream as open. Called before it is opened, so that the driver knows of it when it sends the head.
    #[inline]
    pub(crate) fn open_stream(&self) {
        self.0.opened.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a stream as closed.
    #[inline]
    pub(crate) fn close_stream(&self) {
        self.0.closed.fetch_add(1, Ordering::Release);
    }

    /// Hands an open stream to the body of its response, which counts it as closed when it is dropped.
    #[inline]
    pub(crate) fn hand_over_stream(&self) -> OpenStream {
        OpenStream { wire: self.clone(), place: None, lowered: 0 }
    }

    /// How many streams were ever opened.
    #[inline]
    pub(crate) fn opened(&self) -> usize {
        self.0.opened.load(Ordering::Relaxed)
    }

    /// How many streams are open.
    #[inline]
    pub(crate) fn open_streams(&self) -> usize {
        // First: none is seen closed that isn't seen opened.
        let closed = self.0.closed.load(Ordering::Acquire);
        self.0.opened.load(Ordering::Relaxed).wrapping_sub(closed)
    }

    /// How often something was read.
    #[inline]
    pub(crate) fn reads(&self) -> usize {
        self.0.reads.load(Ordering::Relaxed)
    }

    /// How many streams the peer has ended with a HEADERS frame: a response that has nothing but its head is among them
    /// by the time that the h2 crate hands it out.
    #[inline]
    pub(crate) fn ended(&self) -> usize {
        self.0.ended.load(Ordering::Relaxed)
    }

    /// How many bytes of DATA were read.
    pub(crate) fn data(&self) -> usize {
        self.0.data.load(Ordering::Relaxed)
    }

    /// Windows may have been lowered, and the readers look whether theirs is to be opened again; or the peer's SETTINGS
    /// have come, or the end.
    #[cold]
    pub(crate) fn wake_readers(&self) {
        self.0.lowered.fetch_add(1, Ordering::AcqRel);
        let readers: Vec<_> = self.0.readers.lock().iter().flatten().cloned().collect();
        readers.into_iter().for_each(Waker::wake);
    }

    /// So many of our SETTINGS have been acknowledged.
    pub(crate) fn set_acknowledged(&self, settings: u32) {
        self.0.acknowledged.store(settings, Ordering::Release);
    }

    pub(crate) fn acknowledged(&self) -> u32 {
        self.0.acknowledged.load(Ordering::Acquire)
    }

    /// The driver wants to look once this many bytes of DATA were read.
    pub(crate) fn look_at(&self, data: usize) {
        self.0.look_at.store(data, Ordering::Relaxed);
    }

    #[inline]
    pub(crate) fn looks_at(&self) -> usize {
        self.0.look_at.load(Ordering::Relaxed)
    }

    /// Something was read; by now `data` bytes of DATA, and `ended` HEADERS that end a stream.
    #[inline]
    pub(crate) fn count_read(&self, data: usize, ended: usize) {
        self.0.ended.store(ended, Ordering::Relaxed);
        self.0.reads.store(self.reads().wrapping_add(1), Ordering::Relaxed);
        self.0.data.store(data, Ordering::Relaxed);
        if data >= self.looks_at() {
            self.set_control();
        }
    }

    /// Called when the driver is polled.
    #[inline]
    pub(crate) fn next_poll(&self) {
        self.0.polls.fetch_add(1, Ordering::Relaxed);
    }

    #[inline]
    pub(crate) fn polls(&self) -> u32 {
        self.0.polls.load(Ordering::Relaxed)
    }

    #[inline]
    pub(crate) fn count_attempt(&self) {
        self.0.attempts.fetch_add(1, Ordering::Relaxed);
    }

    #[inline]
    pub(crate) fn record(&self, progress: Poll<Result<usize>>) -> Poll<Result<usize>> {
        self.0.blocked.store(progress.is_pending(), Ordering::Relaxed);
        if let Poll::Ready(Ok(bytes)) = progress {
            self.0.sent.fetch_add(bytes, Ordering::Relaxed);
        }
        progress
    }
}

// === impl OpenStream ===

impl OpenStream {
    /// How its connection ends.
    pub(crate) fn ending(&self) -> &Ending {
        self.wire.ending()
    }

    /// Lets its reader be woken when windows are lowered. Returns whether they were since this was last called.
    pub(crate) fn register_reader(&mut self, waker: &Waker) -> bool {
        let parts = &self.wire.0;
        let mut readers = parts.readers.lock();
        match self.place.and_then(|place| readers.get_mut(index(place))?.as_mut()) {
            Some(reader) => reader.clone_from(waker),
            // A place for each stream, so that there are never more of them than streams were open at once.
            None => {
                let place = readers.iter().position(Option::is_none).unwrap_or(readers.len());
                if place == readers.len() {
                    readers.push(None);
                }
                readers[place] = Some(waker.clone());
                self.place = u32::try_from(place + 1).ok().and_then(NonZeroU32::new);
            }
        }
        drop(readers);
        let lowered = parts.lowered.load(Ordering::Acquire);
        std::mem::replace(&mut self.lowered, lowered) != lowered
    }
}

fn index(place: NonZeroU32) -> usize {
    place.get() as usize - 1
}

impl OpenStream {
    #[cold]
    fn leave(&self, place: NonZeroU32) {
        let reader = self.wire.0.readers.lock().get_mut(index(place)).and_then(Option::take);
        drop(reader);
    }
}

impl Drop for OpenStream {
    #[inline]
    fn drop(&mut self) {
        if let Some(place) = self.place {
            self.leave(place);
        }
        self.wire.close_stream();
    }
}
