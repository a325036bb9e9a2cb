//! What a recorder keeps, and what it drops.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use http::{Method, Uri};
use skybridge_core::{CallId, CloseReason, ConnectionId, Connector, EventKind, Phase, Protocol, RedactedUri};
use skybridge_testkit::{executor::Executor, fixtures, net::Network};
use skybridge_trace::{RecordedKind, Recorder};
use std::{sync::Arc, time::Duration};

#[tokio::test(start_paused = true)]
async fn it_keeps_the_latest_and_counts_the_dropped() {
    let recorder = Recorder::with_capacity(3);
    for call in 1..=5 {
        let ctx = Executor::new().ctx().with_call(CallId(call)).observer(Some(recorder.clone()));
        ctx.emit(
            None,
            None,
            EventKind::CallStarted { method: &Method::GET, uri: RedactedUri(&Uri::from_static("http://a.test/")) },
        );
    }
    let calls: Vec<_> = recorder.events().iter().filter_map(|event| event.call).collect();
    assert_eq!((calls, recorder.dropped()), (vec![CallId(3), CallId(4), CallId(5)], 2));
    assert_eq!((recorder.call_events(CallId(1)).len(), recorder.call_events(CallId(5)).len()), (0, 1));
    recorder.clear();
    assert!(recorder.events().is_empty());
}

#[tokio::test(start_paused = true)]
async fn events_have_their_times_and_attempts_their_endpoints() {
    let (recorder, net, executor) = (Recorder::new(), Network::new(), Executor::new());
    let addr = "192.0.2.1:80".parse().unwrap();
    net.at(addr).connect_latency(Duration::from_millis(7));
    let _listener = net.listen(addr);
    let route = fixtures::route("http://a.test", ["192.0.2.1:80"], executor.ctx().observer(Some(recorder.clone())));
    net.connector().connect(route).await.unwrap();
    let events = recorder.events();
    let [started, ended] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!(ended.at - started.at, Duration::from_millis(7));
    assert!(matches!(ended.kind, RecordedKind::Ended(Phase::Tcp, took) if took == Duration::from_millis(7)));
    assert_eq!(started.endpoint, Some(fixtures::endpoint("192.0.2.1:80")));
    assert_eq!(started.route.as_deref(), Some("a.test"));
}

/// The facts of a connection hold nothing of the client: otherwise a recorder that observes it would keep itself alive.
#[tokio::test(start_paused = true)]
async fn it_keeps_no_client_alive_and_has_facts_of_connections_whose_events_were_dropped() {
    let (recorder, net, executor) = (Recorder::with_capacity(1), Network::new(), Executor::new());
    let _listener = net.listen("192.0.2.1:80".parse().unwrap());
    let ctx = executor.ctx().with_call(CallId(1)).observer(Some(recorder.clone()));
    let link = net.connector().connect(fixtures::route("http://a.test", ["192.0.2.1:80"], ctx.clone())).await.unwrap();
    let info = link.info.freeze(Protocol::Http1);
    ctx.emit(Some(info.attempt), info.id, EventKind::Created(&info));
    ctx.emit(None, info.id, EventKind::Closed(CloseReason::Idle));
    assert_eq!(recorder.connection(ConnectionId(1)).unwrap().to_string(), "h1, 192.0.2.1:80");
    drop((info, ctx, link.io));
    assert_eq!(Arc::strong_count(&recorder), 1);
}
