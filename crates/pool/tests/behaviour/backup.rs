//! A connect that takes long gets a second one beside it, for the same requests.

use crate::stage::*;
use skybridge_core::{ConnectError, Phase, RequestOptions, Timeouts};
use skybridge_pool::PoolConfig;
use skybridge_testkit::{
    executor::run_until_idle,
    fake::{Connect, Facts},
};
use std::{io, time::Duration};
use tokio::time::Instant;

fn refused(what: &str) -> ConnectError {
    ConnectError::new(Phase::Tcp, what)
}

/// It gets as far as a socket.
fn socket(connect: &Connect<Sent>) {
    let route = connect.route();
    let endpoint = route.endpoints.snapshot().remove(0);
    let _ = route.attempt(endpoint).phase(Phase::Tcp).done();
}

/// So many requests, whose connect has taken as long as it may alone, and both connects.
async fn stuck(stage: &Stage, requests: usize) -> (Vec<Call>, Connect<Sent>, Connect<Sent>) {
    let calls = (0..requests).map(|_| stage.call(SECURE)).collect();
    let first = stage.below.connecting().await;
    after(2 * SECOND).await;
    let second = stage.below.try_connecting().expect("a second connect beside the first");
    (calls, first, second)
}

async fn answered(calls: Vec<Call>, by: u64) {
    for call in calls {
        assert_eq!(read(done(call).await).await, by);
    }
}

#[tokio::test(start_paused = true)]
async fn the_second_serves_all_when_the_first_is_stuck() {
    let stage = Stage::new(PoolConfig::new());
    let calls: Vec<_> = (0..10).map(|_| stage.call(SECURE)).collect();
    let first = stage.below.connecting().await;
    after(2 * SECOND - Duration::from_millis(1)).await;
    assert_eq!(stage.below.connects(), 1);
    after(Duration::from_millis(1)).await;
    assert_eq!((stage.below.connects(), stage.pool.stats().connecting), (2, 2));
    stage.below.connecting().await.succeed(Facts::h2(100)).answer_all();
    answered(calls, 1).await;
    assert!(first.is_cancelled(), "it has no socket");
    after(60 * SECOND).await;
    assert_eq!(stage.below.connects(), 2);
    // It began for one of them, and the others joined.
    let how = |how: &str| stage.recorder.lines().iter().filter(|line| line.ends_with(how)).count();
    assert_eq!((how("acquired c1 new"), how("acquired c1 joined")), (1, 9), "{:#?}", stage.recorder.lines());
}

#[tokio::test(start_paused = true)]
async fn a_burst_that_a_quick_server_answers_has_one_connect() {
    let stage = Stage::new(PoolConfig::new());
    let calls: Vec<_> = (0..10).map(|_| stage.call(SECURE)).collect();
    let first = stage.below.connecting().await;
    after(SECOND).await;
    let peer = first.succeed(Facts::h2(100));
    peer.answer_all();
    answered(calls, 1).await;
    after(10 * SECOND).await;
    assert_eq!(stage.below.connects(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_other_is_given_up_or_becomes_idle() {
    for (first_wins, has_socket) in [(false, false), (false, true), (true, false), (true, true)] {
        let stage = Stage::new(PoolConfig::new());
        let (calls, first, second) = stuck(&stage, 3).await;
        let (winner, loser) = if first_wins { (first, second) } else { (second, first) };
        if has_socket {
            socket(&loser);
        }
        winner.succeed(Facts::h2(100)).answer_all();
        answered(calls, 1).await;
        run_until_idle().await;
        assert_eq!((loser.is_cancelled(), stage.pool.stats().connecting), (!has_socket, usize::from(has_socket)));
        if has_socket {
            loser.succeed(Facts::h2(100));
            run_until_idle().await;
        }
        assert_eq!((stage.pool.stats().idle, stage.pool.stats().connecting), (1 + usize::from(has_socket), 0));
    }
}

#[tokio::test(start_paused = true)]
async fn one_that_fails_leaves_them_to_the_other() {
    for first_fails in [true, false] {
        let stage = Stage::new(PoolConfig::new());
        let (calls, first, second) = stuck(&stage, 3).await;
        let (fails, goes_on) = if first_fails { (first, second) } else { (second, first) };
        fails.fail(refused("one"));
        // Who comes later joins what is left, and nothing more begins.
        let late = stage.call(SECURE);
        after(10 * SECOND).await;
        assert_eq!((stage.pool.stats().waiting, stage.below.connects()), (4, 2));
        goes_on.succeed(Facts::h2(100)).answer_all();
        answered(calls, 1).await;
        answered(vec![late], 1).await;
    }
}

#[tokio::test(start_paused = true)]
async fn when_both_fail_the_first_error_is_told() {
    for first_fails_first in [true, false] {
        let stage = Stage::new(PoolConfig::new());
        let (calls, first, second) = stuck(&stage, 3).await;
        let (earlier, later) = if first_fails_first { (first, second) } else { (second, first) };
        earlier.fail(refused("the earlier"));
        after(SECOND).await;
        assert!(calls.iter().all(|call| !call.is_finished()));
        later.fail(refused("the later"));
        for call in calls {
            let error = came_back(call).await;
            let skybridge_core::Cause::Connect(error) = error.cause() else { panic!("{error:?}") };
            assert_eq!(error.root_cause().to_string(), "the earlier");
        }
        assert_eq!((stage.below.connects(), stage.pool.stats()), (2, Default::default()));
    }
}

#[tokio::test(start_paused = true)]
async fn no_limit_is_exceeded() {
    let one = PoolConfig::new();
    for config in [one.clone().max_per_origin(1), one.clone().max_total(1), one.max_connecting_per_origin(1)] {
        let stage = Stage::new(config);
        let calls: Vec<_> = (0..3).map(|_| stage.call(SECURE)).collect();
        let first = stage.below.connecting().await;
        after(10 * SECOND).await;
        assert_eq!((stage.below.connects(), stage.pool.stats().connecting), (1, 1));
        first.succeed(Facts::h2(100)).answer_all();
        answered(calls, 1).await;
    }
}

#[tokio::test(start_paused = true)]
async fn it_begins_when_a_limit_does_not_forbid_it_any_more() {
    let stage = Stage::new(PoolConfig::new().max_total(2));
    let other = stage.call(A);
    let busy = stage.connected(Facts::h1()).await;
    let call = stage.call(SECURE);
    let _first = stage.below.connecting().await;
    after(5 * SECOND).await;
    assert_eq!(stage.below.connects(), 2);
    busy.exchange().await.fail(skybridge_core::Delivery::Unknown);
    failed(other).await;
    // Whatever happens next at the origin.
    let late = stage.call(SECURE);
    stage.below.connecting().await.succeed(Facts::h2(100)).answer_all();
    answered(vec![call, late], 2).await;
}

#[tokio::test(start_paused = true)]
async fn each_of_http1_has_its_own_within_the_limit() {
    let stage = Stage::new(PoolConfig::new().max_connecting_per_origin(5));
    let calls: Vec<_> = (0..3).map(|_| stage.call(A)).collect();
    after(2 * SECOND).await;
    let mut connects: Vec<_> = std::iter::from_fn(|| stage.below.try_connecting()).collect();
    assert_eq!(connects.len(), 5);
    // As one ends, so the third begins.
    connects.pop().unwrap().succeed(Facts::h1()).answer_all();
    run_until_idle().await;
    connects.extend(stage.below.try_connecting());
    for connect in connects.drain(3..) {
        connect.succeed(Facts::h1()).answer_all();
    }
    for call in calls {
        read(done(call).await).await;
    }
    run_until_idle().await;
    assert!(connects.iter().all(Connect::is_cancelled), "nobody waits for the first ones");
}

#[tokio::test(start_paused = true)]
async fn it_is_never_if_so_configured() {
    let stage = Stage::new(PoolConfig::new().backup_connect(Duration::MAX));
    let _call = stage.call(SECURE);
    after(29 * SECOND).await;
    assert_eq!(stage.below.connects(), 1);
    let stage = Stage::new(PoolConfig::new().backup_connect(SECOND / 2));
    let _call = stage.call(SECURE);
    after(SECOND).await;
    assert_eq!(stage.below.connects(), 2);
}

#[tokio::test(start_paused = true)]
async fn resolving_and_waiting_for_streams_are_not_being_stuck() {
    let stage = Stage::new(PoolConfig::new());
    stage.below.hold_plans();
    let call = stage.call(SECURE);
    let planning = stage.below.planning().await;
    after(10 * SECOND).await;
    assert_eq!(stage.below.plans(), 1);
    planning.answer([skybridge_testkit::fixtures::endpoint("192.0.2.1:443")]);
    // From then on it counts.
    after(SECOND).await;
    assert_eq!(stage.below.plans(), 1);
    let peer = stage.connected(Facts::h2(0)).await;
    after(10 * SECOND).await;
    assert_eq!((stage.below.plans(), stage.pool.stats().waiting), (1, 1));
    peer.answer_all();
    peer.set_capacity(1);
    answered(vec![call], 1).await;
}

#[tokio::test(start_paused = true)]
async fn it_is_for_those_who_wait() {
    let stage = Stage::new(PoolConfig::new());
    let call = stage.call(SECURE);
    let first = stage.below.connecting().await;
    socket(&first);
    after(SECOND).await;
    call.abort();
    after(5 * SECOND).await;
    assert_eq!((stage.below.connects(), first.is_cancelled()), (1, false));
    // One who comes to wait for it finds that it takes long.
    let call = stage.call(SECURE);
    run_until_idle().await;
    assert_eq!(stage.below.connects(), 2);
    stage.below.connecting().await.succeed(Facts::h2(1)).answer_all();
    answered(vec![call], 1).await;
    // When all have left, what has no socket is given up, either of the two.
    let stage = Stage::new(PoolConfig::new());
    let (calls, first, second) = stuck(&stage, 3).await;
    socket(&first);
    calls.iter().for_each(|call| call.abort());
    run_until_idle().await;
    assert_eq!((first.is_cancelled(), second.is_cancelled(), stage.pool.stats().connecting), (false, true, 1));
}

#[tokio::test(start_paused = true)]
async fn a_connection_of_another_name_may_be_what_it_finds() {
    let stage = Stage::new(PoolConfig::new());
    let call = stage.call(SECURE);
    let first = stage.below.connecting().await;
    let other = stage.call("https://b.test/");
    stage.below.connecting().await.succeed(Facts::h2(100).covers(["a.test", "b.test"])).answer_all();
    answered(vec![other], 1).await;
    after(2 * SECOND).await;
    answered(vec![call], 1).await;
    assert_eq!((stage.below.connects(), first.is_cancelled()), (2, true));
}

#[tokio::test(start_paused = true)]
async fn both_together_take_no_longer_than_one_may() {
    let start = Instant::now();
    let stage = Stage::new(PoolConfig::new());
    let (calls, first, second) = stuck(&stage, 2).await;
    let mut timeouts = Timeouts::new();
    timeouts.connect = Some(5 * SECOND);
    let short = stage.options(SECURE, RequestOptions::new().timeouts(timeouts));
    // Its own limit holds for whichever is left.
    after(SECOND).await;
    first.fail(refused("one"));
    assert_eq!(came_back(short).await.phase(), Phase::Acquire);
    assert_eq!(start.elapsed().as_secs(), 7);
    for call in calls {
        came_back(call).await;
    }
    assert_eq!(start.elapsed().as_secs(), 30);
    assert!(second.is_cancelled());
}

#[tokio::test(start_paused = true)]
async fn an_origin_whose_connects_fail_has_none() {
    let stage = Stage::new(PoolConfig::new());
    let call = stage.call(SECURE);
    stage.below.connecting().await.fail(refused("at once"));
    came_back(call).await;
    let _call = stage.call(SECURE);
    let _second = stage.below.connecting().await;
    after(5 * SECOND).await;
    assert_eq!(stage.below.connects(), 2);
}

#[tokio::test(start_paused = true)]
async fn one_without_a_descriptor_is_no_failure() {
    let stage = Stage::new(PoolConfig::new());
    let (calls, first, second) = stuck(&stage, 2).await;
    second.fail(io::Error::from_raw_os_error(24));
    after(5 * SECOND).await;
    assert_eq!((stage.below.connects(), stage.pool.stats().waiting), (2, 2));
    first.succeed(Facts::h2(100)).answer_all();
    answered(calls, 1).await;
}

/// A server that turns out to speak HTTP/1.1: whom the connection doesn't serve gets a connect of its own.
#[tokio::test(start_paused = true)]
async fn nobody_stays_tied_to_the_one_that_is_stuck() {
    for has_socket in [true, false] {
        let stage = Stage::new(PoolConfig::new());
        let (calls, first, second) = stuck(&stage, 10).await;
        if has_socket {
            socket(&first);
        }
        let peer = second.succeed(Facts::h1());
        run_until_idle().await;
        assert_eq!((first.is_cancelled(), stage.below.connects()), (!has_socket, 2 + 9));
        peer.exchange().await.respond(200, "");
        while let Some(connect) = stage.below.try_connecting() {
            connect.succeed(Facts::h1());
            run_until_idle().await;
        }
        stage.answer();
        for call in calls {
            read(done(call).await).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_one_that_is_left_over_is_handed_to_nobody_and_blames_nobody() {
    let stage = Stage::new(PoolConfig::new().max_connecting_per_origin(2));
    let (mut calls, first, second) = stuck(&stage, 1).await;
    socket(&first);
    let peer = second.succeed(Facts::h1());
    let exchange = peer.exchange().await;
    // It holds no place either: two may connect beside it.
    calls.extend([stage.call(SECURE), stage.call(SECURE)]);
    run_until_idle().await;
    assert_eq!(stage.below.connects(), 4);
    first.fail(refused("the one that was stuck"));
    run_until_idle().await;
    assert!(calls.iter().all(|call| !call.is_finished()));
    let (one, two) = (stage.connected(Facts::h1()).await, stage.connected(Facts::h1()).await);
    for exchange in [exchange, one.exchange().await, two.exchange().await] {
        exchange.respond(200, "");
    }
    for call in calls {
        read(done(call).await).await;
    }
    assert!(!stage.recorder.lines().iter().any(|line| line.contains("backoff")));
}

#[tokio::test(start_paused = true)]
async fn what_no_other_way_would_help_ends_both() {
    for first_fails in [true, false] {
        let stage = Stage::new(PoolConfig::new());
        let (calls, first, second) = stuck(&stage, 3).await;
        let (fails, other) = if first_fails { (first, second) } else { (second, first) };
        fails.fail(ConnectError::new(Phase::Tls, "a wrong pin").fatal());
        for call in calls {
            let error = came_back(call).await;
            assert_eq!(error.phase(), Phase::Tls, "{error:?}");
        }
        run_until_idle().await;
        assert!(other.is_cancelled());
    }
}

/// It would take the place of a request that comes.
#[tokio::test(start_paused = true)]
async fn where_limits_refuse_there_is_none() {
    let config = PoolConfig::new().max_per_origin(2).at_connection_limit(skybridge_pool::AtConnectionLimit::Refuse);
    let stage = Stage::new(config);
    let one = stage.call(A);
    let first = stage.below.connecting().await;
    after(3 * SECOND).await;
    let two = stage.call(A);
    run_until_idle().await;
    assert_eq!(stage.below.connects(), 2);
    let exchange = first.succeed(Facts::h1()).exchange().await;
    stage.connected(Facts::h1()).await.exchange().await.respond(200, "");
    exchange.respond(200, "");
    read(done(one).await).await;
    read(done(two).await).await;
}

/// What is left over takes no place that somebody waits for.
#[tokio::test(start_paused = true)]
async fn at_a_limit_the_one_that_is_stuck_makes_room() {
    let stage = Stage::new(PoolConfig::new().max_per_origin(2));
    let (calls, first, second) = stuck(&stage, 3).await;
    socket(&first);
    let exchange = second.succeed(Facts::h1()).exchange().await;
    run_until_idle().await;
    assert!(first.is_cancelled());
    stage.connected(Facts::h1()).await.exchange().await.respond(200, "");
    run_until_idle().await;
    exchange.respond(200, "");
    run_until_idle().await;
    stage.answer();
    for call in calls {
        read(done(call).await).await;
    }
}

/// Who waited was served by something else, and the second was given up: who comes next may have another.
#[tokio::test(start_paused = true)]
async fn the_next_that_waits_for_a_stuck_one_has_a_second_too() {
    let stage = Stage::new(PoolConfig::new());
    let (calls, first, second) = stuck(&stage, 1).await;
    socket(&first);
    drop(calls.into_iter().map(|call| call.abort()).collect::<Vec<_>>());
    run_until_idle().await;
    assert!(second.is_cancelled() && !first.is_cancelled());
    let call = stage.call(SECURE);
    run_until_idle().await;
    stage.connected(Facts::h2(9)).await.exchange().await.respond(200, "");
    read(done(call).await).await;
}

/// By whichever of the two it was found that the time is over.
#[tokio::test(start_paused = true)]
async fn both_are_told_by_which_limit_the_last_request_has_left_them() {
    let within = |seconds| RequestOptions::new().timeouts(Timeouts::new().connect(Duration::from_secs(seconds)));
    for (others, told) in [(0, true), (1, false)] {
        let stage = Stage::new(PoolConfig::new());
        let short = stage.options(SECURE, within(5));
        let other: Vec<_> = (0..others).map(|_| stage.call(SECURE)).collect();
        let first = stage.below.connecting().await;
        after(2 * SECOND).await;
        let second = stage.below.try_connecting().unwrap();
        let error = came_back(short).await;
        assert!(error.is_timeout(), "{error}");
        run_until_idle().await;
        // Who leaves later says nothing of the way.
        other.iter().for_each(|call| call.abort());
        run_until_idle().await;
        for connect in [first, second] {
            let limit = connect.route().ctx().ended_by().map(|timed_out| timed_out.limit);
            assert_eq!((connect.is_cancelled(), limit), (true, told.then_some(5 * SECOND)));
        }
    }
}
