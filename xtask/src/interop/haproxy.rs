//! haproxy: an origin in cleartext and over TLS whose master process is asked for a reload while it is used.

use std::path::Path;
use std::process::Command;

use crate::command::{Failure, Outcome};
use crate::interop::scratch;
use crate::interop::server::Server;

const CONFIGURATION: &str = include_str!("../../fixtures/haproxy.conf");

pub(crate) fn start(program: &Path, folder: &Path, certs: &Path, port: u16, tls: u16) -> Outcome<Server> {
    let read = |name: &str| {
        let file = certs.join(name);
        std::fs::read_to_string(&file).map_err(Failure::during(format!("cannot read {}", file.display())))
    };
    // It wants the chain and the key in one file.
    scratch::write(&folder.join("leaf.pem"), (read("leaf.chain.pem")? + &read("leaf.key")?).as_bytes())?;
    let configuration = folder.join("haproxy.conf");
    scratch::write(&configuration, filled_in(folder, port, tls).as_bytes())?;
    let mut command = Command::new(program);
    command.arg("-W").arg("-f").arg(&configuration);
    Server::start("haproxy", &command, folder, &[port, tls])
}

fn filled_in(folder: &Path, port: u16, tls: u16) -> String {
    CONFIGURATION
        .replace("{dir}", &folder.to_string_lossy())
        .replace("{port}", &port.to_string())
        .replace("{tls}", &tls.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_gap_is_left_in_the_configuration() {
        let text = filled_in(Path::new("/tmp/x"), 20_001, 20_002);
        assert!(!text.contains('{') && text.contains("bind 127.0.0.1:20002 ssl crt /tmp/x/leaf.pem"), "{text}");
    }
}
