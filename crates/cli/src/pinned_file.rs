//! `--pinnedpubkey FILE`, and what people name there instead.

use crate::{exit::Exit, start_error::StartError, tls_files::unreadable};
use skybridge::Pin;
use std::{fs, io, path::Path};

/// The pin of the public key in a file.
///
/// # Errors
/// When there is none: then no peer can have it (90).
pub(crate) fn pin(flag: &str, path: &Path) -> Result<Pin, StartError> {
    let told = |why: &dyn std::fmt::Display, nearest: String| {
        unreadable(flag, path, format_args!("{why}; nearest: {nearest}"), Exit::PIN)
    };
    match fs::read(path) {
        Ok(key) => Pin::of_public_key(&key).map_err(|error| told(&error, how_to_make(&key, path))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(told(&"it is neither a file nor hashes, which begin with sha256//", "sha256//BASE64".to_owned()))
        }
        Err(error) => Err(unreadable(flag, path, &error, Exit::PIN)),
    }
}

/// How to get the public key out of what is there.
fn how_to_make(file: &[u8], path: &Path) -> String {
    let has = |what: &[u8]| file.windows(what.len()).any(|window| window == what);
    let path = path.display();
    if has(b"PRIVATE KEY-----") {
        format!("its public key, by openssl pkey -pubout -in {path}")
    } else if has(b"-----BEGIN CERTIFICATE-----") {
        format!("its public key, by openssl x509 -pubkey -noout -in {path}")
    } else {
        "a file that openssl pkey -pubout has written".to_owned()
    }
}
