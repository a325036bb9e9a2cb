mod connect_options;
mod egress;
mod host;
mod key;
mod origin;
mod reference;

pub use self::{
    connect_options::{ConnectOptions, HttpVersions, Partition},
    egress::{Egress, NotPublic},
    host::Host,
    key::{Key, KeyRef},
    origin::{Origin, OriginError, OriginRef, Scheme},
    reference::Reference,
};

use crate::Ctx;
use std::sync::Arc;

/// What somebody wants to reach: a [`Key`], and the luggage of this one wish.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Target {
    /// What the connection must be.
    pub key: Arc<Key>,
    /// Who is asking, on which runtime, until when. In no key, so in no decision about sharing.
    pub ctx: Ctx,
}

impl Target {
    /// A target.
    pub fn new(key: impl Into<Arc<Key>>, ctx: Ctx) -> Self {
        Self { key: key.into(), ctx }
    }

    /// Who it is.
    pub fn origin(&self) -> &Origin {
        &self.key.origin
    }

    /// What makes its connection different.
    pub fn connect_options(&self) -> &ConnectOptions {
        &self.key.connect_options
    }
}
