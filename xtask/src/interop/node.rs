//! Node: an HTTP/2 origin in cleartext that says GOAWAY when asked to.

use std::path::Path;
use std::process::Command;

use crate::command::Outcome;
use crate::interop::scratch;
use crate::interop::server::Server;

const PROGRAM: &str = include_str!("../../fixtures/goaway.js");

pub(crate) fn start(program: &Path, folder: &Path, port: u16) -> Outcome<Server> {
    let script = folder.join("goaway.js");
    scratch::write(&script, PROGRAM.as_bytes())?;
    let mut command = Command::new(program);
    command.arg(&script).arg(port.to_string());
    Server::start("node", &command, folder, &[port])
}
