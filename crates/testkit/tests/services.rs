//! The network as the bottom of a stack: dialer, connector, resolver.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use futures_core::Stream;
use skybridge_core::{Answer, ConnectError, Dialer, Endpoint, Families, Phase, Protocol, Query, Resolver};
use skybridge_testkit::{executor::Executor, fixtures, net::Network, observe::Recorder};
use std::{future::poll_fn, io::ErrorKind, net::IpAddr, pin::pin, time::Duration};
use tokio::time::Instant;

const MS: Duration = Duration::from_millis(1);

fn endpoint(last: u8) -> Endpoint {
    Endpoint::from(([192, 0, 2, last], 80))
}

#[tokio::test(start_paused = true)]
async fn a_dial_tells_its_phase_and_knows_its_facts() {
    let (net, executor, recorder) = (Network::new(), Executor::new(), Recorder::new());
    let route = fixtures::route("http://a.test", ["192.0.2.1:80"], executor.ctx().observer(Some(recorder.clone())));
    let addr = endpoint(1).inet().unwrap();
    let refused = net.dialer().dial(route.attempt(endpoint(1))).await.unwrap_err();
    assert_eq!((refused.phase(), refused.endpoint()), (Some(Phase::Tcp), Some(&endpoint(1))));

    let _listener = net.listen(addr);
    net.at(addr).connect_latency(30 * MS);
    let link = net.dialer().dial(route.attempt(endpoint(1))).await.unwrap();
    assert_eq!((&link.info.remote, link.info.local_addr), (&endpoint(1), Some(link.io.local_addr())));
    assert_eq!(link.info.timings.get(Phase::Tcp).unwrap().elapsed(), 30 * MS);
    assert_eq!(recorder.names(), ["connect_start", "connect_failed", "connect_start", "connect_end"]);
}

#[tokio::test(start_paused = true)]
async fn a_connector_tries_the_endpoints_in_order() {
    let (net, executor) = (Network::new(), Executor::new());
    let route = fixtures::route("http://a.test", ["192.0.2.1:80", "192.0.2.2:80"], executor.ctx());
    let connect = || skybridge_core::Connector::connect(&mut net.connector(), route.clone());
    let error = connect().await.unwrap_err();
    assert_eq!(error.endpoint(), Some(&endpoint(2)));
    let _listener = net.listen(endpoint(2).inet().unwrap());
    assert_eq!(connect().await.unwrap().info.remote, endpoint(2));
    assert_eq!(net.connects_to(endpoint(1).inet().unwrap()), 2);
    let mut sealed = net.connector().amend(|info| info.tls = Some(fixtures::tls(Some(Protocol::Http2), ["a.test"])));
    let link = skybridge_core::Connector::connect(&mut sealed, route.clone()).await.unwrap();
    assert_eq!(link.info.tls.unwrap().alpn, Some(Protocol::Http2));
}

async fn answers(net: &Network, query: Query) -> Result<Vec<Result<Answer, ConnectError>>, ConnectError> {
    let mut stream = pin!(net.resolver().resolve(query).await?);
    let mut all = Vec::new();
    while let Some(answer) = poll_fn(|cx| stream.as_mut().poll_next(cx)).await {
        all.push(answer);
    }
    Ok(all)
}

#[tokio::test(start_paused = true)]
async fn names_resolve_in_batches_and_at_their_speed() {
    let (net, executor) = (Network::new(), Executor::new());
    let v4: IpAddr = "192.0.2.1".parse().unwrap();
    let v6: IpAddr = "2001:db8::1".parse().unwrap();
    let name = net.host("a.test", [v6]);
    name.latency(10 * MS).then(40 * MS, [v4]);
    let start = Instant::now();
    let all = answers(&net, Query::new("A.test", 8080, executor.ctx())).await.unwrap();
    assert_eq!(start.elapsed(), 50 * MS);
    let [Ok(first), Ok(second)] = &all[..] else { panic!("{all:?}") };
    assert_eq!(first.endpoints, [Endpoint::from(std::net::SocketAddr::new(v6, 8080))]);
    assert!(!first.last && second.last);
    let mut query = Query::new("a.test", 80, executor.ctx());
    query.families = Families::V4;
    let all = answers(&net, query).await.unwrap();
    assert!(all[0].as_ref().unwrap().endpoints.is_empty());
    assert_eq!(name.queries(), 2);
}

#[tokio::test(start_paused = true)]
async fn names_can_be_unknown_fail_and_hang() {
    let (net, executor) = (Network::new(), Executor::new());
    let query = |name: &str| Query::new(name, 80, executor.ctx());
    let unknown = answers(&net, query("nowhere.test")).await.unwrap_err();
    assert_eq!(unknown.phase(), Some(Phase::Resolve));
    net.host("late.test", ["192.0.2.1".parse().unwrap()]).fail(ErrorKind::ConnectionAborted);
    let all = answers(&net, query("late.test")).await.unwrap();
    assert!(matches!(&all[..], [Ok(answer), Err(_)] if !answer.last));
    net.name("slow.test").hang();
    assert!(tokio::time::timeout(Duration::from_secs(60), answers(&net, query("slow.test"))).await.is_err());
}
