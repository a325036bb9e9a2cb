use super::{
    stage::{AtomicStage, Stage},
    sync::atomic::{AtomicBool, Ordering::SeqCst},
};
use skybridge_core::{Runtime, StatusSender};
use std::{
    sync::{Arc, OnceLock, Weak},
    task::Wake,
};

/// A connection that can be asked what its idle socket has to say.
pub(super) trait LookIdle: Send + Sync {
    /// Reads what woke the watch, if the connection is still idle.
    fn look_idle(&self);
}

/// Watches the socket of a connection that nobody uses: its own waker is what the socket wakes.
///
/// Whatever an idle connection has to say ends it. Waking only notes that; a short task looks what it was, as a socket
/// is not read in the middle of whoever wakes. No task waits while nothing happens.
pub(super) struct IdleWatch {
    /// Something may have happened that nobody has looked at.
    woken: AtomicBool,
    /// Unless the connection is idle an exchange reads its socket, and what happens there is its own to see.
    pub(super) stage: AtomicStage,
    connection: OnceLock<Weak<dyn LookIdle>>,
    runtime: Arc<dyn Runtime>,
    pub(super) status: StatusSender,
}

impl IdleWatch {
    pub(super) fn new(runtime: Arc<dyn Runtime>) -> Arc<Self> {
        let (woken, stage) = (AtomicBool::new(false), AtomicStage::new(Stage::Idle));
        Arc::new(Self { woken, stage, connection: OnceLock::new(), runtime, status: StatusSender::new() })
    }

    pub(super) fn runtime(&self) -> &Arc<dyn Runtime> {
        &self.runtime
    }

    pub(super) fn set_connection(&self, connection: Weak<dyn LookIdle>) {
        let _ = self.connection.set(connection);
    }

    /// The socket is about to be asked to wake.
    #[inline]
    pub(super) fn resume(&self) {
        // In this order: a wake in between makes a look, and none is noted without one. By a swap, which sees the wake
        // that it undoes.
        self.stage.set(Stage::Idle);
        self.woken.swap(false, SeqCst);
    }

    /// Whether nothing has happened since it was looked at.
    #[inline]
    pub(super) fn is_quiet(&self) -> bool {
        !self.woken.load(SeqCst)
    }

    /// Whether to look; once. Under the lock of the connection.
    #[inline]
    pub(super) fn was_woken(&self) -> bool {
        self.woken.load(SeqCst) && self.woken.swap(false, SeqCst)
    }

    fn look(&self) {
        if let Some(connection) = self.connection.get().and_then(Weak::upgrade) {
            connection.look_idle();
        }
    }
}

impl Wake for IdleWatch {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.woken.swap(true, SeqCst) && self.stage.is(Stage::Idle) {
            let idle = Arc::clone(self);
            self.runtime.spawn(Box::pin(async move { idle.look() }));
        }
    }
}
