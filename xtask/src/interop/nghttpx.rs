//! nghttpx: an HTTP proxy over TLS that speaks HTTP/2, and passes on to squid what it is asked for.

use std::path::Path;
use std::process::Command;

use crate::command::Outcome;
use crate::interop::server::Server;

/// It allows 100 streams at once on one connection.
pub(crate) fn start(program: &Path, folder: &Path, certs: &Path, port: u16, squid: u16) -> Outcome<Server> {
    let log = folder.join("access.log");
    let mut command = Command::new(program);
    command.args(["--conf=/dev/null", "--http2-proxy", "--workers=1", "--frontend-http2-max-concurrent-streams=100"]);
    command.arg(format!("--frontend=127.0.0.1,{port}")).arg(format!("--backend=127.0.0.1,{squid}"));
    // Of its connections to squid; by default 8 tunnels are open at once, and others wait for one of these to end.
    command.arg("--backend-connections-per-host=100");
    // The client's port tells connections apart.
    command.arg("--accesslog-format=$remote_port $status $request").arg(format!("--accesslog-file={}", log.display()));
    command.arg(certs.join("leaf.key")).arg(certs.join("leaf.chain.pem"));
    let server = Server::start("nghttpx", &command, folder, &[port])?;
    Ok(server.logging_to(log))
}
