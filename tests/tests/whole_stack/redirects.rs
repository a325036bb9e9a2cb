//! Redirects that are followed before the body of the answer is here.

#![allow(clippy::disallowed_methods, reason = "the tasks of a server")]

use http::{Request, Response};
use hyper::body::Incoming;
use skybridge_testkit::origin::Origin;
use skybridge_tests::{World, get};
use std::time::Duration;
use tower::ServiceExt;
use tower_http::follow_redirect::FollowRedirect;

/// An answer whose body comes after this time.
async fn answer(request: Request<Incoming>, after: Duration) -> Response<http_body_util::Channel<bytes::Bytes>> {
    let (mut sender, body) = http_body_util::Channel::new(1);
    if request.uri().path() == "/there" {
        tokio::spawn(async move { sender.send_data("hello".into()).await });
        return Response::new(body);
    }
    tokio::spawn(async move {
        tokio::time::sleep(after).await;
        let _ = sender.send_data("gone".into()).await;
    });
    Response::builder().status(302).header("location", "/there").body(body).unwrap()
}

#[tokio::test(start_paused = true)]
async fn one_whose_body_takes_long_is_followed_on_another_connection() {
    let rows = [(1000, ["c0e0", "c1e0"]), (50, ["c0e0", "c0e1"])];
    for (after, exchanges) in rows {
        let world = World::new();
        let after = Duration::from_millis(after);
        let origin = Origin::h1().handle(move |request| answer(request, after)).serve_on(world.listen());
        let client = world.builder().pool(skybridge::PoolConfig::new().max_per_origin(1)).build();
        let response = FollowRedirect::new(client.clone()).oneshot(get("/here")).await.unwrap();
        assert_eq!(response.into_body().text().await.unwrap(), "hello");
        assert_eq!(origin.exchanges(), exchanges);
        assert_eq!(world.recorder.count("retry_decision"), 0);
    }
}
