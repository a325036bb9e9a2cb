//! Certificates generated on the fly: roots, intermediates and leaves, for servers or clients, valid or not.
//!
//! ```
//! use skybridge_testkit::certs::Ca;
//!
//! let root = Ca::new("a root");
//! let intermediate = root.intermediate("an intermediate");
//! let cert = intermediate.leaf(["a.test", "*.b.test", "127.0.0.1"]);
//! assert_eq!(cert.chain().len(), 2); // the root is known to those who trust it
//! assert!(cert.pin().starts_with("sha256/"));
//! ```

mod authority;
mod cert;

pub use self::{authority::Ca, cert::Cert};

use base64::{Engine, engine::general_purpose::STANDARD};
use rcgen::{KeyPair, PublicKeyData};
use sha2::{Digest, Sha256};

fn new_key() -> KeyPair {
    KeyPair::generate().unwrap_or_else(|error| panic!("no key: {error}"))
}

/// `sha256/` and the hash of a public key.
fn pin(key: &KeyPair) -> String {
    format!("sha256/{}", STANDARD.encode(Sha256::digest(key.subject_public_key_info())))
}
