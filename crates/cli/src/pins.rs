//! `skybridge pins HOST`: whose keys vouch for a server, and the lines that pin them. No request is sent.

use crate::{
    answers::Answers,
    args::{Args, Part, Seconds},
    client::Connects,
    exit::Exit,
    fault::Fault,
    jobs::Job,
    observer::CallObserver,
    pins_told::Told,
    secrets::Secrets,
    shared::Shared,
    start_error::StartError,
    stderr::{self, Stderr},
};
use skybridge::{
    Cause, Client, Delivery, Error, Phase, TokioRuntime,
    types::{Observe, OriginRef, Runtime, Scheme, TimedOut, TlsInfo},
};
use skybridge_trace::{JsonLines, clean};
use std::sync::{Arc, atomic::AtomicU64};

/// The URLs of a part, a client that verifies, and in `shared` one that doesn't.
struct Looked {
    shared: Shared,
    verifying: Client,
    /// With `-k` nobody is told that it failed.
    accepts: bool,
}

/// Prints the pins of each server, in the order of the command line.
///
/// # Errors
/// When a flag can't be used, or where it is to be written.
pub(crate) async fn pins(parts: Vec<Part>) -> Result<Exit, StartError> {
    // What is said for all parts is said in each.
    let Some(args) = parts.last().map(|part| &part.args) else { return Ok(Exit::OK) };
    if let Some(path) = &args.output.stderr {
        stderr::redirect(path).map_err(|error| StartError(Exit::WRITE, format!("{}: {error}", path.display())))?;
    }
    let runtime: Arc<dyn Runtime> = Arc::new(TokioRuntime::current());
    let mut answers = Answers::new(args.diagnostics.report.as_deref())?;
    let events = args.diagnostics.events.then(|| Arc::new(JsonLines::new(Stderr)) as Arc<dyn Observe>);
    let (secrets, verbose) = (Secrets::of(args), args.request.verbose > 0);
    let observer = || CallObserver::new(Arc::clone(&runtime), secrets, verbose).also_notify(events.clone());
    let next = Arc::new(AtomicU64::new(1));
    let parts = parts.into_iter().map(|part| Looked::new(part.args, observer, &next));
    let parts = parts.collect::<Result<Vec<_>, _>>()?;
    let mut exit = Exit::OK;
    for (part, job) in parts.iter().flat_map(|part| part.shared.jobs().into_iter().map(move |job| (part, job))) {
        let url = part.shared.secrets.url(&job.url);
        let told = match part.look(&job).await {
            Ok(told) => told,
            Err(fault) => Told::failed(fault),
        };
        if let Some(fault) = told.fault() {
            if part.shared.args.prints_errors() {
                stderr::print(format_args!("skybridge: {}\n", clean(&fault.to_string())));
            }
            if !(part.accepts && told.is_seen()) {
                exit = fault.exit;
            }
        }
        answers.tell(&told.to_string(), serde_json::to_string(&told.report(&url)))?;
    }
    Ok(exit)
}

impl Looked {
    fn new(mut args: Args, observer: impl Fn() -> CallObserver, next: &Arc<AtomicU64>) -> Result<Self, StartError> {
        args.look_at_tls();
        let accepts = std::mem::take(&mut args.tls.insecure);
        let verifying = Connects::of(&args, observer())?.client;
        args.tls.insecure = true;
        let connects = Connects::of(&args, observer())?;
        Ok(Self { shared: Shared::new(args, connects, None, next, &Arc::default())?, verifying, accepts })
    }

    /// Looks at the server of this URL, and once more without verification where that fails.
    async fn look(&self, job: &Job) -> Result<Told, Fault> {
        let (uri, _) = self.shared.uri(job)?;
        self.shared.check_https(&uri)?;
        let origin =
            OriginRef::of(&uri).and_then(OriginRef::to_owned).map_err(|error| of_request(error.to_string()))?;
        if origin.scheme() == Scheme::Http {
            return Err(of_request(format!("{origin} is not encrypted, and has no keys")));
        }
        match self.connect(&self.verifying, job).await {
            Ok(tls) => Ok(Told::verified(&origin, &tls)),
            Err(fault) if fault.exit == Exit::CERTIFICATE => {
                let tls = self.connect(&self.shared.client, job).await?;
                Ok(Told::unverified(&origin, &tls, fault))
            }
            Err(fault) => Err(fault),
        }
    }

    async fn connect(&self, client: &Client, job: &Job) -> Result<TlsInfo, Fault> {
        let of = |error: Error| Fault::of(&error, None);
        let shared = &self.shared;
        let (uri, credentials) = shared.uri(job)?;
        let options = shared.options(&uri).map_err(|usage| of_request(usage.to_string()))?;
        let mut request = shared.request(uri, job, credentials);
        request.extensions_mut().insert(options.call(job.call));
        let limit = shared.args.request.max_time.map(Seconds::limit);
        let connecting = client.request(request);
        let failed = match limit {
            None => connecting.await.err(),
            Some(limit) => tokio::time::timeout(limit, connecting).await.map_or_else(
                |_| {
                    let timed_out = TimedOut { phase: Phase::Call, limit };
                    Some(Error::of(Delivery::Unsent, Phase::Tls, Cause::TimedOut(timed_out)))
                },
                Result::err,
            ),
        };
        match (shared.args.look.take(), failed) {
            (Some(tls), _) => Ok(tls),
            (None, Some(error)) => Err(of(error)),
            (None, None) => Err(of_request("its connection is not encrypted".to_owned())),
        }
    }
}

fn of_request(message: String) -> Fault {
    Fault::local("request", Exit::USAGE, message, "no")
}
