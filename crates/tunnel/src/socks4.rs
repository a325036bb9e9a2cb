use crate::{
    SocksReply, TunnelError,
    hop::Hop,
    proxy_target::{Host, ProxyTarget},
};
use skybridge_core::{Io, ProxyKind, SocksStep};
use std::net::{IpAddr, Ipv4Addr};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// The address that says that a name follows (SOCKS4a).
const NAMED: Ipv4Addr = Ipv4Addr::new(0, 0, 0, 1);

/// SOCKS4, or 4a for a name. Reads no byte after the proxy's answer.
pub(crate) async fn connect<I: Io>(io: &mut I, hop: Hop<'_>, proxy_target: &ProxyTarget) -> Result<(), TunnelError> {
    let proxy = hop.proxy();
    let user = proxy.auth.as_ref().and_then(|auth| auth.0.user_password()).map_or("", |(user, _)| user);
    let request = request(proxy.kind, proxy_target, user)?;
    hop.socks_asked(proxy_target);
    io.write_all(&request).await?;
    io.flush().await?;
    let version = io.read_u8().await?;
    // The version of replies is 0; some proxies repeat the request's.
    if !matches!(version, 0 | 4) {
        return Err(TunnelError::NotSocks(version));
    }
    let mut answer = [0; 7];
    io.read_exact(&mut answer).await?;
    match SocksReply::of_socks4(answer[0]) {
        Some(refusal) => Err(TunnelError::Socks(refusal)),
        None => {
            hop.socks(SocksStep::Granted);
            Ok(())
        }
    }
}

fn request(kind: ProxyKind, proxy_target: &ProxyTarget, user: &str) -> Result<Vec<u8>, TunnelError> {
    if user.contains('\0') {
        return Err(TunnelError::CredentialsUnsupported);
    }
    let (ip, name) = match &proxy_target.host {
        Host::Ip(IpAddr::V4(ip)) if !ip.octets().starts_with(&[0; 3]) => (*ip, None),
        Host::Ip(_) => return Err(TunnelError::HostUnsupported),
        Host::Name(name) if kind == ProxyKind::Socks4 || name.len() > 255 => return Err(TunnelError::HostUnsupported),
        Host::Name(name) => (NAMED, Some(name)),
    };
    let mut request = vec![4, 1];
    request.extend_from_slice(&proxy_target.port.to_be_bytes());
    request.extend_from_slice(&ip.octets());
    request.extend_from_slice(user.as_bytes());
    request.push(0);
    if let Some(name) = name {
        request.extend_from_slice(name.as_bytes());
        request.push(0);
    }
    Ok(request)
}
