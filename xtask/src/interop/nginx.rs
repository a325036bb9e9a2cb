//! nginx: origins in cleartext and over TLS, and one whose connections end after two requests.

use std::path::Path;
use std::process::Command;

use crate::command::Outcome;
use crate::interop::scratch;
use crate::interop::server::Server;

const CONFIGURATION: &str = include_str!("../../fixtures/nginx.conf");

#[derive(Clone, Copy, Debug)]
pub(crate) struct Ports {
    pub(crate) plain: u16,
    pub(crate) keepalive2: u16,
    pub(crate) tls: u16,
    pub(crate) tls_h1: u16,
    pub(crate) tls_expired: u16,
}

pub(crate) fn start(program: &Path, folder: &Path, certs: &Path, ports: Ports) -> Outcome<Server> {
    let configuration = folder.join("nginx.conf");
    scratch::write(&configuration, filled_in(folder, certs, ports).as_bytes())?;
    let mut command = Command::new(program);
    command.arg("-c").arg(&configuration).arg("-p").arg(folder).arg("-e").arg(folder.join("error.log"));
    let Ports { plain, keepalive2, tls, tls_h1, tls_expired } = ports;
    let server = Server::start("nginx", &command, folder, &[plain, keepalive2, tls, tls_h1, tls_expired])?;
    Ok(server.logging_to(folder.join("access.log")))
}

fn filled_in(folder: &Path, certs: &Path, ports: Ports) -> String {
    CONFIGURATION
        .replace("{dir}", &folder.to_string_lossy())
        .replace("{certs}", &certs.to_string_lossy())
        .replace("{port}", &ports.plain.to_string())
        .replace("{keepalive2}", &ports.keepalive2.to_string())
        .replace("{tls}", &ports.tls.to_string())
        .replace("{tls_h1}", &ports.tls_h1.to_string())
        .replace("{tls_expired}", &ports.tls_expired.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_gap_is_left_in_the_configuration() {
        let ports = Ports { plain: 20_001, keepalive2: 20_002, tls: 20_003, tls_h1: 20_004, tls_expired: 20_005 };
        let text = filled_in(Path::new("/tmp/x"), Path::new("/tmp/y"), ports);
        let gaps = ["{dir}", "{certs}", "{port}", "{keepalive2}", "{tls}", "{tls_h1}", "{tls_expired}"];
        assert!(gaps.iter().all(|gap| !text.contains(gap)), "{text}");
        for listens in ["20001;", "20002;", "20003 ssl http2;", "20004 ssl;", "20005 ssl http2;"] {
            assert!(text.contains(&format!("listen 127.0.0.1:{listens}")), "{text}");
        }
    }
}
