//! What holds for each connection holds through the balancer: names, pins, egress, proxies, and who is told of it.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking, its helpers too")]

mod support;

use http_body_util::BodyExt;
use skybridge::{
    Client, ClientBuilder, ConnInfoLayer, ConnectOptions, Delivery, Error, Protocol, Proxy, RequestBody, ResponseExt,
    Roots, TlsConfig, TlsError, TlsLayer,
    seams::ClientStack,
    types::{Egress, EgressRefused, EgressRule},
};
use skybridge_balance::{BalanceLayer, EndpointState};
use skybridge_testkit::{
    certs::{Ca, Cert},
    net::{Dialer, Names},
    observe::Recorder,
    origin::Origin,
    proxy::ProxyServer,
};
use std::{error::Error as StdError, iter};
use support::{Stage, endpoint, get, ip, server_of};

const SECURE: &str = "https://api.test/";

fn secure(stage: &Stage) -> BalanceLayer<Names, RequestBody> {
    BalanceLayer::shared(stage.executor.runtime(), &SECURE.parse().unwrap(), stage.net.resolver()).unwrap()
}

fn h2(stage: &Stage, last: u8, cert: &Cert) -> Origin {
    Origin::h2c().tls(cert).serve_on(stage.net.listen((ip(last), 443).into()))
}

fn trusting(stage: &Stage, ca: &Ca, pins: &[&str]) -> ClientBuilder<Names, Dialer> {
    let config = TlsConfig::builder().roots(Roots::Given(vec![ca.der()]));
    let config = pins.iter().fold(config, |config, pin| config.pin("api.test", pin)).build().unwrap();
    stage.builder().tls(TlsLayer::new(config))
}

async fn secure_get<S: ClientStack>(client: &Client<S>) -> Result<(), Error> {
    client.get(SECURE).await?.into_body().collect().await.map(|_| ())
}

fn cause<E: StdError + 'static>(error: &Error) -> Option<&E> {
    iter::successors(error.source(), |&error| error.source()).find_map(|error| error.downcast_ref())
}

fn state(states: &[EndpointState], last: u8, port: u16) -> &EndpointState {
    states.iter().find(|state| state.endpoint.inet() == Some((ip(last), port).into())).unwrap()
}

/// Their certificates and addresses would do for one connection: then one server would have it all.
#[tokio::test(start_paused = true)]
async fn servers_are_verified_by_the_name_of_the_origin_and_share_no_connection() {
    let (stage, ca) = (Stage::new([1, 2]), Ca::new("a root"));
    let cert = ca.leaf(["api.test"]);
    let servers = [h2(&stage, 1, &cert), h2(&stage, 2, &cert)];
    let layer = secure(&stage);
    let client = trusting(&stage, &ca, &[]).above_pool(layer).above_pool(ConnInfoLayer::new()).build();
    let mut remotes = Vec::new();
    for _ in 0..40 {
        let response = client.get(SECURE).await.unwrap();
        let info = response.connection().expect("known by the layer below the balancer");
        assert_eq!(info.protocol, Some(Protocol::Http2));
        remotes.push(info.remote.clone());
        response.into_body().collect().await.unwrap();
    }
    for (last, server) in [(1, &servers[0]), (2, &servers[1])] {
        let handshakes = server.handshakes();
        assert_eq!((handshakes.len(), handshakes[0].sni.as_deref()), (1, Some("api.test")));
        let by_it = remotes.iter().filter(|remote| remote.inet() == Some((ip(last), 443).into())).count();
        assert!(by_it == server.requests().len() && by_it > 0, "{by_it}");
        assert!(server.requests().iter().all(|request| request.uri == SECURE));
    }
}

/// Nor does a request go round it: what no other route would help against is told, as without a balancer.
#[tokio::test(start_paused = true)]
async fn a_server_with_a_wrong_key_gets_no_request_and_fails_those_that_were_for_it() {
    let (stage, ca) = (Stage::new([1, 2]), Ca::new("a root"));
    let (pinned, other) = (ca.leaf(["api.test"]), ca.leaf(["api.test"]));
    let (right, wrong) = (h2(&stage, 1, &pinned), h2(&stage, 2, &other));
    let layer = secure(&stage);
    let client = trusting(&stage, &ca, &[&pinned.pin()]).above_pool(layer.clone()).build();
    let mut failed = Vec::new();
    for _ in 0..40 {
        failed.extend(secure_get(&client).await.err());
    }
    let [error] = &failed[..] else { panic!("{failed:?}") };
    assert!(matches!(cause(error), Some(TlsError::PinMismatch { .. })), "{error:?}");
    assert_eq!((error.delivery(), error.earlier().len()), (Delivery::Unsent, 0));
    assert_eq!((right.requests().len(), wrong.requests().len()), (39, 0));
    // From then on it is left alone.
    assert!(state(&layer.endpoints(), 2, 443).left_alone.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_server_that_nobody_vouches_for_gets_no_request() {
    let (stage, ca) = (Stage::new([1, 2]), Ca::new("a root"));
    let _right = h2(&stage, 1, &ca.leaf(["api.test"]));
    let wrong = [h2(&stage, 2, &Ca::new("another").leaf(["api.test"]))];
    let client = trusting(&stage, &ca, &[]).above_pool(secure(&stage)).build();
    let mut failed = 0;
    for _ in 0..40 {
        failed += usize::from(secure_get(&client).await.is_err());
    }
    assert!(failed == 1 && wrong.iter().all(|origin| origin.requests().is_empty()), "{failed}");
}

#[tokio::test(start_paused = true)]
async fn no_socket_is_opened_to_a_server_that_the_egress_policy_denies() {
    let stage = Stage::new([1, 2]);
    let (one, _two) = (stage.server(1), stage.server(2));
    let denied = EgressRule::new().network("192.0.2.2/32".parse().unwrap());
    let options = ConnectOptions::new().egress(Egress::any().deny(denied));
    let client = stage.builder().connect_options(options).above_pool(stage.layer.clone()).build();
    let mut failed = Vec::new();
    for _ in 0..40 {
        failed.extend(get(&client).await.err());
    }
    assert!(failed.len() == 1 && cause::<EgressRefused>(&failed[0]).is_some(), "{failed:?}");
    assert_eq!((stage.connects(2), one.requests().len()), (0, 39));

    // All of them: it is said, and nobody waits.
    let stage = Stage::new([1, 2]);
    let _servers = [stage.server(1), stage.server(2)];
    let options = ConnectOptions::new().egress(Egress::public());
    let client = stage.builder().connect_options(options).above_pool(stage.layer.clone()).build();
    for _ in 0..10 {
        let error = get(&client).await.unwrap_err();
        assert!(cause::<EgressRefused>(&error).is_some(), "{error:?}");
    }
    assert_eq!(stage.net.opened(), 0);
}

/// They are asked for the addresses: the proxy would take any server of the name.
#[tokio::test(start_paused = true)]
async fn proxies_are_gone_through_and_given_the_address_of_the_server() {
    let stage = Stage::new([1, 2]);
    let (one, two) = (stage.server(1), stage.server(2));
    let at = (ip(9), 3128).into();
    let proxy = ProxyServer::http().serve_on(stage.net.listen(at), &stage.net);
    let way = Proxy::parse("http://192.0.2.9:3128").unwrap();
    let client = stage.builder().proxies([[way]]).above_pool(stage.layer.clone()).build();
    for _ in 0..40 {
        get(&client).await.unwrap();
    }
    let mut lines: Vec<_> = proxy.requests().into_iter().map(|request| request.line).collect();
    lines.sort();
    assert_eq!(lines, ["CONNECT 192.0.2.1:80 HTTP/1.1", "CONNECT 192.0.2.2:80 HTTP/1.1"]);
    assert_eq!(one.requests().len() + two.requests().len(), 40);
    assert!(one.requests().iter().all(|request| request.header("host") == Some("api.test")));
}

/// Where it went is in the events, as are the tries before.
#[tokio::test(start_paused = true)]
async fn events_tell_which_server_a_request_went_to_and_which_it_could_not() {
    let stage = Stage::new([1, 2]);
    let _one = stage.server(1);
    stage.net.at((ip(2), 80).into()).refuse();
    let recorder = Recorder::new();
    let client = stage.builder().observer(recorder.clone()).above_pool(stage.layer.clone()).build();
    for _ in 0..16 {
        assert_eq!(server_of(&client.get(support::URL).await.unwrap()), endpoint(1));
    }
    let lines = recorder.lines();
    for told in ["192.0.2.1:80", "192.0.2.2:80"] {
        assert!(lines.iter().any(|line| line.contains(told)), "{told}: {lines:#?}");
    }
    recorder.assert_balanced();
}

#[tokio::test(start_paused = true)]
async fn the_origin_is_the_same_however_it_is_written() {
    let stage = Stage::new([1]);
    let _one = stage.server(1);
    let client = stage.client();
    for url in ["http://API.test/", "HTTP://api.test:80/", "http://api.test?query"] {
        assert_eq!(server_of(&client.get(url).await.unwrap()), endpoint(1));
    }
}
