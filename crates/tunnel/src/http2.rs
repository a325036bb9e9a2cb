//! CONNECT over HTTP/2 (RFC 9113, section 8.5): one connection to a proxy, a stream for each tunnel.

mod connection;
mod shared;
mod stream;

pub(crate) use self::{
    connection::{Connection, Place},
    shared::{Lead, Shared, Turn},
};
