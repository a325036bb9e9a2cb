/// What becomes of a connection at some point of an exchange.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum SocketEffect {
    /// The socket is closed: FIN, or RST from a real one on which something is unread.
    Close,
    /// RST: what is in flight, or not read yet, is lost with it.
    Reset,
    /// Nothing is read or written any more, and the socket stays open.
    Stall,
    /// The stream is reset with this code of RFC 9113, section 7, such as 7 for REFUSED_STREAM. HTTP/1.1 has no
    /// streams: there it closes the socket.
    CloseStream(u32),
    /// The connection takes no requests after those it has: `connection: close`, GOAWAY. The exchange goes on.
    Drain,
}
