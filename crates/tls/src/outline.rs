use crate::{Pin, SkippedRoot, TlsConfig, TlsError, TlsVersion, peer::Peer, trust_outline::TrustOutline};
use skybridge_core::{ConnInfo, ConnectError, Phase, Route};
use std::{iter::successors, sync::Arc};

/// What a handshake with an origin would offer and ask for: for whoever wants to know and connects nothing.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TlsOutline {
    /// The versions of TLS that are offered, the latest first.
    pub versions: Vec<TlsVersion>,
    /// The [specs](crate::TlsConfigBuilder::specs) in the order in which they would be tried, at least one; `versions`
    /// are those of the first.
    pub specs: Vec<SpecOutline>,
    /// The name that the certificate must be valid for.
    pub name: Arc<str>,
    /// The name that is sent (SNI); none for an address.
    pub sni: Option<Arc<str>>,
    /// The protocols that are offered by ALPN, the preferred one first.
    pub alpn: Vec<String>,
    /// Who may vouch for the certificate.
    pub trust: TrustOutline,
    /// What couldn't be read of the system's roots: see [`TlsConfig::skipped_roots`].
    pub skipped_roots: Arc<[SkippedRoot]>,
    /// The pins of this host, of which the verified path must have one; none where it isn't pinned.
    pub pins: Vec<Pin>,
    /// The pins of this host that refuse nobody, because they have [expired](crate::Pins::until) or are
    /// [for report only](crate::Pins::report_only).
    pub pins_not_enforced: Vec<Pin>,
    /// Whether there is a certificate to show, if the peer asks for one; where a function chooses it, there may be.
    pub client_certificate: bool,
    /// What is done about the origin's name; `None` when it is sent in the clear.
    pub ech: Option<EchOutline>,
}

/// A [connection spec](crate::ConnectionSpec), as far as it would be offered.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct SpecOutline {
    /// Its name, as [facts](skybridge_core::TlsInfo::spec) and events have it.
    pub name: Arc<str>,
    /// The versions of TLS that are offered by it, the latest first.
    pub versions: Vec<TlsVersion>,
}

/// What is done about the origin's name (RFC 9849).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum EchOutline {
    /// It is sent in the clear, beside an extension that looks as if another were encrypted.
    Grease,
    /// It is encrypted, with keys that are at hand.
    Encrypted,
    /// It would have to be encrypted, and there are no keys: the connect fails.
    NoKeys,
}

impl TlsConfig {
    pub(crate) fn outline(&self, route: &Route) -> Result<TlsOutline, ConnectError> {
        let failed = |error: TlsError| ConnectError::new(Phase::Tls, error).fatal();
        // It needs the facts of a link; there is none, and no attempt is logged.
        let endpoint = route.endpoints.snapshot().into_iter().next().unwrap_or_else(|| ([0, 0, 0, 0], 0).into());
        let mut route = route.clone();
        route.target.ctx = skybridge_core::Ctx::new(Arc::clone(route.ctx().runtime()));
        let info = ConnInfo::new(&route.attempt(endpoint.clone()), None, endpoint);
        let peer = Peer::origin(&info).map_err(failed)?;
        let options = route.target.connect_options();
        let specs: Vec<_> = successors(Some(self), |config| config.fallback())
            .map(|config| SpecOutline {
                name: Arc::clone(config.spec()),
                versions: config.versions_with(config.ech_outline(&info, &peer)),
            })
            .collect();
        let (pins, pins_not_enforced) = self.pins().of(&peer.text, peer.host.as_deref(), self.clock().current_time());
        Ok(TlsOutline {
            versions: specs.first().map_or_else(Vec::new, |first| first.versions.clone()),
            specs,
            name: Arc::clone(&peer.text),
            sni: peer.sni(),
            alpn: crate::alpn::offer(Some(options.http_versions)).into_iter().map(text).collect(),
            trust: self.trust(&peer.text),
            skipped_roots: self.shared_skipped_roots(),
            pins,
            pins_not_enforced,
            client_certificate: self.identity().may_have_one_for(&peer.text),
            ech: self.ech_outline(&info, &peer),
        })
    }

    fn ech_outline(&self, info: &ConnInfo, peer: &Peer) -> Option<EchOutline> {
        match self.offer(info, peer) {
            Ok(None) => None,
            Ok(Some(offer)) if offer.is_encrypted() => Some(EchOutline::Encrypted),
            Ok(Some(_)) => Some(EchOutline::Grease),
            Err(_) => Some(EchOutline::NoKeys),
        }
    }

    /// With Encrypted Client Hello it is TLS 1.3 alone.
    fn versions_with(&self, ech: Option<EchOutline>) -> Vec<TlsVersion> {
        let is_hidden = matches!(ech, Some(EchOutline::Encrypted | EchOutline::Grease));
        self.versions().into_iter().filter(|it| !is_hidden || *it == TlsVersion::Tls13).collect()
    }
}

fn text(name: Vec<u8>) -> String {
    String::from_utf8_lossy(&name).into_owned()
}
