//! Fetches all URLs, one after the other or in parallel, and reports on each when it ends.

use crate::{
    args::{Args, ClientKey, Part, Seconds},
    client::Connects,
    exit::Exit,
    jobs::Job,
    observer::CallObserver,
    outcome::Outcome,
    progress::Meters,
    report::Report,
    retries,
    secrets::Secrets,
    shared::Shared,
    sink::blocking,
    spans,
    start_error::StartError,
    stderr::{self, Stderr},
    timelines::Timelines,
    watchdog::{self, OUTPUT_TIMEOUT},
    write_out::Format,
};
use http::StatusCode;
use skybridge::types::sync::Mutex;
use skybridge::{
    TokioRuntime,
    types::{Observe, Runtime},
};
use skybridge_trace::{JsonLines, Spans, clean, clean_json};
use std::{
    fs::File,
    io::{self, Write},
    pin::pin,
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};
use tokio::{task::JoinSet, time::timeout};

/// Prints and writes what is known of each call.
struct Reporter {
    silent: bool,
    report: Option<Mutex<Box<dyn Write + Send>>>,
    reports_to_stdout: bool,
    timelines: Option<Timelines>,
    exit: Mutex<Exit>,
    /// Why the report isn't whole.
    unreported: Mutex<Option<String>>,
}

/// A part of the command line: its URLs are fetched in order.
pub(crate) struct Listed {
    pub(crate) shared: Arc<Shared>,
    pub(crate) jobs: Vec<Job>,
}

pub(crate) async fn run(parts: Vec<Part>) -> Result<Exit, StartError> {
    // What is said for all parts is said in each, and in the last one as it was said last.
    let Some(args) = parts.last().map(|part| &part.args) else { return Ok(Exit::OK) };
    if let Some(path) = &args.output.stderr {
        stderr::redirect(path).map_err(|error| StartError(Exit::WRITE, format!("{}: {error}", path.display())))?;
    }
    let runtime: Arc<dyn Runtime> = Arc::new(TokioRuntime::current());
    let reporter = Arc::new(Reporter::new(args, &runtime)?);
    let events = args.diagnostics.events.then(|| Arc::new(JsonLines::new(Stderr)) as Arc<dyn Observe>);
    let (secrets, verbose, has_spans) = (Secrets::of(args), args.request.verbose > 0, args.request.verbose > 1);
    if has_spans {
        spans::print(spans::filter(), secrets)?;
    }
    let observer = || {
        let recorder = reporter.timelines.iter().map(|timelines| timelines.recorder() as _);
        let spans = has_spans.then(|| Spans::new() as _);
        CallObserver::new(Arc::clone(&runtime), secrets, verbose)
            .also_notify(events.clone())
            .also_notify(recorder)
            .also_notify(spans)
    };
    let is_parallel = args.request.parallel.then_some(args.request.parallel_max);
    let meters = Meters::of(args, &runtime);
    let parts = list(parts, observer, meters)?;
    let fetching = fetch_all(&parts, &reporter, is_parallel);
    let interrupted = {
        let mut fetching = pin!(fetching);
        tokio::select! {
            // The signal is waited for before anything begins: until then it would end the program without a word.
            biased;
            // Told before anything is dropped: what hangs is shown as it is.
            Some(exit) = asked_to_end(), if reporter.tells_what_runs() => {
                Some((exit, interrupt(&parts, &reporter).await))
            }
            () = &mut fetching => None,
        }
    };
    if let Some((exit, written)) = interrupted {
        return written.map_or_else(|why| Err(StartError(Exit::WRITE, why)), |()| Ok(exit));
    }
    let written = reporter.timelines.as_ref().map_or(Ok(()), |timelines| timelines.finish(false));
    let written = written.and(write_cookies(&parts).await).and(reporter.is_reported());
    close(parts).await;
    match written {
        Err(why) if reporter.exit() == Exit::OK => Err(StartError(Exit::WRITE, why)),
        // The exit code is that of the URL that failed.
        Err(why) => {
            reporter.print(&why);
            Ok(reporter.exit())
        }
        Ok(()) => Ok(reporter.exit()),
    }
}

/// Ready when a signal comes that asks for the end: somebody's, or that of `timeout` and of who stops services. Never
/// where there are no signals.
async fn asked_to_end() -> Option<Exit> {
    #[cfg(unix)]
    if let Ok(mut terminated) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        return tokio::select! {
            interrupted = tokio::signal::ctrl_c() => interrupted.ok().map(|()| Exit::INTERRUPTED),
            terminated = terminated.recv() => terminated.map(|()| Exit::TERMINATED),
        };
    }
    tokio::signal::ctrl_c().await.ok().map(|()| Exit::INTERRUPTED)
}

/// Reports on the calls that are running. Nobody may read what is written: that ends nothing a second time.
async fn interrupt(parts: &[Listed], reporter: &Arc<Reporter>) -> Result<(), String> {
    let running: Vec<_> = parts.iter().flat_map(|part| part.shared.running.interrupt()).collect();
    let reporter = Arc::clone(reporter);
    let written = blocking(move || {
        running.iter().for_each(|outcomes| reporter.report_interrupted(outcomes));
        let written = reporter.timelines.as_ref().map_or(Ok(()), |timelines| timelines.finish(true));
        written.and(reporter.is_reported())
    });
    timeout(OUTPUT_TIMEOUT, written).await.ok().and_then(Result::ok).unwrap_or(Ok(()))
}

/// To the file of each `-c`.
async fn write_cookies(parts: &[Listed]) -> Result<(), String> {
    let mut all = Ok(());
    for Shared { jar, args, observer, .. } in parts.iter().map(|part| &*part.shared) {
        let (Some(jar), Some(path)) = (jar.clone(), args.cookies.cookie_jar.clone()) else { continue };
        let (now, name) = (observer.runtime.wall_now(), path.display().to_string());
        let written = blocking(move || jar.write(&path, now)).await.and_then(|written| written);
        // One that can't be written keeps no other from it.
        all = all.and(written.map_err(|error| format!("({}) {name}: {error}", Exit::WRITE)));
    }
    all
}

/// Makes the clients, one for all parts in which it is the same, and numbers the calls.
pub(crate) fn list(
    parts: Vec<Part>,
    observer: impl Fn() -> CallObserver,
    meters: Option<Meters>,
) -> Result<Vec<Listed>, StartError> {
    let (next, jar) = (Arc::new(AtomicU64::new(1)), Arc::default());
    let (mut known, mut listed) = (Vec::<(ClientKey, Connects)>::new(), Vec::with_capacity(parts.len()));
    for Part { args, client } in parts {
        let connects = match known.iter().find(|(key, _)| *key == client) {
            Some((_, connects)) => connects.clone(),
            None => Connects::of(&args, observer())?,
        };
        known.push((client, connects.clone()));
        let shared = Arc::new(Shared::new(args, connects, meters.clone(), &next, &jar)?);
        let jobs = shared.jobs();
        listed.push(Listed { shared, jobs });
    }
    Ok(listed)
}

async fn fetch_all(parts: &[Listed], reporter: &Arc<Reporter>, at_once: Option<u16>) {
    let all = parts.iter().flat_map(|part| part.jobs.iter().map(|job| (Arc::clone(&part.shared), job.clone())));
    match at_once {
        Some(most) => in_parallel(all, reporter, most).await,
        None => {
            for (shared, job) in all {
                fetch(shared, reporter, job).await;
            }
        }
    }
}

/// Closes the connections. That prints events, too, and may block like any output.
async fn close(parts: Vec<Listed>) {
    let is_limited = parts.iter().any(|part| part.shared.args.request.max_time.is_some());
    let ended = blocking(move || drop(parts));
    let _ = timeout(if is_limited { OUTPUT_TIMEOUT } else { Duration::MAX }, ended).await;
}

async fn in_parallel(all: impl Iterator<Item = (Arc<Shared>, Job)>, reporter: &Arc<Reporter>, most: u16) {
    let mut calls = JoinSet::new();
    for (shared, job) in all {
        while calls.len() >= usize::from(most) {
            calls.join_next().await;
        }
        let reporter = Arc::clone(reporter);
        calls.spawn(async move { fetch(shared, &reporter, job).await });
    }
    while calls.join_next().await.is_some() {}
}

/// Fetches one URL and reports on it.
async fn fetch(shared: Arc<Shared>, reporter: &Arc<Reporter>, job: Job) {
    let limit = shared.args.request.max_time.map(Seconds::limit);
    let outcomes = retries::perform(&shared, job).await;
    let _watched = limit.map(|_| watchdog::watch(2 * OUTPUT_TIMEOUT));
    reporter.note_exit(&outcomes);
    let reporter = Arc::clone(reporter);
    let printed = blocking(move || reporter.print_all(&outcomes, shared.format.as_ref()));
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
        Ok(Self {
            silent: !args.prints_errors(),
            report: report.map(Mutex::new),
            reports_to_stdout: args.diagnostics.reports_to_stdout(),
            timelines: Timelines::of(args, runtime)?,
            exit: Mutex::new(Exit::OK),
            unreported: Mutex::default(),
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
    fn print_all(&self, outcomes: &[Outcome], format: Option<&Format>) {
        let Some((outcome, redirected)) = outcomes.split_last() else { return };
        if !self.reports_to_stdout {
            outcomes.iter().for_each(|outcome| self.report(outcome));
        }
        for outcome in redirected {
            self.print_timeline(outcome);
        }
        if outcome.exit != Exit::OK {
            self.print_error(outcome, redirected);
        }
        self.print_timeline(outcome);
        if let Some(format) = format {
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

    fn is_reported(&self) -> Result<(), String> {
        self.unreported.lock().take().map_or(Ok(()), Err)
    }

    fn tells_what_runs(&self) -> bool {
        self.timelines.is_some() || self.report.is_some()
    }

    /// The last of them is running.
    fn report_interrupted(&self, outcomes: &[Outcome]) {
        let Some((running, redirected)) = outcomes.split_last() else { return };
        redirected.iter().for_each(|outcome| self.report(outcome));
        self.write(&Report::running(running));
    }

    fn report(&self, outcome: &Outcome) {
        self.write(&Report::of(outcome));
    }

    fn write(&self, line: &Report<'_>) {
        if let Some(report) = &self.report
            && let Ok(line) = serde_json::to_string(line)
        {
            let mut report = report.lock();
            if let Err(error) = writeln!(report, "{}", clean_json(&line)).and_then(|()| report.flush()) {
                let why = format!("({}) --report: {error}", Exit::WRITE);
                self.unreported.lock().get_or_insert(why);
            }
        }
    }

    fn print(&self, why: &str) {
        if !self.silent {
            stderr::print(format_args!("skybridge: {}\n", clean(why)));
        }
    }

    /// The last call of a URL, and those that led to it.
    fn print_error(&self, outcome: &Outcome, redirected: &[Outcome]) {
        let led_by = redirected.last().map(Outcome::origin).filter(|from| *from != outcome.origin());
        let why = match (&outcome.fault, outcome.status) {
            (Some(fault), _) => match led_by {
                Some(from) => format!("{fault}; a redirect of {from} led there"),
                None => fault.to_string(),
            },
            // Nobody else answers so.
            (None, Some(status)) if status == StatusCode::PROXY_AUTHENTICATION_REQUIRED => format!(
                "({}) {}: the proxy wants credentials, or others (407); --proxy-user USER:PASSWORD",
                outcome.exit, outcome.url
            ),
            (None, Some(status)) => {
                let reason = outcome.reason.as_deref().or(status.canonical_reason()).unwrap_or_default();
                format!("({}) {} answered {} {reason}", outcome.exit, outcome.url, status.as_u16())
            }
            _ => return,
        };
        self.print(&why);
    }

    fn exit(&self) -> Exit {
        *self.exit.lock()
    }
}
