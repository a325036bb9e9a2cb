use crate::{Endpoint, Error, Phase, error::root_reason};
use std::{
    error::Error as StdError,
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

/// How the first exchange on a new connection ended.
#[derive(Debug)]
#[non_exhaustive]
pub enum FirstExchange<'a> {
    /// A response has come.
    Completed,
    /// The connection failed. An error that the user caused is not reported.
    Failed(&'a Error),
    /// The peer refuses one request after the other on a connection that it keeps open, whatever became of the first.
    Refused(&'a Error),
}

/// Why an endpoint, or a way, is tried after the others.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct RecentFailure {
    /// What failed.
    pub phase: Phase,
    /// When, on the runtime's clock.
    pub at: Instant,
    /// The innermost cause, as text: its first [`MAX_REASON`](Self::MAX_REASON) characters.
    pub reason: Arc<str>,
}

/// Learns how routes turned out. Implemented by the layer that decides routes, called by the pool: once per connection,
/// and once more if the body of its first response fails, or its peer refuses requests later.
pub trait RouteFeedback: fmt::Debug + Send + Sync + 'static {
    /// The first exchange on a connection to `endpoint` ended.
    fn report(&self, endpoint: &Endpoint, how: FirstExchange<'_>);

    /// An attempt at `endpoint` has not got through this phase in a time after which another connect begins beside it,
    /// and that should go elsewhere first. Default: nothing.
    fn stalls(&self, endpoint: &Endpoint, phase: Phase, after: Duration) {
        let _ = (endpoint, phase, after);
    }

    /// Whether `endpoint` failed recently, so that the others should be tried first. No endpoint is left out because of
    /// it.
    fn failed_recently(&self, endpoint: &Endpoint) -> bool {
        let _ = endpoint;
        false
    }

    /// How `endpoint` failed recently; `None` if it [didn't](Self::failed_recently), or nobody knows.
    fn recent_failure(&self, endpoint: &Endpoint) -> Option<RecentFailure> {
        let _ = endpoint;
        None
    }

    /// Whether `endpoint` connected recently while another that was tried before it didn't answer, so that it should be
    /// tried first.
    fn overtook_recently(&self, endpoint: &Endpoint) -> bool {
        let _ = endpoint;
        false
    }
}

impl RecentFailure {
    /// How many characters of a reason are kept. A peer may have written it.
    pub const MAX_REASON: usize = 160;

    /// A failure by this error, of which the innermost cause is kept.
    pub fn new(phase: Phase, at: Instant, error: &(dyn StdError + 'static)) -> Self {
        let printable = |c: char| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c };
        let reason: String = root_reason(error).chars().take(Self::MAX_REASON).map(printable).collect();
        Self { phase, at, reason: reason.into() }
    }
}

impl fmt::Display for RecentFailure {
    /// `tcp failed: connection refused`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} failed: {}", self.phase, self.reason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;

    /// As an error's own sentence has it: a number of the operating system's means nothing to most.
    #[test]
    #[expect(clippy::disallowed_methods, reason = "any instant will do")]
    fn a_recent_failure_says_the_systems_reason_in_a_sentence() {
        let at = Instant::now();
        let refused = io::Error::from(io::ErrorKind::ConnectionRefused);
        assert_eq!(RecentFailure::new(Phase::Tcp, at, &refused).to_string(), "tcp failed: connection refused");
        #[cfg(target_os = "linux")]
        {
            let refused = io::Error::other(io::Error::from_raw_os_error(111));
            assert_eq!(RecentFailure::new(Phase::Tcp, at, &refused).to_string(), "tcp failed: connection refused");
        }
        let own = io::Error::other("NO such thing");
        assert_eq!(RecentFailure::new(Phase::Tls, at, &own).to_string(), "tls failed: NO such thing");
    }
}
