use std::{fmt, time::Duration};
use tokio::runtime::{Builder, Runtime};

/// What the stack runs on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Mode {
    /// One thread, virtual time: whatever waits for a wakeup that was lost waits until the watchdog's hour has passed
    /// at once.
    Virtual,
    /// Several threads, real time.
    Threads,
}

/// More than a small machine has cores, so that threads are interrupted at any point.
const THREADS: usize = 4;

impl Mode {
    pub(crate) fn runtime(self) -> Result<Runtime, String> {
        let mut builder = match self {
            Self::Virtual => Builder::new_current_thread(),
            Self::Threads => Builder::new_multi_thread(),
        };
        builder.enable_time();
        match self {
            Self::Virtual => builder.start_paused(true),
            Self::Threads => builder.worker_threads(THREADS),
        };
        builder.build().map_err(|error| format!("no runtime: {error}"))
    }

    /// A round that takes longer has lost a wakeup.
    pub(crate) fn watchdog(self) -> Duration {
        match self {
            Self::Virtual => Duration::from_secs(3600),
            Self::Threads => Duration::from_secs(120),
        }
    }

    /// How long a finished round may take to leave nothing behind, all graces and drains included.
    pub(crate) fn rest(self) -> Duration {
        match self {
            Self::Virtual => Duration::from_secs(300),
            Self::Threads => Duration::from_secs(60),
        }
    }

    /// What is waited for between two looks.
    pub(crate) fn step(self) -> Duration {
        match self {
            Self::Virtual => Duration::from_millis(100),
            Self::Threads => Duration::from_millis(2),
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Virtual => "one thread",
            Self::Threads => "four threads",
        })
    }
}
