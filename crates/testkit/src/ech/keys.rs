use rustls::crypto::{
    aws_lc_rs::hpke::DH_KEM_X25519_HKDF_SHA256_AES_128 as SUITE,
    hpke::{EncapsulatedSecret, Hpke, HpkePrivateKey},
};
use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
};

/// The keys of a server, and the name that clients show beside what they encrypt with them.
#[derive(Clone)]
pub struct EchKeys(Arc<Inner>);

struct Inner {
    id: u8,
    public_name: String,
    /// The `ECHConfig`.
    config: Vec<u8>,
    private: HpkePrivateKey,
}

impl EchKeys {
    /// New ones: X25519, HKDF-SHA256 and AES-128-GCM.
    ///
    /// # Panics
    /// When the name has more than 255 characters.
    pub fn new(public_name: &str) -> Self {
        static NEXT: AtomicU8 = AtomicU8::new(0);
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        let (public, private) = SUITE.generate_key_pair().unwrap_or_else(|error| panic!("no key: {error}"));
        let mut contents = vec![id, 0, 0x20];
        put(&mut contents, &public.0);
        put(&mut contents, &[0, 1, 0, 1]);
        // The longest name that others are padded to.
        contents.push(64);
        contents.push(u8::try_from(public_name.len()).unwrap_or_else(|error| panic!("{public_name}: {error}")));
        contents.extend(public_name.bytes());
        put(&mut contents, &[]);
        let mut config = vec![0xfe, 0x0d];
        put(&mut config, &contents);
        Self(Arc::new(Inner { id, public_name: public_name.to_owned(), config, private }))
    }

    /// The `ECHConfigList` of these keys alone.
    pub fn list(&self) -> Vec<u8> {
        let mut list = Vec::new();
        put(&mut list, &self.0.config);
        list
    }

    /// The name that clients show.
    pub fn public_name(&self) -> &str {
        &self.0.public_name
    }

    /// Decrypts; `None` where it was encrypted with other keys.
    pub(super) fn open(&self, id: u8, encapsulated: &[u8], aad: &[u8], payload: &[u8]) -> Option<Vec<u8>> {
        let info = [b"tls ech\0", &*self.0.config].concat();
        let secret = EncapsulatedSecret(encapsulated.to_vec());
        let opened = || SUITE.open(&secret, &info, aad, payload, &self.0.private).ok();
        (id == self.0.id).then(opened).flatten()
    }
}

impl fmt::Debug for EchKeys {
    /// Leaves out the private key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EchKeys").field("public_name", &self.0.public_name).finish_non_exhaustive()
    }
}

/// Appends bytes after their length, in two bytes.
pub(super) fn put(to: &mut Vec<u8>, bytes: &[u8]) {
    to.extend(u16::try_from(bytes.len()).unwrap_or_else(|error| panic!("too long: {error}")).to_be_bytes());
    to.extend(bytes);
}
