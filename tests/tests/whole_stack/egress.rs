//! Where connections may go, whatever leads there: a redirect, a literal, an override, endpoints to dial, a proxy.

use http::{Request, Response};
use http_body_util::Full;
use skybridge::{
    Client, ConnectOptions, Delivery, Endpoint, Error, OverridesLayer, Proxy, RequestBody, RequestOptions,
    types::{Egress, EgressReason, EgressRefused, EgressRule, Unfit},
};
use skybridge_testkit::origin::Origin;
use skybridge_tests::{World, get, read, wishing};
use std::net::SocketAddr;
use tower::{Layer, ServiceExt, layer::layer_fn};
use tower_http::follow_redirect::FollowRedirect;

const PUBLIC: &str = "1.1.1.1:80";

fn at(addr: &str) -> SocketAddr {
    addr.parse().unwrap()
}

fn options(egress: Egress) -> ConnectOptions {
    ConnectOptions::new().egress(egress)
}

fn url(url: &str) -> Request<RequestBody> {
    Request::get(url).body(RequestBody::empty()).unwrap()
}

/// `a.test` at a public address redirects to the metadata service, which answers everybody.
fn world() -> (World, [Origin; 2]) {
    let world = World::new();
    world.net.host("a.test", [at(PUBLIC).ip()]);
    world.net.host("rebound.test", [at("10.0.0.1:80").ip()]);
    let redirects = async |_| {
        let to = "http://169.254.169.254/latest/meta-data/";
        Response::builder().status(302).header("location", to).body(Full::<bytes::Bytes>::default()).unwrap()
    };
    let origin = Origin::h1().handle(redirects).serve_on(world.net.listen(at(PUBLIC)));
    let metadata = Origin::h1().serve_on(world.net.listen(at("169.254.169.254:80")));
    (world, [origin, metadata])
}

/// The call failed for good before anything was sent, and this is the rule that it names.
fn refused(error: &Error) -> EgressRefused {
    assert_eq!(error.delivery(), Delivery::Unsent);
    let skybridge::Cause::Connect(error) = error.cause() else { panic!("{error:?}") };
    assert!(error.is_fatal(), "{error:?}");
    error.source_as::<EgressRefused>().unwrap_or_else(|| panic!("{error:?}")).clone()
}

#[tokio::test(start_paused = true)]
async fn a_redirect_to_the_metadata_service_is_refused_and_named() {
    for (egress, reached) in [(Egress::any(), true), (Egress::public(), false)] {
        let (world, [_origin, metadata]) = world();
        let client = world.builder().connect_options(options(egress)).build();
        let followed = FollowRedirect::new(client).oneshot(get("/")).await;
        assert_eq!(!metadata.requests().is_empty(), reached);
        let Err(error) = followed else { continue };
        let expected = "169.254.169.254:80 is refused: only public addresses are allowed, and it is metadata service";
        assert_eq!(refused(&error).to_string(), expected);
        assert_eq!(world.net.connects_to(at("169.254.169.254:80")), 0);
        assert_eq!(world.recorder.count("retry_decision"), 0, "it is not sent again");
    }
}

#[tokio::test(start_paused = true)]
async fn a_literal_a_name_an_override_and_an_endpoint_to_dial_are_judged_alike() {
    let (world, _servers) = world();
    let overrides = OverridesLayer::new().host("a.test", [Endpoint::from(at("127.0.0.1:80"))]);
    let public = || world.builder().connect_options(options(Egress::public()));
    let dialled = wishing(get("/"), |options: RequestOptions| options.dial([Endpoint::from(at("10.0.0.9:80"))]));
    let rows: [(Client, Request<RequestBody>, &str); 4] = [
        (public().build(), url("http://[::ffff:10.0.0.1]/"), "10.0.0.1:80"),
        (public().build(), url("http://rebound.test/"), "10.0.0.1:80"),
        (public().resolver(overrides.layer(world.net.resolver())).build(), get("/"), "127.0.0.1:80"),
        (public().build(), dialled, "10.0.0.9:80"),
    ];
    for (client, request, expected) in rows {
        let what = request.uri().to_string();
        let error = read(client.request(request)).await.unwrap_err();
        assert_eq!(refused(&error).endpoint, Some(at(expected).into()), "{what}");
    }
    assert_eq!(world.net.opened(), 0);
}

/// Egress is the client's, and a part of the key: two clients of one pool would not share.
#[tokio::test(start_paused = true)]
async fn an_exception_holds_for_its_origin_alone() {
    let (world, _servers) = world();
    world.net.host("other.test", [at("10.0.0.1:80").ip()]);
    let _private = Origin::h1().serve_on(world.net.listen(at("10.0.0.1:80")));
    let rule = EgressRule::new().host("rebound.test").unwrap().network("10.0.0.0/8".parse().unwrap()).port(80);
    let client = world.builder().connect_options(options(Egress::public().allow(rule))).build();
    assert_eq!(read(client.request(url("http://rebound.test/"))).await.unwrap(), "hello");
    let error = read(client.request(url("http://other.test/"))).await.unwrap_err();
    assert!(matches!(refused(&error).rule, EgressReason::NotPublic { kind: "private", .. }));
}

#[tokio::test(start_paused = true)]
async fn a_request_narrows_the_policy_of_its_client_and_never_widens_it() {
    let private = || Egress::none().allow(EgressRule::new().network("10.0.0.0/8".parse().unwrap()));
    let rows = [
        // (the client's, the request's, whether a public address is reached, and a private one)
        (Egress::any(), Egress::any(), true, true),
        (Egress::any(), Egress::public(), true, false),
        (Egress::public(), Egress::any(), true, false),
        (Egress::public(), private(), false, false),
        (private(), Egress::public(), false, false),
        (Egress::any(), private(), false, true),
    ];
    for (clients, requests, to_public, to_private) in rows {
        let (world, _servers) = world();
        let _private = Origin::h1().serve_on(world.net.listen(at("10.0.0.1:80")));
        let client = world.builder().connect_options(options(clients.clone())).build();
        for (to, reached) in [("http://a.test/", to_public), ("http://rebound.test/", to_private)] {
            let request = wishing(url(to), |options: RequestOptions| options.egress(requests.clone()));
            let answered = read(client.request(request)).await;
            assert_eq!(answered.is_ok(), reached, "{clients:?} {requests:?} {to}");
            if let Err(error) = answered {
                refused(&error);
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_proxy_that_resolves_names_is_not_asked() {
    let (world, _servers) = world();
    let proxy = Proxy::parse("http://1.1.1.1:80").unwrap();
    let client = world.builder().connect_options(options(Egress::public())).proxies([[proxy]]).build();
    let error = read(client.request(get("/"))).await.unwrap_err();
    assert_eq!(refused(&error).rule, EgressReason::Unfiltered("http://1.1.1.1:80".into()));
    assert_eq!(world.net.opened(), 0);
}

/// A connector in the place of happy eyeballs that opens sockets and asks nobody.
#[tokio::test(start_paused = true)]
async fn what_a_foreign_connector_has_opened_without_asking_carries_nothing() {
    for (egress, reached) in [(Egress::any(), true), (Egress::public(), false)] {
        let (world, _servers) = world();
        let private = Origin::h1().serve_on(world.net.listen(at("10.0.0.1:80")));
        let foreign = world.net.connector();
        let client = world.builder().connect_options(options(egress)).above_race(layer_fn(move |_| foreign.clone()));
        let answered = read(client.build().request(url("http://rebound.test/"))).await;
        assert_eq!((answered.is_ok(), private.requests().len()), (reached, usize::from(reached)), "{answered:?}");
        let Err(error) = answered else { continue };
        assert_eq!(error.delivery(), Delivery::Unsent);
        let skybridge::Cause::Connect(error) = error.cause() else { panic!("{error:?}") };
        assert_eq!((error.is_fatal(), error.source_as()), (true, Some(&Unfit::Egress)));
    }
}
