//! Origins that end idle connections, by FIN or RST, up to three milliseconds after an answer: on real sockets, so that
//! the end and the next request pass each other on their way. No `GET` may fail, and no `POST` be processed twice.

use crate::{
    ledger::Ledger,
    peer::{ID, number},
};
use fastrand::Rng;
use http::{Method, Request};
use http_body_util::BodyExt;
use skybridge::{Client, RequestBody, RetryLayer};
use skybridge_testkit::h1::Script;
use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{
    net::{TcpListener, TcpStream},
    runtime::Builder,
    task::JoinSet,
    time::{sleep, timeout},
};

const THREADS: usize = 4;
/// Requests at the same time.
const CALLERS: u64 = 32;
/// How long after an answer a connection may still end, and somewhat longer than callers think.
const LINGER: Duration = Duration::from_millis(3);
const THINK: Duration = Duration::from_millis(4);
/// What takes longer hangs.
const WATCHDOG: Duration = Duration::from_secs(600);

/// What became of the requests of a run.
#[derive(Debug, Default)]
struct Tally {
    connections: AtomicU64,
    gets: AtomicU64,
    failed_gets: AtomicU64,
    posts: AtomicU64,
    failed_posts: AtomicU64,
}

/// So many `GET`s, and a third as many `POST`s, with the retries of the default client; and without, to see how many of
/// them are needed.
pub(crate) fn run(gets: u64, seed: u64) -> Result<(), String> {
    let mut builder = Builder::new_multi_thread();
    let runtime =
        builder.worker_threads(THREADS).enable_all().build().map_err(|error| format!("no runtime: {error}"))?;
    runtime.block_on(async {
        let failed = requests("with retries", RetryLayer::safe(), gets, seed).await?;
        if failed > 0 {
            return Err(format!("{failed} of {gets} GETs failed"));
        }
        let failed = requests("without", RetryLayer::unsent(), gets, seed).await?;
        // Or it would have tested nothing.
        if failed == 0 { Err("no GET met a connection that was about to end".into()) } else { Ok(()) }
    })
}

/// How many `GET`s failed.
async fn requests(how: &str, retry: RetryLayer<RequestBody>, gets: u64, seed: u64) -> Result<u64, String> {
    let listener = TcpListener::bind("127.0.0.1:0").await.map_err(|error| format!("no port: {error}"))?;
    let addr = listener.local_addr().map_err(|error| format!("no address: {error}"))?;
    let (tally, started) = (Arc::new(Tally::default()), Instant::now());
    let total = gets + gets / 3;
    let ledger = Ledger::new(0, total);
    let mut rng = Rng::with_seed(seed);
    let server = tokio::spawn(serve(listener, ledger.clone(), Arc::clone(&tally), rng.fork()));
    let client = Client::builder().retry(retry).build();
    let mut callers = JoinSet::new();
    for caller in 0..CALLERS {
        let ids = (caller..total).step_by(usize::try_from(CALLERS).unwrap_or(1));
        callers.spawn(call(client.clone(), addr, ids, ledger.clone(), Arc::clone(&tally), rng.fork()));
    }
    timeout(WATCHDOG, callers.join_all()).await.map_err(|_| format!("requests hang: {tally:?}"))?;
    server.abort();
    ledger.check()?;
    let [connections, gets, failed_gets, posts, failed_posts] =
        [&tally.connections, &tally.gets, &tally.failed_gets, &tally.posts, &tally.failed_posts]
            .map(|count| count.load(Ordering::SeqCst));
    println!(
        "stale origins, {how}: {failed_gets} of {gets} GETs failed, {failed_posts} of {posts} POSTs; \
         {connections} connections, {:.1} s",
        started.elapsed().as_secs_f64()
    );
    Ok(failed_gets)
}

/// Every fourth request is a `POST`.
fn is_post(id: u64) -> bool {
    id % 4 == 3
}

async fn call(
    client: Client,
    addr: SocketAddr,
    ids: impl Iterator<Item = u64>,
    ledger: Ledger,
    tally: Arc<Tally>,
    mut rng: Rng,
) {
    for id in ids {
        sleep(THINK.mul_f64(rng.f64())).await;
        let mut request = Request::new(if is_post(id) { "x".into() } else { RequestBody::empty() });
        *request.method_mut() = if is_post(id) { Method::POST } else { Method::GET };
        match format!("http://{addr}/").parse() {
            Ok(uri) => *request.uri_mut() = uri,
            Err(error) => return ledger.violated(id, error),
        }
        request.headers_mut().insert(ID, id.into());
        let answer = async {
            let response = client.request(request).await?;
            if number(response.headers(), ID) != Some(id) {
                ledger.violated(id, "the response is another's");
            }
            response.into_body().collect().await
        };
        let (all, failed) =
            if is_post(id) { (&tally.posts, &tally.failed_posts) } else { (&tally.gets, &tally.failed_gets) };
        all.fetch_add(1, Ordering::SeqCst);
        match answer.await {
            Ok(_) => ledger.served(),
            Err(error) => {
                ledger.failed(id, &error);
                failed.fetch_add(1, Ordering::SeqCst);
            }
        }
    }
}

async fn serve(listener: TcpListener, ledger: Ledger, tally: Arc<Tally>, mut rng: Rng) {
    let mut serving = JoinSet::new();
    while let Ok((socket, _)) = listener.accept().await {
        tally.connections.fetch_add(1, Ordering::SeqCst);
        serving.spawn(origin(socket, ledger.clone(), rng.fork()));
        while serving.try_join_next().is_some() {}
    }
}

/// Answers, and after every other answer ends the connection a moment later, whatever has arrived meanwhile.
async fn origin(socket: TcpStream, ledger: Ledger, mut rng: Rng) {
    let mut peer = Script::new(socket);
    while let Some(request) = peer.next_request().await {
        let id = request.header(ID).and_then(|id| id.parse().ok()).unwrap_or(u64::MAX);
        ledger.arrived(id, request.method() == "POST", true);
        let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n{ID}: {id}\r\n\r\nok");
        if peer.try_send(answer).await.is_err() {
            return;
        }
        if rng.bool() {
            sleep(LINGER.mul_f64(rng.f64())).await;
            if rng.bool() {
                let _ = peer.reset();
            }
            return;
        }
    }
}
