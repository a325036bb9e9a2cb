//! `skybridge explain`: what fetching a URL would come to, and nobody is connected to.

use crate::{
    ran::{Ran, fed_in, reports, skybridge},
    tls::Desk,
};
use serde_json::json;
use skybridge_testkit::{origin::Origin, proxy::ProxyServer};

fn lines(ran: &Ran) -> Vec<&str> {
    ran.out.lines().collect()
}

#[tokio::test]
async fn a_direct_way_is_explained_and_nothing_arrives() {
    let origin = Origin::h1().start().await;
    let (port, url) = (origin.addr().port(), origin.url("/?token=hunter2"));
    let ran = skybridge(["explain", &url]).await;
    let told = [
        format!("request    http://127.0.0.1:{port}"),
        "pool       a new connection is opened".to_owned(),
        "route      directly: no flag and no variable names a proxy".to_owned(),
        format!("hops       127.0.0.1:{port}"),
        format!("addresses  127.0.0.1:{port}"),
        "protocol   HTTP/1.1".to_owned(),
    ];
    assert_eq!((ran.exit, lines(&ran)), (0, told.iter().map(String::as_str).collect()), "{}", ran.err);
    assert_eq!((origin.connections(), &*ran.err), (0, ""));
}

#[tokio::test]
async fn proxies_are_explained_with_who_chose_them_and_who_resolves() {
    let proxy = ProxyServer::http().start().await;
    let named = format!("http://me:hunter2@127.0.0.1:{}", proxy.addr().port());
    let plain = format!("http://127.0.0.1:{}", proxy.addr().port());
    let explained = async |variables: &[(&str, &str)], arguments: &[&str]| {
        let ran = fed_in(variables, ["explain", "--report", "-"].iter().chain(arguments), "").await;
        assert_eq!((ran.exit, ran.out.contains("hunter2")), (0, false), "{}{}", ran.err, ran.out);
        reports(&ran).remove(0)
    };
    let by_flag = explained(&[], &["-x", &named, "https://a.test/"]).await;
    assert_eq!(by_flag["proxies_chosen_by"], "-x says so");
    assert_eq!(by_flag["ways"], json!([[&plain]]));
    let hops = json!([
        {"to": &plain, "resolved_by": "nobody", "credentials": true},
        {"to": "a.test:443", "resolved_by": &plain, "credentials": false},
    ]);
    assert_eq!((&by_flag["hops"], &by_flag["forwarded"]), (&hops, &json!(false)));
    let text = skybridge(["explain", "-x", &named, "https://a.test/"]).await;
    assert!(lines(&text).contains(&&*format!("hops       {plain}, with user and password")), "{}", text.out);
    let forwarded = explained(&[("http_proxy", &named)], &["http://a.test/"]).await;
    assert_eq!(forwarded["proxies_chosen_by"], "the environment variable http_proxy says so");
    assert_eq!(forwarded["forwarded"], true);
    let exempt = [("https_proxy", &*named), ("no_proxy", "127.0.0.1")];
    let exempt = explained(&exempt, &["https://127.0.0.1/"]).await;
    assert_eq!(exempt["proxies_chosen_by"], "https_proxy is set, and no_proxy exempts it");
    assert_eq!(exempt["ways"], json!([[]]));
    assert_eq!(proxy.connections(), 0);
}

#[tokio::test]
async fn tls_is_explained_with_the_pins_that_apply() {
    let desk = Desk::new();
    let cert = desk.ca.leaf(["a.test"]);
    let origin = Origin::h2c().tls(&cert).start().await;
    let pin = format!("a.test={}", cert.pin());
    let other = format!("b.test={}", desk.ca.pin());
    let ran = desk.run(&origin, "a.test", &["--pin", &pin, "--pin", &other]).await;
    assert_eq!(ran.exit, 0, "the flags are right: {}", ran.err);
    let before = origin.connections();
    let ran = desk.explain(&origin, "a.test", &["--pin", &pin, "--pin", &other]).await;
    let tls = &reports(&ran)[0]["tls"];
    assert_eq!((&tls["versions"], &tls["alpn"]), (&json!(["1.3", "1.2"]), &json!(["h2", "http/1.1"])));
    assert_eq!((&tls["pins"], &tls["roots"], &tls["verified"]), (&json!([cert.pin()]), &json!(1), &json!(true)));
    assert_eq!((&tls["name"], &tls["ech"]), (&json!("a.test"), &json!("none")));
    assert_eq!(tls["specs"], json!([{"name": "modern", "versions": ["1.3", "1.2"]}]));
    for (url, told) in [("https://[::1]/", ", no SNI"), ("https://localhost/", ", SNI unencrypted")] {
        let ran = skybridge(["explain", url]).await;
        assert!(lines(&ran).iter().any(|line| line.starts_with("TLS ") && line.ends_with(told)), "{}", ran.out);
    }
    assert_eq!(origin.connections(), before);
}

#[tokio::test]
async fn what_tls_falls_back_to_is_explained() {
    let fallback = ["explain", "--tls-fallback", "restricted,compatible", "https://127.0.0.1/"];
    let told = skybridge(fallback).await;
    let specs: Vec<_> = lines(&told).into_iter().filter(|line| line.contains(" spec ")).map(str::trim).collect();
    let either = ["by the spec restricted", "or 1.3 or 1.2 by the spec compatible, if that handshake fails"];
    assert_eq!(specs, either, "{}{}", told.out, told.err);
    let report = reports(&skybridge(fallback.iter().chain(&["--report", "-"])).await).remove(0);
    let specs = [("restricted", vec!["1.3"]), ("compatible", vec!["1.3", "1.2"])];
    let specs: Vec<_> = specs.map(|(name, versions)| json!({"name": name, "versions": versions})).into();
    assert_eq!((&report["tls"]["specs"], &report["tls"]["versions"]), (&json!(specs), &json!(["1.3"])));
    let usual = skybridge(["explain", "https://127.0.0.1/"]).await;
    assert!(usual.out.contains("TLS ") && !usual.out.contains(" spec "), "{}", usual.out);
}

#[cfg(unix)]
#[tokio::test]
async fn a_root_of_the_systems_that_cant_be_read_is_named() {
    let desk = Desk::new();
    let cut = desk.file("cut.pem", &desk.ca.pem()[..300]);
    let told = format!("a certificate in {} can't be read: its END line is missing", cut.display());
    let variables = [("SSL_CERT_DIR", cut.parent().unwrap().to_str().unwrap())];
    let text = fed_in(&variables, ["explain", "https://127.0.0.1/"], "").await;
    assert!(lines(&text).contains(&&*format!("           not trusted: {told}")), "{}{}", text.out, text.err);
    let report = reports(&fed_in(&variables, ["explain", "--report", "-", "https://127.0.0.1/"], "").await).remove(0);
    assert_eq!(report["tls"]["skipped_roots"], json!([told]));
}

/// The way and who has chosen it are known before a name is looked up.
#[tokio::test]
async fn where_a_name_is_not_found_the_way_is_explained_all_the_same() {
    let way = |text: &str| format!("route      {text}");
    let through = skybridge(["explain", "-x", "http://me:hunter2@nosuch.invalid:8080", "https://a.test/"]).await;
    let told = ["request    https://a.test".to_owned(), way("through http://nosuch.invalid:8080: -x says so")];
    assert_eq!((through.exit, lines(&through)), (5, told.iter().map(String::as_str).collect()), "{}", through.err);
    let direct = skybridge(["explain", "http://nosuch.invalid/"]).await;
    let told = ["request    http://nosuch.invalid".to_owned(), way("directly: no flag and no variable names a proxy")];
    assert_eq!((direct.exit, lines(&direct)), (6, told.iter().map(String::as_str).collect()), "{}", direct.err);
    let ran = skybridge(["explain", "--report", "-", "http://nosuch.invalid/", "htp://a.test/"]).await;
    let reports = reports(&ran);
    assert_eq!((&reports[0]["origin"], &reports[0]["ways"]), (&json!("http://nosuch.invalid"), &json!([[]])));
    assert_eq!((&reports[1]["origin"], &reports[1]["ways"]), (&json!(null), &json!([])));
}

#[tokio::test]
async fn it_fails_as_the_fetch_would() {
    let origin = Origin::h1().start().await;
    for (exit, arguments) in [
        (1, vec!["htp://a.test/"]),
        (1, vec!["--proto", "=http", "https://a.test/"]),
        (3, vec!["http://a.test:x/"]),
        (6, vec!["https://nosuch.invalid/"]),
        (5, vec!["-x", "http://nosuch.invalid", "https://a.test/"]),
        (7, vec!["--egress", "public", &*origin.url("/")]),
        (2, vec!["--no-such-flag", "http://a.test/"]),
        (2, vec![]),
    ] {
        let explained = skybridge(["explain"].iter().chain(&arguments)).await;
        assert_eq!(explained.exit, exit, "{arguments:?}: {}", explained.err);
        let fetched = skybridge(&arguments).await;
        assert_eq!((fetched.exit, fetched.err), (exit, explained.err), "{arguments:?}");
    }
    assert_eq!(origin.connections(), 0);
}

#[tokio::test]
async fn its_help_says_what_it_does() {
    let (help, all) = (skybridge(["explain", "--help"]).await, skybridge(["--help"]).await);
    assert!(help.out.starts_with("Says what fetching URLs would come to: "), "{}", help.out);
    assert!(help.out.contains("\n\nUsage: skybridge explain [OPTIONS] [URL]...\n"), "{}", help.out);
    assert!(all.out.contains("Usage: skybridge [OPTIONS] [URL]...\n       skybridge explain [OPTIONS] [URL]...\n"));
    let (_, flags) = help.out.split_once("\nOptions:\n").unwrap();
    assert!(all.out.ends_with(flags));
}
