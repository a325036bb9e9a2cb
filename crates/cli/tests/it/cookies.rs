//! Cookies that servers set, and files of them.

use crate::{
    cleartext::by_hand,
    ran::{fed, skybridge},
};
use http::{Request, Response};
use skybridge_testkit::{
    dns::{DnsServer, Reply},
    origin::{Incoming, Origin},
    proxy::ProxyServer,
};
use std::fs;

/// `/set/COOKIE` sets it, `/set/COOKIE/to/URL` leads on from there; all else says which cookies came.
async fn baker() -> Origin {
    let answer = |request: Request<Incoming>| async move {
        let path = request.uri().path().to_owned();
        let response = Response::builder();
        if let Some(rest) = path.strip_prefix("/set/") {
            let (cookie, to) = rest.split_once("/to/").unwrap_or((rest, ""));
            let cookie = cookie.replace("%20", " ");
            let response = response.header("set-cookie", format!("{cookie}; path=/"));
            let response = if to.is_empty() { response } else { response.status(302).header("location", to) };
            return response.body(String::new()).unwrap();
        }
        let came = request.headers().get_all("cookie").iter().map(|value| value.to_str().unwrap());
        response.body(came.collect::<Vec<_>>().join(" / ")).unwrap()
    };
    Origin::h1().handle(answer).start().await
}

fn resolved(origin: &Origin) -> [String; 2] {
    ["a.test", "b.test"].map(|name| format!("--resolve={name}:{}:127.0.0.1", origin.addr().port()))
}

fn at(origin: &Origin, host: &str, path: &str) -> String {
    format!("http://{host}:{}{path}", origin.addr().port())
}

#[tokio::test]
async fn what_a_server_sets_goes_back_to_it_and_to_nobody_else() {
    let origin = baker().await;
    let [a, b] = resolved(&origin);
    let leading = at(&origin, "a.test", &format!("/set/n=v/to/{}", at(&origin, "b.test", "/")));
    let own = at(&origin, "a.test", "/");
    let fetch = async |flags: &[&str]| skybridge([&[&*a, &b, "-L"], flags, &[&leading, &own]].concat()).await;
    assert_eq!(fetch(&["-b", ""]).await.out, "n=v");
    assert_eq!(fetch(&[]).await.out, "");
    // What is given goes along, in front of nothing else's.
    assert_eq!(fetch(&["-b", "", "-b", "x=y"]).await.out, "n=v; x=y");
    assert_eq!(fetch(&["-b", "x=y"]).await.out, "x=y");

    // With other options too: the run has one jar.
    let set = at(&origin, "a.test", "/set/m=w");
    let ran = skybridge([&a, "-b", "", &set, "--next", &a, "-b", "", &own, "--next", &a, &own]).await;
    assert_eq!((ran.exit, &*ran.out), (0, "m=w"), "{}", ran.err);
}

#[tokio::test]
async fn a_jar_is_written_in_the_end_and_read_by_the_next_run() {
    let origin = baker().await;
    let [a, _] = resolved(&origin);
    let folder = tempfile::tempdir().unwrap();
    let jar = folder.path().join("jar").display().to_string();
    let old = "#HttpOnly_.a.test\tTRUE\t/\tFALSE\t0\told\t1\n.b.test\tTRUE\t/\tFALSE\t0\tothers\t1\n";
    fs::write(&jar, old).unwrap();
    let (set, own) = (at(&origin, "a.test", "/set/n=v;%20max-age=99"), at(&origin, "a.test", "/"));
    let ran = skybridge([&a, "-b", &jar, "-c", &jar, &set]).await;
    assert_eq!(ran.exit, 0, "{}", ran.err);
    let written = fs::read_to_string(&jar).unwrap();
    assert!(written.starts_with("# Netscape HTTP Cookie File\n"), "{written}");
    assert!(old.lines().all(|line| written.lines().any(|other| other == line)), "{written}");
    assert!(written.contains("\na.test\tFALSE\t/\tFALSE\t"), "{written}");
    assert_eq!(skybridge([&a, "-b", &jar, &own]).await.out, "old=1; n=v");
    assert_eq!(skybridge([&a, "-j", "-b", &jar, &own]).await.out, "n=v");
    // curl reads it.
    let ran = fed([&*a, "-b", "-", &own], &written).await;
    assert_eq!(ran.out, "old=1; n=v", "{}", ran.err);
    // Without -b it begins anew, and - is stdout.
    let ran = skybridge([&a, "-c", "-", &set]).await;
    assert_eq!(ran.out.lines().count(), 5, "{}", ran.out);
}

#[tokio::test]
async fn a_jar_that_cannot_be_written_is_exit_23_and_one_that_is_not_there_is_told() {
    let origin = baker().await;
    let own = origin.url("/");
    let ran = skybridge(["-c", "/no/such/folder/jar", &own]).await;
    assert!(ran.exit == 23 && ran.err.contains("(23) /no/such/folder/jar: "), "{} {}", ran.exit, ran.err);
    // Where the URL failed too, the exit code is its own.
    let ran = skybridge(["-c", "/no/such/folder/jar", "http://a.test:x/"]).await;
    assert!(ran.exit == 3 && ran.err.contains("(23) /no/such/folder/jar: "), "{} {}", ran.exit, ran.err);
    let ran = skybridge(["-v", "-b", "/no/such/jar", &own]).await;
    assert!(ran.exit == 0 && ran.err.contains("* there is no file /no/such/jar"), "{}", ran.err);
}

#[tokio::test]
async fn it_is_told_which_cookies_are_kept_and_why_others_are_not_but_no_value() {
    let origin = baker().await;
    let [a, _] = resolved(&origin);
    for (cookie, told) in [
        ("n=hunter2", "* cookie n kept for a.test/"),
        ("n=hunter2;%20domain=a.test", "* cookie n kept for .a.test/"),
        ("n=hunter2;%20domain=b.test", "* cookie n not kept: it is for a domain of others"),
        ("n=hunter2;%20domain=test", "* cookie n not kept: its domain is a public suffix"),
        ("hunter2", "* cookie  not kept: it has no ="),
        ("n=hunter2;%20secure", "* cookie n not kept: it is secure, and comes in cleartext"),
    ] {
        let (set, own) = (at(&origin, "a.test", &format!("/set/{cookie}")), at(&origin, "a.test", "/"));
        let ran = skybridge([&a, "-v", "-b", "", &set, "-o", "/dev/null", &own]).await;
        assert!(ran.err.lines().any(|line| line == told), "{told}: {}", ran.err);
        let told = ran.err.lines().filter(|line| line.contains("ookie"));
        assert!(told.into_iter().all(|line| !line.contains("hunter2")), "{}", ran.err);
    }
}

#[tokio::test]
async fn secure_cookies_are_for_tls_or_this_machine() {
    let origin = baker().await;
    let [a, _] = resolved(&origin);
    let jar = "a.test\tFALSE\t/\tTRUE\t0\tn\tv\n127.0.0.1\tFALSE\t/\tTRUE\t0\tm\tw\n";
    let ran = fed([&*a, "-b", "-", &at(&origin, "a.test", "/"), &origin.url("/")], jar).await;
    assert_eq!(ran.out, "m=w", "{}", ran.err);
}

#[tokio::test]
async fn secure_cookies_stay_here_whatever_the_host_field_and_the_name_say() {
    let origin = baker().await;
    let port = origin.addr().port();
    let [a, _] = resolved(&origin);
    let jar = "localhost\tFALSE\t/\tTRUE\t0\tn\tv\na.test\tFALSE\t/\tTRUE\t0\tn\tv\n";
    let (elsewhere, here) = (at(&origin, "a.test", "/"), at(&origin, "localhost", "/"));
    let proxy = ProxyServer::http().host("localhost", origin.addr()).start().await;
    // It says that every name is this machine, as anybody's server could.
    let dns = DnsServer::start(|_| Reply::Addresses(vec![[127, 0, 0, 1].into()], 60)).await;
    let (to_a, to_b) = (format!("::a.test:{port}"), format!("::b.test:{port}"));
    let rows: [(&[&str], &str); 8] = [
        (&[&here], "n=v"),
        (&["-H", "Host: localhost", &elsewhere], ""),
        (&["-H", "Host: a.test", &here], ""),
        (&["-x", &proxy.url(), &here], ""),
        (&["--connect-to", &format!("::127.0.0.1:{port}"), &here], "n=v"),
        (&["--connect-to", &to_a, &here], "n=v"),
        (&["--connect-to", &to_b, "--dns-servers", &dns.addr().to_string(), &here], ""),
        (&[&format!("--resolve=localhost:{port}:127.0.0.1"), &here], "n=v"),
    ];
    for (flags, sent) in rows {
        let ran = fed([&[&*a, "-b", "-"], flags].concat(), jar).await;
        assert_eq!((ran.exit, &*ran.out), (0, sent), "{flags:?}: {}", ran.err);
    }
}

#[tokio::test]
async fn what_a_proxy_sets_when_it_is_asked_for_a_tunnel_is_nobodys_cookie() {
    const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
    let refused = &b"HTTP/1.1 403 No\r\nset-cookie: n=v; path=/\r\ncontent-length: 0\r\n\r\n"[..];
    let tunnel = &b"HTTP/1.1 200 OK\r\nset-cookie: n=v; path=/\r\n\r\n"[..];
    for answers in [&[tunnel, OK][..], &[refused]] {
        let (proxy, serving) = by_hand(answers).await;
        let flags = ["-p", "-x", &proxy, "-i", "-v", "-c", "-", "http://a.test/"];
        let ran = skybridge(flags).await;
        serving.abort();
        // It is told, but not kept.
        assert!(ran.err.contains("< set-cookie: "), "{}", ran.err);
        assert!(!ran.err.contains("* cookie"), "{}", ran.err);
        assert!(ran.out.lines().all(|line| !line.ends_with("\tn\tv")), "{}", ran.out);
        assert!(ran.out.contains("# Netscape HTTP Cookie File"), "{}", ran.out);
    }
}

#[tokio::test]
async fn a_line_of_a_file_that_is_for_nobody_is_told_and_goes_nowhere() {
    let origin = baker().await;
    let [a, _] = resolved(&origin);
    let own = at(&origin, "a.test", "/");
    let jar = "HTTP/1.1 200 OK\r\nserver: x\r\nSet-Cookie: n=hunter2\r\nset-cookie: m=w; domain=a.test\r\n\r\n";
    let ran = fed([&*a, "-v", "-b", "-", &own], jar).await;
    assert_eq!((ran.exit, &*ran.out), (0, "m=w"), "{}", ran.err);
    let told = "* -: the cookie in line 3 is passed over: it names no domain";
    assert!(ran.err.lines().any(|line| line == told) && !ran.err.contains("hunter2"), "{}", ran.err);
}
