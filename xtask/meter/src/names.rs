//! Names: a request on a connection that carries many of them costs what it costs on one that carries few.

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Empty};
use skybridge_core::{
    Capacity, CertificateScope, ConnInfo, ConnectError, Connection, Endpoint, Endpoints, Error, Origin, Plan, Protocol,
    ResponseResult, Route, StatusListener, Target, TlsInfo, Trust,
};
use skybridge_counting::{allocated, allocations};
use skybridge_pool::{PoolConfig, PoolLayer};
use skybridge_runtime::TokioRuntime;
use std::{
    future::{Ready, ready},
    sync::Arc,
    task::{Context, Poll},
};
use tower::{Layer, Service, service_fn};

const COUNTED: u64 = 100;
const FEW: u64 = 2;
const MANY: u64 = 1000;

type Body = Empty<Bytes>;

/// Prints what a request costs in allocations, and in bytes of them; false when many names cost more than few.
pub(crate) fn gate() -> bool {
    let (few, many) = match (per_request(FEW), per_request(MANY)) {
        (Ok(few), Ok(many)) => (few, many),
        (Err(error), _) | (_, Err(error)) => {
            println!("\nmany names on a connection FAILED: {error}");
            return false;
        }
    };
    let verdict = if many <= few { "ok" } else { "NOT THE SAME" };
    let [(few, few_bytes), (many, many_bytes)] = [few, many];
    println!(
        "allocations (bytes) per request in the pool: {few} ({few_bytes}) with {FEW} names on a connection, {many} \
         ({many_bytes}) with {MANY}   {verdict}"
    );
    verdict == "ok"
}

/// Allocations, and bytes, of a request under the first of so many names.
fn per_request(names: u64) -> Result<(u64, u64), Box<dyn std::error::Error>> {
    let runtime = skybridge_bare::runtime()?;
    runtime.block_on(async {
        let planner = service_fn(|target: Target| ready(Ok::<_, ConnectError>(planned(target))));
        let layer = PoolLayer::new(TokioRuntime::current()).config(PoolConfig::new().max_idle(1));
        let mut pool = layer.layer(planner);
        let (mut before, mut after) = ((0, 0), (0, 0));
        for n in 0..names + COUNTED {
            let name = if n < names { n } else { 0 };
            if n == names {
                before = (allocations(), allocated());
            }
            let request = Request::get(format!("https://h{name}.test/")).body(Body::new())?;
            pool.call(request).await?.into_body().collect().await?;
            after = (allocations(), allocated());
        }
        let stats = pool.stats();
        if (stats.origins as u64, stats.idle) != (names, 1) {
            return Err(format!("{names} names share one connection, and not: {stats:?}").into());
        }
        Ok(((after.0 - before.0) / COUNTED, (after.1 - before.1) / COUNTED))
    })
}

fn planned(target: Target) -> RoutePlan {
    RoutePlan(Route::direct(target, Endpoints::fixed([Endpoint::from(([192, 0, 2, 1], 443))])))
}

struct RoutePlan(Route);

impl Plan for RoutePlan {
    type Connection = Answers;
    type Connecting = Ready<Result<Answers, ConnectError>>;

    fn route(&self) -> &Route {
        &self.0
    }

    fn connect(self) -> Self::Connecting {
        let at = Endpoint::from(([192, 0, 2, 1], 443));
        let mut info = ConnInfo::new(&self.0.attempt(at.clone()), None, at);
        let mut tls = TlsInfo::new(Arc::new(Anybody));
        tls.trust = Trust::Verified;
        info.tls = Some(tls);
        ready(Ok(Answers { info: info.freeze(Protocol::Http2) }))
    }
}

struct Anybody;

impl CertificateScope for Anybody {
    fn covers(&self, _: &Origin) -> bool {
        true
    }
}

/// A connection that answers at once.
struct Answers {
    info: Arc<ConnInfo>,
}

impl Connection<Body> for Answers {
    type Body = Body;

    fn info(&self) -> &Arc<ConnInfo> {
        &self.info
    }

    fn capacity(&self) -> Capacity {
        Capacity::Streams(100)
    }

    fn share(&self) -> Option<Self> {
        Some(Self { info: Arc::clone(&self.info) })
    }

    fn subscribe(&self, _: Arc<dyn StatusListener>) {}

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn start(&mut self, _: Request<Body>) {}

    fn poll_response(&mut self, _: &mut Context<'_>) -> Poll<ResponseResult<Body, Body>> {
        Poll::Ready(Ok(Response::new(Body::new())))
    }
}
