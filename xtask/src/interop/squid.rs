//! squid: an HTTP proxy that wants a password, by Basic or Digest, in cleartext and over TLS.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use crate::command::{Failure, Outcome};
use crate::interop::scratch;
use crate::interop::server::Server;

const CONFIGURATION: &str = include_str!("../../fixtures/squid.conf");
/// `alice`, `s3cret`.
const PASSWORDS: &str = include_str!("../../fixtures/squid.passwords");
/// The same, for Digest: user, realm, and the hash of both with the password.
const DIGESTS: &str = "alice:skybridge:853da384cc16b216f7d56b74e17ec76a\n";
const HOSTS: &str = "127.0.0.1 a.test b.test forbidden.test\n";

pub(crate) fn start(program: &Path, folder: &Path, certs: &Path, port: u16, sealed: u16) -> Outcome<Server> {
    // It drops root's rights, and writes its log without them.
    fs::set_permissions(folder, Permissions::from_mode(0o777))
        .map_err(Failure::during("cannot open squid's folder"))?;
    let configuration = folder.join("squid.conf");
    scratch::write(&folder.join("passwords"), PASSWORDS.as_bytes())?;
    scratch::write(&folder.join("digests"), DIGESTS.as_bytes())?;
    scratch::write(&folder.join("hosts"), HOSTS.as_bytes())?;
    scratch::write(&configuration, filled_in(folder, certs, port, sealed).as_bytes())?;
    let mut command = Command::new(program);
    command.arg("-N").arg("-f").arg(&configuration);
    let server = Server::start("squid", &command, folder, &[port, sealed])?;
    Ok(server.logging_to(folder.join("access.log")))
}

fn filled_in(folder: &Path, certs: &Path, port: u16, sealed: u16) -> String {
    CONFIGURATION
        .replace("{dir}", &folder.to_string_lossy())
        .replace("{certs}", &certs.to_string_lossy())
        .replace("{port}", &port.to_string())
        .replace("{sealed}", &sealed.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_gap_is_left_in_the_configuration() {
        let text = filled_in(Path::new("/tmp/x"), Path::new("/tmp/y"), 20_001, 20_002);
        let code = || text.lines().filter(|line| !line.trim_start().starts_with('#'));
        assert!(code().all(|line| !line.contains('{')), "{text}");
        assert!(text.contains("http_port 127.0.0.1:20001") && text.contains("https_port 127.0.0.1:20002"), "{text}");
    }
}
