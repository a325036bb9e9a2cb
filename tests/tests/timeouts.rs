//! Whoever sets a time limit, and in whichever layer it ends a request, the error says that it is one.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

use http::Request;
use skybridge::{
    Client, ConnectError, Delivery, Error, H1, H2, HttpVersions, NegotiateLayer, Phase, PoolLayer, Proxy, RaceLayer,
    RequestBody, RequestOptions, RetryLayer, RouteLayer,
    types::{Link, Route},
};
use skybridge_testkit::{h1::Script, h2::Peer, net::Conn};
use skybridge_tests::{World, addr, get};
use std::{
    future::Future,
    io::{self, ErrorKind},
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tower::{BoxError, ServiceBuilder, ServiceExt, service_fn, timeout::TimeoutLayer};

const SECOND: Duration = Duration::from_secs(1);

/// A stack with one layer at one of its seams, counted from the top.
macro_rules! stack {
    ($world:expr; $($seam:ident = $layer:expr)?) => {
        stack!(@ $world; $($seam $layer)?)
    };
    (@ $world:expr; above_retry $layer:expr) => {
        stack!(@@ $world; [$layer] [] [] [] [] [])
    };
    (@ $world:expr; above_pool $layer:expr) => {
        stack!(@@ $world; [] [$layer] [] [] [] [])
    };
    (@ $world:expr; above_route $layer:expr) => {
        stack!(@@ $world; [] [] [$layer] [] [] [])
    };
    (@ $world:expr; above_negotiate $layer:expr) => {
        stack!(@@ $world; [] [] [] [$layer] [] [])
    };
    (@ $world:expr; above_race $layer:expr) => {
        stack!(@@ $world; [] [] [] [] [$layer] [])
    };
    (@ $world:expr; above_tcp $layer:expr) => {
        stack!(@@ $world; [] [] [] [] [] [$layer])
    };
    (@@ $world:expr; [$($g0:expr)?] [$($g1:expr)?] [$($g2:expr)?] [$($g3:expr)?] [$($g4:expr)?] [$($g5:expr)?]) => {
        ServiceBuilder::new()
            $(.layer($g0))?
            .layer(RetryLayer::unsent())
            $(.layer($g1))?
            .layer(PoolLayer::<RequestBody>::shared($world.executor.runtime()))
            $(.layer($g2))?
            .layer(RouteLayer::new($world.net.resolver()))
            $(.layer($g3))?
            .layer(NegotiateLayer::new(H1::new(), H2::new()))
            $(.layer($g4))?
            .layer(RaceLayer::happy_eyeballs())
            $(.layer($g5))?
            .service($world.net.dialer())
    };
}

/// Sends, and takes the error as a caller above a layer that erases it does.
macro_rules! fails {
    ($stack:expr) => {
        Error::from(BoxError::from($stack.oneshot(get("/")).await.map(drop).unwrap_err()))
    };
}

#[tokio::test(start_paused = true)]
async fn of_tower_at_any_seam() {
    let limit = || TimeoutLayer::new(SECOND);
    // Nobody answers the request.
    let (silent, other) = (World::new(), World::new());
    let _listeners = (silent.listen(), other.listen());
    for error in [fails!(stack!(silent; above_retry = limit())), fails!(stack!(other; above_pool = limit()))] {
        assert!(error.is_timeout() && !error.is_connect(), "{error:?}");
        assert_eq!(error.delivery(), Delivery::Unknown);
    }
    // Nobody answers the resolver, or the connect.
    let nameless = World::new();
    nameless.net.host("a.test", []).hang();
    let dark = World::new();
    dark.net.at(addr()).black_hole();
    for error in [
        fails!(stack!(nameless; above_route = limit())),
        fails!(stack!(dark; above_negotiate = limit())),
        fails!(stack!(dark; above_race = limit())),
        fails!(stack!(dark; above_tcp = limit())),
    ] {
        assert!(error.is_timeout() && error.is_connect(), "{error:?}");
        assert_eq!(error.delivery(), Delivery::Unsent);
    }
}

#[tokio::test(start_paused = true)]
async fn of_tokio_in_a_closure() {
    let world = World::new();
    let connector = service_fn(|_: Route| async {
        tokio::time::timeout(SECOND, std::future::pending::<()>()).await.map_err(BoxError::from)?;
        Err::<Link<Conn>, BoxError>("not reached".into())
    });
    let stack = ServiceBuilder::new()
        .layer(RetryLayer::unsent())
        .layer(PoolLayer::<RequestBody>::shared(world.executor.runtime()))
        .layer(RouteLayer::new(world.net.resolver()))
        .layer(NegotiateLayer::new(H1::new(), H2::new()))
        .service(connector);
    assert!(fails!(stack).is_timeout());
}

#[tokio::test(start_paused = true)]
async fn of_the_system_while_a_name_is_looked_up_and_while_it_connects() {
    let world = World::new();
    world.net.at(addr()).fail(ErrorKind::TimedOut);
    let error = world.client().request(get("/")).await.map(drop).unwrap_err();
    assert!(error.is_timeout() && error.is_connect() && error.phase() == Phase::Tcp, "{error:?}");

    world.net.host("a.test", []).fail(ErrorKind::TimedOut);
    let error = world.client().request(get("/")).await.map(drop).unwrap_err();
    assert!(error.is_timeout() && error.is_connect() && error.phase() == Phase::Resolve, "{error:?}");

    world.net.at(addr()).fail(ErrorKind::ConnectionRefused);
    world.net.host("a.test", [addr().ip()]);
    let error = world.client().request(get("/")).await.map(drop).unwrap_err();
    assert!(!error.is_timeout() && error.is_connect(), "{error:?}");
}

/// A socket whose peer has vanished: the system gives up on it after a while.
struct Vanished {
    io: Conn,
    gives_up: Pin<Box<tokio::time::Sleep>>,
}

impl AsyncRead for Vanished {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.gives_up.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Err(ErrorKind::TimedOut.into())),
            Poll::Pending => Pin::new(&mut self.io).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Vanished {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

/// The error of a request to `url` over a socket that the system gives up on.
async fn vanishing(
    url: &str,
    configure: impl FnOnce(RequestOptions) -> RequestOptions,
    serve: impl AsyncFnOnce(Conn),
) -> Error {
    let world = World::new();
    let listener = world.listen();
    let vanishing = ServiceBuilder::new()
        .map_response(|link: Link<Conn>| {
            link.map_io(|io| Vanished { io, gives_up: Box::pin(tokio::time::sleep(SECOND)) })
        })
        .map_err(ConnectError::from)
        .service(world.net.dialer());
    let client = Client::builder()
        .runtime(world.executor.runtime())
        .resolver(world.net.resolver())
        .retry(RetryLayer::unsent())
        .dialer(vanishing)
        .build();
    let mut request = Request::get(url).body(RequestBody::empty()).unwrap();
    request.extensions_mut().insert(configure(RequestOptions::new()));
    let call = async { client.request(request).await?.into_body().text().await.map(drop) };
    let server = async {
        serve(listener.accept().await.0).await;
        std::future::pending::<()>().await;
    };
    tokio::select! { ended = call => ended.unwrap_err(), () = server => unreachable!() }
}

#[tokio::test(start_paused = true)]
async fn of_the_system_on_a_connection_in_every_phase() {
    let silent = async |conn: Conn| {
        let _conn = conn;
        std::future::pending::<()>().await;
    };
    let h1_head = async |conn: Conn| {
        let mut peer = Script::new(conn);
        peer.request().await;
        peer.send("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhe").await;
        std::future::pending::<()>().await;
    };
    let h2_head = async |conn: Conn| {
        let mut peer = Peer::accept(conn).await;
        let stream = peer.request().await.stream;
        peer.headers(stream, &[(":status", "200")], false).await;
        std::future::pending::<()>().await;
    };
    let proxy = || Proxy::parse("http://192.0.2.1:80").unwrap();
    let http = "http://a.test/";
    let rows = [
        (Phase::Wait, vanishing(http, |options| options.http_versions(HttpVersions::Http1), silent).await),
        (Phase::Wait, vanishing(http, |options| options.http_versions(HttpVersions::Http2), silent).await),
        (Phase::Body, vanishing(http, |options| options.http_versions(HttpVersions::Http1), h1_head).await),
        (Phase::Body, vanishing(http, |options| options.http_versions(HttpVersions::Http2), h2_head).await),
        (Phase::Tls, vanishing("https://a.test:80/", |options| options, silent).await),
        (Phase::Tunnel, vanishing("https://a.test/", |options| options.proxies([proxy()]), silent).await),
    ];
    for (phase, error) in rows {
        assert!(error.is_timeout() && error.phase() == phase, "{phase}: {error:?}");
    }
}
