//! What one request asks of its connection.

use http::Request;
use skybridge::{Endpoint, HttpVersions, Partition, Protocol, RequestBody, ResponseExt};
use skybridge_testkit::{h1::Script, h2::Peer, observe::Recorder, origin::Origin};
use skybridge_tests::{World, get, h2, read, wishing};

#[tokio::test(start_paused = true)]
async fn partitions_share_no_connection() {
    let world = World::new();
    let origin = Origin::h1().serve_on(world.listen());
    let client = world.client();
    let timeout = |name: &'static str| wishing(get("/"), |options| options.partition(Partition::new(name)));
    for request in [get("/"), timeout("a"), timeout("b"), timeout("a"), get("/")] {
        read(client.request(request)).await.unwrap();
    }
    assert_eq!(origin.exchanges(), ["c0e0", "c1e0", "c2e0", "c1e1", "c0e1"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_dialled_is_not_who_is_asked() {
    let world = World::new();
    let elsewhere = "198.51.100.7:8080".parse().unwrap();
    let origin = Origin::h1().serve_on(world.net.listen(elsewhere));
    let client = world.client();
    let request = wishing(get("/"), |options| options.dial([Endpoint::from(elsewhere)]));
    let response = client.request(request).await.unwrap();
    assert_eq!(response.connection().unwrap().remote.inet(), Some(elsewhere));
    response.into_body().bytes().await.unwrap();
    assert_eq!(origin.requests()[0].header("host"), Some("a.test"));
    assert_eq!(world.net.name("a.test").queries(), 0);
    // Others are not sent there.
    assert!(read(client.request(get("/"))).await.unwrap_err().is_connect());
}

/// With a connection of its own.
#[tokio::test(start_paused = true)]
async fn whose_host_is_connected_to_is_not_who_is_asked() {
    let world = World::new();
    let elsewhere = "198.51.100.7:8080".parse().unwrap();
    world.net.host("b.test", ["198.51.100.7".parse().unwrap()]);
    let origin = Origin::h1().serve_on(world.net.listen(elsewhere));
    let client = world.client();
    for _ in 0..2 {
        let request = wishing(get("/"), |options| options.connect_to("b.test", 8080).unwrap());
        assert_eq!(read(client.request(request)).await.unwrap(), "hello");
    }
    assert_eq!((origin.connections(), origin.requests()[0].header("host")), (1, Some("a.test")));
    let own = Request::get("http://b.test:8080/").body(RequestBody::empty()).unwrap();
    assert_eq!(read(client.request(own)).await.unwrap(), "hello");
    assert_eq!(origin.connections(), 2);
    assert!(read(client.request(get("/"))).await.unwrap_err().is_connect());
}

#[tokio::test(start_paused = true)]
async fn one_origin_by_both_versions() {
    let world = World::new();
    let serving = world.listen().serve(|index, conn| async move {
        if index == 0 {
            let mut peer = Peer::accept(conn).await;
            let stream = peer.request().await.stream;
            peer.respond(stream, 200, "two").await;
            peer.expect_close().await;
        } else {
            let mut peer = Script::new(conn);
            while peer.next_request().await.is_some() {
                peer.respond(200, "one").await;
            }
        }
    });
    let client = world.client();
    let over_h1 = || wishing(get("/"), |options| options.http_versions(HttpVersions::Http1));
    for (request, protocol, body) in [
        (h2(get("/")), Protocol::Http2, "two"),
        (over_h1(), Protocol::Http1, "one"),
        (get("/"), Protocol::Http1, "one"),
    ] {
        let response = client.request(request).await.unwrap();
        assert_eq!(response.connection().unwrap().protocol, Some(protocol));
        assert_eq!(response.into_body().text().await.unwrap(), body);
    }
    drop(client);
    world.assert_nothing_left().await;
    assert_eq!(serving.active(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_observer_of_one_request_is_told_of_that_one() {
    let world = World::new();
    let _origin = Origin::h1().serve_on(world.listen());
    let client = world.client();
    let own = Recorder::new();
    read(client.request(wishing(get("/"), |options| options.observer(own.clone())))).await.unwrap();
    assert_eq!(world.recorder.names(), [""; 0]);
    assert_eq!((own.count("call_start"), own.count("connection_created")), (1, 1));
    own.assert_balanced();
    own.clear();
    read(client.request(get("/"))).await.unwrap();
    assert_eq!(own.names(), [""; 0]);
    assert!(world.recorder.lines().iter().any(|line| line.contains("reused")), "{:?}", world.recorder.lines());
}
