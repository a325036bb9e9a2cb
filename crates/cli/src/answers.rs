//! What is asked about URLs without fetching them is answered to stdout in words, or in lines of JSON by `--report`.

use crate::{exit::Exit, start_error::StartError};
use skybridge_trace::{clean, clean_json};
use std::{
    fs::File,
    io::{self, Write},
    path::Path,
};

pub(crate) struct Answers {
    report: Option<Box<dyn Write>>,
    is_first: bool,
}

impl Answers {
    /// # Errors
    /// When the report can't be opened.
    pub(crate) fn new(report: Option<&Path>) -> Result<Self, StartError> {
        Ok(Self { report: report.map(open).transpose()?, is_first: true })
    }

    /// Writes one of the two.
    ///
    /// # Errors
    /// When the report can't be written. A closed stdout is ignored.
    pub(crate) fn tell(&mut self, text: &str, line: serde_json::Result<String>) -> Result<(), StartError> {
        // Behind another there is a line between.
        let is_behind = !text.is_empty() && !std::mem::replace(&mut self.is_first, false);
        let written = match (&mut self.report, line) {
            (Some(report), Ok(line)) => writeln!(report, "{}", clean_json(&line)).and_then(|()| report.flush()),
            _ => {
                let lines = is_behind.then_some("").into_iter().chain(text.lines());
                lines.for_each(|line| _ = writeln!(io::stdout(), "{}", clean(line)));
                Ok(())
            }
        };
        written.map_err(|error| StartError(Exit::WRITE, format!("--report: {error}")))
    }
}

fn open(path: &Path) -> Result<Box<dyn Write>, StartError> {
    if path.as_os_str() == "-" {
        return Ok(Box::new(io::stdout()));
    }
    let file = File::create(path);
    file.map(|file| Box::new(file) as _)
        .map_err(|error| StartError(Exit::WRITE, format!("{}: {error}", path.display())))
}
