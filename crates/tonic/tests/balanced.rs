//! gRPC's own trouble: one connection for all calls, and so one server of many. With a balancer above the pool each
//! call goes to whichever has the least to do.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use self::support::{EchoClient, URL, World, serve};
use skybridge::{Client, Delivery, RequestBody, seams::ClientStack};
use skybridge_balance::BalanceLayer;
use skybridge_testkit::{h2::Peer, net::Names, origin::Origin};
use skybridge_tonic::{Tonic, error_of};
use std::{net::SocketAddr, time::Duration};
use tonic::{Code, Request};

fn at(last: u8) -> SocketAddr {
    ([192, 0, 2, last], 80).into()
}

/// A world whose `a.test` has these servers.
fn world(servers: impl IntoIterator<Item = u8>) -> (World, BalanceLayer<Names, RequestBody>) {
    let world = World::new();
    world.net.host("a.test", servers.into_iter().map(|last| at(last).ip()));
    let layer = BalanceLayer::shared(world.executor.runtime(), &URL.parse().unwrap(), world.net.resolver()).unwrap();
    (world, layer)
}

fn tonic(
    world: &World,
    layer: BalanceLayer<Names, RequestBody>,
) -> Tonic<Client<impl ClientStack<Sending: Send> + Send + use<>>> {
    Tonic::new(world.builder().above_pool(layer).build(), URL).unwrap()
}

#[tokio::test(start_paused = true)]
async fn calls_are_spread_and_each_server_has_one_connection() {
    let (world, layer) = world([2, 3]);
    let [two, three] = [2, 3].map(|last| Origin::h2c().handle(serve).serve_on(world.net.listen(at(last))));
    let mut echo = EchoClient::new(tonic(&world, layer));
    for number in 0..40 {
        assert_eq!(echo.unary(number.to_string()).await.unwrap().into_inner(), number.to_string());
    }
    // One that is still read counts: the others go to the other server.
    let mut words = echo.server_stream("one two".to_owned()).await.unwrap().into_inner();
    assert_eq!(words.message().await.unwrap().as_deref(), Some("one"));
    assert_eq!((two.connections(), three.connections()), (1, 1));
    assert_eq!(two.requests().len() + three.requests().len(), 41);
    assert!(!two.requests().is_empty() && !three.requests().is_empty());
}

#[tokio::test(start_paused = true)]
async fn calls_go_past_a_server_that_is_not_there_or_goes_away() {
    let (world, layer) = world([2, 3, 4]);
    let two = Origin::h2c().handle(serve).serve_on(world.net.listen(at(2)));
    world.net.at(at(3)).refuse();
    // It takes a call, and drains before it has looked at it: that call is sent again, to another server.
    let draining = world.net.listen(at(4)).serve(|_, conn| async move {
        let mut peer = Peer::accept(conn).await;
        peer.request().await;
        peer.goaway(0, 0, "").await;
        peer.fin().await;
    });
    let mut echo = EchoClient::new(tonic(&world, layer));
    for _ in 0..40 {
        assert_eq!(echo.unary("hello".to_owned()).await.unwrap().into_inner(), "hello");
    }
    assert_eq!(two.requests().len(), 40);
    drop(draining);
}

#[tokio::test(start_paused = true)]
async fn a_deadline_counts_while_the_name_is_looked_up() {
    let (world, layer) = world([]);
    world.net.host("a.test", []).hang();
    let mut request = Request::new("hello".to_owned());
    request.set_timeout(Duration::from_secs(3));
    let status = EchoClient::new(tonic(&world, layer)).unary(request).await.unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded, "{status:?}");
    assert_eq!(error_of(&status).unwrap().delivery(), Delivery::Unsent, "{status:?}");
}
