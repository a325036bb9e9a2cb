//! tinyproxy: an HTTP proxy that wants a password, and ends each connection with its answer.

use std::path::Path;
use std::process::Command;

use crate::command::Outcome;
use crate::interop::scratch;
use crate::interop::server::Server;

const CONFIGURATION: &str = include_str!("../../fixtures/tinyproxy.conf");

pub(crate) fn start(program: &Path, folder: &Path, port: u16) -> Outcome<Server> {
    let configuration = folder.join("tinyproxy.conf");
    scratch::write(&configuration, filled_in(folder, port).as_bytes())?;
    let mut command = Command::new(program);
    command.args(["-d", "-c"]).arg(&configuration);
    Server::start("tinyproxy", &command, folder, &[port])
}

fn filled_in(folder: &Path, port: u16) -> String {
    CONFIGURATION.replace("{dir}", &folder.to_string_lossy()).replace("{port}", &port.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_gap_is_left_in_the_configuration() {
        let text = filled_in(Path::new("/tmp/x"), 20_001);
        let code = || text.lines().filter(|line| !line.starts_with('#'));
        assert!(code().all(|line| !line.contains('{')) && text.contains("Port 20001\n"), "{text}");
    }
}
