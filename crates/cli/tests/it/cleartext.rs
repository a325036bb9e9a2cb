use crate::ran::{fed, reports, skybridge};
use http::{Response, StatusCode};
use http_body_util::BodyExt;
use skybridge_testkit::{
    closed::Closed,
    h1,
    origin::{Incoming, Origin},
};
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};

pub(crate) async fn echo() -> Origin {
    let answer = |request: http::Request<Incoming>| async move {
        let body = request.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
        Response::new(http_body_util::Full::new(body))
    };
    Origin::h1().handle(answer).start().await
}

#[tokio::test]
async fn repeated_urls_use_one_connection_and_the_report_says_so() {
    let origin = Origin::h1().start().await;
    let ran = skybridge(["--repeat", "3", "--report", "-", &origin.url("/?token=hunter2")]).await;
    assert_eq!((ran.exit, ran.err.as_str()), (0, ""));
    assert_eq!(origin.exchanges(), ["c0e0", "c0e1", "c0e2"]);
    let reports = reports(&ran);
    assert_eq!(reports.len(), 3);
    for (at, report) in reports.iter().enumerate() {
        let connection = &report["connection"];
        assert_eq!(report["call"], at + 1);
        assert_eq!(report["url"], origin.url("/?[hidden]"));
        assert_eq!(
            (&report["method"], &report["status"], &report["http_version"]),
            (&"GET".into(), &200.into(), &"1.1".into())
        );
        assert_eq!(report["body_bytes"], 5);
        assert_eq!((&connection["id"], &connection["exchange"]), (&1.into(), &at.into()));
        assert_eq!(connection["reused"], at > 0);
        assert_eq!(connection["remote_addr"], origin.addr().to_string());
        assert_eq!(report["decision"]["kind"], if at == 0 { "new" } else { "reused" });
        assert_eq!(report["timings_us"]["tcp"].is_null(), at > 0);
        assert!(
            report["timings_us"]["send"].is_u64()
                && report["timings_us"]["wait"].is_u64()
                && report["timings_us"]["tls"].is_null()
        );
        assert!(report["error"].is_null());
    }
    let attempt = &reports[0]["attempts"][0];
    assert_eq!((&attempt["id"], &attempt["outcome"], &attempt["phase"]), (&1.into(), &"connected".into(), &().into()));
    assert_eq!(reports[1]["attempts"], serde_json::json!([]));
    let keys: Vec<_> = reports[0].as_object().unwrap().keys().collect();
    assert_eq!(
        keys,
        [
            "call",
            "url",
            "method",
            "status",
            "http_version",
            "body_bytes",
            "connection",
            "proxies",
            "attempts",
            "retries",
            "decision",
            "searches",
            "timings_us",
            "error"
        ]
    );
}

#[tokio::test]
async fn without_reuse_each_call_has_its_own_connection() {
    let origin = Origin::h1().start().await;
    let ran = skybridge(["--no-reuse", "--repeat", "2", &origin.url("/")]).await;
    assert_eq!((ran.exit, ran.out.as_str(), origin.connections()), (0, "hellohello", 2));
}

#[tokio::test]
async fn fifty_at_once_share_one_connection_of_http2() {
    let origin = Origin::h2c().start().await;
    let url = origin.url("/");
    let ran = skybridge(["--http2-prior-knowledge", "-Z", "--repeat", "50", "--report", "-", &url]).await;
    assert_eq!(ran.exit, 0, "{}", ran.err);
    assert_eq!((origin.connections(), origin.requests().len()), (1, 50));
    let reports = reports(&ran);
    let kinds = |kind: &str| reports.iter().filter(|report| report["decision"]["kind"] == kind).count();
    assert_eq!((kinds("new"), kinds("new") + kinds("joined") + kinds("reused")), (1, 50));
    assert!(reports.iter().all(|report| report["http_version"] == "2"));
    let mut exchanges: Vec<_> =
        reports.iter().map(|report| report["connection"]["exchange"].as_u64().unwrap()).collect();
    exchanges.sort_unstable();
    assert_eq!(exchanges, (0..50).collect::<Vec<_>>());
}

#[tokio::test]
async fn exit_codes_of_what_does_not_answer() {
    let nobody = Closed::tcp();
    let closed = nobody.addr();
    let ran = skybridge(["--report", "-", &format!("http://{closed}/")]).await;
    let report = &reports(&ran)[0];
    assert_eq!((ran.exit, &report["error"]["exit_code"]), (7, &7.into()));
    assert_eq!((&report["error"]["kind"], &report["error"]["phase"]), (&"connect".into(), &"tcp".into()));
    assert_eq!(report["error"]["processed"], "no");
    assert_eq!((&report["attempts"][0]["outcome"], &report["connection"]), (&"failed".into(), &().into()));
    assert!(ran.err.starts_with("skybridge: (7) "), "{}", ran.err);

    let ran = skybridge(["-s", "http://nobody.invalid/"]).await;
    assert_eq!((ran.exit, ran.err.as_str()), (6, ""));
    let ran = skybridge(["--egress", "public", &format!("http://{closed}/")]).await;
    assert_eq!(ran.exit, 7);
    assert!(ran.err.contains("only public addresses are allowed, and it is loopback"), "{}", ran.err);
    let ran = skybridge(["--egress", "public", "-x", "http://1.1.1.1:9", "http://a.test/"]).await;
    assert_eq!(ran.exit, 7);
    assert!(ran.err.contains("would resolve the name, and is not declared to filter"), "{}", ran.err);
}

/// On Linux: elsewhere sockets aren't bound to interfaces by name.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_connection_leaves_by_the_interface_that_is_named_or_not_at_all() {
    let (url, _serving) = by_hand(&[b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"]).await;
    for interface in ["lo", "if!lo", "127.0.0.1", "host!127.0.0.1"] {
        let ran = skybridge(["--interface", interface, &url]).await;
        assert_eq!((ran.exit, &*ran.out), (0, "ok"), "{interface}: {}", ran.err);
    }
    let ran = skybridge(["--interface", "nowhere0", &url]).await;
    assert_eq!(ran.exit, 45);
    assert!(ran.err.contains("a socket can't be bound to the interface `nowhere0`"), "{}", ran.err);
}

/// A server that gives each connection these answers, a request each, and hangs up.
pub(crate) async fn by_hand(answers: &[&[u8]]) -> (String, tokio::task::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let answers: Vec<_> = answers.iter().map(|answer| answer.to_vec()).collect();
    let serving = async move {
        loop {
            let mut peer = BufReader::new(listener.accept().await.unwrap().0);
            for answer in &answers {
                if head(&mut peer).await {
                    peer.get_mut().write_all(answer).await.unwrap();
                }
            }
        }
    };
    (url, tokio::spawn(serving))
}

/// Reads a request's head; false when there is none.
async fn head(peer: &mut BufReader<TcpStream>) -> bool {
    let mut line = String::new();
    while peer.read_line(&mut line).await.unwrap_or(0) > 0 {
        if line == "\r\n" {
            return true;
        }
        line.clear();
    }
    false
}

#[tokio::test]
async fn exit_codes_of_what_answers_badly() {
    let rows: [(&[&[u8]], i32, &str, &str); 4] = [
        (&[b""], 52, "protocol", "maybe"),
        (&[b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\nconnection: close\r\n\r\nhel"], 18, "body", "yes"),
        (&[b"SSH-2.0-x\r\n\r\n"], 1, "protocol", "maybe"),
        // Some of a head is no empty reply.
        (&[b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n"], 56, "protocol", "maybe"),
    ];
    for (answers, exit, kind, processed) in rows {
        let (url, serving) = by_hand(answers).await;
        let ran = skybridge(["--no-retry", "--report", "-", &url]).await;
        serving.abort();
        let report = &reports(&ran)[0];
        assert_eq!(ran.exit, exit, "{}", ran.err);
        assert_eq!((&report["error"]["kind"], &report["error"]["processed"]), (&kind.into(), &processed.into()));
    }
}

/// What the server has said is shown as it came: its version, its reason phrase, each byte of a value, a folded line as
/// one; also of a response that fails the call.
#[tokio::test]
async fn a_head_is_shown_as_it_came() {
    let rows: [(&[u8], &[u8], i32); 3] = [
        (
            b"HTTP/1.0 403 Quarantined\r\nname: f\xfc\r\ncontent-length: 2\r\n\r\nno",
            b"HTTP/1.0 403 Quarantined\r\nname: f\xfc\r\ncontent-length: 2\r\n\r\n1.0",
            22,
        ),
        (
            b"HTTP/1.1 200 OK\r\nx-a: one\r\n  two\r\ncontent-length: 2\r\n\r\nok",
            b"HTTP/1.1 200 OK\r\nx-a: one two\r\ncontent-length: 2\r\n\r\nok1.1",
            0,
        ),
        (
            b"HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\n\r\nno",
            b"HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\n\r\n1.1",
            22,
        ),
    ];
    for (answer, shown, exit) in rows {
        let (url, serving) = by_hand(&[answer]).await;
        let ran = skybridge(["-f", "-i", "-w", "%{http_version}", &url]).await;
        serving.abort();
        assert_eq!(ran.exit, exit, "{}", ran.err);
        assert_eq!(ran.bytes.escape_ascii().to_string(), shown.escape_ascii().to_string());
    }
}

/// An answer that can't be read is one: the request isn't sent again, whatever was allowed.
#[tokio::test]
async fn what_was_answered_is_not_sent_again() {
    let good: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
    let rows =
        [("content-length: 2x", 8), ("transfer-encoding: gzip, chunked", 56), ("transfer-encoding: identityx", 56)];
    for (bad, exit) in rows {
        let bad = format!("HTTP/1.1 200 OK\r\n{bad}\r\n\r\nno");
        let (url, serving) = by_hand(&[good, bad.as_bytes(), good]).await;
        let ran = skybridge(["--replay-non-idempotent", "-d", "x", "--repeat", "2", "--report", "-", &url]).await;
        serving.abort();
        assert_eq!((ran.exit, &reports(&ran)[1]["retries"]), (exit, &0.into()), "{}", ran.err);
    }
}

/// The server takes the second request, and goes down with it: the second try finds nobody.
#[tokio::test]
async fn what_was_sent_before_it_could_not_connect_may_have_been_processed() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let serving = tokio::spawn(async move {
        let mut peer = BufReader::new(listener.accept().await.unwrap().0);
        assert!(head(&mut peer).await);
        peer.get_mut().write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
        assert!(head(&mut peer).await);
        drop(listener);
    });
    let ran = skybridge(["--repeat", "2", "--report", "-", &url]).await;
    serving.await.unwrap();
    let error = &reports(&ran)[1]["error"];
    assert_eq!((ran.exit, &error["kind"], &error["processed"]), (7, &"connect".into(), &"maybe".into()), "{}", ran.err);
    assert!(ran.err.contains("an earlier try may have been processed"), "{}", ran.err);
}

#[tokio::test]
async fn a_silent_peer_is_exit_28_and_the_phase_is_named() {
    let origin = Origin::h1().handle(|_| std::future::pending::<Response<String>>()).start().await;
    let url = origin.url("/");
    for limit in ["--max-time", "--read-timeout"] {
        let ran = skybridge([limit, "1.5", "--report", "-", &url]).await;
        let report = &reports(&ran)[0];
        assert_eq!(
            (ran.exit, &report["error"]["kind"], &report["error"]["phase"]),
            (28, &"timeout".into(), &"wait".into())
        );
        assert_eq!(report["attempts"][0]["outcome"], "connected", "a call that is cut off has attempts, too");
    }
}

#[tokio::test]
async fn a_status_is_an_error_only_when_asked() {
    let missing = |_| async { (Response::builder().status(StatusCode::NOT_FOUND)).body("nothing".to_owned()).unwrap() };
    let origin = Origin::h1().handle(missing).start().await;
    let url = origin.url("/");
    let ran = skybridge([&url]).await;
    assert_eq!((ran.exit, ran.out.as_str()), (0, "nothing"));
    let ran = skybridge(["-f", &url]).await;
    assert_eq!((ran.exit, ran.out.as_str()), (22, ""));
    let ran = skybridge(["--fail-with-body", &url]).await;
    assert_eq!((ran.exit, ran.out.as_str()), (22, "nothing"));
}

#[tokio::test]
async fn the_exit_code_is_that_of_the_last_url_that_failed() {
    let origin = Origin::h1().start().await;
    let nobody = Closed::tcp();
    let closed = format!("http://{}/", nobody.addr());
    let ran = skybridge([&*origin.url("/"), "http://nobody.invalid/", &closed, &origin.url("/")]).await;
    assert_eq!((ran.exit, ran.out.as_str()), (7, "hellohello"));
}

#[tokio::test]
async fn bodies_come_from_arguments_files_and_stdin() {
    let origin = echo().await;
    let url = origin.url("/");
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "x\ny\n").unwrap();
    let at = format!("@{}", file.path().display());
    assert_eq!(skybridge(["-d", "a=1", "-d", &at, &url]).await.out, "a=1&xy");
    assert_eq!(skybridge(["--data-binary", &at, &url]).await.out, "x\ny\n");
    assert_eq!(fed(["--data-binary", "@-", "-X", "PUT", &url], "streamed").await.out, "streamed");
    let seen = origin.requests();
    assert_eq!(seen.iter().map(|seen| seen.method.as_str()).collect::<Vec<_>>(), ["POST", "POST", "PUT"]);
    assert_eq!(seen[0].header("content-type"), Some("application/x-www-form-urlencoded"));
    assert_eq!((seen[0].header("content-length"), seen[2].header("transfer-encoding")), (Some("6"), Some("chunked")));
}

#[tokio::test]
async fn headers_are_added_replaced_and_left_out() {
    let origin = Origin::h1().start().await;
    skybridge(["-H", "x: 1", "-H", "x: 2", "-H", "accept:", "-A", "me", &origin.url("/")]).await;
    skybridge([&origin.url("/")]).await;
    let seen = origin.requests();
    assert_eq!(seen[0].headers.get_all("x").iter().count(), 2);
    assert_eq!((seen[0].header("accept"), seen[0].header("user-agent")), (None, Some("me")));
    assert_eq!(seen[1].header("user-agent"), Some(concat!("skybridge/", env!("CARGO_PKG_VERSION"))));
}

#[tokio::test]
async fn heads_are_printed_and_each_url_has_its_output() {
    let answer = |_| async { Response::builder().header("set-cookie", "id=hunter2").body("hello".to_owned()).unwrap() };
    let origin = Origin::h1().handle(answer).start().await;
    let url = origin.url("/");
    let ran = skybridge(["-I", &url]).await;
    assert!(ran.out.starts_with("HTTP/1.1 200 OK\r\n") && ran.out.ends_with("\r\n\r\n"), "{}", ran.out);
    assert!(ran.out.contains("set-cookie: id=hunter2\r\n"), "{}", ran.out);
    let ran = skybridge(["-i", &url]).await;
    assert!(ran.out.contains("set-cookie: id=hunter2\r\n") && ran.out.ends_with("\r\n\r\nhello"), "{}", ran.out);

    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("first");
    let ran = skybridge(["-o", to.to_str().unwrap(), &url, &url]).await;
    assert_eq!((ran.out.as_str(), std::fs::read_to_string(&to).unwrap().as_str()), ("hello", "hello"));
    let ran = skybridge(["-o", "/no/such/folder/file", &url]).await;
    assert!(ran.exit == 23 && ran.err.contains("/no/such/folder/file"), "{}", ran.err);
}

#[tokio::test]
async fn names_lead_where_resolve_and_connect_to_say() {
    let origin = Origin::h1().start().await;
    let nobody = Closed::tcp();
    let (closed, port) = (nobody.addr(), origin.addr().port());
    let resolve = format!("a.test:{port}:127.0.0.1");
    let ran = skybridge(["--resolve", &resolve, &format!("http://a.test:{port}/")]).await;
    assert_eq!(ran.out, "hello", "{}", ran.err);
    let elsewhere = format!("b.test:{}:localhost:{port}", closed.port());
    let ran = skybridge(["-4", "--connect-to", &elsewhere, &format!("http://b.test:{}/", closed.port())]).await;
    assert_eq!(ran.out, "hello", "{}", ran.err);
    let address = closed.to_string();
    let ran = skybridge(["--connect-to", &format!("{address}:127.0.0.1:{port}"), &format!("http://{address}/")]).await;
    assert_eq!(ran.out, "hello", "{}", ran.err);
    let to_name = format!("{address}:localhost:{port}");
    let ran = skybridge(["-4", "--connect-to", &to_name, &format!("http://{address}/")]).await;
    assert_eq!(ran.out, "hello", "{}", ran.err);
    assert_eq!(origin.requests()[1].header("host"), Some(&*format!("b.test:{}", closed.port())));
}

#[tokio::test]
async fn resolve_may_be_for_any_host_and_taken_back_and_for_an_address() {
    let origin = Origin::h1().start().await;
    let port = origin.addr().port();
    let (any, nowhere) = (format!("*:{port}:127.0.0.1"), format!("a.test:{port}:127.0.0.9"));
    let back = format!("-a.test:{port}");
    let rows: [(&[&str], &str, i32); 7] = [
        (&["--resolve", &any], "a.test", 0),
        (&["--resolve", &any], "192.0.2.1", 0),
        (&["--resolve", &any, "--connect-to", "b.test::192.0.2.1:"], "b.test", 0),
        // What is said of the host goes first, whatever comes after it, unless it is taken back.
        (&["--resolve", &nowhere, "--resolve", &any], "a.test", 7),
        (&["--resolve", &nowhere, "--resolve", &any, "--resolve", &back], "a.test", 0),
        (&["--resolve", &any, "--resolve", &format!("-*:{port}")], "a.invalid", 6),
        (&["--resolve", &format!("+{any}")], "a.test", 0),
    ];
    for (flags, host, exit) in rows {
        let url = format!("http://{host}:{port}/");
        let ran = skybridge(flags.iter().chain(&[url.as_str()])).await;
        assert_eq!(
            (ran.exit, ran.out.as_str()),
            (exit, if exit == 0 { "hello" } else { "" }),
            "{flags:?}: {}",
            ran.err
        );
    }
}

#[tokio::test]
async fn addresses_of_resolve_are_tried_in_their_order() {
    let origin = Origin::h1().start().await;
    let port = origin.addr().port();
    let resolve = format!("a.test:{port}:127.0.0.1,::1");
    let ran = skybridge(["--resolve", &resolve, "--report", "-", &format!("http://a.test:{port}/")]).await;
    let report = &reports(&ran)[0];
    assert_eq!(report["attempts"][0]["route"], format!("a.test:{port} at 127.0.0.1:{port}"));
    assert_eq!(report["attempts"].as_array().unwrap().len(), 1);
}

#[cfg(unix)]
#[tokio::test]
async fn a_unix_socket_is_dialled_in_place_of_the_host() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let listener = tokio::net::UnixListener::bind(&path).unwrap();
    let serving = tokio::spawn(async move {
        let mut peer = h1::Script::new(listener.accept().await.unwrap().0);
        let request = peer.request().await;
        peer.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi").await;
        request
    });
    let ran = skybridge(["--unix-socket", path.to_str().unwrap(), "http://a.test/"]).await;
    assert_eq!(ran.out, "hi", "{}", ran.err);
    assert_eq!(serving.await.unwrap().header("host"), Some("a.test"));
}

#[tokio::test]
async fn write_out_fills_in_curls_variables() {
    let origin = Origin::h1().start().await;
    let format = r"%{http_code} %{http_version} %{remote_ip}:%{remote_port} %{num_connects} %{size_download} %{method} %{exitcode} 100%%\n";
    let url = origin.url("/");
    let ran = skybridge(["-o", "/dev/null", "-w", format, &url, &url]).await;
    let line = |connects| format!("200 1.1 {} {connects} 5 GET 0 100%\n", origin.addr());
    assert!(ran.out.starts_with("hello") || ran.out.starts_with(&line(1)), "{}", ran.out);
    assert!(ran.out.ends_with(&line(0)), "{}", ran.out);
    let nobody = Closed::tcp();
    let closed = nobody.addr();
    let ran = skybridge(["-s", "-w", "%{http_code} %{exitcode} %{errormsg}", &format!("http://{closed}/")]).await;
    let told = format!("000 7 http://{closed}: TCP to {closed} failed: connection refused (nothing was sent)");
    assert_eq!(ran.out, told);
}

#[tokio::test]
async fn times_of_write_out_never_go_back() {
    let origin = Origin::h1().start().await;
    let format = "%{time_namelookup} %{time_connect} %{time_pretransfer} %{time_starttransfer} %{time_total}";
    let url = format!("http://localhost:{}/", origin.addr().port());
    let ran = skybridge(["-4", "-o", "/dev/null", "-w", format, &url]).await;
    let times: Vec<f64> = ran.out.split(' ').map(|time| time.parse().unwrap()).collect();
    assert!(times.is_sorted() && times[0] > 0.0, "{times:?}");
}

#[tokio::test]
async fn events_are_lines_of_json_and_verbose_is_curls_manner() {
    let origin = Origin::h1().start().await;
    let url = origin.url("/?token=hunter2");
    let ran = skybridge(["--events", "-H", "cookie: hunter2", &url]).await;
    let events: Vec<serde_json::Value> = ran.err.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let names: Vec<_> = events.iter().map(|event| event["event"].as_str().unwrap()).collect();
    let expected = [
        "call_start",
        "acquire_start",
        "addresses_found",
        "connect_start",
        "connect_end",
        "handshake_start",
        "handshake_end",
        "connection_created",
    ];
    assert_eq!(names[..8], expected);
    assert!(events.iter().all(|event| event["t_us"].is_u64()));

    let ran = skybridge(["-v", "-H", "cookie: hunter2", "-H", "authorization: hunter2", &url]).await;
    for line in ["> GET /?[hidden] HTTP/1.1", "> cookie: [hidden]", "> authorization: [hidden]", "< HTTP/1.1 200 OK"] {
        assert!(ran.err.lines().any(|told| told == line), "{line}: {}", ran.err);
    }
    assert!(!ran.err.contains("hunter2"));
    let ran = skybridge(["-v", "--show-secrets", &url]).await;
    assert!(ran.err.contains("> GET /?token=hunter2 HTTP/1.1\n"), "{}", ran.err);
}

#[tokio::test]
async fn what_was_lost_with_its_connection_is_sent_again_unless_forbidden() {
    let (url, serving) = by_hand(&[b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi", b""]).await;
    let ran = skybridge(["--repeat", "2", "--report", "-", &url]).await;
    let again = &reports(&ran)[1];
    assert_eq!((ran.exit, &again["retries"], &again["status"]), (0, &1.into(), &200.into()), "{}", ran.err);
    assert_eq!(again["decision"]["reason"], "the one before was lost");
    for forbidding in [&["--no-retry"][..], &["--retry-max", "1"], &["-X", "POST"]] {
        let arguments = forbidding.iter().copied().chain(["--repeat", "2", &*url]);
        assert_eq!(skybridge(arguments).await.exit, 52, "{forbidding:?}");
    }
    let ran = skybridge(["-X", "POST", "--replay-non-idempotent", "--repeat", "2", &url]).await;
    assert_eq!(ran.exit, 0, "{}", ran.err);
    serving.abort();
}

/// A server whose first answer is this one, and whose next are `hello`.
async fn first(status: u16, retry_after: &'static str, close: bool) -> Origin {
    let first = Arc::new(AtomicBool::new(true));
    let answer = move |_: http::Request<Incoming>| {
        let first = first.swap(false, Ordering::Relaxed);
        async move {
            if !first {
                return Response::new("hello".to_owned());
            }
            let mut response = Response::builder().status(status).header("retry-after", retry_after);
            if close {
                response = response.header("connection", "close");
            }
            response.body("later".to_owned()).unwrap()
        }
    };
    Origin::h1().handle(answer).start().await
}

#[tokio::test]
async fn what_is_answered_with_408_is_sent_again_and_told_in_plain_words() {
    for (close, decision) in [(false, "was open"), (true, "no connection")] {
        let origin = first(408, "0", close).await;
        let ran = skybridge(["-v", "--timeline", "--report", "-", "-d", "data", &origin.url("/")]).await;
        assert_eq!((ran.exit, origin.requests().len(), origin.connections()), (0, 2, 1 + usize::from(close)));
        let report = &reports(&ran)[0];
        assert_eq!((&report["status"], &report["retries"]), (&200.into(), &1.into()));
        assert_eq!(report["decision"]["reason"], decision);
        assert!(ran.err.contains("* sending again: the peer answered 408 Request Timeout"), "{}", ran.err);
        assert!(ran.err.contains("sent again: the peer answered 408 Request Timeout"), "{}", ran.err);
    }
    for forbidding in ["--no-retry", "--no-retry-answers"] {
        let origin = first(408, "0", false).await;
        let ran = skybridge([forbidding, &origin.url("/")]).await;
        assert_eq!((ran.exit, ran.out.as_str(), origin.requests().len()), (0, "later", 1), "{forbidding}");
    }
}

#[tokio::test]
async fn a_wait_that_a_server_asks_for_is_waited_for_within_its_limit() {
    for (limit, retry_after, printed) in [("1", "1", "hello"), ("1", "2", "later"), ("0", "1", "later")] {
        let origin = first(503, retry_after, false).await;
        let ran = skybridge(["--retry-after", limit, &origin.url("/")]).await;
        assert_eq!((ran.exit, ran.out.as_str()), (0, printed), "{limit} {retry_after} {}", ran.err);
    }
}

/// As with curl, also where the address is written down.
#[tokio::test]
async fn only_addresses_of_the_family_that_is_asked_for_are_connected_to() {
    let origin = Origin::h1().start().await;
    let (url, port) = (origin.url("/"), origin.addr().port());
    let to = format!("::127.0.0.1:{port}");
    for (arguments, exit) in [
        (vec!["-4", &url], 0),
        (vec!["-6", &url], 7),
        (vec!["-6", "--connect-to", &to, "http://a.test/"], 7),
        (vec!["-6", "-x", &url, "http://a.test/"], 7),
    ] {
        let ran = skybridge(arguments.clone()).await;
        assert_eq!(ran.exit, exit, "{arguments:?}: {}", ran.err);
    }
    assert_eq!(origin.requests().len(), 1);
}
