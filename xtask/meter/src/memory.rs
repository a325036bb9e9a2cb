//! Memory, by exact count: what an idle HTTP/1.1 connection keeps, and what a new one asks for.

use crate::client;
use http_body_util::BodyExt;
use skybridge_bare::{Outcome, Over, Shape, Version, alone::H1, ends, peer, runtime};
use skybridge_counting::{allocated, allocations, kept};
use std::future::Future;

const CONNECTIONS: i64 = 500;
const CONNECTS: u64 = 50;
/// The most that an idle connection may keep beside its stream, in bytes.
const IDLE: i64 = 3 * 1024;
/// The most that connecting over TLS, and one request, may ask for, in bytes.
const COLD_TLS: u64 = 56 * 1024;

/// Prints it; false when it is more than it may be.
pub(crate) fn gate() -> bool {
    match measure() {
        Ok(good) => good,
        Err(error) => {
            println!("\nmemory FAILED: {error}");
            false
        }
    }
}

fn measure() -> Outcome<bool> {
    let stream = streams();
    let (bare, ours) = (block_on(idle_bare())? - stream, idle()? - stream);
    let idle = ours <= IDLE;
    println!(
        "\nbytes that an idle HTTP/1.1 connection keeps beside its stream ({stream}): {bare} bare, {ours} in the \
         default client; gate {IDLE}   {}",
        verdict(idle)
    );
    let (plain, plain_ours) = (cold_bare(Over::Nothing)?, cold_ours(Over::Nothing)?);
    let (tls, tls_ours) = (cold_bare(Over::Tls)?, cold_ours(Over::Tls)?);
    println!("bytes (allocations) of a new HTTP/1.1 connection and one request, bare and by the default client:");
    println!("  cleartext  {plain} {plain_ours}");
    let cold = tls_ours.bytes <= COLD_TLS;
    println!("  TLS        {tls} {tls_ours}   gate {COLD_TLS}   {}", verdict(cold));
    Ok(idle && cold)
}

/// Holds idle connections, for a profiler of the heap too.
pub(crate) fn idle() -> Outcome<i64> {
    block_on(idle_ours())
}

/// Connects so many times over TLS, for a profiler of the heap.
pub(crate) fn connect(connects: u64) -> Outcome<()> {
    (0..connects).try_for_each(|_| cold(Over::Tls).map(drop))
}

fn verdict(good: bool) -> &'static str {
    if good { "ok" } else { "TOO MUCH" }
}

fn block_on<T>(future: impl Future<Output = Outcome<T>>) -> Outcome<T> {
    runtime()?.block_on(future)
}

/// What the stream alone keeps.
fn streams() -> i64 {
    let before = kept();
    let streams: Vec<_> = (0..CONNECTIONS).map(|_| Box::new(peer::h1(Over::Nothing))).collect();
    let kept = kept() - before;
    drop(streams);
    kept / CONNECTIONS
}

async fn idle_bare() -> Outcome<i64> {
    let before = kept();
    let mut connections = Vec::with_capacity(CONNECTIONS as usize);
    for _ in 0..CONNECTIONS {
        let mut connection = H1::connect(Over::Nothing).await?;
        connection.send(Shape::Get).await?;
        connections.push(connection);
    }
    Ok((kept() - before) / CONNECTIONS)
}

/// All to one origin, which is counted too.
async fn idle_ours() -> Outcome<i64> {
    let client = client::client(Version::H1, Over::Nothing, None);
    let before = kept();
    let mut responses = Vec::with_capacity(CONNECTIONS as usize);
    for _ in 0..CONNECTIONS {
        // Its body isn't read yet, so that the next one needs another connection.
        responses.push(client.get("http://example.test/").await?);
    }
    for response in responses {
        response.into_body().collect().await?;
    }
    let kept = (kept() - before) / CONNECTIONS;
    if client.stats().idle as i64 != CONNECTIONS {
        return Err(format!("{CONNECTIONS} connections are idle, and not: {:?}", client.stats()).into());
    }
    Ok(kept)
}

/// What it cost, on average.
struct Cost {
    bytes: u64,
    allocations: u64,
}

impl Cost {
    fn of(since: (u64, u64)) -> Self {
        let (bytes, count) = (allocated() - since.0, allocations() - since.1);
        Self { bytes, allocations: count }
    }
}

impl std::fmt::Display for Cost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&format!("{:>7} ({:>3})", self.bytes, self.allocations))
    }
}

fn average(costs: Vec<Cost>) -> Cost {
    let count = costs.len().max(1) as u64;
    let sum = |each: fn(&Cost) -> u64| costs.iter().map(each).sum::<u64>() / count;
    Cost { bytes: sum(|cost| cost.bytes), allocations: sum(|cost| cost.allocations) }
}

fn cold_bare(over: Over) -> Outcome<Cost> {
    let mut costs = vec![];
    for _ in 0..CONNECTS {
        costs.push(block_on(async {
            let config = ends::config()?;
            let before = (allocated(), allocations());
            let mut connection = match over {
                Over::Nothing => H1::connect(over).await?,
                Over::Tls => H1::sealed(config).await?,
            };
            connection.send(Shape::Get).await?;
            Ok(Cost::of(before))
        })?);
    }
    Ok(average(costs))
}

/// Each by a client of its own: no TLS session is resumed.
fn cold_ours(over: Over) -> Outcome<Cost> {
    let costs: Outcome<Vec<_>> = (0..CONNECTS).map(|_| cold(over)).collect();
    Ok(average(costs?))
}

fn cold(over: Over) -> Outcome<Cost> {
    block_on(async {
        let client = client::client(Version::H1, over, None);
        let before = (allocated(), allocations());
        client::send(&client, Shape::Get, over).await?;
        Ok(Cost::of(before))
    })
}
