//! Many cold connects at once.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use self::support::{World, ms, reach};
use skybridge_core::{Ctx, Target};
use skybridge_testkit::fixtures;
use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    pin::Pin,
    task::Poll,
};

type Reaching = Pin<Box<dyn Future<Output = bool> + Send>>;

/// Each to a host of its own, whose first address is a black hole. What they cost in memory and in time is printed by
/// `cargo xtask allocs`.
#[tokio::test(start_paused = true)]
async fn ten_thousand_cold_connects_take_as_long_as_one_and_leave_nothing() {
    const CONNECTS: u32 = 10_000;
    let world = World::new();
    let ip = |n: u32, last: u32| IpAddr::from(Ipv4Addr::from(0x0a00_0000 + 2 * n + last));
    for n in 0..CONNECTS {
        world.net.host(&format!("h{n}.test"), [ip(n, 0), ip(n, 1)]);
        world.net.at(SocketAddr::new(ip(n, 0), 80)).black_hole();
        let up = SocketAddr::new(ip(n, 1), 80);
        world.net.at(up).connect_latency(ms(5));
        std::mem::forget(world.net.listen(up));
    }
    let planner = world.planner();
    let ctx = || Ctx::new(world.executor.runtime());
    let target = |n: u32| -> Target { fixtures::target(&format!("http://h{n}.test"), ctx()) };
    let reach = |n| -> Reaching {
        let (planner, target) = (planner.clone(), target(n));
        Box::pin(async move { reach(&planner, target).await.is_ok() })
    };
    let mut running: Vec<_> = (0..CONNECTS).map(reach).collect();
    let mut good = 0;
    std::future::poll_fn(|cx| {
        running.retain_mut(|reaching| match reaching.as_mut().poll(cx) {
            Poll::Ready(connected) => {
                good += u32::from(connected);
                false
            }
            Poll::Pending => true,
        });
        if running.is_empty() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    assert_eq!((good, world.elapsed()), (CONNECTS, 255));
    assert_eq!(world.net.live_sockets(), 0);
}
