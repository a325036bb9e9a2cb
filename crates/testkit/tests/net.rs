//! The in-memory network behaves as the one it stands for.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use skybridge_testkit::net::{Conn, Network};
use std::{
    future::Future,
    io::{ErrorKind, IoSlice},
    net::SocketAddr,
    task::{Context, Poll, Waker},
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::{Instant, timeout},
};

const HOUR: Duration = Duration::from_secs(3600);
const MS: Duration = Duration::from_millis(1);

fn addr() -> SocketAddr {
    "192.0.2.1:80".parse().unwrap()
}

async fn pair(net: &Network) -> (Conn, Conn) {
    let listener = net.listen(addr());
    let client = net.connect(addr()).await.unwrap();
    let (server, peer) = listener.accept().await;
    assert_eq!(peer, client.local_addr());
    assert_eq!(server.local_addr(), addr());
    assert_eq!(client.peer_addr(), addr());
    (client, server)
}

#[tokio::test(start_paused = true)]
async fn nobody_listens() {
    let net = Network::new();
    assert_eq!(net.connect(addr()).await.unwrap_err().kind(), ErrorKind::ConnectionRefused);
    drop(net.listen(addr()));
    assert_eq!(net.connect(addr()).await.unwrap_err().kind(), ErrorKind::ConnectionRefused);
    assert_eq!((net.connects_to(addr()), net.opened(), net.live_sockets()), (2, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_black_hole_never_answers_and_its_socket_goes_with_the_connect() {
    let net = Network::new();
    let _listener = net.listen(addr());
    net.at(addr()).black_hole();
    let start = Instant::now();
    let mut connect = Box::pin(net.connect(addr()));
    assert!(timeout(HOUR, connect.as_mut()).await.is_err());
    assert_eq!(start.elapsed(), HOUR);
    assert_eq!(net.live_sockets(), 1);
    drop(connect);
    assert_eq!(net.live_sockets(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_connect_leaves_nothing() {
    let net = Network::new();
    let listener = net.listen(addr());
    net.at(addr()).connect_latency(HOUR);
    assert!(timeout(MS, net.connect(addr())).await.is_err());
    assert_eq!((net.connects_to(addr()), net.live_sockets(), net.opened()), (1, 0, 0));
    assert!(timeout(2 * HOUR, listener.accept()).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn refusal_takes_the_connect_latency_and_can_be_healed() {
    let net = Network::new();
    let _listener = net.listen(addr());
    net.at(addr()).connect_latency(30 * MS).refuse();
    let start = Instant::now();
    assert_eq!(net.connect(addr()).await.unwrap_err().kind(), ErrorKind::ConnectionRefused);
    assert_eq!(start.elapsed(), 30 * MS);
    net.at(addr()).fail(ErrorKind::HostUnreachable);
    assert_eq!(net.connect(addr()).await.unwrap_err().kind(), ErrorKind::HostUnreachable);
    net.at(addr()).heal();
    assert!(net.connect(addr()).await.is_ok());
}

/// No runtime at all: without latency the network needs no timer, and each write wakes its reader.
#[test]
fn without_latency_no_timer_is_used() {
    let net = Network::new();
    let mut cx = Context::from_waker(Waker::noop());
    let mut talk = Box::pin(async {
        let (mut client, mut server) = pair(&net).await;
        client.write_all(b"ping").await.unwrap();
        let mut four = [0; 4];
        server.read_exact(&mut four).await.unwrap();
        drop(server);
        assert_eq!(client.read(&mut four).await.unwrap(), 0);
    });
    assert!(talk.as_mut().poll(&mut cx).is_ready());
}

#[tokio::test(start_paused = true)]
async fn data_takes_the_latency_and_wakes_its_reader_once() {
    let net = Network::new();
    net.at(addr()).latency(20 * MS);
    let (mut client, mut server) = pair(&net).await;
    let start = Instant::now();
    let read = async {
        let mut all = String::new();
        server.read_to_string(&mut all).await.unwrap();
        (all, start.elapsed())
    };
    let write = async {
        client.write_all(b"one ").await.unwrap();
        tokio::time::sleep(5 * MS).await;
        client.write_all(b"two").await.unwrap();
        client.shutdown().await.unwrap();
    };
    let ((all, elapsed), ()) = tokio::join!(read, write);
    assert_eq!((all.as_str(), elapsed), ("one two", 25 * MS));
}

#[tokio::test(start_paused = true)]
async fn a_read_waits_for_exactly_one_write() {
    let net = Network::new();
    let (mut client, mut server) = pair(&net).await;
    let mut byte = [0; 1];
    let mut read = tokio_test_task(server.read(&mut byte));
    assert!(read.poll().is_pending());
    assert_eq!(read.wakes(), 0);
    client.write_all(b"x").await.unwrap();
    assert_eq!(read.wakes(), 1);
    assert!(read.poll().is_ready());
}

#[tokio::test(start_paused = true)]
async fn fin_closes_one_half() {
    let net = Network::new();
    let (mut client, mut server) = pair(&net).await;
    client.write_all(b"last words").await.unwrap();
    client.fin();
    assert_eq!(client.write(b"more").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
    let mut all = Vec::new();
    server.read_to_end(&mut all).await.unwrap();
    assert_eq!(all, b"last words");
    assert!(server.wire().peer_closed() && !server.wire().peer_dropped());
    server.write_all(b"heard").await.unwrap();
    drop(server);
    all.clear();
    client.read_to_end(&mut all).await.unwrap();
    assert_eq!(all, b"heard");
}

#[tokio::test(start_paused = true)]
async fn rst_is_seen_by_reads_and_writes_of_both_ends() {
    let net = Network::new();
    let (mut client, mut server) = pair(&net).await;
    server.write_all(b"lost").await.unwrap();
    net.wire(0).reset();
    for conn in [&mut client, &mut server] {
        assert_eq!(conn.read(&mut [0; 8]).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
        assert_eq!(conn.write(b"x").await.unwrap_err().kind(), ErrorKind::ConnectionReset);
    }
}

#[tokio::test(start_paused = true)]
async fn rst_wakes_a_reader_and_a_writer() {
    let net = Network::new();
    net.at(addr()).window(4);
    let (client, _server) = pair(&net).await;
    let wire = client.wire();
    let (mut reader, mut writer) = tokio::io::split(client);
    let mut byte = [0; 1];
    let results = async { tokio::join!(reader.read(&mut byte), writer.write_all(b"too much")) };
    let (results, ()) = tokio::join!(results, async { wire.reset() });
    assert_eq!(results.0.unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert_eq!(results.1.unwrap_err().kind(), ErrorKind::ConnectionReset);
}

#[tokio::test(start_paused = true)]
async fn leaving_data_unread_resets() {
    let net = Network::new();
    let (mut client, mut server) = pair(&net).await;
    server.write_all(b"early answer").await.unwrap();
    client.write_all(b"unread").await.unwrap();
    drop(server);
    let mut answer = [0; 12];
    client.read_exact(&mut answer).await.unwrap();
    assert_eq!(client.read(&mut answer).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
}

#[tokio::test(start_paused = true)]
async fn writing_to_who_has_gone_fails_the_second_time() {
    let net = Network::new();
    let (mut client, server) = pair(&net).await;
    drop(server);
    client.write_all(b"into the void").await.unwrap();
    assert_eq!(client.write(b"x").await.unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert_eq!(client.read(&mut [0; 1]).await.unwrap(), 0, "the FIN came first");
}

#[tokio::test(start_paused = true)]
async fn a_stall_holds_data_back_until_it_is_over() {
    let net = Network::new();
    let (mut client, mut server) = pair(&net).await;
    server.stall();
    client.write_all(b"hi").await.unwrap();
    assert!(timeout(HOUR, server.read(&mut [0; 2])).await.is_err());
    let wire = server.wire();
    let mut two = [0; 2];
    let (read, ()) = tokio::join!(server.read_exact(&mut two), async { wire.resume() });
    read.unwrap();
    assert_eq!(&two, b"hi");
}

#[tokio::test(start_paused = true)]
async fn a_lost_packet_holds_back_those_behind_it() {
    let net = Network::new();
    net.at(addr()).lose(2, 200 * MS);
    let (mut client, mut server) = pair(&net).await;
    let start = Instant::now();
    client.write_all(b"1").await.unwrap();
    client.write_all(b"2").await.unwrap();
    client.write_all(b"3").await.unwrap();
    let mut byte = [0; 1];
    server.read_exact(&mut byte).await.unwrap();
    assert_eq!((byte, start.elapsed()), (*b"1", Duration::ZERO));
    let mut two = [0; 2];
    server.read_exact(&mut two).await.unwrap();
    assert_eq!((two, start.elapsed()), (*b"23", 200 * MS));
    client.wire().lose_next(HOUR);
    client.write_all(b"4").await.unwrap();
    server.read_exact(&mut byte).await.unwrap();
    assert!(start.elapsed() >= HOUR);
}

#[tokio::test(start_paused = true)]
async fn a_full_window_makes_the_writer_wait() {
    let net = Network::new();
    net.at(addr()).window(4);
    let (mut client, mut server) = pair(&net).await;
    let mut eight = [0; 8];
    let (wrote, read) = tokio::join!(client.write_all(b"12345678"), server.read_exact(&mut eight));
    wrote.unwrap();
    read.unwrap();
    assert_eq!(&eight, b"12345678");
    client.write_all(b"full").await.unwrap();
    assert!(timeout(HOUR, client.write(b"x")).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_backlog_is_open_for_the_client_and_full_it_hangs() {
    let net = Network::new();
    let listener = net.listen(addr());
    net.at(addr()).backlog(1);
    let mut first = net.connect(addr()).await.unwrap();
    first.write_all(b"anybody?").await.unwrap();
    assert!(timeout(HOUR, first.read(&mut [0; 1])).await.is_err());
    assert!(timeout(HOUR, net.connect(addr())).await.is_err());
    let (second, _first) = tokio::join!(net.connect(addr()), listener.accept());
    assert!(second.is_ok());
    drop(listener);
    let error = second.unwrap().read(&mut [0; 1]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset, "a closed listener resets what it has not accepted");
}

#[tokio::test(start_paused = true)]
async fn vectored_writes_are_one_write() {
    let net = Network::new();
    let (mut client, server) = pair(&net).await;
    assert!(tokio::io::AsyncWrite::is_write_vectored(&client));
    let n = client.write_vectored(&[IoSlice::new(b"head"), IoSlice::new(b"body")]).await.unwrap();
    let requests = server.wire().other_end();
    assert_eq!((n, requests.writes(), requests.bytes_sent()), (8, 1, 8));
}

#[tokio::test(start_paused = true)]
async fn sockets_are_counted_from_connect_to_drop() {
    let net = Network::new();
    let (client, server) = pair(&net).await;
    assert_eq!((net.live_sockets(), net.live_sockets_to(addr()), net.opened()), (1, 1, 1));
    drop(server);
    assert_eq!(net.live_sockets(), 1, "the client has not closed yet");
    drop(client);
    assert_eq!(net.live_sockets(), 0);
    assert!(net.wire(0).peer_dropped());
}

#[tokio::test(start_paused = true)]
async fn names_have_addresses() {
    let net = Network::new();
    net.host("A.test", [addr().ip()]);
    assert_eq!(net.lookup("a.TEST"), Some(vec![addr().ip()]));
    assert_eq!(net.lookup("b.test"), None);
}

#[tokio::test(start_paused = true)]
async fn a_served_listener_ends_its_tasks_when_dropped() {
    let net = Network::new();
    let serving = net.listen(addr()).serve(|index, mut conn| async move {
        conn.write_all(index.to_string().as_bytes()).await.unwrap();
        std::future::pending().await
    });
    let mut one = [0; 1];
    for index in [b"0", b"1"] {
        net.connect(addr()).await.unwrap().read_exact(&mut one).await.unwrap();
        assert_eq!(&one, index);
    }
    assert_eq!(serving.active(), 2);
    drop(serving);
    tokio::time::sleep(MS).await;
    assert!(net.connect(addr()).await.is_err());
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "the server's assertion")]
async fn a_panic_of_a_served_connection_fails_the_test() {
    let net = Network::new();
    let _serving = net.listen(addr()).serve(|_, _| async { panic!("the server's assertion") });
    let _conn = net.connect(addr()).await.unwrap();
    tokio::time::sleep(MS).await;
}

// === a future polled by hand, its wakes counted ===

struct Task<F> {
    future: std::pin::Pin<Box<F>>,
    wakes: std::sync::Arc<Wakes>,
}

#[derive(Default)]
struct Wakes(std::sync::atomic::AtomicUsize);

impl std::task::Wake for Wakes {
    fn wake(self: std::sync::Arc<Self>) {
        self.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
    }
}

fn tokio_test_task<F: Future>(future: F) -> Task<F> {
    Task { future: Box::pin(future), wakes: Default::default() }
}

impl<F: Future> Task<F> {
    fn poll(&mut self) -> Poll<F::Output> {
        let waker = Waker::from(self.wakes.clone());
        self.future.as_mut().poll(&mut Context::from_waker(&waker))
    }

    fn wakes(&self) -> usize {
        self.wakes.0.load(std::sync::atomic::Ordering::SeqCst)
    }
}
