//! One URL: sends a request, and those that redirects lead to, writes what comes, and keeps what is known of each.

use crate::{
    exit::Exit,
    fault::{BoxError, Fault, of_stack},
    layers,
    progress::Progress,
    report::version,
    shared::Shared,
    trip::Trip,
    usage::Usage,
    witness::Seen,
};
use bytes::Bytes;
use http::{Method, Response, StatusCode, Uri, header::CONTENT_ENCODING};
use http_body::Body;
use http_body_util::BodyExt;
use skybridge::{
    ConnInfo, Error, Phase,
    tower::{ServiceBuilder, ServiceExt, service_fn},
    types::{CallId, Reference},
};
use std::{
    io,
    pin::pin,
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
    pub(crate) asked: Asked,
    pub(crate) fault: Option<Fault>,
    pub(crate) exit: Exit,
}

/// The URL that it is for, and what that took before redirects led here.
#[derive(Clone)]
pub(crate) struct Asked {
    pub(crate) url: String,
    pub(crate) started: Instant,
    pub(crate) connects: u32,
}

impl Outcome {
    pub(crate) fn new(call: CallId, url: String, method: Method, started: Instant) -> Self {
        Self {
            call,
            url: url.clone(),
            method,
            status: None,
            info: None,
            body_bytes: 0,
            seen: Seen::default(),
            started,
            asked: Asked { url, started, connects: 0 },
            fault: None,
            exit: Exit::OK,
        }
    }

    pub(crate) fn http_version(&self) -> Option<&'static str> {
        self.info.as_ref()?.protocol.map(version)
    }

    pub(crate) fn total(&self) -> Duration {
        self.seen.ended.map_or(Duration::ZERO, |ended| ended.saturating_duration_since(self.started))
    }

    /// From the start of all to a phase's end.
    pub(crate) fn until(&self, phase: Phase) -> Option<Duration> {
        let made = self.seen.made.as_ref().and_then(|info| info.timings.get(phase));
        let span = made.or_else(|| self.seen.span(phase))?;
        Some(span.end.saturating_duration_since(self.asked.started))
    }

    /// From the start of all to its end.
    pub(crate) fn took(&self) -> Duration {
        self.started.saturating_duration_since(self.asked.started) + self.total()
    }

    pub(crate) fn fail(&mut self, broken: Broken) {
        let (exit, kind, message) = match broken {
            Broken::Stack(error) => {
                let fault = Fault::of(&error, self.seen.deepest());
                self.exit = fault.exit;
                self.info = self.info.take().or_else(|| error.connection().cloned());
                self.fault = Some(fault);
                return;
            }
            // The exchange itself went well: no fault of it.
            Broken::Status => {
                self.exit = Exit::STATUS;
                return;
            }
            Broken::Usage(usage) => (Exit::USAGE, "request", usage.to_string()),
            Broken::Write(error) => (Exit::WRITE, "body", format!("the body could not be written: {error}")),
            Broken::Decode(error) => (Exit::ENCODING, "body", format!("the body could not be decoded: {error}")),
            Broken::Encoding(name) => (Exit::ENCODING, "body", format!("the body's encoding is not known: {name}")),
            Broken::Redirects(most) => {
                (Exit::REDIRECTS, "protocol", format!("more than {most} redirects (--max-redirs)"))
            }
            Broken::Rewind => {
                (Exit::REWIND, "request", "a redirect wants the body again, and stdin can be read once".to_owned())
            }
            Broken::Location(text) => (Exit::URL, "protocol", format!("a redirect leads to what is no URL: {text}")),
        };
        let processed = if exit == Exit::USAGE { "no" } else { "yes" };
        self.exit = exit;
        self.fault = Some(Fault::local(kind, exit, message, processed));
    }
}

/// Why it ended early.
pub(crate) enum Broken {
    Usage(Usage),
    Stack(Error),
    Status,
    Write(io::Error),
    Decode(BoxError),
    /// One that isn't decoded here.
    Encoding(String),
    /// There were more than this.
    Redirects(usize),
    /// The body can't be sent again.
    Rewind,
    /// Of a redirect, as it may be printed.
    Location(String),
}

/// The calls that it took, in order: one, and one for each redirect.
pub(crate) async fn perform(shared: &Shared, job: Job) -> Vec<Outcome> {
    let trip = Trip::new(shared, &job);
    let broken = Box::pin(trip.timeout(exchange(shared, &job, &trip))).await.err();
    trip.end(broken)
}

async fn exchange(shared: &Shared, job: &Job, trip: &Trip<'_>) -> Result<(), Broken> {
    let uri = absolute(&job.url)?;
    let stack = ServiceBuilder::new()
        .layer(layers::decompression(&shared.args))
        .layer(layers::redirects(&shared.args, uri.clone()))
        .service(service_fn(|request| trip.send(request)));
    let response = stack.oneshot(shared.request(uri)).await?;
    let (request, is_failure) = (&shared.args.request, is_failure(response.status()));
    if request.location {
        trip.followed(&response)?;
    }
    if request.fail && is_failure {
        return Err(Broken::Status);
    }
    if request.compressed && response.body().size_hint().exact() != Some(0) {
        decoded(&response)?;
    }
    receive(shared, trip, response.into_body()).await?;
    if request.fail_with_body && is_failure { Err(Broken::Status) } else { Ok(()) }
}

/// What was decoded has lost the name of its encoding.
fn decoded<B>(response: &Response<B>) -> Result<(), Broken> {
    match response.headers().get(CONTENT_ENCODING) {
        Some(name) if !name.as_bytes().eq_ignore_ascii_case(b"identity") => {
            Err(Broken::Encoding(String::from_utf8_lossy(name.as_bytes()).into()))
        }
        _ => Ok(()),
    }
}

async fn receive<B>(shared: &Shared, trip: &Trip<'_>, body: B) -> Result<(), Broken>
where
    B: Body<Data = Bytes, Error = BoxError>,
{
    let mut progress = Progress::new(shared.shows_progress(trip.place()), &body);
    let mut body = pin!(body);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| of_stack(error).map_or_else(Broken::Decode, Broken::Stack))?;
        let Ok(data) = frame.into_data() else { continue };
        trip.write(data).await?;
        progress.moved(trip.received(), &*shared.witness.runtime);
    }
    trip.flush().await
}

pub(crate) fn is_failure(status: StatusCode) -> bool {
    status.as_u16() >= 400
}

/// Without a scheme it is http, as with curl. A fragment is nobody's business but ours.
fn absolute(text: &str) -> Result<Uri, Broken> {
    let reference = Reference::typed(text);
    let url = reference.without_fragment();
    let uri = match reference.scheme() {
        Some(_) => skybridge::IntoUri::into_uri(url),
        None => skybridge::IntoUri::into_uri(format!("http://{url}")),
    };
    uri.map_err(|error| Broken::Stack(error.into()))
}
