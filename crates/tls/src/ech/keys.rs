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
    /// The first usable ones of an `ECHConfigList`. rustls doesn't tell the name of those it takes, so it is given one
    /// by one.
    pub(super) fn read(list: &[u8]) -> Result<Self, Error> {
        let malformed = |_| Error::InvalidEncryptedClientHello(EncryptedClientHelloError::InvalidConfigList);
        let configs = Vec::<EchConfigPayload>::read(&mut Reader::init(list)).map_err(malformed)?;
        let usable = configs.iter().find_map(|payload| {
            let EchConfigPayload::V18(contents) = payload else { return None };
            let config = usable(&write(std::slice::from_ref(payload))).ok()?;
            let public_name = peer::as_text(&ServerName::DnsName(contents.public_name.borrow()));
            Some(Self { config, public_name: (&*public_name).into() })
        });
        usable.ok_or_else(|| EncryptedClientHelloError::NoCompatibleConfig.into())
    }
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
    EchConfig::new(EchConfigListBytes::from(list), rustls::crypto::aws_lc_rs::hpke::ALL_SUPPORTED_SUITES)
}

#[cfg(not(feature = "aws-lc-rs"))]
fn usable(list: &[u8]) -> Result<EchConfig, Error> {
    EchConfig::new(EchConfigListBytes::from(list), &[])
}

/// What looks like an encrypted name. It is by the suite that most servers have keys for; the key is nobody's.
#[cfg(feature = "aws-lc-rs")]
pub(super) fn grease() -> Option<EchGreaseConfig> {
    use rustls::crypto::{aws_lc_rs::hpke::DH_KEM_X25519_HKDF_SHA256_AES_128, hpke::Hpke};
    let (key, _) = DH_KEM_X25519_HKDF_SHA256_AES_128.generate_key_pair().ok()?;
    Some(EchGreaseConfig::new(DH_KEM_X25519_HKDF_SHA256_AES_128, key))
}

#[cfg(not(feature = "aws-lc-rs"))]
pub(super) fn grease() -> Option<EchGreaseConfig> {
    None
}
