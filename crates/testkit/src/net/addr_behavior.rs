use super::{
    Conn,
    flow::{Flow, Loss, WINDOW},
};
use skybridge_core::sync::Mutex;
use std::{
    collections::VecDeque,
    fmt,
    io::{self, ErrorKind},
    net::SocketAddr,
    sync::{
        Arc, MutexGuard,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::sync::Notify;

/// How one address behaves; each setter holds for connects (or connections) that start after it.
///
/// Without a listener an address refuses, as a host without a server does.
#[derive(Clone)]
pub struct AddrBehavior {
    pub(super) spot: Arc<Spot>,
}

pub(super) struct Spot {
    pub(super) addr: SocketAddr,
    state: Mutex<State>,
    live: AtomicUsize,
    pub(super) arrived: Notify,
    pub(super) room: Notify,
}

pub(super) struct State {
    pub(super) answer: Answer,
    pub(super) connect_latency: Duration,
    pub(super) latency: Duration,
    pub(super) loss: Option<Loss>,
    pub(super) bandwidth: Option<u64>,
    pub(super) window: usize,
    pub(super) backlog: usize,
    pub(super) listening: bool,
    pub(super) queue: VecDeque<Conn>,
    pub(super) connects: usize,
}

#[derive(Clone, Copy)]
pub(super) enum Answer {
    Accept,
    Fail(ErrorKind),
    Silence,
}

/// A client's socket, from the start of its connect to the drop of its [`Conn`].
pub(super) struct Socket {
    spot: Arc<Spot>,
}

// === impl AddrBehavior ===

impl AddrBehavior {
    /// Connects are refused (RST to the SYN), after the connect latency.
    pub fn refuse(&self) -> &Self {
        self.fail(ErrorKind::ConnectionRefused)
    }

    /// Connects fail with this error, after the connect latency.
    pub fn fail(&self, kind: ErrorKind) -> &Self {
        self.set(|state| state.answer = Answer::Fail(kind))
    }

    /// Connects hang forever.
    pub fn black_hole(&self) -> &Self {
        self.set(|state| state.answer = Answer::Silence)
    }

    /// Connects reach the listener again (the default).
    pub fn heal(&self) -> &Self {
        self.set(|state| state.answer = Answer::Accept)
    }

    /// How long a connect takes (default: nothing).
    pub fn connect_latency(&self, latency: Duration) -> &Self {
        self.set(|state| state.connect_latency = latency)
    }

    /// How long data takes in each direction (default: nothing).
    pub fn latency(&self, latency: Duration) -> &Self {
        self.set(|state| state.latency = latency)
    }

    /// Every `every`th packet in each direction is lost once and arrives `retransmit` later, with all that follow it.
    ///
    /// # Panics
    /// When `every` is 0.
    pub fn lose(&self, every: usize, retransmit: Duration) -> &Self {
        assert!(every > 0, "every 0th packet?");
        self.set(|state| state.loss = Some(Loss { every, retransmit }))
    }

    /// How many bytes per second go in each direction (default: no limit). For as many to be in flight, a large
    /// [`window`](Self::window) is needed.
    ///
    /// # Panics
    /// When it is 0.
    pub fn bandwidth(&self, bytes_per_second: u64) -> &Self {
        assert!(bytes_per_second > 0, "no bandwidth?");
        self.set(|state| state.bandwidth = Some(bytes_per_second))
    }

    /// How many bytes may be in flight in each direction before a writer waits (default: 64 KiB).
    pub fn window(&self, bytes: usize) -> &Self {
        self.set(|state| state.window = bytes)
    }

    /// How many connections wait to be accepted before further connects hang (default: no limit). A connection in the
    /// backlog is open for the client; that is what a server which never accepts looks like.
    pub fn backlog(&self, connections: usize) -> &Self {
        self.set(|state| state.backlog = connections)
    }

    fn set(&self, set: impl FnOnce(&mut State)) -> &Self {
        set(&mut self.spot.state());
        self
    }
}

impl fmt::Debug for AddrBehavior {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Place").field("addr", &self.spot.addr).finish_non_exhaustive()
    }
}

// === impl Spot ===

impl Spot {
    pub(super) fn new(addr: SocketAddr) -> Self {
        let state = State {
            answer: Answer::Accept,
            connect_latency: Duration::ZERO,
            latency: Duration::ZERO,
            loss: None,
            bandwidth: None,
            window: WINDOW,
            backlog: usize::MAX,
            listening: false,
            queue: VecDeque::new(),
            connects: 0,
        };
        Self { addr, state: Mutex::new(state), live: AtomicUsize::new(0), arrived: Notify::new(), room: Notify::new() }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    pub(super) fn live(&self) -> usize {
        self.live.load(Ordering::SeqCst)
    }

    pub(super) fn socket(self: &Arc<Self>) -> Socket {
        self.state().connects += 1;
        self.live.fetch_add(1, Ordering::SeqCst);
        Socket { spot: Arc::clone(self) }
    }

    /// The SYN and its answer; on success there is a place in the backlog of a listener.
    pub(super) async fn knock(&self) -> io::Result<()> {
        let (answer, latency) = {
            let state = self.state();
            (state.answer, state.connect_latency)
        };
        if matches!(answer, Answer::Silence) {
            std::future::pending::<()>().await;
        }
        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
        }
        match answer {
            Answer::Fail(kind) => Err(kind.into()),
            _ => self.wait_for_room().await,
        }
    }

    async fn wait_for_room(&self) -> io::Result<()> {
        loop {
            {
                let state = self.state();
                if !state.listening {
                    return Err(ErrorKind::ConnectionRefused.into());
                }
                if state.queue.len() < state.backlog {
                    return Ok(());
                }
            }
            self.room.notified().await;
        }
    }
}

// === impl State ===

impl State {
    /// One direction of a connection.
    pub(super) fn flow(&self) -> Flow {
        Flow::new(self.latency, self.loss, self.window, self.bandwidth)
    }
}

// === impl Socket ===

impl Drop for Socket {
    fn drop(&mut self) {
        self.spot.live.fetch_sub(1, Ordering::SeqCst);
    }
}
