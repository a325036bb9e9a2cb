//! Connections whose peer may be gone.

use crate::stage::*;
use skybridge_core::ConnectionStatus;
use skybridge_pool::{AtStreamLimit, PoolConfig};
use skybridge_testkit::{executor::run_until_idle, fake::Facts};

#[tokio::test(start_paused = true)]
async fn a_suspect_gets_no_new_exchanges_where_another_can_be_opened() {
    for at_limit in [AtStreamLimit::Open, AtStreamLimit::Wait, AtStreamLimit::Refuse] {
        let stage = Stage::new(PoolConfig::new().at_stream_limit(at_limit));
        let slow = stage.call(SECURE);
        let suspect = stage.connected(Facts::h2(100)).await;
        let exchange = suspect.exchange().await;
        suspect.status(ConnectionStatus::Suspect);
        let next = stage.call(SECURE);
        let other = stage.connected(Facts::h2(100)).await;
        other.exchange().await.respond(200, "");
        assert_eq!(read(done(next).await).await, 2, "{at_limit:?}");
        // What it carries goes on.
        exchange.respond(200, "");
        assert_eq!(read(done(slow).await).await, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_a_suspect_is_served_when_it_is_healthy_again() {
    let stage = Stage::new(PoolConfig::new().max_per_origin(1));
    let slow = stage.call(SECURE);
    let suspect = stage.connected(Facts::h2(100)).await;
    let exchange = suspect.exchange().await;
    suspect.status(ConnectionStatus::Suspect);
    let next = stage.call(SECURE);
    run_until_idle().await;
    assert_eq!((suspect.started(), stage.pool.stats().waiting), (1, 1));
    suspect.status(ConnectionStatus::Healthy);
    suspect.exchange().await.respond(200, "");
    assert_eq!(read(done(next).await).await, 1);
    exchange.respond(200, "");
    read(done(slow).await).await;
    assert_eq!(stage.below.connects(), 1);
}
