//! tower's and tower-http's layers in both orders: each test is a row of `skybridge::layers`, and shows what goes wrong
//! in the other order.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, its helpers too")]

mod load;
mod messages;
mod page;
mod redirects;
mod time;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, combinators::UnsyncBoxBody};
use skybridge::{Error, H1, H2, NegotiateLayer, PoolConfig, PoolLayer, RaceLayer, RequestBody, RouteLayer};
use skybridge_testkit::{h1::Script, net::Listener, net::Serving};
use skybridge_tests::World;
use std::{
    fmt::Debug,
    sync::{Arc, Mutex},
    time::Duration,
};
use tower::{BoxError, Service, ServiceBuilder, ServiceExt, util::BoxCloneSyncService};

/// A service of requests, whatever it is made of.
type Erased = BoxCloneSyncService<Request<RequestBody>, Response<UnsyncBoxBody<Bytes, BoxError>>, BoxError>;

/// The pool and what is below it: what is put on it is at the seam below retry.
fn pool(world: &World) -> Erased {
    pool_with(world, PoolConfig::new())
}

fn pool_with(world: &World, config: PoolConfig) -> Erased {
    erased(
        ServiceBuilder::new()
            .layer(PoolLayer::shared(world.executor.runtime()).config(config).observer(world.recorder.clone()))
            .layer(RouteLayer::new(world.net.resolver()))
            .layer(NegotiateLayer::new(H1::new(), H2::new()))
            .layer(RaceLayer::happy_eyeballs())
            .service(world.net.dialer()),
    )
}

/// So that stacks of different orders have one type.
fn erased<S, B>(stack: S) -> Erased
where
    S: Service<Request<RequestBody>, Response = Response<B>, Error: Into<BoxError>, Future: Send>
        + Clone
        + Send
        + Sync
        + 'static,
    B: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    let boxed = |response: Response<B>| response.map(|body| body.map_err(Into::into).boxed_unsync());
    BoxCloneSyncService::new(stack.map_response(boxed).map_err(Into::into))
}

/// Sends, and reads the whole answer.
async fn ask<S, B>(stack: &S, request: Request<RequestBody>) -> Result<String, Error>
where
    S: Service<Request<RequestBody>, Response = Response<B>, Error: Into<BoxError>> + Clone,
    B: http_body::Body<Data = Bytes, Error: Debug>,
{
    let response = stack.clone().oneshot(request).await.map_err(|error| Error::from(error.into()))?;
    let body = response.into_body().collect().await.unwrap().to_bytes();
    Ok(String::from_utf8(body.to_vec()).unwrap())
}

/// An origin the first connections of which end without an answer, each after `delay`; the others answer after it.
struct Flaky {
    _serving: Serving,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Flaky {
    fn new(listener: Listener, failing: usize, delay: Duration) -> Self {
        let heads = Arc::<Mutex<Vec<String>>>::default();
        let seen = Arc::clone(&heads);
        let serving = listener.serve(move |index, conn| {
            let heads = Arc::clone(&seen);
            async move {
                let mut script = Script::new(conn);
                while let Some(request) = script.next_request().await {
                    heads.lock().unwrap().push(request.head().to_owned());
                    tokio::time::sleep(delay).await;
                    if index < failing
                        || script.try_send("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello").await.is_err()
                    {
                        break;
                    }
                }
            }
        });
        Self { _serving: serving, heads }
    }

    /// How often it was asked.
    fn asked(&self) -> usize {
        self.heads.lock().unwrap().len()
    }

    /// A field of each request.
    fn values(&self, name: &str) -> Vec<String> {
        let heads = self.heads.lock().unwrap();
        let value = |head: &String| {
            let line = head.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")));
            line.unwrap_or_default().to_owned()
        };
        heads.iter().map(value).collect()
    }
}
