//! How a server that has rejected what was encrypted gives its own keys (RFC 9849, section 7.1): in an extension of its
//! `EncryptedExtensions`, that rustls doesn't know.

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

/// What a list of keys is put into: for the transcript, and for the peer.
struct Giving {
    list: Vec<u8>,
    hash: &'static dyn Hash,
    cipher: &'static dyn Tls13AeadAlgorithm,
}

struct Hashing {
    list: Vec<u8>,
    context: Box<dyn Context>,
}

struct Encrypting {
    list: Vec<u8>,
    encrypter: Box<dyn MessageEncrypter>,
}

/// A provider whose servers give this `ECHConfigList`.
pub(super) fn giving(list: &[u8]) -> CryptoProvider {
    let mut provider = aws_lc_rs::default_provider();
    let SupportedCipherSuite::Tls13(suite) = aws_lc_rs::cipher_suite::TLS13_AES_128_GCM_SHA256 else {
        unreachable!("it is of TLS 1.3")
    };
    let (hash, cipher) = (suite.common.hash_provider, suite.aead_alg);
    // They live as long as the process, as rustls wants it of what a provider has.
    let giving: &'static Giving = Box::leak(Box::new(Giving { list: list.to_vec(), hash, cipher }));
    let common = CipherSuiteCommon { hash_provider: giving, ..suite.common };
    let suite = Tls13CipherSuite { common, hkdf_provider: suite.hkdf_provider, aead_alg: giving, quic: None };
    provider.cipher_suites = vec![SupportedCipherSuite::Tls13(Box::leak(Box::new(suite)))];
    provider
}

/// The message with one more extension, and what follows it; `None` where it is another message, or there are no keys.
fn extended(message: &[u8], list: &[u8]) -> Option<Vec<u8>> {
    let (&ENCRYPTED_EXTENSIONS, _) = message.split_first().filter(|_| !list.is_empty())? else { return None };
    let len = usize::from(u16::from_be_bytes(message.get(2..4)?.try_into().ok()?));
    let (known, rest) = (message.get(6..4 + len)?, message.get(4 + len..)?);
    let mut extensions = known.to_vec();
    extensions.extend(ECH.to_be_bytes());
    put(&mut extensions, list);
    let mut body = Vec::new();
    put(&mut body, &extensions);
    let mut made = vec![ENCRYPTED_EXTENSIONS, 0];
    put(&mut made, &body);
    made.extend(rest);
    Some(made)
}

impl Hash for Giving {
    fn start(&self) -> Box<dyn Context> {
        Box::new(Hashing { list: self.list.clone(), context: self.hash.start() })
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
        Box::new(Self { list: self.list.clone(), context: self.context.fork() })
    }

    fn finish(self: Box<Self>) -> Output {
        self.context.finish()
    }

    fn update(&mut self, data: &[u8]) {
        self.context.update(extended(data, &self.list).as_deref().unwrap_or(data));
    }
}

impl Tls13AeadAlgorithm for Giving {
    fn encrypter(&self, key: AeadKey, iv: Iv) -> Box<dyn MessageEncrypter> {
        Box::new(Encrypting { list: self.list.clone(), encrypter: self.cipher.encrypter(key, iv) })
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
        match extended(&whole, &self.list).filter(|_| message.typ == ContentType::Handshake) {
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
