//! An origin whose connections fail one after the other is left alone for a while, by all of its callers.

use skybridge::{Client, PoolConfig, RequestBody, Timeouts};
use skybridge_testkit::net::{Conn, Serving};
use skybridge_tests::{World, all, get, h2, post, read, wishing};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    task::JoinSet,
};

#[derive(Clone, Copy, Debug)]
enum Peer {
    /// It closes at once.
    Closes,
    /// It closes when the request comes.
    ClosesThen,
    /// It resets when the request comes.
    Resets,
}

const PEERS: [Peer; 3] = [Peer::Closes, Peer::ClosesThen, Peer::Resets];

impl Peer {
    async fn serve(self, mut conn: Conn) {
        if let Self::Closes = self {
            return;
        }
        let _ = conn.read(&mut [0; 4096]).await;
        if let Self::Resets = self {
            conn.reset();
        }
    }
}

type Make = fn() -> http::Request<RequestBody>;

const REQUESTS: [(&str, Make); 4] = [
    ("GET", || get("/")),
    ("POST", || post("x")),
    ("GET over h2", || h2(get("/"))),
    ("POST over h2", || h2(post("x"))),
];

#[tokio::test(start_paused = true)]
async fn twenty_calls_after_each_other_make_a_connect_each() {
    for peer in PEERS {
        for (name, request) in REQUESTS {
            let world = World::new();
            let _serving = world.listen().serve(move |_, conn| peer.serve(conn));
            let client = world.client();
            for call in 1..=20 {
                let error = read(client.request(request())).await.unwrap_err();
                let told = "connections to this origin fail one after the other";
                let is_told = error.is_backing_off() && error.to_string().contains(told) || error.is_connect();
                assert!(call == 1 || is_told, "{peer:?}, {name}, call {call}: {error}");
            }
            let connects = world.net.opened();
            assert!(connects <= 25, "{peer:?}, {name}: {connects} connects");
            drop(client);
            world.assert_nothing_left().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn twenty_calls_at_once_share_what_the_next_connect_comes_to() {
    for peer in PEERS {
        for (name, request) in REQUESTS {
            let world = World::new();
            let _serving = world.listen().serve(move |_, conn| peer.serve(conn));
            let client = world.client();
            let calls: Vec<_> = (0..20).map(|_| read(client.request(request()))).collect();
            let ends = all(calls).await;
            assert!(ends.iter().all(Result::is_err), "{peer:?}, {name}: {ends:?}");
            let connects = world.net.opened();
            assert!(connects <= 25, "{peer:?}, {name}: {connects} connects");
        }
    }
}

/// Nobody listens: the same.
#[tokio::test(start_paused = true)]
async fn refused_connects_are_failures_too() {
    let world = World::new();
    let client = world.client();
    let start = tokio::time::Instant::now();
    let mut pauses = Vec::new();
    for _ in 0..10 {
        let before = start.elapsed();
        let error = read(client.request(get("/"))).await.unwrap_err();
        assert!(error.is_connect(), "{error}");
        pauses.push(start.elapsed() - before);
    }
    let said = |what: &str| world.recorder.lines().iter().filter(|line| line.contains(what)).count();
    assert_eq!((said("backoff_start"), said("backoff_end")), (8, 8), "it is told what is waited for");
    assert!(pauses[..2].iter().all(|pause| *pause < Duration::from_millis(25)), "the first two at once: {pauses:?}");
    assert!(pauses[8..].iter().all(|pause| *pause > Duration::from_millis(900)), "{pauses:?}");
    assert!(pauses.iter().all(|pause| *pause <= Duration::from_millis(2100)), "two seconds at most: {pauses:?}");
}

/// A server that answers while `is_well`, and else closes each connection.
async fn serve(mut conn: Conn, is_well: Arc<AtomicBool>) {
    let mut head = [0; 4096];
    while is_well.load(SeqCst) && conn.read(&mut head).await.is_ok_and(|read| read > 0) {
        if conn.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await.is_err() {
            return;
        }
    }
}

fn listen(world: &World) -> (Client, Arc<AtomicBool>, Serving) {
    let is_well = Arc::new(AtomicBool::new(false));
    let well = Arc::clone(&is_well);
    let serving = world.listen().serve(move |_, conn| serve(conn, Arc::clone(&well)));
    (world.client(), is_well, serving)
}

#[tokio::test(start_paused = true)]
async fn a_server_that_comes_back_serves_those_who_wait() {
    let world = World::new();
    let (client, is_well, _serving) = listen(&world);
    for _ in 0..8 {
        read(client.request(get("/"))).await.unwrap_err();
    }
    let start = tokio::time::Instant::now();
    let calls: Vec<_> = (0..20).map(|_| read(client.request(get("/")))).collect();
    is_well.store(true, SeqCst);
    let ends = all(calls).await;
    assert!(ends.iter().all(Result::is_ok), "{ends:?}");
    assert!(start.elapsed() <= Duration::from_millis(2100), "one pause: {:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_response_ends_it() {
    let world = World::new();
    let (client, is_well, _serving) = listen(&world);
    for _ in 0..8 {
        read(client.request(get("/"))).await.unwrap_err();
    }
    is_well.store(true, SeqCst);
    read(client.request(get("/"))).await.unwrap();
    is_well.store(false, SeqCst);
    client.evict_all();
    let (before, start) = (world.net.opened(), tokio::time::Instant::now());
    read(client.request(get("/"))).await.unwrap_err();
    assert_eq!(world.net.opened() - before, 2, "as if nothing had been");
    assert!(start.elapsed() < Duration::from_millis(25), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn so_does_time() {
    let world = World::new();
    let (client, _, _serving) = listen(&world);
    for _ in 0..8 {
        read(client.request(get("/"))).await.unwrap_err();
    }
    tokio::time::sleep(Duration::from_secs(7)).await;
    let (before, start) = (world.net.opened(), tokio::time::Instant::now());
    read(client.request(get("/"))).await.unwrap_err();
    assert_eq!(world.net.opened() - before, 2, "as if nothing had been");
    assert!(start.elapsed() < Duration::from_millis(25), "{:?}", start.elapsed());
}

/// A slow answer to the first connection after a pause doesn't hold the others for longer than a pause.
#[tokio::test(start_paused = true)]
async fn nobody_waits_for_the_answer_to_another() {
    let world = World::new();
    let (well, count) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let (is_well, served) = (Arc::clone(&well), Arc::clone(&count));
    let _serving = world.listen().serve(move |_, conn| {
        let (is_well, served) = (Arc::clone(&is_well), Arc::clone(&served));
        async move {
            if is_well.load(SeqCst) {
                if served.fetch_add(1, SeqCst) == 0 {
                    tokio::time::sleep(Duration::from_secs(60)).await;
                }
                serve(conn, is_well).await;
            }
        }
    });
    let client = world.client();
    for _ in 0..8 {
        read(client.request(get("/"))).await.unwrap_err();
    }
    well.store(true, SeqCst);
    let mut slow = JoinSet::from_iter([read(client.request(get("/slow")))]);
    tokio::task::yield_now().await;
    let start = tokio::time::Instant::now();
    read(client.request(get("/"))).await.unwrap();
    assert!(start.elapsed() < Duration::from_millis(4100), "{:?}", start.elapsed());
    slow.join_next().await.unwrap().unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_callers_own_limit_ends_its_wait() {
    let world = World::new();
    let (client, _, _serving) = listen(&world);
    for _ in 0..10 {
        read(client.request(get("/"))).await.unwrap_err();
    }
    let limit = Duration::from_millis(100);
    let mut timeouts = Timeouts::new();
    timeouts.connect = Some(limit);
    let request = wishing(get("/"), |options| options.timeouts(timeouts));
    let (before, start) = (world.net.opened(), tokio::time::Instant::now());
    let error = read(client.request(request)).await.unwrap_err();
    assert!(error.is_timeout(), "{error}");
    assert_eq!((start.elapsed(), world.net.opened() - before), (Duration::from_millis(100), 0));
}

#[tokio::test(start_paused = true)]
async fn it_can_be_switched_off() {
    let world = World::new();
    let _serving = world.listen().serve(move |_, conn| Peer::Closes.serve(conn));
    let client = world.builder().pool(PoolConfig::new().connect_backoff(Duration::ZERO)).build();
    let start = tokio::time::Instant::now();
    for _ in 0..20 {
        read(client.request(get("/"))).await.unwrap_err();
    }
    assert_eq!(world.net.opened(), 40);
    assert!(start.elapsed() < Duration::from_millis(500), "{:?}", start.elapsed());
}

/// The pause holds no place of the pool's that another origin could use.
#[tokio::test(start_paused = true)]
async fn another_origin_has_the_only_socket_meanwhile() {
    let world = World::new();
    let other = "192.0.2.9:80".parse().unwrap();
    world.net.host("b.test", ["192.0.2.9".parse().unwrap()]);
    let _serving = world.listen().serve(move |_, conn| Peer::Closes.serve(conn));
    let well = Arc::new(AtomicBool::new(true));
    let _other = world.net.listen(other).serve(move |_, conn| serve(conn, Arc::clone(&well)));
    let client = world.builder().pool(PoolConfig::new().max_total(1)).build();
    for _ in 0..10 {
        read(client.request(get("/"))).await.unwrap_err();
    }
    let mut waits = JoinSet::from_iter([read(client.request(get("/")))]);
    tokio::task::yield_now().await;
    let start = tokio::time::Instant::now();
    let request = http::Request::get("http://b.test/").body(RequestBody::empty()).unwrap();
    read(client.request(request)).await.unwrap();
    assert!(start.elapsed() < Duration::from_millis(100), "{:?}", start.elapsed());
    waits.join_next().await.unwrap().unwrap().unwrap_err();
}
