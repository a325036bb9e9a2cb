//! By the page of `skybridge_retry`, and that of `skybridge_core::Failed`.

use skybridge_core::{Delivery, Error, Failed, Phase};
use skybridge_retry::RetryLayer;
use skybridge_runtime::TokioRuntime;
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::SeqCst},
};
use tower::{ServiceBuilder, ServiceExt};

/// A client of somebody else that fails at first, and knows whether anything was sent.
#[tokio::test]
async fn a_foreign_client_is_asked_again_as_its_delivery_allows() {
    for (method, delivery, tries) in
        [("POST", Delivery::Refused, 2), ("GET", Delivery::Unknown, 2), ("POST", Delivery::Unknown, 1)]
    {
        let tried = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&tried);
        let client = move |request: http::Request<String>| {
            let first = count.fetch_add(1, SeqCst) == 0;
            async move {
                if first {
                    return Err(Failed::with(Error::new(delivery, Phase::Send, "gone"), request));
                }
                Ok(http::Response::new(request.into_body()))
            }
        };
        let retry = RetryLayer::safe().runtime(Arc::new(TokioRuntime::current()));
        let stack = ServiceBuilder::new().layer(retry).service_fn(client);
        let request = http::Request::builder().method(method).uri("http://a.test/").body("meow".to_owned()).unwrap();
        match stack.oneshot(request).await {
            Ok(response) => assert_eq!(response.into_body(), "meow"),
            Err(error) => assert_eq!(error.delivery(), Delivery::Unknown),
        }
        assert_eq!(tried.load(SeqCst), tries, "{method}, {delivery:?}");
    }
}
