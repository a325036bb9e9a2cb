//! nghttpd: an HTTP/2 origin in cleartext, spoken to with prior knowledge. It has options and no configuration file.

use std::path::Path;
use std::process::Command;

use crate::command::Outcome;
use crate::interop::server::Server;

/// It allows 100 streams at once on one connection, and windows as RFC 9113 has them.
pub(crate) fn start(program: &Path, folder: &Path, port: u16) -> Outcome<Server> {
    start_with(program, folder, port, &["--max-concurrent-streams=100"])
}

/// One that allows little: two streams, and windows of 1,023 bytes for each.
pub(crate) fn start_small(program: &Path, folder: &Path, port: u16) -> Outcome<Server> {
    start_with(program, folder, port, &["--max-concurrent-streams=2", "--window-bits=10"])
}

/// Its console tells every frame, each line beginning with the connection's number: `[id=1]`.
fn start_with(program: &Path, folder: &Path, port: u16, options: &[&str]) -> Outcome<Server> {
    let mut command = Command::new(program);
    command.args(["--no-tls", "--verbose", "--echo-upload", "--workers=1", "--address=127.0.0.1"]);
    command.args(options).arg("--htdocs").arg(folder.join("www")).arg(port.to_string());
    Server::start("nghttpd", &command, folder, &[port])
}
