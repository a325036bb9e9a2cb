//! `-D`: the heads of all responses in one file.

use crate::{
    named_file::NamedFile,
    sink::{Destination, Sink},
};
use bytes::Bytes;
use skybridge::types::sync::Mutex;
use std::io;

/// Opened for the first head; the heads of calls at the same time follow each other.
pub(crate) struct Dump {
    to: Destination,
    sink: Mutex<Option<Sink>>,
}

impl Dump {
    pub(crate) fn new(file: NamedFile) -> Self {
        let is_stdout = file.path().as_os_str() == "-";
        let to = if is_stdout { Destination::Stdout } else { Destination::File(file) };
        Self { to, sink: Mutex::default() }
    }

    /// Blocks.
    ///
    /// # Errors
    /// When the file can't be created or written to.
    pub(crate) fn write(&self, head: &Bytes) -> io::Result<()> {
        let mut sink = self.sink.lock();
        let open = match sink.take() {
            Some(open) => open,
            None => self.to.open()?,
        };
        let open = sink.insert(open);
        open.write(head)?;
        open.flush()
    }
}
