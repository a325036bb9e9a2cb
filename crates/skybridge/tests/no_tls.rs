//! A client that was built without TLS: `cargo test -p skybridge --no-default-features --test no_tls`.

#![cfg(not(feature = "tls"))]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

use skybridge::{Client, RequestBody, RequestOptions, types::Proxy};
use skybridge_testkit::{executor::Executor, net::Network, origin::Origin, proxy::ProxyServer};
use std::error::Error;

fn causes(error: &skybridge::Error) -> String {
    let first: &(dyn Error + 'static) = error;
    std::iter::successors(Some(first), |error| (*error).source()).map(|error| format!("{error}\n")).collect()
}

#[tokio::test(start_paused = true)]
async fn https_is_refused_and_nothing_is_sent_in_its_place() {
    let (net, executor) = (Network::new(), Executor::new());
    net.host("a.test", ["192.0.2.1".parse().unwrap()]);
    let plain = Origin::h1().serve_on(net.listen("192.0.2.1:80".parse().unwrap()));
    // What listens for TLS is an origin in cleartext here, that would answer.
    let sealed = Origin::h1().serve_on(net.listen("192.0.2.1:443".parse().unwrap()));
    let proxy = ProxyServer::http().serve_on(net.listen("192.0.2.7:3128".parse().unwrap()), &net);
    let builder = Client::builder().runtime(executor.runtime()).resolver(net.resolver()).dialer(net.dialer());
    let client = builder.build();
    assert_eq!(client.get("http://a.test/").await.unwrap().status(), 200);
    let error = client.get("https://a.test/").await.unwrap_err();
    assert!(error.is_connect() && causes(&error).contains("TLS"), "{}", causes(&error));
    // To a proxy neither.
    let through = Proxy::parse("https://192.0.2.7:3128").unwrap();
    let mut request = http::Request::get("http://a.test/").body(RequestBody::empty()).unwrap();
    request.extensions_mut().insert(RequestOptions::new().proxies([through]));
    let error = client.request(request).await.unwrap_err();
    assert!(error.is_connect(), "{}", causes(&error));
    assert_eq!((plain.exchanges().len(), sealed.exchanges().len(), proxy.requests().len()), (1, 0, 0));
}
