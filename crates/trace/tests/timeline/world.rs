use http::{Request, Response};
use skybridge::{Client, ClientBuilder, HttpVersions, RequestBody, RequestOptions, types::CallId};
use skybridge_testkit::{
    executor::{Executor, run_until_idle},
    net::{Dialer, Names, Network},
    origin::{Builder, Origin},
};
use skybridge_trace::Recorder;
use std::{future::Future, net::SocketAddr, sync::Arc, time::Duration};

/// An in-memory network on virtual time, and a client with a recorder.
pub struct World {
    pub net: Network,
    pub executor: Executor,
    pub recorder: Arc<Recorder>,
}

impl World {
    pub fn new() -> Self {
        Self { net: Network::new(), executor: Executor::new(), recorder: Recorder::new() }
    }

    /// `a.test`, resolved after 12 ms, with a latency of 20 ms.
    pub fn far() -> Self {
        let world = Self::new();
        world.net.host("a.test", [addr().ip()]).latency(ms(12));
        world.net.at(addr()).connect_latency(ms(40)).latency(ms(20));
        world
    }

    /// The same, with an origin that answers after 30 ms.
    pub fn usual() -> (Self, Origin) {
        let world = Self::far();
        let origin = slow(Origin::h1()).serve_on(world.net.listen(addr()));
        (world, origin)
    }

    pub fn builder(&self) -> ClientBuilder<Names, Dialer> {
        let builder = Client::builder().runtime(self.executor.runtime()).observer(self.recorder.clone());
        builder.resolver(self.net.resolver()).dialer(self.net.dialer())
    }

    pub fn client(&self) -> Client {
        self.builder().build()
    }

    /// The timeline of a call, as it is printed.
    pub fn drawn(&self, call: u64) -> String {
        self.recorder.timeline(CallId(call)).titled("GET http://a.test/").to_string()
    }
}

pub fn slow(origin: Builder) -> Builder {
    origin.handle(|_| async {
        tokio::time::sleep(ms(30)).await;
        Response::new(http_body_util::Full::from("hello"))
    })
}

pub fn addr() -> SocketAddr {
    "192.0.2.1:80".parse().unwrap()
}

pub fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

pub fn get() -> Request<RequestBody> {
    Request::get("http://a.test/").body(RequestBody::empty()).unwrap()
}

pub fn h2(mut request: Request<RequestBody>) -> Request<RequestBody> {
    request.extensions_mut().insert(RequestOptions::new().http_versions(HttpVersions::Http2));
    request
}

/// Sends a request, reads the whole response, and runs all tasks until they are idle.
pub async fn read(call: impl Future<Output = Result<Response<skybridge::Body>, skybridge::Error>>) {
    if let Ok(response) = call.await {
        response.into_body().text().await.unwrap();
    }
    run_until_idle().await;
}
