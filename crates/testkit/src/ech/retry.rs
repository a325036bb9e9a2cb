//! How a server says in its `EncryptedExtensions` what rustls has no words for: its own keys, where it has rejected
//! what was encrypted (RFC 9849, section 7.1), or a protocol that was not offered.

use super::keys::put;
use rustls::{
    ConnectionTrafficSecrets, ContentType, Error, SupportedCipherSuite, Tls13CipherSuite,
    crypto::{
        CipherSuiteCommon, CryptoProvider, aws_lc_rs,
        cipher::{
            AeadKey, Iv, MessageDecrypter, MessageEncrypter, OutboundChunks, OutboundOpaqueMessage,
            OutboundPlainMessage, Tls13AeadAlgorithm, UnsupportedOperationError,
        },
        hash::{Context, Hash, HashAlgorithm, Output},
    },
};

const ENCRYPTED_EXTENSIONS: u8 = 8;
const ECH: u16 = 0xfe0d;
const ALPN: u16 = 16;

/// An extension, written; none where it is empty.
type Extension = Vec<u8>;

/// What an extension is put into: for the transcript, and for the peer.
struct Giving {
    extension: Extension,
    hash: &'static dyn Hash,
    cipher: &'static dyn Tls13AeadAlgorithm,
}

struct Hashing {
    extension: Extension,
    context: Box<dyn Context>,
}

struct Encrypting {
    extension: Extension,
    encrypter: Box<dyn MessageEncrypter>,
}

/// A provider whose servers give this `ECHConfigList`.
pub(super) fn giving(list: &[u8]) -> CryptoProvider {
    extending(if list.is_empty() { Vec::new() } else { extension(ECH, list) })
}

/// A provider whose servers choose this protocol (RFC 7301), whatever they are offered.
pub(crate) fn choosing(protocol: &str) -> CryptoProvider {
    let (mut name, mut list) = (vec![protocol.len() as u8], Vec::new());
    name.extend_from_slice(protocol.as_bytes());
    put(&mut list, &name);
    extending(extension(ALPN, &list))
}

fn extension(kind: u16, body: &[u8]) -> Extension {
    let mut extension = kind.to_be_bytes().to_vec();
    put(&mut extension, body);
    extension
}

fn extending(extension: Extension) -> CryptoProvider {
    let mut provider = aws_lc_rs::default_provider();
    let SupportedCipherSuite::Tls13(suite) = aws_lc_rs::cipher_suite::TLS13_AES_128_GCM_SHA256 else {
        unreachable!("it is of TLS 1.3")
    };
    let (hash, cipher) = (suite.common.hash_provider, suite.aead_alg);
    // They live as long as the process, as rustls wants it of what a provider has.
    let giving: &'static Giving = Box::leak(Box::new(Giving { extension, hash, cipher }));
    let common = CipherSuiteCommon { hash_provider: giving, ..suite.common };
    let suite = Tls13CipherSuite { common, hkdf_provider: suite.hkdf_provider, aead_alg: giving, quic: None };
    provider.cipher_suites = vec![SupportedCipherSuite::Tls13(Box::leak(Box::new(suite)))];
    provider
}

/// The message with one more extension, and what follows it; `None` where it is another message, or there is none.
fn extended(message: &[u8], extension: &[u8]) -> Option<Vec<u8>> {
    let (&ENCRYPTED_EXTENSIONS, _) = message.split_first().filter(|_| !extension.is_empty())? else { return None };
    let len = usize::from(u16::from_be_bytes(message.get(2..4)?.try_into().ok()?));
    let (known, rest) = (message.get(6..4 + len)?, message.get(4 + len..)?);
    let mut extensions = known.to_vec();
    extensions.extend(extension);
    let mut body = Vec::new();
    put(&mut body, &extensions);
    let mut made = vec![ENCRYPTED_EXTENSIONS, 0];
    put(&mut made, &body);
    made.extend(rest);
    Some(made)
}

impl Hash for Giving {
    fn start(&self) -> Box<dyn Context> {
        Box::new(Hashing { extension: self.extension.clone(), context: self.hash.start() })
    }

    fn hash(&self, data: &[u8]) -> Output {
        self.hash.hash(data)
    }

    fn output_len(&self) -> usize {
        self.hash.output_len()
    }

    fn algorithm(&self) -> HashAlgorithm {
        self.hash.algorithm()
    }
}

impl Context for Hashing {
    fn fork_finish(&self) -> Output {
        self.context.fork_finish()
    }

    fn fork(&self) -> Box<dyn Context> {
        Box::new(Self { extension: self.extension.clone(), context: self.context.fork() })
    }

    fn finish(self: Box<Self>) -> Output {
        self.context.finish()
    }

    fn update(&mut self, data: &[u8]) {
        self.context.update(extended(data, &self.extension).as_deref().unwrap_or(data));
    }
}

impl Tls13AeadAlgorithm for Giving {
    fn encrypter(&self, key: AeadKey, iv: Iv) -> Box<dyn MessageEncrypter> {
        Box::new(Encrypting { extension: self.extension.clone(), encrypter: self.cipher.encrypter(key, iv) })
    }

    fn decrypter(&self, key: AeadKey, iv: Iv) -> Box<dyn MessageDecrypter> {
        self.cipher.decrypter(key, iv)
    }

    fn key_len(&self) -> usize {
        self.cipher.key_len()
    }

    fn extract_keys(&self, key: AeadKey, iv: Iv) -> Result<ConnectionTrafficSecrets, UnsupportedOperationError> {
        self.cipher.extract_keys(key, iv)
    }
}

impl MessageEncrypter for Encrypting {
    fn encrypt(&mut self, message: OutboundPlainMessage<'_>, seq: u64) -> Result<OutboundOpaqueMessage, Error> {
        let whole = message.payload.to_vec();
        match extended(&whole, &self.extension).filter(|_| message.typ == ContentType::Handshake) {
            Some(extended) => {
                let payload = OutboundChunks::Single(&extended);
                self.encrypter.encrypt(OutboundPlainMessage { payload, ..message }, seq)
            }
            None => self.encrypter.encrypt(message, seq),
        }
    }

    fn encrypted_payload_len(&self, len: usize) -> usize {
        self.encrypter.encrypted_payload_len(len)
    }
}
