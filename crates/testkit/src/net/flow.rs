//! One direction of a connection: packets in flight, and the reader and writer that wait for them.

use std::{
    collections::VecDeque,
    io::{self, ErrorKind},
    task::Waker,
    time::Duration,
};
use tokio::{io::ReadBuf, time::Instant};

pub(super) const WINDOW: usize = 64 * 1024;

#[derive(Debug)]
enum Packet {
    Data(VecDeque<u8>),
    Fin,
    Rst,
}

/// Packets keep their order: one with a later arrival time holds back those behind it, as TCP does.
#[derive(Debug)]
pub(super) struct Flow {
    queue: VecDeque<(Option<Instant>, Packet)>,
    buffered: usize,
    pub(super) window: usize,
    pub(super) latency: Duration,
    /// Added to the next packet only.
    pub(super) hiccup: Duration,
    pub(super) loss: Option<Loss>,
    /// Bytes per second; `None` is no limit.
    pub(super) bandwidth: Option<u64>,
    /// When the last byte so far has left.
    line_free: Option<Instant>,
    pub(super) stalled: bool,
    /// A FIN or RST is queued: nothing may follow.
    pub(super) ended: bool,
    pub(super) writes: usize,
    pub(super) bytes: u64,
    last_arrival: Option<Instant>,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

/// Every `every`th packet is lost once and arrives `retransmit` late.
#[derive(Clone, Copy, Debug)]
pub(super) struct Loss {
    pub(super) every: usize,
    pub(super) retransmit: Duration,
}

/// The result of a read.
pub(super) enum Found {
    Ready(io::Result<()>),
    Arrives(Instant),
    Nothing,
}

// === impl Flow ===

impl Flow {
    pub(super) fn new(latency: Duration, loss: Option<Loss>, window: usize, bandwidth: Option<u64>) -> Self {
        Self {
            queue: VecDeque::new(),
            buffered: 0,
            window,
            latency,
            hiccup: Duration::ZERO,
            loss,
            bandwidth,
            line_free: None,
            stalled: false,
            ended: false,
            writes: 0,
            bytes: 0,
            last_arrival: None,
            reader: None,
            writer: None,
        }
    }

    pub(super) fn room(&self) -> usize {
        self.window.saturating_sub(self.buffered)
    }

    /// Accepts as many bytes as the window allows; `None` if it is full.
    pub(super) fn push(&mut self, slices: &[io::IoSlice<'_>]) -> Option<usize> {
        let wanted: usize = slices.iter().map(|slice| slice.len()).sum();
        let taken = wanted.min(self.room());
        if taken == 0 && wanted > 0 {
            return None;
        }
        let mut data = VecDeque::with_capacity(taken);
        for slice in slices {
            data.extend(&slice[..slice.len().min(taken - data.len())]);
        }
        self.buffered += taken;
        self.bytes += taken as u64;
        self.writes += 1;
        let lost = self.loss.filter(|loss| self.writes.is_multiple_of(loss.every));
        let arrival = self.arrival(taken, lost.map(|loss| loss.retransmit));
        self.queue.push_back((arrival, Packet::Data(data)));
        Some(taken)
    }

    pub(super) fn push_fin(&mut self) {
        self.end(Packet::Fin);
    }

    pub(super) fn push_rst(&mut self) {
        self.end(Packet::Rst);
    }

    /// Drops data in flight: the reader sees a reset now, even if a FIN was in flight.
    pub(super) fn cut(&mut self) {
        self.discard();
        self.stalled = false;
        self.ended = true;
        self.queue.push_back((None, Packet::Rst));
    }

    /// The reader is dropped. Returns whether data was left unread.
    pub(super) fn discard(&mut self) -> bool {
        let unread = self.buffered > 0;
        self.queue.clear();
        self.buffered = 0;
        unread
    }

    pub(super) fn read(&mut self, buf: &mut ReadBuf<'_>) -> Found {
        let mut copied = false;
        while !self.stalled && buf.remaining() > 0 {
            let Some((arrival, packet)) = self.queue.front_mut() else { break };
            if let Some(at) = arrival.filter(|at| *at > Instant::now()) {
                return if copied { Found::Ready(Ok(())) } else { Found::Arrives(at) };
            }
            match packet {
                Packet::Data(data) => {
                    let taken = take(data, buf);
                    let empty = data.is_empty();
                    self.buffered -= taken;
                    copied = true;
                    if empty {
                        self.queue.pop_front();
                    }
                }
                // Both stay at the front: end of stream and reset are for good.
                Packet::Fin => return Found::Ready(Ok(())),
                Packet::Rst if copied => return Found::Ready(Ok(())),
                Packet::Rst => return Found::Ready(Err(ErrorKind::ConnectionReset.into())),
            }
        }
        if copied || buf.remaining() == 0 { Found::Ready(Ok(())) } else { Found::Nothing }
    }

    pub(super) fn wait_to_read(&mut self, waker: &Waker) {
        register(&mut self.reader, waker);
    }

    pub(super) fn wait_to_write(&mut self, waker: &Waker) {
        register(&mut self.writer, waker);
    }

    pub(super) fn wake_reader(&mut self, wakes: &mut Vec<Waker>) {
        wakes.extend(self.reader.take());
    }

    pub(super) fn wake_writer(&mut self, wakes: &mut Vec<Waker>) {
        wakes.extend(self.writer.take());
    }

    fn end(&mut self, packet: Packet) {
        if !self.ended {
            self.ended = true;
            let arrival = self.arrival(0, None);
            self.queue.push_back((arrival, packet));
        }
    }

    /// When a packet sent now is there; `None` is "at once", which costs no clock.
    fn arrival(&mut self, bytes: usize, lost: Option<Duration>) -> Option<Instant> {
        let mut delay = self.latency + std::mem::take(&mut self.hiccup) + lost.unwrap_or_default();
        if let Some(bandwidth) = self.bandwidth {
            let now = Instant::now();
            let free = self.line_free.map_or(now, |free| free.max(now));
            let free = free + Duration::from_nanos(bytes as u64 * 1_000_000_000 / bandwidth);
            self.line_free = Some(free);
            delay += free - now;
        }
        if delay.is_zero() && self.last_arrival.is_none() {
            return None;
        }
        self.last_arrival = self.last_arrival.max(Some(Instant::now() + delay));
        self.last_arrival
    }
}

fn take(data: &mut VecDeque<u8>, buf: &mut ReadBuf<'_>) -> usize {
    let before = buf.remaining();
    for half in [data.as_slices().0, data.as_slices().1] {
        let n = half.len().min(buf.remaining());
        buf.put_slice(&half[..n]);
    }
    let taken = before - buf.remaining();
    data.drain(..taken);
    taken
}

fn register(slot: &mut Option<Waker>, waker: &Waker) {
    if !slot.as_ref().is_some_and(|old| old.will_wake(waker)) {
        *slot = Some(waker.clone());
    }
}
