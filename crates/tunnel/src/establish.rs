use crate::{
    BoxedIo, TunnelError, TunnelIo, connect,
    connect::Challenges,
    hop::Hop,
    http2::{Connection, Lead, Place, Shared, Turn},
    proxy_target::ProxyTarget,
    settings::Settings,
    socks4, socks5,
};
use bytes::Bytes;
use skybridge_core::{
    ConnInfo, ConnectError, Connector, Ctx, Endpoints, EventKind, Io, Link, Phase, Protocol, Proxy, ProxyKind,
    ProxyStep, Route, Span, TlsConnect, phase_timeout,
};
use std::{
    future::{Future, poll_fn},
    mem,
    pin::pin,
    sync::Arc,
};

/// How many connections of others are joined that turn out to have ended, before there is one of one's own.
const JOINS: usize = 2;

/// Connects to the first proxy, and tunnels through all of them. The answer to a challenge whose connection can't go on
/// is sent on a new one, to the same address.
pub(crate) async fn establish<S, L>(
    mut connector: S,
    route: Route,
    tls_connect: L,
    settings: Arc<Settings>,
    http2: Option<Arc<Shared>>,
) -> Result<Tunnelled<S, L>, ConnectError>
where
    S: Connector,
    L: TlsConnect<S::Io> + TlsConnect<BoxedIo>,
{
    let place = Shared::place(&route);
    let mut challenges: Vec<_> = route.proxies.iter().map(|_| Challenges::none(&route)).collect();
    let (mut route, mut endpoint) = (route, None);
    let (mut joins, mut refusals, mut is_ready) = (JOINS, 1, true);
    loop {
        let answered = |challenges: &[Challenges]| challenges.iter().map(Challenges::answered).sum::<usize>();
        let before = answered(&challenges);
        let turn = match (&http2, place) {
            (Some(shared), Some(proxy)) if joins > 0 && refusals > 0 => shared.turn(&route, proxy).await,
            _ => Turn::Alone,
        };
        let ended = match turn {
            Turn::Join(stream) => {
                let (connection, proxy) = (Arc::clone(stream.connection()), place.unwrap_or_default());
                let info = connection.info(&route);
                // Whoever opened it was judged for an origin of its own.
                let target = &route.target;
                if let Err(refused) = target.connect_options().egress.check_proxy(target.origin(), &info.remote) {
                    return Err(ConnectError::new(Phase::Tunnel, refused).fatal());
                }
                match through_http2(stream, info, proxy, &settings, &mut challenges).await {
                    Ok(link) => {
                        let http2 = Http2 { on: true, lead: None };
                        through_rest(link, proxy + 1, tls_connect.clone(), &settings, http2, &mut challenges).await
                    }
                    // It has ended, or answers no more: that is not the fault of who has joined it.
                    Err(error) if connection.is_gone() && !error.is_fatal() => {
                        joins -= 1;
                        continue;
                    }
                    // Nothing was done for it (RFC 9113, section 8.7), and another connection may have room.
                    Err(_) if challenges.get_mut(proxy).is_some_and(Challenges::take_refused_stream) => {
                        refusals -= 1;
                        continue;
                    }
                    Err(error) => Err(error),
                }
            }
            turn => {
                if !mem::take(&mut is_ready) {
                    poll_fn(|cx| connector.poll_ready(cx)).await.map_err(Into::into)?;
                }
                let endpoints =
                    endpoint.take().map(|endpoint| mem::replace(&mut route.endpoints, Endpoints::fixed([endpoint])));
                let mut link = connector.connect(route).await.map_err(Into::into)?;
                if let Some(endpoints) = endpoints {
                    link.info.route.endpoints = endpoints;
                }
                route = link.info.route.clone();
                endpoint = Some(link.info.remote.clone());
                let lead = if let Turn::Lead(lead) = turn { place.map(|proxy| (proxy, lead)) } else { None };
                let http2 = Http2 { on: http2.is_some(), lead };
                tunnel_through_all(link, tls_connect.clone(), &settings, http2, &mut challenges).await
            }
        };
        match ended {
            // Only for an answer of this round, so that it ends: each proxy is answered so often and no more.
            Err(_) if answered(&challenges) > before && challenges.iter().any(Challenges::need_new_connection) => {}
            ended => return ended,
        }
    }
}

/// What `establish` comes to.
type Tunnelled<S, L> = Link<TunnelIo<<S as Connector>::Io, <L as TlsConnect<<S as Connector>::Io>>::Io>>;

/// Whether HTTP/2 is spoken, and who waits for the connection to the proxy at this place.
struct Http2 {
    on: bool,
    lead: Option<(usize, Lead)>,
}

impl Http2 {
    /// Those who wait for the proxy at this place.
    fn lead(&mut self, proxy: usize) -> Option<Lead> {
        self.lead.take_if(|(place, _)| *place == proxy).map(|(_, lead)| lead)
    }
}

/// Turns a link to the first proxy into a link through all of them.
async fn tunnel_through_all<I, L>(
    link: Link<I>,
    tls_connect: L,
    settings: &Settings,
    mut http2: Http2,
    challenges: &mut [Challenges],
) -> Result<Link<TunnelIo<I, <L as TlsConnect<I>>::Io>>, ConnectError>
where
    I: Io,
    L: TlsConnect<I> + TlsConnect<BoxedIo>,
{
    if let Err(unfit) = link.info.fit_for_tunnel() {
        return Err(link.phase(Phase::Tunnel).fail(unfit));
    }
    let (ctx, proxies) = (link.info.route.ctx().clone(), Arc::clone(&link.info.route.proxies));
    if let Some(proxy) = proxies.first() {
        ctx.emit(Some(link.info.attempt), None, EventKind::AtProxy(proxy));
    }
    let link = match proxies.first() {
        Some(proxy) if proxy.kind == ProxyKind::Https => {
            let (mut link, protocol) = tls_to_proxy(tls_connect.clone(), link, proxy, &ctx).await?;
            if protocol == Some(Protocol::Http2) && http2.on && forwards(&link.info.route, 0) {
                link.info.protocol = protocol;
            } else if protocol == Some(Protocol::Http2) {
                let link = begin_tunnel(link, 0, settings, &mut http2, challenges).await?;
                return through_rest(link, 1, tls_connect, settings, http2, challenges).await;
            } else if let Some(lead) = http2.lead(0) {
                lead.http1(ctx.runtime().now());
            }
            link.map_io(TunnelIo::tls)
        }
        _ => link.map_io(TunnelIo::plain),
    };
    through_rest(link, 0, tls_connect, settings, http2, challenges).await
}

/// Through all proxies but the first ones.
async fn through_rest<I, T, L>(
    mut link: Link<TunnelIo<I, T>>,
    first: usize,
    tls_connect: L,
    settings: &Settings,
    mut http2: Http2,
    challenges: &mut [Challenges],
) -> Result<Link<TunnelIo<I, T>>, ConnectError>
where
    I: Io,
    T: Io,
    L: TlsConnect<BoxedIo>,
{
    let route = &link.info.route;
    let (ctx, proxies) = (route.ctx().clone(), Arc::clone(&route.proxies));
    for (i, proxy) in proxies.iter().enumerate().skip(first) {
        if i > 0 {
            ctx.emit(Some(link.info.attempt), None, EventKind::AtProxy(proxy));
        }
        if i > 0 && proxy.kind == ProxyKind::Https {
            let boxed = link.map_io(|io| -> BoxedIo { Box::new(io) });
            let (sealed, protocol) = tls_to_proxy(tls_connect.clone(), boxed, proxy, &ctx).await?;
            link = sealed.map_io(TunnelIo::boxed);
            if protocol == Some(Protocol::Http2) && http2.on && forwards(&link.info.route, i) {
                link.info.protocol = protocol;
            } else if protocol == Some(Protocol::Http2) {
                link = begin_tunnel(link, i, settings, &mut http2, challenges).await?;
                continue;
            } else if let Some(lead) = http2.lead(i) {
                lead.http1(ctx.runtime().now());
            }
        }
        if forwards(&link.info.route, i) {
            (link.info.forwarded, link.info.proxies_passed) = (true, proxies.len());
            break;
        }
        let proxy_target = target_of(&link.info.route, i);
        let Some(challenges) = challenges.get_mut(i) else { break };
        link = tunnel(link, proxy, &proxy_target, settings, challenges).await?;
        (link.info.tunnelled, link.info.proxies_passed) = (true, i + 1);
    }
    Ok(link)
}

/// Whether the proxy at this place forwards the requests, rather than give a tunnel.
fn forwards(route: &Route, proxy: usize) -> bool {
    proxy + 1 == route.proxies.len() && route.is_forwarded()
}

/// What the proxy at this place is asked for: the next one, or the origin.
fn target_of(route: &Route, proxy: usize) -> ProxyTarget {
    route.proxies.get(proxy + 1).map_or_else(|| ProxyTarget::origin(route), ProxyTarget::proxy)
}

/// A connection of HTTP/2 to the proxy at this place, and the first tunnel of it. Those who wait for it join it.
async fn begin_tunnel<I, J, T>(
    link: Link<J>,
    proxy: usize,
    settings: &Settings,
    http2: &mut Http2,
    challenges: &mut [Challenges],
) -> Result<Link<TunnelIo<I, T>>, ConnectError>
where
    J: Io,
{
    let proxies = Arc::clone(&link.info.route.proxies);
    let (named, lead) = (proxies.get(proxy), http2.lead(proxy));
    if !http2.on {
        return Err(link.phase(Phase::Tunnel).fail(TunnelError::NoHttp2.into_connect_error(named)));
    }
    let connection = begin_http2(link, named, settings).await?;
    let Some(stream) = connection.place() else {
        let info = connection.first_info();
        return Err(info.phase(Phase::Tunnel).fail(TunnelError::Closed.into_connect_error(named)));
    };
    let asked = through_http2(stream, connection.first_info(), proxy, settings, challenges);
    while_others_join(asked, &connection, lead).await
}

async fn begin_http2<I: Io>(
    link: Link<I>,
    proxy: Option<&Proxy>,
    settings: &Settings,
) -> Result<Arc<Connection>, ConnectError> {
    let guard = link.phase(Phase::Tunnel);
    let ctx = link.info.route.ctx().clone();
    match phase_timeout(&ctx, Phase::Tunnel, settings.limit, Connection::begin(link.io, link.info)).await {
        Ok(Ok(connection)) => {
            guard.done();
            Ok(connection)
        }
        Ok(Err(error)) => Err(guard.fail(error.into_connect_error(proxy))),
        Err(timed_out) => Err(guard.fail(timed_out)),
    }
}

/// Lets others join the connection once the proxy's SETTINGS are known, whatever becomes of the first tunnel. If it
/// comes to nothing before, those who wait are told so.
async fn while_others_join<T>(
    asked: impl Future<Output = T>,
    connection: &Arc<Connection>,
    mut lead: Option<Lead>,
) -> T {
    let mut asked = pin!(asked);
    poll_fn(|cx| {
        let ended = asked.as_mut().poll(cx);
        if lead.is_some()
            && connection.poll_announced(cx).is_ready()
            && let Some(lead) = lead.take()
        {
            lead.live(connection);
        }
        ended
    })
    .await
}

/// A tunnel through the proxy at this place, as a stream of this connection.
async fn through_http2<I, T>(
    place: Place,
    mut info: Box<ConnInfo>,
    proxy: usize,
    settings: &Settings,
    challenges: &mut [Challenges],
) -> Result<Link<TunnelIo<I, T>>, ConnectError> {
    if let Some(proxy) = info.route.proxies.get(proxy) {
        info.route.ctx().emit(Some(info.attempt), None, EventKind::AtProxy(proxy));
    }
    let guard = info.phase(Phase::Tunnel);
    let (ctx, proxies, proxy_target) =
        (info.route.ctx().clone(), Arc::clone(&info.route.proxies), target_of(&info.route, proxy));
    let passed = proxy + 1;
    let (Some(proxy), Some(challenges)) = (proxies.get(proxy), challenges.get_mut(proxy)) else {
        return Err(guard.fail(TunnelError::Closed.into_connect_error(None)));
    };
    let connection = Arc::clone(place.connection());
    let before = connection.answered();
    let asked = place.tunnel(Hop::new(proxy, &ctx, info.attempt), &proxy_target, settings, challenges);
    match phase_timeout(&ctx, Phase::Tunnel, settings.limit, asked).await {
        Ok(Ok(io)) => {
            let Span { start, end } = guard.done();
            let start = info.timings.get(Phase::Tunnel).map_or(start, |earlier| earlier.start);
            info.timings.set(Phase::Tunnel, Span { start, end });
            (info.tunnelled, info.proxies_passed) = (true, passed);
            Ok(Link::new(TunnelIo::boxed(io), info))
        }
        Ok(Err(error)) => Err(guard.fail(error.into_connect_error(Some(proxy)))),
        Err(timed_out) => Err(guard.fail(match challenges.take_refusal() {
            Some(refused) => refused.into_connect_error(Some(proxy)),
            None => {
                // It may be dead: whoever comes next had better not wait for it too. If others were answered, it is
                // what this one asked for that can't be reached.
                if connection.answered() == before {
                    connection.give_up();
                }
                timed_out.into()
            }
        })),
    }
}

/// TLS to a proxy, and what it chose by ALPN. The link's facts describe the origin, so they stay as they are.
async fn tls_to_proxy<I: Io, L: TlsConnect<I>>(
    tls_connect: L,
    link: Link<I>,
    proxy: &Proxy,
    ctx: &Ctx,
) -> Result<(Link<L::Io>, Option<Protocol>), ConnectError> {
    let (tried, timings, tls) = (link.info.tried(), link.info.timings, link.info.tls.clone());
    match tls_connect.tls_connect(link, proxy.name(), ctx).await {
        Ok(mut link) => {
            let protocol = link.info.tls.as_ref().and_then(|tls| tls.alpn);
            if let Some(tls) = &link.info.tls {
                ctx.emit(Some(tried.id), None, EventKind::ProxyStep(proxy, ProxyStep::Tls(tls)));
                link.info.proxy_settings.add(tls);
            }
            (link.info.timings, link.info.tls) = (timings, tls);
            Ok((link, protocol))
        }
        Err(error) => Err(tried.failed(error.in_phase(Phase::Tls).of_proxy(proxy))),
    }
}

/// Establishes the tunnel through one proxy.
async fn tunnel<I: Io, T: Io>(
    link: Link<TunnelIo<I, T>>,
    proxy: &Proxy,
    proxy_target: &ProxyTarget,
    settings: &Settings,
    challenges: &mut Challenges,
) -> Result<Link<TunnelIo<I, T>>, ConnectError> {
    let guard = link.phase(Phase::Tunnel);
    let Link { io, mut info, .. } = link;
    let ctx = info.route.ctx().clone();
    let asked = handshake(io, Hop::new(proxy, &ctx, info.attempt), proxy_target, settings, challenges);
    let ended = phase_timeout(&ctx, Phase::Tunnel, settings.limit, asked).await;
    match ended {
        Ok(Ok((io, rewind))) => {
            let Span { start, end } = guard.done();
            let start = info.timings.get(Phase::Tunnel).map_or(start, |earlier| earlier.start);
            info.timings.set(Phase::Tunnel, Span { start, end });
            Ok(Link::new(io.rewind(rewind), info))
        }
        Ok(Err(error)) => Err(guard.fail(error.into_connect_error(Some(proxy)))),
        Err(timed_out) => Err(guard.fail(match challenges.take_refusal() {
            // The proxy has refused, but its response didn't end in time.
            Some(refused) => refused.into_connect_error(Some(proxy)),
            None => timed_out.into(),
        })),
    }
}

async fn handshake<I: Io>(
    mut io: I,
    hop: Hop<'_>,
    proxy_target: &ProxyTarget,
    settings: &Settings,
    challenges: &mut Challenges,
) -> Result<(I, Bytes), TunnelError> {
    match hop.proxy().kind {
        ProxyKind::Socks4 | ProxyKind::Socks4a => socks4::connect(&mut io, hop, proxy_target).await?,
        ProxyKind::Socks5 | ProxyKind::Socks5h => socks5::connect(&mut io, hop, proxy_target).await?,
        // Http and Https: TLS is below already.
        _ => return connect::connect(io, hop, proxy_target, settings, challenges).await,
    }
    Ok((io, Bytes::new()))
}
