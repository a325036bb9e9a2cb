//! nginx: an HTTP/1.1 origin, and one whose connections end after two requests.

use std::path::Path;
use std::process::Command;

use crate::command::Outcome;
use crate::interop::scratch;
use crate::interop::server::Server;

const CONFIGURATION: &str = include_str!("../../fixtures/nginx.conf");

pub(crate) fn start(program: &Path, folder: &Path, port: u16, keepalive2: u16) -> Outcome<Server> {
    let configuration = folder.join("nginx.conf");
    scratch::write(&configuration, filled_in(folder, port, keepalive2).as_bytes())?;
    let mut command = Command::new(program);
    command.arg("-c").arg(&configuration).arg("-p").arg(folder).arg("-e").arg(folder.join("error.log"));
    let server = Server::start("nginx", &command, folder, &[port, keepalive2])?;
    Ok(server.logging_to(folder.join("access.log")))
}

fn filled_in(folder: &Path, port: u16, keepalive2: u16) -> String {
    CONFIGURATION
        .replace("{dir}", &folder.to_string_lossy())
        .replace("{port}", &port.to_string())
        .replace("{keepalive2}", &keepalive2.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_gap_is_left_in_the_configuration() {
        let text = filled_in(Path::new("/tmp/x"), 20_001, 20_002);
        let gaps = ["{dir}", "{port}", "{keepalive2}"];
        let code: Vec<&str> = text.lines().filter(|line| !line.trim_start().starts_with('#')).collect();
        assert!(code.iter().all(|line| gaps.iter().all(|gap| !line.contains(gap))), "{text}");
        assert!(text.contains("listen 127.0.0.1:20001;") && text.contains("listen 127.0.0.1:20002;"), "{text}");
    }
}
