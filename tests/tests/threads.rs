//! On several threads the driver of a connection lags behind the response that its user has: a connection is there for
//! the next request all the same.

#![expect(clippy::unwrap_used, reason = "a test's own steps")]

use http::{Method, Request};
use skybridge::{Client, RequestBody};
use skybridge_testkit::origin::Origin;

async fn one_after_the_other(method: Method, body: &'static str) {
    let origin = Origin::h1().start().await;
    let client = Client::new();
    for _ in 0..300 {
        let request = Request::builder().method(&method).uri(origin.url("/")).body(RequestBody::from(body)).unwrap();
        let response = client.request(request).await.unwrap();
        response.into_body().bytes().await.unwrap();
    }
    assert_eq!(origin.connections(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn three_hundred_requests_without_a_body_share_one_connection() {
    one_after_the_other(Method::GET, "").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn three_hundred_requests_with_a_short_body_share_one_connection() {
    one_after_the_other(Method::POST, "short").await;
}
