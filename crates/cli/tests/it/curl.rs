//! What hands and scripts know from curl.

use crate::{
    cleartext::{by_hand, echo},
    ran::{fed, fed_in, reports, skybridge},
};
use http::{Response, StatusCode};
use http_body_util::{BodyExt, Full};
use skybridge_testkit::{
    closed::Closed,
    h1::Script,
    origin::{Incoming, Origin},
};
use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

const BASIC: &str = "Basic bWU6cHc=";

/// Fails as often as said, then answers `hello`.
async fn failing(status: u16, times: usize) -> Origin {
    let left = Arc::new(AtomicUsize::new(times));
    let answer = move |_: http::Request<Incoming>| {
        let fails = left.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)).is_ok();
        async move {
            let status = if fails { StatusCode::from_u16(status).unwrap() } else { StatusCode::OK };
            let body = if fails { "sorry" } else { "hello" };
            Response::builder().status(status).body(body.to_owned()).unwrap()
        }
    };
    Origin::h1().handle(answer).start().await
}

#[tokio::test]
async fn silent_prints_errors_where_show_error_says_so() {
    for (flags, is_told) in [("-s", false), ("-sS", true), ("-fsSL", true), ("-fsL", false)] {
        let ran = skybridge([flags, "http://nobody.invalid/"]).await;
        assert_eq!((ran.exit, !ran.err.is_empty()), (6, is_told), "{flags}: {}", ran.err);
    }
}

#[tokio::test]
async fn credentials_are_basic_and_for_the_first_origin_alone() {
    let there = Origin::h1().start().await;
    let to = there.url("/");
    let answer = move |request: http::Request<Incoming>| {
        let is_end = request.uri().path() != "/go";
        let to = to.clone();
        async move {
            let status = if is_end { 200 } else { 302 };
            Response::builder().status(status).header("location", to).body(String::new()).unwrap()
        }
    };
    let here = Origin::h1().handle(answer).start().await;
    let at = here.addr();
    let url = here.url("/go");
    let rows: [(&[&str], String, Option<&str>); 6] = [
        (&["-u", "me:pw"], url.clone(), Some(BASIC)),
        (&[], format!("http://me:pw@{at}/go"), Some(BASIC)),
        (&[], format!("m%65:pw@{at}/go"), Some(BASIC)),
        (&["-u", "me:pw"], format!("http://you:x@{at}/go"), Some(BASIC)),
        (&["-u", "me:pw", "-H", "authorization: x"], url.clone(), Some("x")),
        (&["-H", "authorization:"], format!("http://me:pw@{at}/go"), None),
    ];
    for (flags, url, shown) in rows {
        let ran = skybridge(flags.iter().copied().chain(["-v", "-L", &url])).await;
        assert_eq!(ran.exit, 0, "{flags:?}: {}", ran.err);
        let (seen, led) = (here.requests(), there.requests());
        assert_eq!(seen.last().unwrap().header("authorization"), shown, "{flags:?} {url}");
        assert_eq!(led.last().unwrap().header("authorization"), None, "{flags:?} {url}");
        assert!(!ran.err.contains("bWU6cHc") && !ran.err.contains("pw@"), "{}", ran.err);
    }
    assert_eq!(skybridge(["-u", "me", &url]).await.exit, 2);
}

#[tokio::test]
async fn data_goes_as_curl_sends_it() {
    let origin = echo().await;
    let url = origin.url("/?a");
    let rows: [(&[&str], &str, &str, &str, &str); 6] = [
        (&["--json", "{\"x\":", "--json", "1}"], "POST", "/?a", "application/json", "{\"x\":1}"),
        (&["--json", "1", "-H", "content-type: text/x"], "POST", "/?a", "text/x", "1"),
        (
            &["-d", "b=1", "--data-raw", "@c", "--data-urlencode", "d=e f"],
            "POST",
            "/?a",
            "application/x-www-form-urlencoded",
            "b=1&@c&d=e%20f",
        ),
        (&["-G", "-d", "b=1", "--data-urlencode", "c= "], "GET", "/?a&b=1&c=%20", "", ""),
        (&["-G", "-I", "-d", "b"], "HEAD", "/?a&b", "", ""),
        (&["-G", "-X", "DELETE", "-d", "b"], "DELETE", "/?a&b", "", ""),
    ];
    for (flags, method, target, content_type, body) in rows {
        let ran = skybridge(flags.iter().copied().chain([&*url])).await;
        assert_eq!(ran.exit, 0, "{flags:?}: {}", ran.err);
        let seen = origin.requests().pop().unwrap();
        assert_eq!((&*seen.method.to_string(), &*seen.uri.to_string()), (method, target), "{flags:?}");
        assert_eq!(seen.header("content-type").unwrap_or_default(), content_type, "{flags:?}");
        assert!(method == "HEAD" || ran.out == body, "{flags:?}: {}", ran.out);
    }
    let json = origin.requests();
    assert_eq!(json[0].header("accept"), Some("application/json"));
}

#[tokio::test]
async fn an_upload_is_a_put_of_a_file_to_a_name_like_its_own() {
    let origin = echo().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a b");
    fs::write(&file, vec![b'x'; 200_000]).unwrap();
    let path = file.to_str().unwrap();
    let ran = skybridge(["-T", path, &origin.url("/d/"), &origin.url("/plain")]).await;
    assert_eq!((ran.exit, ran.out.len()), (0, 200_000), "{}", ran.err);
    let seen = origin.requests();
    assert_eq!((&*seen[0].method.to_string(), seen[0].uri.path()), ("PUT", "/d/a%20b"));
    assert_eq!((seen[0].header("content-length"), seen[0].header("content-type")), (Some("200000"), None));
    assert_eq!(&*seen[1].method.to_string(), "GET");
    let ran = fed(["-T", "-", &origin.url("/x")], "streamed").await;
    assert_eq!((ran.exit, &*ran.out), (0, "streamed"), "{}", ran.err);
    assert_eq!(skybridge(["-T", "/no/such/file", &origin.url("/")]).await.exit, 26);
    assert_eq!(skybridge(["-T", folder.path().to_str().unwrap(), &origin.url("/")]).await.exit, 26);
    assert_eq!(skybridge(["-T", path, "-d", "x", &origin.url("/")]).await.exit, 2);
}

/// It is read anew for each: a redirect, and a connection that is lost.
#[tokio::test]
async fn a_file_is_sent_again_where_bytes_would_be() {
    let answer = |request: http::Request<Incoming>| async move {
        let (is_end, method) = (request.uri().path() == "/end", request.method().clone());
        let body = request.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
        let status = if is_end { 200 } else { 307 };
        let said = format!("{method} {}", body.len());
        Response::builder().status(status).header("location", "/end").body(said).unwrap()
    };
    let origin = Origin::h1().handle(answer).start().await;
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), vec![b'x'; 300_000]).unwrap();
    let path = file.path().to_str().unwrap();
    for flags in [["--data-binary", &format!("@{path}")], ["-T", path]] {
        let ran = skybridge(flags.into_iter().chain(["-L", &origin.url("/go")])).await;
        assert!(ran.exit == 0 && ran.out.ends_with(" 300000"), "{flags:?} {} {}", ran.out, ran.err);
    }
    assert_eq!(fed(["--data-binary", "@-", "-L", &origin.url("/go")], "x").await.exit, 65);
}

#[tokio::test]
async fn heads_are_dumped_and_bodies_named_by_their_url() {
    let (url, serving) = by_hand(&[b"HTTP/1.1 200 OK\r\nX-A: 1\r\ncontent-length: 2\r\n\r\nhi"]).await;
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let (named, heads) = (format!("{url}b/c.txt?d"), at("heads"));
    let run = async |arguments: &[&str]| {
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_skybridge"));
        command.args(arguments).current_dir(folder.path()).env("no_proxy", "*").kill_on_drop(true);
        let ran = command.output().await.unwrap();
        (ran.status.code().unwrap(), String::from_utf8_lossy(&ran.stdout).into_owned())
    };
    let ran = run(&["-D", heads.to_str().unwrap(), "-O", &named, "-o", "second", &named, &named]).await;
    assert_eq!(ran, (0, "hi".to_owned()));
    assert_eq!(
        (fs::read_to_string(at("c.txt")).unwrap(), fs::read_to_string(at("second")).unwrap()),
        ("hi".into(), "hi".into())
    );
    assert_eq!(fs::read_to_string(heads).unwrap(), "HTTP/1.1 200 OK\r\nX-A: 1\r\ncontent-length: 2\r\n\r\n".repeat(3));
    assert_eq!(
        run(&["-D", "-", "--remote-name-all", &named]).await.1,
        "HTTP/1.1 200 OK\r\nX-A: 1\r\ncontent-length: 2\r\n\r\n"
    );
    assert_eq!(run(&["-O", &url]).await.0, 23);
    serving.abort();
}

#[tokio::test]
async fn ranges_cookies_and_referers_are_sent_as_they_are_given() {
    let origin = Origin::h1().start().await;
    let url = origin.url("/");
    let flags = [
        "-r",
        "-500",
        "-b",
        "a=\"1\"; b=2",
        "-b",
        "c=3",
        "-e",
        "http://b.test/?x",
        "-N",
        "-g",
        "-q",
        "-#",
        "--no-progress-meter",
    ];
    let ran = skybridge(flags.into_iter().chain(["-v", "--url", &url, &origin.url("/second")])).await;
    assert_eq!((ran.exit, &*ran.out), (0, "hellohello"), "{}", ran.err);
    let seen = origin.requests();
    for (name, value) in [("range", "bytes=-500"), ("cookie", "a=\"1\"; b=2; c=3"), ("referer", "http://b.test/?x")] {
        assert_eq!(seen[0].header(name), Some(value));
    }
    assert_eq!((seen[0].uri.path(), seen[1].uri.path()), ("/", "/second"));
    assert!(!ran.err.contains("c=3") && !ran.err.contains("/?x"), "{}", ran.err);
    for wrong in [["-b", "a=\u{1}"], ["-e", ";auto"], ["-r", "first"]] {
        let ran = skybridge(wrong.into_iter().chain([&*url])).await;
        assert_eq!(ran.exit, 2, "{wrong:?}");
    }
}

#[tokio::test]
async fn arguments_come_from_a_file() {
    let origin = echo().await;
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), format!("# how\n-s\ndata = \"a b\"\nurl: {}\n", origin.url("/"))).unwrap();
    let path = file.path().to_str().unwrap();
    let ran = skybridge(["-K", path, "-d", "c"]).await;
    assert_eq!((ran.exit, &*ran.out), (0, "a b&c"), "{}", ran.err);
    let ran = fed(["-K", "-"], &format!("url={}", origin.url("/"))).await;
    assert_eq!(ran.exit, 0, "{}", ran.err);
    let ran = skybridge(["-K", "/no/such/file"]).await;
    assert!(ran.exit == 26 && ran.err.starts_with("skybridge: --config /no/such/file: "), "{}", ran.err);
}

#[tokio::test]
async fn what_is_said_goes_where_stderr_says() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().to_str().unwrap();
    let ran = skybridge(["-v", "--events", "--timeline", "--stderr", path, "http://nobody.invalid/"]).await;
    assert_eq!((ran.exit, &*ran.err, &*ran.out), (6, "", ""));
    let said = fs::read_to_string(path).unwrap();
    assert!(said.contains("skybridge: (6) ") && said.contains("call_start"), "{said}");
    let ran = skybridge(["--stderr", "-", "http://nobody.invalid/"]).await;
    assert!(ran.err.is_empty() && ran.out.starts_with("skybridge: (6) "), "{} {}", ran.err, ran.out);
}

#[tokio::test]
async fn what_may_pass_is_tried_again_and_what_will_not_is_not() {
    let rows: [(u16, &[&str], &str, usize); 7] = [
        (503, &["--retry", "2"], "hello", 3),
        (503, &["--retry", "1"], "sorry", 2),
        (429, &["--retry", "5", "-f", "-d", "x"], "hello", 3),
        (404, &["--retry", "5"], "sorry", 1),
        (404, &["--retry", "5", "-f", "--retry-all-errors"], "hello", 3),
        (503, &["--retry", "5", "--retry-delay", "60", "--retry-max-time", "30"], "sorry", 1),
        (503, &[], "sorry", 1),
    ];
    for (status, flags, said, requests) in rows {
        let origin = failing(status, 2).await;
        let file = tempfile::NamedTempFile::new().unwrap();
        let quick = if flags.contains(&"--retry-delay") { &[][..] } else { &["--retry-delay", "0.01"] };
        let (path, url) = (file.path().to_str().unwrap(), origin.url("/"));
        let more = ["-o", path, "-w", "%{http_code}", "--no-retry-answers", &url];
        let ran = skybridge(flags.iter().chain(quick).chain(&more)).await;
        assert_eq!((origin.requests().len(), &*fs::read_to_string(path).unwrap()), (requests, said), "{flags:?}");
        let last = if said == "hello" { 200 } else { status };
        assert_eq!(ran.out, last.to_string(), "what is written out is of the last: {flags:?}");
        assert_eq!(ran.err.matches("; again in ").count(), requests - 1, "{}", ran.err);
    }
    let origin = failing(503, 1).await;
    let ran = skybridge(["--retry", "1", "--retry-delay", "0.01", "--report", "-", &origin.url("/")]).await;
    let told: Vec<_> = reports(&ran).iter().map(|line| line["status"].as_u64().unwrap()).collect();
    assert_eq!(told, [503, 200]);
    // What can be read once can't be sent again.
    let origin = failing(503, 1).await;
    let ran = fed(["--retry", "1", "--retry-delay", "0.01", "-T", "-", &origin.url("/")], "x").await;
    assert_eq!((&*ran.out, origin.requests().len()), ("sorry", 1));
}

#[tokio::test]
async fn a_refused_connection_is_tried_again_only_when_asked() {
    let nobody = Closed::tcp();
    let url = format!("http://{}/", nobody.addr());
    for (flags, again) in [(&["--retry-connrefused"][..], 2), (&[], 0)] {
        let more = ["--retry", "2", "--retry-delay", "0.01", &url];
        let ran = skybridge(flags.iter().chain(&more)).await;
        assert_eq!((ran.exit, ran.err.matches("; again in ").count()), (7, again), "{flags:?}: {}", ran.err);
    }
}

/// As the browsers' network panels copy them, in the words of bash.
#[cfg(unix)]
#[tokio::test]
async fn what_browsers_copy_runs_as_it_is_pasted() {
    let answer = |request: http::Request<Incoming>| async move {
        let body = request.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
        Response::new(Full::new(body))
    };
    let origin = Origin::h1().handle(answer).start().await;
    let chrome = r#"curl 'URL/api/items?q=a%20b' \
  -H 'accept: application/json, text/plain, */*' \
  -H 'accept-language: en-GB,en;q=0.9' \
  -H 'cache-control: no-cache' \
  -H 'content-type: application/json' \
  -b 'session=abc123; theme=dark' \
  -H 'origin: http://a.test' \
  -H 'priority: u=1, i' \
  -H 'referer: http://a.test/' \
  -H 'sec-ch-ua: "Chromium";v="130", "Not?A_Brand";v="99"' \
  -H 'sec-ch-ua-mobile: ?0' \
  -H 'sec-fetch-mode: cors' \
  -H 'user-agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/130.0.0.0 Safari/537.36' \
  --data-raw $'{"name":"it\'s @home","n":1}' \
  --compressed \
  --insecure"#;
    let firefox = r#"curl 'URL/api/items?q=a%20b' \
  --compressed \
  -X POST \
  -H 'User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0' \
  -H 'Accept: application/json, text/plain, */*' \
  -H 'Accept-Language: en-GB,en;q=0.5' \
  -H 'Accept-Encoding: gzip, deflate, br, zstd' \
  -H 'Content-Type: application/json' \
  -H 'Origin: http://a.test' \
  -H 'Connection: keep-alive' \
  -H 'Referer: http://a.test/' \
  -H 'Cookie: session=abc123; theme=dark' \
  -H 'Sec-Fetch-Dest: empty' \
  -H 'Priority: u=0' \
  -H 'Pragma: no-cache' \
  -H 'TE: trailers' \
  --data-raw $'{"name":"it\'s @home","n":1}'"#;
    for pasted in [chrome, firefox] {
        let line = pasted
            .replacen("curl", env!("CARGO_BIN_EXE_skybridge"), 1)
            .replace("URL", origin.url("").trim_end_matches('/'));
        let bash =
            tokio::process::Command::new("bash").arg("-c").arg(&line).env("no_proxy", "*").output().await.unwrap();
        let (out, err) = (String::from_utf8_lossy(&bash.stdout), String::from_utf8_lossy(&bash.stderr));
        assert_eq!((bash.status.code(), &*out), (Some(0), r#"{"name":"it's @home","n":1}"#), "{err}\n{line}");
        let seen = origin.requests().pop().unwrap();
        assert_eq!((&*seen.method.to_string(), &*seen.uri.to_string()), ("POST", "/api/items?q=a%20b"));
        assert_eq!(seen.header("cookie"), Some("session=abc123; theme=dark"));
        assert_eq!(seen.header("content-type"), Some("application/json"));
        assert!(seen.header("user-agent").unwrap().starts_with("Mozilla/5.0"));
    }
    let h2 = Origin::h2c().start().await;
    let ran =
        skybridge(["--http2-prior-knowledge", "-H", "Connection: keep-alive", "-H", "TE: trailers", &h2.url("/")])
            .await;
    assert_eq!((ran.exit, &*ran.out), (0, "hello"), "{}", ran.err);
}

#[tokio::test]
async fn what_is_written_out_has_curls_names_and_goes_where_it_says() {
    let answer: &[u8] = b"HTTP/1.1 302 Found\r\nX-A: 1\r\nx-a: 2\r\nLocation: next?q\r\ncontent-type: text/x\r\ncontent-length: 2\r\n\r\nhi";
    let (url, serving) = by_hand(&[answer]).await;
    let url = format!("{url}a/b");
    let format = "%header{x-A} %header{none}[%{redirect_url}] %{content_type} %{scheme} %{num_headers} %{size_header} \
                  %{response_code} %{num_redirects} %{num_retries} %{proxy_used} %{urlnum} %{referer} %{stderr}told %{http_code}%{stdout}.";
    let ran = skybridge(["-o", "/dev/null", "-e", "r", "-w", format, &url]).await;
    let next = url.replace("/a/b", "/a/next?q");
    let expected = format!("1 [{next}] text/x http 5 {} 302 0 0 0 0 r .", answer.len() - 2);
    assert_eq!((&*ran.out, &*ran.err), (&*expected, "told 302"));

    let folder = tempfile::tempdir().unwrap();
    let (body, log) = (folder.path().join("body"), folder.path().join("log"));
    let (body, log) = (body.to_str().unwrap(), log.to_str().unwrap());
    let format = format!("%{{json}}%output{{>>{log}}}%{{filename_effective}} %{{size_upload}}\n");
    for _ in 0..2 {
        let ran = skybridge(["-o", body, "-d", "12345", "-w", &format, &url]).await;
        let json: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
        assert_eq!((&json["http_code"], &json["url"], &json["errormsg"]), (&302.into(), &(&*url).into(), &().into()));
        assert_eq!((&json["size_upload"], &json["exitcode"], &json["method"]), (&5.into(), &0.into(), &"POST".into()));
        assert!(
            json["time_total"].is_f64()
                && json["time_pretransfer"].as_f64() <= json["time_posttransfer"].as_f64()
                && json["time_posttransfer"].as_f64() <= json["time_starttransfer"].as_f64()
                && json["time_posttransfer"].as_f64() > Some(0.0)
                && json["curl_version"].as_str().unwrap().starts_with("skybridge/"),
            "{json}"
        );
    }
    assert_eq!(fs::read_to_string(log).unwrap(), format!("{body} 5\n").repeat(2));

    let ran = skybridge(["-o", "/dev/null", "-w", "%{header_json}", &url]).await;
    let json: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!((&json["x-a"], &json["location"]), (&serde_json::json!(["1", "2"]), &serde_json::json!(["next?q"])));
    let ran = skybridge(["-o", "/dev/null", "-w", "yes%{onerror} no", &url]).await;
    assert_eq!(ran.out, "yes");
    serving.abort();
    for (url, said) in [(&*url, "7 no"), ("http://nobody.invalid/", "6 no")] {
        let ran = skybridge(["-s", "-w", "%{onerror}%{exitcode} no", url]).await;
        assert_eq!(&*ran.out, said);
    }
}

#[tokio::test]
async fn a_form_is_sent_in_parts_with_its_length() {
    let origin = echo().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("photo.PNG");
    fs::write(&file, vec![b'x'; 100_000]).unwrap();
    let photo = format!("photo=@{}", file.display());
    let flags =
        ["--form-string", "a=@b;c", "-F", &photo, "-F", "note=hi;type=text/x", "-L", "-w", "%{size_upload}", "-o"];
    let body = folder.path().join("body");
    let ran = skybridge(flags.into_iter().chain([body.to_str().unwrap(), &*origin.url("/")])).await;
    assert_eq!(ran.exit, 0, "{}", ran.err);
    let seen = &origin.requests()[0];
    let content_type = seen.header("content-type").unwrap();
    let boundary = content_type.strip_prefix("multipart/form-data; boundary=").unwrap();
    let expected = format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n@b;c\r\n\
         --{boundary}\r\nContent-Disposition: form-data; name=\"photo\"; filename=\"photo.PNG\"\r\nContent-Type: image/png\r\n\r\n{}\r\n\
         --{boundary}\r\nContent-Disposition: form-data; name=\"note\"\r\nContent-Type: text/x\r\n\r\nhi\r\n--{boundary}--\r\n",
        "x".repeat(100_000)
    );
    assert!(fs::read_to_string(body).unwrap() == expected);
    assert_eq!(
        (seen.header("content-length"), ran.out),
        (Some(&*expected.len().to_string()), expected.len().to_string())
    );
    assert_eq!(seen.method, "POST");
    let missing = skybridge(["-F", "a=@/no/such/file", &origin.url("/")]).await;
    assert!(missing.exit == 26 && missing.err.contains("/no/such/file"), "{}", missing.err);
    assert_eq!(skybridge(["-F", "a=b", "-d", "c", &origin.url("/")]).await.exit, 2);
}

#[tokio::test]
async fn the_request_target_is_as_it_is_given() {
    let origin = Origin::h1().start().await;
    for (target, path) in [("*", "*"), ("/../x//y?z", "/../x//y?z")] {
        let ran = skybridge(["-X", "OPTIONS", "--request-target", target, &origin.url("/path?query")]).await;
        assert_eq!(ran.exit, 0, "{target}: {}", ran.err);
        assert_eq!(origin.requests().pop().unwrap().uri.to_string(), path);
    }
    for wrong in ["", "http://a.test/", "x", "/a b"] {
        assert_eq!(skybridge(["--request-target", wrong, &origin.url("/")]).await.exit, 2, "{wrong}");
    }
}

#[tokio::test]
async fn haproxys_header_is_the_first_that_is_said_on_a_connection() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (addr, url) = (listener.local_addr().unwrap(), format!("http://{}/", listener.local_addr().unwrap()));
    for (flags, client) in
        [(&["--haproxy-protocol"][..], "127.0.0.1"), (&["--haproxy-clientip", "192.0.2.9"], "192.0.2.9")]
    {
        let served = async {
            let (mut peer, from) = listener.accept().await.unwrap();
            let header = format!("PROXY TCP4 {client} 127.0.0.1 {} {}\r\n", from.port(), addr.port());
            let mut said = vec![0; header.len() + 4];
            for begins in [&*header, ""] {
                peer.read_exact(&mut said).await.unwrap();
                while !said.ends_with(b"\r\n\r\n") {
                    said.push(peer.read_u8().await.unwrap());
                }
                peer.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await.unwrap();
                let said = String::from_utf8(std::mem::replace(&mut said, vec![0; 4])).unwrap();
                assert!(said.starts_with(&format!("{begins}GET / HTTP/1.1\r\n")), "{said}");
            }
        };
        let (ran, ()) = tokio::join!(skybridge(flags.iter().copied().chain([&*url, &*url])), served);
        assert_eq!((ran.exit, &*ran.out), (0, "okok"), "{}", ran.err);
    }
}

/// As with curl: an origin behind a tunnel is told of the connection to the proxy, and so is a proxy that forwards.
#[tokio::test]
async fn haproxys_header_is_said_behind_the_tunnel_of_a_proxy() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = format!("http://{}", listener.local_addr().unwrap());
    let url = "http://a.test/x";
    for tunnels in [true, false] {
        let served = async {
            let (io, from) = listener.accept().await.unwrap();
            let header =
                format!("PROXY TCP4 127.0.0.1 127.0.0.1 {} {}\r\n", from.port(), listener.local_addr().unwrap().port());
            let mut peer = Script::new(io);
            if tunnels {
                assert_eq!(peer.head().await.line(), "CONNECT a.test:80 HTTP/1.1");
                peer.send("HTTP/1.1 200 OK\r\n\r\n").await;
            }
            peer.expect(header).await;
            let line = if tunnels { "GET /x HTTP/1.1" } else { "GET http://a.test/x HTTP/1.1" };
            assert_eq!(peer.head().await.line(), line);
            peer.respond(200, "ok").await;
        };
        let flag: &[&str] = if tunnels { &["-p"] } else { &[] };
        let (ran, ()) =
            tokio::join!(skybridge(flag.iter().copied().chain(["--haproxy-protocol", "-x", &proxy, url])), served);
        assert_eq!((ran.exit, &*ran.out), (0, "ok"), "{}", ran.err);
    }
}

/// No file in a home folder is read unasked.
#[tokio::test]
async fn no_curlrc_is_read() {
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join(".curlrc"), "--fail\nuser-agent = x").unwrap();
    let origin = Origin::h1().start().await;
    let ran = fed_in(&[("HOME", home.path().to_str().unwrap())], [origin.url("/")], "").await;
    assert_eq!(ran.exit, 0);
    assert_ne!(origin.requests()[0].header("user-agent"), Some("x"));
}

#[tokio::test]
async fn a_form_as_chrome_copies_it_is_sent_as_pasted() {
    let origin = echo().await;
    let form = "------WebKitFormBoundaryA\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nb\r\n------WebKitFormBoundaryA--\r\n";
    let url = origin.url("/");
    let kind = "content-type: multipart/form-data; boundary=----WebKitFormBoundaryA";
    let ran = skybridge([url.as_str(), "-H", kind, "--data-raw", form, "--insecure"]).await;
    assert_eq!(ran.exit, 0, "{}", ran.err);
    assert!(ran.out.contains(form), "{}", ran.out);
}
