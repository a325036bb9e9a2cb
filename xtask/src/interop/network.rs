//! A network between two namespaces, whose packets can be dropped: a client's, and a server's with three addresses of
//! either family. Nothing outside them is touched.

use std::path::{Path, PathBuf};
use std::process::{self, Command};

use crate::command::{Failure, Outcome, line};
use crate::interop::scratch;
use crate::interop::server::Server;

const NGINX: &str = include_str!("../../fixtures/nginx-routes.conf");
const DNSMASQ: &str = include_str!("../../fixtures/dnsmasq.conf");
/// The last part of the server's addresses, `10.77.0.2` and `fd77::2`. The client's is 1.
const SERVER: [u8; 3] = [2, 3, 4];

/// Removed when it is dropped; its servers are stopped before.
#[derive(Debug)]
pub(crate) struct Network {
    ip: PathBuf,
    name: String,
}

// === impl Network ===

impl Network {
    pub(crate) fn new(ip: &Path) -> Outcome<Self> {
        let network = Self { ip: ip.to_owned(), name: format!("skybridge-{}", process::id()) };
        let (client, server) = (network.client(), network.server());
        network.ip(&["netns", "add", &client])?;
        network.ip(&["netns", "add", &server])?;
        network.ip(&["-n", &client, "link", "add", "v0", "type", "veth", "peer", "name", "v0", "netns", &server])?;
        for space in [&client, &server] {
            network.ip(&["-n", space, "link", "set", "lo", "up"])?;
            network.ip(&["-n", space, "link", "set", "v0", "up"])?;
        }
        network.address(&client, 1)?;
        SERVER.iter().try_for_each(|last| network.address(&server, *last))?;
        Ok(network)
    }

    /// What the client's namespace is called.
    pub(crate) fn client(&self) -> String {
        format!("{}-c", self.name)
    }

    /// What the server's namespace is called.
    pub(crate) fn server(&self) -> String {
        format!("{}-s", self.name)
    }

    /// Origins on ports 80 and 443 of all of the server's addresses.
    pub(crate) fn nginx(&self, program: &Path, folder: &Path, certs: &Path) -> Outcome<Server> {
        let configuration = folder.join("nginx.conf");
        let text = NGINX.replace("{dir}", &folder.to_string_lossy()).replace("{certs}", &certs.to_string_lossy());
        scratch::write(&configuration, text.as_bytes())?;
        let mut command = self.inside(program);
        command.arg("-c").arg(&configuration).arg("-p").arg(folder).arg("-e").arg(folder.join("error.log"));
        Server::start("nginx", &command, folder, &[80, 443])
    }

    /// The names, at the first of the server's addresses. Also writes the client's `resolv.conf`, beside its
    /// configuration.
    pub(crate) fn dnsmasq(&self, program: &Path, folder: &Path) -> Outcome<(Server, PathBuf)> {
        let (configuration, resolv) = (folder.join("dnsmasq.conf"), folder.join("resolv.conf"));
        scratch::write(&configuration, DNSMASQ.as_bytes())?;
        scratch::write(&resolv, b"nameserver 10.77.0.2\n")?;
        let mut command = self.inside(program);
        command.arg("--keep-in-foreground").arg(format!("--conf-file={}", configuration.display()));
        Ok((Server::start("dnsmasq", &command, folder, &[53])?, resolv))
    }

    /// The program, in the server's namespace.
    fn inside(&self, program: &Path) -> Command {
        let mut command = Command::new(&self.ip);
        command.args(["netns", "exec", &self.server()]).arg(program);
        command
    }

    fn address(&self, space: &str, last: u8) -> Outcome {
        self.ip(&["-n", space, "addr", "add", &format!("10.77.0.{last}/24"), "dev", "v0"])?;
        // Usable at once: nobody else is there to have the same.
        self.ip(&["-n", space, "-6", "addr", "add", &format!("fd77::{last}/64"), "dev", "v0", "nodad"])
    }

    fn ip(&self, arguments: &[&str]) -> Outcome {
        let mut command = Command::new(&self.ip);
        command.args(arguments);
        let failed = format!("`{}` failed, which needs the right to make network namespaces", line(&command));
        let output = command.output().map_err(Failure::during(&failed))?;
        if output.status.success() {
            return Ok(());
        }
        Err(Failure::new(format!("{failed}: {}", String::from_utf8_lossy(&output.stderr).trim())))
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        for space in [self.client(), self.server()] {
            if let Err(failure) = self.ip(&["netns", "delete", &space]) {
                eprintln!("xtask: {failure}");
            }
        }
    }
}
