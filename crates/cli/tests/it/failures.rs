//! What a person reads of each common failure: one line that is enough to act on, and curl's exit code. Each is from a
//! real peer; of the line only the ports are masked.

use crate::ran::{Ran, skybridge};
use skybridge_testkit::{
    certs::{Ca, SelfSigned},
    closed::Closed,
    dns::{DnsServer, Reply},
    h1::Script,
    h2::{Peer, code},
    origin::Origin,
    proxy::ProxyServer,
};
use std::{fs, future::pending, net::SocketAddr, sync::Arc};
use tempfile::TempDir;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::AbortHandle,
};
use tokio_rustls::TlsAcceptor;

/// Serves each connection so, until it is dropped.
pub(crate) struct Server(pub(crate) SocketAddr, AbortHandle);

impl Server {
    pub(crate) async fn start<F: Future<Output = ()> + Send + 'static>(
        serve: impl Fn(TcpStream) -> F + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        let serving = tokio::spawn(async move {
            loop {
                tokio::spawn(serve(listener.accept().await.unwrap().0));
            }
        });
        Self(at, serving.abort_handle())
    }

    /// Reads a request to the end of its head, says this, and closes. An answer before that would make it a matter of
    /// luck whether the request had been sent.
    pub(crate) async fn saying(bytes: &'static [u8]) -> Self {
        Self::start(move |mut socket| async move {
            let (mut read, mut some) = (Vec::new(), [0; 4096]);
            while !has_head(&read) {
                match socket.read(&mut some).await {
                    Ok(more) if more > 0 => read.extend_from_slice(&some[..more]),
                    _ => break,
                }
            }
            let _ = socket.write_all(bytes).await;
            let _ = socket.shutdown().await;
            // A reset would overtake what was said.
            while socket.read(&mut [0; 4096]).await.is_ok_and(|read| read > 0) {}
        })
        .await
    }
}

/// Whether this has a whole head of HTTP/1.1, or a HEADERS frame behind HTTP/2's preface.
fn has_head(read: &[u8]) -> bool {
    let Some(mut frames) = read.strip_prefix(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n") else {
        let preface_begins = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".starts_with(read);
        return !preface_begins && read.windows(4).any(|bytes| bytes == b"\r\n\r\n");
    };
    while let [high, middle, low, kind, _, _, _, _, _, rest @ ..] = frames {
        let length = usize::from(*high) << 16 | usize::from(*middle) << 8 | usize::from(*low);
        match rest.get(length..) {
            Some(_) if *kind == 1 => return true,
            Some(next) => frames = next,
            None => return false,
        }
    }
    false
}

impl Drop for Server {
    fn drop(&mut self) {
        self.1.abort();
    }
}

/// An authority that is trusted, in a file.
pub(crate) struct Desk {
    ca: Ca,
    folder: TempDir,
}

impl Desk {
    pub(crate) fn new() -> Self {
        let (ca, folder) = (Ca::new("a root"), tempfile::tempdir().unwrap());
        fs::write(folder.path().join("ca.pem"), ca.pem()).unwrap();
        Self { ca, folder }
    }

    /// Agrees on HTTP/2 and says nothing more.
    pub(crate) async fn silent_h2(&self) -> Server {
        let acceptor = TlsAcceptor::from(Arc::new(self.ca.leaf(["a.test"]).server(&["h2"])));
        Server::start(move |socket| {
            let accepting = acceptor.accept(socket);
            async move {
                if let Ok(tls) = accepting.await {
                    while_open(tls).await;
                }
            }
        })
        .await
    }

    /// Fetches `https://a.test` from there.
    pub(crate) async fn fetch(&self, at: SocketAddr, more: &[&str]) -> Ran {
        let resolve = format!("--resolve=a.test:{}:127.0.0.1", at.port());
        let trust = format!("--cacert={}", self.folder.path().join("ca.pem").display());
        let url = format!("https://a.test:{}/path?token=hunter2", at.port());
        skybridge([&resolve, &trust].into_iter().map(String::as_str).chain(more.iter().copied()).chain([&*url])).await
    }
}

/// Reads until it is closed.
pub(crate) async fn while_open(mut io: impl AsyncRead + Unpin) {
    while io.read(&mut [0; 4096]).await.is_ok_and(|read| read > 0) {}
}

/// The one line on stderr, with `PORT` for the first of these, `PROXY` for the second, and `DAYS` for a number of days.
pub(crate) fn told(ran: &Ran, ports: &[u16]) -> String {
    assert_eq!(ran.err.lines().count(), 1, "{}", ran.err);
    assert!(!ran.err.contains("hunter2"), "{}", ran.err);
    let mut line = ran.err.trim_end().to_owned();
    for (at, port) in ports.iter().enumerate() {
        line = line.replace(&port.to_string(), ["PORT", "PROXY"][at]);
    }
    let words: Vec<_> = line.strip_prefix("skybridge: ").unwrap().split(' ').collect();
    let is_days = |at: usize| words.get(at + 1).is_some_and(|word| word.trim_end_matches(',') == "days");
    let words: Vec<_> = words.iter().enumerate().map(|(at, word)| if is_days(at) { "DAYS" } else { word }).collect();
    words.join(" ")
}

pub(crate) fn assert_told(ran: &Ran, ports: &[u16], exit: i32, line: &str) {
    assert_eq!(told(ran, ports), format!("({exit}) {line}"));
    assert_eq!(ran.exit, exit);
}

#[tokio::test]
async fn nothing_listens_at_any_address() {
    let nobody = Closed::tcp();
    let port = nobody.addr().port();
    let ran = skybridge([&format!("http://127.0.0.1:{port}/")]).await;
    assert_told(
        &ran,
        &[port],
        7,
        "http://127.0.0.1:PORT: TCP to 127.0.0.1:PORT failed: connection refused (nothing was sent); check the port, and that the server runs",
    );
    let six = (1..=6).map(|last| format!("127.0.0.{last}")).collect::<Vec<_>>().join(",");
    let ran = skybridge([&format!("--resolve=a.test:{port}:{six}"), &format!("http://a.test:{port}/")]).await;
    assert_told(
        &ran,
        &[port],
        7,
        "http://a.test:PORT: TCP to 127.0.0.1:PORT, 127.0.0.2:PORT, 127.0.0.3:PORT, 127.0.0.4:PORT and 2 more failed: connection refused (nothing was sent); check the port, and that the server runs",
    );
}

#[tokio::test]
async fn names_without_addresses() {
    let server = DnsServer::start(|_| Reply::NotFound).await;
    let ran = skybridge(["--dns-servers", &server.addr().to_string(), "http://nobody.test/"]).await;
    assert_told(
        &ran,
        &[],
        6,
        "http://nobody.test: the name lookup failed: `nobody.test` was not found (nothing was sent); check the spelling; --resolve HOST:PORT:ADDR gives an address, --dns-servers asks other servers",
    );
    let ran = skybridge(["-6", "--resolve=a.test:80:127.0.0.1", "http://a.test/"]).await;
    assert_told(
        &ran,
        &[],
        6,
        "http://a.test: the name lookup failed: `a.test` has no IPv6 address (nothing was sent); leave out -4 or -6",
    );
}

#[tokio::test]
async fn certificates_that_prove_nothing() {
    let desk = Desk::new();
    let strange = Ca::new("a stranger");
    let rows = [
        (
            SelfSigned::new(["a.test"]).make(),
            "certificate is self-signed, and not trusted (nothing was sent); trust that one certificate: --cacert FILE",
        ),
        (
            strange.leaf(["a.test"]),
            "certificate issuer `a stranger` is not trusted, and the peer sent no intermediate certificate (nothing was sent); mend the server: it must send its chain; or --cacert FILE with the issuer",
        ),
        (
            strange.intermediate("between").leaf(["a.test"]),
            "certificate issuer `between` is not trusted (nothing was sent); trust it: --cacert FILE",
        ),
        (
            desk.ca.leaf(["b.test", "c.test"]),
            "certificate is for b.test, c.test, not for a.test (nothing was sent); ask for one of its names; --connect-to NAME:PORT:HOST:PORT leads a name to another host",
        ),
        (
            desk.ca.expired(["a.test"]),
            "certificate expired DAYS days ago, on 2001-02-03 (nothing was sent); renew the server's certificate; check the clock",
        ),
        (
            desk.ca.not_yet_valid(["a.test"]),
            "certificate is not valid for another DAYS days, until 4000-01-01 (nothing was sent); check the clock",
        ),
    ];
    for (cert, line) in rows {
        let origin = Origin::h2c().tls(&cert).start().await;
        let ran = desk.fetch(origin.addr(), &[]).await;
        let line = format!("https://a.test:PORT: TLS to 127.0.0.1:PORT failed: {line}");
        assert_told(&ran, &[origin.addr().port()], 60, &line);
    }
    let origin = Origin::h2c().tls(&desk.ca.leaf(["a.test"])).start().await;
    let pin = format!("--pin=a.test={}", strange.pin());
    let ran = desk.fetch(origin.addr(), &[&pin]).await;
    assert_told(
        &ran,
        &[origin.addr().port()],
        90,
        "https://a.test:PORT: TLS to 127.0.0.1:PORT failed: none of the keys that vouch for the peer is pinned (nothing was sent); somebody may be in between; if the server has new keys (skybridge pins HOST prints them), pin those: --pin HOST=PIN",
    );
}

/// A server of TLS 1.3 says so when the handshake is over for the client, which may have sent its request by then.
#[tokio::test]
async fn a_client_certificate_is_wanted() {
    let desk = Desk::new();
    let origin = Origin::h1().tls(&desk.ca.leaf(["a.test"])).require_client_cert(&desk.ca).start().await;
    let ran = desk.fetch(origin.addr(), &[]).await;
    let why = "it wants a certificate of the client (TLS alert certificate_required)";
    let to_do =
        "give it one that it accepts: --cert FILE --key FILE, or to a proxy: --proxy-cert FILE --proxy-key FILE";
    let place = "HTTP/1.1 on connection 1 to 127.0.0.1:PORT; it may have been processed";
    let forms = [
        format!("the peer ended TLS while the response was awaited: {why} ({place})"),
        format!(
            "the connection to 127.0.0.1:PORT failed: the peer ended TLS before the request was sent: {why} (nothing was sent)"
        ),
        format!(
            "the peer ended TLS before the request was sent: {why} (HTTP/1.1 on connection 1 to 127.0.0.1:PORT; nothing was sent)"
        ),
    ];
    let told = told(&ran, &[origin.addr().port()]);
    assert!(forms.iter().any(|form| told == format!("(56) https://a.test:PORT: {form}; {to_do}")), "{told}");
    assert_eq!(ran.exit, 56);
}

#[tokio::test]
async fn protocols_that_do_not_meet() {
    let desk = Desk::new();
    // As OpenSSL, haproxy and Go do; the server of the test kit closes without a word.
    let alert = |mut socket: TcpStream| async move {
        let _ = socket.read(&mut [0; 4096]).await;
        let _ = socket.write_all(b"\x15\x03\x03\x00\x02\x02\x78").await;
        let _ = socket.shutdown().await;
        while socket.read(&mut [0; 4096]).await.is_ok_and(|read| read > 0) {}
    };
    let server = Server::start(alert).await;
    let ran = desk.fetch(server.0, &["--http2-prior-knowledge"]).await;
    assert_told(
        &ran,
        &[server.0.port()],
        35,
        "https://a.test:PORT: TLS to 127.0.0.1:PORT failed: the peer refused the handshake: it speaks none of the protocols that were offered (ALPN) (alert no_application_protocol) (nothing was sent); leave out --http1.1 or --http2-prior-knowledge, to a proxy --proxy-http2; or check the port",
    );
}

#[tokio::test]
async fn versions_that_do_not_meet() {
    let desk = Desk::new();
    let origin = Origin::h1().tls(&desk.ca.leaf(["a.test"])).tls12().start().await;
    let verbose = desk.fetch(origin.addr(), &["-v", "--tlsv1.3"]).await.err;
    assert!(verbose.contains("* TLS started\n* TLS failed after "), "{verbose}");
    let ran = desk.fetch(origin.addr(), &["--tlsv1.3"]).await;
    assert_told(
        &ran,
        &[origin.addr().port()],
        35,
        "https://a.test:PORT: TLS to 127.0.0.1:PORT failed: the peer refused the handshake: it accepts no version of TLS that was offered (alert protocol_version) (nothing was sent); --tlsv1.2, --tls-max and --tls-fallback set versions, --ciphers, --tls13-ciphers and --curves the rest; TLS 1.1 is never spoken",
    );
}

#[tokio::test]
async fn a_protocol_at_the_port_of_another() {
    let desk = Desk::new();
    let clear = Origin::h1().start().await;
    let ran = desk.fetch(clear.addr(), &[]).await;
    assert_told(
        &ran,
        &[clear.addr().port()],
        35,
        "https://a.test:PORT: TLS to 127.0.0.1:PORT failed: the peer does not speak TLS (nothing was sent); use http://, or the port for TLS",
    );

    let sealed = Origin::h1().tls(&desk.ca.leaf(["127.0.0.1"])).start().await;
    let ran = skybridge([&format!("http://{}/", sealed.addr())]).await;
    assert_told(
        &ran,
        &[sealed.addr().port()],
        1,
        "http://127.0.0.1:PORT: the answer is not HTTP/1: it begins with `\\x15\\x03\\x03\\x00\\x02\\x022`, which looks like TLS (HTTP/1.1 on connection 1 to 127.0.0.1:PORT; it may have been processed); use https://",
    );

    let rows: [(&[u8], &str, i32, &str); 3] = [
        (
            b"HTTP/1.1 400 Bad Request\r\n\r\n",
            "--http2-prior-knowledge",
            16,
            "http://127.0.0.1:PORT: the peer does not speak HTTP/2: its first frame is not SETTINGS (HTTP/2 on connection 1 to 127.0.0.1:PORT; it may have been processed); leave out --http2-prior-knowledge",
        ),
        (
            b"\0\0\0\x04\0\0\0\0\0",
            "--http1.1",
            1,
            "http://127.0.0.1:PORT: the answer is not HTTP/1: it begins with `\\x00\\x00\\x00\\x04\\x00\\x00\\x00\\x00\\x00`, which looks like HTTP/2 (HTTP/1.1 on connection 1 to 127.0.0.1:PORT; it may have been processed); speak it at once: --http2-prior-knowledge",
        ),
        (
            b"SSH-2.0-OpenSSH_9.9\r\n",
            "--http1.1",
            1,
            "http://127.0.0.1:PORT: the answer is not HTTP/1: it begins with `SSH-2.0-OpenSSH_9.9\\r\\n`, which looks like SSH (HTTP/1.1 on connection 1 to 127.0.0.1:PORT; it may have been processed); check the port",
        ),
    ];
    for (bytes, flag, exit, line) in rows {
        let server = Server::saying(bytes).await;
        let ran = skybridge([flag, &format!("http://{}/", server.0)]).await;
        assert_told(&ran, &[server.0.port()], exit, line);
    }
}

#[tokio::test]
async fn a_proxy_that_gives_no_tunnel() {
    let proxy = ProxyServer::http().user("me", "secret").start().await;
    let port = proxy.addr().port();
    let ran = skybridge(["-x", &proxy.url(), "https://a.test/"]).await;
    assert_told(
        &ran,
        &[0xffff, port],
        97,
        "https://a.test: the tunnel via http://127.0.0.1:PROXY failed: the proxy wants credentials, none were sent (407), and takes Basic (nothing was sent); --proxy-user USER:PASSWORD; --proxy-digest or --proxy-anyauth answers Digest",
    );
    let ran = skybridge(["-x", &proxy.url(), "-U", "me:hunter2", "https://a.test/"]).await;
    assert_told(
        &ran,
        &[0xffff, port],
        97,
        "https://a.test: the tunnel via http://127.0.0.1:PROXY failed: the proxy does not accept the credentials (407), and takes Basic (nothing was sent); check --proxy-user; --proxy-digest or --proxy-anyauth answers Digest",
    );
    let strict = ProxyServer::http().status(403, "no").start().await;
    let ran = skybridge(["-x", &strict.url(), "https://a.test/"]).await;
    assert_told(
        &ran,
        &[0xffff, strict.addr().port()],
        97,
        "https://a.test: the tunnel via http://127.0.0.1:PROXY failed: the proxy refused the tunnel with 403 Forbidden; its rules don't allow it (nothing was sent); ask who runs the proxy; --noproxy LIST names the hosts that need none",
    );
}

#[tokio::test]
async fn answers_that_are_none_or_not_whole() {
    let rows: [(&[u8], i32, &str); 4] = [
        (
            b"",
            52,
            "http://127.0.0.1:PORT: the peer closed the connection without a response (HTTP/1.1 on connection 2 to 127.0.0.1:PORT; it may have been processed); connections to this origin fail one after the other; look into the server's log: it may have crashed, or want https:// or another port",
        ),
        (
            b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf",
            18,
            "http://127.0.0.1:PORT: the peer closed the connection in the middle of a response: 96 bytes of its body are missing (HTTP/1.1 on connection 1 to 127.0.0.1:PORT; the response had begun); what was written is not the whole; ask again",
        ),
        (
            b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
            8,
            "http://127.0.0.1:PORT: the response's header `no colon` is malformed: its name is no token, or white space follows it (HTTP/1.1 on connection 1 to 127.0.0.1:PORT; it may have been processed); mend the server: its answer is wrong in the way that is named",
        ),
        (
            b"HTTP/1.1 20x OK\r\n\r\n",
            8,
            "http://127.0.0.1:PORT: the response's status line is malformed (HTTP/1.1 on connection 1 to 127.0.0.1:PORT; it may have been processed); mend the server: its answer is wrong in the way that is named",
        ),
    ];
    for (bytes, exit, line) in rows {
        let server = Server::saying(bytes).await;
        let ran = skybridge(["-o", "/dev/null", &format!("http://{}/?token=hunter2", server.0)]).await;
        assert_told(&ran, &[server.0.port()], exit, line);
    }
}

#[tokio::test]
async fn a_stream_that_is_reset_and_a_connection_that_goes_away() {
    let server = Server::start(|socket| async move {
        let mut peer = Peer::accept(socket).await;
        let stream = peer.request().await.stream;
        peer.reset(stream, code::INTERNAL_ERROR).await;
        while peer.next().await.is_some() {}
    })
    .await;
    let ran = skybridge(["--http2-prior-knowledge", "-d", "x", &format!("http://{}/", server.0)]).await;
    assert_told(
        &ran,
        &[server.0.port()],
        92,
        "http://127.0.0.1:PORT: the peer reset the stream (INTERNAL_ERROR) (HTTP/2 on connection 1 to 127.0.0.1:PORT; it may have been processed)",
    );
    let server = Server::start(|socket| async move {
        let mut peer = Peer::accept(socket).await;
        peer.request().await;
        peer.goaway(0, code::ENHANCE_YOUR_CALM, "too_many_pings\u{202e}").await;
        peer.fin().await;
        while peer.next().await.is_some() {}
    })
    .await;
    let ran = skybridge(["--http2-prior-knowledge", "-d", "x", &format!("http://{}/", server.0)]).await;
    assert_told(
        &ran,
        &[server.0.port()],
        16,
        "http://127.0.0.1:PORT: the peer sent GOAWAY (ENHANCE_YOUR_CALM, last stream 0, \"too_many_pings\\u{202e}\") (HTTP/2 on connection 4 to 127.0.0.1:PORT; it was refused unprocessed)",
    );
}

/// Long enough for what comes before the silence, however busy the machine is.
#[tokio::test]
async fn limits_that_are_over() {
    let silent = Server::start(|socket| async move {
        let _open = socket;
        pending::<()>().await;
    })
    .await;
    let port = silent.0.port();
    let ran = Desk::new().fetch(silent.0, &["--connect-timeout", "1.5"]).await;
    assert_told(
        &ran,
        &[port],
        28,
        "https://a.test:PORT: TLS to 127.0.0.1:PORT was not done within 1.5s, the limit for connecting (nothing was sent); check scheme and port: it may speak something else, or a proxy not reach the server; --connect-timeout SECONDS is the limit",
    );
    for (flag, line) in [
        (
            "--read-timeout",
            "http://127.0.0.1:PORT: no response came within 1.5s (HTTP/1.1 on connection 1 to 127.0.0.1:PORT; it may have been processed); --read-timeout SECONDS is the limit",
        ),
        (
            "--max-time",
            "http://127.0.0.1:PORT: the call took longer than 1.5s, while the response was awaited (HTTP/1.1 on connection 1 to 127.0.0.1:PORT; it may have been processed); --max-time SECONDS is the limit",
        ),
    ] {
        let ran = skybridge([flag, "1.5", &format!("http://{}/", silent.0)]).await;
        assert_told(&ran, &[port], 28, line);
    }
    let slow = Server::start(|socket| async move {
        let mut peer = Script::new(socket);
        peer.head().await;
        peer.send("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf").await;
        pending::<()>().await;
    })
    .await;
    let ran = skybridge(["--read-timeout", "1.5", "-o", "/dev/null", &format!("http://{}/", slow.0)]).await;
    assert_told(
        &ran,
        &[slow.0.port()],
        28,
        "http://127.0.0.1:PORT: nothing more of the response came within 1.5s (HTTP/1.1 on connection 1 to 127.0.0.1:PORT; the response had begun); --read-timeout SECONDS is the limit",
    );
}

#[tokio::test]
async fn an_own_policy_and_an_own_mistake() {
    let ran = skybridge(["--egress", "public", "http://127.0.0.1:1/"]).await;
    assert_told(
        &ran,
        &[],
        7,
        "http://127.0.0.1:1: TCP to 127.0.0.1:1 failed: 127.0.0.1:1 is refused: only public addresses are allowed, and it is loopback (nothing was sent); leave out --egress if the address may be reached",
    );
    let ran = skybridge(["http://a.test:99999/"]).await;
    let why = "the request can't be sent: the port `99999` is not a number from 1 to 65535";
    assert_told(&ran, &[], 3, &format!("{why}; write it as https://host/path, percent-encoded"));
}

#[tokio::test]
async fn what_else_keeps_from_the_server() {
    let server = DnsServer::start(|_| Reply::Fail).await;
    let ran = skybridge(["--dns-servers", &server.addr().to_string(), "http://a.test/"]).await;
    assert_told(
        &ran,
        &[server.addr().port()],
        6,
        "http://a.test: the name lookup failed: `a.test` could not be looked up: DNS error: error response: Server Failure (nothing was sent); check the resolver; --dns-servers asks other servers",
    );
    // A server of SSH speaks first.
    let other = Server::start(|mut socket| async move {
        let _ = socket.write_all(b"SSH-2.0-OpenSSH_9.9\r\n").await;
        while socket.read(&mut [0; 4096]).await.is_ok_and(|read| read > 0) {}
    })
    .await;
    let port = other.0.port();
    let rows = [
        (
            "http",
            "the proxy does not speak HTTP/1.1; it may be one of SOCKS, or want TLS (`https://`): the answer is not HTTP/1, which looks like SSH",
        ),
        ("socks5h", "the proxy does not speak SOCKS: its answer begins with 0x53"),
    ];
    for (scheme, why) in rows {
        let ran = skybridge(["-x", &format!("{scheme}://127.0.0.1:{port}"), "https://a.test/"]).await;
        let line = format!(
            "https://a.test: the tunnel via {scheme}://127.0.0.1:PROXY failed: {why} (nothing was sent); check the URL of --proxy: http://, https://, socks4://, socks5://"
        );
        assert_told(&ran, &[0xffff, port], 97, &line);
    }
    let ran = skybridge(["-X", "CONNECT", &format!("http://127.0.0.1:{port}/")]).await;
    assert_told(
        &ran,
        &[port],
        2,
        "http://127.0.0.1:PORT: the request can't be sent: the method CONNECT is not supported; change the method (-X), header (-H) or body (-d) that is named",
    );
    // Each system has words of its own for it.
    let ran = skybridge(["--interface", "host!192.0.2.1", &format!("http://127.0.0.1:{port}/")]).await;
    let to_do = "; check the network, and --interface; -4 or -6 leaves out the other family";
    let told = told(&ran, &[port]);
    assert!(told.starts_with("(45) http://127.0.0.1:PORT: TCP to 127.0.0.1:PORT failed: a socket can't be bound to the local address 192.0.2.1: "), "{told}");
    assert!(told.ends_with(&format!("(nothing was sent){to_do}")), "{told}");
}
