use crate::{BoxedIo, TunnelError, TunnelIo, connect, connect::Refusal, proxy_target::Beyond, socks4, socks5};
use bytes::Bytes;
use skybridge_core::{ConnectError, Ctx, Io, Link, Phase, Proxy, ProxyKind, Span, TlsConnect, phase_timeout};
use std::{sync::Arc, time::Duration};

/// A link to the first proxy in, a link through all of them out.
pub(crate) async fn walk<I, L>(
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
    let origin = Beyond::origin(route);
    let mut link = match proxies.first() {
        Some(proxy) if proxy.kind == ProxyKind::Https => {
            sealed(tls_connect.clone(), link, proxy, &ctx).await?.map_io(TunnelIo::sealed)
        }
        _ => link.map_io(TunnelIo::bare),
    };
    for (i, proxy) in proxies.iter().enumerate() {
        if i > 0 && proxy.kind == ProxyKind::Https {
            let boxed = link.map_io(|io| -> BoxedIo { Box::new(io) });
            link = sealed(tls_connect.clone(), boxed, proxy, &ctx).await?.map_io(TunnelIo::boxed);
        }
        let next = proxies.get(i + 1);
        if next.is_none() && forwarded {
            (link.info.forwarded, link.info.proxies_passed) = (true, proxies.len());
            break;
        }
        let proxy_target = next.map_or_else(|| origin.clone(), Beyond::proxy);
        link = through(link, proxy, &proxy_target, limit).await?;
        (link.info.tunnelled, link.info.proxies_passed) = (true, i + 1);
    }
    Ok(link)
}

/// TLS to a proxy. Its facts are not the origin's, so they are in none of the link's.
async fn sealed<I: Io, L: TlsConnect<I>>(
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

/// One tunnel through one proxy.
async fn through<I: Io, T: Io>(
    link: Link<TunnelIo<I, T>>,
    proxy: &Proxy,
    proxy_target: &Beyond,
    limit: Duration,
) -> Result<Link<TunnelIo<I, T>>, ConnectError> {
    let guard = link.phase(Phase::Tunnel);
    let Link { io, mut info, .. } = link;
    let (ctx, several) = (info.route.ctx().clone(), info.route.proxies.len() > 1);
    let mut refusal = None;
    let ended = phase_timeout(&ctx, Phase::Tunnel, limit, dialogue(io, proxy, proxy_target, &mut refusal)).await;
    match ended {
        Ok(Ok((io, early))) => {
            let Span { start, end } = guard.done();
            let start = info.timings.get(Phase::Tunnel).map_or(start, |earlier| earlier.start);
            info.timings.set(Phase::Tunnel, Span { start, end });
            Ok(Link::new(io.unread(early), info))
        }
        Ok(Err(error)) => Err(guard.fail(error.told(several.then_some(proxy)))),
        Err(timed_out) => Err(guard.fail(match refusal {
            // It has said no, and didn't come to an end with it.
            Some(refusal) => refusal.told().told(several.then_some(proxy)),
            None => timed_out.into(),
        })),
    }
}

async fn dialogue<I: Io>(
    mut io: I,
    proxy: &Proxy,
    proxy_target: &Beyond,
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
