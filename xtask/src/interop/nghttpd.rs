//! nghttpd: an HTTP/2 origin in cleartext, spoken to with prior knowledge. It has options and no configuration file.

use std::path::Path;
use std::process::Command;

use crate::command::Outcome;
use crate::interop::server::Server;

/// What it allows at once on one connection.
const STREAMS: &str = "100";

/// Its console tells every frame, each line beginning with the connection's number: `[id=1]`.
pub(crate) fn start(program: &Path, folder: &Path, port: u16) -> Outcome<Server> {
    let mut command = Command::new(program);
    command.args(["--no-tls", "--verbose", "--echo-upload", "--workers=1", "--address=127.0.0.1"]);
    command.arg(format!("--max-concurrent-streams={STREAMS}")).arg("--htdocs").arg(folder.join("www"));
    command.arg(port.to_string());
    Server::start("nghttpd", &command, folder, &[port])
}
