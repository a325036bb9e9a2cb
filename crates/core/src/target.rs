mod connect_options;
mod dial;
mod ech_mode;
mod egress;
mod host;
mod key;
mod origin;
mod reference;

pub use self::{
    connect_options::{ConnectOptions, HttpVersions, Partition},
    dial::Dial,
    ech_mode::EchMode,
    egress::{Egress, EgressReason, EgressRefused, EgressRule, EgressRuleError, Network, NetworkError},
    host::Host,
    key::{Key, KeyRef},
    origin::{Origin, OriginError, OriginRef, Scheme},
    reference::Reference,
};

use crate::Ctx;
use std::sync::Arc;

/// What is to be reached: the [`Key`] of a connection, and the context of whoever asks for it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Target {
    /// The origin, and what is asked of the connection.
    pub key: Arc<Key>,
    /// On whose behalf, on which runtime, and until when. Not part of the key, so no decision about sharing depends on
    /// it.
    pub ctx: Ctx,
}

impl Target {
    /// A target of this key.
    pub fn new(key: impl Into<Arc<Key>>, ctx: Ctx) -> Self {
        Self { key: key.into(), ctx }
    }

    /// The origin.
    pub fn origin(&self) -> &Origin {
        &self.key.origin
    }

    /// What is asked of the connection.
    pub fn connect_options(&self) -> &ConnectOptions {
        &self.key.connect_options
    }
}
