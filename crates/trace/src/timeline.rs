use crate::{
    Facts, Recorded,
    clean::clean,
    draw::{Canvas, Glyphs, Style},
    rows::{Rows, on},
};
use skybridge_core::{CallId, ConnectionId};
use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

/// One call, drawn as a waterfall: a row for each phase, and for each attempt of a race. Bars share one scale, from the
/// start of the call to the end of its body; times are in milliseconds. What follows the call, such as the connection's
/// end, is a row without a bar. [`Display`](fmt::Display) draws it, with a line break at the end.
///
/// ```text
/// call 1  GET https://a.test/  69.00 ms on new connection 1: h2, TLS 1.3 resumed, a.test via http://proxy.test:3128
///                                          at   took  0                     69.00 ms
///   acquire                              0.00  69.00  ──────────────────────────────  new connection 1
///     tcp       192.0.2.7:3128           0.00   5.00  ███
///     tunnel    http://proxy.test:3128   5.00  22.00    ██████████
///     tls                               27.00  41.00             ███████████████████  TLS 1.3 resumed
///     handshake                         68.00   1.00                               ▏  h2
/// ```
#[derive(Clone, Debug)]
pub struct Timeline {
    title: Option<Box<str>>,
    pub(crate) rows: Rows,
    on: Option<String>,
    style: Style,
}

// === impl Timeline ===

impl Timeline {
    /// Of the events of one call, the oldest first. `facts` is asked for those of the connection that carried it.
    pub fn of<'a>(
        call: CallId,
        events: impl Iterator<Item = &'a Recorded>,
        facts: impl FnOnce(ConnectionId) -> Option<Arc<Facts>>,
    ) -> Self {
        Self::new(Rows::of(call, events), facts)
    }

    pub(crate) fn new(rows: Rows, facts: impl FnOnce(ConnectionId) -> Option<Arc<Facts>>) -> Self {
        let facts = rows.on.and_then(|(_, id)| facts(id));
        let on = on(&rows, facts);
        Self { title: rows.title.clone(), rows, on, style: Style::default() }
    }

    /// A title for the first line (default: the method, and the URL without secrets). It should contain no secret.
    pub fn titled(mut self, title: impl Into<Box<str>>) -> Self {
        self.title = Some(title.into());
        self
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

    /// A call that is still running is drawn until then, on the runtime's clock (default: until its latest event).
    pub fn until(mut self, now: Instant) -> Self {
        self.rows.extend(now);
        self
    }

    /// The call.
    pub fn call(&self) -> CallId {
        self.rows.call
    }

    /// Whether the call is still running.
    pub fn is_running(&self) -> bool {
        matches!(self.rows.end, crate::rows::End::Running)
    }

    /// Its title: see [`titled`](Self::titled).
    pub fn title(&self) -> Option<&str> {
        self.title.as_deref()
    }

    /// How it got its connection, and that one's facts.
    pub(crate) fn on(&self) -> Option<&str> {
        self.on.as_deref()
    }

    /// How long the call took, its response's body included.
    pub fn total(&self) -> Duration {
        self.rows.total()
    }

    /// With the style of all, if it is one of several.
    pub(crate) fn draw(&self, f: &mut fmt::Formatter<'_>, canvas: &Canvas, axis: bool) -> fmt::Result {
        let title = self.title.as_ref().map(|title| format!("  {}", clean(title))).unwrap_or_default();
        canvas.head(f, &self.rows, &title, self.on.as_deref())?;
        if axis {
            canvas.axis(f)?;
        }
        self.rows.list.iter().try_for_each(|row| canvas.row(f, row))
    }
}

impl fmt::Display for Timeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let canvas = Canvas::new(&[&self.rows], self.rows.total(), self.style);
        self.draw(f, &canvas, true)
    }
}
