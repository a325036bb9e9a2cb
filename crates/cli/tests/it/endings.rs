//! How the peer ends a connection: exit codes as curl has them for the same bytes, and what is said of it.

use crate::ran::{Ran, reports, skybridge};
use skybridge_testkit::{
    certs::{Ca, Cert},
    h1::Script,
    h2::{Peer, code},
    origin::Origin,
};
use std::{fs, future::Future, sync::Arc};
use tempfile::TempDir;
use tokio::{
    io::AsyncWriteExt,
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

/// An authority that the command trusts, and a certificate of it.
struct Tls {
    folder: TempDir,
    cert: Cert,
}

impl Tls {
    fn new() -> Self {
        let (folder, ca) = (tempfile::tempdir().unwrap(), Ca::new("a root"));
        fs::write(folder.path().join("ca.pem"), ca.pem()).unwrap();
        let cert = ca.leaf(["localhost"]);
        Self { folder, cert }
    }

    fn trust(&self) -> String {
        format!("--cacert={}", self.folder.path().join("ca.pem").display())
    }

    fn acceptor(&self, alpn: &str) -> TlsAcceptor {
        TlsAcceptor::from(Arc::new(self.cert.server(&[alpn])))
    }

    /// Runs the command, whose connections are served so.
    async fn run<F: Future<Output = ()> + Send + 'static>(
        &self,
        alpn: &str,
        serve: impl Fn(TlsStream<TcpStream>) -> F,
    ) -> Ran {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://localhost:{}/", listener.local_addr().unwrap().port());
        let acceptor = self.acceptor(alpn);
        let server = async {
            let mut served = JoinSet::new();
            loop {
                let socket = listener.accept().await.unwrap().0;
                served.spawn(serve(acceptor.accept(socket).await.unwrap()));
            }
        };
        let trust = self.trust();
        let arguments = ["-v", "-4", &trust, "--report", "-", &url];
        tokio::select! {
            ran = skybridge(arguments) => ran,
            () = server => unreachable!(),
        }
    }
}

/// The end of the socket, without close_notify. What is left of it stays, as it is not to be reset.
async fn cut(mut io: TlsStream<TcpStream>) {
    io.flush().await.unwrap();
    io.get_mut().0.shutdown().await.unwrap();
    std::future::pending().await
}

#[tokio::test]
async fn a_response_that_is_cut_short_over_tls_is_exit_18() {
    let tls = Tls::new();
    for framing in ["content-length: 100", "transfer-encoding: chunked", "connection: close"] {
        let ran = tls
            .run("http/1.1", move |io| async move {
                let mut peer = Script::new(io);
                peer.head().await;
                let body = if framing.contains("chunked") { "4\r\nhalf\r\n" } else { "half" };
                peer.send(&format!("HTTP/1.1 200 OK\r\n{framing}\r\n\r\n{body}")).await;
                cut(peer.into_parts().0).await
            })
            .await;
        let error = &reports(&ran)[0]["error"];
        assert_eq!((ran.exit, &error["kind"], &error["processed"]), (18, &"body".into(), &"yes".into()), "{}", ran.err);
        assert!(ran.err.contains("in the middle of a response"), "{}", ran.err);
    }
}

#[tokio::test]
async fn no_response_over_tls_is_exit_52() {
    let ran = Tls::new()
        .run("http/1.1", |io| async move {
            let mut peer = Script::new(io);
            peer.head().await;
            cut(peer.into_parts().0).await
        })
        .await;
    assert_eq!((ran.exit, &reports(&ran)[0]["error"]["kind"]), (52, &"protocol".into()), "{}", ran.err);
    assert!(ran.err.contains("without a response"), "{}", ran.err);
}

/// Also when that is noticed before the request is written.
#[tokio::test]
async fn a_server_that_closes_all_connections_is_exit_52() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let server = async {
        let mut held = Vec::new();
        loop {
            let mut socket = listener.accept().await.unwrap().0;
            socket.shutdown().await.unwrap();
            held.push(socket);
        }
    };
    let runs = async {
        for run in 0..20 {
            let ran = skybridge(["--report", "-", &url]).await;
            assert_eq!((ran.exit, &reports(&ran)[0]["error"]["kind"]), (52, &"protocol".into()), "{run}: {}", ran.err);
        }
    };
    tokio::select! {
        () = runs => {}
        () = server => unreachable!(),
    }
}

#[tokio::test]
async fn an_http2_response_that_is_cut_short_is_exit_18() {
    let tls = Tls::new();
    for notified in [false, true] {
        let ran = tls
            .run("h2", move |io| async move {
                let mut peer = Peer::accept(io).await;
                let stream = peer.request().await.stream;
                peer.headers(stream, &[(":status", "200"), ("content-length", "100")], false).await;
                peer.data(stream, "half", false).await;
                if notified {
                    peer.fin().await
                } else {
                    cut(peer.into_inner()).await
                }
                std::future::pending().await
            })
            .await;
        assert_eq!((ran.exit, &reports(&ran)[0]["error"]["kind"]), (18, &"body".into()), "{}", ran.err);
    }
}

/// The stream ends as it should, with less than was announced: that is a malformed response (RFC 9113, section 8.1.1).
#[tokio::test]
async fn an_http2_response_that_ends_before_its_length_is_exit_92() {
    let ran = Tls::new()
        .run("h2", |io| async move {
            let mut peer = Peer::accept(io).await;
            let stream = peer.request().await.stream;
            peer.headers(stream, &[(":status", "200"), ("content-length", "100")], false).await;
            peer.data(stream, "half", true).await;
            while peer.next().await.is_some() {}
        })
        .await;
    assert_eq!((ran.exit, &reports(&ran)[0]["error"]["kind"]), (92, &"stream".into()), "{}", ran.err);
}

#[tokio::test]
async fn what_the_peer_says_in_a_goaway_is_told() {
    let ran = Tls::new()
        .run("h2", |io| async move {
            let mut peer = Peer::accept(io).await;
            peer.request().await;
            peer.goaway(0, code::ENHANCE_YOUR_CALM, "too_many_pings").await;
            peer.fin().await;
            while peer.next().await.is_some() {}
        })
        .await;
    let said = "the peer sent GOAWAY (ENHANCE_YOUR_CALM, last stream 0, \"too_many_pings\")";
    let error = &reports(&ran)[0]["error"];
    assert_eq!((ran.exit, &error["kind"]), (16, &"protocol".into()), "{}", ran.err);
    assert!(error["message"].as_str().unwrap().contains(said) && error["chain"][0].as_str().unwrap().contains(said));
    // As an event of `-v`, and as the failure of the command.
    let lines = |mark: &str| ran.err.lines().filter(|line| line.starts_with(mark) && line.contains(said)).count();
    assert!(lines("* ") > 0 && lines("skybridge: ") == 1, "{}", ran.err);
    let why = "its peer has sent GOAWAY";
    let ends = ["closed", "takes no more requests"].map(|end| format!("{end}: {why}"));
    assert!(ends.iter().any(|end| ran.err.contains(end)), "{}", ran.err);
}

/// A server of TLS 1.3 rejects a client without a certificate after the handshake. That is final: one connection.
#[tokio::test]
async fn a_missing_client_certificate_is_exit_56_and_named_on_one_connection() {
    let (tls, clients) = (Tls::new(), Ca::new("clients"));
    for http2 in [false, true] {
        let origin = if http2 { Origin::h2c() } else { Origin::h1() };
        let origin = origin.tls(&tls.cert).require_client_cert(&clients).start().await;
        let url = format!("https://localhost:{}/", origin.addr().port());
        let trust = tls.trust();
        for run in 0..30 {
            let ran = skybridge(["-4", &trust, "--report", "-", &url]).await;
            let error = &reports(&ran)[0]["error"];
            assert_eq!((ran.exit, &error["kind"]), (56, &"tls".into()), "HTTP/2 {http2}, run {run}: {}", ran.err);
            assert!(ran.err.contains("certificate_required"), "HTTP/2 {http2}, run {run}: {}", ran.err);
            let attempts = reports(&ran)[0]["attempts"].as_array().unwrap().len();
            assert_eq!(attempts, 1, "HTTP/2 {http2}, run {run}: {}", ran.out);
        }
    }
}
