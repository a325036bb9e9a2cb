//! What nobody could send is refused by name, by every door, and nothing is looked up or opened for it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

use http::{HeaderName, HeaderValue, Request, Uri, header};
use skybridge::{
    Cause, Delivery, Error, H1, H2, NegotiateLayer, PoolLayer, RaceLayer, RequestBody, RequestError, RetryLayer,
    RouteLayer,
    tower::{ServiceBuilder, ServiceExt},
    types::OriginError,
};
use skybridge_tests::{World, h2, post};

/// A text, and the error for it.
fn origins() -> Vec<(&'static str, OriginError)> {
    vec![
        ("a.test", OriginError::NoScheme),
        ("/path", OriginError::NoScheme),
        ("a.test/path", OriginError::NoScheme),
        ("ftp://a.test/", OriginError::UnknownScheme("ftp".into())),
        ("ws://a.test/", OriginError::UnknownScheme("ws".into())),
        ("http://", OriginError::EmptyHost),
        ("http:///path", OriginError::EmptyHost),
        ("http://:80/", OriginError::EmptyHost),
        ("http://a.test:65536/", OriginError::Port("65536".into())),
        ("http://me@a.test/", OriginError::UserInfo),
        ("http://me:secret@a.test/", OriginError::UserInfo),
    ]
}

/// Sends by the client's two doors and by a stack made by hand; each must say the same.
async fn by_every_door(request: impl Fn() -> Request<RequestBody>) -> RequestError {
    let world = World::new();
    world.net.host("a.test", [skybridge_tests::addr().ip()]);
    let _listener = world.listen();
    let client = world.client();
    let by_hand = ServiceBuilder::new()
        .layer(RetryLayer::safe())
        .layer(PoolLayer::shared(world.executor.runtime()))
        .layer(RouteLayer::new(world.net.resolver()))
        .layer(NegotiateLayer::new(H1::new(), H2::new()))
        .layer(RaceLayer::happy_eyeballs())
        .service(world.net.dialer());
    let errors = [
        client.request(request()).await.unwrap_err(),
        client.clone().oneshot(request()).await.unwrap_err(),
        by_hand.clone().oneshot(request()).await.unwrap_err(),
        client.request(h2(request())).await.unwrap_err(),
    ];
    let found: Vec<_> = errors.iter().map(request_error).collect();
    assert!(found.iter().all(|error| *error == found[0]), "{found:?}");
    nothing_happened(&world);
    assert_eq!(client.stats().connecting, 0);
    found[0].clone()
}

fn nothing_happened(world: &World) {
    assert_eq!(world.net.opened(), 0, "a connection was opened");
    assert_eq!(world.net.name("a.test").queries(), 0, "a name was looked up");
    assert_eq!(world.executor.tasks(), 0);
}

fn request_error(error: &Error) -> RequestError {
    assert!(error.is_request() && !error.is_connect() && !error.is_timeout(), "{error:?}");
    assert_eq!(error.delivery(), Delivery::Unsent);
    assert!(!format!("{error} {error:?}").contains("secret"), "{error:?}");
    match error.cause() {
        Cause::Request(error) => error.clone(),
        other => unreachable!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn text_that_names_no_origin() {
    let world = World::new();
    let client = world.client();
    for (text, error) in origins() {
        assert_eq!(request_error(&client.get(text).await.unwrap_err()), RequestError::Origin(error), "{text}");
    }
    for text in ["http://a.test/a b", "http://a b/", " http://a.test/", "http://a.test/ ", ""] {
        assert!(matches!(request_error(&client.get(text).await.unwrap_err()), RequestError::Uri(_)), "{text:?}");
    }
    nothing_happened(&world);
}

#[tokio::test(start_paused = true)]
async fn uris_that_name_no_origin() {
    for (text, error) in origins() {
        // Not all that is wrong can be made a `Uri` of.
        let Ok(uri) = text.parse::<Uri>() else { continue };
        let request = || Request::get(uri.clone()).body(RequestBody::empty()).unwrap();
        assert_eq!(by_every_door(request).await, RequestError::Origin(error), "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn headers_that_contradict_the_body() {
    let with = |name: HeaderName, value: &'static str| {
        move || {
            let mut request = post("abc");
            request.headers_mut().insert(name.clone(), HeaderValue::from_static(value));
            request
        }
    };
    let wrong = |declared| RequestError::BodySize { declared, at_least: 3, at_most: Some(3) };
    assert_eq!(by_every_door(with(header::CONTENT_LENGTH, "2")).await, wrong(2));
    assert_eq!(by_every_door(with(header::CONTENT_LENGTH, "4")).await, wrong(4));
    for unreadable in ["", "three", "-3", "+3", "0x3", "99999999999999999999999"] {
        let error = by_every_door(with(header::CONTENT_LENGTH, unreadable)).await;
        assert_eq!(error, RequestError::ContentLength(unreadable.into()));
    }
    let error = by_every_door(with(header::TRANSFER_ENCODING, "gzip")).await;
    assert!(matches!(&error, RequestError::Header(name, _) if &**name == "transfer-encoding"), "{error}");
    let twice = || {
        let mut request = with(header::CONTENT_LENGTH, "3")();
        request.headers_mut().append(header::CONTENT_LENGTH, HeaderValue::from_static("4"));
        request
    };
    assert_eq!(by_every_door(twice).await, RequestError::ContentLength("3".into()));
}
