use std::fmt;

/// Why a SOCKS proxy refused.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum SocksReply {
    /// SOCKS5, 1: a general failure. SOCKS4, 91: rejected or failed.
    Failed,
    /// SOCKS5, 2: the proxy's rules don't allow the connection.
    NotAllowed,
    /// SOCKS5, 3: network unreachable.
    NetworkUnreachable,
    /// SOCKS5, 4: host unreachable.
    HostUnreachable,
    /// SOCKS5, 5: the host refused the connection.
    ConnectionRefused,
    /// SOCKS5, 6: the time to live has expired.
    TtlExpired,
    /// SOCKS5, 7: command not supported.
    CommandNotSupported,
    /// SOCKS5, 8: address type not supported.
    AddressNotSupported,
    /// SOCKS4, 92 or 93: the proxy could not confirm the user by identd.
    NotIdentified,
    /// A reply code that isn't assigned.
    Other(u8),
}

impl SocksReply {
    /// RFC 1928, section 6.
    pub(crate) fn of_socks5(reply: u8) -> Option<Self> {
        Some(match reply {
            0 => return None,
            1 => Self::Failed,
            2 => Self::NotAllowed,
            3 => Self::NetworkUnreachable,
            4 => Self::HostUnreachable,
            5 => Self::ConnectionRefused,
            6 => Self::TtlExpired,
            7 => Self::CommandNotSupported,
            8 => Self::AddressNotSupported,
            other => Self::Other(other),
        })
    }

    /// Whether the proxy would connect, and the host can't be reached.
    pub(crate) fn is_about_host(self) -> bool {
        matches!(self, Self::NetworkUnreachable | Self::HostUnreachable | Self::ConnectionRefused | Self::TtlExpired)
    }

    pub(crate) fn of_socks4(reply: u8) -> Option<Self> {
        Some(match reply {
            90 => return None,
            91 => Self::Failed,
            92 | 93 => Self::NotIdentified,
            other => Self::Other(other),
        })
    }
}

impl fmt::Display for SocksReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Failed => "general failure",
            Self::NotAllowed => "not allowed by its rules",
            Self::NetworkUnreachable => "network unreachable",
            Self::HostUnreachable => "host unreachable",
            Self::ConnectionRefused => "the host refused the connection",
            Self::TtlExpired => "the time to live has expired",
            Self::CommandNotSupported => "command not supported",
            Self::AddressNotSupported => "address type not supported",
            Self::NotIdentified => "the user could not be confirmed by identd",
            Self::Other(reply) => return write!(f, "reply code {reply}"),
        })
    }
}
