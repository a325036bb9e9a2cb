//! What the tests of this crate stand on.
#![allow(dead_code, clippy::unwrap_used, reason = "each test target uses a part of it, and a test may panic")]

use http_body_util::BodyExt;
use skybridge::{Client, ClientBuilder, Endpoint, Error, RequestBody, seams::ClientStack};
use skybridge_balance::BalanceLayer;
use skybridge_testkit::{
    executor::Executor,
    net::{Dialer, Names, Network},
    origin::Origin,
};
use std::{error::Error as StdError, net::IpAddr};

pub(crate) const URL: &str = "http://api.test/";

/// A network with `api.test`, whose servers are at 192.0.2.x, and a balancer for it.
pub(crate) struct Stage {
    pub(crate) net: Network,
    pub(crate) executor: Executor,
    pub(crate) layer: BalanceLayer<Names, RequestBody>,
}

pub(crate) fn ip(last: u8) -> IpAddr {
    [192, 0, 2, last].into()
}

pub(crate) fn endpoint(last: u8) -> Endpoint {
    Endpoint::from(([192, 0, 2, last], 80))
}

impl Stage {
    pub(crate) fn new(servers: impl IntoIterator<Item = u8>) -> Self {
        let (net, executor) = (Network::new(), Executor::new());
        net.host("api.test", servers.into_iter().map(ip));
        let layer = BalanceLayer::shared(executor.runtime(), &URL.parse().unwrap(), net.resolver()).unwrap();
        Self { net, executor, layer }
    }

    pub(crate) fn server(&self, last: u8) -> Origin {
        Origin::h1().handle(move |_| async move { named(last) }).serve_on(self.net.listen((ip(last), 80).into()))
    }

    pub(crate) fn connects(&self, last: u8) -> usize {
        self.net.connects_to((ip(last), 80).into())
    }

    /// Without a balancer.
    pub(crate) fn builder(&self) -> ClientBuilder<Names, Dialer> {
        let builder = Client::builder().runtime(self.executor.runtime());
        builder.resolver(self.net.resolver()).dialer(self.net.dialer())
    }

    pub(crate) fn client(&self) -> Client<impl ClientStack<Sending: Send> + Send + Sync + use<>> {
        self.builder().above_pool(self.layer.clone()).build()
    }
}

pub(crate) fn named(last: u8) -> http::Response<String> {
    http::Response::builder().header("server", u16::from(last)).body("hello".to_owned()).unwrap()
}

pub(crate) fn server_of<B>(response: &http::Response<B>) -> Endpoint {
    endpoint(response.headers()["server"].to_str().unwrap().parse().unwrap())
}

pub(crate) async fn get<S: ClientStack>(client: &Client<S>) -> Result<Endpoint, Error> {
    let response = client.get(URL).await?;
    let from = server_of(&response);
    response.into_body().collect().await?;
    Ok(from)
}

pub(crate) fn has_cause<E: StdError + PartialEq + 'static>(error: &Error, wanted: &E) -> bool {
    std::iter::successors(error.source(), |&error| error.source())
        .any(|error| error.downcast_ref::<E>().is_some_and(|found| found == wanted))
}
