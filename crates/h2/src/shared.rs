use crate::{capacity::Capacity, chunk::Chunk, kept::Headers, opening::Writes, upload::Upload};
use bytes::{Buf, BytesMut};
use h2::client::SendRequest;
use http::HeaderValue;
use http_body::Body;
use skybridge_core::{ConnInfo, Runtime, StatusSender, sync::Mutex};
use std::{
    fmt::Write,
    pin::Pin,
    sync::{
        Arc, MutexGuard,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::Waker,
};

/// How many idle buffers of each kind a connection keeps for its next exchanges.
const SPARES: usize = 128;
/// How many bytes of `content-length` values are written before a new piece of memory is needed.
const DIGITS: usize = 1024;

/// What all handles of a connection and its driver share.
pub(crate) struct Shared<B: Body> {
    pub(crate) info: Arc<ConnInfo>,
    pub(crate) runtime: Arc<dyn Runtime>,
    pub(crate) capacity: Capacity,
    pub(crate) writes: Writes,
    pub(crate) desk: StatusSender,
    handles: AtomicUsize,
    answered: AtomicBool,
    probe: Mutex<Probe<B::Data>>,
    spares: Mutex<Spares<B>>,
}

/// The driver's own handle, while there are others.
pub(crate) struct Probe<D: Buf> {
    pub(crate) handle: Option<SendRequest<Chunk<D>>>,
    /// The driver, while it is stuck: the h2 crate wakes it for nothing then.
    pub(crate) driver: Option<Waker>,
}

/// Buffers of ended exchanges, waiting for the next.
struct Spares<B: Body> {
    uploads: Vec<Pin<Box<Upload<B>>>>,
    headers: Vec<Headers>,
    digits: BytesMut,
}

impl<B: Body> Shared<B> {
    pub(crate) fn new(
        info: Arc<ConnInfo>,
        runtime: Arc<dyn Runtime>,
        capacity: Capacity,
        writes: Writes,
        probe: SendRequest<Chunk<B::Data>>,
    ) -> Self {
        Self {
            info,
            runtime,
            capacity,
            writes,
            desk: StatusSender::new(),
            handles: AtomicUsize::new(0),
            answered: AtomicBool::new(false),
            probe: Mutex::new(Probe { handle: Some(probe), driver: None }),
            spares: Mutex::new(Spares { uploads: Vec::new(), headers: Vec::new(), digits: BytesMut::new() }),
        }
    }

    /// A response came by it.
    #[inline]
    pub(crate) fn answered(&self) {
        // Looked at first: written once, the line stays shared.
        if !self.answered.load(Ordering::Relaxed) {
            self.answered.store(true, Ordering::Relaxed);
        }
    }

    pub(crate) fn has_answered(&self) -> bool {
        self.answered.load(Ordering::Relaxed)
    }

    /// One more handle.
    pub(crate) fn enter(&self) {
        self.handles.fetch_add(1, Ordering::Relaxed);
    }

    /// One handle less. With the last one goes the driver's probe: the connection closes when its streams have ended.
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

    /// What the driver sees by it no future of the h2 crate tells: that the peer sent GOAWAY.
    pub(crate) fn probe(&self) -> MutexGuard<'_, Probe<B::Data>> {
        self.probe.lock()
    }

    pub(crate) fn spare_upload(&self) -> Option<Pin<Box<Upload<B>>>> {
        self.spares.lock().uploads.pop()
    }

    pub(crate) fn spare_headers(&self) -> Headers {
        self.spares.lock().headers.pop().unwrap_or_default()
    }

    /// Takes back what an exchange no longer needs.
    pub(crate) fn recycle(&self, upload: Option<Pin<Box<Upload<B>>>>, headers: Headers) {
        let mut spares = self.spares.lock();
        if let Some(upload) = upload.filter(|_| spares.uploads.len() < SPARES) {
            spares.uploads.push(upload);
        }
        if headers.capacity() > 0 && spares.headers.len() < SPARES {
            spares.headers.push(headers);
        }
    }

    /// A length as a header's value. Values share memory, and reuse it when all that were made of it are gone.
    pub(crate) fn length(&self, length: u64) -> HeaderValue {
        let mut spares = self.spares.lock();
        let digits = &mut spares.digits;
        if digits.capacity() < 20 {
            digits.reserve(DIGITS);
        }
        if write!(digits, "{length}").is_err() {
            return HeaderValue::from(length);
        }
        HeaderValue::from_maybe_shared(digits.split().freeze()).unwrap_or_else(|_| HeaderValue::from(length))
    }
}
