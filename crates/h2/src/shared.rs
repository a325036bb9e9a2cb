use crate::{chunk::Chunk, stream_limit::StreamLimit, upload::Upload, wire::Wire};
use bytes::{Buf, BytesMut};
use h2::client::SendRequest;
use http::HeaderValue;
use http_body::Body;
use skybridge_core::{CloseReason, ConnInfo, ConnectionStatus, Runtime, StatusSender, sync::Mutex};
use std::{
    fmt::Write,
    pin::Pin,
    sync::{
        Arc, MutexGuard,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::Waker,
};

/// How many idle buffers of uploads a connection keeps for its next exchanges.
const MAX_POOLED: usize = 128;
/// The size of each allocation for `content-length` values, in bytes.
const DIGITS: usize = 1024;

/// What the driver and all handles of a connection share.
pub(crate) struct Shared<B: Body> {
    pub(crate) info: Arc<ConnInfo>,
    pub(crate) runtime: Arc<dyn Runtime>,
    pub(crate) capacity: StreamLimit,
    pub(crate) wire: Wire,
    pub(crate) status: StatusSender,
    pub(crate) max_informational: u32,
    handles: AtomicUsize,
    /// A response did not come in time, and neither did anything else since.
    pub(crate) suspected: AtomicBool,
    /// The driver should find out by a PING whether the peer is alive.
    pub(crate) wants_probe: AtomicBool,
    probe: Mutex<Probe<B::Data>>,
    pool: Mutex<BufferPool<B>>,
}

/// The driver's own handle, as long as there are others.
pub(crate) struct Probe<D: Buf> {
    pub(crate) handle: Option<SendRequest<Chunk<D>>>,
    /// Wakes the driver, for what the h2 crate doesn't wake it for.
    pub(crate) driver: Option<Waker>,
}

/// Buffers of past exchanges, for the next ones.
struct BufferPool<B: Body> {
    uploads: Vec<Pin<Box<Upload<B>>>>,
    digits: BytesMut,
}

impl<B: Body> Shared<B> {
    pub(crate) fn new(
        info: Arc<ConnInfo>,
        runtime: Arc<dyn Runtime>,
        capacity: StreamLimit,
        wire: Wire,
        probe: SendRequest<Chunk<B::Data>>,
        max_informational: u32,
    ) -> Self {
        Self {
            info,
            runtime,
            capacity,
            wire,
            status: StatusSender::new(),
            max_informational,
            handles: AtomicUsize::new(0),
            suspected: AtomicBool::new(false),
            wants_probe: AtomicBool::new(false),
            probe: Mutex::new(Probe { handle: Some(probe), driver: None }),
            pool: Mutex::new(BufferPool { uploads: Vec::new(), digits: BytesMut::new() }),
        }
    }

    /// Whether the h2 crate opens the next stream at once: the connection has not ended, and its peer allows many more
    /// streams than are open.
    #[inline]
    pub(crate) fn is_roomy(&self) -> bool {
        self.capacity.is_far(self.wire.open_streams(), self.wire.opened())
    }

    /// Counts a new handle.
    pub(crate) fn enter(&self) {
        self.handles.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a dropped handle. With the last one the driver's probe is dropped, and the connection closes when its
    /// streams have ended.
    pub(crate) fn leave(&self) {
        if self.handles.fetch_sub(1, Ordering::AcqRel) == 1 {
            let (handle, driver) = {
                let mut probe = self.probe.lock();
                (probe.handle.take(), probe.driver.take())
            };
            drop(handle);
            if let Some(driver) = driver {
                driver.wake();
            }
        }
    }

    /// The peer has refused this stream. If it does nothing else, the connection takes no more.
    #[cold]
    pub(crate) fn refused(&self, stream: u32) {
        // Streams of a client have odd ids.
        let newest = u32::try_from(self.wire.opened()).map_or(u32::MAX, |opened| opened.saturating_mul(2));
        if self.wire.ending().strikes().refused(stream, newest) {
            self.status.report(ConnectionStatus::Draining(CloseReason::Refusing));
        }
    }

    /// By its probe the driver notices a GOAWAY, which no future of the h2 crate reports.
    pub(crate) fn probe(&self) -> MutexGuard<'_, Probe<B::Data>> {
        self.probe.lock()
    }

    pub(crate) fn take_upload(&self) -> Option<Pin<Box<Upload<B>>>> {
        self.pool.lock().uploads.pop()
    }

    /// Returns the buffer of an upload that is over to the pool.
    pub(crate) fn recycle(&self, mut upload: Pin<Box<Upload<B>>>) {
        upload.as_mut().clear();
        let mut pool = self.pool.lock();
        if pool.uploads.len() < MAX_POOLED {
            pool.uploads.push(upload);
        }
    }

    /// A length as a header value. Values share an allocation, which is reused when all of them are dropped.
    pub(crate) fn length(&self, length: u64) -> HeaderValue {
        let mut pool = self.pool.lock();
        let digits = &mut pool.digits;
        if digits.capacity() < 20 {
            digits.reserve(DIGITS);
        }
        if write!(digits, "{length}").is_err() {
            return HeaderValue::from(length);
        }
        HeaderValue::from_maybe_shared(digits.split().freeze()).unwrap_or_else(|_| HeaderValue::from(length))
    }
}
