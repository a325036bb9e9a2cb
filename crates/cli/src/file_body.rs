//! A file as a body: read in pieces while it is sent, and again if it must be sent again.

use crate::{fault::NotRead, sink::blocking};
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use std::{
    fs::{self, File},
    future::Future,
    io::{self, Read},
    path::{Path, PathBuf},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

const PIECE: usize = 64 * 1024;

type Reading = Pin<Box<dyn Future<Output = io::Result<io::Result<(File, Bytes)>>> + Send>>;

/// A file that can be read, and how long it is.
#[derive(Clone)]
pub(crate) struct DataFile {
    path: Arc<Path>,
    length: u64,
}

pub(crate) struct FileBody {
    file: DataFile,
    state: State,
}

enum State {
    /// It is opened when its first bytes are wanted.
    Closed,
    Open(File),
    Reading(Reading),
    Ended,
}

impl DataFile {
    /// `None` for what can be read only once and has no length, as a pipe.
    ///
    /// # Errors
    /// When it can't be opened.
    pub(crate) fn open(path: &Path) -> io::Result<Option<Self>> {
        let metadata = fs::metadata(path)?;
        if metadata.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        if !metadata.is_file() {
            return Ok(None);
        }
        File::open(path)?;
        Ok(Some(Self { path: path.into(), length: metadata.len() }))
    }

    /// In bytes, when it was opened.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    pub(crate) fn body(&self) -> FileBody {
        FileBody { file: self.clone(), state: State::Closed }
    }
}

impl FileBody {
    /// What is no regular file: its bytes as they come, once.
    pub(crate) fn of_pipe(path: &Path) -> Self {
        Self { file: DataFile { path: path.into(), length: u64::MAX }, state: State::Closed }
    }

    fn read(&self, file: Option<File>) -> Reading {
        let path: PathBuf = self.file.path.to_path_buf();
        Box::pin(blocking(move || {
            let mut file = file.map_or_else(|| File::open(&path), Ok)?;
            let mut piece = vec![0; PIECE];
            let length = loop {
                match file.read(&mut piece) {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    read => break read?,
                }
            };
            piece.truncate(length);
            Ok((file, piece.into()))
        }))
    }

    fn failed(&self, error: io::Error) -> NotRead {
        NotRead(io::Error::new(error.kind(), format!("{}: {error}", self.file.path.display())))
    }
}

impl Body for FileBody {
    type Data = Bytes;
    type Error = NotRead;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, NotRead>>> {
        loop {
            match std::mem::replace(&mut self.state, State::Ended) {
                State::Closed => self.state = State::Reading(self.read(None)),
                State::Open(file) => self.state = State::Reading(self.read(Some(file))),
                State::Ended => return Poll::Ready(None),
                State::Reading(mut reading) => {
                    let Poll::Ready(read) = reading.as_mut().poll(cx) else {
                        self.state = State::Reading(reading);
                        return Poll::Pending;
                    };
                    return Poll::Ready(match read.and_then(|read| read) {
                        Ok((_, piece)) if piece.is_empty() => None,
                        Ok((file, piece)) => {
                            self.state = State::Open(file);
                            Some(Ok(Frame::data(piece)))
                        }
                        Err(error) => Some(Err(self.failed(error))),
                    });
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.file.length == 0 || matches!(self.state, State::Ended)
    }

    /// As long as it was when it was opened first: one that grows or shrinks meanwhile is an error of the stack.
    fn size_hint(&self) -> SizeHint {
        match (self.file.length, &self.state) {
            (u64::MAX, _) | (_, State::Open(_) | State::Reading(_)) => SizeHint::default(),
            (length, _) => SizeHint::with_exact(length),
        }
    }
}
