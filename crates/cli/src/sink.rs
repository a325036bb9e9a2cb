//! Where a response is written. Any of these may block its writer for ever: a pipe that is not read, a FIFO that is not
//! opened. So a sink is opened and written to on a thread of its own ([`blocking`]), which can be abandoned on a
//! timeout.

use crate::named_file::NamedFile;
use std::{
    fs::File,
    io::{self, IsTerminal, Write},
    path::{Path, PathBuf},
};

/// A sink that may not be open yet.
#[derive(Clone, Debug)]
pub(crate) enum Destination {
    Stdout,
    /// Stdout where nobody asked for it, and somebody reads it: it takes text only.
    Terminal,
    File(NamedFile),
    /// A file that a response must name.
    Unnamed,
    Nowhere,
}

pub(crate) enum Sink {
    Stdout,
    Terminal,
    File(File, PathBuf),
    Nowhere,
}

/// Runs what may block on another thread. Dropping the future abandons that thread.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)
}

impl Destination {
    /// Stdout, unless that is a terminal which shouldn't get what is no text.
    pub(crate) fn stdout_for_text() -> Self {
        if io::stdout().is_terminal() { Self::Terminal } else { Self::Stdout }
    }

    pub(crate) fn is_terminal(&self) -> bool {
        match self {
            Self::Stdout => io::stdout().is_terminal(),
            Self::Terminal => true,
            Self::File(_) | Self::Unnamed | Self::Nowhere => false,
        }
    }

    pub(crate) fn file(&self) -> Option<&NamedFile> {
        if let Self::File(file) = self { Some(file) } else { None }
    }

    pub(crate) fn open(&self) -> io::Result<Sink> {
        match self {
            Self::Stdout => Ok(Sink::Stdout),
            Self::Terminal => Ok(Sink::Terminal),
            Self::Nowhere => Ok(Sink::Nowhere),
            Self::File(file) => file.open().map(|(file, path)| Sink::File(file, path)),
            Self::Unnamed => Err(io::Error::other("neither the URL nor the response names a file; nearest: -o FILE")),
        }
    }
}

impl Sink {
    /// The name of the file, as it was opened.
    pub(crate) fn path(&self) -> Option<&Path> {
        if let Self::File(_, path) = self { Some(path) } else { None }
    }

    /// # Errors
    /// With the name of what can't be written to.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.written(bytes).map_err(|error| self.named(&error))
    }

    fn named(&self, error: &io::Error) -> io::Error {
        let name = match self {
            Self::File(_, path) => path.display().to_string(),
            _ => "stdout".to_owned(),
        };
        io::Error::new(error.kind(), format!("{name}: {error}"))
    }

    fn written(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            // As with curl, a zero byte makes the difference: text of any encoding but UTF-16 has none.
            Self::Terminal if bytes.contains(&0) => Err(io::Error::other(
                "it is binary, and may garble the terminal; nearest: -o FILE, or -o - for the terminal all the same",
            )),
            Self::Stdout | Self::Terminal => {
                let mut stdout = io::stdout().lock();
                // It keeps what ends in no line break.
                stdout.write_all(bytes).and_then(|()| stdout.flush())
            }
            Self::File(file, _) => file.write_all(bytes),
            Self::Nowhere => Ok(()),
        }
    }

    /// # Errors
    /// As [`write`](Self::write).
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        let flushed = match self {
            Self::Stdout | Self::Terminal => io::stdout().lock().flush(),
            Self::File(file, _) => file.flush(),
            Self::Nowhere => Ok(()),
        };
        flushed.map_err(|error| self.named(&error))
    }
}
