//! `skybridge explain URL`: what fetching it would come to, without connecting to anything but resolvers.

use crate::{
    answers::Answers,
    args::{Part, Seconds},
    exit::Exit,
    explained::{Explained, Known},
    fault::Fault,
    jobs::Job,
    observer::CallObserver,
    run::list,
    secrets::Secrets,
    shared::Shared,
    start_error::StartError,
    stderr::{self, Stderr},
};
use skybridge::{
    Cause, Delivery, Error, Explanation, Phase, TokioRuntime,
    types::{Observe, OriginRef, Runtime, TimedOut},
};
use skybridge_trace::{JsonLines, clean};
use std::sync::Arc;

/// Explains each URL, in the order of the command line.
///
/// # Errors
/// When a flag can't be used, or where it is to be written.
pub(crate) async fn explain(parts: Vec<Part>) -> Result<Exit, StartError> {
    // What is said for all parts is said in each.
    let Some(args) = parts.last().map(|part| &part.args) else { return Ok(Exit::OK) };
    if let Some(path) = &args.output.stderr {
        stderr::redirect(path).map_err(|error| StartError(Exit::WRITE, format!("{}: {error}", path.display())))?;
    }
    if args.request.verbose > 1 {
        stderr::print(format_args!("* no spans: nothing is fetched, and all that is looked up is told by -v\n"));
    }
    let runtime: Arc<dyn Runtime> = Arc::new(TokioRuntime::current());
    let mut answers = Answers::new(args.diagnostics.report.as_deref())?;
    let events = args.diagnostics.events.then(|| Arc::new(JsonLines::new(Stderr)) as Arc<dyn Observe>);
    let (secrets, verbose) = (Secrets::of(args), args.request.verbose > 0);
    let observer = || CallObserver::new(Arc::clone(&runtime), secrets, verbose).also_notify(events.clone());
    let listed = list(parts, observer, None)?;
    let all = listed.iter().flat_map(|part| part.jobs.iter().map(|job| (&part.shared, job)));
    let mut exit = Exit::OK;
    for (shared, job) in all {
        let url = shared.secrets.url(&job.url);
        let known = known(shared, job);
        let (text, line) = match one(shared, job).await {
            Ok(explained) => {
                let chosen = known.map(|known| known.chosen).unwrap_or_default();
                let line = serde_json::to_string(&Explained::of(&url, &explained, &chosen));
                (with_choice(&explained, &chosen), line)
            }
            Err(fault) => {
                exit = fault.exit;
                if shared.args.prints_errors() {
                    stderr::print(format_args!("skybridge: {}\n", clean(&fault.to_string())));
                }
                let text = known.as_ref().map(ToString::to_string).unwrap_or_default();
                (text, serde_json::to_string(&Explained::failed(&url, &fault, known.as_ref())))
            }
        };
        answers.tell(&text, line)?;
    }
    Ok(exit)
}

/// What is known of this URL before any name is looked up; `None` where it is none, or its proxies aren't.
fn known(shared: &Shared, job: &Job) -> Option<Known> {
    let (uri, _) = shared.uri(job).ok()?;
    let origin = OriginRef::of(&uri).and_then(OriginRef::to_owned).ok()?;
    Some(Known { origin: origin.to_string(), ways: shared.ways(&origin)?, chosen: shared.who_chose(&origin) })
}

/// What fetching this URL would come to.
async fn one(shared: &Shared, job: &Job) -> Result<Explanation, Fault> {
    let of = |error: Error| Fault::of(&error, None);
    let (uri, credentials) = shared.uri(job)?;
    shared.check_https(&uri)?;
    let options =
        shared.options(&uri).map_err(|usage| Fault::local("request", Exit::USAGE, usage.to_string(), "no"))?;
    let mut request = shared.request(uri, job, credentials);
    request.extensions_mut().insert(options.call(job.call));
    let limit = shared.args.request.max_time.map(Seconds::limit);
    let explaining = shared.client.explain(&request);
    let explained = match limit {
        None => explaining.await,
        Some(limit) => tokio::time::timeout(limit, explaining).await.unwrap_or_else(|_| {
            let timed_out = TimedOut { phase: Phase::Call, limit };
            Err(Error::of(Delivery::Unsent, Phase::Resolve, Cause::TimedOut(timed_out)))
        }),
    };
    explained.map_err(of)
}

/// The lines for people: behind the first route stands who has chosen it.
fn with_choice(explained: &Explanation, chosen: &str) -> String {
    let mut lines: Vec<_> = explained.to_string().lines().map(str::to_owned).collect();
    if let Some(way) = lines.iter_mut().find(|line| line.starts_with("route ")) {
        way.push_str(&format!(": {chosen}"));
    }
    lines.join("\n")
}
