//! `--timeline`, `--timeline-svg` and `--har`: what a recorder has kept, drawn and written. On stderr each call is
//! drawn when it ends, or all together at the end; the files are written at the end.

use crate::{
    archived::Archived, args::Args, exit::Exit, outcome::Outcome, start_error::StartError, stderr, terminal::Terminal,
};
use skybridge::types::Runtime;
use skybridge_trace::{Recorder, Timeline};
use std::{
    fs::File,
    io::Write,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Instant, SystemTime},
};

pub(crate) struct Timelines {
    recorder: Arc<Recorder>,
    runtime: Arc<dyn Runtime>,
    terminal: Terminal,
    on_stderr: bool,
    /// Calls that run at once are drawn together, on one axis.
    together: bool,
    svg: Option<Output>,
    har: Option<Output>,
    archived: Archived,
    started: (Instant, SystemTime),
}

/// A file that is open, so that it is known at the start whether it can be written.
struct Output {
    path: PathBuf,
    file: File,
}

impl Timelines {
    /// `None` where nothing is to be drawn.
    ///
    /// # Errors
    /// When a file can't be made.
    pub(crate) fn of(args: &Args, runtime: &Arc<dyn Runtime>) -> Result<Option<Self>, StartError> {
        let seeing = &args.diagnostics;
        let (svg, har) = (Output::open(seeing.timeline_svg.as_deref())?, Output::open(seeing.har.as_deref())?);
        if !seeing.timeline && svg.is_none() && har.is_none() {
            return Ok(None);
        }
        Ok(Some(Self {
            recorder: Recorder::new(),
            runtime: Arc::clone(runtime),
            terminal: Terminal::of_stderr(seeing.color),
            on_stderr: seeing.timeline,
            together: args.request.parallel,
            svg,
            har,
            archived: Archived::default(),
            started: (runtime.now(), runtime.wall_now()),
        }))
    }

    pub(crate) fn recorder(&self) -> Arc<Recorder> {
        Arc::clone(&self.recorder)
    }

    /// A call has ended.
    pub(crate) fn ended(&self, outcome: &Outcome) {
        self.archived.keep(outcome);
        if self.on_stderr && !self.together {
            let timeline = self.recorder.timeline(outcome.call);
            stderr::print(self.styled(timeline.titled(format!("{} {}", outcome.method, outcome.url))));
        }
    }

    /// All calls are over, or are given up: then what is still running is drawn until now.
    ///
    /// # Errors
    /// The file that could not be written, and why.
    pub(crate) fn finish(&self, interrupted: bool) -> Result<(), String> {
        let now = self.runtime.now();
        let timelines = self.recorder.timelines().until(now);
        if self.on_stderr && self.together {
            let timelines = timelines.clone();
            let timelines = if let Some(width) = self.terminal.width { timelines.width(width) } else { timelines };
            let timelines = if self.terminal.ascii { timelines.ascii() } else { timelines };
            stderr::print(if self.terminal.colored { timelines.colored() } else { timelines });
        } else if self.on_stderr && interrupted {
            timelines.calls().iter().filter(|timeline| timeline.is_running()).for_each(|timeline| {
                stderr::print(self.styled(self.recorder.timeline(timeline.call()).until(now)));
            });
        }
        if let Some(svg) = &self.svg {
            let date = skybridge_trace::iso8601(self.started.1);
            let caption = format!("skybridge {}  ·  {date}", env!("CARGO_PKG_VERSION"));
            let shown = timelines.clone().titled(|call| self.archived.title(call));
            svg.write(&shown.svg(&caption))?;
        }
        if let Some(har) = &self.har {
            let heads = |call| self.archived.heads(call);
            har.write(&timelines.har_with(env!("CARGO_PKG_VERSION"), self.started, heads))?;
        }
        Ok(())
    }

    fn styled(&self, timeline: Timeline) -> Timeline {
        let timeline = if let Some(width) = self.terminal.width { timeline.width(width) } else { timeline };
        let timeline = if self.terminal.ascii { timeline.ascii() } else { timeline };
        if self.terminal.colored { timeline.colored() } else { timeline }
    }
}

impl Output {
    fn open(path: Option<&Path>) -> Result<Option<Self>, StartError> {
        let open = |path: &Path| {
            let file = File::create(path)
                .map_err(|error| StartError(Exit::WRITE, format!("({}) {}: {error}", Exit::WRITE, path.display())))?;
            Ok(Self { path: path.to_owned(), file })
        };
        path.map(open).transpose()
    }

    fn write(&self, text: &str) -> Result<(), String> {
        let mut file = &self.file;
        let written = file.write_all(text.as_bytes()).and_then(|()| file.flush());
        written.map_err(|error| format!("({}) {}: {error}", Exit::WRITE, self.path.display()))
    }
}
