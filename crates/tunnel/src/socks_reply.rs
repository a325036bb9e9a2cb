use std::fmt;

/// How a SOCKS proxy says no.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum SocksReply {
    /// SOCKS5, 1: a general failure. SOCKS4, 91: rejected or failed.
    Failed,
    /// SOCKS5, 2: not allowed by its rules.
    NotAllowed,
    /// SOCKS5, 3: the network can't be reached.
    NetworkUnreachable,
    /// SOCKS5, 4: the host can't be reached.
    HostUnreachable,
    /// SOCKS5, 5: the host refused.
    ConnectionRefused,
    /// SOCKS5, 6: the time to live has expired.
    TtlExpired,
    /// SOCKS5, 7: it doesn't know the command.
    CommandNotSupported,
    /// SOCKS5, 8: it doesn't know this kind of address.
    AddressNotSupported,
    /// SOCKS4, 92 or 93: it could not confirm the user by identd.
    NotIdentified,
    /// A number that no RFC has.
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
            Self::Failed => "it failed",
            Self::NotAllowed => "its rules forbid it",
            Self::NetworkUnreachable => "the network can't be reached",
            Self::HostUnreachable => "the host can't be reached",
            Self::ConnectionRefused => "the host refused the connection",
            Self::TtlExpired => "the time to live has expired",
            Self::CommandNotSupported => "it doesn't know the command",
            Self::AddressNotSupported => "it doesn't know this kind of address",
            Self::NotIdentified => "it could not confirm the user",
            Self::Other(reply) => return write!(f, "reply {reply}"),
        })
    }
}
