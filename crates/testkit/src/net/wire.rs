use super::flow::{Flow, Found};
use skybridge_core::sync::Mutex;
use std::{
    fmt,
    io::{self, ErrorKind},
    net::SocketAddr,
    sync::Arc,
    task::{Poll, Waker},
    time::Duration,
};
use tokio::io::ReadBuf;

/// One of the two ends of a connection.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Side {
    /// The end that connected.
    Client,
    /// The end that was accepted.
    Server,
}

/// Controls one end of a connection, while somebody else reads and writes.
///
/// Of a [`Conn`](super::Conn) by [`Conn::wire`](super::Conn::wire); of every connection in the order of their opening
/// by [`Network::wire`](super::Network::wire) (its server's end). Holding it does not keep the connection open.
#[derive(Clone)]
pub struct Wire {
    pub(super) line: Arc<Line>,
    pub(super) side: Side,
}

/// Both directions of one connection.
pub(super) struct Line {
    pub(super) client: SocketAddr,
    pub(super) server: SocketAddr,
    state: Mutex<State>,
}

struct State {
    up: Flow,
    down: Flow,
    gone: [bool; 2],
    /// Reset: writes fail on both sides.
    broken: bool,
}

// === impl Side ===

impl Side {
    /// The opposite end.
    pub fn other(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}

// === impl Wire ===

impl Wire {
    /// RST: data in flight is lost; reads and writes of both ends fail with `ConnectionReset` from now on.
    pub fn reset(&self) {
        self.line.change(|state, wakes| state.reset(wakes));
    }

    /// FIN from this end: the other end reads all that was sent, then end of stream. Later writes of this end fail with
    /// `BrokenPipe`; reading goes on (half close).
    pub fn fin(&self) {
        self.line.fin(self.side);
    }

    /// Drops the link: nothing arrives any more, in either direction, until [`resume`](Self::resume).
    pub fn stall(&self) {
        self.line.change(|state, _| {
            state.up.stalled = true;
            state.down.stalled = true;
        });
    }

    /// Undoes [`stall`](Self::stall): all that was held back arrives.
    pub fn resume(&self) {
        self.line.change(|state, wakes| {
            for flow in [&mut state.up, &mut state.down] {
                flow.stalled = false;
                flow.wake_reader(wakes);
            }
        });
    }

    /// The next packet from this end is lost once: it, and with it all behind it, arrives this much later.
    pub fn lose_next(&self, retransmit: Duration) {
        self.line.change(|state, _| state.outgoing(self.side).hiccup = retransmit);
    }

    /// One-way latency of what this end sends from now on.
    pub fn latency(&self, latency: Duration) {
        self.line.change(|state, _| state.outgoing(self.side).latency = latency);
    }

    /// Whether the other end was dropped, has sent FIN, or was reset.
    pub fn peer_closed(&self) -> bool {
        self.line.change(|state, _| {
            state.broken || state.gone[self.side.other() as usize] || state.outgoing(self.side.other()).ended
        })
    }

    /// Whether the other end was dropped.
    pub fn peer_dropped(&self) -> bool {
        self.line.change(|state, _| state.gone[self.side.other() as usize])
    }

    /// Bytes this end has written.
    pub fn bytes_sent(&self) -> u64 {
        self.line.change(|state, _| state.outgoing(self.side).bytes)
    }

    /// Calls of write by this end that took bytes (a vectored one is one).
    pub fn writes(&self) -> usize {
        self.line.change(|state, _| state.outgoing(self.side).writes)
    }

    /// The handle on the opposite end.
    pub fn other_end(&self) -> Self {
        Self { line: Arc::clone(&self.line), side: self.side.other() }
    }

    /// The address of the end that connected.
    pub fn client_addr(&self) -> SocketAddr {
        self.line.client
    }

    /// The address that was connected to.
    pub fn server_addr(&self) -> SocketAddr {
        self.line.server
    }
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wire")
            .field("side", &self.side)
            .field("client", &self.line.client)
            .field("server", &self.line.server)
            .finish_non_exhaustive()
    }
}

// === impl Line ===

impl Line {
    pub(super) fn new(client: SocketAddr, server: SocketAddr, flow: impl Fn() -> Flow) -> Self {
        let state = State { up: flow(), down: flow(), gone: [false; 2], broken: false };
        Self { client, server, state: Mutex::new(state) }
    }

    pub(super) fn read(&self, side: Side, buf: &mut ReadBuf<'_>, waker: &Waker) -> Found {
        self.change(|state, wakes| {
            let flow = state.incoming(side);
            let had_room = flow.room() > 0;
            let found = flow.read(buf);
            match found {
                Found::Ready(_) if !had_room && flow.room() > 0 => flow.wake_writer(wakes),
                Found::Ready(_) => {}
                Found::Arrives(_) | Found::Nothing => flow.wait_to_read(waker),
            }
            found
        })
    }

    pub(super) fn write(&self, side: Side, slices: &[io::IoSlice<'_>], waker: &Waker) -> Poll<io::Result<usize>> {
        self.change(|state, wakes| {
            if state.broken {
                return Poll::Ready(Err(ErrorKind::ConnectionReset.into()));
            }
            if state.outgoing(side).ended {
                return Poll::Ready(Err(ErrorKind::BrokenPipe.into()));
            }
            if state.gone[side.other() as usize] {
                state.refuse_data(side, wakes);
                return Poll::Ready(Ok(slices.iter().map(|slice| slice.len()).sum()));
            }
            let flow = state.outgoing(side);
            let Some(taken) = flow.push(slices) else {
                flow.wait_to_write(waker);
                return Poll::Pending;
            };
            flow.wake_reader(wakes);
            Poll::Ready(Ok(taken))
        })
    }

    pub(super) fn fin(&self, side: Side) {
        self.change(|state, wakes| {
            let flow = state.outgoing(side);
            flow.push_fin();
            flow.wake_reader(wakes);
            flow.wake_writer(wakes);
        });
    }

    /// An end is dropped: FIN, or RST when it leaves data unread.
    pub(super) fn drop_end(&self, side: Side) {
        self.change(|state, wakes| {
            state.gone[side as usize] = true;
            if state.incoming(side).discard() {
                state.broken = true;
                state.outgoing(side).push_rst();
            } else {
                state.outgoing(side).push_fin();
            }
            state.outgoing(side).wake_reader(wakes);
            state.incoming(side).wake_writer(wakes);
        });
    }

    /// Wakes only after unlocking: a waker is somebody else's code.
    fn change<R>(&self, change: impl FnOnce(&mut State, &mut Vec<Waker>) -> R) -> R {
        let mut wakes = Vec::new();
        let result = change(&mut self.state.lock(), &mut wakes);
        wakes.into_iter().for_each(Waker::wake);
        result
    }
}

// === impl State ===

impl State {
    fn outgoing(&mut self, side: Side) -> &mut Flow {
        match side {
            Side::Client => &mut self.up,
            Side::Server => &mut self.down,
        }
    }

    fn incoming(&mut self, side: Side) -> &mut Flow {
        self.outgoing(side.other())
    }

    fn reset(&mut self, wakes: &mut Vec<Waker>) {
        self.broken = true;
        for flow in [&mut self.up, &mut self.down] {
            flow.cut();
            flow.wake_reader(wakes);
            flow.wake_writer(wakes);
        }
    }

    /// Data for an end that has gone is answered with RST: what arrived before stays readable, later writes fail.
    fn refuse_data(&mut self, side: Side, wakes: &mut Vec<Waker>) {
        self.broken = true;
        let flow = self.incoming(side);
        flow.push_rst();
        flow.wake_reader(wakes);
    }
}
