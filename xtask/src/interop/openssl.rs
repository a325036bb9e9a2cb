//! OpenSSL's own server: it wants a certificate of the client. It has options and no configuration file.

use std::path::Path;
use std::process::Command;

use crate::command::Outcome;
use crate::interop::server::Server;

pub(crate) fn start(program: &Path, folder: &Path, certs: &Path, port: u16) -> Outcome<Server> {
    let mut command = Command::new(program);
    command.args(["s_server", "-quiet", "-www", "-Verify", "1", "-verify_return_error", "-accept"]);
    command.arg(format!("127.0.0.1:{port}"));
    command.arg("-cert").arg(certs.join("leaf.chain.pem")).arg("-key").arg(certs.join("leaf.key"));
    command.arg("-cert_chain").arg(certs.join("leaf.chain.pem")).arg("-CAfile").arg(certs.join("stranger.pem"));
    Server::start("openssl", &command, folder, &[port])
}
