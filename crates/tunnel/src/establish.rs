use crate::{BoxedIo, TunnelError, TunnelIo, connect, connect::Challenges, proxy_target::ProxyTarget, socks4, socks5};
use bytes::Bytes;
use skybridge_core::{
    ConnectError, Connector, Ctx, Endpoints, Io, Link, Phase, Proxy, ProxyKind, Span, TlsConnect, phase_timeout,
};
use std::{future::poll_fn, mem, sync::Arc, time::Duration};

/// Connects to the first proxy, and tunnels through all of them. The answer to a challenge whose connection can't go on
/// is sent on a new one, to the same address.
pub(crate) async fn establish<S, L>(
    mut connector: S,
    mut connecting: S::Future,
    tls_connect: L,
    limit: Duration,
) -> Result<Link<TunnelIo<S::Io, <L as TlsConnect<S::Io>>::Io>>, ConnectError>
where
    S: Connector,
    L: TlsConnect<S::Io> + TlsConnect<BoxedIo>,
{
    let mut challenges = Vec::new();
    let mut endpoints = None;
    loop {
        let mut link = connecting.await.map_err(Into::into)?;
        if let Some(endpoints) = endpoints.take() {
            link.info.route.endpoints = endpoints;
        }
        let (mut route, endpoint) = (link.info.route.clone(), link.info.remote.clone());
        challenges.resize_with(route.proxies.len(), Challenges::default);
        let answered = |challenges: &[Challenges]| challenges.iter().map(Challenges::answered).sum::<usize>();
        let before = answered(&challenges);
        match tunnel_through_all(link, tls_connect.clone(), limit, &mut challenges).await {
            // Only for an answer of this round, so that it ends: each proxy is answered so often and no more.
            Err(_) if answered(&challenges) > before && challenges.iter().any(Challenges::need_new_connection) => {
                endpoints = Some(mem::replace(&mut route.endpoints, Endpoints::fixed([endpoint])));
                poll_fn(|cx| connector.poll_ready(cx)).await.map_err(Into::into)?;
                connecting = connector.connect(route);
            }
            ended => return ended,
        }
    }
}

/// Turns a link to the first proxy into a link through all of them.
async fn tunnel_through_all<I, L>(
    link: Link<I>,
    tls_connect: L,
    limit: Duration,
    challenges: &mut [Challenges],
) -> Result<Link<TunnelIo<I, <L as TlsConnect<I>>::Io>>, ConnectError>
where
    I: Io,
    L: TlsConnect<I> + TlsConnect<BoxedIo>,
{
    if let Err(unfit) = link.info.fit_for_tunnel() {
        return Err(link.phase(Phase::Tunnel).fail(unfit));
    }
    let route = &link.info.route;
    let (ctx, proxies, forwarded) = (route.ctx().clone(), Arc::clone(&route.proxies), route.is_forwarded());
    let origin = ProxyTarget::origin(route);
    let mut link = match proxies.first() {
        Some(proxy) if proxy.kind == ProxyKind::Https => {
            tls_to_proxy(tls_connect.clone(), link, proxy, &ctx).await?.map_io(TunnelIo::tls)
        }
        _ => link.map_io(TunnelIo::plain),
    };
    for (i, (proxy, challenges)) in proxies.iter().zip(challenges).enumerate() {
        if i > 0 && proxy.kind == ProxyKind::Https {
            let boxed = link.map_io(|io| -> BoxedIo { Box::new(io) });
            link = tls_to_proxy(tls_connect.clone(), boxed, proxy, &ctx).await?.map_io(TunnelIo::boxed);
        }
        let next = proxies.get(i + 1);
        if next.is_none() && forwarded {
            (link.info.forwarded, link.info.proxies_passed) = (true, proxies.len());
            break;
        }
        let proxy_target = next.map_or_else(|| origin.clone(), ProxyTarget::proxy);
        link = tunnel(link, proxy, &proxy_target, limit, challenges).await?;
        (link.info.tunnelled, link.info.proxies_passed) = (true, i + 1);
    }
    Ok(link)
}

/// TLS to a proxy. The link's facts describe the origin, so they stay as they are.
async fn tls_to_proxy<I: Io, L: TlsConnect<I>>(
    tls_connect: L,
    link: Link<I>,
    proxy: &Proxy,
    ctx: &Ctx,
) -> Result<Link<L::Io>, ConnectError> {
    let (tried, timings, tls) = (link.info.tried(), link.info.timings, link.info.tls.clone());
    match tls_connect.tls_connect(link, proxy.name(), ctx).await {
        Ok(mut link) => {
            (link.info.timings, link.info.tls) = (timings, tls);
            Ok(link)
        }
        Err(error) => Err(tried.failed(error.in_phase(Phase::Tls))),
    }
}

/// Establishes the tunnel through one proxy.
async fn tunnel<I: Io, T: Io>(
    link: Link<TunnelIo<I, T>>,
    proxy: &Proxy,
    proxy_target: &ProxyTarget,
    limit: Duration,
    challenges: &mut Challenges,
) -> Result<Link<TunnelIo<I, T>>, ConnectError> {
    let guard = link.phase(Phase::Tunnel);
    let Link { io, mut info, .. } = link;
    let ctx = info.route.ctx().clone();
    let ended = phase_timeout(&ctx, Phase::Tunnel, limit, handshake(io, proxy, proxy_target, challenges)).await;
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
    proxy: &Proxy,
    proxy_target: &ProxyTarget,
    challenges: &mut Challenges,
) -> Result<(I, Bytes), TunnelError> {
    match proxy.kind {
        ProxyKind::Socks4 | ProxyKind::Socks4a => socks4::connect(&mut io, proxy, proxy_target).await?,
        ProxyKind::Socks5 | ProxyKind::Socks5h => socks5::connect(&mut io, proxy, proxy_target).await?,
        // Http and Https: TLS is below already.
        _ => return connect::connect(io, proxy, proxy_target, challenges).await,
    }
    Ok((io, Bytes::new()))
}
