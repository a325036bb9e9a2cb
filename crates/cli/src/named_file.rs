//! A file that is written to, by its name: `-o`, `-O`, `-J`, `-D`.

use crate::args::OutputArgs;
use std::{
    fs::{DirBuilder, File, OpenOptions},
    io::{self, ErrorKind},
    path::{Path, PathBuf},
};

/// How many other names `--no-clobber` tries, as with curl.
const NAMES: u32 = 100;

#[derive(Clone, Debug)]
pub(crate) struct NamedFile {
    path: PathBuf,
    opens: Opens,
    creates_folders: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Opens {
    /// What was there is gone.
    Anew,
    /// Behind what is there.
    AtEnd,
    /// Nothing may be there.
    New,
    /// Where something is there, a number is put behind the name.
    Numbered,
}

impl NamedFile {
    /// One that is named on the command line or by a URL: in the folder of `--output-dir`.
    pub(crate) fn of(args: &OutputArgs, path: PathBuf) -> Self {
        let opens = if args.is_clobbering() == Some(false) { Opens::Numbered } else { Opens::Anew };
        Self { path: in_folder(args, path), opens, creates_folders: args.create_dirs }
    }

    /// One that a peer has named: it replaces no other unless `--clobber` says so.
    pub(crate) fn of_peer(args: &OutputArgs, name: PathBuf) -> Self {
        let opens = match args.is_clobbering() {
            Some(true) => Opens::Anew,
            Some(false) => Opens::Numbered,
            None => Opens::New,
        };
        Self { path: in_folder(args, name), opens, creates_folders: args.create_dirs }
    }

    /// One for `-D`, which `--output-dir` is not about.
    pub(crate) fn of_heads(args: &OutputArgs, path: PathBuf) -> Self {
        Self { path, opens: Opens::Anew, creates_folders: args.create_dirs }
    }

    /// What is there stays, and more is written behind it.
    pub(crate) fn continued(mut self) -> Self {
        self.opens = Opens::AtEnd;
        self
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Opens it. Returns its name too, which may have got a number. Blocks.
    ///
    /// # Errors
    /// With the name.
    pub(crate) fn open(&self) -> io::Result<(File, PathBuf)> {
        let named = |error: io::Error| {
            let advice = match self.opens {
                Opens::New if error.kind() == ErrorKind::AlreadyExists => "; nearest: --clobber, or -o FILE",
                Opens::Anew if error.kind() == ErrorKind::NotFound => "; nearest: --create-dirs",
                _ => "",
            };
            io::Error::new(error.kind(), format!("{}: {error}{advice}", self.path.display()))
        };
        self.opened().map_err(named)
    }

    fn opened(&self) -> io::Result<(File, PathBuf)> {
        if self.creates_folders
            && let Some(folder) = self.path.parent().filter(|folder| !folder.as_os_str().is_empty())
        {
            create(folder)?;
        }
        let mut options = OpenOptions::new();
        options.write(true);
        match self.opens {
            Opens::Anew => options.create(true).truncate(true),
            Opens::AtEnd => options.create(true).append(true),
            Opens::New | Opens::Numbered => options.create_new(true),
        };
        let mut opened = (options.open(&self.path), self.path.clone());
        for number in 1..=NAMES {
            let is_taken = opened.0.as_ref().is_err_and(|error| error.kind() == ErrorKind::AlreadyExists);
            if self.opens != Opens::Numbered || !is_taken {
                break;
            }
            let mut path = self.path.clone().into_os_string();
            path.push(format!(".{number}"));
            opened = (options.open(&path), path.into());
        }
        Ok((opened.0?, opened.1))
    }
}

fn in_folder(args: &OutputArgs, path: PathBuf) -> PathBuf {
    args.output_dir.as_ref().map_or(path.clone(), |folder| folder.join(path))
}

/// As with curl, not for everybody.
fn create(folder: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o750);
    builder.create(folder)
}
