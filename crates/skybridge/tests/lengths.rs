//! A streamed body and the length that its request declares.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use skybridge::{Client, ConnectOptions, Error, HttpVersions, RequestBody, RequestError};
use skybridge_testkit::{executor::run_until_idle, h1::Script, net::Network, origin::Origin};
use std::{
    collections::VecDeque,
    convert::Infallible,
    error::Error as _,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
    time::Duration,
};

enum Part {
    Data(&'static str),
    Trailers,
    /// Comes back after the task was polled once more.
    Wait,
}

type Made = fn() -> Vec<Part>;

/// Nobody knows how long it is, or everybody.
struct Parts {
    parts: VecDeque<Part>,
    exact: Option<u64>,
}

fn parts(parts: impl IntoIterator<Item = Part>) -> RequestBody {
    RequestBody::wrap(Parts { parts: parts.into_iter().collect(), exact: None })
}

impl Body for Parts {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(match self.parts.pop_front() {
            None => None,
            Some(Part::Data(data)) => Some(Ok(Frame::data(data.into()))),
            Some(Part::Trailers) => Some(Ok(Frame::trailers(HeaderMap::new()))),
            Some(Part::Wait) => {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
        })
    }

    fn size_hint(&self) -> SizeHint {
        self.exact.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

struct World {
    net: Network,
    origin: Origin,
    /// The bodies that came to their end.
    whole: Arc<Mutex<Vec<Bytes>>>,
    client: Client,
}

fn world(h2: bool) -> World {
    let net = Network::new();
    net.host("a.test", ["192.0.2.1".parse().unwrap()]);
    let listener = net.listen("192.0.2.1:80".parse().unwrap());
    let whole = Arc::<Mutex<Vec<Bytes>>>::default();
    let bodies = Arc::clone(&whole);
    let origin = if h2 { Origin::h2c() } else { Origin::h1() }.handle(move |request| {
        let bodies = Arc::clone(&bodies);
        async move {
            if let Ok(body) = request.into_body().collect().await {
                bodies.lock().unwrap().push(body.to_bytes());
            }
            Response::new(String::new())
        }
    });
    let builder = Client::builder().resolver(net.resolver()).dialer(net.dialer());
    let mut connect_options = ConnectOptions::default();
    connect_options.http_versions = if h2 { HttpVersions::Http2 } else { HttpVersions::Http1 };
    World { origin: origin.serve_on(listener), client: builder.connect_options(connect_options).build(), whole, net }
}

fn put(length: &str, body: RequestBody) -> Request<RequestBody> {
    Request::put("http://a.test/").header("content-length", length).body(body).unwrap()
}

fn mismatch(error: &Error) -> Option<&RequestError> {
    std::iter::successors(error.source(), |error| (*error).source()).find_map(|error| error.downcast_ref())
}

#[tokio::test(start_paused = true)]
async fn a_body_that_is_longer_or_shorter_than_declared_is_told_and_its_connection_not_reused() {
    use Part::{Data, Trailers, Wait};
    let longer = |at_least| RequestError::BodySize { declared: 5, at_least, at_most: None };
    let shorter = |size| RequestError::BodySize { declared: 5, at_least: size, at_most: Some(size) };
    let rows: [(Made, RequestError); 6] = [
        (|| vec![Data("123"), Data("456")], longer(6)),
        (|| vec![Data("123"), Data("45"), Data(""), Data("6")], longer(6)),
        (|| vec![Data("123"), Wait, Data("456"), Data("789")], longer(6)),
        (|| vec![Data("123")], shorter(3)),
        (|| vec![Data(""), Wait], shorter(0)),
        (|| vec![Data("123"), Trailers], shorter(3)),
    ];
    for h2 in [false, true] {
        for (body, told) in &rows {
            let world = world(h2);
            let error = world.client.request(put("5", parts(body()))).await.unwrap_err();
            assert_eq!(mismatch(&error), Some(told), "h2 {h2}: {error:?}");
            run_until_idle().await;
            assert!(world.whole.lock().unwrap().is_empty(), "the request was taken for a whole one");
            world.client.get("http://a.test/").await.unwrap();
            // A stream is reset alone.
            assert_eq!(world.origin.connections(), if h2 { 1 } else { 2 });
            assert_eq!(world.net.live_sockets(), 1, "h2 {h2}");
        }
    }
}

/// The address is as good as it was before.
#[tokio::test(start_paused = true)]
async fn a_body_that_fails_is_no_reason_to_go_elsewhere() {
    let net = Network::new();
    net.host("a.test", ["192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap()]);
    let [first, second] =
        ["192.0.2.1:80", "192.0.2.2:80"].map(|addr| Origin::h1().serve_on(net.listen(addr.parse().unwrap())));
    let client = Client::builder().resolver(net.resolver()).dialer(net.dialer()).build();
    let error = client.request(put("5", parts([Part::Data("123456")]))).await.unwrap_err();
    assert!(mismatch(&error).is_some(), "{error:?}");
    run_until_idle().await;
    client.get("http://a.test/").await.unwrap();
    assert_eq!((first.connections(), second.connections()), (2, 0));
}

/// HTTP/1.1 asks for nothing of a body that is declared to be none.
#[tokio::test(start_paused = true)]
async fn a_body_that_is_declared_to_be_none() {
    use Part::{Data, Trailers, Wait};
    for h2 in [false, true] {
        let world = world(h2);
        let longer: [Made; 2] = [|| vec![Data("1")], || vec![Data(""), Data("1"), Wait]];
        for body in longer {
            let error = world.client.request(put("0", parts(body()))).await.unwrap_err();
            let told = RequestError::BodySize { declared: 0, at_least: 1, at_most: None };
            assert_eq!(mismatch(&error), Some(&told), "h2 {h2}: {error:?}");
        }
        let empty: [Made; 4] = [|| vec![], || vec![Data("")], || vec![Data(""), Wait], || vec![Trailers]];
        for body in empty {
            assert_eq!(world.client.request(put("0", parts(body()))).await.unwrap().status(), 200, "h2 {h2}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_is_as_long_as_declared_goes_as_it_is() {
    use Part::{Data, Trailers, Wait};
    let rows: [Made; 5] = [
        || vec![Data("123"), Data("45")],
        || vec![Wait, Data("12345"), Wait],
        || vec![Data("123"), Data(""), Data("45"), Data(""), Wait, Data("")],
        || vec![Data("12345"), Trailers],
        || vec![Data("1234"), Data("5"), Wait, Trailers],
    ];
    for h2 in [false, true] {
        let world = world(h2);
        for (sent, body) in rows.iter().enumerate() {
            world.client.request(put("5", parts(body()))).await.unwrap();
            run_until_idle().await;
            assert_eq!(world.origin.requests()[sent].header("content-length"), Some("5"));
            assert_eq!(world.whole.lock().unwrap()[sent], "12345");
        }
        assert_eq!(world.origin.connections(), 1);
    }
}

/// Nobody's size is lost on the way: it is declared, and compared before anything is opened.
#[tokio::test(start_paused = true)]
async fn a_stream_of_known_size_declares_it() {
    let five = || RequestBody::wrap(Parts { parts: [Part::Data("123"), Part::Data("45")].into(), exact: Some(5) });
    for h2 in [false, true] {
        let world = world(h2);
        world.client.request(Request::put("http://a.test/").body(five()).unwrap()).await.unwrap();
        let seen = &world.origin.requests()[0];
        assert_eq!((seen.header("content-length"), seen.header("transfer-encoding")), (Some("5"), None), "h2 {h2}");
        world.client.request(put("5", five())).await.unwrap();
        run_until_idle().await;
        assert_eq!(*world.whole.lock().unwrap(), ["12345", "12345"]);
        let error = world.client.request(put("6", five())).await.unwrap_err();
        assert!(error.is_request(), "{error:?}");
        assert_eq!(world.origin.requests().len(), 2);
    }
}

/// It is small, but not at hand.
#[tokio::test(start_paused = true)]
async fn a_stream_that_comes_later_than_its_answer_keeps_its_connection() {
    let net = Network::new();
    net.host("a.test", ["192.0.2.1".parse().unwrap()]);
    let listener = net.listen("192.0.2.1:80".parse().unwrap());
    let client = Client::builder().resolver(net.resolver()).dialer(net.dialer()).build();
    let stalled = RequestBody::wrap(Stalled);
    let calls = async {
        let early = client.request(Request::put("http://a.test/").body(stalled).unwrap()).await.unwrap();
        early.into_body().bytes().await.unwrap();
        run_until_idle().await;
        assert_eq!(client.get("http://a.test/").await.unwrap().status(), 204);
    };
    let server = async {
        let mut first = Script::new(listener.accept().await.0);
        assert_eq!(first.head().await.header("content-length"), Some("5"));
        first.respond(200, "").await;
        let mut second = Script::new(listener.accept().await.0);
        second.request().await;
        second.respond(204, "").await;
        (first, second)
    };
    let both = async { tokio::join!(calls, server) };
    tokio::time::timeout(Duration::from_secs(1), both).await.expect("the second request waits for the first's body");
}

/// Five bytes that never come.
struct Stalled;

impl Body for Stalled {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Pending
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(5)
    }
}
