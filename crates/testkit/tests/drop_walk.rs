//! The drop-walker visits every moment, and finds what is lost.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use skybridge_testkit::{
    drop_walk::{DropPoint, drop_walk, try_drop_walk},
    executor::Executor,
    net::Network,
};
use std::{
    future::Future,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::time::sleep;

const MS: Duration = Duration::from_millis(1);

fn addr() -> SocketAddr {
    "192.0.2.1:80".parse().unwrap()
}

#[tokio::test(start_paused = true)]
async fn every_moment_is_visited_once() {
    let moments = Mutex::new(Vec::new());
    let build = async || {
        let scenario = async {
            sleep(MS).await;
            sleep(MS).await;
        };
        ((), scenario)
    };
    let walked = drop_walk(build, async |(), moment| moments.lock().unwrap().push(moment)).await;
    let expected = [
        DropPoint::Polled(0),
        DropPoint::Polled(1),
        DropPoint::Woken(1),
        DropPoint::Polled(2),
        DropPoint::Woken(2),
        DropPoint::Completed(3),
    ];
    assert_eq!(*moments.lock().unwrap(), expected);
    assert_eq!((walked.polls, walked.drops), (3, 5));
}

#[tokio::test(start_paused = true)]
async fn a_socket_that_stays_open_is_found_and_only_where_it_stays() {
    let build = async || {
        let net = Network::new();
        let listener = net.listen(addr());
        let scenario = {
            let net = net.clone();
            async move {
                sleep(MS).await;
                let conn = Leaky(Some(net.connect(addr()).await.unwrap()));
                sleep(MS).await;
                conn.close();
            }
        };
        ((net, listener), scenario)
    };
    let lost = try_drop_walk(build, async |(net, _listener), _| assert_eq!(net.live_sockets(), 0)).await.unwrap_err();
    let moments: Vec<_> = lost.0.iter().map(|(moment, _)| *moment).collect();
    assert_eq!(moments, [DropPoint::Polled(2), DropPoint::Woken(2)]);
    assert!(lost.to_string().contains("- dropped after poll 2: assertion"), "{lost}");
}

/// Forgets its socket unless it is closed.
struct Leaky(Option<skybridge_testkit::net::Conn>);

impl Leaky {
    fn close(mut self) {
        self.0.take();
    }
}

impl Drop for Leaky {
    fn drop(&mut self) {
        std::mem::forget(self.0.take());
    }
}

/// A baton: what is handed over is in the hands of a future that never looks.
#[tokio::test(start_paused = true)]
async fn what_was_delivered_and_never_taken_is_found() {
    let build = async || {
        let taken = Arc::new(AtomicUsize::new(0));
        let executor = Executor::new();
        let (hand_over, mut handed) = tokio::sync::mpsc::unbounded_channel::<()>();
        let given = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&given);
        executor.runtime().spawn(Box::pin(async move {
            sleep(MS).await;
            if hand_over.send(()).is_ok() {
                count.fetch_add(1, Ordering::SeqCst);
            }
        }));
        let took = Arc::clone(&taken);
        let scenario = async move {
            handed.recv().await.unwrap();
            took.fetch_add(1, Ordering::SeqCst);
        };
        ((executor, given, taken), scenario)
    };
    let check = async |(executor, given, taken): (Executor, Arc<AtomicUsize>, Arc<AtomicUsize>), _: DropPoint| {
        executor.idle().await;
        assert_eq!(given.load(Ordering::SeqCst), taken.load(Ordering::SeqCst));
    };
    let lost = try_drop_walk(build, check).await.unwrap_err();
    let moments: Vec<_> = lost.0.iter().map(|(moment, _)| *moment).collect();
    assert_eq!(moments, [DropPoint::Woken(1)]);
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "the scenario never goes on")]
async fn a_scenario_that_hangs_is_told_of() {
    let build = async || ((), std::future::pending::<()>());
    drop_walk(build, async |(), _| {}).await;
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "dropped after poll 1: a task broke")]
async fn a_panicking_task_is_told_of_with_its_moment() {
    fn scenario() -> impl Future<Output = ()> {
        sleep(MS)
    }
    let build = async || {
        let executor = Executor::new();
        (executor, scenario())
    };
    let check = async |executor: Executor, moment| {
        if moment == DropPoint::Polled(1) {
            executor.runtime().spawn(Box::pin(async { panic!("a task broke") }));
        }
        executor.assert_idle().await;
    };
    drop_walk(build, check).await;
}
