//! Requests that wait until the peer allows one more stream.
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use skybridge_core::{Cause, Connection, Delivery};
use skybridge_testkit::{
    drop_walk::drop_walk,
    executor::run_until_idle,
    h2::{Frame, Peer, code, setting},
    net::Conn,
};
use std::{
    future::{Future, poll_fn},
    pin::pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    task::Poll,
    time::Duration,
};
use support::*;
use tokio::task::JoinSet;

const fn limit(streams: u32) -> [(u16, u32); 1] {
    [(setting::MAX_CONCURRENT_STREAMS, streams)]
}

/// A connection whose peer allows so many streams.
async fn narrow(h2: H2<Out>, streams: u32) -> (World, Peer<Conn>) {
    let mut world = World::new(h2).await;
    let peer = world.peer_with(&limit(streams)).await;
    run_until_idle().await;
    (world, peer)
}

/// An exchange that was started, and waits for its response or its stream.
async fn started(world: &World, path: &str) -> Client {
    let mut client = world.handle();
    ready(&mut client).await.unwrap();
    client.start(get(path));
    assert!(!answered(&mut client).await);
    run_until_idle().await;
    client
}

fn spawned<T: Send + 'static>(task: impl Future<Output = T> + Send + 'static) -> JoinSet<T> {
    let mut tasks = JoinSet::new();
    tasks.spawn(task);
    tasks
}

/// What the task has come to.
async fn outcome<T: Send + 'static>(mut task: JoinSet<T>) -> T {
    task.join_next().await.unwrap().unwrap()
}

/// Whether its response is here.
async fn answered(client: &mut Client) -> bool {
    poll_fn(|cx| Poll::Ready(client.poll_response(cx).is_ready())).await
}

/// What of the streams has come: the paths of requests, and resets.
async fn seen(peer: &mut Peer<Conn>) -> Vec<String> {
    peer.ping(*b"all seen").await;
    peer.until(|frame| matches!(frame, Frame::Ping { ack: true, .. })).await;
    let seen = |frame: &Frame| match frame {
        Frame::Headers { stream, fields, .. } => Some(format!("{stream} {}", fields.get(":path")?)),
        Frame::Reset { stream, .. } => Some(format!("{stream} reset")),
        _ => None,
    };
    peer.received().iter().filter_map(seen).collect()
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_given_up_while_it_waits_is_never_sent() {
    let (mut world, mut peer) = narrow(H2::new(), 1).await;
    let mut first = started(&world, "/first").await;
    for _ in 0..3 {
        drop(started(&world, "/given-up").await);
    }
    peer.respond(1, 204, "").await;
    assert_eq!(response(&mut first).await.unwrap().status(), 204);
    let server = async {
        let stream = peer.request().await.stream;
        assert_eq!(stream, 1);
        let stream = peer.request().await.stream;
        peer.respond(stream, 204, "").await;
    };
    let (next, ()) = tokio::join!(exchange(&mut world.client, get("/next")), server);
    assert_eq!(next.unwrap().status(), 204);
    assert_eq!(seen(&mut peer).await, ["1 /first", "3 /next"]);
}

#[tokio::test(start_paused = true)]
async fn as_many_as_the_peer_allows_are_sent_at_once_and_the_others_in_their_order() {
    let (world, mut peer) = narrow(H2::new(), 2).await;
    let mut clients = Vec::new();
    for path in ["/a", "/b", "/c", "/d", "/e"] {
        clients.push(started(&world, path).await);
    }
    let mut expected = vec!["1 /a", "3 /b"];
    assert_eq!(seen(&mut peer).await, expected);
    let tasks: JoinSet<_> = clients
        .into_iter()
        .map(|mut client| async move {
            assert_eq!(response(&mut client).await.unwrap().status(), 204);
        })
        .collect();
    for (answered, next) in [(3, Some("5 /c")), (1, Some("7 /d")), (7, Some("9 /e")), (9, None), (5, None)] {
        peer.respond(answered, 204, "").await;
        run_until_idle().await;
        expected.extend(next);
        assert_eq!(seen(&mut peer).await, expected);
    }
    tasks.join_all().await;
}

/// One by one the streams come free; each is for the one that waits longest, also if others come to wait meanwhile, or
/// one leaves that was called already.
#[tokio::test(start_paused = true)]
async fn one_that_leaves_when_it_is_called_leaves_its_turn_to_the_next() {
    let (world, mut peer) = narrow(H2::new(), 1).await;
    let mut first = started(&world, "/first").await;
    let called = started(&world, "/called").await;
    let mut next = started(&world, "/next").await;
    let woken = spawned(async move { response(&mut next).await.map(|response| response.status()) });
    run_until_idle().await;
    peer.respond(1, 204, "").await;
    run_until_idle().await;
    assert!(answered(&mut first).await);
    // The stream of the first is free, and whoever is called has not looked yet.
    drop(called);
    run_until_idle().await;
    assert_eq!(seen(&mut peer).await, ["1 /first", "3 /next"]);
    peer.respond(3, 204, "").await;
    assert_eq!(outcome(woken).await.unwrap(), 204);
}

/// A body that isn't read to its end holds its stream. Dropped, it is reset first.
#[tokio::test(start_paused = true)]
async fn a_response_that_is_dropped_makes_room_for_who_waits() {
    let (world, mut peer) = narrow(H2::new(), 1).await;
    let mut first = started(&world, "/first").await;
    let mut next = started(&world, "/next").await;
    peer.headers(1, &[(":status", "200")], false).await;
    let body = response(&mut first).await.unwrap().into_body();
    let next = spawned(async move { response(&mut next).await.map(|response| response.status()) });
    run_until_idle().await;
    assert_eq!(seen(&mut peer).await, ["1 /first"]);
    drop(body);
    run_until_idle().await;
    assert_eq!(seen(&mut peer).await, ["1 /first", "1 reset", "3 /next"]);
    peer.respond(3, 204, "").await;
    assert_eq!(outcome(next).await.unwrap(), 204);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_given_up_makes_room_for_who_waits() {
    let (world, mut peer) = narrow(H2::new(), 1).await;
    let first = started(&world, "/first").await;
    let mut next = started(&world, "/next").await;
    let next = spawned(async move { response(&mut next).await.map(|response| response.status()) });
    run_until_idle().await;
    drop(first);
    run_until_idle().await;
    assert_eq!(seen(&mut peer).await, ["1 /first", "1 reset", "3 /next"]);
    peer.respond(3, 204, "").await;
    assert_eq!(outcome(next).await.unwrap(), 204);
}

#[tokio::test(start_paused = true)]
async fn a_limit_that_is_raised_lets_those_go_that_wait_and_one_that_is_lowered_lets_the_others_end() {
    let (world, mut peer) = narrow(H2::new(), 0).await;
    let mut tasks = JoinSet::new();
    for path in ["/a", "/b", "/c"] {
        let mut client = started(&world, path).await;
        tasks.spawn(async move { response(&mut client).await.unwrap().status() });
    }
    run_until_idle().await;
    assert_eq!(seen(&mut peer).await, Vec::<String>::new());
    peer.settings(&limit(2)).await;
    run_until_idle().await;
    assert_eq!(seen(&mut peer).await, ["1 /a", "3 /b"]);
    peer.settings(&limit(1)).await;
    run_until_idle().await;
    peer.respond(1, 204, "").await;
    run_until_idle().await;
    assert_eq!(seen(&mut peer).await, ["1 /a", "3 /b"], "one of two is over, and one is allowed");
    peer.respond(3, 204, "").await;
    run_until_idle().await;
    assert_eq!(seen(&mut peer).await, ["1 /a", "3 /b", "5 /c"]);
    peer.respond(5, 204, "").await;
    assert!(tasks.join_all().await.iter().all(|status| *status == 204));
}

/// Nothing of it was sent: it comes back whole, to be sent elsewhere.
#[tokio::test(start_paused = true)]
async fn one_that_waits_when_the_connection_drains_or_ends_comes_back_unsent() {
    for drains in [true, false] {
        let (world, mut peer) = narrow(H2::new(), 1).await;
        let mut first = started(&world, "/first").await;
        let mut waits = world.handle();
        ready(&mut waits).await.unwrap();
        let (mut sender, body) = streamed();
        sender.send_data("once".into()).await.unwrap();
        waits.start(post(body));
        let mut waits = spawned(async move { response(&mut waits).await.unwrap_err() });
        run_until_idle().await;
        if drains {
            peer.goaway(1, code::NO_ERROR, "").await;
        } else {
            peer.reset_connection();
        }
        run_until_idle().await;
        let failed = waits.try_join_next().expect("it has ended").unwrap();
        assert_eq!(failed.error.delivery(), Delivery::Unsent);
        match failed.error.cause() {
            Cause::GoAway(_) => assert!(drains),
            cause => assert!(!drains && matches!(cause, Cause::Io(_)), "{cause:?}"),
        }
        assert!(failed.into_request().is_some());
        if drains {
            peer.respond(1, 204, "").await;
        }
        assert_eq!(response(&mut first).await.is_ok(), drains);
    }
}

/// It has sent nothing, and is a request that is under way: its peer must be alive.
#[tokio::test(start_paused = true)]
async fn a_peer_that_allows_no_stream_and_is_gone_is_found_out() {
    let h2 = H2::new().keep_alive_interval(Duration::from_secs(10)).keep_alive_timeout(Duration::from_secs(1));
    let (world, _silent) = narrow(h2, 0).await;
    let mut client = started(&world, "/").await;
    let failed = response(&mut client).await.unwrap_err();
    assert!(matches!(h2_error(&failed.error), skybridge_h2::H2Error::PingTimeout(_)), "{}", failed.error);
    assert_eq!(failed.error.delivery(), Delivery::Unsent);
}

/// The h2 crate has it by then, and opens its stream before it resets that: no stream is passed over.
#[tokio::test(start_paused = true)]
async fn a_request_that_is_given_up_before_it_is_written_is_sent_and_reset() {
    let (world, mut peer) = narrow(H2::new(), 2).await;
    for path in ["/given-up", "/too"] {
        let mut client = world.handle();
        ready(&mut client).await.unwrap();
        client.start(get(path));
    }
    run_until_idle().await;
    assert_eq!(seen(&mut peer).await, ["1 /given-up", "3 /too", "1 reset", "3 reset"]);
}

/// What the peer has received: the paths, and which streams were reset.
type Received = Arc<Mutex<(Vec<String>, usize)>>;

/// The first takes the only stream, and the second waits for it. Wherever the second is dropped, the stream is free for
/// a third afterwards.
#[tokio::test(start_paused = true)]
async fn one_that_waits_and_is_dropped_anywhere_leaves_nothing() {
    let walked = drop_walk(
        async || {
            let mut world = World::new(H2::new()).await;
            let conn = world.conn.take().unwrap();
            let received = Received::default();
            let seen = Arc::clone(&received);
            let mut peer = JoinSet::new();
            peer.spawn(async move {
                let mut peer = Peer::accept_with(conn, &limit(1)).await;
                while let Some(frame) = peer.next().await {
                    match frame {
                        Frame::Headers { stream, fields, .. } => {
                            seen.lock().unwrap().0.push(fields.get(":path").unwrap().to_owned());
                            run_until_idle().await;
                            peer.headers(stream, &[(":status", "200")], false).await;
                            run_until_idle().await;
                            peer.data(stream, "answer", true).await;
                        }
                        Frame::Reset { .. } => seen.lock().unwrap().1 += 1,
                        _ => {}
                    }
                }
            });
            run_until_idle().await;
            let (mut first, mut second) = (world.handle(), world.handle());
            ready(&mut first).await.unwrap();
            first.start(get("/first"));
            let scenario = async move {
                ready(&mut second).await.unwrap();
                second.start(get("/second"));
                let mut waits = pin!(response(&mut second));
                assert!(poll_fn(|cx| Poll::Ready(waits.as_mut().poll(cx).is_pending())).await);
                let first = async move { assert_eq!(bytes(response(&mut first).await.unwrap()).await, "answer") };
                let second = async { assert_eq!(bytes(waits.await.unwrap()).await, "answer") };
                tokio::join!(first, second);
            };
            ((world, peer, received), scenario)
        },
        async |(mut world, mut peer, received), _| {
            assert_eq!(world.executor.tasks(), 1);
            assert_eq!(bytes(exchange(&mut world.client, get("/third")).await.unwrap()).await, "answer");
            drop(world.client);
            peer.join_next().await.unwrap().unwrap();
            world.executor.assert_idle().await;
            assert_eq!(world.net.live_sockets(), 0);
            let (paths, resets) = &*received.lock().unwrap();
            assert_eq!(paths.last().unwrap(), "/third");
            assert!(*resets < paths.len(), "{paths:?} {resets}");
        },
    )
    .await;
    assert!(walked.drops > 5, "{walked:?}");
}

/// Several threads close streams and come to wait at the same time: nobody is forgotten, and some give up.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_threads_get_through_few_streams() {
    const CALLS: usize = 2000;
    let mut world = World::new(H2::new()).await;
    let conn = world.conn.take().unwrap();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let mut server = h2::server::Builder::new();
        let mut server = server.max_concurrent_streams(3).handshake::<_, bytes::Bytes>(conn).await.unwrap();
        while let Some(accepted) = server.accept().await {
            let (_, mut respond) = accepted.unwrap();
            let response = http::Response::builder().status(204).body(()).unwrap();
            // One that is given up is reset by now.
            let _ = respond.send_response(response, true);
        }
    });
    let answered = Arc::new(AtomicUsize::new(0));
    for n in 0..CALLS {
        let (mut handle, answered) = (world.handle(), Arc::clone(&answered));
        tasks.spawn(async move {
            ready(&mut handle).await.unwrap();
            handle.start(get("/"));
            if n % 5 == 0 && !self::answered(&mut handle).await {
                tokio::task::yield_now().await;
                return drop(handle);
            }
            if n % 5 != 0 {
                assert_eq!(response(&mut handle).await.unwrap().status(), 204);
            }
            answered.fetch_add(1, Ordering::Relaxed);
        });
    }
    drop(world.client);
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    assert!(answered.load(Ordering::Relaxed) >= CALLS / 5 * 4);
    world.executor.idle().await;
}
