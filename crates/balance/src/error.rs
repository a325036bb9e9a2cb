use skybridge_core::{OneLine, OriginError};
use std::{error::Error as StdError, fmt, net::IpAddr, sync::Arc};

/// What a [`BalanceLayer`](crate::BalanceLayer) can't be made for.
#[derive(Clone, Eq, PartialEq)]
#[non_exhaustive]
pub enum NotAName {
    /// The URI has no origin.
    Origin(OriginError),
    /// The host is an address, and so one server.
    Address(IpAddr),
}

/// The resolver found no address of the name.
#[derive(Clone, Eq, PartialEq)]
pub struct NoEndpoints {
    /// The name.
    pub host: Arc<str>,
}

/// A name has more addresses than are [balanced](crate::BalanceLayer::max_endpoints).
#[derive(Clone, Eq, PartialEq)]
pub struct TooManyEndpoints {
    /// The name.
    pub host: Arc<str>,
    /// The limit.
    pub most: usize,
}

/// A request isn't one of those that are balanced.
#[derive(Clone, Eq, PartialEq)]
#[non_exhaustive]
pub enum NotBalanced {
    /// It is for another origin than the layer is for: its servers would be asked for what isn't theirs.
    OtherOrigin {
        /// The origin that is balanced, as `https://a.test`.
        balanced: Box<str>,
    },
    /// It says itself where to connect to ([`RequestOptions::dial`](skybridge_core::RequestOptions::dial) or
    /// [`connect_to`](skybridge_core::RequestOptions::connect_to)).
    Dials,
}

impl fmt::Display for NotAName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Origin(error) => error.fmt(f),
            Self::Address(ip) => write!(f, "{ip} is one address: there is nothing to balance"),
        }
    }
}

impl fmt::Display for NoEndpoints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "there is no server to balance for `{}`", self.host)
    }
}

impl fmt::Display for TooManyEndpoints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` has more than {} addresses, which is the most that are balanced", self.host, self.most)
    }
}

impl fmt::Display for NotBalanced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OtherOrigin { balanced } => write!(f, "only requests for {balanced} are balanced here"),
            Self::Dials => f.write_str("a balanced request can't say itself where to connect to"),
        }
    }
}

/// `Debug` is the sentence too, for a `main` that returns it.
macro_rules! error {
    ($($error:ty)*) => {
        $(
            impl fmt::Debug for $error {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    fmt::Display::fmt(&OneLine(self), f)
                }
            }

            impl StdError for $error {}
        )*
    };
}

error!(NotAName NoEndpoints TooManyEndpoints NotBalanced);
