//! `interop`: the stack against servers that others wrote.
//!
//! Each server runs from a configuration in `xtask/fixtures`, in a scratch folder and on free ports, and is stopped
//! whatever happens. A missing server is a failure: a skipped test would be a green lie.

mod apache;
mod caddy;
mod certs;
mod dante;
mod dnsmasq;
mod go;
mod grpcio;
mod haproxy;
mod hypercorn;
mod microsocks;
mod network;
mod nghttpd;
mod nghttpx;
mod nginx;
mod node;
mod openssl;
mod ports;
mod scratch;
mod server;
mod squid;
mod tinyproxy;
mod unbound;

use std::path::PathBuf;

use crate::command::{Failure, Outcome, cargo, find, run as execute};
use crate::workspace;

pub(crate) fn run() -> Outcome {
    let nginx = installed("nginx", "nginx-light")?;
    let nghttpd = installed("nghttpd", "nghttp2-server")?;
    let nghttpx = installed("nghttpx", "nghttp2-proxy")?;
    let squid = installed("squid", "squid-openssl")?;
    let microsocks = installed("microsocks", "microsocks")?;
    let dante = installed("danted", "dante-server")?;
    let apache = installed("apache2", "apache2-bin")?;
    let tinyproxy = installed("tinyproxy", "tinyproxy-bin")?;
    let haproxy = installed("haproxy", "haproxy")?;
    let caddy = installed("caddy", "caddy")?;
    let node = installed("node", "nodejs")?;
    let hypercorn = installed("hypercorn", "python3-hypercorn")?;
    let openssl = installed("openssl", "openssl")?;
    let dnsmasq = installed("dnsmasq", "dnsmasq-base")?;
    let tstclnt = installed("tstclnt", "libnss3-tools")?;
    let unbound = installed("unbound", "unbound")?;
    let (ip, nft) = (installed("ip", "iproute2")?, installed("nft", "nftables")?);
    let chromium = installed("chromium", "chromium")?;
    let curl = installed("curl", "curl")?;
    let grpcio = grpcio::python()?;
    let go = go::compiler()?;
    let scratch = scratch::Scratch::new()?;
    // All at once: what is free is only taken when its server starts.
    let [plain, keepalive2, keepalive10, keepalive10_tls, tls, tls_h1, tls_expired, websocket, backend, others @ ..] =
        ports::free::<37>()?;
    let [h2c, h2c_small, proxy, sealed, socks, http10, proxy10, others @ ..] = others;
    let [
        reloaded,
        reloaded_tls,
        caddy_tls,
        caddy_admin,
        goaway,
        python,
        verifying,
        multiplexed,
        names,
        socks_dante,
        others @ ..,
    ] = others;
    let [unbound_plain, unbound_tls, unbound_https, others @ ..] = others;
    let [ech_accept, ech_hello_again, ech_retry, ech_rotating, ech_off, ech_unproven, ech_tls12, tls_session_ids] =
        others;
    let certs = scratch.folder("certs")?;
    certs::make(&certs)?;
    let origins = nginx::Ports {
        plain,
        keepalive2,
        keepalive10,
        keepalive10_tls,
        tls,
        tls_h1,
        tls_session_ids,
        tls_expired,
        websocket,
        backend,
    };
    let network = network::Network::new(&ip)?;
    let inside = network.nginx(&nginx, &scratch.folder("routes")?, &certs)?;
    let records = dnsmasq::start(&dnsmasq, &scratch.folder("records")?, names, tls)?;
    let unbound_ports = unbound::Ports { plain: unbound_plain, tls: unbound_tls, https: unbound_https, record: tls };
    let unbound = unbound::start(&unbound, &scratch.folder("unbound")?, &certs, unbound_ports)?;
    let (dnsmasq, resolv) = network.dnsmasq(&dnsmasq, &scratch.folder("dnsmasq")?)?;
    let nginx = nginx::start(&nginx, &scratch.folder("nginx")?, &certs, origins)?;
    let small = nghttpd::start_small(&nghttpd, &scratch.folder("small")?, h2c_small)?;
    let nghttpd = nghttpd::start(&nghttpd, &scratch.folder("nghttpd")?, h2c)?;
    let squid = squid::start(&squid, &scratch.folder("squid")?, &certs, proxy, sealed)?;
    let nghttpx = nghttpx::start(&nghttpx, &scratch.folder("nghttpx")?, &certs, multiplexed, proxy)?;
    let microsocks = microsocks::start(&microsocks, &scratch.folder("microsocks")?, socks)?;
    let dante = dante::start(&dante, &openssl, &scratch.folder("dante")?, socks_dante)?;
    let apache = apache::start(&apache, &scratch.folder("apache")?, http10)?;
    let tinyproxy = tinyproxy::start(&tinyproxy, &scratch.folder("tinyproxy")?, proxy10)?;
    let haproxy = haproxy::start(&haproxy, &scratch.folder("haproxy")?, &certs, reloaded, reloaded_tls)?;
    let (caddy, caddyfile) = caddy::start(&caddy, &scratch.folder("caddy")?, &certs, caddy_tls, caddy_admin)?;
    let node = node::start(&node, &scratch.folder("node")?, goaway)?;
    let hypercorn = hypercorn::start(&hypercorn, &scratch.folder("hypercorn")?, &certs, python)?;
    let openssl = openssl::start(&openssl, &scratch.folder("openssl")?, &certs, verifying)?;
    let ech = scratch.folder("ech")?;
    let modes = [
        ("accept", ech_accept),
        ("hello-again", ech_hello_again),
        ("retry", ech_retry),
        ("rotating", ech_rotating),
        ("off", ech_off),
        ("unproven", ech_unproven),
        ("tls12", ech_tls12),
    ];
    let go = go::start(&go, &ech, &certs, &modes)?;
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
                "interop_browser",
                "--test",
                "interop_certificates",
                "--test",
                "interop_cli",
                "--test",
                "interop_ech",
                "--test",
                "interop_endings",
                "--test",
                "interop_grpc",
                "--test",
                "interop_names",
                "--test",
                "interop_routes",
                "--test",
                "interop_sessions",
            ])
            .env("SKYBRIDGE_CLI", cli)
            .env("SKYBRIDGE_CHROMIUM", &chromium)
            .env("SKYBRIDGE_CURL", &curl)
            .env("SKYBRIDGE_GRPCIO", grpcio)
            .env("SKYBRIDGE_IP", &ip)
            .env("SKYBRIDGE_NFT", &nft)
            .env("SKYBRIDGE_TSTCLNT", &tstclnt)
            .env("SKYBRIDGE_NETWORK_CLIENT", network.client())
            .env("SKYBRIDGE_NETWORK_SERVER", network.server())
            .env("SKYBRIDGE_NETWORK_RESOLV", resolv)
            .env("SKYBRIDGE_CERTS", &certs)
            .env("SKYBRIDGE_NGINX", at(plain))
            .env("SKYBRIDGE_NGINX_KEEPALIVE2", at(keepalive2))
            .env("SKYBRIDGE_NGINX_KEEPALIVE10", at(keepalive10))
            .env("SKYBRIDGE_NGINX_KEEPALIVE10_TLS", at(keepalive10_tls))
            .env("SKYBRIDGE_NGINX_TLS", at(tls))
            .env("SKYBRIDGE_NGINX_TLS_H1", at(tls_h1))
            .env("SKYBRIDGE_NGINX_TLS_SESSION_IDS", at(tls_session_ids))
            .env("SKYBRIDGE_DNSMASQ", at(names))
            .env("SKYBRIDGE_DNSMASQ_LOG", records.log())
            .env("SKYBRIDGE_UNBOUND", at(unbound_plain))
            .env("SKYBRIDGE_UNBOUND_TLS", at(unbound_tls))
            .env("SKYBRIDGE_UNBOUND_HTTPS", at(unbound_https))
            .env("SKYBRIDGE_UNBOUND_LOG", unbound.log())
            .env("SKYBRIDGE_NGINX_TLS_EXPIRED", at(tls_expired))
            .env("SKYBRIDGE_NGINX_WEBSOCKET", at(websocket))
            .env("SKYBRIDGE_WEBSOCKET_BACKEND", at(backend))
            .env("SKYBRIDGE_NGINX_LOG", nginx.log())
            .env("SKYBRIDGE_APACHE_HTTP10", at(http10))
            .env("SKYBRIDGE_TINYPROXY", at(proxy10))
            .env("SKYBRIDGE_NGHTTPD_H2C", at(h2c))
            .env("SKYBRIDGE_NGHTTPD_LOG", nghttpd.log())
            .env("SKYBRIDGE_NGHTTPD_SMALL", at(h2c_small))
            .env("SKYBRIDGE_HAPROXY", at(reloaded))
            .env("SKYBRIDGE_HAPROXY_TLS", at(reloaded_tls))
            .env("SKYBRIDGE_HAPROXY_PID", haproxy.pid().to_string())
            .env("SKYBRIDGE_CADDY", at(caddy_tls))
            .env("SKYBRIDGE_CADDY_ADMIN", at(caddy_admin))
            .env("SKYBRIDGE_CADDYFILE", caddyfile)
            .env("SKYBRIDGE_NODE", at(goaway))
            .env("SKYBRIDGE_HYPERCORN", at(python))
            .env("SKYBRIDGE_OPENSSL_VERIFY", at(verifying))
            .env("SKYBRIDGE_ECH_KEYS", &ech)
            .env("SKYBRIDGE_ECH_ACCEPT", at(ech_accept))
            .env("SKYBRIDGE_ECH_HELLO_AGAIN", at(ech_hello_again))
            .env("SKYBRIDGE_ECH_RETRY", at(ech_retry))
            .env("SKYBRIDGE_ECH_ROTATING", at(ech_rotating))
            .env("SKYBRIDGE_ECH_OFF", at(ech_off))
            .env("SKYBRIDGE_ECH_UNPROVEN", at(ech_unproven))
            .env("SKYBRIDGE_ECH_TLS12", at(ech_tls12))
            .env("SKYBRIDGE_NGHTTPX", at(multiplexed))
            .env("SKYBRIDGE_NGHTTPX_LOG", nghttpx.log())
            .env("SKYBRIDGE_SQUID", at(proxy))
            .env("SKYBRIDGE_SQUID_TLS", at(sealed))
            .env("SKYBRIDGE_SQUID_LOG", squid.log())
            .env("SKYBRIDGE_DANTE", at(socks_dante))
            .env("SKYBRIDGE_MICROSOCKS", at(socks)),
        )
    });
    let proxies = [nghttpx, squid, microsocks, dante, tinyproxy];
    let origins = [nginx, nghttpd, small, apache, haproxy, caddy, node, hypercorn, openssl, go, inside];
    let names = [dnsmasq, records, unbound];
    let running = proxies.into_iter().chain(origins).chain(names).try_for_each(server::Server::still_running);
    tests.and(running)
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
