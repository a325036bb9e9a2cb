//! A user's own layer sits at each seam of the stack, and sees there what the architecture says: requests above the
//! pool, connections below.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

use http::Request;
use skybridge::{
    Endpoint, H1, H2, NegotiateLayer, PoolLayer, RaceLayer, RequestBody, RetryLayer, RouteLayer,
    tower::{Service, ServiceBuilder, ServiceExt, service_fn},
    types::{Attempt, BoxError, Link, Route, Target},
};
use skybridge_testkit::{executor::Executor, net::Network, origin::Origin};
use std::sync::{Arc, Mutex};

#[derive(Clone, Default)]
struct Visitors(Arc<Mutex<Vec<&'static str>>>);

impl Visitors {
    /// A guest that only looks: a closure on tower's own combinator.
    fn at<T>(&self, seam: &'static str) -> impl Fn(T) -> T + Clone + Send + Sync + 'static {
        let list = Arc::clone(&self.0);
        move |noun| {
            list.lock().unwrap().push(seam);
            noun
        }
    }

    fn take(&self) -> Vec<&'static str> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

#[tokio::test(start_paused = true)]
async fn guests_at_every_seam() {
    let (net, executor, seen) = (Network::new(), Executor::new(), Visitors::default());
    net.host("a.test", ["192.0.2.1".parse().unwrap()]);
    let origin = Origin::h1().serve_on(net.listen("192.0.2.1:80".parse().unwrap()));

    let mut client = ServiceBuilder::new()
        .map_request(seen.at::<Request<RequestBody>>("above retry"))
        .layer(RetryLayer::unsent())
        .map_request(seen.at::<Request<RequestBody>>("retry / pool"))
        .layer(PoolLayer::shared(executor.runtime()))
        .map_request(seen.at::<Target>("pool / route"))
        .layer(RouteLayer::new(net.resolver()))
        .map_request(seen.at::<Route>("route / negotiate"))
        .layer(NegotiateLayer::new(H1::new(), H2::new()))
        .map_request(seen.at::<Route>("negotiate / race"))
        .layer(RaceLayer::happy_eyeballs())
        .map_request(seen.at::<Attempt>("race / tcp"))
        .map_err(BoxError::from)
        .service(net.dialer());

    let send = || Request::get("http://a.test/").body(RequestBody::empty()).unwrap();
    client.ready().await.unwrap().call(send()).await.unwrap();
    assert_eq!(
        seen.take(),
        ["above retry", "retry / pool", "pool / route", "route / negotiate", "negotiate / race", "race / tcp"]
    );
    client.ready().await.unwrap().call(send()).await.unwrap();
    assert_eq!(seen.take(), ["above retry", "retry / pool"]);
    assert_eq!(origin.exchanges(), ["c0e0", "c0e1"]);
}

#[tokio::test(start_paused = true)]
async fn a_guest_that_changes_the_noun_is_obeyed() {
    let (net, executor) = (Network::new(), Executor::new());
    let origin = Origin::h1().serve_on(net.listen("192.0.2.9:8080".parse().unwrap()));
    let elsewhere = |mut attempt: Attempt| {
        attempt.endpoint = Endpoint::from(([192, 0, 2, 9], 8080));
        attempt
    };
    let client = skybridge::Client::builder()
        .runtime(executor.runtime())
        .dialer(ServiceBuilder::new().map_request(elsewhere).service(net.dialer()))
        .build();
    client.get("http://192.0.2.1/").await.unwrap();
    assert_eq!(origin.connections(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_bottom_is_any_function_that_dials() {
    let (net, executor) = (Network::new(), Executor::new());
    let _origin = Origin::h1().serve_on(net.listen("192.0.2.1:80".parse().unwrap()));
    let dial = {
        let net = net.clone();
        service_fn(move |attempt: Attempt| {
            let net = net.clone();
            async move {
                let io = net.connect(attempt.endpoint.inet().unwrap()).await?;
                let info = skybridge::ConnInfo::new(&attempt, None, attempt.endpoint.clone());
                Ok::<_, std::io::Error>(Link::new(io, info))
            }
        })
    };
    let client = skybridge::Client::builder().runtime(executor.runtime()).dialer(dial).build();
    assert_eq!(client.get("http://192.0.2.1/").await.unwrap().into_body().text().await.unwrap(), "hello");
}
