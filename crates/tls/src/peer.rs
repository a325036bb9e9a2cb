use crate::{TlsError, sessions::SessionKey};
use rustls::pki_types::ServerName;
use skybridge_core::{ConnInfo, HttpVersions, ascii_host};
use std::{net::IpAddr, sync::Arc};

/// The peer of a handshake: how it is verified, and what it is offered.
pub(crate) struct Peer {
    /// The name that its certificate must be valid for.
    pub(crate) name: ServerName<'static>,
    /// `name` as text.
    pub(crate) text: Arc<str>,
    /// The origin's host, when `server_name` overrides it: its pins apply too.
    pub(crate) host: Option<Box<str>>,
    /// The protocols to offer by ALPN; none where it isn't for HTTP.
    pub(crate) http_versions: Option<HttpVersions>,
    /// The key of its sessions.
    pub(crate) session: SessionKey,
}

impl Peer {
    /// The origin of the route.
    pub(crate) fn origin(info: &ConnInfo) -> Result<Self, TlsError> {
        let (origin, connect_options) = (info.route.target.origin(), info.route.target.connect_options());
        let host = parse(origin.name())?.1;
        let (name, text) = parse(connect_options.server_name.as_deref().unwrap_or(&host))?;
        let host = (host != text).then(|| (&*host).into());
        let session =
            SessionKey { partition: connect_options.partition.clone(), name: name.clone(), port: Some(origin.port()) };
        Ok(Self { name, text, host, http_versions: Some(connect_options.http_versions), session })
    }

    /// A proxy. HTTP/2 is offered for tunnels, and to one that forwards requests if these leave the version open.
    /// `http2` is `None` where nothing is to be offered.
    pub(crate) fn proxy(name: &str, info: &ConnInfo, http2: Option<bool>) -> Result<Self, TlsError> {
        let (name, text) = parse(name)?;
        let partition = info.route.target.connect_options().partition.clone();
        let session = SessionKey { partition, name: name.clone(), port: None };
        let forwards = info.proxies_passed + 1 == info.route.proxies.len() && info.route.is_forwarded();
        let may = !forwards || info.route.target.connect_options().http_versions == HttpVersions::Any;
        let http_versions = http2.map(|http2| if http2 && may { HttpVersions::default() } else { HttpVersions::Http1 });
        Ok(Self { name, text, host: None, http_versions, session })
    }

    /// The name to send as SNI: never an address (RFC 6066, section 3).
    pub(crate) fn sni(&self) -> Option<Arc<str>> {
        matches!(self.name, ServerName::DnsName(_)).then(|| Arc::clone(&self.text))
    }
}

/// Normalizes a host, because pins and sessions are looked up by it.
fn parse(text: &str) -> Result<(ServerName<'static>, Arc<str>), TlsError> {
    let ascii = ascii_host(text).map_err(|_| TlsError::NotAName(text.into()))?;
    let bare = ascii.strip_suffix('.').unwrap_or(&ascii);
    let bare = bare.strip_prefix('[').and_then(|bare| bare.strip_suffix(']')).unwrap_or(bare);
    let name = match ServerName::try_from(bare.to_ascii_lowercase()) {
        Ok(ServerName::IpAddress(address)) => IpAddr::from(address).to_canonical().into(),
        // webpki takes a name with a trailing dot for the same as without.
        Ok(name) if !bare.ends_with('.') => name,
        _ => return Err(TlsError::NotAName(text.into())),
    };
    let text = as_text(&name);
    Ok((name, text))
}

/// A host as it is written in pins, whoever has written it: rustls passes a verifier what it was given.
pub(crate) fn as_text(name: &ServerName<'_>) -> Arc<str> {
    if let ServerName::IpAddress(address) = name {
        return IpAddr::from(*address).to_canonical().to_string().into();
    }
    let name = name.to_str();
    let name = name.strip_suffix('.').unwrap_or(&name);
    match name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        true => name.to_ascii_lowercase().into(),
        false => name.into(),
    }
}
