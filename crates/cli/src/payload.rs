//! What a request carries: nothing, bytes, or what is sent while it is read.

use crate::{
    args::{DataArgs, Stream},
    file_body::{DataFile, FileBody},
    form::Form,
    stdin::Stdin,
};
use bytes::Bytes;
use http::HeaderValue;
use skybridge::RequestBody;
use std::{
    io,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering::Relaxed},
};

/// The body of every request, or of those for one URL.
pub(crate) enum Payload {
    None,
    Bytes(Bytes),
    File(DataFile),
    Form(Form),
    /// Stdin, or a file that is a pipe: only the first request gets it.
    Once(Option<PathBuf>, AtomicBool),
}

impl Payload {
    /// Of `-d` and its relatives.
    ///
    /// # Errors
    /// When a file can't be read: its name, and why.
    pub(crate) fn of(data: &DataArgs) -> Result<Self, (PathBuf, io::Error)> {
        let fields = data.fields();
        if !fields.is_empty() {
            return Form::of(&fields, data.form_escape).map(Self::Form);
        }
        if data.is_empty() || data.get {
            return Ok(Self::None);
        }
        match data.stream() {
            Some(Stream::Stdin) => Ok(Self::stdin()),
            Some(Stream::File(path)) => Self::file(path),
            None => Ok(Self::Bytes(data.read()?.into())),
        }
    }

    /// Of one `-T`.
    ///
    /// # Errors
    /// When the file can't be read: its name, and why.
    pub(crate) fn upload(path: &Path) -> Result<Self, (PathBuf, io::Error)> {
        if is_stdin(path) { Ok(Self::stdin()) } else { Self::file(path) }
    }

    fn stdin() -> Self {
        Self::Once(None, AtomicBool::new(false))
    }

    fn file(path: &Path) -> Result<Self, (PathBuf, io::Error)> {
        match DataFile::open(path) {
            Ok(Some(file)) => Ok(Self::File(file)),
            Ok(None) => Ok(Self::Once(Some(path.to_owned()), AtomicBool::new(false))),
            Err(error) => Err((path.to_owned(), error)),
        }
    }

    pub(crate) fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }

    /// The type that goes with it, where the command line says none.
    pub(crate) fn content_type(&self) -> Option<HeaderValue> {
        match self {
            Self::None => None,
            Self::Form(form) => form.content_type(),
            _ => Some(HeaderValue::from_static("application/x-www-form-urlencoded")),
        }
    }

    /// Whether another request can have the same.
    pub(crate) fn is_lasting(&self) -> bool {
        !matches!(self, Self::Once(..))
    }

    pub(crate) fn body(&self) -> RequestBody {
        match self {
            Self::None => RequestBody::empty(),
            Self::Bytes(bytes) => bytes.clone().into(),
            Self::File(file) => {
                let file = file.clone();
                RequestBody::replayable(move || file.body())
            }
            Self::Form(form) => {
                let form = form.clone();
                RequestBody::replayable(move || form.body())
            }
            Self::Once(_, taken) if taken.swap(true, Relaxed) => RequestBody::empty(),
            Self::Once(None, _) => RequestBody::wrap(Stdin::new()),
            Self::Once(Some(path), _) => RequestBody::wrap(FileBody::of_pipe(path)),
        }
    }
}

/// `-T -`, or `.`, which doesn't wait for it with curl.
pub(crate) fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == "-" || path.as_os_str() == "."
}

/// What `-G` puts into the query of URLs.
pub(crate) fn query(data: &DataArgs) -> Result<Option<String>, (PathBuf, io::Error)> {
    if !data.get {
        return Ok(None);
    }
    let query = String::from_utf8(data.read()?);
    query
        .map(|query| Some(query).filter(|query| !query.is_empty()))
        .map_err(|error| (PathBuf::from("--get"), io::Error::other(error)))
}
