use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// When to print in colours.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal that has them, unless NO_COLOR is set
    #[default]
    Auto,
    Always,
    Never,
}

#[derive(Args)]
#[command(next_help_heading = "Seeing what happened")]
pub(crate) struct SeeingArgs {
    /// Draw a timeline of each call on stderr when it ends, or with -Z of all together; on Ctrl-C of what still runs
    #[arg(long)]
    pub(crate) timeline: bool,
    /// Draw the timelines of all calls and connections into this file when all are over
    #[arg(long, value_name = "FILE")]
    pub(crate) timeline_svg: Option<PathBuf>,
    /// Write all calls into this file as an HTTP Archive (HAR 1.2), for the network panel of a browser
    #[arg(long, value_name = "FILE")]
    pub(crate) har: Option<PathBuf>,
    /// Colours in timelines: auto, always or never
    #[arg(long, value_name = "WHEN", value_enum, default_value_t)]
    pub(crate) color: Color,
    /// Print every event as a line of JSON on stderr, as it happens
    #[arg(long)]
    pub(crate) events: bool,
    /// Write a line of JSON for each call when it ends; `-` is stdout, instead of the body
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,
    /// Print queries, cookies and credentials too
    #[arg(long)]
    pub(crate) show_secrets: bool,
    /// Print this after each call, with curl's %{variables}; @FILE reads it from a file
    #[arg(short = 'w', long, value_name = "FORMAT")]
    pub(crate) write_out: Option<String>,
}

impl SeeingArgs {
    pub(crate) fn reports_to_stdout(&self) -> bool {
        self.report.as_ref().is_some_and(|path| path.as_os_str() == "-")
    }
}
