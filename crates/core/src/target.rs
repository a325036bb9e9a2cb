mod ascii_host;
mod connect_options;
mod dial;
mod ech_mode;
mod egress;
mod host;
mod key;
mod origin;
mod reference;

pub use self::{
    ascii_host::ascii_host,
    connect_options::{ConnectOptions, HttpVersions, Partition},
    dial::Dial,
    ech_mode::EchMode,
    egress::{Cleartext, Egress, EgressReason, EgressRefused, EgressRule, EgressRuleError, Network, NetworkError},
    host::Host,
    key::{Key, KeyRef},
    origin::{Origin, OriginError, OriginRef, Scheme},
    reference::Reference,
};

use crate::Ctx;
use http::Uri;
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

    /// The origin of this URI, with nothing else asked of the connection.
    ///
    /// ```
    /// # use skybridge_runtime::TokioRuntime;
    /// use skybridge_core::{Endpoint, Route, Target};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let target = Target::of(&"https://a.test/".parse()?, TokioRuntime::ctx())?;
    /// assert_eq!(target.origin().port(), 443);
    /// let route = Route::to(target, [([192, 0, 2, 1], 443)]);
    /// assert!(route.endpoints.contains(&Endpoint::from(([192, 0, 2, 1], 443))));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// When the URI has no origin: no `http` or `https`, no host, a user.
    pub fn of(uri: &Uri, ctx: Ctx) -> Result<Self, OriginError> {
        let origin = OriginRef::of(uri)?.to_owned()?;
        Ok(Self::new(Key::new(origin, ConnectOptions::default()), ctx))
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
