//! Rounds of requests, and what must be true after each:
//!
//! - every request that wasn't dropped has ended: no wakeup was lost;
//! - the ledger has nothing: no response or body was another's, no part passed for the whole, no POST was taken twice,
//!   nothing that was said to be unsent had arrived;
//! - the client is back where it was before its first request: no connection, queue, stream, search or task, and no
//!   socket;
//! - as many connections as the limits allow can be opened, of each origin and in total, and as many streams: no permit
//!   was lost;
//! - the memory that is held is what it was after the second round.

use crate::{
    drive::drive,
    ledger::{Ledger, Tally},
    mode::Mode,
    peer::STREAMS,
    plan::Plan,
    world::{Host, Origins, PER_ORIGIN, TOTAL, World},
};
use fastrand::Rng;
use http::Request;
use skybridge::{HttpVersions, PoolStats, RequestBody, RequestOptions};
use skybridge_counting::held;
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{
    task::JoinSet,
    time::{sleep, timeout},
};

/// Requests of a round.
const ROUND: u64 = 10_000;
/// Requests at the same time.
const CALLERS: u64 = 64;
/// Maps and queues may differ in what they have room for. A byte that every request leaves behind is more than this
/// after a few rounds.
const SLACK: usize = 64 * 1024;
/// Rounds between two lines of progress.
const PROGRESS: u64 = 25;

pub(crate) fn run(mode: Mode, requests: u64, seed: u64) -> Result<(), String> {
    let runtime = mode.runtime()?;
    runtime.block_on(rounds(mode, requests, seed))
}

async fn rounds(mode: Mode, requests: u64, seed: u64) -> Result<(), String> {
    let world = World::new(mode, seed)?;
    let (started, mut sum, mut connections) = (Instant::now(), Tally::default(), 0);
    let (mut first, mut baseline) = (0, None);
    for round in 1.. {
        if first >= requests {
            break;
        }
        let count = ROUND.min(requests - first);
        let end = first + count;
        let failed = |what| format!("round {round} (requests from {} to {end}): {what}", end - count);
        let (tally, opened) = one(&world, mode, first, count, seed).await.map_err(failed)?;
        first = end;
        sum += tally;
        connections += opened;
        let memory = memory(mode, baseline).await.map_err(failed)?;
        if round == 2 {
            baseline = Some(memory);
        }
        if round % PROGRESS == 0 || first >= requests {
            let seconds = started.elapsed().as_secs();
            println!("{mode}: {first} requests: {sum}; {connections} connections, {memory} bytes held, {seconds} s");
        }
    }
    // Or it would have tested nothing.
    if sum.served < requests / 8 || sum.dropped < requests / 8 {
        return Err(format!("too few requests were served or dropped: {sum:?}"));
    }
    let World { client, executor, .. } = world;
    drop(client);
    timeout(mode.rest(), executor.idle()).await.map_err(|_| format!("{} tasks outlive the client", executor.tasks()))
}

async fn one(world: &World, mode: Mode, first: u64, count: u64, seed: u64) -> Result<(Tally, usize), String> {
    let ledger = Ledger::new(first, count);
    let origins = world.origins(&ledger);
    world.chaos.calm(false);
    // Kept for the numbers of what hangs.
    let mut running = std::pin::pin!(requests(world, mode, &ledger, first..first + count, seed));
    match timeout(mode.watchdog(), &mut running).await {
        Ok(ended) => ended?,
        Err(_) => return Err(format!("requests hang: {}; {:?}", ledger.tally(), world.client.stats())),
    }
    world.chaos.calm(true);
    rest(world, mode, &origins).await?;
    match timeout(mode.watchdog(), complement(world, &origins)).await {
        Ok(opened) => opened?,
        Err(_) => {
            return Err(format!("the limits allow more connections than can be opened: {:?}", world.client.stats()));
        }
    }
    rest(world, mode, &origins).await?;
    ledger.check()?;
    let (tally, opened) = (ledger.tally(), origins.net.opened());
    world.clear(origins);
    Ok((tally, opened))
}

async fn requests(
    world: &World,
    mode: Mode,
    ledger: &Ledger,
    ids: std::ops::Range<u64>,
    seed: u64,
) -> Result<(), String> {
    let next = Arc::new(AtomicU64::new(ids.start));
    let mut callers = JoinSet::new();
    for caller in 0..CALLERS {
        let (client, ledger, hosts) = (world.client.clone(), ledger.clone(), Arc::clone(&world.hosts));
        let (next, end) = (Arc::clone(&next), ids.end);
        let mut rng = Rng::with_seed(seed ^ ids.start.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ caller);
        callers.spawn(async move {
            loop {
                let id = next.fetch_add(1, Ordering::Relaxed);
                if id >= end {
                    return;
                }
                let plan = Plan::random(id, &hosts, &mut rng, mode);
                Box::pin(drive(&client, &ledger, plan)).await;
            }
        });
    }
    all(callers).await
}

/// Waits until nothing is left in the client.
async fn rest(world: &World, mode: Mode, origins: &Origins) -> Result<(), String> {
    world.client.evict_all();
    let rested = async {
        // What waits for the next connection to become idle is a task of the pool.
        while world.client.stats() != PoolStats::default()
            || world.executor.tasks() > 1
            || origins.net.live_sockets() > 0
        {
            sleep(mode.step()).await;
        }
    };
    timeout(mode.rest(), rested).await.map_err(|_| {
        format!(
            "not at rest: {:?}, {} tasks, {} sockets, {} tasks of origins",
            world.client.stats(),
            world.executor.tasks(),
            origins.net.live_sockets(),
            origins.open(),
        )
    })
}

/// Requests that are answered when all of them are at their peers: as many as each limit allows.
async fn complement(world: &World, origins: &Origins) -> Result<(), String> {
    for host in world.hosts.iter() {
        let streams = if host.http2 { STREAMS as usize } else { 1 };
        held_at_once(world, origins, vec![host; PER_ORIGIN * streams]).await?;
        world.client.evict_all();
    }
    let exclusive = world.hosts.iter().filter(|host| !host.http2).cycle().take(TOTAL);
    held_at_once(world, origins, exclusive.collect()).await
}

async fn held_at_once(world: &World, origins: &Origins, hosts: Vec<&Host>) -> Result<(), String> {
    origins.hold.expect(hosts.len());
    let mut callers = JoinSet::new();
    for host in hosts {
        let mut request = Request::new(RequestBody::empty());
        *request.uri_mut() = host.hold.clone();
        if host.http2 {
            request.extensions_mut().insert(RequestOptions::new().http_versions(HttpVersions::Http2));
        }
        let call = world.client.request(request);
        callers.spawn(async move {
            let read = async { call.await?.into_body().bytes().await };
            read.await.map_err(|error| format!("a request of a healthy origin failed: {error:?}"))
        });
    }
    while let Some(ended) = callers.join_next().await {
        ended.map_err(|error| error.to_string())??;
    }
    Ok(())
}

async fn all(mut callers: JoinSet<()>) -> Result<(), String> {
    while let Some(ended) = callers.join_next().await {
        ended.map_err(|error| format!("a caller panicked: {error}"))?;
    }
    Ok(())
}

/// What is held when the tasks of the round are gone.
async fn memory(mode: Mode, baseline: Option<usize>) -> Result<usize, String> {
    let Some(baseline) = baseline else {
        sleep(Duration::from_millis(20)).await;
        return Ok(held());
    };
    let flat = async {
        while held() > baseline + SLACK {
            sleep(mode.step()).await;
        }
    };
    // Virtual time passes at once, so this is as many steps as it takes.
    let _ = timeout(Duration::from_secs(10), flat).await;
    let held = held();
    if held > baseline + SLACK {
        return Err(format!("{held} bytes are held, {baseline} were after the second round"));
    }
    Ok(held)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    /// A response of which nothing is given back, as if the pool had lost it.
    async fn lose_one(world: &World, host: &Host, origins: &Origins) {
        origins.hold.expect(1);
        let mut request = Request::new(RequestBody::empty());
        *request.uri_mut() = host.hold.clone();
        if host.http2 {
            request.extensions_mut().insert(RequestOptions::new().http_versions(HttpVersions::Http2));
        }
        std::mem::forget(world.client.request(request).await.unwrap().into_body());
    }

    #[test]
    fn a_short_soak_finds_nothing() {
        run(Mode::Virtual, 500, 1).unwrap();
        run(Mode::Threads, 500, 1).unwrap();
    }

    #[test]
    fn what_is_lost_is_found() {
        Mode::Virtual.runtime().unwrap().block_on(async {
            for index in [0, 1] {
                let world = World::new(Mode::Virtual, 1).unwrap();
                world.chaos.calm(true);
                let origins = world.origins(&Ledger::new(0, 0));
                rest(&world, Mode::Virtual, &origins).await.unwrap();
                timeout(Mode::Virtual.watchdog(), complement(&world, &origins)).await.unwrap().unwrap();
                rest(&world, Mode::Virtual, &origins).await.unwrap();

                let host = world.hosts[index].clone();
                lose_one(&world, &host, &origins).await;
                assert!(rest(&world, Mode::Virtual, &origins).await.unwrap_err().contains("not at rest"), "{host:?}");
                let filled = timeout(Mode::Virtual.watchdog(), complement(&world, &origins)).await;
                assert!(filled.is_err(), "{host:?}: a permit less, and as many connections");
            }
        });
    }
}
