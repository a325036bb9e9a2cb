//! `interop`: the stack against servers that others wrote.
//!
//! Each server runs from a configuration in `xtask/fixtures`, in a scratch folder and on free ports, and is stopped
//! whatever happens. A missing server is a failure: a skipped test would be a green lie.

mod apache;
mod certs;
mod microsocks;
mod nghttpd;
mod nginx;
mod ports;
mod scratch;
mod server;
mod squid;
mod tinyproxy;

use std::path::PathBuf;

use crate::command::{Failure, Outcome, cargo, find, run as execute};
use crate::workspace;

pub(crate) fn run() -> Outcome {
    let nginx = installed("nginx", "nginx-light")?;
    let nghttpd = installed("nghttpd", "nghttp2-server")?;
    let squid = installed("squid", "squid-openssl")?;
    let microsocks = installed("microsocks", "microsocks")?;
    let apache = installed("apache2", "apache2-bin")?;
    let tinyproxy = installed("tinyproxy", "tinyproxy-bin")?;
    let scratch = scratch::Scratch::new()?;
    let [plain, keepalive2, tls, tls_h1, tls_expired, websocket, backend, h2c, proxy, sealed, socks, http10, proxy10] =
        ports::free()?;
    let certs = scratch.folder("certs")?;
    certs::make(&certs)?;
    let origins = nginx::Ports { plain, keepalive2, tls, tls_h1, tls_expired, websocket, backend };
    let nginx = nginx::start(&nginx, &scratch.folder("nginx")?, &certs, origins)?;
    let nghttpd = nghttpd::start(&nghttpd, &scratch.folder("nghttpd")?, h2c)?;
    let squid = squid::start(&squid, &scratch.folder("squid")?, &certs, proxy, sealed)?;
    let microsocks = microsocks::start(&microsocks, &scratch.folder("microsocks")?, socks)?;
    let apache = apache::start(&apache, &scratch.folder("apache")?, http10)?;
    let tinyproxy = tinyproxy::start(&tinyproxy, &scratch.folder("tinyproxy")?, proxy10)?;
    let at = |port: u16| format!("127.0.0.1:{port}");
    let tests = build().and_then(|cli| {
        execute(
            cargo([
                "test",
                "-p",
                "skybridge-tests",
                "--features",
                "interop",
                "--test",
                "interop",
                "--test",
                "interop_cli",
            ])
            .env("SKYBRIDGE_CLI", cli)
            .env("SKYBRIDGE_CERTS", &certs)
            .env("SKYBRIDGE_NGINX", at(plain))
            .env("SKYBRIDGE_NGINX_KEEPALIVE2", at(keepalive2))
            .env("SKYBRIDGE_NGINX_TLS", at(tls))
            .env("SKYBRIDGE_NGINX_TLS_H1", at(tls_h1))
            .env("SKYBRIDGE_NGINX_TLS_EXPIRED", at(tls_expired))
            .env("SKYBRIDGE_NGINX_WEBSOCKET", at(websocket))
            .env("SKYBRIDGE_WEBSOCKET_BACKEND", at(backend))
            .env("SKYBRIDGE_NGINX_LOG", nginx.log())
            .env("SKYBRIDGE_APACHE_HTTP10", at(http10))
            .env("SKYBRIDGE_TINYPROXY", at(proxy10))
            .env("SKYBRIDGE_NGHTTPD_H2C", at(h2c))
            .env("SKYBRIDGE_NGHTTPD_LOG", nghttpd.log())
            .env("SKYBRIDGE_SQUID", at(proxy))
            .env("SKYBRIDGE_SQUID_TLS", at(sealed))
            .env("SKYBRIDGE_SQUID_LOG", squid.log())
            .env("SKYBRIDGE_MICROSOCKS", at(socks)),
        )
    });
    let running = [nginx, nghttpd, squid, microsocks, apache, tinyproxy].map(server::Server::still_running);
    tests.and(running.into_iter().collect())
}

/// The command line's binary.
fn build() -> Outcome<PathBuf> {
    execute(&mut cargo(["build", "-p", "skybridge-cli"]))?;
    Ok(workspace::members()?.target_directory.join("debug/skybridge").into())
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
