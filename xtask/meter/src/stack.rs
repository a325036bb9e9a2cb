//! The whole stack, over the same peers. In cleartext TLS and the tunnel are in it too, and pass.

use crate::sealed;
use bytes::Bytes;
use http::{Request, Response};
use http_body::Body as HttpBody;
use http_body_util::BodyExt;
use skybridge_bare::{
    Body, Outcome, Over, Shape, Version,
    peer::{self, Wire},
};
use skybridge_core::{Attempt, ConnInfo, ConnectError, ConnectOptions, Endpoint, Error, HttpVersions, Link, Phase};
use skybridge_dns::Fixed;
use skybridge_h1::H1;
use skybridge_h2::H2;
use skybridge_negotiate::NegotiateLayer;
use skybridge_pool::PoolLayer;
use skybridge_retry::RetryLayer;
use skybridge_route::RouteLayer;
use skybridge_runtime::TokioRuntime;
use skybridge_tcp::RaceLayer;
use skybridge_tunnel::TunnelLayer;
use std::future::{Ready, ready};
use tower::{Service, ServiceBuilder, ServiceExt, service_fn};

/// What a connection may speak, so that it speaks this.
pub(crate) fn http_versions(version: Version) -> HttpVersions {
    match version {
        Version::H1 => HttpVersions::Http1,
        Version::H2 => HttpVersions::Http2,
    }
}

/// Which retry layer is on top.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Retry {
    Unsent,
    Safe,
}

/// What is measured: everything between a request and its response.
pub(crate) fn stack(
    version: Version,
    retry: Retry,
    over: Over,
) -> impl Service<Request<Body>, Response = Response<impl HttpBody<Data = Bytes, Error = Error>>, Error = Error> {
    let layer = match retry {
        Retry::Unsent => RetryLayer::unsent(),
        Retry::Safe => RetryLayer::replaying(again),
    };
    let mut connect_options = ConnectOptions::default();
    connect_options.http_versions = http_versions(version);
    ServiceBuilder::new()
        .layer(layer)
        .layer(PoolLayer::new(TokioRuntime::current()).connect_options(connect_options))
        .layer(RouteLayer::new(Fixed::new([Endpoint::from(([192, 0, 2, 1], 80))])))
        .layer(NegotiateLayer::new(H1::new(), H2::new()))
        .layer(sealed::layer(over))
        .layer(TunnelLayer::new())
        .layer(RaceLayer::happy_eyeballs())
        .service(service_fn(move |attempt: Attempt| dial(version, over, &attempt)))
}

fn again(body: &Body) -> Option<Body> {
    Some(body.clone())
}

/// Connects to a new peer.
pub(crate) fn dial(version: Version, over: Over, attempt: &Attempt) -> Ready<Result<Link<Wire>, ConnectError>> {
    let phase = attempt.phase(Phase::Tcp);
    let io = match version {
        Version::H1 => peer::h1(over),
        Version::H2 => peer::h2(over),
    };
    let mut info = ConnInfo::new(attempt, None, attempt.endpoint.clone());
    info.timings.set(Phase::Tcp, phase.done());
    ready(Ok(Link::new(io, info)))
}

/// One request, read to its end.
pub(crate) async fn send<S, R>(stack: &mut S, shape: Shape, over: Over) -> Outcome<usize>
where
    S: Service<Request<Body>, Response = Response<R>, Error = Error>,
    R: HttpBody<Data = Bytes, Error = Error>,
{
    let request = shape.request::<Body>(over);
    let mut body = std::pin::pin!(stack.ready().await?.call(request).await?.into_body());
    let mut read = 0;
    while let Some(frame) = body.frame().await {
        read += frame?.data_ref().map_or(0, Bytes::len);
    }
    Ok(read)
}
