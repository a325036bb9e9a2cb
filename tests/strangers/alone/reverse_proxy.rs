//! By the page of `skybridge_reverse_proxy`.

use http::{Request, Response};
use http_body_util::BodyExt;
use skybridge_reverse_proxy::{Forwarded, ReverseProxy};
use std::convert::Infallible;
use tower::{ServiceExt, service_fn};

/// What sends is no client of ours.
#[tokio::test]
async fn a_foreign_client_is_sent_what_may_be_passed_on() {
    let client = service_fn(|request: Request<_>| async move {
        let fields = request.headers();
        assert_eq!(fields["via"], "1.1 skybridge");
        assert!(!fields.contains_key("x-secret") && !fields.contains_key("x-forwarded-for"));
        let body = <_ as BodyExt>::collect(request.uri().to_string()).await.unwrap().to_bytes();
        Ok::<_, Infallible>(Response::new(http_body_util::Full::new(body)))
    });
    let proxy = ReverseProxy::new(client, "http://127.0.0.1:3000/api".parse().unwrap()).unwrap();
    let request = Request::get("/cat?colour=black")
        .header("host", "a.test")
        .header("connection", "x-secret")
        .header("x-secret", "of this hop")
        .header("x-forwarded-for", "made up");
    let request = request.body(String::new()).unwrap();
    let response = proxy.forwarded(Forwarded::none()).oneshot(request).await.unwrap();
    assert_eq!(super::text(response.into_body()).await, "http://127.0.0.1:3000/api/cat?colour=black");
}
