//! By README.md alone, as someone who has just come: each program of it in a crate of its own, with the dependencies
//! that the lines before it add, built by a cargo of its own, and run. What a newcomer replaces is replaced: addresses
//! and the pin, nothing else.

mod package;

use self::package::Program;
use skybridge_testkit::{
    certs::Ca,
    origin::{Answer, Origin},
    proxy::ProxyServer,
};
use std::io::{BufRead, BufReader};

const PIN: &str = "sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

#[test]
fn each_program_is_twelve_lines_at_most() {
    let programs = package::programs();
    assert_eq!(programs.len(), 3);
    for Program { code, .. } in programs {
        assert!(code.lines().count() <= 12, "{code}");
    }
    // The guide has the last one too.
    let guide = include_str!("../../../crates/skybridge/docs/guide/grpc.md");
    assert!(guide.contains(&format!("\n{}```\n", package::program("Tonic::new").code.trim_start())));
}

#[tokio::test]
async fn a_pinned_client_goes_through_a_proxy_with_a_password() {
    let ca = Ca::new("a root");
    let origin = Origin::h2c().tls(&ca.leaf(["example.com"])).start().await;
    let proxy = ProxyServer::http().user("alice", "secret").host("example.com", origin.addr()).start().await;
    let program = package::program("TlsConfig").replace("proxy.test:3128", &proxy.addr().to_string());
    let roots = program.folder("first").join("roots.pem");
    std::fs::write(&roots, ca.pem()).unwrap();

    let pinned = program.clone().replace(PIN, &ca.pin()).build("first");
    let output = pinned.run(|command| command.env("SSL_CERT_FILE", &roots)).await;
    assert_eq!(String::from_utf8_lossy(&output.stdout), "hello\n", "{output:?}");
    assert_eq!((proxy.requests().len(), origin.requests().len()), (1, 1));

    // As it stands there: that pin is nobody's.
    let output = program.build("first").run(|command| command.env("SSL_CERT_FILE", &roots)).await;
    assert!(!output.status.success(), "{output:?}");
    assert_eq!(origin.requests().len(), 1);
}

#[tokio::test]
async fn a_gateway_in_axum_passes_requests_on() {
    let origin = Origin::h1().start().await;
    let program = package::program("axum::serve").replace("127.0.0.1:8080", "127.0.0.1:0");
    let mut gateway = program.replace("127.0.0.1:3000", &origin.addr().to_string()).build("gateway").start();
    let stdout = BufReader::new(gateway.0.stdout.take().unwrap());
    let url = tokio::task::spawn_blocking(|| stdout.lines().next().unwrap().unwrap()).await.unwrap();
    let answer = skybridge::Client::new().get(format!("{url}/cat")).await.unwrap().into_body().text().await.unwrap();
    assert_eq!(answer, "hello");
    assert_eq!(origin.take_request().await.line(), "GET /cat HTTP/1.1");
}

#[tokio::test]
async fn a_grpc_client_is_answered() {
    let reply = Answer::new(b"\0\0\0\0\x0cHello Tonic!".as_slice()).header("content-type", "application/grpc");
    let origin = Origin::h2c().enqueue(reply.trailer("grpc-status", "0")).start().await;
    let program = package::program("Tonic::new").replace("127.0.0.1:50051", &origin.addr().to_string());
    let output = program.build("grpc").run(|command| command).await;
    assert_eq!(String::from_utf8_lossy(&output.stdout), "Hello Tonic!\n", "{output:?}");
    let asked = origin.take_request().await.line();
    assert!(asked.starts_with("POST ") && asked.ends_with("/helloworld.Greeter/SayHello HTTP/2.0"), "{asked}");
}
