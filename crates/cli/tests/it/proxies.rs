use crate::ran::{fed_in, reports, skybridge};
use skybridge_testkit::{closed::Closed, h1::Script, origin::Origin, proxy::ProxyServer};
use tokio::net::TcpListener;

/// An HTTP proxy that refuses everybody, and counts.
async fn refusing(status: &'static str) -> (String, tokio::task::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let serving = tokio::spawn(async move {
        loop {
            let mut peer = Script::new(listener.accept().await.unwrap().0);
            peer.request().await;
            peer.send(format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n")).await;
        }
    });
    (address, serving)
}

#[tokio::test]
async fn a_refused_tunnel_is_exit_97_and_names_no_secret() {
    let (proxy, serving) = refusing("403 Forbidden").await;
    let through = format!("http://me:hunter2@{proxy}");
    let ran = skybridge(["-v", "-x", &through, "--report", "-", "https://a.test/"]).await;
    serving.abort();
    let report = &reports(&ran)[0];
    assert_eq!(
        (ran.exit, &report["error"]["kind"], &report["error"]["phase"]),
        (97, &"proxy".into(), &"tunnel".into())
    );
    assert_eq!(report["attempts"][0]["proxy"], format!("http://{proxy}"));
    assert!(ran.err.contains("403"), "{}", ran.err);
    assert!(!ran.err.contains("hunter2") && !ran.out.contains("hunter2"));
}

#[tokio::test]
async fn the_next_way_is_tried_when_a_proxy_is_gone() {
    let origin = Origin::h1().start().await;
    let gone = Closed::tcp();
    let ran =
        skybridge(["-x", &format!("http://{}", gone.addr()), "-x", "direct://", "--report", "-", &origin.url("/")])
            .await;
    let report = &reports(&ran)[0];
    assert_eq!(ran.exit, 0, "{}", ran.err);
    let outcomes: Vec<_> = report["attempts"].as_array().unwrap().iter().map(|attempt| &attempt["outcome"]).collect();
    assert_eq!(outcomes, ["failed", "connected"]);
}

#[tokio::test]
async fn a_proxy_without_a_name_is_exit_5_and_an_exception_goes_directly() {
    let origin = Origin::h1().start().await;
    let ran = skybridge(["-x", "http://nobody.invalid:1", &origin.url("/")]).await;
    assert_eq!(ran.exit, 5, "{}", ran.err);
    let ran = skybridge(["-x", "http://nobody.invalid:1", "--noproxy", "127.0.0.0/8", &origin.url("/")]).await;
    assert_eq!((ran.exit, ran.out.as_str()), (0, "hello"));
}

/// Such proxies are given addresses, and it is not their name that there is none of.
#[tokio::test]
async fn an_origin_without_a_name_is_exit_6_behind_proxies_that_resolve_none() {
    let proxy = ProxyServer::socks5().start().await;
    for kind in ["socks4", "socks5"] {
        let proxy = format!("{kind}://{}", proxy.addr());
        let ran = skybridge(["-x", &proxy, "http://nobody.invalid/"]).await;
        assert_eq!(ran.exit, 6, "{}", ran.err);
    }
    let ran = skybridge(["-x", "socks5://nobody.invalid:1", "http://nowhere.invalid/"]).await;
    assert_eq!(ran.exit, 5, "{}", ran.err);
}

#[tokio::test]
async fn a_preproxy_leads_to_the_proxy_and_alone_to_the_origin() {
    let origin = Origin::h1().start().await;
    let first = ProxyServer::socks5().user("you", "hunter2").start().await;
    let second = ProxyServer::http().user("me", "hunter3").start().await;
    let preproxy = format!("socks5h://you:hunter2@{}", first.addr());
    let ran = skybridge([
        "-v",
        "--preproxy",
        &preproxy,
        "-x",
        &second.url(),
        "-U",
        "me:hunter3",
        "--report",
        "-",
        &origin.url("/"),
    ])
    .await;
    assert_eq!(ran.exit, 0, "{}", ran.err);
    assert_eq!(first.requests()[0].line, format!("SOCKS5 {}", second.addr()));
    assert_eq!(second.requests()[0].line, format!("GET {} HTTP/1.1", origin.url("/")));
    assert_eq!(reports(&ran)[0]["connection"]["proxy"], format!("{}, {}", first.url(), second.url()));
    assert!(!ran.err.contains("hunter") && !ran.out.contains("hunter"), "a password is told: {}", ran.err);

    let ran = skybridge(["--preproxy", &preproxy, &origin.url("/")]).await;
    assert_eq!((ran.exit, ran.out.as_str()), (0, "hello"), "{}", ran.err);
    assert_eq!(first.requests()[1].line, format!("SOCKS5 {}", origin.addr()));
    let ran = skybridge(["--preproxy", &preproxy, "--noproxy", "*", &origin.url("/")]).await;
    assert_eq!((ran.exit, first.connections()), (0, 2), "{}", ran.err);
}

#[tokio::test]
async fn plain_http_goes_through_a_tunnel_when_it_is_asked_for() {
    let origin = Origin::h1().start().await;
    let proxy = ProxyServer::http().user("me", "hunter2").start().await;
    let ran = skybridge(["-p", "-x", &proxy.url(), "-U", "me:hunter2", "--repeat", "2", &origin.url("/")]).await;
    assert_eq!((ran.exit, ran.out.as_str()), (0, "hellohello"), "{}", ran.err);
    let asked: Vec<_> = proxy.requests().into_iter().map(|asked| asked.line).collect();
    assert_eq!(asked, [format!("CONNECT {} HTTP/1.1", origin.addr())]);
    assert!(
        origin.requests().iter().all(|seen| seen.header("proxy-authorization").is_none() && seen.uri.path() == "/")
    );
}

#[tokio::test]
async fn headers_for_the_proxy_are_in_connect_and_in_what_it_forwards_and_not_in_the_tunnel() {
    let origin = Origin::h1().start().await;
    let proxy = ProxyServer::http().user("me", "hunter2").start().await;
    let (through, url) = (proxy.url(), origin.url("/"));
    let own = ["-H", "user-agent: to the origin", "-H", "x-own: 1"];
    let credentials = ["--proxy-header", "Proxy-Authorization: Basic bWU6aHVudGVyMg=="];
    let fetch = async |flags: &[&str]| {
        let all = ["-v", "-x", &through, "-A", "mine/1", &url];
        let ran = skybridge(all.iter().chain(&own).chain(&credentials).chain(flags)).await;
        assert_eq!((ran.exit, ran.out.as_str()), (0, "hello"), "{}", ran.err);
        assert!(!ran.err.contains("hunter2") && !ran.err.contains("bWU6aHVudGVyMg"), "{}", ran.err);
        let told = |headers: Vec<(String, String)>| -> Vec<_> {
            headers
                .into_iter()
                .map(|(name, value)| format!("{name}: {value}"))
                .filter(|told| !told.starts_with("proxy-a"))
                .collect()
        };
        let seen = origin.requests().last().unwrap().header("x-session").map(str::to_owned);
        (told(proxy.requests().last().unwrap().headers.clone()), seen)
    };
    let host = format!("host: {}", origin.addr());
    let (told, seen) = fetch(&["-p", "--proxy-header", "X-Session: 7"]).await;
    assert_eq!((told, seen), (vec![host.clone(), "x-session: 7".into(), "user-agent: mine/1".into()], None));
    let (told, _) = fetch(&["-p", "--proxy-header", "user-agent:"]).await;
    assert_eq!(told, [host.as_str()]);
    let (told, _) = fetch(&["-p", "--proxy-header", "user-agent: theirs"]).await;
    assert_eq!(told, [host, "user-agent: theirs".into()]);
    let (told, seen) = fetch(&["--proxy-header", "X-Session: 7", "--proxy-header", "user-agent: theirs"]).await;
    assert_eq!(seen.as_deref(), Some("7"));
    assert!(told.contains(&"x-session: 7".into()) && told.contains(&"user-agent: to the origin".into()), "{told:?}");
}

/// Addresses that aren't public are refused all the same, also where it is the proxy's own.
#[tokio::test]
async fn a_proxy_that_is_said_to_filter_may_be_asked_for_names_and_be_anywhere_itself() {
    let origin = Origin::h1().start().await;
    let second = ProxyServer::http().host("a.test", origin.addr()).start().await;
    let first = ProxyServer::socks5().host("q.test", second.addr()).start().await;
    let (preproxy, through) = (format!("socks5h://{}", first.addr()), second.url());
    let (by_name, named) = (format!("http://q.test:{}", second.addr().port()), "http://a.test/".to_owned());
    let ways = [&["-x", &through][..], &["-p", "-x", &through], &["--preproxy", &preproxy, "-x", &by_name]];
    for way in ways {
        let fetch = async |flags: &[&str]| skybridge(["--egress", "public"].iter().chain(way).chain(flags)).await;
        let ran = fetch(&["--proxy-filters-egress", &named]).await;
        assert_eq!((ran.exit, ran.out.as_str()), (0, "hello"), "{way:?}: {}", ran.err);
        let asked = (first.requests().len(), second.requests().len());
        for flags in [&[named.as_str()][..], &["--proxy-filters-egress", &origin.url("/")]] {
            let ran = fetch(flags).await;
            assert_eq!((ran.exit, ran.out.as_str()), (7, ""), "{way:?} {flags:?}: {}", ran.err);
        }
        let ran = fetch(&["--proxy-filters-egress", "--noproxy", "*", &format!("{through}/")]).await;
        assert_eq!(ran.exit, 7, "{}", ran.err);
        assert_eq!((first.requests().len(), second.requests().len()), asked);
    }
}

/// The rule is about hosts that URLs name: a proxy that it matches too is still the one that was given, and its
/// credentials go nowhere else.
#[tokio::test]
async fn what_is_connected_to_elsewhere_is_not_the_proxy() {
    let origin = Origin::h1().start().await;
    let proxy = ProxyServer::http().user("me", "hunter2").start().await;
    let port = proxy.addr().port();
    let address = format!("p.test:{port}:127.0.0.1");
    let through = format!("http://me:hunter2@p.test:{port}");
    let any = format!("::127.0.0.1:{}", origin.addr().port());
    let its_own = format!("p.test:{port}:127.0.0.1:{}", origin.addr().port());
    for rules in [&[any.as_str()][..], &[its_own.as_str(), any.as_str()]] {
        let mut arguments = vec!["--resolve", &address, "-x", &through, "http://a.test/"];
        arguments.extend(rules.iter().flat_map(|rule| ["--connect-to", rule]));
        let asked = proxy.requests().len();
        let ran = skybridge(&arguments).await;
        assert_eq!((ran.exit, ran.out.as_str()), (0, "hello"), "{}", ran.err);
        let line = format!("CONNECT {} HTTP/1.1", origin.addr());
        assert_eq!(proxy.requests().last().map(|asked| asked.line.clone()), Some(line));

        let arguments = arguments[..2].iter().chain(&arguments[4..]);
        let ran = fed_in(&[("http_proxy", through.as_str())], arguments, "").await;
        assert_eq!((ran.exit, ran.out.as_str()), (0, "hello"), "{}", ran.err);
        assert_eq!(proxy.requests().len(), asked + 2, "the environment's proxy is the one that is asked too");
    }
}

/// The rule is about the URL, and the proxy is reached where it is.
#[tokio::test]
async fn a_rule_for_a_host_that_is_also_the_proxy_is_for_urls_alone() {
    let origin = Origin::h1().start().await;
    let rule = format!("p.test:3128:127.0.0.1:{}", origin.addr().port());
    let arguments = ["-x", "http://p.test:3128", "--noproxy", "p.test", "--connect-to", &rule, "http://p.test:3128/"];
    let ran = skybridge(arguments).await;
    assert_eq!((ran.exit, ran.out.as_str()), (0, "hello"), "{}", ran.err);
}

/// As with curl, the proxy is asked for a tunnel, also where it would forward the request.
#[tokio::test]
async fn another_name_is_connected_to_with_and_without_a_proxy() {
    let origin = Origin::h1().start().await;
    let port = origin.addr().port();
    // One that leads nowhere else is passed over.
    let rules = ["--connect-to", ":::", "--connect-to", &format!("a.test::b.test:{port}")].map(str::to_owned);
    let proxies = [
        ProxyServer::http().host("b.test", origin.addr()).start().await,
        ProxyServer::socks5().host("b.test", origin.addr()).start().await,
    ];
    let ways = [
        (vec![], None),
        (vec!["-x".to_owned(), proxies[0].url()], Some(format!("CONNECT b.test:{port} HTTP/1.1"))),
        (vec!["-x".to_owned(), format!("socks5h://{}", proxies[1].addr())], Some(format!("SOCKS5 b.test:{port}"))),
        // It is told an address that was looked up here.
        (vec!["-x".to_owned(), format!("socks5://{}", proxies[1].addr())], Some(format!("SOCKS5 127.0.0.1:{port}"))),
    ];
    for (way, line) in ways {
        let resolve = ["--resolve".to_owned(), format!("b.test:{port}:127.0.0.1")];
        let ran = skybridge(way.iter().chain(&rules).chain(&resolve).chain(&["http://a.test/".to_owned()])).await;
        assert_eq!((ran.exit, ran.out.as_str()), (0, "hello"), "{way:?}: {}", ran.err);
        let asked = proxies.iter().filter(|proxy| way.iter().any(|way| way.contains(&proxy.addr().to_string())));
        let asked = asked.filter_map(|proxy| proxy.requests().pop()).map(|asked| asked.line).next();
        assert_eq!(asked, line, "{way:?}");
    }
    assert!(origin.requests().iter().all(|seen| seen.header("host") == Some("a.test") && seen.uri.path() == "/"));
}

#[cfg(unix)]
#[tokio::test]
async fn a_proxy_of_the_environment_that_is_not_text_is_not_passed_over() {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt};
    let origin = Origin::h1().start().await;
    for (name, value) in [
        ("http_proxy", &b"http://p\xff.test:1"[..]),
        ("http_proxy", b"http://me:hunter2\xff@p.test:1"),
        ("all_proxy", b"socks5h://\xff.test"),
    ] {
        let ran = fed_in(&[(name, OsStr::from_bytes(value))], [origin.url("/")], "").await;
        assert_eq!((ran.exit, ran.out.as_str()), (5, ""), "{}", ran.err);
        assert!(ran.err.contains(name) && !ran.err.contains("hunter2"), "{}", ran.err);
        // No name was looked up, and no resolver is to blame.
        assert!(ran.err.contains("; set it to the URL of a proxy") && !ran.err.contains("lookup"), "{}", ran.err);
    }
    let listed = fed_in(&[("no_proxy", OsStr::from_bytes(b"\xff, 127.0.0.1"))], [origin.url("/")], "").await;
    assert_eq!((listed.exit, listed.out.as_str()), (0, "hello"), "{}", listed.err);
}

/// As desktops set it, without a digit.
#[tokio::test]
async fn a_variable_that_names_no_proxy_fails_only_what_would_go_through_it() {
    let origin = Origin::h1().start().await;
    let bad = "socks://me:hunter2@127.0.0.1:9/";
    for variables in [
        &[("ALL_PROXY", bad), ("NO_PROXY", "127.0.0.1")][..],
        &[("ALL_PROXY", bad), ("NO_PROXY", "*")],
        &[("all_proxy", bad), ("no_proxy", "b.test\t127.0.0.0/8")],
        &[("https_proxy", bad)],
        &[("HTTP_PROXY", bad), ("REQUEST_METHOD", "GET")],
    ] {
        let ran = fed_in(variables, [origin.url("/")], "").await;
        assert_eq!((ran.exit, ran.out.as_str()), (0, "hello"), "{variables:?}: {}", ran.err);
    }
    let ran = fed_in(&[("ALL_PROXY", bad)], ["-x", "", &origin.url("/")], "").await;
    assert_eq!((ran.exit, ran.out.as_str()), (0, "hello"), "{}", ran.err);
    for name in ["ALL_PROXY", "all_proxy", "http_proxy", "HTTP_PROXY"] {
        let ran = fed_in(&[(name, bad), ("no_proxy", "b.test")], ["--report", "-", &origin.url("/")], "").await;
        let report = &reports(&ran)[0];
        assert_eq!((ran.exit, &report["error"]["processed"]), (5, &"no".into()), "{}", ran.err);
        assert!(ran.err.contains(name) && !(ran.err + &ran.out).contains("hunter2"));
    }
    assert_eq!(origin.requests().len(), 6, "one was sent past its proxy");
}

/// Whatever the URL says, and whatever is to be connected to in its place.
#[cfg(unix)]
#[tokio::test]
async fn a_unix_socket_goes_before_rules_and_is_reached_through_no_proxy() {
    let origin = Origin::h1().start().await;
    let folder = std::env::temp_dir().join(format!("skybridge-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("a.socket");
    let listener = tokio::net::UnixListener::bind(&path).unwrap();
    let serving = tokio::spawn(async move {
        loop {
            let mut peer = Script::new(listener.accept().await.unwrap().0);
            peer.request().await;
            peer.respond(200, "by the socket").await;
        }
    });
    let (socket, rule) = (path.to_str().unwrap(), format!("::127.0.0.1:{}", origin.addr().port()));
    for url in ["http://a.test/", "http://192.0.2.1/"] {
        let ran = skybridge(["--unix-socket", socket, "--connect-to", &rule, url]).await;
        assert_eq!((ran.exit, ran.out.as_str()), (0, "by the socket"), "{url}: {}", ran.err);
        let proxy = [("http_proxy", "http://127.0.0.1:9")];
        let ran = fed_in(&proxy, ["--unix-socket", socket, url], "").await;
        assert_eq!(ran.exit, 2, "{url}: {}", ran.err);
        assert!(ran.err.contains("--unix-socket") && ran.err.contains("--noproxy"), "{}", ran.err);
        let ran = fed_in(&proxy, ["--unix-socket", socket, "--noproxy", "*", url], "").await;
        assert_eq!((ran.exit, ran.out.as_str()), (0, "by the socket"), "{url}: {}", ran.err);
    }
    serving.abort();
    std::fs::remove_dir_all(folder).unwrap();
    assert_eq!(origin.connections(), 0);
}
