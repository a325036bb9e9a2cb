//! `--timeline`, `--timeline-svg`, `--har`, and what `-v` says while it happens.

use crate::ran::{fed_in, skybridge};
use http::Response;
use skybridge_testkit::{h1::Script, origin::Origin};
use std::{process::Stdio, time::Duration};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, BufReader},
    net::TcpListener,
    process::Command,
};

#[tokio::test]
async fn a_picture_and_an_archive_of_the_whole_run() {
    let origin = Origin::h1().start().await;
    let folder = tempfile::tempdir().unwrap();
    let (svg, har) = (folder.path().join("run.svg"), folder.path().join("run.har"));
    let url = origin.url("/path?token=hunter2");
    let flags = ["-s", "--timeline-svg", svg.to_str().unwrap(), "--har", har.to_str().unwrap(), &url, &url];
    let ran = skybridge(flags).await;
    assert_eq!((ran.exit, ran.out.as_str(), ran.err.as_str()), (0, "hellohello", ""));
    let svg = std::fs::read_to_string(svg).unwrap();
    assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"), "{svg}");
    for told in [
        "2 calls in ",
        "on 1 connection<",
        "connection 1<",
        ": reused after ",
        concat!("skybridge ", env!("CARGO_PKG_VERSION")),
    ] {
        assert!(svg.contains(told), "{told}: {svg}");
    }
    let har: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(har).unwrap()).unwrap();
    let entries = har["log"]["entries"].as_array().unwrap();
    assert_eq!(entries[0]["serverIPAddress"], "127.0.0.1");
    assert!(entries[0]["comment"].as_str().unwrap().starts_with("call 1: new connection, "), "{har}");
    assert!(entries[1]["comment"].as_str().unwrap().starts_with("call 2: reused connection, "), "{har}");
    assert_eq!((entries.len(), entries[1]["response"]["status"].as_u64()), (2, Some(200)));
    assert!(entries[0]["timings"]["connect"].as_f64() > Some(0.0) && entries[1]["timings"]["connect"] == -1.0, "{har}");
    assert!(!svg.contains("hunter2") && !har.to_string().contains("hunter2"));
}

/// As `-v` prints them: a browser shows them beside the times.
#[tokio::test]
async fn an_archive_has_the_heads_and_their_secrets_only_where_they_are_to_be_shown() {
    let answer = |_| async {
        let response = Response::builder().header("content-type", "text/x").header("set-cookie", "id=hunter2");
        response.body("hello".to_owned()).unwrap()
    };
    let origin = Origin::h1().handle(answer).start().await;
    let folder = tempfile::tempdir().unwrap();
    let (svg, har) = (folder.path().join("run.svg"), folder.path().join("run.har"));
    let url = origin.url("/path?token=hunter2");
    let files = ["-s", "--timeline-svg", svg.to_str().unwrap(), "--har", har.to_str().unwrap(), &url];
    let said = ["-H", "x-a: 1", "-H", "authorization: Bearer hunter2"];
    for (flags, secret) in [(&[][..], "[hidden]"), (&["--show-secrets"], "hunter2")] {
        let ran = skybridge(files.iter().chain(&said).chain(flags)).await;
        assert_eq!(ran.exit, 0, "{}", ran.err);
        let svg = std::fs::read_to_string(&svg).unwrap();
        let har: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&har).unwrap()).unwrap();
        let entry = &har["log"]["entries"][0];
        let field = |of: &str, name: &str| {
            let mut fields = entry[of]["headers"].as_array().unwrap().iter();
            fields.find(|field| field["name"] == name).map(|field| field["value"].as_str().unwrap().to_owned())
        };
        assert_eq!(field("request", "host"), Some(origin.addr().to_string()));
        assert_eq!(field("request", "x-a").as_deref(), Some("1"));
        let bearer = if flags.is_empty() { secret.to_owned() } else { format!("Bearer {secret}") };
        assert_eq!(field("request", "authorization"), Some(bearer));
        let cookie = if flags.is_empty() { secret.to_owned() } else { format!("id={secret}") };
        assert_eq!(field("response", "set-cookie"), Some(cookie));
        assert_eq!(entry["response"]["content"]["mimeType"], "text/x");
        let is_shown = !flags.is_empty();
        assert_eq!(entry["request"]["url"] == url, is_shown, "{har}");
        assert_eq!((har.to_string().contains("hunter2"), svg.contains("hunter2")), (is_shown, is_shown), "{har} {svg}");
    }
}

#[tokio::test]
async fn a_file_that_can_not_be_made_is_told_before_anything_is_sent() {
    let origin = Origin::h1().start().await;
    for flag in ["--timeline-svg", "--har"] {
        let ran = skybridge([flag, "/nowhere/at/all", &origin.url("/")]).await;
        assert_eq!((ran.exit, ran.out.as_str()), (23, ""), "{}", ran.err);
        assert!(ran.err.contains("/nowhere/at/all"), "{}", ran.err);
    }
    assert_eq!(origin.connections(), 0);
}

#[tokio::test]
async fn calls_that_run_at_once_are_drawn_on_one_axis() {
    let origin = Origin::h1().start().await;
    let url = origin.url("/");
    let ran = skybridge(["-Z", "-s", "--timeline", &url, &url, &url]).await;
    assert_eq!((ran.exit, ran.out.as_str()), (0, "hellohellohello"), "{}", ran.err);
    let axes = ran.err.lines().filter(|line| line.trim_start().starts_with("at ")).count();
    assert_eq!((axes, ran.err.matches("\ncall ").count()), (1, 3), "{}", ran.err);
}

#[tokio::test]
async fn ascii_where_the_locale_has_no_more_and_colours_as_asked() {
    let origin = Origin::h1().start().await;
    let url = origin.url("/");
    let plain = fed_in(&[("LC_ALL", "C"), ("COLUMNS", "60")], ["--timeline", &url], "").await;
    assert!(plain.err.is_ascii() && plain.err.contains("#"), "{}", plain.err);
    assert!(plain.err.lines().all(|line| line.len() <= 60), "{}", plain.err);
    let colored =
        fed_in(&[("LC_ALL", "C.UTF-8"), ("NO_COLOR", "1")], ["--timeline", "--color", "always", &url], "").await;
    assert!(colored.err.contains("\u{1b}[") && colored.err.contains('\u{2500}'), "{}", colored.err);
    let never = fed_in(&[("LC_ALL", "C.UTF-8")], ["--timeline", "--color", "never", &url], "").await;
    assert!(!never.err.contains('\u{1b}') && never.err.contains('\u{2500}'), "{}", never.err);
}

/// What `-v` prints is there before the phase is over, and Ctrl-C draws what hangs.
#[tokio::test]
async fn what_hangs_is_told_as_it_happens_and_drawn_when_it_is_interrupted() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let svg = folder.path().join("run.svg");
    let mut command = Command::new(env!("CARGO_BIN_EXE_skybridge"));
    // What hangs ends of nothing else, however long the signal takes.
    command.args(["-v", "--noproxy", "*", "--connect-timeout", "600", "--timeline", "--timeline-svg"]).arg(&svg);
    command.arg(format!("https://{}/", silent.local_addr().unwrap())).env("LC_ALL", "C");
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let (_peer, _) = silent.accept().await.unwrap();
    let mut told = Vec::new();
    while !told.last().is_some_and(|line: &String| line.starts_with("* TLS started")) {
        told.push(lines.next_line().await.unwrap().unwrap());
    }
    assert!(told.iter().any(|line| line.starts_with("* TCP connected to 127.0.0.1:")), "{told:?}");
    let id = child.id().unwrap().to_string();
    assert!(Command::new("kill").args(["-INT", &id]).status().await.unwrap().success());
    let ended = tokio::time::timeout(Duration::from_secs(120), child.wait()).await.unwrap().unwrap();
    assert_eq!(ended.code(), Some(130));
    let mut drawn = String::new();
    while let Some(line) = lines.next_line().await.unwrap() {
        drawn += &(line + "\n");
    }
    for told in ["call 1  GET https://127.0.0.1:", "still running", "tls ", "..."] {
        assert!(drawn.contains(told), "{told}: {drawn}");
    }
    assert!(std::fs::read_to_string(svg).unwrap().contains("1 still running"));
}

/// As `timeout` and who stops services end a program.
#[cfg(unix)]
#[tokio::test]
async fn a_call_that_is_running_at_sigterm_is_in_the_report() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_skybridge"));
    command.args(["--noproxy", "*", "--report", "-"]).arg(format!("http://{}/", silent.local_addr().unwrap()));
    let child = command.stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
    let mut peer = Script::new(silent.accept().await.unwrap().0);
    peer.request().await;
    let id = child.id().unwrap().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().await.unwrap().success());
    let ended = tokio::time::timeout(Duration::from_secs(120), child.wait_with_output()).await.unwrap().unwrap();
    assert_eq!(ended.status.code(), Some(143));
    let report: serde_json::Value = serde_json::from_slice(&ended.stdout).unwrap();
    assert_eq!((&report["call"], report["running"].is_string()), (&1.into(), true));
}

/// One call waits for its answer, one for the body of what it was redirected to, and one isn't begun.
#[tokio::test]
async fn calls_that_are_running_when_they_are_interrupted_are_in_the_report() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let report = folder.path().join("report");
    let at = listener.local_addr().unwrap();
    let url = |path: &str| format!("http://{at}{path}");
    let mut command = Command::new(env!("CARGO_BIN_EXE_skybridge"));
    command.args(["-Z", "--parallel-max", "2", "-L", "-N", "--noproxy", "*", "--report"]).arg(&report);
    command.args([url("/redirected?hunter2"), url("/silent"), url("/not-begun")]);
    let mut child = command.stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
    // A connection that is free again may carry either call.
    let (silent, mut seen) = tokio::sync::mpsc::channel(1);
    let serving = tokio::spawn(async move {
        let mut peers = tokio::task::JoinSet::new();
        loop {
            let (mut peer, silent) = (Script::new(listener.accept().await.unwrap().0), silent.clone());
            peers.spawn(async move {
                loop {
                    match peer.head().await.target() {
                        "/silent" => silent.send(()).await.unwrap(),
                        "/body" => peer.send("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhello").await,
                        _ => {
                            let head = "HTTP/1.1 302 Found\r\nlocation: /body\r\ncontent-length: 0\r\n\r\n";
                            peer.send(head).await;
                        }
                    }
                }
            });
        }
    });
    seen.recv().await.unwrap();
    let mut body = [0; 5];
    child.stdout.as_mut().unwrap().read_exact(&mut body).await.unwrap();
    let id = child.id().unwrap().to_string();
    assert!(Command::new("kill").args(["-INT", &id]).status().await.unwrap().success());
    let ended = tokio::time::timeout(Duration::from_secs(120), child.wait()).await.unwrap().unwrap();
    serving.abort();
    assert_eq!(ended.code(), Some(130));
    let report = std::fs::read_to_string(report).unwrap();
    let lines = report.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let told: Vec<_> = lines
        .map(|line| {
            let path = line["url"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
            // That its head has come is known here; that it is sent, there.
            let running = line["running"].as_str().map(|phase| phase.replace("send", "wait"));
            (path, line["status"].as_u64(), running, line["body_bytes"].as_u64())
        })
        .collect();
    let running = |phase: &str| Some(phase.to_owned());
    let expected = [
        ("redirected?[hidden]".to_owned(), Some(302), None, Some(0)),
        ("body".to_owned(), Some(200), running("body"), Some(5)),
        ("silent".to_owned(), None, running("wait"), Some(0)),
    ];
    assert_eq!(told, expected, "{report}");
}
