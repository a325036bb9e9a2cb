use crate::{settings::Settings, wire::Wire};

/// No stream gets less than this, in bytes: the largest frame that every peer may send.
pub(crate) const FLOOR: u32 = 1 << 14;
/// How many bytes of DATA the first measurement waits for: a connection that carries small responses makes none.
const FIRST_LOOK: usize = 1 << 16;

/// How much of each response the peer may send ahead of its reader.
///
/// The connection's window doesn't change: it bounds what lies unread on the connection. So that responses nobody reads
/// can't use it up and starve the others, each stream is given a share of it, the smaller the more streams are open.
/// The shares of 256 streams, opened one after the other and none of them read, are no more than the whole:
///
/// | open streams | window of each, as a part of the connection's |
/// |---|---|
/// | 1 | `stream_window` (a quarter), or twice the bandwidth-delay product, up to 3/8 |
/// | 2 | 1/16, or twice that if the bandwidth-delay product asks for it |
/// | 3 and 4 | 1/32, or twice that |
/// | up to 8, 16, 32, ... | 1/64, 1/128, 1/256, ...; at least 16 KiB |
///
/// A window is lowered before the stream that makes it necessary is opened, and raised when data comes. Both by
/// SETTINGS (RFC 9113, section 6.9.2), as the h2 crate has no window of one stream. Until the peer has acknowledged the
/// SETTINGS before, they can't be changed.
#[derive(Debug)]
pub(crate) struct Windows {
    stream: u32,
    connection: u32,
    adaptive: bool,
    /// What SETTINGS say now.
    announced: u32,
    /// For how many open streams that is right.
    pub(crate) allowed: usize,
    /// Twice the largest number of bytes that came in one round trip.
    doubled_bdp: u32,
    /// At how many bytes of DATA to measure again, and how many to wait after that if it changes nothing.
    measure_at: usize,
    gap: usize,
}

/// How many bytes of DATA are between measurements at least, and at most.
const GAPS: (usize, usize) = (1 << 20, 1 << 28);

impl Windows {
    pub(crate) fn new(settings: &Settings, wire: &Wire) -> Self {
        // What is released of a smaller one can't be told from what its peer waits for.
        let adaptive = settings.adaptive_window && settings.stream_window >= FLOOR;
        wire.look_at(if adaptive { FIRST_LOOK } else { usize::MAX });
        Self {
            stream: settings.stream_window,
            connection: settings.connection_window,
            adaptive,
            announced: settings.stream_window,
            allowed: if adaptive { 1 } else { usize::MAX },
            doubled_bdp: 0,
            measure_at: 0,
            gap: GAPS.0,
        }
    }

    /// The window of each of so many open streams.
    fn share(&self, open: usize) -> u32 {
        if open <= 1 {
            return self.doubled_bdp.clamp(self.stream, self.most());
        }
        let share = self.connection / 8 / u32::try_from(open.next_power_of_two()).unwrap_or(u32::MAX).max(1);
        let most = if open <= 4 { share * 2 } else { share };
        self.doubled_bdp.clamp(share, most).clamp(FLOOR.min(self.stream), self.stream)
    }

    /// The most that a single stream is given.
    fn most(&self) -> u32 {
        self.stream.max(self.connection / 8 * 3)
    }

    /// What to announce before more than [`allowed`](Self::allowed) streams are open, if that is less than now.
    #[cold]
    pub(crate) fn lower(&mut self, open: usize) -> Option<u32> {
        let share = self.share(open);
        if share >= self.announced {
            self.allowed = open.next_power_of_two();
        }
        (share < self.announced).then_some(share)
    }

    /// What to announce now that data comes, if that is more than before.
    pub(crate) fn raise(&self, open: usize) -> Option<u32> {
        let share = self.share(open);
        (self.adaptive && share > self.announced).then_some(share)
    }

    /// SETTINGS with this window were given to the h2 crate.
    pub(crate) fn announce(&mut self, window: u32, open: usize) {
        self.announced = window;
        self.allowed = open.max(1).next_power_of_two();
    }

    /// How many bytes of DATA to wait for until the next look.
    pub(crate) fn next_look(&self, data: usize) -> usize {
        data.saturating_add((self.announced as usize / 4).max(FIRST_LOOK))
    }

    /// Whether to measure, after so many bytes of DATA: each measurement that changes nothing doubles the wait for the
    /// next, as PINGs are no more welcome than needed. Where many streams are open it could change nothing.
    pub(crate) fn wants_measurement(&self, data: usize, open: usize) -> bool {
        self.adaptive && open <= 4 && self.doubled_bdp < self.most() && data >= self.measure_at
    }

    /// So many bytes of DATA came in one round trip, of so many by now.
    pub(crate) fn measured(&mut self, bytes: usize, data: usize) {
        let doubled = u32::try_from(bytes.saturating_mul(2)).unwrap_or(u32::MAX).min(self.most());
        let grows = doubled > self.doubled_bdp && doubled > self.announced;
        self.doubled_bdp = self.doubled_bdp.max(doubled);
        self.gap = if grows { GAPS.0 } else { (self.gap * 2).min(GAPS.1) };
        self.measure_at = data.saturating_add(self.gap);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn windows(grown: bool) -> Windows {
        let mut windows = Windows::new(&Settings::default(), &Wire::default());
        if grown {
            windows.measured(usize::MAX, 0);
        }
        windows
    }

    #[test]
    fn streams_that_nobody_reads_leave_something_for_the_next() {
        for (grown, streams) in [(false, 1024), (true, 256)] {
            let windows = windows(grown);
            let unread: u64 = (1..=streams).map(|open| u64::from(windows.share(open))).sum();
            assert!(unread <= windows.connection.into(), "{streams} streams, {grown}: {unread}");
        }
    }

    #[test]
    fn shares_shrink_and_never_below_a_frame() {
        for grown in [false, true] {
            let windows = windows(grown);
            assert!((1..5000).all(|open| windows.share(open) >= windows.share(open + 1)), "{grown}");
            assert_eq!(windows.share(usize::MAX >> 1), FLOOR);
        }
    }

    #[test]
    fn measurements_that_change_nothing_become_rare() {
        let (mut windows, mut data, mut measurements) = (windows(false), 0, 0);
        while data < 1 << 30 {
            if windows.wants_measurement(data, 1) {
                windows.measured(1 << 16, data);
                measurements += 1;
            }
            data = windows.next_look(data);
        }
        assert!(measurements < 20, "{measurements} for 1 GiB");
    }

    #[test]
    fn a_small_window_that_was_set_is_kept() {
        let settings = Settings { stream_window: 1000, ..Settings::default() };
        let mut windows = Windows::new(&settings, &Wire::default());
        assert_eq!([1, 2, 100].map(|open| windows.share(open)), [1000; 3]);
        windows.measured(usize::MAX, 0);
        assert_eq!((windows.raise(1), windows.allowed), (None, usize::MAX));
    }
}
