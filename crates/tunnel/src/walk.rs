use crate::{BoxedIo, TunnelError, TunnelIo, beyond::Beyond, connect, connect::Refusal, socks4, socks5};
use bytes::Bytes;
use skybridge_core::{ConnectError, Ctx, Hop, HopKind, Io, Link, Phase, Seal, Span, limited};
use std::{sync::Arc, time::Duration};

/// A link to the first proxy in, a link through all of them out.
pub(crate) async fn walk<I, L>(
    link: Link<I>,
    seal: L,
    limit: Duration,
) -> Result<Link<TunnelIo<I, <L as Seal<I>>::Io>>, ConnectError>
where
    I: Io,
    L: Seal<I> + Seal<BoxedIo>,
{
    if let Err(unfit) = link.info.fit_for_tunnel() {
        return Err(link.phase(Phase::Tunnel).fail(unfit));
    }
    let route = &link.info.route;
    let (ctx, hops, forwarded) = (route.ctx().clone(), Arc::clone(&route.hops), route.is_forwarded());
    let origin = Beyond::origin(route);
    let mut link = match hops.first() {
        Some(hop) if hop.kind == HopKind::Https => {
            sealed(seal.clone(), link, hop, &ctx).await?.map_io(TunnelIo::sealed)
        }
        _ => link.map_io(TunnelIo::bare),
    };
    for (i, hop) in hops.iter().enumerate() {
        if i > 0 && hop.kind == HopKind::Https {
            let boxed = link.map_io(|io| -> BoxedIo { Box::new(io) });
            link = sealed(seal.clone(), boxed, hop, &ctx).await?.map_io(TunnelIo::boxed);
        }
        let next = hops.get(i + 1);
        if next.is_none() && forwarded {
            (link.info.forwarded, link.info.hops_passed) = (true, hops.len());
            break;
        }
        let beyond = next.map_or_else(|| origin.clone(), Beyond::hop);
        link = through(link, hop, &beyond, limit).await?;
        (link.info.tunnelled, link.info.hops_passed) = (true, i + 1);
    }
    Ok(link)
}

/// TLS to a proxy. Its facts are not the origin's, so they are in none of the link's.
async fn sealed<I: Io, L: Seal<I>>(seal: L, link: Link<I>, hop: &Hop, ctx: &Ctx) -> Result<Link<L::Io>, ConnectError> {
    let (tried, timings, tls) = (link.info.tried(), link.info.timings, link.info.tls.clone());
    match seal.seal(link, hop.name(), ctx).await {
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
    hop: &Hop,
    beyond: &Beyond,
    limit: Duration,
) -> Result<Link<TunnelIo<I, T>>, ConnectError> {
    let guard = link.phase(Phase::Tunnel);
    let Link { io, mut info, .. } = link;
    let (ctx, several) = (info.route.ctx().clone(), info.route.hops.len() > 1);
    let mut refusal = None;
    let ended = limited(&ctx, Phase::Tunnel, limit, dialogue(io, hop, beyond, &mut refusal)).await;
    match ended {
        Ok(Ok((io, early))) => {
            let Span { start, end } = guard.done();
            let start = info.timings.get(Phase::Tunnel).map_or(start, |earlier| earlier.start);
            info.timings.set(Phase::Tunnel, Span { start, end });
            Ok(Link::new(io.unread(early), info))
        }
        Ok(Err(error)) => Err(guard.fail(error.told(several.then_some(hop)))),
        Err(timed_out) => Err(guard.fail(match refusal {
            // It has said no, and didn't come to an end with it.
            Some(refusal) => refusal.told().told(several.then_some(hop)),
            None => timed_out.into(),
        })),
    }
}

async fn dialogue<I: Io>(
    mut io: I,
    hop: &Hop,
    beyond: &Beyond,
    refusal: &mut Option<Refusal>,
) -> Result<(I, Bytes), TunnelError> {
    match hop.kind {
        HopKind::Socks4 | HopKind::Socks4a => socks4::connect(&mut io, hop, beyond).await?,
        HopKind::Socks5 | HopKind::Socks5h => socks5::connect(&mut io, hop, beyond).await?,
        // Http and Https: TLS is below already.
        _ => return connect::connect(io, hop, beyond, refusal).await,
    }
    Ok((io, Bytes::new()))
}
