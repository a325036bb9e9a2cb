//! By the page of `skybridge_dns`.

use skybridge_core::{Answer, ConnectError, Endpoint, Query};
use skybridge_dns::{CacheLayer, Once, OverridesLayer};
use skybridge_runtime::TokioRuntime;
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::SeqCst},
};
use tokio_stream::StreamExt;
use tower::{ServiceBuilder, ServiceExt, service_fn};

#[tokio::test(start_paused = true)]
async fn cache_and_overrides_stand_on_a_closure_that_resolves() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let directory = service_fn(move |query: Query| {
        count.fetch_add(1, SeqCst);
        let answer = Answer::only([Endpoint::from(([192, 0, 2, 1], query.port))]);
        async move { Ok::<_, ConnectError>(Once::new(answer)) }
    });
    let resolver = ServiceBuilder::new()
        .layer(OverridesLayer::new().host("mine.test", [Endpoint::from(([127, 0, 0, 1], 0))]))
        .layer(CacheLayer::new())
        .service(directory);

    for (host, expected) in [("a.test", [192, 0, 2, 1]), ("A.test", [192, 0, 2, 1]), ("mine.test", [127, 0, 0, 1])] {
        let query = Query::new(host, 443, TokioRuntime::ctx());
        let answers: Vec<_> = resolver.clone().oneshot(query).await.unwrap().collect().await;
        assert_eq!(answers[0].as_ref().unwrap().endpoints, [Endpoint::from((expected, 443))], "{host}");
    }
    assert_eq!(asked.load(SeqCst), 1);
}
