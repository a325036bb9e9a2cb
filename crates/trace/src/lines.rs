use crate::Recorded;
use skybridge_core::{Event, Observe, sync::Mutex};
use std::{fmt, io::Write, time::Instant};

/// Writes every event as it happens, one JSON object per line: see [`Recorded::json`]. Times count from the first
/// event. It writes on the thread of the event, so the writer should not block for long. A file or a terminal will do.
/// Write errors are ignored.
pub struct JsonLines<W>(Mutex<Out<W>>);

struct Out<W> {
    writer: W,
    began: Option<Instant>,
}

impl<W: Write + Send + 'static> JsonLines<W> {
    /// Writes to this writer.
    pub fn new(writer: W) -> Self {
        Self(Mutex::new(Out { writer, began: None }))
    }
}

impl<W: Write + Send + 'static> Observe for JsonLines<W> {
    fn observe(&self, event: &Event<'_>) {
        let event = Recorded::from(event);
        let mut out = self.0.lock();
        let began = *out.began.get_or_insert(event.at);
        let mut line = event.json(began);
        line.push('\n');
        // An observer can't fail, and must not make fail what it observes.
        let _ = out.writer.write_all(line.as_bytes());
    }
}

impl<W> fmt::Debug for JsonLines<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JsonLines").finish_non_exhaustive()
    }
}
