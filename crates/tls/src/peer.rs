use crate::{TlsError, sessions::SessionKey};
use rustls::pki_types::ServerName;
use skybridge_core::{ConnInfo, HttpVersions};
use std::{net::IpAddr, sync::Arc};

/// Who is to be at the other end, and how that is made sure.
pub(crate) struct Peer {
    /// What its certificate must name.
    pub(crate) name: ServerName<'static>,
    /// The same as text.
    pub(crate) text: Arc<str>,
    /// The host that was asked for, when its certificate names another: its pins hold too.
    pub(crate) host: Option<Box<str>>,
    /// What it is to speak.
    pub(crate) http_versions: HttpVersions,
    /// Under what its sessions are kept.
    pub(crate) session: SessionKey,
}

impl Peer {
    /// The origin of a route.
    pub(crate) fn origin(info: &ConnInfo) -> Result<Self, TlsError> {
        let (origin, connect_options) = (info.route.target.origin(), info.route.target.connect_options());
        let host = parse(origin.name())?.1;
        let (name, text) = parse(connect_options.server_name.as_deref().unwrap_or(&host))?;
        let host = (host != text).then(|| (&*host).into());
        let session =
            SessionKey { partition: connect_options.partition.clone(), name: name.clone(), port: Some(origin.port()) };
        Ok(Self { name, text, host, http_versions: connect_options.http_versions, session })
    }

    /// A proxy: spoken to in HTTP/1.1.
    pub(crate) fn proxy(name: &str, info: &ConnInfo) -> Result<Self, TlsError> {
        let (name, text) = parse(name)?;
        let partition = info.route.target.connect_options().partition.clone();
        let session = SessionKey { partition, name: name.clone(), port: None };
        Ok(Self { name, text, host: None, http_versions: HttpVersions::Http1, session })
    }

    /// What is sent as SNI: never an address (RFC 6066, section 3).
    pub(crate) fn sni(&self) -> Option<Arc<str>> {
        matches!(self.name, ServerName::DnsName(_)).then(|| Arc::clone(&self.text))
    }
}

/// One spelling for each host, because pins and sessions are found by it.
fn parse(text: &str) -> Result<(ServerName<'static>, Arc<str>), TlsError> {
    let bare = text.strip_suffix('.').unwrap_or(text);
    let bare = bare.strip_prefix('[').and_then(|bare| bare.strip_suffix(']')).unwrap_or(bare);
    let name = match ServerName::try_from(bare.to_ascii_lowercase()) {
        Ok(ServerName::IpAddress(address)) => IpAddr::from(address).to_canonical().into(),
        // To webpki a name with a dot behind it is the same as without.
        Ok(name) if !bare.ends_with('.') => name,
        _ => return Err(TlsError::NotAName(text.into())),
    };
    let text = as_text(&name);
    Ok((name, text))
}

/// As hosts are spelled in pins.
pub(crate) fn as_text(name: &ServerName<'_>) -> Arc<str> {
    match name {
        ServerName::IpAddress(address) => IpAddr::from(*address).to_string().into(),
        name => name.to_str().as_ref().into(),
    }
}
