//! What became of a call, and why it ended early.

use crate::{
    decode::DECODED,
    exit::Exit,
    fault::{BoxError, Fault},
    observer::{CallRecord, version},
    secrets::Secrets,
    usage::Usage,
};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, Version, header::RETRY_AFTER};
use skybridge::{
    ConnInfo, Error, Phase, ReasonPhrase,
    types::{CallId, Reference},
};
use skybridge_trace::HarHeads;
use std::{
    io,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

/// The outcome of a call.
pub(crate) struct Outcome {
    pub(crate) call: CallId,
    /// As it may be printed.
    pub(crate) url: String,
    /// As it is.
    pub(crate) exact_url: String,
    pub(crate) method: Method,
    pub(crate) status: Option<StatusCode>,
    /// What the server has said beside it, if that isn't the usual phrase.
    pub(crate) reason: Option<String>,
    version: Option<Version>,
    pub(crate) info: Option<Arc<ConnInfo>>,
    /// The head of the response: its fields, and its length.
    pub(crate) headers: HeaderMap,
    pub(crate) head_bytes: u64,
    /// The heads as `--har` writes them, where it does.
    pub(crate) heads: Option<Box<HarHeads>>,
    /// Where a response that isn't followed leads.
    pub(crate) redirect: Option<String>,
    /// What the request says of itself.
    pub(crate) referer: Option<String>,
    pub(crate) scheme: Option<String>,
    pub(crate) body_bytes: u64,
    /// Counted where `-w` asks for it.
    pub(crate) sent_bytes: u64,
    pub(crate) record: CallRecord,
    pub(crate) started: Instant,
    pub(crate) first: UrlTotals,
    pub(crate) fault: Option<Fault>,
    pub(crate) exit: Exit,
    /// How long the answer asks to wait.
    pub(crate) retry_after: Option<Duration>,
    /// How often the URL was tried before (`--retry`).
    pub(crate) tries: u32,
}

/// The URL from the command line, and the totals of the calls before the last redirect.
#[derive(Clone)]
pub(crate) struct UrlTotals {
    pub(crate) exact_url: String,
    pub(crate) started: Instant,
    pub(crate) connects: u32,
    pub(crate) redirects: usize,
    /// Of the heads of all responses before.
    pub(crate) head_bytes: u64,
    /// Its index in the list of URLs.
    pub(crate) place: usize,
    /// Where the body is written.
    pub(crate) file: Option<PathBuf>,
}

impl Outcome {
    pub(crate) fn new(call: CallId, url: &str, secrets: Secrets, method: Method, started: Instant) -> Self {
        Self {
            call,
            url: secrets.url(url),
            exact_url: url.to_owned(),
            method,
            status: None,
            reason: None,
            version: None,
            info: None,
            headers: HeaderMap::new(),
            head_bytes: 0,
            heads: None,
            redirect: None,
            referer: None,
            scheme: None,
            body_bytes: 0,
            sent_bytes: 0,
            record: CallRecord::default(),
            started,
            first: UrlTotals {
                exact_url: url.to_owned(),
                started,
                connects: 0,
                redirects: 0,
                head_bytes: 0,
                place: 0,
                file: None,
            },
            fault: None,
            exit: Exit::OK,
            retry_after: None,
            tries: 0,
        }
    }

    /// What there is to say of it while it is running.
    pub(crate) fn so_far(&self, secrets: Secrets, body_bytes: u64, record: CallRecord) -> Self {
        Self {
            status: self.status,
            version: self.version,
            info: self.info.clone(),
            body_bytes,
            record,
            first: self.first.clone(),
            ..Self::new(self.call, &self.exact_url, secrets, self.method.clone(), self.started)
        }
    }

    /// The version of the response, or of the connection before there is one.
    pub(crate) fn http_version(&self) -> Option<&'static str> {
        let protocol = self.info.as_ref()?.protocol.map(version);
        if self.version == Some(Version::HTTP_10) { Some("1.0") } else { protocol }
    }

    /// Notes a response's head.
    pub(crate) fn answered<B>(&mut self, response: &Response<B>) {
        (self.status, self.version) = (Some(response.status()), Some(response.version()));
        let reason = response.extensions().get::<ReasonPhrase>();
        self.headers = response.headers().clone();
        self.retry_after = response.headers().get(RETRY_AFTER).and_then(seconds);
        self.reason = reason.map(|reason| reason.as_bytes().escape_ascii().to_string());
    }

    pub(crate) fn total(&self) -> Duration {
        self.record.ended.map_or(Duration::ZERO, |ended| ended.saturating_duration_since(self.started))
    }

    /// The time from the first call's start to the end of a phase.
    pub(crate) fn until(&self, phase: Phase) -> Option<Duration> {
        let made = self.record.made.as_ref().and_then(|info| info.timings.get(phase));
        let span = made.or_else(|| self.record.span(phase))?;
        Some(span.end.saturating_duration_since(self.first.started))
    }

    /// The time from the first call's start to this one's end.
    pub(crate) fn time_total(&self) -> Duration {
        self.started.saturating_duration_since(self.first.started) + self.total()
    }

    pub(crate) fn fail(&mut self, error: CallError) {
        let is_before = matches!(error, CallError::Usage(_) | CallError::NoPlace(_));
        let (exit, kind, message) = match error {
            CallError::Stack(error) => {
                let fault = Fault::of(&error, self.record.last_phase());
                self.exit = fault.exit;
                self.info = self.info.take().or_else(|| error.connection().cloned());
                self.fault = Some(fault);
                return;
            }
            CallError::Forbidden(fault) => {
                self.exit = fault.exit;
                self.fault = Some(fault);
                return;
            }
            // The exchange itself succeeded.
            CallError::Status => {
                self.exit = Exit::STATUS;
                return;
            }
            CallError::Usage(usage) => (Exit::USAGE, "request", usage.to_string()),
            CallError::NoPlace(error) => (Exit::WRITE, "body", format!("there is no place for the response: {error}")),
            CallError::Write(error) => (Exit::WRITE, "body", format!("the response could not be written: {error}")),
            CallError::Decode(error) => {
                (Exit::ENCODING, "body", format!("the response's body could not be decoded: {error}"))
            }
            CallError::Encoding(name) => {
                let message = format!("the response's body is encoded by `{name}`, and what is decoded is {DECODED}");
                (Exit::ENCODING, "body", message)
            }
            CallError::NoRange(status) => {
                let status = status.as_u16();
                let message = format!(
                    "the answer is {status}, and not the rest that was asked for (--continue-at), which stays as it was; \
                     nearest: without --continue-at"
                );
                (Exit::RANGE, "protocol", message)
            }
            CallError::Redirects(most) => {
                let redirects = if most == 1 { "redirect" } else { "redirects" };
                let message = format!("more than {most} {redirects} (--max-redirs), at {}", self.url);
                (Exit::REDIRECTS, "protocol", message)
            }
            CallError::Rewind => {
                (Exit::REWIND, "request", "a redirect needs the body again, and stdin can be read only once".to_owned())
            }
            CallError::Location(text) => (Exit::URL, "protocol", format!("a redirect to an invalid URL: {text}")),
        };
        // What fails without the stack fails before a request, or once it is answered: but for the head of a proxy's
        // answer, which can't be written.
        let (processed, delivery) = match self.status {
            Some(_) => ("yes", "the response had begun"),
            None if is_before => ("no", "nothing was sent"),
            None => ("maybe", "it may have been processed"),
        };
        self.exit = exit;
        let message = format!("{}: {message} ({delivery})", self.origin());
        self.fault = Some(Fault::local(kind, exit, message, processed));
    }

    /// Of its URL, as it may be printed.
    pub(crate) fn origin(&self) -> &str {
        let reference = Reference::typed(&self.url);
        let length = match (reference.scheme(), reference.authority()) {
            (Some(scheme), Some(authority)) => scheme.len() + "://".len() + authority.len(),
            (None, Some(authority)) => authority.len(),
            (_, None) => self.url.len(),
        };
        self.url.get(..length).unwrap_or(&self.url)
    }
}

/// Why a call failed.
pub(crate) enum CallError {
    Usage(Usage),
    Stack(Error),
    Status,
    /// Nothing was asked for.
    NoPlace(io::Error),
    Write(io::Error),
    Decode(BoxError),
    /// A content encoding that isn't supported.
    Encoding(String),
    /// The answer to `-C` is something else.
    NoRange(StatusCode),
    /// More than this many redirects.
    Redirects(usize),
    /// A URL that `--proto` or `--proto-redir` doesn't permit.
    Forbidden(Fault),
    /// A redirect needs the body again, which can't be sent twice.
    Rewind,
    /// The target of a redirect, as it may be printed.
    Location(String),
}

/// A date would need a clock that agrees with the server's.
fn seconds(retry_after: &HeaderValue) -> Option<Duration> {
    retry_after.to_str().ok()?.parse().ok().map(Duration::from_secs)
}

pub(crate) fn is_failure(status: StatusCode) -> bool {
    status.as_u16() >= 400
}
