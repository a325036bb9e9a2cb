use clap::Args;
use std::path::PathBuf;

#[derive(Args)]
#[command(next_help_heading = "Seeing what happened")]
pub(crate) struct SeeingArgs {
    /// After each call, a picture of where its time went, on stderr
    #[arg(long)]
    pub(crate) timeline: bool,
    /// Every event as a line of JSON on stderr, as it happens
    #[arg(long)]
    pub(crate) events: bool,
    /// A line of JSON for each call when it ends; `-` is stdout, in place of the body
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,
    /// Print queries, cookies and credentials too
    #[arg(long)]
    pub(crate) show_secrets: bool,
    /// Print this after each call, with curl's %{variables}; @FILE reads it from there
    #[arg(short = 'w', long, value_name = "FORMAT")]
    pub(crate) write_out: Option<String>,
}

impl SeeingArgs {
    pub(crate) fn reports_to_stdout(&self) -> bool {
        self.report.as_ref().is_some_and(|path| path.as_os_str() == "-")
    }
}
