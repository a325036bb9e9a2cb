//! Apache: an origin that answers in HTTP/1.0.

use std::path::Path;
use std::process::Command;

use crate::command::Outcome;
use crate::interop::scratch;
use crate::interop::server::Server;

const CONFIGURATION: &str = include_str!("../../fixtures/apache.conf");

pub(crate) fn start(program: &Path, folder: &Path, port: u16) -> Outcome<Server> {
    let configuration = folder.join("apache.conf");
    scratch::write(&configuration, filled_in(folder, port).as_bytes())?;
    let mut command = Command::new(program);
    command.args(["-D", "FOREGROUND", "-f"]).arg(&configuration);
    Server::start("apache2", &command, folder, &[port])
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
        assert!(!text.contains('{') && text.contains("Listen 127.0.0.1:20001\n"), "{text}");
    }
}
