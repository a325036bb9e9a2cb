//! By the pages of `skybridge_core`: its glossary, `Connector`, `Link`, `ConnectionService`.

use skybridge_core::{ConnectError, Connector, HandshakeService, Link, Route, Target};
use skybridge_runtime::TokioRuntime;
use skybridge_testkit::origin::Origin;
use tokio::net::TcpStream;
use tower::{Service, ServiceExt, service_fn};

/// Everything of this that connects is in tokio: the nouns are all that the two have in common.
#[tokio::test]
async fn a_closure_that_connects_is_a_connector() {
    let origin = Origin::h1().start().await;
    let address = origin.addr();
    let mut connector = service_fn(move |route: Route| async move {
        let stream = TcpStream::connect(address).await?;
        Ok::<_, ConnectError>(route.link(stream, address))
    });
    let target = Target::of(&"http://a.test/".parse().unwrap(), TokioRuntime::ctx()).unwrap();
    let link = connector.connect(Route::to(target, [address])).await.unwrap();
    assert_eq!(link.info.remote.inet(), Some(address));
    assert_eq!(link.info.route.target.origin().to_string(), "http://a.test");
}

/// One connection is a program's whole client.
#[tokio::test]
async fn a_handshake_makes_a_service_of_a_socket() {
    let origin = Origin::h1().enqueue("one").enqueue("two").start().await;
    let uri = origin.url("/").parse().unwrap();
    let stream = TcpStream::connect(origin.addr()).await.unwrap();
    let link = Link::of(stream, &uri, TokioRuntime::ctx()).unwrap();

    let handshake = HandshakeService::new(skybridge_h1::H1::<String>::new());
    let mut connection = handshake.oneshot(link).await.unwrap();
    for expected in ["one", "two"] {
        let request = http::Request::get(uri.clone()).body(String::new()).unwrap();
        let response = connection.ready().await.unwrap().call(request).await.unwrap();
        assert_eq!(super::text(response.into_body()).await, expected);
    }
    assert_eq!(origin.connections(), 1);
}
