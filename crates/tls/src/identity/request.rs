use super::ClientIdentity;
use crate::x509;
use rustls::SignatureScheme;
use std::fmt;

/// A peer asks for a certificate of the client: see
/// [`TlsConfigBuilder::client_auth`](crate::TlsConfigBuilder::client_auth).
pub struct IdentityRequest<'a> {
    host: &'a str,
    port: Option<u16>,
    issuers: &'a [&'a [u8]],
    schemes: &'a [SignatureScheme],
}

impl<'a> IdentityRequest<'a> {
    pub(crate) fn new(
        host: &'a str,
        port: Option<u16>,
        issuers: &'a [&'a [u8]],
        schemes: &'a [SignatureScheme],
    ) -> Self {
        Self { host, port, issuers, schemes }
    }

    /// The name, or address, that the peer must prove to have before it is shown anything: the origin's host, or the
    /// [`server_name`](skybridge_core::ConnectOptions::server_name) that was set for it. In lower case, and
    /// in ASCII as [`ascii_host`](skybridge_core::ascii_host) has it.
    pub fn host(&self) -> &str {
        self.host
    }

    /// The origin's port. `None` where the peer is no origin: a proxy, or a DNS server, whose
    /// [connector](crate::TlsConfig::tls_connector) is of this configuration.
    pub fn port(&self) -> Option<u16> {
        self.port
    }

    /// The issuers that the peer accepts, as their distinguished names in DER. Empty: it doesn't say.
    pub fn issuers(&self) -> &[&'a [u8]] {
        self.issuers
    }

    /// The kinds of signature that the peer accepts. One for which no key fits is answered with no certificate.
    pub fn schemes(&self) -> &[SignatureScheme] {
        self.schemes
    }

    /// Whether the peer would take a certificate like this, by what it says: its key signs by one of the
    /// [schemes](Self::schemes), and one of the [issuers](Self::issuers) has signed a certificate of its chain.
    pub fn accepts(&self, identity: &ClientIdentity) -> bool {
        let is_known =
            |certificate: &[u8]| x509::issuer_name(certificate).is_some_and(|issuer| self.issuers.contains(&issuer));
        let is_issued = || self.issuers.is_empty() || identity.chain().iter().any(|certificate| is_known(certificate));
        identity.signs_by(self.schemes) && is_issued()
    }
}

impl fmt::Debug for IdentityRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut request = f.debug_struct("IdentityRequest");
        request.field("host", &self.host).field("port", &self.port).field("issuers", &self.issuers.len());
        request.field("schemes", &self.schemes).finish()
    }
}
