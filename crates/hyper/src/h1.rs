//! HTTP/1.1 on hyper's `client::conn::http1`.

mod body;
mod classify;
mod connection;
mod driver;
mod error;
mod handshake;
mod in_flight;
mod lifecycle;
mod replay_copy;
mod request_body;
mod rewrite;
mod wire;

pub use self::{
    body::HyperH1Body,
    connection::HyperHttp1,
    error::HyperH1Error,
    handshake::{HyperH1, HyperH1Handshaking},
};
