//! Certificates generated on the fly: roots, intermediates and leaves, for servers or clients, valid or not.
//!
//! ```
//! use skybridge_testkit::certs::{self, Ca};
//!
//! let root = Ca::new("a root");
//! let intermediate = root.intermediate("an intermediate");
//! let cert = intermediate.leaf(["a.test", "*.b.test", "127.0.0.1"]);
//! assert_eq!(cert.chain().len(), 2); // the root is known to those who trust it
//! assert!(cert.pin().starts_with("sha256/"));
//! // What `openssl req -x509` makes: a server's certificate that is its own root.
//! let own_root = certs::SelfSigned::new(["c.test"]).make();
//! assert_eq!(own_root.chain().len(), 1);
//! ```

mod authority;
mod builder;
mod cert;
mod self_signed;
mod staple;

pub(crate) use self::cert::Clients;
pub use self::{
    authority::Ca,
    builder::{CertBuilder, KeyKind, Purpose, RawName},
    cert::Cert,
    self_signed::SelfSigned,
    staple::Staple,
};

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
