//! TLS in front of an origin.

use super::{
    acceptor::{Handshake, OriginTls},
    builder::Builder,
};
use crate::{
    certs::{Ca, Cert},
    ech::{EchKeys, OuterHello},
};
use rustls::pki_types::CertificateDer;

static ONLY_1_2: [&rustls::SupportedProtocolVersion; 1] = [&rustls::version::TLS12];

// === impl Builder ===

impl Builder {
    /// Serves over TLS as [`tls`](Self::tls) does, with a certificate for these names, `localhost` and the loopback
    /// addresses. It is made for this origin, and so is its [root](super::Origin::root), which clients have to trust.
    ///
    /// # Panics
    /// When one can't be in a certificate.
    pub fn https<'a>(self, names: impl IntoIterator<Item = &'a str>) -> Self {
        let ca = Ca::new("the root of an origin");
        let names = names.into_iter().chain(["localhost", "127.0.0.1", "::1"]);
        let leaf = ca.leaf(names);
        self.tls(&leaf).with_tls(|tls| tls.root = Some(ca.der()))
    }

    /// Serves over TLS 1.2 and 1.3, with this certificate. The ALPN protocols are HTTP/1.1 for an h1 origin, and HTTP/2
    /// and HTTP/1.1, in this order, for an h2 origin.
    pub fn tls(mut self, cert: &Cert) -> Self {
        self.tls = Some(OriginTls::new(cert, self.serving.http2));
        self
    }

    /// Requires client certificates of this CA.
    ///
    /// # Panics
    /// Before [`tls`](Self::tls).
    pub fn require_client_cert(self, ca: &Ca) -> Self {
        self.with_tls(|tls| tls.clients = Some((ca.der(), true)))
    }

    /// Requests client certificates of this CA, and serves those too who show none.
    ///
    /// # Panics
    /// Before [`tls`](Self::tls).
    pub fn request_client_cert(self, ca: &Ca) -> Self {
        self.with_tls(|tls| tls.clients = Some((ca.der(), false)))
    }

    /// Selects from these ALPN protocols alone; with none it doesn't answer ALPN. Any but `h2` is served in HTTP/1.1.
    ///
    /// # Panics
    /// Before [`tls`](Self::tls).
    pub fn alpn<'a>(self, names: impl IntoIterator<Item = &'a str>) -> Self {
        self.with_tls(|tls| tls.alpn = names.into_iter().map(str::to_owned).collect())
    }

    /// Breaks the rules of ALPN (RFC 7301): chooses this protocol by TLS 1.3, whatever it is offered.
    ///
    /// # Panics
    /// Before [`tls`](Self::tls).
    pub fn alpn_unasked(self, name: &str) -> Self {
        self.with_tls(|tls| tls.chooses = Some(name.to_owned()))
    }

    /// Supports TLS 1.2 alone.
    ///
    /// # Panics
    /// Before [`tls`](Self::tls).
    pub fn tls12(self) -> Self {
        self.with_tls(|tls| tls.versions = &ONLY_1_2)
    }

    /// Serves Encrypted Client Hello (RFC 9849) with these keys, and TLS 1.3 alone. Who shows the public name and has
    /// other keys is answered by this certificate, and given these keys.
    ///
    /// # Panics
    /// Before [`tls`](Self::tls).
    pub fn ech(self, keys: &EchKeys, public: &Cert) -> Self {
        self.with_tls(|tls| tls.ech = Some((keys.clone(), public.clone(), keys.list())))
    }

    /// Gives this `ECHConfigList` instead of its own keys; an empty one is none.
    ///
    /// # Panics
    /// Before [`ech`](Self::ech).
    pub fn ech_retry_configs(self, list: &[u8]) -> Self {
        self.with_tls(|tls| tls.ech.as_mut().unwrap_or_else(|| panic!("`ech` comes first")).2 = list.to_vec())
    }

    fn with_tls(mut self, change: impl FnOnce(&mut OriginTls)) -> Self {
        change(self.tls.as_mut().unwrap_or_else(|| panic!("`tls` comes first")));
        self
    }
}

// === impl Origin ===

impl super::Origin {
    /// The root certificate that vouches for it, in DER.
    ///
    /// # Panics
    /// Without [`https`](Builder::https): who has made the certificate knows its root.
    pub fn root(&self) -> CertificateDer<'static> {
        self.root.clone().unwrap_or_else(|| panic!("`https` was not said"))
    }

    /// The completed TLS handshakes, in order.
    pub fn handshakes(&self) -> Vec<Handshake> {
        self.record.handshakes()
    }

    /// What clients have shown, of an origin with [`ech`](Builder::ech), in order.
    pub fn outer_hellos(&self) -> Vec<OuterHello> {
        self.record.hellos()
    }
}
