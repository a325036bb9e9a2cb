//! dante: a SOCKS5 proxy that wants the password of a user of the machine. So it runs in a mount namespace of its own,
//! where that user is one, and the machine's accounts stay as they are.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::command::{Failure, Outcome, output};
use crate::interop::scratch;
use crate::interop::server::Server;

const CONFIGURATION: &str = include_str!("../../fixtures/danted.conf");

/// Who shadows the machine's accounts, as bind mounts that end with the namespace.
const START: &str = "mount --make-rprivate / && mount --bind \"$1/passwd\" /etc/passwd && \
                     mount --bind \"$1/shadow\" /etc/shadow && exec \"$0\" -f \"$1/danted.conf\" -p \"$1/danted.pid\" -N 1";

pub(crate) fn start(program: &Path, openssl: &Path, folder: &Path, port: u16) -> Outcome<Server> {
    scratch::write(&folder.join("danted.conf"), filled_in(folder, port).as_bytes())?;
    let hash = output(Command::new(openssl).args(["passwd", "-6", "s3cret"]))?;
    account(folder, "passwd", "alice:x:64000:64000::/nonexistent:/usr/sbin/nologin")?;
    account(folder, "shadow", &format!("alice:{}:19000:0:99999:7:::", hash.trim()))?;
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", START]).arg(program).arg(folder);
    Server::start("danted", &command, folder, &[port])
}

/// The machine's accounts and one more.
fn account(folder: &Path, file: &str, line: &str) -> Outcome {
    let own = Path::new("/etc").join(file);
    let accounts = fs::read_to_string(&own).map_err(Failure::during(format!("cannot read {}", own.display())))?;
    scratch::write(&folder.join(file), format!("{}\n{line}\n", accounts.trim_end()).as_bytes())
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
        assert!(!text.contains("{dir}") && text.contains("internal: 127.0.0.1 port = 20001\n"), "{text}");
    }
}
