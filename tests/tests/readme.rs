//! The first expression of the README is what its comments say, and what a `Client` is: the same text in all documents,
//! and the same behaviour.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body::Body;
use http_body_util::BodyExt;
use skybridge::{
    Client, Error, H1, H2, HttpVersions, NegotiateLayer, OverridesLayer, PoolLayer, Proxy, RaceLayer, RequestBody,
    RequestOptions, RetryLayer, RouteLayer, System, Tcp, TlsLayer, TokioRuntime, TunnelLayer,
    tower::{Service, ServiceBuilder, ServiceExt},
    types::{BoxError, BoxFuture, Resolver},
};
use skybridge_testkit::{
    certs::Ca,
    h1::Script,
    h2::{Peer, code},
    origin::Origin,
    proxy::ProxyServer,
};
use std::{future::pending, net::SocketAddr};
use tokio::net::TcpListener;

/// A client as far as these tests know it: a request in, and out comes the answer's body, or what is wrong and how far
/// the request got.
type Send = Box<dyn Fn(Request<RequestBody>) -> BoxFuture<String>>;

fn sending<S, B>(service: S) -> Send
where
    S: Service<Request<RequestBody>, Response = Response<B>, Error = Error, Future: std::marker::Send>
        + Clone
        + std::marker::Send
        + 'static,
    B: Body<Data = Bytes, Error: Into<BoxError>> + std::marker::Send,
{
    Box::new(move |request| {
        let service = service.clone();
        Box::pin(async move {
            match service.oneshot(request).await {
                Ok(response) => match response.into_body().collect().await {
                    Ok(body) => String::from_utf8_lossy(&body.to_bytes()).into_owned(),
                    Err(error) => error.into().to_string(),
                },
                Err(error) => format!("{:?}: {}", error.delivery(), root(&error)),
            }
        })
    })
}

fn root(error: &Error) -> String {
    let first: &(dyn std::error::Error + 'static) = error;
    std::iter::successors(Some(first), |error| error.source()).last().map(ToString::to_string).unwrap_or_default()
}

/// As it stands there.
#[rustfmt::skip]
fn readme(runtime: TokioRuntime, resolver: impl Resolver, tls: TlsLayer) -> Send {
    let client = ServiceBuilder::new()
        .layer(RetryLayer::safe())                             // send again what may safely be sent again
        .layer(PoolLayer::new(runtime))                        // on a pooled connection, or a new one
        .layer(RouteLayer::new(resolver))                      // found by address, or through proxies
        .layer(NegotiateLayer::new(H1::new(), H2::new()))      // that speaks HTTP/2 or HTTP/1.1
        .layer(tls.clone())                                    // encrypted and verified
        .layer(TunnelLayer::new().proxy_tls(tls.proxy_connector())) // through HTTP and SOCKS proxies
        .layer(RaceLayer::happy_eyeballs())                    // over whichever address answers first
        .service(Tcp::new());                                  // by a socket
    sending(client)
}

/// What is said by the README's, and by a client; `a.test` is at this address.
fn both(addr: SocketAddr) -> [Send; 2] {
    let names =
        || ServiceBuilder::new().layer(OverridesLayer::new().host("a.test", [addr.into()])).service(System::new());
    let client = Client::builder().resolver(names()).build();
    [readme(TokioRuntime::current(), names(), TlsLayer::native()), sending(client)]
}

/// The lines of the expression, without what a document puts before them.
fn expression(text: &'static str) -> Vec<&'static str> {
    let lines = text.lines().map(|line| line.trim_start().trim_start_matches("//!").trim());
    let mut expression: Vec<_> = lines.skip_while(|line| !line.ends_with("= ServiceBuilder::new()")).collect();
    let end = expression.iter().position(|line| line.contains(".service(")).map_or(0, |at| at + 1);
    expression.truncate(end);
    expression
}

#[test]
fn it_is_the_same_in_every_document_and_here() {
    let here = &include_str!("readme.rs")[include_str!("readme.rs").find("fn readme").unwrap()..];
    let here = expression(here);
    assert_eq!(here.len(), 9, "{here:#?}");
    let documents = [include_str!("../../README.md"), include_str!("../../crates/skybridge/src/lib.rs")];
    documents.iter().for_each(|document| assert_eq!(expression(document), here));
    // Of the builder's, which has settings and places for layers in it, the comments.
    fn words<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
        let steps =
            lines.map(str::trim_start).filter(|line| line.starts_with(".layer(") || line.starts_with(".service("));
        steps.filter_map(|line| line.split("// ").nth(1)).collect()
    }
    let mut builder = words(include_str!("../../crates/skybridge/src/builder.rs").lines());
    // It makes the pool first, and puts retry on it.
    builder.rotate_right(1);
    assert_eq!(builder, words(here.into_iter()));
}

#[test]
fn the_first_program_is_the_example_that_is_compiled() {
    let example = include_str!("../../examples/first.rs");
    let (_, program) = example.split_once("\n\n").unwrap();
    let all = include_str!("../../README.md");
    assert!(program.lines().count() <= 12 && all.contains(&format!("```rust\n{program}```\n")), "{program}");
}

fn request(method: Method, addr: SocketAddr, body: impl Into<RequestBody>) -> Request<RequestBody> {
    let url = format!("http://a.test:{}/", addr.port());
    Request::builder().method(method).uri(url).body(body.into()).unwrap()
}

/// The peer reads a request on a connection that has carried one before, and hangs up.
async fn swallowed(send: &Send, listener: &TcpListener, method: Method, body: &'static str) -> String {
    let addr = listener.local_addr().unwrap();
    let client = async {
        assert_eq!(send(request(Method::GET, addr, ())).await, "first");
        send(request(method, addr, body)).await
    };
    let server = async {
        let mut peer = Script::new(listener.accept().await.unwrap().0);
        peer.request().await;
        peer.respond(200, "first").await;
        peer.request().await;
        drop(peer);
        let mut peer = Script::new(listener.accept().await.unwrap().0);
        let again = peer.request().await;
        peer.respond(200, format!("again: {} {:?}", again.line(), again.body())).await;
        pending::<()>().await;
    };
    tokio::select! { said = client => said, () = server => unreachable!() }
}

#[tokio::test]
async fn what_an_old_connection_swallowed_is_sent_again_where_that_does_no_harm() {
    let rows = [
        (Method::GET, "", r#"again: GET / HTTP/1.1 b"""#),
        (Method::PUT, "bytes", r#"again: PUT / HTTP/1.1 b"bytes""#),
        (Method::DELETE, "", r#"again: DELETE / HTTP/1.1 b"""#),
    ];
    for (method, body, expected) in rows {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        for send in both(listener.local_addr().unwrap()) {
            assert_eq!(swallowed(&send, &listener, method.clone(), body).await, expected);
        }
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    for send in both(listener.local_addr().unwrap()) {
        let said = swallowed(&send, &listener, Method::POST, "once").await;
        assert!(said.starts_with("Unknown: "), "{said}");
    }
}

/// The peer promises to have processed nothing, though the body was sent.
#[tokio::test]
async fn what_was_refused_is_sent_again_whatever_its_method() {
    for (method, body) in [(Method::POST, "bytes"), (Method::PATCH, "bytes"), (Method::GET, "")] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        for send in both(addr) {
            let mut asked = request(method.clone(), addr, body);
            asked.extensions_mut().insert(RequestOptions::new().http_versions(HttpVersions::Http2));
            let server = async {
                let mut peer = Peer::accept(listener.accept().await.unwrap().0).await;
                let refused = peer.request().await.stream;
                if !body.is_empty() {
                    assert_eq!(peer.body(refused).await, body);
                }
                peer.reset(refused, code::REFUSED_STREAM).await;
                let again = peer.request().await.stream;
                let body = if body.is_empty() { Bytes::new() } else { peer.body(again).await };
                peer.respond(again, 200, format!("again: {body:?}")).await;
                pending::<()>().await;
            };
            let said = tokio::select! { said = send(asked) => said, () = server => unreachable!() };
            assert_eq!(said, format!("again: {:?}", Bytes::from(body)), "{method}");
        }
    }
}

/// TLS includes verification, with origins and with proxies: a certificate that nobody trusts is refused by both.
#[tokio::test]
async fn nobody_is_believed_without_a_certificate() {
    let ca = Ca::new("a stranger");
    let cert = ca.leaf(["a.test", "127.0.0.1"]);
    let origin = Origin::h1().tls(&cert).start().await;
    let proxy = ProxyServer::http().tls(&cert).start().await;
    for send in both(origin.addr()) {
        let mut sealed = request(Method::GET, origin.addr(), ());
        *sealed.uri_mut() = format!("https://a.test:{}/", origin.addr().port()).parse().unwrap();
        let mut through = request(Method::GET, origin.addr(), ());
        through.extensions_mut().insert(RequestOptions::new().proxies([Proxy::parse(&proxy.url()).unwrap()]));
        for asked in [sealed, through] {
            let said = send(asked).await;
            assert!(said.starts_with("Unsent: ") && !said.contains("needs TLS"), "{said}");
        }
    }
    assert_eq!((origin.requests().len(), proxy.requests().len()), (0, 0));
}
