//! A connect that is stuck costs two seconds, and no more: a second one begins beside it.

use skybridge::{Phase, PoolConfig};
use skybridge_testkit::origin::Origin;
use skybridge_tests::{World, addr, all, get, h2, read};
use std::time::Duration;
use tokio::time::Instant;

const TRIP: Duration = Duration::from_millis(40);

/// Whose first SYN is never answered.
fn lossy() -> World {
    let world = World::new();
    world.net.at(addr()).black_hole().connect_latency(TRIP).latency(TRIP / 2);
    world
}

#[tokio::test(start_paused = true)]
async fn a_lost_syn_costs_two_seconds() {
    let world = lossy();
    let origin = Origin::h2c().serve_on(world.listen());
    let client = world.client();
    let start = Instant::now();
    let heal = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        world.net.at(addr()).heal();
    };
    let (answers, ()) = tokio::join!(all((0..10).map(|_| read(client.request(h2(get("/")))))), heal);
    answers.into_iter().for_each(|answer| assert_eq!(answer.unwrap(), "hello"));
    let late = start.elapsed() - Duration::from_secs(2);
    assert!(late >= 2 * TRIP && late <= 4 * TRIP, "{late:?} after the second connect began");
    assert_eq!((world.net.connects_to(addr()), origin.connections()), (2, 1));
    assert_eq!(world.net.live_sockets(), 1, "the first is given up");
    drop(client);
    world.assert_nothing_left().await;
}

#[tokio::test(start_paused = true)]
async fn a_burst_for_a_quick_server_has_one_connection() {
    let world = World::new();
    world.net.at(addr()).connect_latency(TRIP).latency(TRIP / 2);
    let origin = Origin::h2c().serve_on(world.listen());
    let client = world.client();
    for answer in all((0..10).map(|_| read(client.request(h2(get("/")))))).await {
        assert_eq!(answer.unwrap(), "hello");
    }
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!((world.net.connects_to(addr()), origin.connections()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn where_both_fail_the_first_error_is_told() {
    let world = lossy();
    let client = world.client();
    let start = Instant::now();
    for answer in all((0..10).map(|_| read(client.request(h2(get("/")))))).await {
        let error = answer.unwrap_err();
        assert!(error.is_timeout() && error.is_connect(), "{error:?}");
        assert_eq!(error.phase(), Phase::Tcp);
    }
    // Ten seconds each, of which the second began two later.
    assert_eq!((start.elapsed().as_secs(), world.net.connects_to(addr())), (12, 2));
    drop(client);
    world.assert_nothing_left().await;
}

#[tokio::test(start_paused = true)]
async fn where_one_connection_is_the_limit_it_is_waited_for() {
    let world = lossy();
    let client = world.builder().pool(PoolConfig::new().max_per_origin(1)).build();
    let start = Instant::now();
    assert!(read(client.request(h2(get("/")))).await.unwrap_err().is_timeout());
    assert_eq!((start.elapsed().as_secs(), world.net.connects_to(addr())), (10, 1));
}
