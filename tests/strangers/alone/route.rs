//! By the page of `skybridge_route`.

use skybridge_core::{Answer, ConnectError, Endpoint, Plan, Proxy, Query, Route, Target};
use skybridge_dns::Once;
use skybridge_route::RouteLayer;
use skybridge_runtime::TokioRuntime;
use tower::{Layer, ServiceExt, service_fn};

/// Neither the resolver nor what connects is ours.
#[tokio::test]
async fn a_plan_tries_the_next_address_and_the_next_proxy() {
    let directory = service_fn(|query: Query| async move {
        let last = if &*query.host == "proxy.test" { 7 } else { 1 };
        let answer = Answer::only([Endpoint::from(([192, 0, 2, last], query.port))]);
        Ok::<_, ConnectError>(Once::new(answer))
    });
    let connect = service_fn(|route: Route| async move {
        match &*route.proxies {
            [] => Ok(route.endpoints.snapshot()),
            [proxy, ..] => Err(ConnectError::from(std::io::Error::other(proxy.to_string()))),
        }
    });
    let proxy = Proxy::parse("http://proxy.test:3128").unwrap();
    let planner = RouteLayer::new(directory).proxies([vec![proxy], vec![]]).layer(connect);

    let target = Target::of(&"http://a.test/".parse().unwrap(), TokioRuntime::ctx()).unwrap();
    let plan = planner.oneshot(target).await.unwrap();
    assert_eq!(plan.route().endpoints.snapshot(), [Endpoint::from(([192, 0, 2, 7], 3128))]);
    assert_eq!(plan.connect().await.unwrap(), [Endpoint::from(([192, 0, 2, 1], 80))]);
}
