//! TLS sessions that nginx resumes, started by `cargo xtask interop`: what its log says of a connection and what the
//! client says must agree. What each variable names is in `xtask/fixtures/README.md`.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

use http::Request;
use serde_json::Value;
use skybridge::{
    Client, OverridesLayer, Partition, PoolConfig, RequestBody, RequestOptions, ResponseExt, Roots, System, TlsConfig,
    TlsLayer, TlsVersion,
};
use skybridge_tests::{certificate, named};
use skybridge_tls::TlsConfigBuilder;
use std::{
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    process::Command,
};
use tower::Layer;

/// In tickets, which the client keeps, and at the server.
const KEPT: [&str; 2] = ["SKYBRIDGE_NGINX_TLS", "SKYBRIDGE_NGINX_TLS_SESSION_IDS"];

fn trusting() -> TlsConfigBuilder {
    let root = fs::read(certificate("root.pem")).unwrap();
    TlsConfig::builder().roots(Roots::Given(vec![])).add_root_pem(&root)
}

/// A connection for each call.
fn client(server: &str, tls: TlsLayer) -> Client {
    let addr: SocketAddr = named(server).parse().unwrap();
    let names = OverridesLayer::new().host("a.test", [addr.into()]).layer(System::default());
    Client::builder().resolver(names).tls(tls).pool(PoolConfig::new().max_idle(0)).build()
}

fn url(server: &str, mark: &str) -> String {
    let port = named(server).rsplit(':').next().unwrap().to_owned();
    format!("https://a.test:{port}/?{mark}")
}

/// Whether its connection was resumed, as the client has it.
async fn get(client: &Client, server: &str, mark: &str, options: RequestOptions) -> bool {
    let mut request = Request::get(url(server, mark)).body(RequestBody::empty()).unwrap();
    request.extensions_mut().insert(options);
    let response = client.request(request).await.unwrap();
    let resumed = response.connection().unwrap().tls.as_ref().unwrap().resumed;
    // Tickets are in what is read.
    response.into_body().text().await.unwrap();
    resumed
}

/// Whether each connection with a request that bears this mark was resumed, as nginx has it.
fn nginx_saw(mark: &str) -> Vec<bool> {
    // It logs a request after the answer has left. Its one worker does so before it answers this.
    let mut after = TcpStream::connect(named("SKYBRIDGE_NGINX")).unwrap();
    after.write_all(b"GET /204 HTTP/1.0\r\n\r\n").unwrap();
    after.read_to_end(&mut Vec::new()).unwrap();
    let log = fs::read_to_string(named("SKYBRIDGE_NGINX_LOG")).unwrap();
    let lines = log.lines().filter(|line| line.contains(&format!("/?{mark} ")));
    lines.map(|line| line.ends_with(" tls=r")).collect()
}

#[tokio::test]
async fn a_second_connection_is_resumed_by_ticket_and_by_id_in_either_version() {
    for (server, version) in KEPT.into_iter().flat_map(|it| [(it, TlsVersion::Tls12), (it, TlsVersion::Tls13)]) {
        let client = client(server, TlsLayer::new(trusting().versions(version..=version).build().unwrap()));
        let mark = format!("{version:?}-{server}");
        let mut said = Vec::new();
        for _ in 0..3 {
            said.push(get(&client, server, &mark, RequestOptions::new()).await);
        }
        assert_eq!((said, nginx_saw(&mark)), (vec![false, true, true], vec![false, true, true]), "{mark}");
    }
}

#[tokio::test]
async fn no_session_is_resumed_in_another_partition_or_by_another_configuration() {
    for server in KEPT {
        let (layer, handle) = TlsLayer::replaceable(trusting().build().unwrap());
        let client = client(server, layer);
        let in_partition = |name: &'static str| RequestOptions::new().partition(Partition::new(name));
        let mark = format!("apart-{server}");
        let mut said = Vec::new();
        for options in [
            in_partition("one"),
            in_partition("two"),
            RequestOptions::new(),
            in_partition("one"),
            in_partition("two"),
            RequestOptions::new(),
        ] {
            said.push(get(&client, server, &mark, options).await);
        }
        assert_eq!(said, [false, false, false, true, true, true], "{server}");
        // What replaces it trusts the same, and has nothing of it.
        handle.replace(trusting().build().unwrap());
        for _ in 0..2 {
            said.push(get(&client, server, &mark, in_partition("one")).await);
        }
        assert_eq!(said[6..], [false, true], "{server}");
        let another = self::client(server, TlsLayer::new(trusting().build().unwrap()));
        said.push(get(&another, server, &mark, in_partition("one")).await);
        assert!(!said[8], "{server}");
        assert_eq!(nginx_saw(&mark), said, "{server}");
    }
}

#[test]
fn the_command_line_says_of_resumption_what_nginx_says() {
    for (server, version) in KEPT.into_iter().flat_map(|it| [(it, "1.2"), (it, "1.3")]) {
        let (url, mark) = (url(server, &format!("cli-{version}-{server}")), format!("cli-{version}-{server}"));
        let port = named(server).rsplit(':').next().unwrap().to_owned();
        let mut command = Command::new(named("SKYBRIDGE_CLI"));
        command.env_clear().arg("--cacert").arg(certificate("root.pem"));
        command.args(["--tls-max", version, "--resolve", &format!("a.test:{port}:127.0.0.1"), "-o", "/dev/null"]);
        let ran = command.args(["--no-reuse", "--repeat", "3", "-v", "--report", "-", &url]).output().unwrap();
        let (out, err) = (String::from_utf8(ran.stdout).unwrap(), String::from_utf8(ran.stderr).unwrap());
        assert_eq!(ran.status.code(), Some(0), "{err}");
        let reports: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert!(reports.iter().all(|report| report["connection"]["tls"]["version"] == version), "{mark}: {out}");
        let resumed = reports.iter().map(|report| report["connection"]["tls"]["resumed"].as_bool().unwrap());
        assert_eq!(resumed.collect::<Vec<_>>(), nginx_saw(&mark), "{mark}");
        assert_eq!(nginx_saw(&mark), [false, true, true], "{mark}");
        assert_eq!(err.lines().filter(|line| line.ends_with(", resumed")).count(), 2, "{err}");
    }
}
