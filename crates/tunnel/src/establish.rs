use crate::{BoxedIo, TunnelError, TunnelIo, connect, connect::Refusal, proxy_target::ProxyTarget, socks4, socks5};
use bytes::Bytes;
use skybridge_core::{ConnectError, Ctx, Io, Link, Phase, Proxy, ProxyKind, Span, TlsConnect, phase_timeout};
use std::{sync::Arc, time::Duration};

/// Turns a link to the first proxy into a link through all of them.
pub(crate) async fn establish<I, L>(
    link: Link<I>,
    tls_connect: L,
    limit: Duration,
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
    for (i, proxy) in proxies.iter().enumerate() {
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
        link = tunnel(link, proxy, &proxy_target, limit).await?;
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
) -> Result<Link<TunnelIo<I, T>>, ConnectError> {
    let guard = link.phase(Phase::Tunnel);
    let Link { io, mut info, .. } = link;
    let (ctx, several) = (info.route.ctx().clone(), info.route.proxies.len() > 1);
    let mut refusal = None;
    let ended = phase_timeout(&ctx, Phase::Tunnel, limit, handshake(io, proxy, proxy_target, &mut refusal)).await;
    match ended {
        Ok(Ok((io, rewind))) => {
            let Span { start, end } = guard.done();
            let start = info.timings.get(Phase::Tunnel).map_or(start, |earlier| earlier.start);
            info.timings.set(Phase::Tunnel, Span { start, end });
            Ok(Link::new(io.rewind(rewind), info))
        }
        Ok(Err(error)) => Err(guard.fail(error.into_connect_error(several.then_some(proxy)))),
        Err(timed_out) => Err(guard.fail(match refusal {
            // The proxy has refused, but its response didn't end in time.
            Some(refusal) => refusal.into_error().into_connect_error(several.then_some(proxy)),
            None => timed_out.into(),
        })),
    }
}

async fn handshake<I: Io>(
    mut io: I,
    proxy: &Proxy,
    proxy_target: &ProxyTarget,
    refusal: &mut Option<Refusal>,
) -> Result<(I, Bytes), TunnelError> {
    match proxy.kind {
        ProxyKind::Socks4 | ProxyKind::Socks4a => socks4::connect(&mut io, proxy, proxy_target).await?,
        ProxyKind::Socks5 | ProxyKind::Socks5h => socks5::connect(&mut io, proxy, proxy_target).await?,
        // Http and Https: TLS is below already.
        _ => return connect::connect(io, proxy, proxy_target, refusal).await,
    }
    Ok((io, Bytes::new()))
}
