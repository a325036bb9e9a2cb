//! A stack's lower half, put together layer by layer at run time.

use super::{
    parties::{Parties, Tapped, careless, tls},
    stacks::{Bottom, Layer},
};
use skybridge::{
    ConnectError, RaceLayer, RouteLayer, TlsLayer, TunnelLayer,
    types::{Attempt, BoxFuture, Io, Link, Route},
};
use skybridge_hyper::{FromHyper, HyperLayer};
use skybridge_testkit::net::Conn;
use tower::{Layer as _, Service, ServiceBuilder, ServiceExt, service_fn, util::BoxCloneSyncService};

/// A connector of any type.
pub(crate) type Links = BoxCloneSyncService<Route, Link<Box<dyn Io>>, ConnectError>;

fn erase<S, I>(connector: S) -> Links
where
    S: Service<Route, Response = Link<I>, Error: Into<ConnectError>, Future: Send> + Clone + Send + Sync + 'static,
    I: Io,
{
    let boxed = |link: Link<I>| link.map_io(|io| -> Box<dyn Io> { Box::new(io) });
    BoxCloneSyncService::new(connector.map_response(boxed).map_err(Into::into))
}

/// Layers that make links, from the top.
pub(crate) fn links(layers: &[Layer], bottom: Bottom, parties: &Parties) -> Links {
    match layers {
        [Layer::Tls, below @ ..] => erase(TlsLayer::new(tls()).layer(links(below, bottom, parties))),
        [Layer::Tunnel, below @ ..] => {
            erase(TunnelLayer::new().proxy_tls(tls().tls_connector()).layer(links(below, bottom, parties)))
        }
        [Layer::Race] => race(bottom, parties),
        [] => connector(bottom, parties),
        layers => panic!("{layers:?} make no link"),
    }
}

fn race(bottom: Bottom, parties: &Parties) -> Links {
    let race = RaceLayer::happy_eyeballs();
    match bottom {
        Bottom::Tcp => erase(race.layer(tcp(parties))),
        Bottom::FromHyper => erase(race.layer(FromHyper::new(foreign(parties)))),
        Bottom::SealingGuest => erase(race.layer(FromHyper::with_tls(sealing(parties)))),
    }
}

fn connector(bottom: Bottom, parties: &Parties) -> Links {
    match bottom {
        Bottom::Tcp => panic!("it is no connector"),
        Bottom::FromHyper => erase(FromHyper::new(foreign(parties))),
        Bottom::SealingGuest => erase(FromHyper::with_tls(sealing(parties))),
    }
}

/// Stands in for TCP.
pub(crate) fn tcp(
    parties: &Parties,
) -> impl Service<Attempt, Response = Link<Tapped<Conn>>, Error = ConnectError, Future: Send> + Clone + Send + Sync + use<>
{
    let wire = parties.wire.clone();
    parties.net.dialer().map_response(move |link| link.map_io(|io| Tapped::writing(io, &wire)))
}

type Foreign<T> = BoxFuture<std::io::Result<T>>;

/// Opens streams.
fn foreign(
    parties: &Parties,
) -> impl Service<
    http::Uri,
    Response = hyper_util::rt::TokioIo<Tapped<Conn>>,
    Error = std::io::Error,
    Future = Foreign<hyper_util::rt::TokioIo<Tapped<Conn>>>,
> + Clone
+ Send
+ Sync
+ use<> {
    let (net, wire) = (parties.net.clone(), parties.wire.clone());
    service_fn(move |uri| -> Foreign<_> { Box::pin(careless(net.clone(), wire.clone(), uri)) })
}

/// Seals `https`, as hyper-rustls' connector does: one of ours, so that there is no need for another.
fn sealing(
    parties: &Parties,
) -> impl Service<
    http::Uri,
    Response: hyper::rt::Read + hyper::rt::Write + hyper_util::client::legacy::connect::Connection + Send + Unpin,
    Error = ConnectError,
    Future: Send,
> + Clone
+ Send
+ Sync
+ use<> {
    ServiceBuilder::new()
        .layer(HyperLayer::shared(parties.executor.runtime()))
        .layer(RouteLayer::new(parties.net.resolver()))
        .layer(TlsLayer::new(tls()))
        .layer(RaceLayer::happy_eyeballs())
        .service(tcp(parties))
}
