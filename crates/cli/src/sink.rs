//! Where a response is written.

use crate::secrets::Secrets;
use http::Response;
use std::{
    fs::File,
    io::{self, IsTerminal, Write},
    path::Path,
};

pub(crate) enum Sink {
    Stdout,
    File(File),
    Nowhere,
}

impl Sink {
    pub(crate) fn file(path: &Path) -> io::Result<Self> {
        let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
        File::create(path).map(Self::File).map_err(named)
    }

    pub(crate) fn is_terminal(&self) -> bool {
        matches!(self, Self::Stdout) && io::stdout().is_terminal()
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Stdout => io::stdout().lock().write_all(bytes),
            Self::File(file) => file.write_all(bytes),
            Self::Nowhere => Ok(()),
        }
    }

    /// The head, as HTTP/1.1 would write it.
    pub(crate) fn head<B>(&mut self, response: &Response<B>, version: &str, secrets: Secrets) -> io::Result<()> {
        let status = response.status();
        let reason = match version {
            "1.1" => status.canonical_reason().unwrap_or_default(),
            _ => "",
        };
        let mut head = format!("HTTP/{version} {} {reason}\r\n", status.as_u16());
        for (name, value) in response.headers() {
            head.push_str(&format!("{name}: {}\r\n", secrets.header(name, value)));
        }
        head.push_str("\r\n");
        self.write(head.as_bytes())
    }

    pub(crate) fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Stdout => io::stdout().lock().flush(),
            Self::File(file) => file.flush(),
            Self::Nowhere => Ok(()),
        }
    }
}
