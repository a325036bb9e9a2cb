use crate::OriginError;
use std::fmt;

/// Why an [`EgressRule`](crate::EgressRule) would be about nothing, however it was meant.
#[derive(Clone, Eq, PartialEq)]
#[non_exhaustive]
pub enum EgressRuleError {
    /// No URL has this host.
    Host {
        /// As it was given.
        host: Box<str>,
        /// What is wrong with it.
        source: OriginError,
    },
    /// It has a `*` that is neither all of it nor its first label.
    Wildcard(Box<str>),
    /// The first port is above the last.
    Ports(u16, u16),
}

impl fmt::Display for EgressRuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let such = "such as a.test, *.a.test, 192.0.2.1 or *";
        match self {
            Self::Host { host, source: OriginError::NotAscii(_) } => {
                let how = "must be as URLs have it, in its form with xn--, unless the feature `idn` is on";
                write!(f, "the host `{}` of a rule {how}", host.escape_debug())
            }
            Self::Host { host, .. } => {
                write!(f, "`{}` in a rule is no host that a URL can have, {such}", host.escape_debug())
            }
            Self::Wildcard(host) => {
                write!(
                    f,
                    "the `*` in `{}` of a rule must be its first label, or all of it, {such}",
                    host.escape_debug()
                )
            }
            Self::Ports(first, last) => write!(f, "there are no ports from {first} to {last}"),
        }
    }
}

impl fmt::Debug for EgressRuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&crate::OneLine(self), f)
    }
}

impl std::error::Error for EgressRuleError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Host { source, .. } => Some(source),
            Self::Wildcard(_) | Self::Ports(..) => None,
        }
    }
}
