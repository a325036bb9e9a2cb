//! The drop-walker: gives a scenario up at every point at which it can be given up, and checks what is left.
//!
//! A future may be dropped at any of its awaits. The walker runs a scenario again and again: dropped before its first poll,
//! after its first, after it was woken but before its second poll, after its second, and so on until it completes. Each time
//! it starts from a fresh world, lets the world settle, and runs the check. It reports all points at which the check
//! panicked.
//!
//! The moment between a wake and the poll is the one that is forgotten: what was handed to a future that never took it.
//!
//! ```
//! use skybridge_testkit::{net::Network, walk::walk};
//! use std::time::Duration;
//! use tokio::io::{AsyncReadExt, AsyncWriteExt};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() {
//! let addr = "192.0.2.1:80".parse().unwrap();
//! let walked = walk(
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

pub use self::moment::Moment;

use self::moment::Until;
use crate::{executor::settle, tasks};
use std::{fmt, future::Future, time::Duration};

/// More polls than this are taken for a scenario that never ends.
const MOST: usize = 10_000;
/// Of virtual time.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// A walk in which every check held.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Walked {
    /// How many polls the scenario takes when it isn't given up.
    pub polls: usize,
    /// At how many moments it was given up.
    pub drops: usize,
}

/// The moments at which the check failed, and how.
#[derive(Debug)]
pub struct Lost(pub Vec<(Moment, String)>);

/// Walks, and panics with all moments at which the check panicked. See the [module](self). For a paused clock.
///
/// # Panics
/// With a list of the moments at which `check` panicked, or when the scenario itself panics or never ends.
pub async fn walk<W, F>(build: impl AsyncFn() -> (W, F), check: impl AsyncFn(W, Moment)) -> Walked
where
    F: Future,
{
    match try_walk(build, check).await {
        Ok(walked) => walked,
        Err(lost) => panic!("{lost}"),
    }
}

/// As [`walk`], and returns what failed.
///
/// `build` makes a fresh world and a scenario in it; `check` gets the world after the scenario was given up, or has
/// completed ([`Moment::Completed`]), and everything has settled.
///
/// # Errors
/// The moments at which `check` panicked, or the scenario did.
///
/// # Panics
/// When the scenario doesn't end within 10,000 polls and a day of virtual time.
pub async fn try_walk<W, F>(build: impl AsyncFn() -> (W, F), check: impl AsyncFn(W, Moment)) -> Result<Walked, Lost>
where
    F: Future,
{
    let (mut lost, mut drops) = (Vec::new(), 0);
    for moment in Moment::all(MOST) {
        let (world, scenario) = build().await;
        let stage = tasks::catch(async {
            let reached = run(scenario, moment).await;
            settle().await;
            check(world, reached).await;
            reached
        });
        match stage.await {
            Ok(Moment::Completed(polls)) if lost.is_empty() => return Ok(Walked { polls, drops }),
            Ok(Moment::Completed(_)) => return Err(Lost(lost)),
            Ok(_) => drops += 1,
            Err(panic) => lost.push((moment, tasks::message(&panic))),
        }
        if lost.len() == 20 {
            return Err(Lost(lost));
        }
    }
    panic!("the scenario takes more than {MOST} polls")
}

/// Gives the scenario up at a moment, if it doesn't complete before.
async fn run(scenario: impl Future, moment: Moment) -> Moment {
    match tokio::time::timeout(LONGEST, Until::new(scenario, moment)).await {
        Ok(reached) => reached,
        Err(_) => panic!("the scenario never goes on"),
    }
}

// === impl Lost ===

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("something is lost when the scenario is dropped")?;
        for (moment, what) in &self.0 {
            write!(f, "\n- {moment}: {what}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Lost {}
