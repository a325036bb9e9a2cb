//! By the page of `skybridge_pool`, and those of `skybridge_core::{Plan, Planner}`.

use skybridge_core::{BoxFuture, ConnectError, Handshake, Plan, Route, Target};
use skybridge_h1::{H1, Http1};
use skybridge_pool::{PoolConfig, PoolLayer};
use skybridge_runtime::TokioRuntime;
use skybridge_testkit::origin::Origin;
use std::net::SocketAddr;
use tokio::net::TcpStream;
use tower::{Layer, ServiceExt, service_fn};

/// Leads to one server, whatever is asked for.
struct Direct {
    route: Route,
    address: SocketAddr,
}

impl Plan for Direct {
    type Connection = Http1<String>;
    type Connecting = BoxFuture<Result<Self::Connection, ConnectError>>;

    fn route(&self) -> &Route {
        &self.route
    }

    fn connect(self) -> Self::Connecting {
        Box::pin(async move {
            let ctx = self.route.ctx().clone();
            let link = self.route.link(TcpStream::connect(self.address).await?, self.address);
            H1::new().handshake(link, &ctx).await
        })
    }
}

#[tokio::test]
async fn plans_of_a_closure_are_pooled() {
    let origin = Origin::h1().start().await;
    let address = origin.addr();
    let planner = service_fn(move |target: Target| async move {
        Ok::<_, ConnectError>(Direct { route: Route::to(target, [address]), address })
    });
    let pool = PoolLayer::new(TokioRuntime::current()).config(PoolConfig::new().max_per_origin(1)).layer(planner);
    for _ in 0..3 {
        let request = http::Request::get("http://a.test/").body(String::new()).unwrap();
        let response = pool.clone().oneshot(request).await.unwrap();
        assert_eq!(super::text(response.into_body()).await, "hello");
    }
    assert_eq!(origin.exchanges(), ["c0e0", "c0e1", "c0e2"]);
    assert_eq!(pool.stats().idle, 1);
}
