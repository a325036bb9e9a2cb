//! The steps: cold, warm, parallel, shared, stale, retried, and a mistake. Each prints what it does, what happened, and
//! whether that is right.

use crate::{Failure, call_log::CallLog, describe, fetch};
use http::Request;
use skybridge::{Client, HttpVersions, Protocol, RequestBody, RequestOptions, ResponseExt, types::Acquired};
use skybridge_testkit::{h1::Script, origin::Origin};
use std::{collections::BTreeSet, sync::Arc};
use tokio::{net::TcpListener, task::JoinSet};

pub(crate) async fn all() -> Result<(), Failure> {
    println!("Origins on loopback, one client.");
    let (origin, client) = (Origin::h1().start().await, Client::new());
    let first = Arc::new(CallLog::default());

    ok(cold(&client, &origin, &first).await)?;
    ok(warm(&client, &origin, &first).await)?;
    ok(parallel(&client, &origin).await)?;
    ok(shared(&client).await)?;
    ok(stale(&client, &origin).await)?;
    ok(retried(&client).await)?;
    ok(mistaken(&client).await)?;
    println!("\nAll as it should be.");
    Ok(())
}

/// There is nothing to reuse.
async fn cold(client: &Client, origin: &Origin, call_log: &Arc<CallLog>) -> Result<(), Failure> {
    step("cold: the first request opens a connection");
    get(client, &origin.url("/cold"), call_log).await?;
    check(call_log.acquired() == Some(Acquired::New), "it should have opened one")
}

/// There is one now.
async fn warm(client: &Client, origin: &Origin, first: &CallLog) -> Result<(), Failure> {
    step("warm: the second one finds it idle");
    let call_log = Arc::new(CallLog::default());
    get(client, &origin.url("/warm"), &call_log).await?;
    check(call_log.acquired() == Some(Acquired::Reused), "it should have been reused")?;
    check(call_log.connection() == first.connection(), "it should have been the same one")
}

/// HTTP/1.1 carries one request at a time.
async fn parallel(client: &Client, origin: &Origin) -> Result<(), Failure> {
    step("parallel: four requests at once over HTTP/1.1");
    let url = origin.url("/parallel");
    let connections = in_parallel(client, 4, || Request::get(&url).body(RequestBody::empty())).await?;
    println!("  on {} connections: {connections:?}", connections.len());
    println!("  pool: {} idle, {} in use", client.stats().idle, client.stats().active);
    check((1..=4).contains(&connections.len()), "there should have been at most one each")
}

/// HTTP/2 carries many.
async fn shared(client: &Client) -> Result<(), Failure> {
    step("shared: fifty requests at once over HTTP/2, by prior knowledge");
    let origin = Origin::h2c().start().await;
    let url = origin.url("/shared");
    let options = || RequestOptions::new().http_versions(HttpVersions::Http2);
    in_parallel(client, 1, || Request::get(&url).extension(options()).body(RequestBody::empty())).await?;
    let connections =
        in_parallel(client, 50, || Request::get(&url).extension(options()).body(RequestBody::empty())).await?;
    println!("  on {} connection: {connections:?}", connections.len());
    check(connections.len() == 1 && origin.connections() == 1, "they should have shared one")
}

/// The peer has closed the connection while it was idle.
async fn stale(client: &Client, origin: &Origin) -> Result<(), Failure> {
    step("stale: the origin hangs up on every idle connection, then comes the next request");
    let before = origin.connections();
    origin.close_all();
    origin.until_open(0).await;
    let call_log = Arc::new(CallLog::default());
    get(client, &origin.url("/stale"), &call_log).await?;
    check(call_log.acquired() == Some(Acquired::New), "it should have opened a new connection")?;
    check(origin.connections() == before + 1, "it should have opened one, and no more")
}

/// The connection breaks before the response: the request may have been processed, but a GET may be repeated.
async fn retried(client: &Client) -> Result<(), Failure> {
    step("retried: the origin reads a GET on a warm connection, and hangs up instead of answering");
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/retried", listener.local_addr()?);
    let origin = async {
        let mut peer = Script::new(listener.accept().await?.0);
        peer.next_request().await.ok_or("the origin got a connection without a request")?;
        peer.respond(200, "warm").await;
        peer.next_request().await.ok_or("the origin got a connection without a request")?;
        drop(peer);
        let mut peer = Script::new(listener.accept().await?.0);
        peer.next_request().await.ok_or("the origin got a connection without a request")?;
        peer.respond(200, "at the second try").await;
        Ok::<_, Failure>(peer)
    };
    let (warm, call_log) = (Arc::new(CallLog::default()), Arc::new(CallLog::default()));
    let calls = async {
        fetch(client, &url, &warm).await?;
        get(client, &url, &call_log).await
    };
    tokio::try_join!(origin, calls)?;
    check(call_log.retries() == 1, "it should have been sent again, once")?;
    check(call_log.connection() != warm.connection(), "it should have come by another connection")
}

/// What can't be sent is refused before anything is opened.
async fn mistaken(client: &Client) -> Result<(), Failure> {
    step("mistaken: a URL with a space");
    match client.get("http://a b/").await {
        Ok(response) => check(false, &format!("it was answered: {}", response.status())),
        Err(error) => {
            println!("  {}", describe::report(&error));
            check(error.is_request(), "it should have been refused as a request")
        }
    }
}

async fn get(client: &Client, url: &str, call_log: &Arc<CallLog>) -> Result<(), Failure> {
    let (head, body) = fetch(client, url, call_log).await?;
    println!("  GET {url} -> {}, {} bytes", head.status, body.len());
    print!("{}", call_log.describe());
    check(head.status.is_success(), "it should have been a success")
}

/// Sends `requests` requests at once. Returns the ids of their connections.
async fn in_parallel(
    client: &Client,
    requests: usize,
    request: impl Fn() -> http::Result<Request<RequestBody>>,
) -> Result<BTreeSet<u64>, Failure> {
    let mut calls = JoinSet::new();
    for _ in 0..requests {
        let call = client.request(request()?);
        calls.spawn(async move {
            let response = call.await?;
            let info = response.connection().cloned();
            response.into_body().bytes().await?;
            Ok::<_, skybridge::Error>(info)
        });
    }
    let (mut connections, mut protocol) = (BTreeSet::new(), None);
    while let Some(call) = calls.join_next().await {
        if let Some(info) = call?? {
            protocol = info.protocol;
            connections.extend(info.id.map(|id| id.0));
        }
    }
    let spoken = if protocol == Some(Protocol::Http2) { "HTTP/2" } else { "HTTP/1.1" };
    println!("  {requests} answered over {spoken}");
    Ok(connections)
}

fn step(what: &str) {
    println!("\n{what}");
}

fn ok(step: Result<(), Failure>) -> Result<(), Failure> {
    match &step {
        Ok(()) => println!("  ok"),
        Err(_) => println!("  NOT AS IT SHOULD BE"),
    }
    step
}

fn check(right: bool, otherwise: &str) -> Result<(), Failure> {
    if right { Ok(()) } else { Err(otherwise.into()) }
}
