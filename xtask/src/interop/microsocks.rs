//! microsocks: a SOCKS5 proxy that wants a password. It has options and no configuration file.

use std::path::Path;
use std::process::Command;

use crate::command::Outcome;
use crate::interop::server::Server;

/// Its console tells of each tunnel: `client[4] 127.0.0.1: connected to a.test:443`.
pub(crate) fn start(program: &Path, folder: &Path, port: u16) -> Outcome<Server> {
    let mut command = Command::new(program);
    command.args(["-i", "127.0.0.1", "-u", "alice", "-P", "s3cret", "-p"]).arg(port.to_string());
    Server::start("microsocks", &command, folder, &[port])
}
