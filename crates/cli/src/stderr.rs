//! Where diagnostics go: stderr, or what `--stderr` names.

use indicatif::MultiProgress;
use skybridge::types::sync::Mutex;
use std::{
    fmt,
    fs::File,
    io::{self, IsTerminal, Write},
    path::Path,
    sync::OnceLock,
};

/// The bars that stand in its last lines.
static BARS: OnceLock<MultiProgress> = OnceLock::new();
static NAMED: OnceLock<Named> = OnceLock::new();

enum Named {
    File(Mutex<File>),
    Stdout,
}

/// Writes there, without a lock of its own: each write stands alone.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stderr;

/// From now on it goes to this file; `-` is stdout.
///
/// # Errors
/// When the file can't be created.
pub(crate) fn redirect(path: &Path) -> io::Result<()> {
    let named = if path.as_os_str() == "-" { Named::Stdout } else { Named::File(Mutex::new(File::create(path)?)) };
    // It is called once.
    let _ = NAMED.set(named);
    Ok(())
}

/// Prints, by one write, above bars if there are any. A closed stderr is ignored.
pub(crate) fn print(text: impl fmt::Display) {
    let text = text.to_string();
    let written = || Stderr.write_all(text.as_bytes());
    let _ = BARS.get().map_or_else(written, |bars| bars.suspend(written));
}

/// From now on these bars are erased while something is printed, and drawn again below it.
pub(crate) fn go_around(bars: &MultiProgress) {
    // It is called once.
    let _ = BARS.set(bars.clone());
}

pub(crate) fn is_terminal() -> bool {
    match NAMED.get() {
        None => io::stderr().is_terminal(),
        Some(Named::Stdout) => io::stdout().is_terminal(),
        Some(Named::File(_)) => false,
    }
}

impl Write for Stderr {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match NAMED.get() {
            None => io::stderr().lock().write(bytes),
            Some(Named::Stdout) => io::stdout().lock().write(bytes),
            Some(Named::File(file)) => file.lock().write(bytes),
        }
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match NAMED.get() {
            None => io::stderr().lock().write_all(bytes),
            Some(Named::Stdout) => io::stdout().lock().write_all(bytes),
            Some(Named::File(file)) => file.lock().write_all(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match NAMED.get() {
            None => io::stderr().lock().flush(),
            Some(Named::Stdout) => io::stdout().lock().flush(),
            Some(Named::File(file)) => file.lock().flush(),
        }
    }
}
