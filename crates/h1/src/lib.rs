//! An HTTP/1.1 connection on a link.
