//! Cold connects by the thousand, through route and race over a dialer that answers when it is told to: what they hold
//! while all of them are under way, and how long they take. Both grow as their number does.

use skybridge_core::{
    Attempt, ConnInfo, ConnectError, ConnectOptions, Ctx, Endpoint, KeyRef, Link, OriginRef, Phase, Plan, Planner,
    Target,
};
use skybridge_counting::kept;
use skybridge_dns::Fixed;
use skybridge_route::RouteLayer;
use skybridge_runtime::TokioRuntime;
use skybridge_tcp::RaceLayer;
use std::{
    future::{Future, poll_fn},
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::Poll,
    time::{Duration, Instant},
};
use tower::{Layer, service_fn};

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

const FEW: usize = 1_000;
const MANY: usize = 10_000;

/// What each of so many costs.
struct Cost {
    bytes: i64,
    time: Duration,
}

/// Prints it; false when each of many holds more than each of few. The time is printed alone, as it isn't exact.
pub(crate) fn gate() -> bool {
    let (few, many) = match (cost(FEW), cost(MANY)) {
        (Ok(few), Ok(many)) => (few, many),
        (Err(error), _) | (_, Err(error)) => {
            println!("\ncold connects FAILED: {error}");
            return false;
        }
    };
    // The lists that hold them all grow by doubling.
    let good = many.bytes <= few.bytes + few.bytes / 50;
    let verdict = if good { "ok" } else { "GROWS FASTER THAN THEIR NUMBER" };
    println!(
        "\nbytes (time) of a cold connect under way through route and race: {} ({:.1?}) of {FEW} at once, {} ({:.1?}) \
         of {MANY}   {verdict}",
        few.bytes, few.time, many.bytes, many.time
    );
    good
}

fn cost(connects: usize) -> Outcome<Cost> {
    let runtime = skybridge_bare::runtime()?;
    runtime.block_on(measure(connects))
}

async fn measure(connects: usize) -> Outcome<Cost> {
    let answers = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&answers);
    let dialer = service_fn(move |attempt: Attempt| {
        let told = Arc::clone(&told);
        async move {
            let phase = attempt.phase(Phase::Tcp);
            poll_fn(|_| if told.load(Ordering::Relaxed) { Poll::Ready(()) } else { Poll::Pending }).await;
            let _ = phase.done();
            let info = ConnInfo::new(&attempt, None, attempt.endpoint.clone());
            Ok::<_, ConnectError>(Link::new(tokio::io::empty(), info))
        }
    });
    let v6 = SocketAddr::from(([0x2001, 0xdb8, 0, 0, 0, 0, 0, 1], 0));
    let resolver = Fixed::new([Endpoint::from(([192, 0, 2, 1], 0)), v6.into()]);
    let planner = RouteLayer::new(resolver).layer(RaceLayer::happy_eyeballs().layer(dialer));
    let runtime = TokioRuntime::current();
    let targets = (0..connects).map(|n| target(n, Ctx::new(Arc::new(runtime.clone())))).collect::<Outcome<Vec<_>>>()?;

    let (before, start) = (kept(), Instant::now());
    let reach = |target| reach(planner.clone(), target);
    let mut running: Vec<_> = targets.into_iter().map(reach).collect();
    poll_fn(|cx| {
        running.retain_mut(|reaching| reaching.as_mut().poll(cx).is_pending());
        Poll::Ready(())
    })
    .await;
    if running.len() != connects {
        return Err("some ended before they were answered".into());
    }
    let bytes = kept() - before;
    answers.store(true, Ordering::Relaxed);
    let mut good = 0;
    poll_fn(|cx| {
        running.retain_mut(|reaching| match reaching.as_mut().poll(cx) {
            Poll::Ready(connected) => {
                good += usize::from(connected);
                false
            }
            Poll::Pending => true,
        });
        Poll::Ready(())
    })
    .await;
    if good != connects {
        return Err(format!("{good} of {connects} connected").into());
    }
    let each = u32::try_from(connects)?;
    Ok(Cost { bytes: bytes / i64::from(each), time: start.elapsed() / each })
}

fn target(n: usize, ctx: Ctx) -> Outcome<Target> {
    let uri = format!("http://h{n}.test/").parse()?;
    let key = KeyRef::of(OriginRef::of(&uri)?, &ConnectOptions::default()).to_owned()?;
    Ok(Target::new(key, ctx))
}

fn reach<P: Planner + Sync>(mut planner: P, target: Target) -> Pin<Box<dyn Future<Output = bool> + Send>>
where
    P::Plan: Send,
{
    Box::pin(async move {
        if poll_fn(|cx| planner.poll_ready(cx)).await.is_err() {
            return false;
        }
        match planner.plan(target).await {
            Ok(plan) => plan.connect().await.is_ok(),
            Err(_) => false,
        }
    })
}
