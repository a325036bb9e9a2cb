//! dnsmasq on this machine: it knows one name, of which it has an address and an HTTPS record. It has options and no
//! configuration file.

use std::path::Path;
use std::process::Command;

use crate::command::Outcome;
use crate::interop::server::Server;

/// Whose record leads to this port of the name itself, where HTTP/2 is spoken beside HTTP/1.1.
pub(crate) fn start(program: &Path, folder: &Path, port: u16, record: u16) -> Outcome<Server> {
    let mut command = Command::new(program);
    command.args(["--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--local=/test/"]);
    command.args(["--bind-interfaces", "--listen-address=127.0.0.1", "--user=root", "--pid-file=", "--log-facility=-"]);
    command.args(["--log-queries", "--host-record=a.test,127.0.0.1"]);
    command.arg(format!("--port={port}")).arg(format!("--dns-rr=a.test,65,{}", record_to(record)));
    Server::start("dnsmasq", &command, folder, &[port])
}

/// In hexadecimal digits (RFC 9460, section 2.2): priority 1, the name itself, `alpn=h2`, and the port.
fn record_to(port: u16) -> String {
    const TARGET: &str = "00";
    const ALPN: &str = "00010003026832";
    const PORT: &str = "00030002";
    format!("0001{TARGET}{ALPN}{PORT}{port:04x}")
}

#[cfg(test)]
mod tests {
    use super::record_to;

    #[test]
    fn the_port_stands_at_the_end_of_the_record() {
        assert_eq!(record_to(8443), "000100000100030268320003000220fb");
    }
}
