#![allow(clippy::unwrap_used, reason = "a test may panic")]

use super::*;
use crate::{config::PoolConfig, shared::Settings};
use skybridge_core::{ConnectOptions, Connector as _, Protocol, Timeouts};
use skybridge_testkit::{executor::Executor, fixtures, net::Network};
use std::thread;

/// An origin that has lost interest.
struct Nobody;

impl ConnectionUser<()> for Nobody {
    fn remove(self: Arc<Self>, _: &PooledConnection<()>) -> bool {
        false
    }
    fn socket_closed(self: Arc<Self>, _: &PooledConnection<()>) {}
    fn lent(self: Arc<Self>, _: &PooledConnection<()>) -> bool {
        false
    }
    fn lend(self: Arc<Self>, _: &PooledConnection<()>) -> Option<()> {
        None
    }
    fn take_back(self: Arc<Self>, _: &Arc<PooledConnection<()>>, (): ()) {}
    fn serve_waiters(self: Arc<Self>) {}
    fn became_idle(self: Arc<Self>) {}
    fn answered(self: Arc<Self>) {}
}

/// One thread takes connections out of the pool, the other gives back what it had of them, as soon as it can see that.
#[tokio::test(start_paused = true)]
async fn who_sees_that_it_drains_sees_why() {
    type End = fn(&Arc<PooledConnection<()>>);
    let (net, endpoint) = (Network::new(), "192.0.2.1:80");
    let _listener = net.listen(endpoint.parse().unwrap());
    let route = fixtures::route("http://a.test", [endpoint], Executor::new().ctx());
    let info = net.connector().connect(route).await.unwrap().info.freeze(Protocol::Http2);
    let shared = Shared::new(Settings {
        config: PoolConfig::new(),
        runtime: Executor::new().runtime(),
        observer: None,
        timeouts: Timeouts::new(),
        connect_options: ConnectOptions::new(),
    });
    let home: Arc<dyn ConnectionUser<()>> = Arc::new(Nobody);
    let ends: [End; 2] = [
        |connection| connection.drain(CloseReason::PeerGoAway),
        |connection| connection.close(CloseReason::PeerGoAway),
    ];
    for end in ends {
        let slots = StreamSlots::exclusive;
        let new = |_| {
            let (info, home, shared) = (Arc::clone(&info), Arc::downgrade(&home), Arc::clone(&shared));
            PooledConnection::new(info, slots(), true, home, shared, |_, _| None, 0)
        };
        let connections: Vec<_> = (0..20_000).map(new).collect();
        thread::scope(|scope| {
            scope.spawn(|| connections.iter().for_each(end));
            for connection in &connections {
                while connection.is_open() {
                    std::hint::spin_loop();
                }
                assert_eq!(connection.close_reason(), CloseReason::PeerGoAway);
            }
        });
    }
}
