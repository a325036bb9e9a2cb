use super::{
    Resolved, SpecError,
    names::{self, is_hybrid},
};
use crate::TlsVersion;
use rustls::{
    CipherSuite, ProtocolVersion,
    crypto::{CryptoProvider, SupportedKxGroup},
};
use std::{borrow::Cow, fmt, ops::RangeInclusive, sync::Arc};

/// How a connection may be spoken: by which versions of TLS, cipher suites and key exchanges; or in cleartext.
///
/// What it names, and the [provider](crate::TlsConfigBuilder::provider) doesn't have, is left out. As rustls goes, all
/// that there is exchanges keys by (EC)DHE and authenticates what it encrypts (AEAD): there is no TLS 1.1, no RC4, CBC
/// or 3DES, and no suite without forward secrecy.
///
/// ```
/// use skybridge_tls::{ConnectionSpec, TlsVersion};
///
/// let own = ConnectionSpec::new("our policy")
///     .versions(TlsVersion::Tls12..=TlsVersion::Tls13)
///     .cipher_suites(["TLS_AES_128_GCM_SHA256", "ECDHE-ECDSA-AES128-GCM-SHA256"])
///     .key_exchange_groups(["X25519", "P-256"]);
/// assert_eq!(own.to_string(), "our policy");
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct ConnectionSpec {
    name: Cow<'static, str>,
    cleartext: bool,
    tls12: bool,
    tls13: bool,
    /// In the order of preference; `None` for those of the provider, in its order.
    suites: Option<Vec<Box<str>>>,
    groups: Groups,
}

#[derive(Clone, Debug, Eq, Hash, PartialEq)]
enum Groups {
    /// Those of the provider, in its order.
    Any,
    /// Of these the ones that aren't post-quantum.
    Classical,
    /// Of these the ones that are.
    PostQuantum,
    /// In the order of preference.
    Given(Vec<Box<str>>),
}

impl ConnectionSpec {
    /// TLS 1.3 alone.
    pub const RESTRICTED: Self = Self::stock("restricted", false, Groups::Any);
    /// TLS 1.3 and 1.2. It is the default.
    pub const MODERN: Self = Self::stock("modern", true, Groups::Any);
    /// As [`MODERN`](Self::MODERN), without post-quantum key exchange: so the first message fits into one packet, which
    /// some old servers and middleboxes need.
    pub const COMPATIBLE: Self = Self::stock("compatible", true, Groups::Classical);
    /// No TLS: `http` URLs may be fetched. It says nothing of `https` ones.
    pub const CLEARTEXT: Self = Self {
        name: Cow::Borrowed("cleartext"),
        cleartext: true,
        tls12: false,
        tls13: false,
        suites: None,
        groups: Groups::Any,
    };

    const fn stock(name: &'static str, tls12: bool, groups: Groups) -> Self {
        Self { name: Cow::Borrowed(name), cleartext: false, tls12, tls13: true, suites: None, groups }
    }

    /// One of one's own, by a name that events, errors and [facts](skybridge_core::TlsInfo::spec) have: with TLS 1.2
    /// and 1.3, and all that the provider has.
    pub fn new(name: impl Into<Cow<'static, str>>) -> Self {
        Self { name: name.into(), ..Self::MODERN }
    }

    /// The stock one of this name: `restricted`, `modern`, `compatible` or `cleartext`.
    pub fn named(name: &str) -> Option<Self> {
        let stock = [Self::RESTRICTED, Self::MODERN, Self::COMPATIBLE, Self::CLEARTEXT];
        stock.into_iter().find(|spec| spec.name == name)
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it is [`CLEARTEXT`](Self::CLEARTEXT).
    pub fn is_cleartext(&self) -> bool {
        self.cleartext
    }

    /// The versions of TLS (default: 1.2 and 1.3).
    #[must_use]
    pub fn versions(mut self, versions: RangeInclusive<TlsVersion>) -> Self {
        self.tls12 = versions.contains(&TlsVersion::Tls12);
        self.tls13 = versions.contains(&TlsVersion::Tls13);
        self
    }

    /// The cipher suites of all versions, the preferred one first (default: the provider's): by their names at IANA
    /// (`TLS_AES_128_GCM_SHA256`) or OpenSSL's (`ECDHE-RSA-AES128-GCM-SHA256`), or as a number (`0x1301`). A version
    /// without a suite is not offered. An unknown name is an error when the configuration is built.
    #[must_use]
    pub fn cipher_suites<N: AsRef<str>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.suites = Some(names.into_iter().map(|name| name.as_ref().into()).collect());
        self
    }

    /// The key exchange groups, the preferred one first (default: the provider's): `X25519MLKEM768`, `X25519`,
    /// `secp256r1` (also `P-256` or `prime256v1`), `secp384r1` and others by their names at IANA. An unknown name is an
    /// error when the configuration is built.
    #[must_use]
    pub fn key_exchange_groups<N: AsRef<str>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.groups = Groups::Given(names.into_iter().map(|name| name.as_ref().into()).collect());
        self
    }

    /// Whether keys are exchanged by post-quantum groups alone (`true`), or by none of them (`false`), in place of the
    /// provider's choice. With `true` it is TLS 1.3 alone.
    #[must_use]
    pub fn post_quantum(mut self, post_quantum: bool) -> Self {
        self.groups = if post_quantum { Groups::PostQuantum } else { Groups::Classical };
        self
    }

    /// What it comes to with this provider, where these versions may be offered.
    pub(crate) fn resolve(
        &self,
        offered: &RangeInclusive<TlsVersion>,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Resolved, SpecError> {
        let mut own = CryptoProvider::clone(provider);
        if let Some(names) = &self.suites {
            let suites = names::all(names, names::cipher_suite, SpecError::CipherSuite)?;
            own.cipher_suites = in_order(&suites, |suite: &CipherSuite| {
                provider.cipher_suites.iter().find(|known| known.suite() == *suite).copied()
            });
        }
        match &self.groups {
            Groups::Any => {}
            Groups::Classical => own.kx_groups.retain(|group| !is_hybrid(group.name())),
            Groups::PostQuantum => own.kx_groups.retain(|group| is_hybrid(group.name())),
            Groups::Given(names) => {
                let groups = names::all(names, names::group, SpecError::Group)?;
                own.kx_groups =
                    in_order(&groups, |group| provider.kx_groups.iter().find(|known| known.name() == *group).copied());
            }
        }
        let is_wanted = |version: &TlsVersion| match version {
            TlsVersion::Tls13 => self.tls13 && offered.contains(version),
            TlsVersion::Tls12 => self.tls12 && offered.contains(version),
        };
        let wanted: Vec<_> = TlsVersion::ALL.into_iter().filter(is_wanted).collect();
        if wanted.is_empty() {
            return Err(SpecError::NoVersion);
        }
        let has_suite = |version: &TlsVersion| {
            own.cipher_suites.iter().any(|suite| suite.version().version == version.to_rustls().version)
        };
        let with_suites: Vec<_> = wanted.into_iter().filter(has_suite).collect();
        if with_suites.is_empty() {
            return Err(SpecError::NoCipherSuite);
        }
        let goes = |group: &&dyn SupportedKxGroup, version: ProtocolVersion| group.usable_for_version(version);
        let has_group =
            |version: &TlsVersion| own.kx_groups.iter().any(|group| goes(group, version.to_rustls().version));
        let versions: Vec<_> = with_suites.into_iter().filter(has_group).collect();
        if versions.is_empty() {
            return Err(SpecError::NoGroup);
        }
        Ok(Resolved { name: Arc::from(&*self.name), provider: Arc::new(own), versions })
    }
}

/// What is found of these, each once.
fn in_order<W: PartialEq, T>(wanted: &[W], find: impl Fn(&W) -> Option<T>) -> Vec<T> {
    let is_first = |at: usize| !wanted[..at].contains(&wanted[at]);
    wanted.iter().enumerate().filter(|(at, _)| is_first(*at)).filter_map(|(_, one)| find(one)).collect()
}

impl fmt::Display for ConnectionSpec {
    /// The name.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}
