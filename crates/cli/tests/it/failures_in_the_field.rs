//! The same of what fails less often, and later: each line says for which origin, when, why, what became of the
//! request, and nothing to do that wouldn't help.

use crate::{
    failures::{Desk, Server, assert_told, while_open},
    ran::{reports, skybridge},
};
use skybridge_testkit::{
    dns::{DnsServer, Reply},
    h2::{Peer, code},
    origin::Origin,
};
use std::{fs, sync::LazyLock};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

const AT: &str = "http://127.0.0.1:PORT: ";
const PLACE: &str = "HTTP/1.1 on connection 1 to 127.0.0.1:PORT";
const MEND: &str = "mend the server: its answer is wrong in the way that is named";

#[tokio::test]
async fn answers_that_break_the_rules_of_http() {
    const MAYBE: &str = "it may have been processed";
    const BEGUN: &str = "the response had begun";
    let rows: [(&[u8], i32, &str, &str, &str); 8] = [
        (
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n",
            56,
            "a chunk of the response is malformed: it doesn't begin with its size",
            BEGUN,
            MEND,
        ),
        (
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhe",
            18,
            "the peer closed the connection in the middle of a response: 3 bytes of its body are missing",
            BEGUN,
            "what was written is not the whole; ask again",
        ),
        (
            b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello",
            8,
            "the response says content-length 5 and content-length 6",
            MAYBE,
            MEND,
        ),
        (
            b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
            8,
            "the response has both content-length and transfer-encoding",
            MAYBE,
            MEND,
        ),
        (
            b"HTTP/1.1 200 OK\r\ncontent-length: -5\r\n\r\n",
            8,
            "the response's content-length `-5` is not a length",
            MAYBE,
            MEND,
        ),
        (
            b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
            56,
            "the peer switched to another protocol without being asked",
            MAYBE,
            MEND,
        ),
        (
            b"HTTP/2 200 OK\r\n\r\n",
            1,
            "the answer is not HTTP/1: it begins with `HTTP/2 200 OK\\r\\n\\r\\n`, which looks like another version of HTTP",
            MAYBE,
            "check the port",
        ),
        (
            b"220 mail.test ESMTP\r\n",
            1,
            "the answer is not HTTP/1: it begins with `220 mail.test ESMTP\\r\\n`, which looks like SMTP or FTP",
            MAYBE,
            "check the port",
        ),
    ];
    for (bytes, exit, why, became, to_do) in rows {
        let server = Server::saying(bytes).await;
        let ran = skybridge(["-o", "/dev/null", &format!("http://{}/?token=hunter2", server.0)]).await;
        assert_told(&ran, &[server.0.port()], exit, &format!("{AT}{why} ({PLACE}; {became}); {to_do}"));
    }
}

#[tokio::test]
async fn what_is_to_be_made_of_a_response_and_cannot_be() {
    let folder = tempfile::tempdir().unwrap();
    let part = folder.path().join("part");
    fs::write(&part, "abc").unwrap();
    let (nowhere, part) = (folder.path().join("none/x").display().to_string(), part.display().to_string());
    let no_place = format!(
        "the response could not be written: {nowhere}: No such file or directory (os error 2); nearest: --create-dirs"
    );
    let rows: [(&[u8], &[&str], i32, &str); 4] = [
        (
            b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 16\r\n\r\n<html>no gzip</h",
            &["--compressed"],
            61,
            "the response's body could not be decoded: invalid gzip header",
        ),
        (
            b"HTTP/1.1 200 OK\r\ncontent-encoding: lzma\r\ncontent-length: 1\r\n\r\nx",
            &["--compressed"],
            61,
            "the response's body is encoded by `lzma`, and what is decoded is gzip, deflate, br and zstd; nearest: leave out -H 'accept-encoding: ...'",
        ),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nx", &["-o", &nowhere], 23, &no_place),
        (
            b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nx",
            &["-C", "-", "-o", &part],
            33,
            "the answer is 200, and not the rest that was asked for (--continue-at), which stays as it was; nearest: without --continue-at",
        ),
    ];
    for (bytes, flags, exit, why) in rows {
        let server = Server::saying(bytes).await;
        let ran = skybridge([flags, &[&format!("http://{}/?token=hunter2", server.0)]].concat()).await;
        assert_told(&ran, &[server.0.port()], exit, &format!("{AT}{why} (the response had begun)"));
    }
    assert_eq!(fs::read(&part).unwrap(), b"abc");
}

#[tokio::test]
async fn redirects_that_lead_nowhere() {
    let server =
        Server::saying(b"HTTP/1.1 302 Found\r\nlocation: ftp://a.test/x?token=hunter2\r\ncontent-length: 0\r\n\r\n")
            .await;
    let ran = skybridge(["-L", &format!("http://{}/", server.0)]).await;
    let line = "a redirect to ftp://a.test/x?[hidden]: only http and https URLs can be fetched";
    assert_told(&ran, &[], 1, line);
    // As of a captive portal.
    let server =
        Server::saying(b"HTTP/1.1 302 Found\r\nlocation: http://portal.invalid/\r\ncontent-length: 0\r\n\r\n").await;
    let dns = DnsServer::start(|_| Reply::NotFound).await;
    let ran = skybridge(["-L", "--dns-servers", &dns.addr().to_string(), &format!("http://{}/", server.0)]).await;
    assert_told(
        &ran,
        &[server.0.port()],
        6,
        "http://portal.invalid: the name lookup failed: `portal.invalid` was not found (nothing was sent); check the spelling; --resolve HOST:PORT:ADDR gives an address, --dns-servers asks other servers; a redirect of http://127.0.0.1:PORT led there",
    );
}

#[tokio::test]
async fn names_that_are_there_without_addresses_and_servers_that_are_silent() {
    const CHECK: &str = "check the resolver; --dns-servers asks other servers";
    let empty = DnsServer::start(|_| Reply::Addresses(Vec::new(), 60)).await;
    let ran = skybridge(["--dns-servers", &empty.addr().to_string(), "http://a.test/"]).await;
    assert_told(
        &ran,
        &[],
        6,
        "http://a.test: the name lookup failed: `a.test` has no addresses (nothing was sent); check the spelling; --resolve HOST:PORT:ADDR gives an address, --dns-servers asks other servers",
    );
    let silent = DnsServer::start(|_| Reply::Silence).await;
    for (flag, why) in [
        ("--connect-timeout", format!("the name lookup was not done within 1.5s, the limit for connecting (nothing was sent); {CHECK}")),
        ("--max-time", "the call took longer than 1.5s, while the name was looked up (nothing was sent); --max-time SECONDS is the limit".to_owned()),
    ] {
        let ran = skybridge(["--dns-servers", &silent.addr().to_string(), flag, "1.5", "http://a.test/"]).await;
        assert_told(&ran, &[], 28, &format!("http://a.test: {why}"));
    }
}

/// Answers a handshake with this alert of TLS.
async fn alerting(alert: u8) -> Server {
    Server::start(move |mut socket: TcpStream| async move {
        let _ = socket.read(&mut [0; 4096]).await;
        let _ = socket.write_all(&[0x15, 3, 3, 0, 2, 2, alert]).await;
        let _ = socket.shutdown().await;
        while socket.read(&mut [0; 4096]).await.is_ok_and(|read| read > 0) {}
    })
    .await
}

/// Versions of TLS have nothing to do with most of them.
#[tokio::test]
async fn a_handshake_that_is_refused_for_the_name_or_for_no_reason() {
    let rows = [
        (
            112,
            "it knows no such host (alert unrecognized_name) (nothing was sent); ask for one of its names; --connect-to NAME:PORT:HOST:PORT leads a name to another host",
        ),
        (
            40,
            "it accepts none of the versions, cipher suites, key exchanges or signatures that were offered (alert handshake_failure) (nothing was sent); --tlsv1.2, --tls-max and --tls-fallback set versions, --ciphers, --tls13-ciphers and --curves the rest; TLS 1.1 is never spoken",
        ),
        (80, "something went wrong in it (alert internal_error) (nothing was sent)"),
        (
            71,
            "it wants stronger cryptography (alert insufficient_security) (nothing was sent); --tlsv1.2, --tls-max and --tls-fallback set versions, --ciphers, --tls13-ciphers and --curves the rest; TLS 1.1 is never spoken",
        ),
    ];
    for (alert, line) in rows {
        let server = alerting(alert).await;
        let ran = Desk::new().fetch(server.0, &[]).await;
        let at = "https://a.test:PORT: TLS to 127.0.0.1:PORT failed: the peer refused the handshake:";
        assert_told(&ran, &[server.0.port()], 35, &format!("{at} {line}"));
    }
}

#[tokio::test]
async fn proxies_that_want_what_is_not_spoken_or_say_nothing() {
    const ASK: &str = "ask who runs the proxy; --noproxy LIST names the hosts that need none";
    const CHECK: &str = "check the URL of --proxy: http://, https://, socks4://, socks5://";
    let windows =
        &b"HTTP/1.1 407 No\r\nproxy-authenticate: NTLM\r\nproxy-authenticate: Negotiate\r\ncontent-length: 0\r\n\r\n"[..];
    let portal = &b"HTTP/1.1 302 Found\r\nlocation: http://portal.test/\r\ncontent-length: 0\r\n\r\n"[..];
    let rows: [(&[u8], &[&str], String); 5] = [
        (
            windows,
            &["-U", "me:hunter2"],
            format!("the proxy does not accept the credentials (407), and takes NTLM or Negotiate, which isn't spoken here (nothing was sent); {ASK}"),
        ),
        (
            windows,
            &[],
            format!("the proxy wants credentials, none were sent (407), and takes NTLM or Negotiate, which isn't spoken here (nothing was sent); {ASK}"),
        ),
        (
            portal,
            &[],
            format!("the proxy refused the tunnel with 302 Found; redirects of proxies aren't followed (nothing was sent); {ASK}"),
        ),
        (
            b"HTTP/1.1 504 Gateway Timeout\r\ncontent-length: 0\r\n\r\n",
            &[],
            "the proxy refused the tunnel with 504 Gateway Timeout; it can't reach what it was asked for (nothing was sent); check the host and the port; --noproxy LIST names the hosts that need no proxy".to_owned(),
        ),
        (
            b"",
            &[],
            format!("the proxy closed the connection before it answered (nothing was sent); {CHECK}"),
        ),
    ];
    for (bytes, flags, why) in rows {
        let proxy = Server::saying(bytes).await;
        let ran = skybridge([&["-x", &format!("http://{}", proxy.0)], flags, &["https://a.test/"]].concat()).await;
        let line = format!("https://a.test: the tunnel via http://127.0.0.1:PROXY failed: {why}");
        assert_told(&ran, &[0xffff, proxy.0.port()], 97, &line);
    }
}

#[tokio::test]
async fn proxies_of_socks_that_refuse() {
    const BEYOND: &str = "check the host and the port; --noproxy LIST names the hosts that need no proxy";
    const ASK: &str = "ask who runs the proxy; --noproxy LIST names the hosts that need none";
    let rows = [
        (0, 5, format!("the proxy refused the tunnel: the host refused the connection (nothing was sent); {BEYOND}")),
        (0, 4, format!("the proxy refused the tunnel: host unreachable (nothing was sent); {BEYOND}")),
        (0, 2, format!("the proxy refused the tunnel: not allowed by its rules (nothing was sent); {ASK}")),
        (
            0xff,
            0,
            "the proxy requires credentials; give it user and password (nothing was sent); --proxy-user USER:PASSWORD"
                .to_owned(),
        ),
    ];
    for (method, reply, why) in rows {
        let proxy = Server::start(move |mut socket: TcpStream| async move {
            let mut greeting = [0; 3];
            let _ = socket.read_exact(&mut greeting).await;
            let _ = socket.write_all(&[5, method]).await;
            // A request with the name `a.test`.
            if method == 0 && socket.read_exact(&mut [0; 13]).await.is_ok() {
                let _ = socket.write_all(&[5, reply, 0, 1, 0, 0, 0, 0, 0, 0]).await;
            }
            let _ = socket.shutdown().await;
            while socket.read(&mut [0; 64]).await.is_ok_and(|read| read > 0) {}
        })
        .await;
        let ran = skybridge(["-x", &format!("socks5h://{}", proxy.0), "https://a.test/"]).await;
        let line = format!("https://a.test: the tunnel via socks5h://127.0.0.1:PROXY failed: {why}");
        assert_told(&ran, &[0xffff, proxy.0.port()], 97, &line);
    }
    let proxy = Server::saying(b"").await;
    let ran = skybridge(["-x", &format!("socks4://{}", proxy.0), "http://[::1]/"]).await;
    let why = "SOCKS can't encode the host; SOCKS4 takes no IPv6 address, SOCKS5 does (nothing was sent)";
    let line = format!("http://[::1]: the tunnel via socks4://127.0.0.1:PROXY failed: {why}");
    assert_told(&ran, &[0xffff, proxy.0.port()], 97, &line);
}

/// Closed with something unread, which is a reset.
#[tokio::test]
async fn a_peer_that_resets_the_connection_ends_it_as_another_does() {
    let server = Server::start(|mut socket: TcpStream| async move {
        let _ = socket.read_exact(&mut [0; 1]).await;
    })
    .await;
    let port = server.0.port();
    let ran = skybridge(["--no-retry", &format!("http://{}/", server.0)]).await;
    assert_told(
        &ran,
        &[port],
        56,
        &format!(
            "{AT}the connection broke while the response was awaited: the response could not be read: connection reset by peer ({PLACE}; it may have been processed); look into the server's log: it may have crashed, or want https:// or another port"
        ),
    );
    let ran = skybridge(["-x", &format!("http://{}", server.0), "https://a.test/"]).await;
    assert_told(
        &ran,
        &[0xffff, port],
        97,
        "https://a.test: the tunnel via http://127.0.0.1:PROXY failed: the connection to the proxy failed: connection reset by peer (nothing was sent); check the URL of --proxy: http://, https://, socks4://, socks5://",
    );
}

/// It takes connections and requests, and never says a word of HTTP/2: that is the end of connecting.
#[tokio::test]
async fn a_peer_that_is_silent_to_http2() {
    let silent = Server::start(while_open).await;
    let port = silent.0.port();
    let ran =
        skybridge(["--http2-prior-knowledge", "--connect-timeout", "0.5", &format!("http://{}/", silent.0)]).await;
    assert_told(
        &ran,
        &[port],
        28,
        "http://127.0.0.1:PORT: the peer's SETTINGS did not come within 500ms, the limit for connecting (HTTP/2 on connection 1 to 127.0.0.1:PORT; it may have been processed); check scheme and port: it may speak something else, or a proxy not reach the server; --connect-timeout SECONDS is the limit",
    );
    let desk = Desk::new();
    let tls = desk.silent_h2().await;
    let ran = desk.fetch(tls.0, &["--connect-timeout", "2"]).await;
    assert_told(
        &ran,
        &[tls.0.port()],
        28,
        "https://a.test:PORT: the peer's SETTINGS did not come within 2s, the limit for connecting (HTTP/2 on connection 1 to 127.0.0.1:PORT; it may have been processed); check scheme and port: it may speak something else, or a proxy not reach the server; --connect-timeout SECONDS is the limit",
    );
}

/// The limit is on this side.
#[tokio::test]
async fn a_head_that_is_too_large() {
    static LARGE: LazyLock<Vec<u8>> =
        LazyLock::new(|| [&b"HTTP/1.1 200 OK\r\nx: "[..], &[b'a'; 300_000], b"\r\n\r\n"].concat());
    static MANY: LazyLock<Vec<u8>> =
        LazyLock::new(|| [&b"HTTP/1.1 200 OK\r\n"[..], &b"x: a\r\n".repeat(3_000), b"\r\n"].concat());
    let look =
        "look at what the server sends, cookies for example; the limit is this program's own, and no flag raises it";
    for (bytes, why) in [
        (&LARGE, "the response's head is larger than 262144 bytes"),
        (&MANY, "the response has more than 2000 headers"),
    ] {
        let server = Server::saying(bytes).await;
        let ran = skybridge([&format!("http://{}/", server.0)]).await;
        assert_told(&ran, &[server.0.port()], 56, &format!("{AT}{why} ({PLACE}; it may have been processed); {look}"));
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_unix_socket_that_is_not_there_or_that_nobody_listens_at() {
    let folder = tempfile::tempdir().unwrap();
    let (none, left) = (folder.path().join("none"), folder.path().join("left"));
    drop(std::os::unix::net::UnixListener::bind(&left).unwrap());
    for (path, why) in [(none, "no such file or directory"), (left, "connection refused")] {
        let path = path.display().to_string();
        let ran = skybridge(["--unix-socket", &path, "http://a.test/"]).await;
        let line = format!(
            "http://a.test: the socket to unix:{path} failed: {why} (nothing was sent); check the path, that the server runs, and that this user may write to the socket"
        );
        assert_told(&ran, &[], 7, &line);
    }
}

#[tokio::test]
async fn a_peer_that_ends_the_connection_instead_of_a_handshake() {
    let server = Server::start(|mut socket: TcpStream| async move {
        let _ = socket.read(&mut [0; 4096]).await;
        let _ = socket.shutdown().await;
        while_open(socket).await;
    })
    .await;
    let ran = Desk::new().fetch(server.0, &[]).await;
    assert_told(
        &ran,
        &[server.0.port()],
        35,
        "https://a.test:PORT: TLS to 127.0.0.1:PORT failed: the peer closed the connection during the handshake (nothing was sent); check host and port: it may speak no TLS, or know no such host; a proxy or firewall may have cut it off",
    );
    let proxy = format!("https://{}", server.0);
    let ran = skybridge(["-x", &proxy, "https://a.test/"]).await;
    assert_told(
        &ran,
        &[0xffff, server.0.port()],
        35,
        "https://a.test: TLS to the proxy https://127.0.0.1:PROXY failed: the peer closed the connection during the handshake (nothing was sent); check the URL of --proxy: http://, https://, socks4://, socks5://",
    );
}

/// A URL that can't be read isn't printed: nobody knows where its password is.
#[tokio::test]
async fn which_of_several_urls_is_wrong() {
    let server = Origin::h1().start().await;
    let good = server.url("/");
    let why = "the request can't be sent: its URI can't be read: a space at byte 8: percent-encode it; write it as https://host/path, percent-encoded";
    let rows: [(&[&str], &str); 4] = [
        (&["http://a b/"], ""),
        (&[&good, "http://a b/"], "URL 2 of 2: "),
        (&["http://a b/", &good], "URL 1 of 2: "),
        (&[&good, &good, "--next", "http://a b/", &good], "URL 3 of 4: "),
    ];
    for (urls, which) in rows {
        let ran = skybridge(urls).await;
        assert_told(&ran, &[], 3, &format!("{which}{why}"));
    }
    let ran = skybridge([&good, "http://[1-/"]).await;
    assert_eq!(ran.exit, 3);
    assert!(ran.err.starts_with("skybridge: URL 2 of 2: bad range"), "{}", ran.err);
}

#[tokio::test]
async fn a_peer_of_http2_that_wants_another_version_or_breaks_its_own_rules() {
    let server = Server::start(|socket: TcpStream| async move {
        let mut peer = Peer::accept(socket).await;
        loop {
            let request = peer.request().await;
            match request.fields.get(":path") {
                Some("/1.1") => peer.reset(request.stream, code::HTTP_1_1_REQUIRED).await,
                _ => {
                    peer.headers(request.stream, &[(":status", "200"), ("content-length", "99")], false).await;
                    peer.data(request.stream, "hello", true).await;
                }
            }
        }
    })
    .await;
    let at = format!("http://{}", server.0);
    let place = "HTTP/2 on connection 1 to 127.0.0.1:PORT";
    for (path, line) in [
        (
            "/1.1",
            format!(
                "{AT}the peer reset the stream (HTTP_1_1_REQUIRED) ({place}; it may have been processed); ask for it: --http1.1"
            ),
        ),
        (
            "/",
            format!(
                "{AT}the stream was reset for what the peer sent on it: a malformed field, a head that is too large, or a body of another length (the h2 crate doesn't say which) (PROTOCOL_ERROR) ({place}; the response had begun)"
            ),
        ),
    ] {
        let ran = skybridge(["--http2-prior-knowledge", "--no-retry", &format!("{at}{path}")]).await;
        assert_told(&ran, &[server.0.port()], 92, &line);
    }
}

/// `/dev/full` is a disk without space.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn what_cannot_be_written_is_named() {
    let server = Server::saying(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello").await;
    let url = format!("http://{}/", server.0);
    let full = "/dev/full: No space left on device (os error 28)";
    let whole = format!("{AT}the response could not be written: {full} (the response had begun)");
    for (flags, line) in [
        (["-o", "/dev/full"], &*whole),
        (["-D", "/dev/full"], &whole),
        (["--report", "/dev/full"], "--report: No space left on device (os error 28)"),
    ] {
        let ran = skybridge([&flags[..], &[&url]].concat()).await;
        assert_told(&ran, &[server.0.port()], 23, line);
    }
    // The exit code is that of the URL that failed.
    let ran = skybridge(["--report", "/dev/full", "-f", "--unix-socket", "/none", "http://a.test/"]).await;
    assert_eq!((ran.exit, ran.err.lines().count()), (7, 2), "{}", ran.err);
}

/// Whether it was the limit of the call or of what is above it, the response had begun.
#[tokio::test]
async fn a_limit_for_all_that_is_over_within_a_response() {
    let server = Server::start(|mut socket: TcpStream| async move {
        let _ = socket.read(&mut [0; 4096]).await;
        let _ = socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhello").await;
        while_open(socket).await;
    })
    .await;
    let ran = skybridge(["--max-time", "1.5", "--report", "-", &format!("http://{}/", server.0)]).await;
    let line = format!(
        "{AT}the call took longer than 1.5s, while the response's body was read ({PLACE}; the response had begun); --max-time SECONDS is the limit"
    );
    assert_told(&ran, &[server.0.port()], 28, &line);
    let error = &reports(&ran)[0]["error"];
    assert_eq!((&error["phase"], &error["processed"]), (&"body".into(), &"yes".into()));
}

/// Where a proxy forwards, what it says itself stands in place of an answer.
#[tokio::test]
async fn a_proxy_that_forwards_and_wants_credentials() {
    let proxy =
        Server::saying(b"HTTP/1.1 407 No\r\nproxy-authenticate: Basic realm=\"a\"\r\ncontent-length: 0\r\n\r\n").await;
    let ran = skybridge(["-f", "-x", &format!("http://{}", proxy.0), "http://a.test/"]).await;
    assert_told(
        &ran,
        &[],
        22,
        "http://a.test/: the proxy wants credentials, or others (407); --proxy-user USER:PASSWORD",
    );
}
