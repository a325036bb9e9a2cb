//! caddy: an origin over TLS that loads a new configuration while it is used.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::command::Outcome;
use crate::interop::scratch;
use crate::interop::server::Server;

const CONFIGURATION: &str = include_str!("../../fixtures/Caddyfile");

/// The server, and its configuration, which its administration takes again.
pub(crate) fn start(program: &Path, folder: &Path, certs: &Path, port: u16, admin: u16) -> Outcome<(Server, PathBuf)> {
    let configuration = folder.join("Caddyfile");
    scratch::write(&configuration, filled_in(folder, certs, port, admin).as_bytes())?;
    let mut command = Command::new("env");
    // It keeps its state under these.
    for variable in ["HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"] {
        command.arg(format!("{variable}={}", folder.to_string_lossy()));
    }
    command.arg(program).args(["run", "--adapter", "caddyfile", "--config"]).arg(&configuration);
    Ok((Server::start("caddy", &command, folder, &[port, admin])?, configuration))
}

fn filled_in(folder: &Path, certs: &Path, port: u16, admin: u16) -> String {
    CONFIGURATION
        .replace("{certs}", &certs.to_string_lossy())
        .replace("{www}", &folder.join("www").to_string_lossy())
        .replace("{port}", &port.to_string())
        .replace("{admin}", &admin.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_gap_is_left_in_the_configuration() {
        let text = filled_in(Path::new("/tmp/x"), Path::new("/tmp/y"), 20_001, 20_002);
        assert!(["{certs}", "{www}", "{port}", "{admin}"].iter().all(|gap| !text.contains(gap)), "{text}");
        assert!(text.contains("https://:20001 {\n") && text.contains("tls /tmp/y/leaf.chain.pem"), "{text}");
    }
}
