//! What is remembered of failed routes, as it is shown to people who look.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use self::support::{World, at, ms, reach};
use skybridge_core::Phase;
use skybridge_route::FailedRoutes;
use std::time::Instant;
use tower::Layer;

fn now(world: &World) -> Instant {
    world.executor.runtime().now()
}

#[tokio::test(start_paused = true)]
async fn what_failed_is_shown_with_why_and_until_when_it_is_remembered() {
    let world = World::new();
    world.up(2, 0).up(3, 0).tls_fails(2, false);
    world.host("a.test", [1, 2, 3]);
    let shown = FailedRoutes::new();
    assert!(shown.list(now(&world)).is_none(), "no service is made yet");
    let planner = world.layer().failed_routes(shown.clone()).layer(world.connector());
    assert_eq!(shown.list(now(&world)).unwrap().len(), 0);
    reach(&planner, world.target("http://a.test")).await.unwrap();

    let list = shown.list(now(&world)).unwrap();
    let of = |n| list.iter().find(|failed| failed.endpoint.as_ref() == Some(&at(n))).unwrap();
    let (socket, tls) = (of(1), of(2));
    assert_eq!((list.len(), socket.to_string()), (2, format!("{} for any origin", at(1))));
    assert_eq!(socket.failure.phase, Phase::Tcp);
    assert_eq!(tls.to_string(), format!("http://a.test at {}", at(2)));
    assert_eq!((tls.failure.phase, &*tls.failure.reason), (Phase::Tls, &*format!("no TLS at {}", at(2))));
    assert_eq!(tls.until - tls.failure.at, ms(5 * 60 * 1000));

    tokio::time::sleep(ms(5 * 60 * 1000)).await;
    assert!(shown.list(now(&world)).unwrap().is_empty(), "what is forgotten is not shown");
    drop(planner);
    assert!(shown.list(now(&world)).is_none(), "nothing is known of a service that is gone");
}
