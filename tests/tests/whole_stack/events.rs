//! The events that an observer sees of a call, in order.

use skybridge_testkit::{executor::run_until_idle, origin::Origin};
use skybridge_tests::{World, get, h2, read};

#[tokio::test(start_paused = true)]
async fn a_cold_call_and_a_warm_one() {
    for over_h2 in [false, true] {
        let world = World::new();
        let origin = if over_h2 { Origin::h2c() } else { Origin::h1() }.serve_on(world.listen());
        let client = world.client();
        let request = || if over_h2 { h2(get("/")) } else { get("/") };

        read(client.request(request())).await.unwrap();
        run_until_idle().await;
        assert_eq!(
            world.recorder.lines(),
            [
                "call_start",
                "acquire_start",
                "resolve_start",
                "resolve_end",
                "connect_start a1",
                "connect_end a1",
                "handshake_start a1",
                "handshake_end a1",
                "connection_created a1 c1",
                "connection_acquired c1 new",
                "acquire_end c1",
                "wait_start c1",
                "response_head c1 200",
                "wait_end c1",
                "body_start c1",
                "call_end",
                "body_end c1",
                "connection_released c1",
            ],
            "h2: {over_h2}"
        );
        world.recorder.assert_balanced();

        world.recorder.clear();
        read(client.request(request())).await.unwrap();
        run_until_idle().await;
        assert_eq!(
            world.recorder.lines(),
            [
                "call_start",
                "acquire_start",
                "connection_acquired c1 reused",
                "acquire_end c1",
                "wait_start c1",
                "response_head c1 200",
                "wait_end c1",
                "body_start c1",
                "call_end",
                "body_end c1",
                "connection_released c1",
            ],
            "h2: {over_h2}"
        );
        assert!(world.recorder.recorded().iter().all(|event| event.call.is_some_and(|call| call.0 == 2)));

        world.recorder.clear();
        drop(origin);
        run_until_idle().await;
        assert_eq!(world.recorder.names().last(), Some(&"connection_closed"), "{:?}", world.recorder.lines());
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_fails_says_why() {
    let world = World::new();
    let client = world.client();
    read(client.request(get("/"))).await.unwrap_err();
    let lines = world.recorder.lines();
    assert!(lines.iter().any(|line| line.starts_with("connect_failed a1")), "{lines:?}");
    assert!(lines.last().unwrap().starts_with("call_failed no connection"), "{lines:?}");
    world.recorder.assert_balanced();
}
