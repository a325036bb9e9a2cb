use crate::peer;
use rustls::{
    EncryptedClientHelloError, Error,
    client::{EchConfig, EchGreaseConfig},
    internal::msgs::{
        codec::{Codec, Reader},
        handshake::EchConfigPayload,
    },
    pki_types::{EchConfigListBytes, ServerName},
};

/// The keys that a server accepts, and the name that stands in the clear beside what they encrypt.
#[derive(Clone, Debug)]
pub(super) struct Keys {
    pub(super) config: EchConfig,
    /// As errors and pins have names.
    pub(super) public_name: Box<str>,
}

impl Keys {
    /// The first usable ones of an `ECHConfigList`. rustls refuses a whole list for one that it can't read, and doesn't
    /// tell the name of those it takes, so it is given one by one.
    pub(super) fn read(list: &[u8]) -> Result<Self, Error> {
        let malformed = || Error::InvalidEncryptedClientHello(EncryptedClientHelloError::InvalidConfigList);
        let (len, mut rest) = list.split_first_chunk().ok_or_else(malformed)?;
        if usize::from(u16::from_be_bytes(*len)) != rest.len() {
            return Err(malformed());
        }
        let mut usable = None;
        while let Some([_, _, high, low]) = rest.first_chunk() {
            let len = 4 + usize::from(u16::from_be_bytes([*high, *low]));
            let (config, behind) = rest.split_at_checked(len).ok_or_else(malformed)?;
            (usable, rest) = (usable.or_else(|| Self::of(config)), behind);
        }
        if !rest.is_empty() {
            return Err(malformed());
        }
        usable.ok_or_else(|| EncryptedClientHelloError::NoCompatibleConfig.into())
    }

    /// Those of one `ECHConfig`.
    fn of(config: &[u8]) -> Option<Self> {
        let payload = EchConfigPayload::read(&mut Reader::init(config)).ok()?;
        let EchConfigPayload::V18(contents) = &payload else { return None };
        if !is_public_name(contents.public_name.as_ref()) {
            return None;
        }
        let public_name = peer::as_text(&ServerName::DnsName(contents.public_name.borrow()));
        let config = usable(&write(std::slice::from_ref(&payload))).ok()?;
        Some(Self { config, public_name: (&*public_name).into() })
    }

    /// Whether they keep this name out of the clear: not where it is the public one.
    pub(super) fn hide(&self, name: &str) -> bool {
        *self.public_name != *name
    }
}

/// Whether keys with this public name count (RFC 9849, section 4): it is made of labels of letters, digits and hyphens,
/// and is no IPv4 address as browsers read them.
fn is_public_name(name: &str) -> bool {
    let is_label = |label: &str| {
        let inside = label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        (1..=63).contains(&label.len()) && inside && !label.starts_with('-') && !label.ends_with('-')
    };
    let last = name.rsplit('.').next().unwrap_or(name);
    let is_hex = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_number = last.bytes().all(|byte| byte.is_ascii_digit())
        || last.strip_prefix("0x").or_else(|| last.strip_prefix("0X")).is_some_and(is_hex);
    name.split('.').all(is_label) && !is_number
}

/// What rustls has read, as the list that it was.
pub(crate) fn write(configs: &[EchConfigPayload]) -> Box<[u8]> {
    let mut list = Vec::new();
    configs.to_vec().encode(&mut list);
    list.into()
}

/// Of the providers of rustls only aws-lc-rs has the cryptography, and it goes with each.
#[cfg(feature = "aws-lc-rs")]
fn usable(list: &[u8]) -> Result<EchConfig, Error> {
    let suites = rustls::crypto::aws_lc_rs::hpke::ALL_SUPPORTED_SUITES;
    // Whoever builds the approved module wants no other cryptography.
    #[cfg(feature = "fips")]
    let suites = &*suites.iter().copied().filter(|suite| suite.fips()).collect::<Vec<_>>();
    EchConfig::new(EchConfigListBytes::from(list), suites)
}

#[cfg(not(feature = "aws-lc-rs"))]
fn usable(list: &[u8]) -> Result<EchConfig, Error> {
    EchConfig::new(EchConfigListBytes::from(list), &[])
}

/// What looks like an encrypted name. It is by the suite that most servers have keys for; the key is nobody's.
#[cfg(feature = "aws-lc-rs")]
pub(super) fn grease() -> Option<EchGreaseConfig> {
    #[cfg(feature = "fips")]
    use rustls::crypto::aws_lc_rs::hpke::DH_KEM_P256_HKDF_SHA256_AES_128 as SUITE;
    #[cfg(not(feature = "fips"))]
    use rustls::crypto::aws_lc_rs::hpke::DH_KEM_X25519_HKDF_SHA256_AES_128 as SUITE;
    use rustls::crypto::hpke::Hpke;
    let (key, _) = SUITE.generate_key_pair().ok()?;
    Some(EchGreaseConfig::new(SUITE, key))
}

#[cfg(not(feature = "aws-lc-rs"))]
pub(super) fn grease() -> Option<EchGreaseConfig> {
    None
}
