//! Data is printed as it came; what is said about it is safe to look at.

use crate::{cleartext::by_hand, ran::skybridge};
use http::Response;
use skybridge_testkit::origin::Origin;

const HEAD: &str = "HTTP/1.1 302 Moved  Along\r\nX-B: 1\r\nSet-Cookie: id=hunter2; Path=/\r\nX-a:2\r\nx-b:  3\r\n\
                    LOCATION: http://me:hunter2@a.test/?code=hunter2#x\r\nx-api-key: hunter2\r\nContent-Length: 2\r\n\r\n";

#[tokio::test]
async fn a_head_is_printed_as_the_server_has_sent_it_secrets_and_all() {
    let answer = format!("{HEAD}ok");
    let (url, serving) = by_hand(&[answer.as_bytes()]).await;
    let ran = skybridge(["-i", &url]).await;
    assert_eq!((ran.exit, &*ran.out), (0, &*answer), "{}", ran.err);
    let file = tempfile::NamedTempFile::new().unwrap();
    let ran = skybridge(["-i", "-o", file.path().to_str().unwrap(), &url]).await;
    assert_eq!((ran.exit, std::fs::read_to_string(file.path()).unwrap()), (0, answer));
    // `-v` is looked at, and pasted into tickets.
    let ran = skybridge(["-v", "-s", &url]).await;
    serving.abort();
    assert_eq!((ran.exit, &*ran.out), (0, "ok"));
    for line in ["< HTTP/1.1 302 Moved  Along", "< set-cookie: [hidden]", "< x-api-key: [hidden]"] {
        assert!(ran.err.lines().any(|told| told == line), "{line}: {}", ran.err);
    }
    assert!(!ran.err.contains("hunter2"), "{}", ran.err);
}

/// That the run is over is no news; what else this side says with GOAWAY is. Whether it is sent before the process is
/// gone is chance, so that the event isn't asked for here.
#[tokio::test]
async fn the_goaway_of_an_orderly_end_is_no_line() {
    let origin = Origin::h2c().start().await;
    let ran = skybridge(["-v", "--http2-prior-knowledge", &origin.url("/")]).await;
    assert_eq!(ran.exit, 0, "{}", ran.err);
    assert!(ran.err.contains("closed: ") && !ran.err.contains("GOAWAY"), "{}", ran.err);
}

#[tokio::test]
async fn a_head_of_http2_has_lower_case_names_and_no_phrase() {
    let answer = |_| async { Response::builder().header("Set-Cookie", "id=hunter2").body("ok".to_owned()).unwrap() };
    let origin = Origin::h2c().handle(answer).start().await;
    let ran = skybridge(["--http2-prior-knowledge", "-i", &origin.url("/")]).await;
    assert!(ran.out.starts_with("HTTP/2 200 \r\nset-cookie: id=hunter2\r\n"), "{}", ran.out);
    assert!(ran.out.ends_with("\r\n\r\nok"), "{}", ran.out);
}

#[tokio::test]
async fn what_is_written_out_is_not_hidden() {
    let (url, serving) = by_hand(&[b"HTTP/1.1 204 No Content\r\n\r\n"]).await;
    let url = format!("{url}?token=hunter2");
    let ran = skybridge(["-w", "%{url} %{url_effective}", &url]).await;
    serving.abort();
    assert_eq!(ran.out, format!("{url} {url}"));
}

/// Escape sequences, and characters that show text in another order.
#[tokio::test]
async fn no_control_of_a_peer_reaches_a_terminal_with_diagnostics() {
    let evil = "x\u{1b}[2J\u{202e}\u{9b}y";
    let head = format!("HTTP/1.1 404 {evil}\r\nx-evil: {evil}\r\nlocation: /{evil}\r\ncontent-length: 0\r\n\r\n");
    // What stands in a head mustn't be a control of ASCII, but for a tab.
    let head = head.replace('\u{1b}', "\t");
    let (url, serving) = by_hand(&[head.as_bytes()]).await;
    let telling = ["-v", "-f", "--events", "--timeline", "--report", "-", &url];
    let ran = skybridge(telling).await;
    serving.abort();
    assert_eq!(ran.exit, 22, "{}", ran.err);
    assert!(ran.err.contains(r"< x-evil: x\t[2J\u{202e}\u{9b}y"), "{}", ran.err);
    // A proxy's refusal and a name that can't be resolved are told with what they said.
    for argument in ["http://a\u{202e}b\u{1b}[2J.invalid/", "http://a.test/ \u{202e}"] {
        let told = skybridge([argument]).await;
        assert!(told.exit > 0 && is_clean(&told.err), "{:?}", told.err);
    }
    let refused = skybridge(["--max-time", "\u{202e}\u{1b}[2J", "http://a.test/"]).await;
    assert!(refused.exit == 2 && is_clean(&refused.err), "{:?}", refused.err);
    assert!(is_clean(&ran.err) && is_clean(&ran.out), "{:?} {:?}", ran.err, ran.out);
}

fn is_clean(text: &str) -> bool {
    !text.contains(|c: char| (c.is_control() && c != '\n') || c == '\u{202e}')
}

/// As with curl. `script` runs it on a terminal.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_terminal_gets_what_is_binary_only_when_it_is_asked_for_there() {
    let (url, serving) = by_hand(&[b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n\x7fEL\0F"]).await;
    let on_terminal = async |arguments: &str| {
        let command = format!("{} {arguments} {url}", env!("CARGO_BIN_EXE_skybridge"));
        let mut script = tokio::process::Command::new("script");
        script.args(["-q", "-e", "-c", &command, "/dev/null"]).stdin(std::process::Stdio::null()).kill_on_drop(true);
        let ran = script.env("no_proxy", "*").output().await.unwrap();
        (ran.status.code().unwrap(), String::from_utf8_lossy(&ran.stdout).into_owned())
    };
    let (exit, printed) = on_terminal("").await;
    assert!(exit == 23 && !printed.contains('\0') && printed.contains("nearest: -o FILE"), "{printed:?}");
    let (exit, printed) = on_terminal("-o -").await;
    assert_eq!((exit, &*printed), (0, "\x7fEL\0F"));
    let (exit, _) = on_terminal("-o /dev/null").await;
    assert_eq!(exit, 0);
    let ran = skybridge([&url]).await;
    serving.abort();
    assert_eq!(ran.bytes, b"\x7fEL\0F");
}
