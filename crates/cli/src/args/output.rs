//! Where what comes is written.

use super::Place;
use clap::{
    ArgAction, Args,
    builder::{PathBufValueParser, StringValueParser, TypedValueParser},
};
use std::{path::PathBuf, str::FromStr};

#[derive(Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct OutputArgs {
    /// Write the body here; the nth one is for the nth URL
    #[arg(short = 'o', long, value_name = "FILE", action = ArgAction::Append, value_parser = PathBufValueParser::new().map(Output::file))]
    output: Vec<Output>,
    /// Write the body to a file here with the last name of the URL's path; the nth -o or -O is for the nth URL
    #[arg(short = 'O', long, action = ArgAction::Append, num_args = 0, default_missing_value = "", value_parser = StringValueParser::new().map(Output::remote_name))]
    remote_name: Vec<Output>,
    /// -O for all URLs without -o or -O
    #[arg(long)]
    remote_name_all: bool,
    /// With -O, the name that the response gives (content-disposition), if any; a file that is there isn't replaced
    #[arg(short = 'J', long, conflicts_with = "include")]
    pub(crate) remote_header_name: bool,
    /// Put what -o, -O and -J name into this folder
    #[arg(long, value_name = "DIR")]
    pub(crate) output_dir: Option<PathBuf>,
    /// Create the folders of files that are written
    #[arg(long)]
    pub(crate) create_dirs: bool,
    /// Replace files that are there, those that -J names too
    #[arg(long, overrides_with = "no_clobber")]
    clobber: bool,
    /// Replace no file that is there: the name gets .1 to .100
    #[arg(long, overrides_with = "clobber")]
    no_clobber: bool,
    /// Fetch the rest from this byte on, behind what is in the file; - is where it ends
    #[arg(short = 'C', long, value_name = "OFFSET", conflicts_with_all = ["range", "remote_header_name", "no_clobber", "upload_file", "compressed"])]
    pub(crate) continue_at: Option<ContinueAt>,
    /// Write the heads of responses here; - is stdout
    #[arg(short = 'D', long, value_name = "FILE")]
    pub(crate) dump_header: Option<PathBuf>,
    /// Leave the heads of proxies' answers to CONNECT out of -i and -D
    #[arg(long)]
    pub(crate) suppress_connect_headers: bool,
    /// With --silent, print errors
    #[arg(short = 'S', long)]
    pub(crate) show_error: bool,
    /// Write here what would go to stderr; - is stdout
    #[arg(long, value_name = "FILE")]
    pub(crate) stderr: Option<PathBuf>,
    /// Show no progress of what takes long
    #[arg(long)]
    pub(crate) no_progress_meter: bool,
    /// Show progress by a bar alone, without rate and time left
    #[arg(short = '#', long)]
    pub(crate) progress_bar: bool,
    /// Nothing is buffered, which is the default
    #[arg(short = 'N', long, hide = true)]
    no_buffer: bool,
}

/// `-C`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum ContinueAt {
    /// Behind the last byte of the file.
    End,
    Offset(u64),
}

/// Where the body for one URL goes.
#[derive(Clone, Debug)]
pub(crate) struct Output {
    place: Place,
    pub(crate) to: OutputTo,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum OutputTo {
    File(PathBuf),
    /// A file named as the URL's path ends.
    RemoteName,
}

impl Output {
    fn file(path: PathBuf) -> Self {
        Self { place: Place::next(), to: OutputTo::File(path) }
    }

    fn remote_name(_: String) -> Self {
        Self { place: Place::next(), to: OutputTo::RemoteName }
    }
}

impl FromStr for ContinueAt {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "-" => Ok(Self::End),
            _ => text.parse().map(Self::Offset).map_err(|_| "neither a number of bytes, such as 500, nor -"),
        }
    }
}

impl OutputArgs {
    /// Whether files that are there are replaced, where a flag says so.
    pub(crate) fn is_clobbering(&self) -> Option<bool> {
        if self.no_clobber { Some(false) } else { self.clobber.then_some(true) }
    }

    /// For the URL at this index; `None` is stdout.
    pub(crate) fn of(&self, at: usize) -> Option<OutputTo> {
        let mut all: Vec<_> = self.output.iter().chain(&self.remote_name).collect();
        all.sort_by_key(|output| output.place);
        all.get(at).map(|output| output.to.clone()).or_else(|| self.remote_name_all.then_some(OutputTo::RemoteName))
    }
}
