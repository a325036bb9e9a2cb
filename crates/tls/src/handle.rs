use crate::{
    OlderConnections, TlsConfig, TlsConnector, TlsLayer,
    config::{LazyConfig, Replaceable},
};
use std::{fmt, sync::Arc};

/// Replaces the configuration of a [`TlsLayer`] or [`TlsConnector`]: for a client's certificate that was renewed, other
/// roots, other pins. Made with [`TlsLayer::replaceable`]. Cheap to clone.
///
/// Each configuration is a *generation*, [counted](Self::generation) from 1, also one that was there before.
/// Handshakes that begin after [`replace`](Self::replace) are of the new one. Each has sessions of its own, so that
/// none is resumed that was made by another, and a connection that is
/// [superseded](skybridge_core::NotCoalesced::Generation) carries no other host than that it was opened for.
/// What becomes of it is for the caller to say ([`OlderConnections`]): by default it takes no new requests, and is
/// closed when those on it are over, as
/// [`CloseReason::TlsReplaced`](skybridge_core::CloseReason::TlsReplaced).
/// [`TlsInfo::generation`](skybridge_core::TlsInfo::generation) says of each connection of which it is.
/// Draining is for the pool to do, and ours does. That of hyper-util, above `skybridge-hyper`'s connector, can't be
/// told to: there a connection takes requests until it ends, so that only [`OlderConnections::Close`] is certain.
///
/// The same holds of connections through a proxy whose TLS was replaced, and not the origin's: a handle of the
/// proxies' configuration ends them too, forwarded or in a tunnel. Of several tunnels in one connection to a proxy
/// those that are there end like that, each in its time, and no other joins them.
///
/// What is spoken in cleartext is of no generation: where the new configuration doesn't
/// [permit](crate::TlsConfigBuilder::specs) it nothing more is opened, and what is open is used on. A client of
/// `skybridge` asks the configuration that there is when the client is built as well: what that doesn't permit no later
/// one does.
///
/// ```
/// use skybridge_tls::{Roots, TlsConfig, TlsLayer};
///
/// # let (old, new) = (skybridge_testkit::certs::Ca::new("old"), skybridge_testkit::certs::Ca::new("new"));
/// let trusting = |root| TlsConfig::builder().roots(Roots::Given(vec![root])).build();
/// let (layer, handle) = TlsLayer::replaceable(trusting(old.der())?);
/// handle.replace(trusting(new.der())?);
/// assert_eq!(handle.generation(), 2);
/// # let _ = layer;
/// # Ok::<_, skybridge_tls::TlsConfigError>(())
/// ```
#[derive(Clone)]
pub struct TlsHandle(Arc<Replaceable>);

// === impl TlsHandle ===

impl TlsHandle {
    /// Begins a new generation: from now on handshakes are by this configuration. Connections of all older ones are
    /// drained.
    pub fn replace(&self, config: TlsConfig) {
        self.replace_and(config, OlderConnections::Drain);
    }

    /// The same, and says what becomes of the connections of all older ones. What was drained or closed before is not
    /// kept.
    pub fn replace_and(&self, config: TlsConfig, older: OlderConnections) {
        // Outside of its lock: pools are told, who tell observers.
        self.0.replace(&config).iter().for_each(|generation| generation.supersede(older));
    }

    /// The number of the present one.
    pub fn generation(&self) -> u64 {
        self.0.number()
    }
}

impl fmt::Debug for TlsHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

// === impl TlsLayer ===

impl TlsLayer {
    /// As [`new`](Self::new), with a handle by which the configuration can be replaced. Clones of the layer have the
    /// same, and so has its [`proxy_connector`](Self::proxy_connector).
    pub fn replaceable(config: TlsConfig) -> (Self, TlsHandle) {
        let replaceable = Replaceable::new(&config);
        (Self::of(LazyConfig::replaceable(Arc::clone(&replaceable))), TlsHandle(replaceable))
    }
}

// === impl TlsConnector ===

impl TlsConnector {
    /// As [`TlsConfig::tls_connector`], with a handle by which the configuration can be replaced.
    pub fn replaceable(config: TlsConfig) -> (Self, TlsHandle) {
        let replaceable = Replaceable::new(&config);
        (Self::of(LazyConfig::replaceable(Arc::clone(&replaceable))), TlsHandle(replaceable))
    }
}
