//! hypercorn: an origin over TLS that Python serves. It has options and no configuration file.

use std::path::Path;
use std::process::Command;

use crate::command::Outcome;
use crate::interop::scratch;
use crate::interop::server::Server;

const APPLICATION: &str = include_str!("../../fixtures/application.py");

pub(crate) fn start(program: &Path, folder: &Path, certs: &Path, port: u16) -> Outcome<Server> {
    scratch::write(&folder.join("application.py"), APPLICATION.as_bytes())?;
    let mut command = Command::new(program);
    command.arg("--bind").arg(format!("127.0.0.1:{port}"));
    command.arg("--certfile").arg(certs.join("leaf.chain.pem")).arg("--keyfile").arg(certs.join("leaf.key"));
    command.arg(format!("{}:application", folder.join("application").display()));
    Server::start("hypercorn", &command, folder, &[port])
}
