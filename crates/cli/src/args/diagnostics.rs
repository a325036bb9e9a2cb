use clap::Args;
use std::path::PathBuf;

#[derive(Args)]
#[command(next_help_heading = "Seeing what happened")]
pub(crate) struct SeeingArgs {
    /// Draw a timeline of each call on stderr when it ends
    #[arg(long)]
    pub(crate) timeline: bool,
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
