use crate::{
    Timeline,
    draw::{Canvas, Glyphs, Style},
    lanes::Lane,
};
use std::{
    fmt,
    time::{Duration, Instant},
};

/// All calls of a recording on one axis, as of calls that ran at once: times count from the first. A group of rows for
/// each call, as a [`Timeline`] draws it. [`Display`](fmt::Display) draws them.
#[derive(Clone, Debug)]
pub struct Timelines {
    pub(crate) list: Vec<Timeline>,
    /// How many calls there were, those that are not kept included.
    pub(crate) calls: u64,
    /// What connections carried.
    pub(crate) lanes: Vec<Lane>,
    style: Style,
}

// === impl Timelines ===

impl Timelines {
    /// Calls in the order in which they began.
    pub(crate) fn new(mut list: Vec<Timeline>, calls: u64, lanes: impl FnOnce(Instant) -> Vec<Lane>) -> Self {
        let began = list.iter().filter_map(|timeline| timeline.rows.began).min();
        if let Some(began) = began {
            list.iter_mut().for_each(|timeline| timeline.rows.count_from(began));
        }
        let calls = calls.max(list.len() as u64);
        Self { list, calls, lanes: began.map(lanes).unwrap_or_default(), style: Style::default() }
    }

    /// The width in columns (default: 100; from 40 to 300).
    pub fn width(mut self, columns: usize) -> Self {
        self.style.set_width(columns);
        self
    }

    /// Draws with ASCII alone.
    pub fn ascii(mut self) -> Self {
        self.style.glyphs = Glyphs::ASCII;
        self
    }

    /// Draws in colours (ANSI escapes), for a terminal.
    pub fn colored(mut self) -> Self {
        self.style.colored = true;
        self
    }

    /// Calls that are still running are drawn until then, on the runtime's clock (default: until their latest event).
    pub fn until(mut self, now: Instant) -> Self {
        self.list.iter_mut().for_each(|timeline| timeline.rows.extend(now));
        self
    }

    /// Changes titles: see [`Timeline::titled`].
    pub fn titled(mut self, title: impl Fn(skybridge_core::CallId) -> Option<Box<str>>) -> Self {
        for timeline in &mut self.list {
            if let Some(title) = title(timeline.call()) {
                *timeline = timeline.clone().titled(title);
            }
        }
        self
    }

    /// The calls, each on its own: the first to begin is the first.
    pub fn calls(&self) -> &[Timeline] {
        &self.list
    }

    /// From the first call's beginning to the last one's end.
    pub fn total(&self) -> Duration {
        self.list.iter().map(|timeline| timeline.rows.ends_at()).max().unwrap_or_default()
    }

    /// How many calls are not among them, as the recorder has dropped their events: the earliest.
    pub fn not_kept(&self) -> u64 {
        self.calls - self.list.len() as u64
    }
}

impl From<Timeline> for Timelines {
    /// One call alone, without its connections' lanes.
    fn from(timeline: Timeline) -> Self {
        Self::new(vec![timeline], 1, |_| Vec::new())
    }
}

impl fmt::Display for Timelines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows: Vec<_> = self.list.iter().map(|timeline| &timeline.rows).collect();
        let canvas = Canvas::new(&rows, self.total(), self.style);
        if self.not_kept() > 0 {
            writeln!(f, "the latest {} of {} calls", self.list.len(), self.calls)?;
        }
        canvas.axis(f)?;
        self.list.iter().try_for_each(|timeline| timeline.draw(f, &canvas, false))
    }
}
