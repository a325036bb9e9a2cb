//! Fetches all URLs, in order or at once, and tells of each when it ends.

use crate::{
    args::{Args, Seconds},
    call::{Job, Outcome, perform},
    client,
    exit::Exit,
    proxies::Proxies,
    report::Report,
    shared::Shared,
    sink::blocking,
    usage::Usage,
    watchdog,
    witness::Witness,
    write_out::Format,
};
use skybridge::types::sync::Mutex;
use skybridge::{TokioRuntime, types::CallId};
use skybridge_trace::{JsonLines, Recorder, Timeline};
use std::{
    fs::File,
    io::{self, IsTerminal, Write},
    sync::Arc,
    time::Duration,
};
use tokio::{sync::Semaphore, task::JoinSet, time::timeout};

/// With `--max-time`, how long telling of a call may be held up by whoever reads what is told: that belongs to no call, and must end too.
const PATIENCE: Duration = Duration::from_secs(1);

/// Why nothing was fetched.
pub(crate) struct NotBegun(pub(crate) Exit, pub(crate) String);

impl From<Usage> for NotBegun {
    fn from(usage: Usage) -> Self {
        Self(Exit::USAGE, usage.to_string())
    }
}

/// Where what is known of each call goes.
struct Teller {
    silent: bool,
    format: Option<Format>,
    report: Option<Mutex<Box<dyn Write + Send>>>,
    reports_to_stdout: bool,
    /// For timelines.
    recorder: Option<Arc<Recorder>>,
    exit: Mutex<Exit>,
}

pub(crate) async fn run(args: Args) -> Result<Exit, NotBegun> {
    let teller = Arc::new(Teller::new(&args)?);
    let runtime = Arc::new(TokioRuntime::current());
    let events = args.seeing.events.then(|| Arc::new(JsonLines::new(io::stderr())) as _);
    let recorder = teller.recorder.iter().map(|recorder| Arc::clone(recorder) as _);
    let witness = Arc::new(Witness::new(runtime, args.request.verbose).and(events).and(recorder));
    let proxies = Proxies::of(&args, |name| std::env::var_os(name))
        .map_err(|(name, error)| NotBegun(Exit::RESOLVE_PROXY, format!("{name}: {error}")))?;
    let client = client::build(&args, &proxies, &witness)?;
    let shared = Shared::new(args, client, proxies, witness).map_err(|(exit, why)| NotBegun(exit, why))?;
    let shared = Arc::new(shared);
    let jobs = jobs(&shared.args);
    if shared.args.request.parallel {
        at_once(&shared, &teller, jobs).await;
    } else {
        for job in jobs {
            fetch(&shared, &teller, job).await;
        }
    }
    end(shared).await;
    Ok(teller.exit())
}

/// Closes the connections. That is told, too, and may be held up as any telling.
async fn end(shared: Arc<Shared>) {
    let phase_timeout = shared.args.request.max_time.is_some();
    let ended = blocking(move || drop(shared));
    let _ = timeout(if phase_timeout { PATIENCE } else { Duration::MAX }, ended).await;
}

fn jobs(args: &Args) -> Vec<Job> {
    let urls: Vec<Arc<str>> = args.urls.iter().map(|url| url.as_str().into()).collect();
    let all = (0..args.request.repeat).flat_map(|_| urls.iter().enumerate());
    all.zip(1..).map(|((place, url), call)| Job { call: CallId(call), url: Arc::clone(url), place }).collect()
}

async fn at_once(shared: &Arc<Shared>, teller: &Arc<Teller>, jobs: Vec<Job>) {
    let room = Arc::new(Semaphore::new(shared.args.request.parallel_max.into()));
    let mut calls = JoinSet::new();
    for job in jobs {
        let (shared, teller, room) = (Arc::clone(shared), Arc::clone(teller), Arc::clone(&room));
        calls.spawn(async move {
            let _place = room.acquire().await;
            fetch(&shared, &teller, job).await;
        });
    }
    while calls.join_next().await.is_some() {}
}

/// One URL, and what is to be told of it.
async fn fetch(shared: &Shared, teller: &Arc<Teller>, job: Job) {
    let limit = shared.args.request.max_time.map(Seconds::limit);
    let _watched = limit.map(|limit| watchdog::watch(limit.saturating_add(2 * PATIENCE)));
    let outcomes = perform(shared, job).await;
    teller.note(&outcomes);
    let teller = Arc::clone(teller);
    let told = blocking(move || teller.tell(&outcomes));
    // Nobody is left to tell when stdout or stderr is closed, and nobody listens when it is full.
    let _ = timeout(limit.map_or(Duration::MAX, |_| PATIENCE), told).await;
}

impl Teller {
    fn new(args: &Args) -> Result<Self, NotBegun> {
        let report = match &args.seeing.report {
            None => None,
            Some(path) if path.as_os_str() == "-" => Some(Box::new(io::stdout()) as Box<dyn Write + Send>),
            Some(path) => match File::create(path) {
                Ok(file) => Some(Box::new(file) as _),
                Err(error) => return Err(NotBegun(Exit::WRITE, format!("{}: {error}", path.display()))),
            },
        };
        let format = args.seeing.write_out.as_deref().map(Format::read).transpose()?;
        Ok(Self {
            silent: args.request.silent,
            format,
            report: report.map(Mutex::new),
            reports_to_stdout: args.seeing.reports_to_stdout(),
            recorder: args.seeing.timeline.then(Recorder::new),
            exit: Mutex::new(Exit::OK),
        })
    }

    /// The exit code is that of the last URL that failed.
    fn note(&self, outcomes: &[Outcome]) {
        if let Some(outcome) = outcomes.last()
            && outcome.exit != Exit::OK
        {
            *self.exit.lock() = outcome.exit;
        }
    }

    /// Of a URL: each call that it took, and in the end what came of it. A file comes first: it keeps nobody waiting who reads the rest.
    fn tell(&self, outcomes: &[Outcome]) {
        let Some((outcome, redirected)) = outcomes.split_last() else { return };
        if !self.reports_to_stdout {
            outcomes.iter().for_each(|outcome| self.report(outcome));
        }
        for outcome in redirected {
            self.draw(outcome);
        }
        if outcome.exit != Exit::OK {
            self.complain(outcome);
        }
        self.draw(outcome);
        // Nobody is left to tell when stdout or stderr is closed.
        if let Some(format) = &self.format {
            let mut stdout = io::stdout().lock();
            let _ = stdout.write_all(format.fill(outcome).as_bytes()).and_then(|()| stdout.flush());
        }
        if self.reports_to_stdout {
            outcomes.iter().for_each(|outcome| self.report(outcome));
        }
    }

    fn draw(&self, outcome: &Outcome) {
        if let Some(recorder) = &self.recorder {
            let _ = write!(io::stderr().lock(), "{}", timeline(recorder, outcome));
        }
    }

    fn report(&self, outcome: &Outcome) {
        if let Some(report) = &self.report
            && let Ok(line) = serde_json::to_string(&Report::of(outcome))
        {
            let mut report = report.lock();
            let _ = writeln!(report, "{line}").and_then(|()| report.flush());
        }
    }

    fn complain(&self, outcome: &Outcome) {
        if self.silent {
            return;
        }
        let why = match (&outcome.fault, outcome.status) {
            (Some(fault), _) => fault.to_string(),
            (None, Some(status)) => format!("({}) {} answered {status}", outcome.exit, outcome.url),
            _ => return,
        };
        let _ = writeln!(io::stderr().lock(), "skybridge: {why}");
    }

    fn exit(&self) -> Exit {
        *self.exit.lock()
    }
}

fn timeline(recorder: &Recorder, outcome: &Outcome) -> Timeline {
    let timeline = recorder.timeline(outcome.call).titled(format!("{} {}", outcome.method, outcome.url));
    if io::stderr().is_terminal() { timeline.colored() } else { timeline }
}
