//! What observers see, in which order.

use crate::stage::*;
use http_body_util::BodyExt;
use skybridge_core::{CloseReason, ConnectError, Delivery, Phase};
use skybridge_pool::PoolConfig;
use skybridge_testkit::{executor::run_until_idle, fake::Facts};

#[tokio::test(start_paused = true)]
async fn a_cold_and_a_warm_request() {
    for (facts, url) in [(Facts::h1(), A), (Facts::h2(5), SECURE)] {
        let stage = Stage::new(PoolConfig::new());
        stage.warm(url, facts).await;
        let cold = [
            "acquire_start",
            "connection_created a1 c1",
            "connection_acquired c1 new",
            "acquire_end c1",
            "send_start c1",
            "send_end c1",
            "wait_start c1",
            "response_head c1 200",
            "wait_end c1",
            "body_start c1",
            "body_end c1",
            "connection_released c1",
        ];
        assert_eq!(stage.recorder.lines(), cold);
        stage.recorder.clear();
        stage.get(url).await;
        let mut warm = cold.to_vec();
        warm.remove(1);
        warm[1] = "connection_acquired c1 reused";
        assert_eq!(stage.recorder.lines(), warm);
        assert!(stage.recorder.recorded().iter().all(|event| event.call.is_some()));
    }
}

#[tokio::test(start_paused = true)]
async fn created_precedes_visibility() {
    let stage = Stage::new(PoolConfig::new());
    let calls: Vec<_> = (0..3).map(|_| stage.call(SECURE)).collect();
    stage.connected(Facts::h2(5)).await;
    let names = stage.recorder.names();
    let first = |name| names.iter().position(|other| *other == name).unwrap();
    assert!(first("connection_created") < first("acquire_end"));
    let how: Vec<_> =
        stage.recorder.recorded().into_iter().filter(|event| event.name == "connection_acquired").collect();
    let how: Vec<_> = how.into_iter().map(|event| event.detail.unwrap()).collect();
    assert_eq!(how, ["new", "joined", "joined"]);
    drop(calls);
}

#[tokio::test(start_paused = true)]
async fn phases_and_holds_are_balanced_however_a_request_ends() {
    let endings: [fn(&Stage, &skybridge_testkit::fake::Peer<Sent>, Call) -> Ended; 5] = [
        |_, peer, call| {
            peer.try_exchange().unwrap().fail(Delivery::Unknown);
            Ended::Call(call)
        },
        |_, _, call| {
            call.abort();
            Ended::Gone
        },
        |_, peer, call| {
            peer.try_exchange().unwrap().begin(200).fail("the line broke");
            Ended::Body(call)
        },
        |_, peer, call| {
            peer.try_exchange().unwrap().respond(200, "read to the end");
            Ended::Body(call)
        },
        |_, peer, call| {
            peer.close(CloseReason::PeerFin);
            call.abort();
            Ended::Gone
        },
    ];
    for (i, end) in endings.iter().enumerate() {
        for (facts, url) in [(Facts::h1(), A), (Facts::h2(5), SECURE)] {
            let stage = Stage::new(PoolConfig::new());
            let call = stage.call(url);
            let peer = stage.connected(facts).await;
            match end(&stage, &peer, call) {
                Ended::Call(call) => drop(call.await),
                Ended::Body(call) => drop(done(call).await.into_body().collect().await),
                Ended::Gone => {}
            }
            run_until_idle().await;
            drop(stage.pool);
            run_until_idle().await;
            stage.recorder.assert_balanced();
            let count = |name| stage.recorder.count(name);
            let [acquired, released] = ["connection_acquired", "connection_released"].map(count);
            assert_eq!((acquired, released), (1, 1), "ending {i}: {:#?}", stage.recorder.lines());
            assert_eq!((count("connection_created"), count("connection_closed")), (1, 1), "ending {i}");
        }
    }
}

enum Ended {
    Call(Call),
    Body(Call),
    Gone,
}

#[tokio::test(start_paused = true)]
async fn who_waits_in_vain_is_told_of_too() {
    let stage = Stage::new(PoolConfig::new());
    let (failing, leaving) = (stage.call(A), stage.call(B));
    run_until_idle().await;
    stage.below.connecting().await.fail(ConnectError::new(Phase::Tcp, "refused"));
    failed(failing).await;
    leaving.abort();
    run_until_idle().await;
    assert_eq!(stage.recorder.lines(), ["acquire_start", "acquire_start", "acquire_failed refused", "acquire_dropped"]);
}

#[tokio::test(start_paused = true)]
async fn a_dead_connection_is_released_before_another_is_acquired() {
    let stage = Stage::new(PoolConfig::new());
    let peer = stage.warm(A, Facts::h1()).await;
    stage.recorder.clear();
    peer.lag();
    let call = stage.call(A);
    run_until_idle().await;
    peer.close(CloseReason::PeerFin);
    stage.connected(Facts::h1()).await.exchange().await.respond(200, "");
    read(done(call).await).await;
    stage.recorder.assert_balanced();
    let reported: Vec<_> = stage.recorder.lines().into_iter().filter(|line| line.starts_with("connection")).collect();
    assert_eq!(
        reported,
        [
            "connection_acquired c1 reused",
            "connection_closed a1 c1 peer_fin",
            "connection_released c1",
            "connection_search connection 1 to a.test passed over: it had ended when it was to be used: its peer has \
             closed it; a new connection is opened",
            "connection_created a1 c2",
            "connection_acquired c2 new",
            "connection_released c2"
        ]
    );
}
