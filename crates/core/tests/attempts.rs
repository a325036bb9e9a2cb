//! What is told of an attempt while it goes on.

use skybridge_core::{Outcome, Phase, PhaseGuard};
use skybridge_testkit::{executor::Executor, fixtures};

/// That its socket is connected is no success while TLS takes its time.
#[tokio::test(start_paused = true)]
async fn an_attempt_is_as_far_as_its_latest_phase() {
    let executor = Executor::new();
    let route = fixtures::route("https://a.test", ["192.0.2.1:443"], executor.ctx());
    let attempt = route.attempt(fixtures::endpoint("192.0.2.1:443"));
    let report = || route.ctx().attempt_log().report(attempt.id).unwrap();
    let begin = |phase| PhaseGuard::begin(route.ctx(), phase, Some(attempt.id));
    begin(Phase::Tcp).done();
    assert!(matches!(report().outcome, Outcome::Connected));
    let tls = begin(Phase::Tls);
    assert!(matches!(report().outcome, Outcome::Pending) && report().to_string().ends_with("in tls"));
    assert!(route.ctx().attempt_log().has_socket());
    drop(tls);
    assert!(matches!(report().outcome, Outcome::Abandoned));
}
