//! unbound: a DNS server in cleartext, over TLS and over HTTPS, with an HTTPS record.

use std::path::Path;
use std::process::Command;

use crate::command::Outcome;
use crate::interop::scratch;
use crate::interop::server::Server;

const CONFIGURATION: &str = include_str!("../../fixtures/unbound.conf");

/// Where it listens, and the port that its record leads to.
#[derive(Clone, Copy)]
pub(crate) struct Ports {
    pub(crate) plain: u16,
    pub(crate) tls: u16,
    pub(crate) https: u16,
    pub(crate) record: u16,
}

pub(crate) fn start(program: &Path, folder: &Path, certs: &Path, ports: Ports) -> Outcome<Server> {
    let configuration = folder.join("unbound.conf");
    scratch::write(&configuration, filled_in(folder, certs, ports).as_bytes())?;
    let mut command = Command::new(program);
    command.arg("-d").arg("-c").arg(&configuration);
    Server::start("unbound", &command, folder, &[ports.plain, ports.tls, ports.https])
}

fn filled_in(folder: &Path, certs: &Path, ports: Ports) -> String {
    CONFIGURATION
        .replace("{dir}", &folder.to_string_lossy())
        .replace("{certs}", &certs.to_string_lossy())
        .replace("{plain}", &ports.plain.to_string())
        .replace("{tls}", &ports.tls.to_string())
        .replace("{https}", &ports.https.to_string())
        .replace("{record}", &ports.record.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_gap_is_left_in_the_configuration() {
        let ports = Ports { plain: 20_001, tls: 20_002, https: 20_003, record: 20_004 };
        let text = filled_in(Path::new("/tmp/x"), Path::new("/tmp/certs"), ports);
        assert!(!text.contains('{') && text.contains("https-port: 20003"), "{text}");
        assert!(text.contains("alpn=h2 port=20004") && text.contains("\"/tmp/certs/leaf.key\""), "{text}");
    }
}
