use crate::Recorded;
use skybridge_core::{Event, Observe, sync::Mutex};
use std::{fmt, io::Write, time::Instant};

/// Writes every event as it happens, one JSON object a line. See [`Recorded::json`] for the form; times count from the first event.
///
/// It writes where the event happens, so the writer should not block for long: a file or a terminal will do. What can't be written is lost.
pub struct JsonLines<W>(Mutex<Out<W>>);

struct Out<W> {
    writer: W,
    began: Option<Instant>,
}

impl<W: Write + Send + 'static> JsonLines<W> {
    /// Writes there.
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
        // Whoever observes can't fail, and must not fail what is observed.
        let _ = out.writer.write_all(line.as_bytes());
    }
}

impl<W> fmt::Debug for JsonLines<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JsonLines").finish_non_exhaustive()
    }
}
