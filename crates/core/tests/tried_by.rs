//! What fails on a link says by which settings of TLS that was made, with the proxies and with the origin: so that
//! whoever they were replaced for meanwhile tries again.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use skybridge_core::{
    CertificateScope, ConnInfo, ConnectError, Link, Origin, Outcome, Phase, TimedOut, TlsInfo, phase_timeout,
};
use skybridge_testkit::{executor::Executor, fixtures};
use std::{
    future::pending,
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::Duration,
};

const ADDR: &str = "192.0.2.1:443";

#[derive(Default)]
struct Settings(AtomicBool);

impl CertificateScope for Settings {
    fn covers(&self, _: &Origin) -> bool {
        false
    }

    fn is_current(&self) -> bool {
        !self.0.load(SeqCst)
    }

    fn generation(&self) -> Option<u64> {
        Some(1)
    }
}

fn link(executor: &Executor, of_proxy: bool, settings: &Arc<Settings>) -> Link<()> {
    let attempt = fixtures::route("https://a.test", [ADDR], executor.ctx()).attempt(fixtures::endpoint(ADDR));
    let mut info = ConnInfo::new(&attempt, None, fixtures::endpoint(ADDR));
    let tls = TlsInfo::new(Arc::<Settings>::clone(settings));
    if of_proxy {
        info.proxy_settings.add(&tls)
    } else {
        info.tls = Some(tls)
    }
    Link::new((), info)
}

fn broken() -> ConnectError {
    io::Error::from(io::ErrorKind::ConnectionReset).into()
}

#[tokio::test(start_paused = true)]
async fn each_way_to_fail_says_by_which_settings_the_link_was_made() {
    type Way = (&'static str, fn(&Link<()>) -> ConnectError);
    let ways: [Way; 5] = [
        ("a phase of the link", |link| link.phase(Phase::Handshake).fail(broken())),
        ("a phase by its facts", |link| link.info.phase(Phase::Tunnel).fail(broken())),
        ("a phase of its attempt", |link| link.info.tried().phase(Phase::Tls).fail(broken())),
        ("its attempt", |link| link.info.tried().failed(broken())),
        ("an error by itself", |link| link.info.mark(broken())),
    ];
    for (way, fail) in ways {
        for of_proxy in [false, true] {
            let (executor, settings) = (Executor::new(), Arc::new(Settings::default()));
            let link = link(&executor, of_proxy, &settings);
            let error = fail(&link);
            assert!(!error.is_superseded(), "{way}");
            settings.0.store(true, SeqCst);
            assert!(error.is_superseded(), "{way}, of a proxy {of_proxy}");
            if let Outcome::Failed(logged) = &link.info.route.ctx().attempt_log().reports()[0].outcome {
                assert!(logged.is_superseded(), "{way}, of a proxy {of_proxy}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn so_does_a_time_limit() {
    let (executor, settings) = (Executor::new(), Arc::new(Settings::default()));
    let link = link(&executor, true, &settings);
    let (guard, limit) = (link.phase(Phase::Tunnel), Duration::from_secs(1));
    let timed_out = phase_timeout(&executor.ctx(), Phase::Tunnel, limit, pending::<()>()).await.unwrap_err();
    let error = guard.fail(timed_out);
    settings.0.store(true, SeqCst);
    assert_eq!(error.timed_out(), Some(TimedOut { phase: Phase::Tunnel, limit }));
    assert!(error.is_superseded());
}

#[tokio::test]
async fn before_there_is_any_tls_nothing_is_said() {
    let executor = Executor::new();
    let attempt = fixtures::route("http://a.test", [ADDR], executor.ctx()).attempt(fixtures::endpoint(ADDR));
    assert!(!attempt.phase(Phase::Tcp).fail(broken()).is_superseded());
    let info = ConnInfo::new(&attempt, None, fixtures::endpoint(ADDR));
    assert!(!info.phase(Phase::Handshake).fail(broken()).is_superseded());
}
