//! What a link must be before something is done with it. Asked by whoever seals, tunnels or speaks HTTP, so that layers in a wrong order, or
//! one too few or too many, send nothing.

use crate::{ConnInfo, ConnectError, Egress, Key, Scheme};
use std::fmt;

/// A link isn't what comes next needs: the stack below was put together wrongly for this route. Nothing of a request was sent, and no other
/// route would help.
///
/// What is judged are the facts in [`ConnInfo`]. A layer of one's own that seals says so in [`ConnInfo::tls`], one that goes through proxies
/// in [`ConnInfo::proxies_passed`].
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Unfit {
    /// The origin is `https`, and nothing has sealed the link.
    TlsMissing,
    /// It is sealed, and was to be sealed again.
    SealedTwice,
    /// It is sealed, and was to go through proxies only now: TLS would be with the first of them, and the request in cleartext from the last.
    SealedTooSoon,
    /// The route has proxies, and it doesn't go through all of them: what is sent on it reaches a proxy as if that were the origin.
    NotTunnelled {
        /// How many it goes through.
        passed: usize,
        /// How many the route has.
        proxies: usize,
    },
    /// It goes through proxies, and was to go through them again.
    TunnelledTwice,
    /// The origin is `https`, and the last proxy would forward its requests: it would read them.
    Forwarded,
    /// It was made for another target than its requests ask for, and that one asks for less.
    Less(Lost),
}

/// What requests ask for and the connection that is to carry them was made without.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Lost {
    /// They are for an `https` origin, and it was made for an `http` one: nothing had to seal it.
    Https,
    /// They are to go through [proxies](crate::ConnectOptions::proxy), and it goes through none.
    Proxies,
    /// They are to go to [public addresses](Egress::Public) only, and it was allowed to go anywhere.
    Egress,
}

impl ConnInfo {
    /// Whether HTTP may be spoken on this link: sealed if the origin is `https`, and through all of the route's proxies.
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
    /// What is missing.
    pub fn fit_for_http(&self) -> Result<(), Unfit> {
        self.tunnelled()?;
        if self.is_https() && self.tls.is_none() {
            return Err(Unfit::TlsMissing);
        }
        Ok(())
    }

    /// Whether this link may be sealed for its origin: not sealed yet, and through all of the route's proxies, so that TLS is with the origin.
    ///
    /// # Errors
    /// What is missing, or was done already.
    pub fn fit_for_tls(&self) -> Result<(), Unfit> {
        if self.tls.is_some() {
            return Err(Unfit::SealedTwice);
        }
        self.tunnelled()
    }

    /// Whether this link may be sent through the proxies of its route: it ends at the first of them, and isn't sealed for the origin yet.
    ///
    /// # Errors
    /// What was done already.
    pub fn fit_for_tunnel(&self) -> Result<(), Unfit> {
        if self.tls.is_some() {
            return Err(Unfit::SealedTooSoon);
        }
        if self.proxies_passed > 0 || self.tunnelled || self.forwarded {
            return Err(Unfit::TunnelledTwice);
        }
        Ok(())
    }

    /// Whether this connection may carry the requests of a key that it was opened for: a layer between may have changed the
    /// target, so that other layers below have looked at another one. It may go elsewhere than the key says, not with less.
    ///
    /// # Errors
    /// What is missing.
    pub fn fit_for_key(&self, key: &Key) -> Result<(), Unfit> {
        if key.origin.scheme() == Scheme::Https && !self.is_https() {
            return Err(Unfit::Less(Lost::Https));
        }
        if key.connect_options.wants_proxies() && self.route.proxies.is_empty() {
            return Err(Unfit::Less(Lost::Proxies));
        }
        if key.connect_options.egress == Egress::Public && self.route.target.connect_options().egress != Egress::Public
        {
            return Err(Unfit::Less(Lost::Egress));
        }
        Ok(())
    }

    /// It ends at the origin, or at a proxy that forwards what may be forwarded.
    fn tunnelled(&self) -> Result<(), Unfit> {
        let (passed, proxies) = (self.proxies_passed, self.route.proxies.len());
        if passed != proxies {
            return Err(Unfit::NotTunnelled { passed, proxies });
        }
        if self.forwarded && self.is_https() {
            return Err(Unfit::Forwarded);
        }
        Ok(())
    }

    fn is_https(&self) -> bool {
        self.route.target.origin().scheme() == Scheme::Https
    }
}

impl From<Unfit> for ConnectError {
    /// [Fatal](ConnectError::is_fatal): by another route the stack is the same.
    fn from(unfit: Unfit) -> Self {
        Self::from_source(unfit.into()).fatal()
    }
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TlsMissing => {
                f.write_str("the origin is https and its link is not sealed: this stack has no TlsLayer below")
            }
            Self::SealedTwice => f.write_str("the link is sealed already: this stack has a TlsLayer too many"),
            Self::SealedTooSoon => f.write_str(
                "the link is sealed and has yet to go through the route's proxies: TlsLayer belongs above TunnelLayer",
            ),
            Self::NotTunnelled { passed: 0, .. } => f.write_str(
                "the route has proxies and its link goes through none of them: this stack has no TunnelLayer below",
            ),
            Self::NotTunnelled { passed, proxies } => {
                write!(f, "the link goes through {passed} of the {proxies} proxies of its route")
            }
            Self::TunnelledTwice => {
                f.write_str("the link goes through the route's proxies already: this stack has a TunnelLayer too many")
            }
            Self::Forwarded => {
                f.write_str("the origin is https, and a proxy would forward its requests instead of giving a tunnel")
            }
            Self::Less(lost) => {
                let what = match lost {
                    Lost::Https => "https",
                    Lost::Proxies => "proxies",
                    Lost::Egress => "public addresses only",
                };
                write!(f, "{what} was asked for, and a layer between pool and route has asked for a connection without")
            }
        }
    }
}

impl std::error::Error for Unfit {}
