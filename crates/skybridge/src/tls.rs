//! What stands for TLS in the stack: the layer, or nothing where the feature `tls` is off.

#[cfg(feature = "tls")]
pub(crate) use on::{ProxyTls, TlsService, TlsSettings};

#[cfg(not(feature = "tls"))]
pub(crate) use off::{ProxyTls, TlsService, TlsSettings};

#[cfg(feature = "tls")]
mod on {
    use crate::explanation::Explainer;
    use skybridge_core::{Cleartext, Egress};
    use skybridge_tcp::RaceLayer;
    use skybridge_tls::{Tls, TlsConnector, TlsLayer};
    use skybridge_tunnel::TunnelLayer;

    /// A connector, and TLS above it.
    pub(crate) type TlsService<S> = Tls<S>;

    /// How TLS is spoken to proxies.
    pub(crate) type ProxyTls = TlsConnector;

    #[derive(Debug)]
    pub(crate) struct TlsSettings {
        pub(crate) layer: TlsLayer,
        pub(crate) proxies: Option<TlsConnector>,
    }

    impl TlsSettings {
        pub(crate) fn new() -> Self {
            Self { layer: TlsLayer::native(), proxies: None }
        }

        /// What explains what these layers would do.
        pub(crate) fn explainer(&self, race: RaceLayer) -> Explainer {
            Explainer { race, tls: self.layer.clone() }
        }

        /// What its specs permit.
        pub(crate) fn egress(&self) -> Egress {
            if self.layer.permits_cleartext() {
                return Egress::any();
            }
            Egress::any().cleartext(Cleartext::refused())
        }

        /// TLS to origins, and a tunnel that speaks TLS to proxies.
        pub(crate) fn layers(self, tunnel: TunnelLayer) -> (TlsLayer, TunnelLayer<TlsConnector>) {
            let connector = self.proxies.unwrap_or_else(|| self.layer.proxy_connector());
            let connector = if tunnel.speaks_http2() { connector.http2() } else { connector };
            (self.layer, tunnel.proxy_tls(connector))
        }
    }
}

#[cfg(not(feature = "tls"))]
mod off {
    use crate::explanation::Explainer;
    use skybridge_core::Egress;
    use skybridge_tcp::RaceLayer;
    use skybridge_tunnel::{NoTls, TunnelLayer};
    use tower::layer::util::Identity;

    /// A connector. That its links have no TLS is noticed above: an `https` origin is refused.
    pub(crate) type TlsService<S> = S;

    /// How TLS is spoken to proxies: not at all.
    pub(crate) type ProxyTls = NoTls;

    #[derive(Debug)]
    pub(crate) struct TlsSettings;

    impl TlsSettings {
        pub(crate) fn new() -> Self {
            Self
        }

        /// What explains what these layers would do.
        pub(crate) fn explainer(&self, race: RaceLayer) -> Explainer {
            Explainer { race }
        }

        /// There are no specs.
        pub(crate) fn egress(&self) -> Egress {
            Egress::any()
        }

        pub(crate) fn layers(self, tunnel: TunnelLayer) -> (Identity, TunnelLayer) {
            (Identity::new(), tunnel)
        }
    }
}
