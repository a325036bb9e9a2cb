//! HTTP/2 peers that keep a connection open and refuse what is asked on it.

use skybridge::Client;
use skybridge_testkit::{
    h2::{Frame, Peer, code},
    net::{Conn, Listener, Serving},
};
use skybridge_tests::{World, all, get, h2, post, read};
use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};

/// How many requests came on each connection.
type Counts = Arc<Mutex<Vec<usize>>>;

/// Answers a request, or resets its stream with this code.
async fn serve(conn: Conn, count: impl Fn(), refuses: impl Fn(usize) -> Option<u32>) {
    let mut peer = Peer::accept(conn).await;
    let mut seen = 0;
    while let Some(frame) = peer.next().await {
        let Frame::Headers { stream, .. } = frame else { continue };
        count();
        match refuses(seen) {
            Some(code) => peer.reset(stream, code).await,
            None => peer.respond(stream, 200, "fine").await,
        }
        seen += 1;
    }
}

/// `refuses`: by connection and request.
fn listen(
    listener: Listener,
    refuses: impl Fn(usize, usize) -> Option<u32> + Clone + Send + Sync + 'static,
) -> (Counts, Serving) {
    let counts = Counts::default();
    let shared = Arc::clone(&counts);
    let serving = listener.serve(move |index, conn| {
        let (counts, refuses) = (Arc::clone(&shared), refuses.clone());
        counts.lock().unwrap().push(0);
        async move { serve(conn, || counts.lock().unwrap()[index] += 1, |request| refuses(index, request)).await }
    });
    (counts, serving)
}

fn of(counts: &Counts) -> Vec<usize> {
    counts.lock().unwrap().clone()
}

async fn ask(client: &Client, is_post: bool) -> Result<String, skybridge::Error> {
    read(client.request(h2(if is_post { post("x") } else { get("/") }))).await
}

/// Whether the peer says that it has not processed the request, or leaves that open.
const CODES: [(u32, bool); 4] =
    [(code::REFUSED_STREAM, false), (code::REFUSED_STREAM, true), (code::INTERNAL_ERROR, false), (code::CANCEL, false)];

#[tokio::test(start_paused = true)]
async fn the_second_refusal_sends_a_request_to_the_next_address() {
    for (code, is_post) in CODES {
        let world = World::new();
        let (one, other): (SocketAddr, SocketAddr) = ("192.0.2.1:80".parse().unwrap(), "192.0.2.2:80".parse().unwrap());
        world.net.host("a.test", [one.ip(), other.ip()]);
        let (refused, _one) = listen(world.net.listen(one), move |_, _| Some(code));
        let (answered, _other) = listen(world.net.listen(other), |_, _| None);
        let client = world.client();
        assert_eq!(ask(&client, is_post).await.unwrap(), "fine", "{code}");
        assert_eq!((of(&refused), of(&answered)), (vec![2], vec![1]), "{code}");
        for _ in 0..9 {
            assert_eq!(ask(&client, is_post).await.unwrap(), "fine");
        }
        assert_eq!((of(&refused), of(&answered)), (vec![2], vec![10]), "{code}");
        assert!(world.recorder.lines().contains(&"connection_closed a1 c1 refusing".to_owned()));
        drop(client);
        world.assert_nothing_left().await;
    }
}

#[tokio::test(start_paused = true)]
async fn or_to_a_new_connection_where_there_is_no_other_address() {
    for (code, is_post) in CODES {
        let world = World::new();
        let (counts, _serving) = listen(world.listen(), move |connection, _| (connection == 0).then_some(code));
        let client = world.client();
        for _ in 0..10 {
            assert_eq!(ask(&client, is_post).await.unwrap(), "fine", "{code}");
        }
        assert_eq!(of(&counts), [2, 10], "{code}");
    }
}

/// Those that were under way when the first was refused were not refused again.
#[tokio::test(start_paused = true)]
async fn a_server_that_refuses_until_its_settings_are_acknowledged_keeps_its_connection() {
    let world = World::new();
    let listener = world.listen();
    let requests = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&requests);
    let _serving = listener.serve(move |_, conn| {
        let count = Arc::clone(&count);
        async move {
            let mut peer = Peer::accept(conn).await;
            let mut refused = 0;
            while let Some(frame) = peer.next().await {
                let Frame::Headers { stream, .. } = frame else { continue };
                count.fetch_add(1, SeqCst);
                // What was sent before the acknowledgement.
                if refused < 10 {
                    refused += 1;
                    peer.reset(stream, code::REFUSED_STREAM).await;
                } else {
                    peer.respond(stream, 200, "fine").await;
                }
            }
        }
    });
    let client = world.builder().pool(skybridge::PoolConfig::new().streams_before_settings(100)).build();
    let answers = all((0..10).map(|_| {
        let client = client.clone();
        async move { ask(&client, false).await }
    }))
    .await;
    assert!(answers.iter().all(|answer| answer.as_deref().unwrap() == "fine"));
    assert_eq!((world.net.opened(), requests.load(SeqCst)), (1, 20));
}

#[tokio::test(start_paused = true)]
async fn a_response_in_between_keeps_the_connection() {
    let world = World::new();
    let (counts, _serving) = listen(world.listen(), |_, request| (request % 2 == 0).then_some(code::REFUSED_STREAM));
    let client = world.client();
    for _ in 0..20 {
        assert_eq!(ask(&client, true).await.unwrap(), "fine");
    }
    assert_eq!(of(&counts), [40]);
}

/// A peer that refuses everything has two requests of each call: by then its second connection, or the next after a
/// pause, refuses too.
#[tokio::test(start_paused = true)]
async fn a_peer_that_refuses_everything_is_asked_a_stated_number_of_times() {
    let world = World::new();
    let (counts, _serving) = listen(world.listen(), |_, _| Some(code::REFUSED_STREAM));
    let client = world.client();
    for call in 1..=10 {
        let error = ask(&client, false).await.unwrap_err();
        assert_eq!(error.delivery(), skybridge::Delivery::Refused, "{error:?}");
        let counts = of(&counts);
        assert!(counts.iter().all(|requests| *requests <= 2), "{counts:?}");
        assert_eq!(counts.iter().sum::<usize>(), 2 + 2 * call, "two connections for the first, one for each later");
    }
}
