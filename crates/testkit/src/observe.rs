//! An observer that records events in order.
//!
//! ```
//! use skybridge_core::{EventKind, Phase};
//! use skybridge_testkit::{executor::Executor, observe::Recorder};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() {
//! let recorder = Recorder::new();
//! let ctx = Executor::new().ctx().observer(Some(recorder.clone()));
//! ctx.emit(None, None, EventKind::PhaseStarted(Phase::Tcp));
//! assert_eq!(recorder.names(), ["connect_start"]);
//! # }
//! ```

use skybridge_core::{Acquired, AttemptId, CallId, ConnectionId, Event, EventKind, Observe, ProxyStep, sync::Mutex};
use std::{
    collections::BTreeSet,
    error::Error,
    fmt,
    sync::{Arc, MutexGuard},
    time::Instant,
};

/// Keeps every event in an owned form.
#[derive(Debug, Default)]
pub struct Recorder {
    events: Mutex<Vec<Recorded>>,
}

/// A recorded event.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// On the runtime's clock.
    pub at: Instant,
    /// The call it was for.
    pub call: Option<CallId>,
    /// The attempt it belongs to.
    pub attempt: Option<AttemptId>,
    /// The connection it is about.
    pub connection: Option<ConnectionId>,
    /// [`EventKind::name`].
    pub name: &'static str,
    /// Its detail: a reason, how a connection was acquired, an error.
    pub detail: Option<String>,
}

// === impl Recorder ===

impl Recorder {
    /// An empty recorder.
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// The names of the events, in order.
    pub fn names(&self) -> Vec<&'static str> {
        self.events().iter().map(|event| event.name).collect()
    }

    /// The events as text, in order: name, attempt (`a1`), connection (`c1`), detail.
    pub fn lines(&self) -> Vec<String> {
        self.events().iter().map(Recorded::to_string).collect()
    }

    /// The events, in order.
    pub fn recorded(&self) -> Vec<Recorded> {
        self.events().clone()
    }

    /// How many events have this name.
    pub fn count(&self, name: &str) -> usize {
        self.events().iter().filter(|event| event.name == name).count()
    }

    /// Removes all events.
    pub fn clear(&self) {
        self.events().clear();
    }

    /// Asserts that phases are balanced: of each kind as many ended, failed or were dropped as started.
    pub fn assert_balanced(&self) {
        for name in self.names().into_iter().collect::<BTreeSet<_>>() {
            let Some(phase) = name.strip_suffix("_start") else { continue };
            let started = self.count(name);
            let over = ["end", "failed", "dropped"].map(|how| self.count(&format!("{phase}_{how}")));
            assert_eq!(started, over.iter().sum(), "{phase} is not balanced: {:#?}", self.lines());
        }
    }

    fn events(&self) -> MutexGuard<'_, Vec<Recorded>> {
        self.events.lock()
    }
}

impl Observe for Recorder {
    fn observe(&self, event: &Event<'_>) {
        let connection = match &event.kind {
            EventKind::Created(info) => event.connection.or(info.id),
            _ => event.connection,
        };
        let Event { at, call, attempt, .. } = *event;
        let (name, detail) = (event.kind.name(), detail(&event.kind));
        self.events().push(Recorded { at, call, attempt, connection, name, detail });
    }
}

fn detail(kind: &EventKind<'_>) -> Option<String> {
    Some(match kind {
        EventKind::CallEnded(Some(error)) => error.to_string(),
        EventKind::PhaseFailed(_, _, error) => root(*error),
        EventKind::AddressesFound { host, endpoints, more, source } => {
            let more = if *more > 0 { format!(" and {more} more") } else { String::new() };
            let endpoints = endpoints.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
            format!("{host} {endpoints}{more} ({source})")
        }
        EventKind::GoAway { code, last_stream, debug_data, .. } => {
            format!("{code} {last_stream} {debug_data}").trim_end().to_owned()
        }
        EventKind::StreamReset { code, stream, .. } => format!("{code} {stream}"),
        EventKind::TlsUnverified { name } => (*name).to_owned(),
        EventKind::TlsFallback { from, to, error } => format!("{from} to {to}: {}", root(*error)),
        EventKind::PinsNotEnforced(told) => told.to_string(),
        EventKind::LeftOut { addresses, limit } => format!("{addresses} ({limit})"),
        EventKind::Postponed(endpoint, failure) => format!("{endpoint}: {failure}"),
        EventKind::Searched(search) => {
            let passed = search.passed_over.iter().map(|passed| format!("{passed}; ")).collect::<String>();
            let more = if search.more > 0 { format!("and {} more; ", search.more) } else { String::new() };
            format!("{passed}{more}{search}")
        }
        EventKind::AtProxy(proxy) => proxy.to_string(),
        EventKind::ProxyStep(proxy, step) => match step {
            ProxyStep::Request { target, .. } => format!("{proxy}: {target}"),
            ProxyStep::Response { status, .. } => format!("{proxy}: {}", status.as_u16()),
            ProxyStep::Socks(step) => format!("{proxy}: {step}"),
            _ => proxy.to_string(),
        },
        EventKind::RequestBody(bytes) => bytes.map_or_else(|| "?".into(), |bytes| bytes.to_string()),
        EventKind::ResponseBody(bytes) => bytes.to_string(),
        EventKind::ResponseHead { status, .. } => status.as_u16().to_string(),
        EventKind::Acquired(Acquired::New) => "new".into(),
        EventKind::Acquired(how) => format!("{how:?}").to_lowercase(),
        EventKind::Draining(reason) | EventKind::Closed(reason) => reason.to_string(),
        EventKind::RetryDecided { again, delivery, .. } => {
            format!("{} ({delivery:?})", if *again { "again" } else { "no" }).to_lowercase()
        }
        _ => return None,
    })
}

/// The message of the innermost source.
fn root(error: &(dyn Error + 'static)) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

impl fmt::Display for Recorded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)?;
        if let Some(attempt) = self.attempt {
            write!(f, " a{}", attempt.0)?;
        }
        if let Some(connection) = self.connection {
            write!(f, " c{connection}")?;
        }
        if let Some(detail) = &self.detail {
            write!(f, " {detail}")?;
        }
        Ok(())
    }
}
