//! What must be true of a link before a layer uses it. Checked before TLS, before a tunnel and before HTTP, so that
//! layers in a wrong order, and layers that are missing or doubled, send nothing.

use crate::{ConnInfo, ConnectError, EchMode, EchStatus, EgressReason, Key, Protocol, Scheme};
use std::fmt;

/// A link can't be used by the next layer, because the layers of the stack are in a wrong order, missing or doubled.
/// Nothing of a request was sent, and no other route would help.
///
/// This is decided by the facts in [`ConnInfo`]. A custom layer that makes TLS connections must set [`ConnInfo::tls`],
/// and one that connects through proxies [`ConnInfo::proxies_passed`]. One that opens sockets asks the target's
/// [`Egress`](crate::Egress) before.
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Unfit {
    /// The origin is `https`, and the link has no TLS.
    TlsMissing,
    /// The link has TLS with the origin already, and another layer tries to add it.
    SealedTwice,
    /// The link has TLS already, and doesn't go through the proxies yet. TLS would be with the first proxy, and the
    /// request in cleartext behind the last.
    SealedTooSoon,
    /// The link doesn't go through all proxies of its route: a request would be sent to a proxy as if that were the
    /// origin.
    NotTunnelled {
        /// How many proxies it goes through.
        passed: usize,
        /// How many proxies the route has.
        proxies: usize,
    },
    /// The link goes through the proxies already, and another layer tries to do so.
    TunnelledTwice,
    /// The origin is `https`, and the last proxy would forward the requests, and so could read them.
    Forwarded,
    /// The link leads to an address that the target's [`Egress`](crate::Egress) refuses.
    Egress,
    /// The origin is `http`, and the target's [`Egress`](crate::Egress) doesn't permit cleartext to it.
    Cleartext,
    /// The connection was made for another target than its requests have, with less protection.
    Less(Lost),
    /// The proxy that forwards the requests has chosen this version of HTTP by ALPN, and another one would be spoken.
    Chosen(Protocol),
}

/// What requests ask for, and their connection was made without.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Lost {
    /// TLS: they are for an `https` origin, and the connection was made for an `http` one.
    Https,
    /// [Proxies](crate::ConnectOptions::proxies): the connection goes through none.
    Proxies,
    /// The [limits of egress](crate::Egress): the connection was allowed to go elsewhere.
    Egress,
    /// [Encrypted Client Hello](crate::EchMode::Require): the origin's name was sent in the clear.
    Ech,
}

impl ConnInfo {
    /// Checks that HTTP may be spoken on this link: it has TLS if the origin is `https`, and goes through all proxies
    /// of the route.
    ///
    /// ```
    /// # use skybridge_core::{ConnInfo, Unfit};
    /// # use skybridge_testkit::{executor::Executor, fixtures};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// let (executor, endpoint) = (Executor::new(), fixtures::endpoint("192.0.2.1:443"));
    /// let attempt = fixtures::route("https://a.test", [], executor.ctx()).attempt(endpoint.clone());
    /// let mut info = ConnInfo::new(&attempt, None, endpoint);
    /// assert_eq!(info.fit_for_http(), Err(Unfit::TlsMissing));
    /// info.tls = Some(fixtures::tls(None, ["a.test"]));
    /// assert_eq!(info.fit_for_http(), Ok(()));
    /// # }
    /// ```
    ///
    /// # Errors
    /// With the first condition that doesn't hold.
    pub fn fit_for_http(&self) -> Result<(), Unfit> {
        self.tunnelled()?;
        if self.is_https() && self.tls.is_none() {
            return Err(Unfit::TlsMissing);
        }
        Ok(())
    }

    /// As [`fit_for_http`](Self::fit_for_http), for one version of it: a proxy that forwards the requests has not
    /// chosen the other by ALPN.
    ///
    /// # Errors
    /// With the first condition that doesn't hold.
    pub fn fit_for_version(&self, version: Protocol) -> Result<(), Unfit> {
        self.fit_for_http()?;
        self.protocol.filter(|chosen| *chosen != version).map_or(Ok(()), |chosen| Err(Unfit::Chosen(chosen)))
    }

    /// Checks that a TLS connection to the origin may be made on this link: it has no TLS yet, and goes through all
    /// proxies of the route, so that TLS is with the origin.
    ///
    /// # Errors
    /// With the first condition that doesn't hold.
    pub fn fit_for_tls(&self) -> Result<(), Unfit> {
        if self.tls.is_some() {
            return Err(Unfit::SealedTwice);
        }
        self.tunnelled()
    }

    /// Checks that this link may be extended through the proxies of its route: it ends at the first of them, and has no
    /// TLS with the origin.
    ///
    /// # Errors
    /// With the first condition that doesn't hold.
    pub fn fit_for_tunnel(&self) -> Result<(), Unfit> {
        self.is_where_it_may_be()?;
        if self.tls.is_some() {
            return Err(Unfit::SealedTooSoon);
        }
        if self.proxies_passed > 0 || self.tunnelled || self.forwarded {
            return Err(Unfit::TunnelledTwice);
        }
        Ok(())
    }

    /// Checks that this connection may carry the requests of the key that it was opened for. A foreign layer in between
    /// may have changed the target that the layers below were given. The connection may lead elsewhere than the key
    /// says, but not with less protection.
    ///
    /// # Errors
    /// With the first condition that doesn't hold.
    pub fn fit_for_key(&self, key: &Key) -> Result<(), Unfit> {
        if key.origin.scheme() == Scheme::Https && !self.is_https() {
            return Err(Unfit::Less(Lost::Https));
        }
        if key.connect_options.wants_proxies() && self.route.proxies.is_empty() {
            return Err(Unfit::Less(Lost::Proxies));
        }
        let egress = &key.connect_options.egress;
        if !egress.is_any() && *egress != self.route.target.connect_options().egress {
            return Err(Unfit::Less(Lost::Egress));
        }
        let is_hidden = || self.tls.as_ref().is_some_and(|tls| tls.ech == EchStatus::Accepted);
        if key.connect_options.ech == Some(EchMode::Require) && key.origin.scheme() == Scheme::Https && !is_hidden() {
            return Err(Unfit::Less(Lost::Ech));
        }
        Ok(())
    }

    /// Checks that it ends at the origin, or at a proxy that forwards requests in cleartext.
    fn tunnelled(&self) -> Result<(), Unfit> {
        self.is_where_it_may_be()?;
        let (passed, proxies) = (self.proxies_passed, self.route.proxies.len());
        if passed != proxies {
            return Err(Unfit::NotTunnelled { passed, proxies });
        }
        if self.forwarded && self.is_https() {
            return Err(Unfit::Forwarded);
        }
        Ok(())
    }

    /// Checks that its socket leads to where the egress policy allows. It was to be asked before.
    fn is_where_it_may_be(&self) -> Result<(), Unfit> {
        let (origin, egress) = (self.route.target.origin(), &self.route.target.connect_options().egress);
        let judged = match &*self.route.proxies {
            // By a proxy that the route doesn't name: it is given a name, and it alone knows the address.
            [] if self.forwarded && !egress.is_any_address() => return Err(Unfit::Egress),
            [] => egress.check(origin, &self.remote),
            _ => egress.check_proxy(origin, &self.remote),
        };
        judged.map_err(|refused| match refused.rule {
            EgressReason::Cleartext => Unfit::Cleartext,
            _ => Unfit::Egress,
        })
    }

    fn is_https(&self) -> bool {
        self.route.target.origin().scheme() == Scheme::Https
    }
}

impl From<Unfit> for ConnectError {
    /// The error is [fatal](ConnectError::is_fatal), because every route goes through the same stack.
    fn from(unfit: Unfit) -> Self {
        Self::from_source(unfit.into()).fatal()
    }
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TlsMissing => {
                f.write_str("the origin is https, but its link has no TLS: a TlsLayer is missing below")
            }
            Self::SealedTwice => f.write_str("the link has TLS already: there is one TlsLayer too many"),
            Self::SealedTooSoon => f.write_str(
                "the link has TLS before it goes through the route's proxies: TlsLayer belongs above TunnelLayer",
            ),
            Self::NotTunnelled { passed: 0, .. } => f.write_str(
                "the route has proxies, but its link goes through none of them: a TunnelLayer is missing below",
            ),
            Self::NotTunnelled { passed, proxies } => {
                write!(f, "the link goes through {passed} of the {proxies} proxies of its route")
            }
            Self::TunnelledTwice => {
                f.write_str("the link goes through the route's proxies already: there is one TunnelLayer too many")
            }
            Self::Forwarded => {
                f.write_str("the origin is https, but a proxy would forward its requests instead of giving a tunnel")
            }
            Self::Egress => f.write_str(
                "the link leads to where the egress policy lets no connection go, and what opened it has not asked",
            ),
            Self::Cleartext => f.write_str(
                "the origin is http, to which cleartext is not permitted, and what opened the link has not asked",
            ),
            Self::Chosen(protocol) => {
                let version = if *protocol == Protocol::Http2 { "HTTP/2" } else { "HTTP/1.1" };
                write!(
                    f,
                    "the proxy that forwards the requests has chosen {version}, which the layer above doesn't speak"
                )
            }
            Self::Less(lost) => {
                let what = match lost {
                    Lost::Https => "https",
                    Lost::Proxies => "proxies",
                    Lost::Egress => "limits of egress",
                    Lost::Ech => "Encrypted Client Hello",
                };
                write!(f, "the request asks for {what}, but a layer below the pool has asked for a connection without")
            }
        }
    }
}

impl fmt::Debug for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&crate::OneLine(self), f)
    }
}

impl std::error::Error for Unfit {}
