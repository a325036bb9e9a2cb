use crate::{
    Facts, Recorded,
    clean::clean,
    draw::{Canvas, Glyphs},
    rows::{Rows, on},
};
use skybridge_core::{CallId, ConnectionId};
use std::{fmt, sync::Arc, time::Duration};

const WIDTH: usize = 100;
const NARROWEST: usize = 60;
const WIDEST: usize = 1000;

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
    call: CallId,
    title: Option<Box<str>>,
    pub(crate) rows: Rows,
    on: Option<String>,
    width: usize,
    glyphs: Glyphs,
    colored: bool,
}

impl Timeline {
    pub(crate) fn new<'a>(
        call: CallId,
        events: impl Iterator<Item = &'a Recorded>,
        facts: impl FnOnce(ConnectionId) -> Option<Arc<Facts>>,
    ) -> Self {
        let rows = Rows::of(call, events);
        let facts = rows.on.and_then(|(_, id)| facts(id));
        let on = on(&rows, facts);
        Self { call, title: None, rows, on, width: WIDTH, glyphs: Glyphs::UNICODE, colored: false }
    }

    /// A title for the first line, such as method and URL, which events don't contain. It is printed as it is, so it
    /// should contain no secret.
    pub fn titled(mut self, title: impl Into<Box<str>>) -> Self {
        self.title = Some(title.into());
        self
    }

    /// The width in columns (default: 100; from 60 to 1000).
    pub fn width(mut self, columns: usize) -> Self {
        self.width = columns.clamp(NARROWEST, WIDEST);
        self
    }

    /// Draws with ASCII alone.
    pub fn ascii(mut self) -> Self {
        self.glyphs = Glyphs::ASCII;
        self
    }

    /// Draws in colours (ANSI escapes), for a terminal.
    pub fn colored(mut self) -> Self {
        self.colored = true;
        self
    }

    /// How long the call took, its response's body included.
    pub fn total(&self) -> Duration {
        self.rows.total()
    }
}

impl fmt::Display for Timeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "call {}", self.call)?;
        if let Some(title) = &self.title {
            write!(f, "  {}", clean(title))?;
        }
        let canvas = Canvas::new(&self.rows, self.width, self.glyphs, self.colored);
        canvas.head(f, self.on.as_deref())?;
        canvas.axis(f)?;
        self.rows.list.iter().try_for_each(|row| canvas.row(f, row))
    }
}
