//! `--max-time` ends a call, whoever keeps it from its end. No clock is looked at: what isn't ended never ends.

use crate::ran::skybridge;
use bytes::Bytes;
use http::Response;
use http_body::{Body, Frame};
use skybridge_testkit::origin::Origin;
use std::{
    convert::Infallible,
    fs,
    pin::Pin,
    process::Stdio,
    task::{Context, Poll},
};
use tokio::{
    io::AsyncReadExt,
    net::TcpListener,
    process::{Child, Command},
};

/// There is always more.
struct Endless;

impl Body for Endless {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&[b'x'; 16 * 1024])))))
    }
}

async fn endless() -> Origin {
    Origin::h1().handle(|_| async { Response::new(Endless) }).start().await
}

/// Runs with stdout and stderr that nobody reads until it is over.
fn unread<'a>(arguments: impl IntoIterator<Item = &'a str>) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_skybridge"));
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command.spawn().unwrap()
}

#[tokio::test]
async fn it_ends_a_body_that_never_ends() {
    let origin = endless().await;
    for flags in [&["-o", "/dev/null"][..], &["--report", "-"], &["--compressed", "-s", "-o", "/dev/null"]] {
        let ran = skybridge(flags.iter().chain(&["--max-time", "0.3", &origin.url("/")])).await;
        assert_eq!(ran.exit, 28, "{flags:?}: {}", ran.err);
    }
}

#[tokio::test]
async fn it_ends_when_nobody_reads_what_is_written_and_says_so() {
    let origin = endless().await;
    let folder = tempfile::tempdir().unwrap();
    let report = folder.path().join("report");
    let more = ["--max-time", "1.5", "-w", "%{http_code}", "--report", report.to_str().unwrap()];
    // The second URL has a time of its own, and the same reader.
    let urls = [origin.url("/"), origin.url("/")];
    let mut child = unread(more.into_iter().chain(urls.iter().map(String::as_str)));
    assert_eq!(child.wait().await.unwrap().code(), Some(28));
    let said = child.wait_with_output().await.unwrap();
    assert!(String::from_utf8_lossy(&said.stderr).contains("the call took longer than 1.5s"), "{said:?}");
    let told = fs::read_to_string(&report).unwrap();
    assert_eq!(told.matches(r#""kind":"timeout""#).count(), 2, "{told}");
    assert!(told.lines().all(|line| line.contains(r#""status":200"#) && line.contains(r#""exit_code":28"#)), "{told}");
}

#[tokio::test]
async fn it_ends_when_nobody_reads_stderr() {
    let origin = Origin::h1().start().await;
    let around = Origin::h1()
        .handle(|_| async { Response::builder().status(302).header("location", "/").body(String::new()).unwrap() })
        .start()
        .await;
    // Every event of a redirect that leads around and around is told, until the pipe is full.
    let flags = ["-L", "--max-redirs", "-1", "--max-time", "0.3"];
    for telling in [&["-v"][..], &["--events"], &["--timeline", "-v"]] {
        let mut child = unread(flags.iter().chain(telling).copied().chain([around.url("/").as_str()]));
        assert_eq!(child.wait().await.unwrap().code(), Some(28), "{telling:?}");
    }
    // Who is in time isn't troubled.
    let ran = skybridge(["--max-time", "60", "-v", &origin.url("/")]).await;
    assert_eq!((ran.exit, ran.out.as_str()), (0, "hello"), "{}", ran.err);
}

#[cfg(unix)]
#[tokio::test]
async fn it_ends_when_nobody_opens_the_other_end() {
    let origin = Origin::h1().start().await;
    let folder = tempfile::tempdir().unwrap();
    let fifo = folder.path().join("fifo");
    assert!(Command::new("mkfifo").arg(&fifo).status().await.unwrap().success());
    let ran = skybridge(["--max-time", "0.3", "-o", fifo.to_str().unwrap(), &origin.url("/")]).await;
    assert_eq!(ran.exit, 28, "{}", ran.err);
}

/// The body of a request that never comes is no reason to stay either.
#[tokio::test]
async fn it_ends_when_stdin_is_silent() {
    let origin = Origin::h1().start().await;
    let mut command = Command::new(env!("CARGO_BIN_EXE_skybridge"));
    command.args(["--max-time", "0.3", "--data-binary", "@-", &origin.url("/")]);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    let mut child = command.spawn().unwrap();
    let _held = child.stdin.take();
    assert_eq!(child.wait().await.unwrap().code(), Some(28));
}

/// Without the flag it is sent after a second.
#[tokio::test]
async fn a_body_waits_to_be_wanted_for_as_long_as_is_said() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let serving = tokio::spawn(async move {
        let mut sent = String::new();
        let _ = listener.accept().await.unwrap().0.read_to_string(&mut sent).await;
        sent
    });
    let flags = ["--expect100-timeout", "3600", "-H", "expect: 100-continue", "-d", "unwanted", "-m", "2"];
    let ran = skybridge(flags.into_iter().chain([&*url])).await;
    let sent = serving.await.unwrap();
    assert_eq!(ran.exit, 28, "{}", ran.err);
    assert!(sent.contains("expect: 100-continue") && !sent.contains("unwanted"), "{sent}");
}
