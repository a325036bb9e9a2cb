//! Where `http` URLs may not be fetched: nothing is looked up, connected to or reused for one, whatever leads there.

use http::{Request, Response};
use http_body_util::Full;
use skybridge::{
    Client, ConnectOptions, ConnectionSpec, Delivery, Error, Proxy, RequestBody, RequestOptions, Roots, TlsConfig,
    TlsLayer,
    types::{Advice, Cleartext, Egress, EgressReason, EgressRefused},
};
use skybridge_testkit::{certs::Ca, origin::Origin, proxy::ProxyServer};
use skybridge_tests::{World, read, wishing};
use std::net::SocketAddr;
use tower::ServiceExt;
use tower_http::follow_redirect::FollowRedirect;

fn at(last: u8, port: u16) -> SocketAddr {
    ([192, 0, 2, last], port).into()
}

fn url(url: &str) -> Request<RequestBody> {
    Request::get(url).body(RequestBody::empty()).unwrap()
}

fn refusing() -> Egress {
    Egress::any().cleartext(Cleartext::refused())
}

/// It failed for good before anything was sent, by this rule.
fn assert_refused(error: &Error) {
    assert_eq!((error.delivery(), error.advice()), (Delivery::Unsent, Some(Advice::Cleartext)), "{error:?}");
    let skybridge::Cause::Connect(connect) = error.cause() else { panic!("{error:?}") };
    let refused = connect.source_as::<EgressRefused>().unwrap_or_else(|| panic!("{error:?}"));
    assert!(connect.is_fatal() && refused.rule == EgressReason::Cleartext, "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn an_http_url_is_refused_before_a_name_is_looked_up_or_a_proxy_asked() {
    let root = Ca::new("root");
    let world = World::new();
    world.net.host("a.test", [at(1, 80).ip()]);
    world.net.host("proxy.test", [at(9, 80).ip()]);
    let _origin = Origin::h1().serve_on(world.net.listen(at(1, 80)));
    let _proxy = ProxyServer::http().serve_on(world.net.listen(at(9, 3128)), &world.net);
    let trusting = || TlsConfig::builder().roots(Roots::Given(vec![root.der()]));
    let only_tls = trusting().specs([ConnectionSpec::MODERN]).build().unwrap();
    let proxy = || [[Proxy::parse("http://proxy.test:3128").unwrap()]];
    let asked = |cleartext| RequestOptions::new().egress(Egress::any().cleartext(cleartext));
    let rows: [(Client, RequestOptions); 8] = [
        (world.builder().https_only().build(), RequestOptions::new()),
        (world.builder().cleartext(Cleartext::only_to(["b.test"]).unwrap()).build(), RequestOptions::new()),
        (world.builder().cleartext(Cleartext::only_if(|origin| origin.port() == 8080)).build(), RequestOptions::new()),
        (world.builder().connect_options(ConnectOptions::new().egress(refusing())).build(), RequestOptions::new()),
        (world.builder().tls(TlsLayer::new(only_tls)).build(), RequestOptions::new()),
        (world.builder().https_only().proxies(proxy()).build(), RequestOptions::new()),
        (world.builder().build(), asked(Cleartext::refused())),
        // A request widens nothing.
        (world.builder().https_only().build(), asked(Cleartext::permitted())),
    ];
    for (n, (client, options)) in rows.into_iter().enumerate() {
        let error = read(client.request(wishing(url("http://a.test/"), |_| options))).await.unwrap_err();
        assert_refused(&error);
        assert_eq!((world.net.opened(), world.recorder.count("retry_decision")), (0, 0), "{n}");
        assert_eq!(world.recorder.count("resolve_start"), 0, "{n}");
        let said =
            "http://a.test: no connection: http://a.test is refused: cleartext is not permitted (nothing was sent)";
        assert_eq!(error.to_string(), said, "{n}");
    }
    // All is permitted by default, with the spec, and to those that are excepted.
    let with_cleartext = trusting().specs([ConnectionSpec::MODERN, ConnectionSpec::CLEARTEXT]).build().unwrap();
    for builder in [
        world.builder(),
        world.builder().tls(TlsLayer::new(with_cleartext)),
        world.builder().cleartext(Cleartext::only_to(["a.test"]).unwrap()),
    ] {
        assert_eq!(read(builder.build().request(url("http://a.test/"))).await.unwrap(), "hello");
    }
}

#[tokio::test(start_paused = true)]
async fn a_redirect_from_https_to_http_is_refused() {
    let root = Ca::new("root");
    let redirects = async |_| {
        Response::builder()
            .status(302)
            .header("location", "http://b.test/")
            .body(Full::<bytes::Bytes>::default())
            .unwrap()
    };
    for (refuses, reached) in [(false, 1), (true, 0)] {
        let world = World::new();
        world.net.host("a.test", [at(1, 443).ip()]);
        world.net.host("b.test", [at(2, 80).ip()]);
        let origin = Origin::h1().tls(&root.leaf(["a.test"])).handle(redirects).serve_on(world.net.listen(at(1, 443)));
        let _other = Origin::h1().serve_on(world.net.listen(at(2, 80)));
        let trusting = TlsConfig::builder().roots(Roots::Given(vec![root.der()])).build().unwrap();
        let builder = world.builder().tls(TlsLayer::new(trusting));
        let client = if refuses { builder.https_only().build() } else { builder.build() };
        let followed = FollowRedirect::new(client).oneshot(url("https://a.test/")).await;
        assert_eq!((origin.requests().len(), world.net.connects_to(at(2, 80))), (1, reached));
        assert_eq!(followed.is_err(), refuses);
        if let Err(error) = followed {
            assert_refused(&error);
        }
    }
}

/// A proxy that forwards has a connection that could carry it.
#[tokio::test(start_paused = true)]
async fn no_connection_that_is_there_is_used_for_what_may_not_be_in_cleartext() {
    let world = World::new();
    let proxy = ProxyServer::http().host("a.test", at(1, 80)).host("b.test", at(1, 80));
    let proxy = proxy.serve_on(world.net.listen(at(9, 3128)), &world.net);
    let _origin = Origin::h1().serve_on(world.net.listen(at(1, 80)));
    let builder = world.builder().proxies([[Proxy::parse("http://192.0.2.9:3128").unwrap()]]);
    let client = builder.cleartext(Cleartext::only_to(["a.test"]).unwrap()).build();
    assert_eq!(read(client.request(url("http://a.test/"))).await.unwrap(), "hello");
    assert_refused(&read(client.request(url("http://b.test/"))).await.unwrap_err());
    assert_refused(&read(client.request(url("http://a.test.b.test/"))).await.unwrap_err());
    assert_eq!(read(client.request(url("http://a.test/"))).await.unwrap(), "hello");
    assert_eq!((proxy.requests().len(), proxy.connections()), (2, 1));
    // And of a pool, what was opened by one policy is not used by another.
    let asked = |request| wishing(request, |_| RequestOptions::new().egress(refusing()));
    assert_refused(&read(client.request(asked(url("http://a.test/")))).await.unwrap_err());
    assert_eq!((proxy.requests().len(), proxy.connections()), (2, 1));
}
