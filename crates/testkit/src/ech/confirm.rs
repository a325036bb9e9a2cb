//! How a server says that it has accepted what was encrypted (RFC 9849, section 7.2).

use rustls::{
    Error, NamedGroup, ServerConfig, ServerConnection,
    crypto::{
        ActiveKeyExchange, CompletedKeyExchange, CryptoProvider, GetRandomFailed, SecureRandom, SharedSecret,
        SupportedKxGroup, aws_lc_rs,
    },
};
use sha2::{Digest, Sha256};
use skybridge_core::sync::Mutex;
use std::{fmt, sync::Arc};

/// Of the handshake message: the header, the version, and the bytes of the random number before the confirmation.
const CONFIRMATION_AT: usize = 4 + 2 + 24;

/// What two connections have in common, so that their `ServerHello` is the same but for the confirmation.
struct Twin {
    random: Mutex<[u8; 32]>,
    drawn: Mutex<bool>,
}

/// Agrees on the same key each time.
struct Agreed {
    group: &'static dyn SupportedKxGroup,
    agreed: Mutex<Option<(Vec<u8>, Vec<u8>)>>,
}

/// A configuration for one connection, whose `ServerHello` says that this hello was accepted. `make` makes it of a
/// provider.
pub(super) fn confirming(hello: &[u8], make: impl Fn(CryptoProvider) -> ServerConfig) -> Option<ServerConfig> {
    let mut random = [0; 32];
    aws_lc_rs::default_provider().secure_random.fill(&mut random).ok()?;
    random[24..].fill(0);
    // They live as long as the process, as rustls wants it of what a provider has.
    let twin: &'static Twin = Box::leak(Box::new(Twin { random: Mutex::new(random), drawn: Mutex::new(false) }));
    let mut provider = aws_lc_rs::default_provider();
    // Another hash would need another confirmation.
    provider.cipher_suites = vec![aws_lc_rs::cipher_suite::TLS13_AES_128_GCM_SHA256];
    provider.secure_random = twin;
    for group in &mut provider.kx_groups {
        *group = Box::leak(Box::new(Agreed { group: *group, agreed: Mutex::default() }));
    }
    let mut server_hello = first_message(hello, make(provider.clone()))?;
    server_hello.get_mut(CONFIRMATION_AT..CONFIRMATION_AT + 8)?.fill(0);
    let transcript = Sha256::new().chain_update(hello).chain_update(&server_hello).finalize();
    let secret = hmac(&[0; 32], &[hello.get(6..6 + 32)?]);
    let label = b"tls13 ech accept confirmation";
    let confirmation = hmac(&secret, &[&[0, 8, label.len() as u8], label, &[32], &transcript, &[1]]);
    random[24..].copy_from_slice(&confirmation[..8]);
    *twin.random.lock() = random;
    *twin.drawn.lock() = false;
    Some(make(provider))
}

/// What a server with this configuration answers first: the handshake message.
fn first_message(hello: &[u8], config: ServerConfig) -> Option<Vec<u8>> {
    let mut server = ServerConnection::new(Arc::new(config)).ok()?;
    server.read_tls(&mut &*record(hello)).ok()?;
    server.process_new_packets().ok()?;
    let mut written = Vec::new();
    server.write_tls(&mut written).ok()?;
    let len = usize::from(u16::from_be_bytes(written.get(3..5)?.try_into().ok()?));
    written.get(5..5 + len).map(<[u8]>::to_vec)
}

/// A handshake message in a record.
pub(super) fn record(message: &[u8]) -> Vec<u8> {
    let mut record = vec![22, 3, 1];
    super::keys::put(&mut record, message);
    record
}

/// HMAC-SHA256 of all parts; `key` has the length of a hash.
fn hmac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let pad = |with: u8| {
        let mut block = [with; 64];
        block.iter_mut().zip(key).for_each(|(byte, key)| *byte ^= key);
        block
    };
    let mut inner = Sha256::new().chain_update(pad(0x36));
    parts.iter().for_each(|part| inner.update(part));
    Sha256::new().chain_update(pad(0x5c)).chain_update(inner.finalize()).finalize().into()
}

impl SecureRandom for Twin {
    /// The first is for the `ServerHello`.
    fn fill(&self, buffer: &mut [u8]) -> Result<(), GetRandomFailed> {
        if buffer.len() == 32 && !std::mem::replace(&mut *self.drawn.lock(), true) {
            buffer.copy_from_slice(&*self.random.lock());
            return Ok(());
        }
        aws_lc_rs::default_provider().secure_random.fill(buffer)
    }
}

impl fmt::Debug for Twin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Twin")
    }
}

impl SupportedKxGroup for Agreed {
    fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, Error> {
        self.group.start()
    }

    fn start_and_complete(&self, peer: &[u8]) -> Result<CompletedKeyExchange, Error> {
        let mut agreed = self.agreed.lock();
        if agreed.is_none() {
            let made = self.group.start_and_complete(peer)?;
            *agreed = Some((made.pub_key.clone(), made.secret.secret_bytes().to_vec()));
        }
        let (pub_key, secret) = agreed.clone().unwrap_or_default();
        Ok(CompletedKeyExchange { group: self.group.name(), pub_key, secret: SharedSecret::from(secret) })
    }

    fn name(&self) -> NamedGroup {
        self.group.name()
    }

    fn usable_for_version(&self, version: rustls::ProtocolVersion) -> bool {
        self.group.usable_for_version(version)
    }
}

impl fmt::Debug for Agreed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.group.fmt(f)
    }
}
