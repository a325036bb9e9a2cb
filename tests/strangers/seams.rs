//! By the table of the seams in ARCHITECTURE.md, and the guide's page `own_layer`: one stack with a layer of a
//! stranger's at each seam, and each is seen to work.

use http::{HeaderValue, Request};
use skybridge::{
    Client, H1, H2, NegotiateLayer, PoolLayer, Proxy, RaceLayer, RequestBody, RetryLayer, Roots, RouteLayer, Tcp,
    TlsConfig, TlsLayer, TokioRuntime, TunnelLayer,
    types::{Attempt, ConnectError, Endpoint, Link, Route, Target},
};
use skybridge_dns::Fixed;
use skybridge_testkit::{
    certs::Ca,
    origin::{Answer, Origin},
    proxy::ProxyServer,
};
use std::{
    fmt::Display,
    future::{Ready, ready},
    io,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tower::{
    ServiceBuilder,
    filter::FilterLayer,
    util::{AndThenLayer, MapRequestLayer},
};

/// What each layer has seen, in order.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<String>>>);

impl Seen {
    fn note(&self, seam: &str, what: impl Display) {
        self.0.lock().unwrap().push(format!("{seam}: {what}"));
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

/// A stream that says what is written first.
struct First<I> {
    io: I,
    seen: Option<(Seen, &'static str)>,
}

impl<I: AsyncRead + Unpin> AsyncRead for First<I> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for First<I> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if let Some((seen, seam)) = self.seen.take() {
            let line = bytes.split(|byte| *byte == b'\r').next().unwrap_or_default();
            let is_text = line.is_ascii() && !line.iter().any(u8::is_ascii_control);
            seen.note(seam, if is_text { String::from_utf8_lossy(line) } else { "no text".into() });
        }
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

type Watched<I> = Result<Link<First<I>>, ConnectError>;

/// A layer that puts such a stream around those of the connector below.
fn first<I>(seam: &'static str, seen: &Seen) -> AndThenLayer<impl Fn(Link<I>) -> Ready<Watched<I>> + Clone + use<I>> {
    let seen = seen.clone();
    AndThenLayer::new(move |link: Link<I>| {
        let seen = Some((seen.clone(), seam));
        ready(Ok(link.map_io(|io| First { io, seen })))
    })
}

#[tokio::test]
async fn one_stack_has_a_layer_of_a_strangers_at_each_seam() {
    let ca = Ca::new("a root");
    let try_again = Answer::new("").status(503).header("retry-after", "0");
    let origin = Origin::h1().tls(&ca.leaf(["a.test"])).enqueue(try_again).enqueue("hello").start().await;
    let proxy = ProxyServer::http().user("alice", "secret").host("a.test", origin.addr()).start().await;
    let tls = TlsLayer::new(TlsConfig::builder().roots(Roots::Given(vec![ca.der()])).build().unwrap());
    let by_proxy = Proxy::parse("http://alice:secret@proxy.test:3128").unwrap();
    // Nobody may go to the first.
    let forbidden = Endpoint::from(([127, 0, 0, 2], proxy.addr().port()));
    let endpoints = Fixed::new([forbidden.clone(), proxy.addr().into()]);
    let seen = Seen::default();

    let above_retry = {
        let seen = seen.clone();
        MapRequestLayer::new(move |request: Request<RequestBody>| {
            seen.note("above retry", request.uri());
            request
        })
    };
    let sign = {
        let seen = seen.clone();
        MapRequestLayer::new(move |mut request: Request<RequestBody>| {
            request.headers_mut().insert("signature", HeaderValue::from_static("of this try"));
            seen.note("retry / pool", request.method());
            request
        })
    };
    let searches = {
        let seen = seen.clone();
        MapRequestLayer::new(move |target: Target| {
            seen.note("pool / route", target.origin());
            target
        })
    };
    let connects = {
        let seen = seen.clone();
        MapRequestLayer::new(move |route: Route| {
            seen.note("route / negotiate", &route);
            route
        })
    };
    let clear = first("negotiate / tls", &seen);
    let sealed = first("tls / tunnel", &seen);
    let to_proxy = first("tunnel / race", &seen);
    let guard = {
        let seen = seen.clone();
        FilterLayer::new(move |attempt: Attempt| {
            let is_forbidden = attempt.endpoint == forbidden;
            seen.note("race / tcp", if is_forbidden { "refused" } else { "allowed" });
            if is_forbidden { Err("nobody may go there") } else { Ok(attempt) }
        })
    };

    let stack = ServiceBuilder::new()
        .layer(above_retry)
        .layer(RetryLayer::safe())
        .layer(sign)
        .layer(PoolLayer::new(TokioRuntime::current()))
        .layer(searches)
        .layer(RouteLayer::new(endpoints).proxies([[by_proxy]]))
        .layer(connects)
        .layer(NegotiateLayer::new(H1::new(), H2::new()))
        .layer(clear)
        .layer(tls)
        .layer(sealed)
        .layer(TunnelLayer::new())
        .layer(to_proxy)
        .layer(RaceLayer::happy_eyeballs())
        .layer(guard)
        .service(Tcp::new());
    let client = Client::from_stack(stack);

    let response = client.get("https://a.test/cat").await.unwrap();
    assert_eq!(response.into_body().text().await.unwrap(), "hello");
    assert!(origin.requests().iter().all(|request| request.header("signature") == Some("of this try")));
    assert_eq!(
        seen.take(),
        [
            "above retry: https://a.test/cat",
            "retry / pool: GET",
            "pool / route: https://a.test",
            "route / negotiate: a.test via http://proxy.test:3128",
            "race / tcp: refused",
            "race / tcp: allowed",
            "tunnel / race: CONNECT a.test:443 HTTP/1.1",
            "tls / tunnel: no text",
            "negotiate / tls: GET /cat HTTP/1.1",
            // The server wants it once more, on the same connection.
            "retry / pool: GET",
        ]
    );
}
