use skybridge_core::CloseReason;

/// The clauses under which a connection may carry another request (RFC 9112, sections 6.3, 9.3 and 9.6). All of them
/// must hold.
///
/// Two more are looked at when they all do: that nothing is left in the read buffer, and that the socket has nothing to
/// say, neither bytes that nobody asked for nor its end.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Reuse {
    /// The request didn't say `connection: close`.
    pub(super) wanted: bool,
    /// Neither the response nor an interim one before it said so, and each is of a version that persists.
    pub(super) offered: bool,
    /// All of them are strictly HTTP/1.1: nobody between us and the peer can see another end of one.
    pub(super) strict: bool,
    /// The request was written to its end, and not given up.
    pub(super) written: bool,
    /// The response was read to its end, and that end wasn't the connection's.
    pub(super) read: bool,
}

impl Reuse {
    /// Before a request.
    #[inline]
    pub(super) fn open() -> Self {
        Self { wanted: true, offered: true, strict: true, written: true, read: true }
    }

    /// The first clause that doesn't hold, as the reason to close.
    #[inline]
    pub(super) fn refused(self) -> Option<CloseReason> {
        match self {
            Self { wanted: false, .. } => Some(CloseReason::Evicted),
            Self { written: false, .. } => Some(CloseReason::Unread),
            Self { offered: false, .. } | Self { read: false, .. } => Some(CloseReason::PeerFin),
            Self { strict: false, .. } => Some(CloseReason::Protocol),
            Self { wanted: true, offered: true, strict: true, written: true, read: true } => None,
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn each_clause_counts() {
        let open = Reuse::open();
        assert_eq!(open.refused(), None);
        for (reuse, reason) in [
            (Reuse { wanted: false, ..open }, CloseReason::Evicted),
            (Reuse { offered: false, ..open }, CloseReason::PeerFin),
            (Reuse { strict: false, ..open }, CloseReason::Protocol),
            (Reuse { written: false, ..open }, CloseReason::Unread),
            (Reuse { read: false, ..open }, CloseReason::PeerFin),
        ] {
            assert_eq!(reuse.refused(), Some(reason), "{reuse:?}");
        }
    }
}
