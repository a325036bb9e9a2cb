//! What comes before the head of a response and behind its body: interim responses (1xx), and trailers.

use crate::{cleartext::by_hand, ran::skybridge};
use skybridge_testkit::{h1::Script, h2::Peer};
use std::process::Stdio;
use tokio::{io::AsyncReadExt, net::TcpListener, process::Command};

const INTERIM: &str = "HTTP/1.1 103 Early Hints\r\nLink: </a?hunter2>; rel=preload\r\n\r\nHTTP/1.1 102 Go On\r\n\r\n";
const HEAD: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n";
const CHUNKS: &str = "5\r\nhello\r\n0\r\nX-Sum: 5\r\nx-token: hunter2\r\n\r\n";
const TRAILERS: &str = "x-sum: 5\r\nx-token: hunter2\r\n";

#[tokio::test]
async fn interim_heads_and_trailers_go_where_heads_go() {
    let (url, serving) = by_hand(&[format!("{INTERIM}{HEAD}{CHUNKS}").as_bytes()]).await;
    let dump = tempfile::NamedTempFile::new().unwrap();
    let path = dump.path().to_str().unwrap();
    let rows: [(&[&str], String); 3] = [
        (&["-i"], format!("{INTERIM}{HEAD}hello{TRAILERS}")),
        (&["-i", "--compressed"], format!("{INTERIM}{HEAD}hello{TRAILERS}")),
        (&[], "hello".to_owned()),
    ];
    for (flags, out) in rows {
        let ran = skybridge(flags.iter().copied().chain(["-D", path, "-w", " %{size_header}", &url])).await;
        let size = INTERIM.len() + HEAD.len();
        assert_eq!((ran.exit, ran.out), (0, format!("{out} {size}")), "{flags:?} {}", ran.err);
        assert_eq!(std::fs::read_to_string(path).unwrap(), format!("{INTERIM}{HEAD}{TRAILERS}"), "{flags:?}");
    }
    let ran = skybridge(["-v", &url]).await;
    serving.abort();
    let said: Vec<_> = ran.err.lines().filter_map(|line| line.strip_prefix('<')).map(str::trim).collect();
    let (interim, trailers) = (&said[..5], &said[said.len() - 2..]);
    assert_eq!(interim, ["HTTP/1.1 103 Early Hints", "link: [hidden]", "", "HTTP/1.1 102 Go On", ""], "{}", ran.err);
    assert_eq!(trailers, ["x-sum: 5", "x-token: [hidden]"], "{}", ran.err);
}

#[tokio::test]
async fn interim_heads_are_written_even_if_no_response_follows() {
    let (url, serving) = by_hand(&[INTERIM.as_bytes()]).await;
    let ran = skybridge(["--no-retry", "-i", &url]).await;
    serving.abort();
    assert!(ran.exit != 0 && ran.out == INTERIM, "{} {}", ran.out, ran.err);
}

/// The server answers once the interim response has been seen, and no sooner.
#[tokio::test]
async fn an_interim_head_is_written_before_the_response_comes() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let mut command = Command::new(env!("CARGO_BIN_EXE_skybridge"));
    command.args(["-i", &url]).env("no_proxy", "*").stdout(Stdio::piped()).kill_on_drop(true);
    let mut running = command.spawn().unwrap();
    let mut out = running.stdout.take().unwrap();
    let mut peer = Script::new(listener.accept().await.unwrap().0);
    peer.head().await;
    peer.send(INTERIM).await;
    let mut read = vec![0; INTERIM.len()];
    out.read_exact(&mut read).await.unwrap();
    assert_eq!(String::from_utf8_lossy(&read), INTERIM);
    peer.send("HTTP/1.1 204 No Content\r\n\r\n").await;
    let mut rest = String::new();
    out.read_to_string(&mut rest).await.unwrap();
    assert_eq!((rest.as_str(), running.wait().await.unwrap().code()), ("HTTP/1.1 204 No Content\r\n\r\n", Some(0)));
}

#[tokio::test]
async fn those_of_http2_are_written_as_its_heads_are() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let serving = tokio::spawn(async move {
        let mut peer = Peer::accept(listener.accept().await.unwrap().0).await;
        let stream = peer.request().await.stream;
        peer.headers(stream, &[(":status", "103"), ("link", "</a>")], false).await;
        peer.headers(stream, &[(":status", "200")], false).await;
        peer.data(stream, "hello", false).await;
        peer.headers(stream, &[("x-sum", "5")], true).await;
        while peer.next().await.is_some() {}
    });
    let ran = skybridge(["--http2-prior-knowledge", "-i", &url]).await;
    serving.abort();
    let out = "HTTP/2 103 \r\nlink: </a>\r\n\r\nHTTP/2 200 \r\n\r\nhellox-sum: 5\r\n";
    assert_eq!((ran.exit, &*ran.out), (0, out), "{}", ran.err);
}
