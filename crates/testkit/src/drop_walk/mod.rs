//! The drop walk: drops a future at every point at which it can be dropped, and checks what is left. A future may be
//! dropped at any of its awaits. The drop walk runs a scenario again and again: dropped before its first poll, after
//! its first, after it was woken but before its second poll, after its second, and so on until it completes. Each time
//! it starts from a fresh world, runs all tasks until they are idle, and runs the check. It reports all points at which
//! the check panicked. The point between a wake and the poll is easily overlooked: a value that was handed to a future
//! which never takes it.
//!
//! ```
//! use skybridge_testkit::{net::Network, drop_walk::drop_walk};
//! use std::time::Duration;
//! use tokio::io::{AsyncReadExt, AsyncWriteExt};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() {
//! let addr = "192.0.2.1:80".parse().unwrap();
//! let walked = drop_walk(
//!     async || {
//!         let net = Network::new();
//!         net.at(addr).connect_latency(Duration::from_millis(5));
//!         let serving = net.listen(addr).serve(|_, mut conn| async move { conn.write_all(b"hello").await.unwrap() });
//!         let scenario = {
//!             let net = net.clone();
//!             async move {
//!                 let mut conn = net.connect(addr).await.unwrap();
//!                 conn.read_exact(&mut [0; 5]).await.unwrap();
//!             }
//!         };
//!         ((net, serving), scenario)
//!     },
//!     async |(net, _serving), _moment| assert_eq!(net.live_sockets(), 0),
//! )
//! .await;
//! assert_eq!(walked.polls, 3); // connecting, reading, done
//! # }
//! ```

mod moment;

pub use self::moment::DropPoint;

use self::moment::DropAt;
use crate::{executor::run_until_idle, tasks};
use std::{fmt, future::Future, time::Duration};

/// A scenario with more polls than this is taken to never end.
const MAX_POLLS: usize = 10_000;
/// The longest that a scenario may take, in virtual time.
const MAX_TIME: Duration = Duration::from_secs(24 * 3600);

/// A drop walk in which every check held.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct DropWalk {
    /// How many polls the scenario takes until it completes.
    pub polls: usize,
    /// At how many points it was dropped.
    pub drops: usize,
}

/// The points at which the check failed, with its messages.
#[derive(Debug)]
pub struct DropFailures(pub Vec<(DropPoint, String)>);

/// Runs a drop walk, and panics with all points at which the check panicked. See the [module](self). Needs a paused
/// clock.
///
/// # Panics
/// With a list of the points at which `check` panicked, or when the scenario itself panics or never ends.
pub async fn drop_walk<W, F>(build: impl AsyncFn() -> (W, F), check: impl AsyncFn(W, DropPoint)) -> DropWalk
where
    F: Future,
{
    match try_drop_walk(build, check).await {
        Ok(walked) => walked,
        Err(lost) => panic!("{lost}"),
    }
}

/// As [`drop_walk`], and returns what failed. `build` makes a fresh world and a scenario in it; `check` gets the world
/// after the scenario was dropped, or has completed ([`DropPoint::Completed`]), when all tasks are idle.
///
/// # Errors
/// The points at which `check` panicked, or the scenario did.
///
/// # Panics
/// When the scenario doesn't end within 10,000 polls and a day of virtual time.
pub async fn try_drop_walk<W, F>(
    build: impl AsyncFn() -> (W, F),
    check: impl AsyncFn(W, DropPoint),
) -> Result<DropWalk, DropFailures>
where
    F: Future,
{
    let (mut lost, mut drops) = (Vec::new(), 0);
    for moment in DropPoint::all(MAX_POLLS) {
        let (world, scenario) = build().await;
        let stage = tasks::catch(async {
            let reached = run(scenario, moment).await;
            run_until_idle().await;
            check(world, reached).await;
            reached
        });
        match stage.await {
            Ok(DropPoint::Completed(polls)) if lost.is_empty() => return Ok(DropWalk { polls, drops }),
            Ok(DropPoint::Completed(_)) => return Err(DropFailures(lost)),
            Ok(_) => drops += 1,
            Err(panic) => lost.push((moment, tasks::message(&panic))),
        }
        if lost.len() == 20 {
            return Err(DropFailures(lost));
        }
    }
    panic!("the scenario takes more than {MAX_POLLS} polls")
}

/// Drops the scenario at a point, unless it completes before.
async fn run(scenario: impl Future, moment: DropPoint) -> DropPoint {
    match tokio::time::timeout(MAX_TIME, DropAt::new(scenario, moment)).await {
        Ok(reached) => reached,
        Err(_) => panic!("the scenario never goes on"),
    }
}

// === impl DropFailures ===

impl fmt::Display for DropFailures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("something is lost when the scenario is dropped")?;
        for (moment, what) in &self.0 {
            write!(f, "\n- {moment}: {what}")?;
        }
        Ok(())
    }
}

impl std::error::Error for DropFailures {}
