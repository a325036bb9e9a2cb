//! Chooses HTTP/1.1 or HTTP/2 by fact, and drives the chosen handshake.
