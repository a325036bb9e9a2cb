use crate::flood::Flood;
use std::time::{Duration, Instant};

/// The time that most limits are for.
pub(crate) const WITHIN: Duration = Duration::from_secs(10);
const PINGS: usize = 1000;
const SETTINGS: usize = 1000;
const WINDOW_UPDATES: usize = 10_000;
const RESETS: usize = 1000;
const OTHERS: usize = 10_000;
/// As many as the h2 crate takes, which doesn't say how many those are.
const EMPTY: u32 = 100;
const ACK: u8 = 0x1;
/// Peers answer a frame of ours with a PING and with WINDOW_UPDATEs for its stream and the connection. It has so many
/// bytes at least.
const FRAME: usize = 9;
/// What we sent in answer to a PING and to SETTINGS, which earns the peer nothing.
const PING_ANSWER: usize = FRAME + 8;
const SETTINGS_ANSWER: usize = FRAME;

/// How many frames a peer has sent lately of the kinds that cost us something and bring nothing.
///
/// Without a clock until a count exceeds its limit: then it is asked whether the time is over.
#[derive(Debug, Default)]
pub(crate) struct FrameCounts {
    pings: usize,
    settings: usize,
    window_updates: usize,
    resets: usize,
    others: usize,
    /// Empty DATA frames that end no stream, in the life of the connection.
    empty: u32,
    /// HEADERS that end no stream, one after the other: interim responses are such.
    pub(crate) heads: usize,
    /// How many there were, and how many streams had been opened, when they were first more than interim responses of
    /// the open streams could be: since then each new stream may have brought one, that of its response.
    heads_from: Option<(usize, usize)>,
    since: Option<Done>,
}

/// What we did until a moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Done {
    pub(crate) at: Instant,
    /// The bytes that were sent.
    pub(crate) sent: usize,
    /// The streams that were opened.
    pub(crate) opened: usize,
}

impl FrameCounts {
    /// Counts a frame of another kind than DATA and HEADERS. Whether that is many.
    #[cold]
    pub(crate) fn count(&mut self, kind: u8, flags: u8) -> bool {
        let (count, limit) = match kind {
            0x3 => (&mut self.resets, RESETS),
            0x4 => (&mut self.settings, SETTINGS),
            // An answer to one of ours is in `others`.
            0x6 if flags & ACK == 0 => (&mut self.pings, PINGS),
            0x8 => (&mut self.window_updates, WINDOW_UPDATES),
            // The h2 crate limits them.
            0x9 => return false,
            _ => (&mut self.others, OTHERS),
        };
        *count += 1;
        *count > limit || self.since.is_none()
    }

    /// Counts an empty DATA frame that ends no stream. Whether that is too many.
    #[cold]
    pub(crate) fn count_empty(&mut self) -> bool {
        self.empty = self.empty.saturating_add(1);
        self.empty > EMPTY
    }

    /// There were many: whether too many.
    ///
    /// # Errors
    /// What there were too many of.
    #[cold]
    pub(crate) fn check(&mut self, done: Done, open: usize, max_informational: u32) -> Result<(), Flood> {
        self.check_heads(done.opened, (max_informational as usize).saturating_add(1).saturating_mul(open.max(1)))?;
        if self.empty > EMPTY {
            return Err(Flood { what: "empty DATA frames", limit: EMPTY as usize, within: None });
        }
        let since = *self.since.get_or_insert(done);
        let answers = self.pings * PING_ANSWER + self.settings * SETTINGS_ANSWER;
        let frames = done.sent.wrapping_sub(since.sent).saturating_sub(answers) / FRAME;
        let opened = done.opened.wrapping_sub(since.opened);
        let rows = [
            ("PING frames", self.pings, PINGS + frames),
            ("SETTINGS frames", self.settings, SETTINGS),
            ("WINDOW_UPDATE frames", self.window_updates, WINDOW_UPDATES + 2 * frames),
            ("RST_STREAM frames", self.resets, RESETS + opened),
            ("frames without a meaning here", self.others, OTHERS),
        ];
        let Some((what, _, limit)) = rows.into_iter().find(|(_, count, limit)| count > limit) else { return Ok(()) };
        if done.at.saturating_duration_since(since.at) < WITHIN {
            return Err(Flood { what, limit, within: Some(WITHIN) });
        }
        let (empty, heads, heads_from) = (self.empty, self.heads, self.heads_from);
        *self = Self { empty, heads, heads_from, since: Some(done), ..Self::default() };
        Ok(())
    }

    fn check_heads(&mut self, opened: usize, limit: usize) -> Result<(), Flood> {
        if self.heads <= limit {
            self.heads_from = None;
            return Ok(());
        }
        let (heads, opened_then) = *self.heads_from.get_or_insert((self.heads, opened));
        // Fewer than then: there was something else between them.
        let more = self.heads.saturating_sub(heads);
        if more <= limit.saturating_add(opened.wrapping_sub(opened_then)) {
            return Ok(());
        }
        Err(Flood { what: "interim responses", limit, within: None })
    }
}
