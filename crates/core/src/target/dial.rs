use crate::{Endpoint, OriginError, OriginRef, Scheme};
use std::{
    net::{Ipv6Addr, SocketAddr},
    sync::Arc,
};

/// Where to connect to, in place of the origin's host and port: endpoints, or another host and port. The origin stays
/// who is asked: its name is in the request and, unless [`server_name`](crate::ConnectOptions::server_name) says
/// otherwise, in TLS.
///
/// ```
/// use skybridge_core::{Dial, Endpoint};
///
/// let endpoints = Dial::from([Endpoint::from(([192, 0, 2, 1], 443))]);
/// assert_eq!(Dial::host_and_port("192.0.2.1", 443)?, endpoints);
/// assert_eq!(Dial::host_and_port("B.test", 8443)?.host(), Some(("b.test", 8443)));
/// # Ok::<_, skybridge_core::OriginError>(())
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Dial(Arc<To>);

#[derive(Debug, Eq, Hash, PartialEq)]
enum To {
    Endpoints(Arc<[Endpoint]>),
    Host { name: Box<str>, port: u16 },
}

impl Dial {
    /// This host, which is looked up or, behind a proxy that resolves names, told to that proxy. An address, an IPv6
    /// one with or without brackets, is an endpoint.
    ///
    /// # Errors
    /// When the host is not valid, or the port is 0.
    pub fn host_and_port(host: &str, port: u16) -> Result<Self, OriginError> {
        let brackets = if host.parse::<Ipv6Addr>().is_ok() { ("[", "]") } else { ("", "") };
        let authority = format!("{}{host}{}:{port}", brackets.0, brackets.1);
        let origin = OriginRef::parse(Scheme::Http, &authority)?.to_owned()?;
        Ok(match origin.ip() {
            Some(ip) => Self::from([SocketAddr::new(ip, port).into()]),
            None => Self(Arc::new(To::Host { name: origin.name().into(), port })),
        })
    }

    /// The endpoints, if these are given.
    pub fn endpoints(&self) -> Option<&[Endpoint]> {
        match &*self.0 {
            To::Endpoints(endpoints) => Some(endpoints),
            To::Host { .. } => None,
        }
    }

    /// The other host's name and port, if it is one.
    pub fn host(&self) -> Option<(&str, u16)> {
        match &*self.0 {
            To::Host { name, port } => Some((name, *port)),
            To::Endpoints(_) => None,
        }
    }
}

impl From<Arc<[Endpoint]>> for Dial {
    fn from(endpoints: Arc<[Endpoint]>) -> Self {
        Self(Arc::new(To::Endpoints(endpoints)))
    }
}

impl<const N: usize> From<[Endpoint; N]> for Dial {
    fn from(endpoints: [Endpoint; N]) -> Self {
        Arc::<[_]>::from(endpoints).into()
    }
}
