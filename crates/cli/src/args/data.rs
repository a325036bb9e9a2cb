use std::{
    convert::Infallible,
    fs, io,
    path::{Path, PathBuf},
};

/// One `-d` or `--data-binary`.
#[derive(Clone)]
pub(crate) struct Data {
    from: From,
    /// Line breaks of files are removed.
    is_text: bool,
}

#[derive(Clone)]
enum From {
    Here(String),
    File(PathBuf),
    Stdin,
}

impl Data {
    pub(crate) fn text(value: &str) -> Result<Self, Infallible> {
        Ok(Self { from: From::read(value), is_text: true })
    }

    pub(crate) fn binary(value: &str) -> Result<Self, Infallible> {
        Ok(Self { from: From::read(value), is_text: false })
    }

    /// Whether it is stdin as it is, which can be sent while it is read.
    pub(crate) fn is_stream(&self) -> bool {
        !self.is_text && matches!(self.from, From::Stdin)
    }

    /// # Errors
    /// When a file or stdin can't be read: its name, and why.
    pub(crate) fn read(&self) -> Result<Vec<u8>, (PathBuf, io::Error)> {
        let mut bytes = match &self.from {
            From::Here(text) => return Ok(text.clone().into_bytes()),
            From::File(path) => fs::read(path).map_err(|error| (path.clone(), error))?,
            From::Stdin => stdin().map_err(|error| (Path::new("-").to_owned(), error))?,
        };
        if self.is_text {
            bytes.retain(|byte| !matches!(byte, b'\r' | b'\n'));
        }
        Ok(bytes)
    }
}

fn stdin() -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    io::Read::read_to_end(&mut io::stdin().lock(), &mut bytes)?;
    Ok(bytes)
}

impl From {
    fn read(value: &str) -> Self {
        match value.strip_prefix('@') {
            Some("-") => Self::Stdin,
            Some(path) => Self::File(path.into()),
            None => Self::Here(value.to_owned()),
        }
    }
}
