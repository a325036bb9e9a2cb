//! The HTTP/2 handshake and connection on a link.
