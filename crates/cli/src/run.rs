//! Fetches all URLs, one after the other or in parallel, and reports on each when it ends.

use crate::{
    args::{Args, Seconds},
    client,
    exit::Exit,
    observer::CallObserver,
    outcome::Outcome,
    proxies::Proxies,
    report::Report,
    retries,
    shared::{Job, Shared},
    sink::blocking,
    start_error::StartError,
    stderr::{self, Stderr},
    timelines::Timelines,
    watchdog::{self, OUTPUT_TIMEOUT},
    write_out::Format,
};
use skybridge::types::sync::Mutex;
use skybridge::{
    TokioRuntime,
    types::{CallId, Runtime},
};
use skybridge_trace::{JsonLines, clean, clean_json};
use std::{
    fs::File,
    io::{self, Write},
    pin::pin,
    sync::Arc,
    time::Duration,
};
use tokio::{sync::Semaphore, task::JoinSet, time::timeout};

/// Prints and writes what is known of each call.
struct Reporter {
    silent: bool,
    format: Option<Format>,
    report: Option<Mutex<Box<dyn Write + Send>>>,
    reports_to_stdout: bool,
    timelines: Option<Timelines>,
    exit: Mutex<Exit>,
}

pub(crate) async fn run(args: Args) -> Result<Exit, StartError> {
    if let Some(path) = &args.output.stderr {
        stderr::redirect(path).map_err(|error| StartError(Exit::WRITE, format!("{}: {error}", path.display())))?;
    }
    let runtime: Arc<dyn Runtime> = Arc::new(TokioRuntime::current());
    let reporter = Arc::new(Reporter::new(&args, &runtime)?);
    let events = args.diagnostics.events.then(|| Arc::new(JsonLines::new(Stderr)) as _);
    let recorder = reporter.timelines.iter().map(|timelines| timelines.recorder() as _);
    let observer = Arc::new(CallObserver::new(runtime, args.request.verbose).also_notify(events).also_notify(recorder));
    let proxies = Proxies::of(&args, |name| std::env::var_os(name));
    let client = client::build(&args, &proxies, &observer)?;
    let counts_uploads = reporter.format.as_ref().is_some_and(Format::counts_uploads);
    let shared =
        Shared::new(args, client, proxies, observer, counts_uploads).map_err(|(exit, why)| StartError(exit, why))?;
    let shared = Arc::new(shared);
    let fetching = fetch_all(&shared, &reporter);
    let Some(timelines) = &reporter.timelines else {
        fetching.await;
        close(shared).await;
        return Ok(reporter.exit());
    };
    let interrupted = {
        let mut fetching = pin!(fetching);
        tokio::select! {
            () = &mut fetching => None,
            // Drawn before anything is dropped: what hangs is shown as it is.
            Ok(()) = tokio::signal::ctrl_c() => Some(timelines.finish(true)),
        }
    };
    let is_interrupted = interrupted.is_some();
    let written = interrupted.unwrap_or_else(|| timelines.finish(false));
    if is_interrupted {
        return written.map_or_else(|why| Err(StartError(Exit::WRITE, why)), |()| Ok(Exit::INTERRUPTED));
    }
    close(shared).await;
    match written {
        Err(why) if reporter.exit() == Exit::OK => Err(StartError(Exit::WRITE, why)),
        _ => Ok(reporter.exit()),
    }
}

async fn fetch_all(shared: &Arc<Shared>, reporter: &Arc<Reporter>) {
    let jobs = jobs(&shared.args);
    if shared.args.request.parallel {
        in_parallel(shared, reporter, jobs).await;
    } else {
        for job in jobs {
            fetch(shared, reporter, job).await;
        }
    }
}

/// Closes the connections. That prints events, too, and may block like any output.
async fn close(shared: Arc<Shared>) {
    let is_limited = shared.args.request.max_time.is_some();
    let ended = blocking(move || drop(shared));
    let _ = timeout(if is_limited { OUTPUT_TIMEOUT } else { Duration::MAX }, ended).await;
}

fn jobs(args: &Args) -> Vec<Job> {
    let urls: Vec<Arc<str>> = args.urls().into_iter().map(Into::into).collect();
    let all = (0..args.request.repeat).flat_map(|_| urls.iter().enumerate());
    all.zip(1..).map(|((place, url), call)| Job { call: CallId(call), url: Arc::clone(url), place }).collect()
}

async fn in_parallel(shared: &Arc<Shared>, reporter: &Arc<Reporter>, jobs: Vec<Job>) {
    let permits = Arc::new(Semaphore::new(shared.args.request.parallel_max.into()));
    let mut calls = JoinSet::new();
    for job in jobs {
        let (shared, reporter, permits) = (Arc::clone(shared), Arc::clone(reporter), Arc::clone(&permits));
        calls.spawn(async move {
            let _place = permits.acquire().await;
            fetch(&shared, &reporter, job).await;
        });
    }
    while calls.join_next().await.is_some() {}
}

/// Fetches one URL and reports on it.
async fn fetch(shared: &Shared, reporter: &Arc<Reporter>, job: Job) {
    let limit = shared.args.request.max_time.map(Seconds::limit);
    let outcomes = retries::perform(shared, job).await;
    let _watched = limit.map(|_| watchdog::watch(2 * OUTPUT_TIMEOUT));
    reporter.note_exit(&outcomes);
    let reporter = Arc::clone(reporter);
    let printed = blocking(move || reporter.print_all(&outcomes));
    // There is nothing to do about a closed or full stdout or stderr.
    let _ = timeout(limit.map_or(Duration::MAX, |_| OUTPUT_TIMEOUT), printed).await;
}

impl Reporter {
    fn new(args: &Args, runtime: &Arc<dyn Runtime>) -> Result<Self, StartError> {
        let report = match &args.diagnostics.report {
            None => None,
            Some(path) if path.as_os_str() == "-" => Some(Box::new(io::stdout()) as Box<dyn Write + Send>),
            Some(path) => match File::create(path) {
                Ok(file) => Some(Box::new(file) as _),
                Err(error) => return Err(StartError(Exit::WRITE, format!("{}: {error}", path.display()))),
            },
        };
        let format = args.diagnostics.write_out.as_deref().map(Format::read).transpose()?;
        Ok(Self {
            silent: !args.prints_errors(),
            format,
            report: report.map(Mutex::new),
            reports_to_stdout: args.diagnostics.reports_to_stdout(),
            timelines: Timelines::of(args, runtime)?,
            exit: Mutex::new(Exit::OK),
        })
    }

    /// The exit code is that of the last URL that failed.
    fn note_exit(&self, outcomes: &[Outcome]) {
        if let Some(outcome) = outcomes.last()
            && outcome.exit != Exit::OK
        {
            *self.exit.lock() = outcome.exit;
        }
    }

    /// Reports on a URL: on each of its calls, and at last on its outcome. A report to a file comes first, as it
    /// doesn't block on the reader of the rest.
    fn print_all(&self, outcomes: &[Outcome]) {
        let Some((outcome, redirected)) = outcomes.split_last() else { return };
        if !self.reports_to_stdout {
            outcomes.iter().for_each(|outcome| self.report(outcome));
        }
        for outcome in redirected {
            self.print_timeline(outcome);
        }
        if outcome.exit != Exit::OK {
            self.print_error(outcome);
        }
        self.print_timeline(outcome);
        if let Some(format) = &self.format {
            format.print(outcome);
        }
        if self.reports_to_stdout {
            outcomes.iter().for_each(|outcome| self.report(outcome));
        }
    }

    fn print_timeline(&self, outcome: &Outcome) {
        if let Some(timelines) = &self.timelines {
            timelines.ended(outcome);
        }
    }

    fn report(&self, outcome: &Outcome) {
        if let Some(report) = &self.report
            && let Ok(line) = serde_json::to_string(&Report::of(outcome))
        {
            let mut report = report.lock();
            let _ = writeln!(report, "{}", clean_json(&line)).and_then(|()| report.flush());
        }
    }

    fn print_error(&self, outcome: &Outcome) {
        if self.silent {
            return;
        }
        let why = match (&outcome.fault, outcome.status) {
            (Some(fault), _) => fault.to_string(),
            (None, Some(status)) => {
                let reason = outcome.reason.as_deref().or(status.canonical_reason()).unwrap_or_default();
                format!("({}) {} answered {} {reason}", outcome.exit, outcome.url, status.as_u16())
            }
            _ => return,
        };
        stderr::print(format_args!("skybridge: {}\n", clean(&why)));
    }

    fn exit(&self) -> Exit {
        *self.exit.lock()
    }
}
