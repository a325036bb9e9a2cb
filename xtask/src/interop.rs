//! `interop`: the stack against servers that others wrote.
//!
//! Each server runs from a configuration in `xtask/fixtures`, in a scratch folder and on free ports, and is stopped
//! whatever happens. A missing server is a failure: a skipped test would be a green lie.

mod nghttpd;
mod nginx;
mod ports;
mod scratch;
mod server;

use std::path::PathBuf;

use crate::command::{Failure, Outcome, cargo, find, run as execute};

pub(crate) fn run() -> Outcome {
    let nginx = installed("nginx", "nginx-light")?;
    let nghttpd = installed("nghttpd", "nghttp2-server")?;
    let scratch = scratch::Scratch::new()?;
    let [plain, keepalive2, h2c] = ports::free()?;
    let nginx = nginx::start(&nginx, &scratch.folder("nginx")?, plain, keepalive2)?;
    let nghttpd = nghttpd::start(&nghttpd, &scratch.folder("nghttpd")?, h2c)?;
    let tests = execute(
        cargo(["test", "-p", "skybridge-tests", "--features", "interop", "--test", "interop"])
            .env("SKYBRIDGE_NGINX", format!("127.0.0.1:{plain}"))
            .env("SKYBRIDGE_NGINX_KEEPALIVE2", format!("127.0.0.1:{keepalive2}"))
            .env("SKYBRIDGE_NGINX_LOG", nginx.log())
            .env("SKYBRIDGE_NGHTTPD_H2C", format!("127.0.0.1:{h2c}"))
            .env("SKYBRIDGE_NGHTTPD_LOG", nghttpd.log()),
    );
    tests.and(nginx.still_running()).and(nghttpd.still_running())
}

fn installed(program: &str, package: &str) -> Outcome<PathBuf> {
    find(program).ok_or_else(|| Failure::new(format!("{program} is missing: Debian's package is `{package}`")))
}

#[cfg(test)]
mod tests {
    use super::installed;

    #[test]
    fn a_missing_server_is_a_failure_that_names_its_package() {
        let failure = installed("no-such-server", "no-such-package").unwrap_err();
        assert_eq!(failure.to_string(), "no-such-server is missing: Debian's package is `no-such-package`");
    }
}
