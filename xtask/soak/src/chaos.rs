use crate::{mode::Mode, pause::Pause};
use fastrand::Rng;
use skybridge::types::sync::Mutex;
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

/// What peers and the network throw dice with. Calm, nothing goes wrong.
#[derive(Clone, Debug)]
pub(crate) struct Chaos(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    mode: Mode,
    rng: Mutex<Rng>,
    calm: AtomicBool,
}

/// How a connect ends.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Connect {
    Works,
    Refused,
    /// The stack's own limit ends it.
    Hangs,
}

/// How a connection ends, if by its peer.
#[derive(Debug)]
pub(crate) enum Life {
    Long,
    /// `connection: close`, or GOAWAY, with this request.
    Drains(u64),
    /// Whatever is on it, with this request.
    CutWith(u64),
    /// Whatever is on it, after this time.
    CutAfter(u64),
}

/// How a request is answered.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Answer {
    Whole,
    /// Before its body is read; what is left of that isn't.
    Early,
    /// REFUSED_STREAM; on HTTP/1.1 the connection is closed.
    Refused,
}

impl Chaos {
    pub(crate) fn new(mode: Mode, seed: u64) -> Self {
        Self(Arc::new(Shared { mode, rng: Mutex::new(Rng::with_seed(seed)), calm: AtomicBool::new(false) }))
    }

    pub(crate) fn mode(&self) -> Mode {
        self.0.mode
    }

    pub(crate) fn calm(&self, calm: bool) {
        self.0.calm.store(calm, Ordering::SeqCst);
    }

    fn is_calm(&self) -> bool {
        self.0.calm.load(Ordering::SeqCst)
    }

    /// Dice of one's own.
    pub(crate) fn fork(&self) -> Rng {
        self.0.rng.lock().fork()
    }

    pub(crate) fn pause(&self) -> Pause {
        if self.is_calm() { Pause::millis(0) } else { Pause::random(&mut self.fork(), self.mode()) }
    }

    pub(crate) fn connect(&self) -> Connect {
        match self.fork().u16(..1024) {
            _ if self.is_calm() => Connect::Works,
            // Not often: whoever waits for a connect fails with it.
            0..16 => Connect::Refused,
            // In real time it would be waited for.
            16..20 if self.mode() == Mode::Virtual => Connect::Hangs,
            _ => Connect::Works,
        }
    }

    pub(crate) fn life(&self) -> Life {
        let mut rng = self.fork();
        match rng.u8(..16) {
            _ if self.is_calm() => Life::Long,
            0..4 => Life::Drains(rng.u64(1..40)),
            4..8 => Life::CutWith(rng.u64(1..40)),
            8..10 => Life::CutAfter(rng.u64(..20)),
            _ => Life::Long,
        }
    }

    pub(crate) fn answer(&self) -> Answer {
        match self.fork().u8(..64) {
            _ if self.is_calm() => Answer::Whole,
            0..8 => Answer::Early,
            8..10 => Answer::Refused,
            _ => Answer::Whole,
        }
    }
}
