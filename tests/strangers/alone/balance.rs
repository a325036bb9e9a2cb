//! By the page of `skybridge_balance`.

use skybridge_balance::BalanceLayer;
use skybridge_core::{Answer, ConnectError, Endpoint, Failed, Query, RequestOptions};
use skybridge_dns::Once;
use skybridge_runtime::TokioRuntime;
use std::collections::HashSet;
use tower::{Layer, ServiceExt, service_fn};

/// Neither the resolver nor the client below is ours: it reads where to dial in the request's options.
#[tokio::test]
async fn a_foreign_client_is_told_which_server_to_dial() {
    let servers = [1, 2, 3].map(|last| Endpoint::from(([192, 0, 2, last], 80)));
    let all = servers.clone();
    let directory = service_fn(move |_: Query| {
        let answer = Answer::only(all.clone());
        async move { Ok::<_, ConnectError>(Once::new(answer)) }
    });
    let client = service_fn(|request: http::Request<String>| async move {
        let dial =
            request.extensions().get::<RequestOptions>().and_then(|options| options.connect_options.dial.clone());
        Ok::<_, Failed<http::Request<String>>>(http::Response::new(format!("{dial:?}")))
    });
    let layer = BalanceLayer::new(TokioRuntime::current(), &"http://api.test".parse().unwrap(), directory).unwrap();
    let balanced = layer.layer(client);

    let mut dialled = HashSet::new();
    for _ in 0..30 {
        let request = http::Request::get("http://api.test/").body(String::new()).unwrap();
        let response = balanced.clone().oneshot(request).await.unwrap();
        dialled.insert(super::text(response.into_body()).await);
    }
    assert_eq!(layer.endpoints().len(), 3);
    assert_eq!(dialled.len(), 3, "{dialled:?}");
}
