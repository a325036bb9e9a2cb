//! What the types promise: a client is a plain thing to store, and asks for no more of a body than it needs.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

use axum::{Router, extract::State, routing::get};
use http::{Request, Response};
use skybridge::{Body, Call, Client, ConnectError, Error, Phase, RequestBody, tower::Service};
use skybridge_testkit::origin::Origin;
use skybridge_tests::{World, read};
use std::{cell::Cell, convert::Infallible, marker::PhantomPinned, pin::Pin, task::Context, task::Poll};

#[test]
fn types_promise_what_their_users_need() {
    fn plain<T: Clone + Send + Sync + 'static>() {}
    fn sent<T: Send + 'static>() {}
    fn standard<T: std::error::Error + Send + Sync + 'static>() {}
    fn serves<B, S>()
    where
        S: Service<Request<B>, Response = Response<Body>, Error = Error, Future: Send + 'static> + Clone + Send + Sync,
    {
    }
    plain::<Client>();
    sent::<Call>();
    sent::<Body>();
    sent::<RequestBody>();
    standard::<Error>();
    standard::<ConnectError>();
    serves::<RequestBody, Client>();
    serves::<String, Client>();
    serves::<Awkward, Client>();
    serves::<axum::body::Body, Client>();
    assert!(http_body::Body::is_end_stream(&Body::default()));
}

/// Neither `Sync`, nor `Clone`, nor `Unpin`, and its data isn't `Bytes`.
struct Awkward(#[expect(dead_code, reason = "takes traits away")] Cell<u8>, PhantomPinned);

impl http_body::Body for Awkward {
    type Data = &'static [u8];
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<&'static [u8]>, Infallible>>> {
        Poll::Ready(None)
    }
}

#[tokio::test(start_paused = true)]
async fn an_awkward_body_is_sent() {
    let world = World::new();
    let origin = Origin::h1().serve_on(world.listen());
    let request = Request::post("http://a.test/").body(Awkward(Cell::new(0), PhantomPinned)).unwrap();
    let response = world.client().call(request).await.unwrap();
    assert_eq!(response.into_body().text().await.unwrap(), "hello");
    assert_eq!(origin.requests()[0].header("transfer-encoding"), Some("chunked"));
}

/// The state of an application, its handler, and a body that is handed on.
#[tokio::test]
async fn an_axum_handler_passes_a_body_on() {
    #[derive(Clone)]
    struct App {
        client: Client,
        upstream: String,
    }
    async fn fetch(State(app): State<App>) -> Result<Response<axum::body::Body>, String> {
        let response = app.client.get(&app.upstream).await.map_err(|error| error.to_string())?;
        Ok(response.map(axum::body::Body::new))
    }
    let upstream = Origin::h1().start().await;
    let app = App { client: Client::new(), upstream: upstream.url("/") };
    let router = Router::new().route("/", get(fetch)).with_state(app.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let mut server = tokio::task::JoinSet::new();
    server.spawn(async move { axum::serve(listener, router).await.unwrap() });
    assert_eq!(read(app.client.get(&url)).await.unwrap(), "hello");
    assert_eq!(read(app.client.get(&url)).await.unwrap(), "hello");
    assert_eq!(upstream.exchanges(), ["c0e0", "c0e1"]);
    server.shutdown().await;
}

/// An error tells all in one sentence. The errors behind it, by `source`, tell their parts in their own words.
#[tokio::test(start_paused = true)]
async fn an_error_is_told_in_levels() {
    let world = World::new();
    let error = read(world.client().get("http://a.test/")).await.unwrap_err();
    let levels: Vec<String> = std::iter::successors(Some(&error as &dyn std::error::Error), |error| error.source())
        .map(ToString::to_string)
        .collect();
    assert_eq!(error.phase(), Phase::Tcp);
    assert_eq!(
        levels,
        [
            "http://a.test: TCP to 192.0.2.1:80 failed: connection refused (nothing was sent)",
            "could not connect to a.test at 192.0.2.1:80: tcp failed",
            "connection refused",
        ]
    );
}
