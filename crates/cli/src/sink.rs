//! Where a response is written. Any of these may block its writer for ever: a pipe that is not read, a FIFO that is not
//! opened. So a sink is opened and written to on a thread of its own ([`blocking`]), which can be abandoned on a
//! timeout.

use crate::secrets::Secrets;
use bytes::Bytes;
use http::Response;
use skybridge::ReasonPhrase;
use std::{
    fs::File,
    io::{self, IsTerminal, Write},
    path::PathBuf,
};

/// A sink that may not be open yet.
#[derive(Clone, Debug)]
pub(crate) enum Destination {
    Stdout,
    File(PathBuf),
    Nowhere,
}

pub(crate) enum Sink {
    Stdout,
    File(File),
    Nowhere,
}

/// Runs what may block on another thread. Dropping the future abandons that thread.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)
}

impl Destination {
    pub(crate) fn is_terminal(&self) -> bool {
        matches!(self, Self::Stdout) && io::stdout().is_terminal()
    }

    pub(crate) fn open(&self) -> io::Result<Sink> {
        match self {
            Self::Stdout => Ok(Sink::Stdout),
            Self::Nowhere => Ok(Sink::Nowhere),
            Self::File(path) => {
                let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
                File::create(path).map(Sink::File).map_err(named)
            }
        }
    }
}

impl Sink {
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Stdout => io::stdout().lock().write_all(bytes),
            Self::File(file) => file.write_all(bytes),
            Self::Nowhere => Ok(()),
        }
    }

    pub(crate) fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Stdout => io::stdout().lock().flush(),
            Self::File(file) => file.flush(),
            Self::Nowhere => Ok(()),
        }
    }
}

/// The head as HTTP/1.1 writes it.
pub(crate) fn head<B>(response: &Response<B>, version: &str, secrets: Secrets) -> Bytes {
    let mut head = format!("HTTP/{version} {} ", response.status().as_u16()).into_bytes();
    head.extend_from_slice(reason(response, version));
    head.extend_from_slice(b"\r\n");
    for (name, value) in response.headers() {
        head.extend_from_slice(name.as_str().as_bytes());
        head.extend_from_slice(b": ");
        head.extend_from_slice(&secrets.raw(name, value));
        head.extend_from_slice(b"\r\n");
    }
    head.extend_from_slice(b"\r\n");
    head.into()
}

/// What the server has said beside the status; HTTP/2 has no such phrase.
pub(crate) fn reason<'a, B>(response: &'a Response<B>, version: &str) -> &'a [u8] {
    if version == "2" {
        return b"";
    }
    match response.extensions().get::<ReasonPhrase>() {
        Some(reason) => reason.as_bytes(),
        None => response.status().canonical_reason().unwrap_or_default().as_bytes(),
    }
}
