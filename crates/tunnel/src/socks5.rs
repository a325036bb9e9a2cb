use crate::{
    SocksReply, TunnelError,
    hop::Hop,
    proxy_target::{Host, ProxyTarget},
};
use skybridge_core::{Io, SocksStep};
use std::net::IpAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const VERSION: u8 = 5;
const NO_CREDENTIALS: u8 = 0;
const USER_AND_PASSWORD: u8 = 2;

/// SOCKS5 (RFC 1928), with user and password (RFC 1929) if there are any. Reads no byte after the proxy's answer.
pub(crate) async fn connect<I: Io>(io: &mut I, hop: Hop<'_>, proxy_target: &ProxyTarget) -> Result<(), TunnelError> {
    let credentials = hop.proxy().auth.as_ref().and_then(|auth| auth.0.user_password());
    let request = request(proxy_target)?;
    let auth_request = credentials.map(|(user, password)| subnegotiation(user, password)).transpose()?;
    let greeting: &[u8] = match auth_request {
        Some(_) => &[VERSION, 2, NO_CREDENTIALS, USER_AND_PASSWORD],
        None => &[VERSION, 1, NO_CREDENTIALS],
    };
    hop.socks(SocksStep::Offered { password: auth_request.is_some() });
    send(io, greeting).await?;
    let mut method = [0; 2];
    receive(io, &mut method).await?;
    match (method[1], auth_request) {
        (NO_CREDENTIALS, _) => hop.socks(SocksStep::Chosen { password: false }),
        (USER_AND_PASSWORD, Some(auth_request)) => {
            hop.socks(SocksStep::Chosen { password: true });
            authenticate(io, &auth_request).await?;
            hop.socks(SocksStep::Authenticated);
        }
        (_, None) => return Err(TunnelError::CredentialsRequired),
        _ => return Err(TunnelError::CredentialsRefused),
    }
    hop.socks_asked(proxy_target);
    send(io, &request).await?;
    reply(io).await?;
    hop.socks(SocksStep::Granted);
    Ok(())
}

async fn send<I: Io>(io: &mut I, bytes: &[u8]) -> Result<(), TunnelError> {
    io.write_all(bytes).await?;
    Ok(io.flush().await?)
}

/// Reads the version first: a peer that speaks another protocol may never send as many bytes.
async fn receive<I: Io>(io: &mut I, bytes: &mut [u8]) -> Result<(), TunnelError> {
    let (version, rest) = bytes.split_at_mut(1);
    io.read_exact(version).await?;
    if version != [VERSION] {
        return Err(TunnelError::NotSocks(version[0]));
    }
    io.read_exact(rest).await?;
    Ok(())
}

async fn authenticate<I: Io>(io: &mut I, auth_request: &[u8]) -> Result<(), TunnelError> {
    send(io, auth_request).await?;
    let mut answer = [0; 2];
    io.read_exact(&mut answer).await?;
    // The version isn't checked: some proxies answer with 5 instead of 1.
    if answer[1] == 0 { Ok(()) } else { Err(TunnelError::CredentialsRefused) }
}

async fn reply<I: Io>(io: &mut I) -> Result<(), TunnelError> {
    let mut head = [0; 3];
    receive(io, &mut head).await?;
    if let Some(refusal) = SocksReply::of_socks5(head[1]) {
        return Err(TunnelError::Socks(refusal));
    }
    // The bound address isn't needed, but must be skipped: what follows it is the origin's.
    let length = match io.read_u8().await? {
        1 => 4,
        3 => io.read_u8().await?.into(),
        4 => 16,
        _ => return Err(TunnelError::Socks(SocksReply::AddressNotSupported)),
    };
    let mut bound = [0; 255 + 2];
    io.read_exact(&mut bound[..length + 2]).await?;
    Ok(())
}

fn subnegotiation(user: &str, password: &str) -> Result<Vec<u8>, TunnelError> {
    let mut auth_request = vec![1];
    for part in [user, password] {
        auth_request.push(length(part).filter(|_| !user.is_empty()).ok_or(TunnelError::CredentialsUnsupported)?);
        auth_request.extend_from_slice(part.as_bytes());
    }
    Ok(auth_request)
}

fn request(proxy_target: &ProxyTarget) -> Result<Vec<u8>, TunnelError> {
    let mut request = vec![VERSION, 1, 0];
    match &proxy_target.host {
        Host::Ip(IpAddr::V4(ip)) => {
            request.push(1);
            request.extend_from_slice(&ip.octets());
        }
        Host::Ip(IpAddr::V6(ip)) => {
            request.push(4);
            request.extend_from_slice(&ip.octets());
        }
        Host::Name(name) => {
            request.extend([3, length(name).ok_or(TunnelError::HostUnsupported)?]);
            request.extend_from_slice(name.as_bytes());
        }
    }
    request.extend_from_slice(&proxy_target.port.to_be_bytes());
    Ok(request)
}

fn length(text: &str) -> Option<u8> {
    text.len().try_into().ok()
}
