//! What hyper-util's `client::legacy::connect` has: its connectors and their traits are hyper-util's own, so that those
//! of others fit; a connection is captured by types of this crate.

pub use crate::legacy::{
    capture::{CaptureConnection, capture_connection},
    metadata::ConnectionMetadata,
};
pub use hyper_util::client::legacy::connect::{Connect, Connected, Connection, HttpConnector, HttpInfo, dns};
