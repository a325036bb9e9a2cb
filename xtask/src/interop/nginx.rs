//! nginx: origins in cleartext and over TLS, some whose connections end after two or ten requests, and a way to a
//! WebSocket.

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
    pub(crate) keepalive10: u16,
    pub(crate) keepalive10_tls: u16,
    pub(crate) tls: u16,
    pub(crate) tls_h1: u16,
    pub(crate) tls_session_ids: u16,
    pub(crate) tls_expired: u16,
    pub(crate) websocket: u16,
    /// Where it passes WebSockets on to. A test listens there.
    pub(crate) backend: u16,
}

pub(crate) fn start(program: &Path, folder: &Path, certs: &Path, ports: Ports) -> Outcome<Server> {
    let configuration = folder.join("nginx.conf");
    scratch::write(&configuration, filled_in(folder, certs, ports).as_bytes())?;
    let mut command = Command::new(program);
    command.arg("-c").arg(&configuration).arg("-p").arg(folder).arg("-e").arg(folder.join("error.log"));
    let Ports { plain, keepalive2, keepalive10, keepalive10_tls, tls, tls_h1, tls_expired, websocket, .. } = ports;
    let listens =
        [plain, keepalive2, keepalive10, keepalive10_tls, tls, tls_h1, ports.tls_session_ids, tls_expired, websocket];
    let server = Server::start("nginx", &command, folder, &listens)?;
    Ok(server.logging_to(folder.join("access.log")))
}

fn filled_in(folder: &Path, certs: &Path, ports: Ports) -> String {
    CONFIGURATION
        .replace("{dir}", &folder.to_string_lossy())
        .replace("{certs}", &certs.to_string_lossy())
        .replace("{port}", &ports.plain.to_string())
        .replace("{keepalive2}", &ports.keepalive2.to_string())
        .replace("{keepalive10}", &ports.keepalive10.to_string())
        .replace("{keepalive10_tls}", &ports.keepalive10_tls.to_string())
        .replace("{tls}", &ports.tls.to_string())
        .replace("{tls_h1}", &ports.tls_h1.to_string())
        .replace("{tls_session_ids}", &ports.tls_session_ids.to_string())
        .replace("{tls_expired}", &ports.tls_expired.to_string())
        .replace("{websocket}", &ports.websocket.to_string())
        .replace("{backend}", &ports.backend.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_gap_is_left_in_the_configuration() {
        let [plain, keepalive2, tls, tls_h1, tls_expired] = [20_001, 20_002, 20_003, 20_004, 20_005];
        let (keepalive10, keepalive10_tls, websocket, backend) = (20_008, 20_009, 20_006, 20_007);
        let tls_session_ids = 20_010;
        let ports = Ports {
            plain,
            keepalive2,
            keepalive10,
            keepalive10_tls,
            tls,
            tls_h1,
            tls_session_ids,
            tls_expired,
            websocket,
            backend,
        };
        let text = filled_in(Path::new("/tmp/x"), Path::new("/tmp/y"), ports);
        // Whatever stands alone in braces was to be filled in.
        let gap = text.split('{').skip(1).any(|behind| behind.starts_with(|first: char| first.is_ascii_lowercase()));
        assert!(!gap, "{text}");
        assert!(text.contains("proxy_pass http://127.0.0.1:20007;"), "{text}");
        for listens in ["20001;", "20002;", "20003 ssl http2;", "20004 ssl;", "20005 ssl http2;", "20006;"] {
            assert!(text.contains(&format!("listen 127.0.0.1:{listens}")), "{text}");
        }
    }
}
