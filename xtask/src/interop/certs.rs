//! Certificates for the servers and who signed them, made anew for each run.

use std::path::Path;

use skybridge_testkit::certs::{Ca, Cert};

use crate::command::Outcome;
use crate::interop::scratch;

const NAMES: [&str; 3] = ["a.test", "b.test", "127.0.0.1"];

/// A root, a leaf below an intermediate, another for the public name of Encrypted Client Hello, an expired one, and one
/// that is not trusted; and the pins of all.
pub(crate) fn make(folder: &Path) -> Outcome {
    let root = Ca::new("skybridge interop root");
    let intermediate = root.intermediate("skybridge interop intermediate");
    let stranger = Ca::new("skybridge interop stranger");
    let leaf = intermediate.leaf(NAMES);
    scratch::write(&folder.join("root.pem"), root.pem().as_bytes())?;
    scratch::write(&folder.join("stranger.pem"), stranger.pem().as_bytes())?;
    write(folder, "leaf", &leaf)?;
    write(folder, "public", &intermediate.leaf(["public.test"]))?;
    write(folder, "expired", &intermediate.expired(NAMES))?;
    let pins = [
        ("leaf", leaf.pin()),
        ("intermediate", intermediate.pin()),
        ("root", root.pin()),
        ("stranger", stranger.pin()),
    ];
    pins.iter().try_for_each(|(whose, pin)| scratch::write(&folder.join(format!("{whose}.pin")), pin.as_bytes()))
}

fn write(folder: &Path, name: &str, cert: &Cert) -> Outcome {
    scratch::write(&folder.join(format!("{name}.chain.pem")), cert.chain_pem().as_bytes())?;
    scratch::write(&folder.join(format!("{name}.key")), cert.key_pem().as_bytes())
}
