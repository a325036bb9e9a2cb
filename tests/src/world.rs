#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test tool says what it misses by panicking")]

use http::{Request, Response};
use skybridge::{Body, Client, ClientBuilder, Error, HttpVersions, RequestBody, RequestOptions};
use skybridge_testkit::{
    executor::Executor,
    net::{Dialer, Listener, Names, Network},
    observe::Recorder,
};
use std::{future::Future, net::SocketAddr, sync::Arc};
use tokio::task::JoinSet;

/// A name that the network knows.
pub const HOST: &str = "a.test";
/// Where it is.
pub const ADDR: &str = "192.0.2.1:80";

/// A network in memory, an executor that counts tasks, and an observer that records events.
#[derive(Debug)]
pub struct World {
    /// With one host, [`HOST`] at [`ADDR`].
    pub net: Network,
    /// Of every task of the client.
    pub executor: Executor,
    /// The observer of the clients of [`builder`](World::builder).
    pub recorder: Arc<Recorder>,
}

// === impl World ===

impl World {
    /// Nothing has happened in it.
    pub fn new() -> Self {
        let world = Self { net: Network::new(), executor: Executor::new(), recorder: Recorder::new() };
        world.net.host(HOST, [addr().ip()]);
        world
    }

    /// Opens the port of [`ADDR`].
    pub fn listen(&self) -> Listener {
        self.net.listen(addr())
    }

    /// A client of this world, to be configured.
    pub fn builder(&self) -> ClientBuilder<Names, Dialer> {
        let builder = Client::builder().runtime(self.executor.runtime()).observer(self.recorder.clone());
        builder.resolver(self.net.resolver()).dialer(self.net.dialer())
    }

    /// A client with all defaults.
    pub fn client(&self) -> Client {
        self.builder().build()
    }

    /// When the last client is gone: no task, no socket, every phase that began is over.
    pub async fn assert_nothing_left(&self) {
        self.executor.assert_idle().await;
        assert_eq!(self.net.live_sockets(), 0, "sockets are left");
        self.recorder.assert_balanced();
    }
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}

/// [`ADDR`].
pub fn addr() -> SocketAddr {
    ADDR.parse().expect("an address")
}

/// `GET` of a path at [`HOST`].
pub fn get(path: &str) -> Request<RequestBody> {
    Request::get(format!("http://{HOST}{path}")).body(RequestBody::empty()).expect("a request")
}

/// `POST` of a body to [`HOST`].
pub fn post(body: impl Into<RequestBody>) -> Request<RequestBody> {
    Request::post(format!("http://{HOST}/")).body(body.into()).expect("a request")
}

/// The same request, by HTTP/2 with prior knowledge.
pub fn h2(request: Request<RequestBody>) -> Request<RequestBody> {
    wishing(request, |options| options.http_versions(HttpVersions::Http2))
}

/// The same request with changed options.
pub fn wishing(
    mut request: Request<RequestBody>,
    options: impl FnOnce(RequestOptions) -> RequestOptions,
) -> Request<RequestBody> {
    let changed = request.extensions_mut().remove::<RequestOptions>().unwrap_or_default();
    request.extensions_mut().insert(options(changed));
    request
}

/// Sends, and reads the whole answer.
///
/// # Errors
/// Those of the call and of the body.
pub async fn read(call: impl Future<Output = Result<Response<Body>, Error>>) -> Result<String, Error> {
    call.await?.into_body().text().await
}

/// Runs all at once; what they return, in order of their ends.
pub async fn all<F>(futures: impl IntoIterator<Item = F>) -> Vec<F::Output>
where
    F: Future<Output: Send> + Send + 'static,
{
    futures.into_iter().collect::<JoinSet<_>>().join_all().await
}
