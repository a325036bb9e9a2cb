//! By the page of `skybridge_negotiate`.

use skybridge_core::{ConnectError, Ctx, Handshake, Link, Protocol, Route, Target, TlsInfo};
use skybridge_negotiate::{NegotiateLayer, Negotiated};
use skybridge_runtime::TokioRuntime;
use std::future::{Ready, ready};
use tokio::io::DuplexStream;
use tower::{Layer, ServiceExt, service_fn};

/// A protocol of somebody else, which hasn't anything to say.
#[derive(Clone)]
struct Silent(&'static str);

impl Handshake<DuplexStream> for Silent {
    type Connection = &'static str;
    type Future = Ready<Result<&'static str, ConnectError>>;

    fn handshake(&self, _: Link<DuplexStream>, _: &Ctx) -> Self::Future {
        ready(Ok(self.0))
    }
}

/// The connector runs TLS by itself, and says what was agreed on.
#[tokio::test]
async fn what_a_connector_says_of_alpn_decides() {
    for (alpn, expected) in [(Protocol::Http1, "mine"), (Protocol::Http2, "theirs")] {
        let connector = service_fn(move |route: Route| async move {
            let endpoint = route.endpoints.snapshot()[0].clone();
            let mut link = route.link(tokio::io::duplex(64).0, endpoint);
            let mut tls = TlsInfo::unknown();
            tls.alpn = Some(alpn);
            link.info.tls = Some(tls);
            Ok::<_, ConnectError>(link)
        });
        let service = NegotiateLayer::new(Silent("mine"), Silent("theirs")).layer(connector);
        let target = Target::of(&"https://a.test/".parse().unwrap(), TokioRuntime::ctx()).unwrap();
        let route = Route::to(target, [std::net::SocketAddr::from(([192, 0, 2, 1], 443))]);
        let said = match service.oneshot(route).await.unwrap() {
            Negotiated::Http1(said) => said,
            Negotiated::Http2(said) => *said,
        };
        assert_eq!(said, expected);
    }
}
