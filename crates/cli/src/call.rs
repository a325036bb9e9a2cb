//! One call: sends a request, writes what comes, and keeps what is known of it.

use crate::{
    exit::Exit, fault::Fault, progress::Progress, report::version, shared::Shared, sink::Sink, usage::Usage, verbose,
    witness::Seen,
};
use http::{Method, Response, StatusCode, Uri};
use http_body_util::BodyExt;
use skybridge::{Body, ConnInfo, Error, Phase, ResponseExt, Wish, core::CallId};
use std::{
    io,
    sync::Arc,
    time::{Duration, Instant},
};

/// A URL to fetch.
pub(crate) struct Job {
    pub(crate) call: CallId,
    pub(crate) url: Arc<str>,
    /// Its place in the list of URLs.
    pub(crate) place: usize,
}

/// What became of a call.
pub(crate) struct Outcome {
    pub(crate) call: CallId,
    /// As it may be printed.
    pub(crate) url: String,
    pub(crate) method: Method,
    pub(crate) status: Option<StatusCode>,
    pub(crate) info: Option<Arc<ConnInfo>>,
    pub(crate) body_bytes: u64,
    pub(crate) seen: Seen,
    pub(crate) started: Instant,
    pub(crate) fault: Option<Fault>,
    pub(crate) exit: Exit,
}

impl Outcome {
    pub(crate) fn http_version(&self) -> Option<&'static str> {
        self.info.as_ref()?.protocol.map(version)
    }

    pub(crate) fn total(&self) -> Duration {
        self.seen.ended.map_or(Duration::ZERO, |ended| ended.saturating_duration_since(self.started))
    }

    /// From the call's start to a phase's end.
    pub(crate) fn until(&self, phase: Phase) -> Option<Duration> {
        let made = self.seen.made.as_ref().and_then(|info| info.timings.get(phase));
        let span = made.or_else(|| self.seen.span(phase))?;
        Some(span.end.saturating_duration_since(self.started))
    }
}

/// Why a call ended early.
enum Broken {
    Usage(Usage),
    Stack(Error),
    Status,
    Write(io::Error),
}

pub(crate) async fn perform(shared: &Shared, job: Job) -> Outcome {
    let started = shared.witness.runtime.now();
    let mut outcome = Outcome {
        call: job.call,
        url: shared.secrets.url(&job.url),
        method: shared.method(),
        status: None,
        info: None,
        body_bytes: 0,
        seen: Seen::default(),
        started,
        fault: None,
        exit: Exit::OK,
    };
    let broken = exchange(shared, &job, &mut outcome).await.err();
    outcome.seen = shared.witness.take(job.call);
    if let Some(broken) = broken {
        fail(&mut outcome, broken);
    }
    outcome
}

async fn exchange(shared: &Shared, job: &Job, outcome: &mut Outcome) -> Result<(), Broken> {
    let uri = absolute(&job.url)?;
    let request = shared.request(uri, Wish::new().call(job.call)).map_err(Broken::Usage)?;
    if shared.args.request.verbose {
        shared.witness.expect(job.call, verbose::lines(&request, shared.secrets));
    }
    let response = shared.client.request(request).await.map_err(Broken::Stack)?;
    outcome.status = Some(response.status());
    outcome.info = response.connection().cloned();
    let request = &shared.args.request;
    if request.verbose {
        verbose::response(&response, outcome.http_version().unwrap_or_default(), shared.secrets);
    }
    if request.fail && is_failure(response.status()) {
        return Err(Broken::Status);
    }
    let sink = shared.sink(job.place).map_err(Broken::Write)?;
    receive(shared, sink, response, outcome).await?;
    match outcome.status {
        Some(status) if request.fail_with_body && is_failure(status) => Err(Broken::Status),
        _ => Ok(()),
    }
}

async fn receive(
    shared: &Shared,
    mut sink: Sink,
    response: Response<Body>,
    outcome: &mut Outcome,
) -> Result<(), Broken> {
    if shared.args.request.include || shared.args.request.head {
        let version = outcome.http_version().unwrap_or_default();
        sink.head(&response, version, shared.secrets).map_err(Broken::Write)?;
    }
    let mut body = response.into_body();
    let mut progress = Progress::new(shared.shows_progress(&sink), &body);
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(Broken::Stack)?.into_data() else { continue };
        outcome.body_bytes += data.len() as u64;
        sink.write(&data).map_err(Broken::Write)?;
        progress.moved(outcome.body_bytes, &*shared.witness.runtime);
    }
    sink.flush().map_err(Broken::Write)
}

fn is_failure(status: StatusCode) -> bool {
    status.as_u16() >= 400
}

/// Without a scheme it is http, as with curl. A fragment is nobody's business but ours.
fn absolute(text: &str) -> Result<Uri, Broken> {
    let text = text.split('#').next().unwrap_or(text);
    let uri = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
    skybridge::IntoUri::into_uri(uri).map_err(|error| Broken::Stack(error.into()))
}

fn fail(outcome: &mut Outcome, broken: Broken) {
    match broken {
        Broken::Usage(usage) => {
            outcome.exit = Exit::USAGE;
            outcome.fault = Some(Fault::local("request", Exit::USAGE, usage.to_string(), "no"));
        }
        Broken::Stack(error) => {
            let fault = Fault::of(&error, outcome.seen.deepest());
            outcome.exit = fault.exit;
            outcome.info = outcome.info.take().or_else(|| error.connection().cloned());
            outcome.fault = Some(fault);
        }
        // The exchange itself went well: no fault of it.
        Broken::Status => outcome.exit = Exit::STATUS,
        Broken::Write(error) => {
            outcome.exit = Exit::WRITE;
            outcome.fault =
                Some(Fault::local("body", Exit::WRITE, format!("the body could not be written: {error}"), "yes"));
        }
    }
}
