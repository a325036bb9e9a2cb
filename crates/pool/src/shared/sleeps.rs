use std::{
    sync::atomic::{AtomicI64, Ordering::*},
    time::{Duration, SystemTime},
};

/// The wall clock has gone on for so much longer than the runtime's: the machine slept. Less is a clock that was set
/// right, or a task that was kept waiting between its looks at the two clocks.
const SLEPT: Duration = Duration::from_secs(5);

const COUNT_BITS: u32 = 16;

/// How often the machine has slept: suspended to memory or disk, or a virtual one that was stopped. Peers and whatever
/// is on the way to them may have forgotten its connections meanwhile, and no limit that the runtime's clock measures
/// has come any closer.
///
/// It is noticed whenever somebody compares the two clocks; what the one gains slowly, or loses, is nothing. A wall
/// clock that is set forward by more than 5 s is as good as a sleep.
#[derive(Debug)]
pub(crate) struct Sleeps {
    start: SystemTime,
    /// By how many milliseconds the wall clock was ahead when they were last compared, and in the lowest bits the
    /// number of sleeps: one word, so that nobody finds the one changed and the other not yet.
    word: AtomicI64,
}

impl Sleeps {
    pub(crate) fn new(wall: SystemTime) -> Self {
        Self { start: wall, word: AtomicI64::new(0) }
    }

    /// How many have been noticed. It begins again at 0 some time.
    pub(crate) fn count(&self) -> u16 {
        count(self.word.load(Acquire))
    }

    /// Compares the clocks, which were looked at in this order: `passed` is the time since this was made. How many
    /// sleeps there were up to now.
    pub(crate) fn compare(&self, passed: Duration, wall: SystemTime) -> u16 {
        let ahead = match wall.duration_since(self.start) {
            Ok(wall) => millis(wall) - millis(passed),
            Err(back) => -millis(back.duration()) - millis(passed),
        };
        let change = |word| {
            let slept = ahead - (word >> COUNT_BITS) > millis(SLEPT);
            let changed = ahead << COUNT_BITS | i64::from(count(word).wrapping_add(u16::from(slept)));
            (changed != word).then_some(changed)
        };
        let _ = self.word.fetch_update(AcqRel, Acquire, change);
        self.count()
    }
}

fn count(word: i64) -> u16 {
    (word & i64::from(u16::MAX)) as u16
}

/// At most a thousand years.
fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX).min(1 << 45)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_sleep_is_a_wall_clock_that_is_suddenly_ahead() {
        let at = |seconds: u64| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let sleeps = Sleeps::new(at(1_000));
        let rows = [
            (10, 1_010, 0, "together"),
            (20, 1_025, 0, "5 s are not more than 5 s"),
            (100, 1_110, 0, "nor are 5 s more, later"),
            (101, 1_711, 1, "10 minutes"),
            (102, 1_712, 1, "once"),
            (110, 500, 1, "set back"),
            (120, 510, 1, "and left there"),
            (130, 526, 2, "from there too"),
            (4_000, 527, 2, "the runtime's clock is ahead"),
            (4_000, 1 << 40, 3, "far ahead"),
        ];
        for (passed, wall, count, why) in rows {
            assert_eq!(sleeps.compare(Duration::from_secs(passed), at(wall)), count, "{why}");
        }
    }
}
