//! The built command line against real servers and proxies, started by `cargo xtask interop`; what each variable names
//! is in `xtask/fixtures/README.md`.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test's own steps")]

use serde_json::{Value, json};
use skybridge_tests::{certificate, named, nghttpx_saw};
use std::{
    collections::BTreeSet,
    fs,
    io::{Read, Write},
    net::TcpStream,
    process::{Command, Output},
};

fn port(variable: &str) -> String {
    named(variable).rsplit(':').next().unwrap().to_owned()
}

fn pin(whose: &str) -> String {
    format!("a.test={}", fs::read_to_string(certificate(&format!("{whose}.pin"))).unwrap())
}

/// What a run left.
struct Ran {
    exit: i32,
    reports: Vec<Value>,
    err: String,
}

/// The client, trusting the root, with `a.test` and `b.test` at nginx and no proxy of the environment.
fn skybridge(arguments: &[&str]) -> Ran {
    trusting("root", arguments)
}

fn trusting(authority: &str, arguments: &[&str]) -> Ran {
    let mut command = Command::new(named("SKYBRIDGE_CLI"));
    for name in ["http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"] {
        command.env_remove(name);
    }
    for origin in ["SKYBRIDGE_NGINX_TLS", "SKYBRIDGE_NGINX_TLS_H1", "SKYBRIDGE_NGINX_TLS_EXPIRED"] {
        for name in ["a.test", "b.test", "c.test"] {
            command.arg(format!("--resolve={name}:{}:127.0.0.1", port(origin)));
        }
    }
    command.arg("--cacert").arg(certificate(&format!("{authority}.pem"))).args(["--report", "-"]).args(arguments);
    let Output { status, stdout, stderr } = command.output().unwrap();
    let (out, err) = (String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap());
    let reports = out.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}")));
    Ran { exit: status.code().unwrap(), reports: reports.collect(), err }
}

fn url(name: &str, origin: &str, mark: &str) -> String {
    format!("https://{name}:{}/?{mark}", port(origin))
}

/// Each connection in nginx's log with a request that bears this mark, and how many requests do.
fn nginx_saw(mark: &str) -> (usize, usize) {
    // It logs a request after the answer has left. Its one worker does so before it answers this.
    let mut after = TcpStream::connect(named("SKYBRIDGE_NGINX")).unwrap();
    after.write_all(b"GET /204 HTTP/1.0\r\n\r\n").unwrap();
    after.read_to_end(&mut Vec::new()).unwrap();
    let log = fs::read_to_string(named("SKYBRIDGE_NGINX_LOG")).unwrap();
    let lines: Vec<&str> = log.lines().filter(|line| line.contains(&format!("/?{mark} "))).collect();
    let connections: BTreeSet<_> = lines.iter().map(|line| line.split(' ').next().unwrap()).collect();
    (connections.len(), lines.len())
}

fn exchanges(ran: &Ran) -> Vec<[Value; 2]> {
    let connections = ran.reports.iter().map(|report| &report["connection"]);
    connections.map(|connection| [connection["exchange"].clone(), connection["reused"].clone()]).collect()
}

fn three_on_one() -> [[Value; 2]; 3] {
    [[json!(0), json!(false)], [json!(1), json!(true)], [json!(2), json!(true)]]
}

#[test]
fn three_in_turn_are_on_one_connection_in_either_version() {
    for (origin, version) in [("SKYBRIDGE_NGINX_TLS", "2"), ("SKYBRIDGE_NGINX_TLS_H1", "1.1")] {
        let mark = format!("turn-{version}");
        let ran = skybridge(&["--repeat", "3", &url("a.test", origin, &mark)]);
        assert_eq!(ran.exit, 0, "{}", ran.err);
        assert_eq!(exchanges(&ran), three_on_one());
        assert!(ran.reports.iter().all(|report| report["http_version"] == version));
        assert_eq!(nginx_saw(&mark), (1, 3));
    }
}

#[test]
fn fifty_at_once_from_a_cold_start_are_on_one_connection() {
    let ran = skybridge(&["--parallel", "--repeat", "50", &url("a.test", "SKYBRIDGE_NGINX_TLS", "at-once")]);
    assert_eq!((ran.exit, ran.reports.len()), (0, 50), "{}", ran.err);
    assert_eq!(nginx_saw("at-once"), (1, 50));
}

#[test]
fn a_pin_of_any_certificate_of_the_path_passes_and_another_lets_no_request_out() {
    for whose in ["leaf", "intermediate", "root"] {
        let ran = skybridge(&["--pin", &pin(whose), &url("a.test", "SKYBRIDGE_NGINX_TLS", "right-pin")]);
        assert_eq!(ran.exit, 0, "{whose}: {}", ran.err);
    }
    assert_eq!(nginx_saw("right-pin"), (3, 3));
    let ran = skybridge(&["--pin", &pin("stranger"), &url("a.test", "SKYBRIDGE_NGINX_TLS", "wrong-pin")]);
    assert_eq!((ran.exit, &ran.reports[0]["error"]["kind"]), (90, &json!("pin")), "{}", ran.err);
    assert_eq!(nginx_saw("wrong-pin"), (0, 0));
}

#[test]
fn a_second_connection_is_resumed_and_has_the_path_of_the_first() {
    let url = url("a.test", "SKYBRIDGE_NGINX_TLS", "resumed");
    let ran = skybridge(&["--no-reuse", "--repeat", "2", "--pin", &pin("root"), &url]);
    assert_eq!(ran.exit, 0, "{}", ran.err);
    let [first, second] = [0, 1].map(|call: usize| &ran.reports[call]["connection"]["tls"]);
    assert_eq!((&first["resumed"], &second["resumed"]), (&json!(false), &json!(true)));
    assert_eq!(first["pins"], second["pins"]);
    assert_eq!(nginx_saw("resumed"), (2, 2));
}

#[test]
fn a_wrong_authority_name_or_date_is_exit_60() {
    let origin = "SKYBRIDGE_NGINX_TLS";
    let wrong = [
        trusting("stranger", &[&url("a.test", origin, "untrusted")]),
        skybridge(&[&url("c.test", origin, "untrusted")]),
        skybridge(&[&url("a.test", "SKYBRIDGE_NGINX_TLS_EXPIRED", "untrusted")]),
    ];
    for ran in wrong {
        assert_eq!((ran.exit, &ran.reports[0]["error"]["kind"]), (60, &json!("certificate")), "{}", ran.err);
    }
    assert_eq!(nginx_saw("untrusted"), (0, 0));
}

#[test]
fn a_closed_port_is_exit_7_and_an_unknown_name_exit_6() {
    let ran = skybridge(&["https://127.0.0.1:1/"]);
    assert_eq!((ran.exit, &ran.reports[0]["error"]["kind"]), (7, &json!("connect")), "{}", ran.err);
    let ran = skybridge(&["https://no-such-name.invalid/"]);
    assert_eq!((ran.exit, &ran.reports[0]["error"]["kind"]), (6, &json!("resolve")), "{}", ran.err);
}

/// Through the proxy: three in turn, then fifty at once, each on one connection, and no password is printed.
fn leads_to_nginx(proxy: &str, name: &str, mark: &str) {
    let trust = certificate("root.pem");
    let through = ["-v", "--events", "-x", proxy, "--proxy-cacert", trust.to_str().unwrap(), "--repeat"];
    let turn = format!("{mark}-turn");
    let ran = skybridge(&[&through[..], &["3", &url(name, "SKYBRIDGE_NGINX_TLS", &turn)]].concat());
    assert_eq!(ran.exit, 0, "{mark}: {}", ran.err);
    assert_eq!(exchanges(&ran), three_on_one());
    assert!(ran.reports.iter().all(|report| report["connection"]["proxy"].is_string()));
    assert!(!ran.err.contains("s3cret") && ran.reports.iter().all(|report| !report.to_string().contains("s3cret")));
    assert_eq!(nginx_saw(&turn), (1, 3));
    let once = format!("{mark}-once");
    let ran = skybridge(&[&through[..], &["50", "--parallel", &url(name, "SKYBRIDGE_NGINX_TLS", &once)]].concat());
    assert_eq!((ran.exit, nginx_saw(&once)), (0, (1, 50)), "{mark}: {}", ran.err);
}

#[test]
fn squid_leads_to_nginx_with_the_password() {
    leads_to_nginx(&format!("http://alice:s3cret@{}", named("SKYBRIDGE_SQUID")), "a.test", "squid");
    leads_to_nginx(&format!("https://alice:s3cret@{}", named("SKYBRIDGE_SQUID_TLS")), "a.test", "squid-tls");
}

/// It is the peer of both. `http://` is forwarded, so nothing but the connection to it is shared.
#[test]
fn squid_forwards_for_two_names_over_one_connection() {
    let proxy = format!("http://alice:s3cret@{}", named("SKYBRIDGE_SQUID"));
    let turns = ["a.test", "b.test", "a.test"].map(|name| url(name, "SKYBRIDGE_NGINX", "forwarded"));
    let turns = turns.map(|url| url.replace("https://", "http://"));
    let ran = skybridge(&["-x", &proxy, &turns[0], &turns[1], &turns[2]]);
    assert_eq!(ran.exit, 0, "{}", ran.err);
    let told = |report: &Value| (report["status"].clone(), report["connection"]["id"].clone());
    let told: Vec<_> = ran.reports.iter().map(told).collect();
    assert_eq!(told, [(json!(200), json!(1)), (json!(200), json!(1)), (json!(200), json!(1))]);
}

#[test]
fn squid_is_answered_by_digest_and_sees_the_password_never() {
    let proxy = format!("http://alice:s3cret@{}", named("SKYBRIDGE_SQUID"));
    for (how, password, exit) in
        [("--proxy-digest", "s3cret", 0), ("--proxy-anyauth", "s3cret", 0), ("--proxy-digest", "wrong", 97)]
    {
        let mark = format!("by{how}-{password}");
        let proxy = proxy.replace("s3cret", password);
        let target = url("a.test", "SKYBRIDGE_NGINX_TLS", &mark);
        let ran = skybridge(&["-x", &proxy, how, "--no-reuse", "--repeat", "3", &target]);
        assert_eq!(ran.exit, exit, "{mark}: {}", ran.err);
        assert_eq!(nginx_saw(&mark), if exit == 0 { (3, 3) } else { (0, 0) });
    }
}

/// Each request has a connection of its own to nginx, so each has a tunnel.
#[test]
fn fifty_tunnels_through_nghttpx_are_streams_where_they_may_be() {
    let (trust, proxy) = (certificate("root.pem"), format!("https://alice:s3cret@{}", named("SKYBRIDGE_NGHTTPX")));
    for (how, by) in [(&["--proxy-http2"][..], "HTTP/2"), (&[], "HTTP/1.1")] {
        let mark = format!("multiplexed-{by}");
        let target = url("a.test", "SKYBRIDGE_NGINX_TLS", &mark);
        let before = nghttpx_saw(" CONNECT ", 0).len();
        let through = ["-x", &proxy, "--proxy-cacert", trust.to_str().unwrap(), "--no-reuse", "--parallel", "--repeat"];
        let ran = skybridge(&[&through[..], &["50", &target], how].concat());
        assert_eq!((ran.exit, nginx_saw(&mark)), (0, (50, 50)), "{}", ran.err);
        let lines = nghttpx_saw(" CONNECT ", before + 50).split_off(before);
        assert_eq!(lines.iter().filter(|line| line.ends_with(by)).count(), 50, "{lines:?}");
    }
}

/// `http://` is forwarded: by nghttpx to squid, and from there.
#[test]
fn nghttpx_forwards_for_two_names_over_one_connection_of_http2() {
    let (trust, proxy) = (certificate("root.pem"), format!("https://alice:s3cret@{}", named("SKYBRIDGE_NGHTTPX")));
    for (how, by) in [(&["--proxy-http2"][..], "HTTP/2"), (&[], "HTTP/1.1")] {
        let turns = ["a.test", "b.test", "a.test"].map(|name| url(name, "SKYBRIDGE_NGINX", "forwarded-h2"));
        let turns = turns.map(|url| url.replace("https://", "http://"));
        let before = nghttpx_saw(" GET ", 0).len();
        let through = ["-x", &proxy, "--proxy-cacert", trust.to_str().unwrap(), &turns[0], &turns[1], &turns[2]];
        let ran = skybridge(&[&through[..], how].concat());
        assert_eq!(ran.exit, 0, "{}", ran.err);
        assert!(ran.reports.iter().all(|report| report["connection"]["id"] == 1), "{:?}", ran.reports);
        let lines = nghttpx_saw(" GET ", before + 3).split_off(before);
        let ports: BTreeSet<_> = lines.iter().map(|line| line.split(' ').next().unwrap()).collect();
        assert_eq!((lines.len(), ports.len()), (3, 1), "{lines:?}");
        assert!(lines.iter().all(|line| line.contains(" 200 ") && line.contains(by)), "{lines:?}");
    }
}

#[test]
fn microsocks_leads_to_nginx_with_the_password() {
    leads_to_nginx(&format!("socks5://alice:s3cret@{}", named("SKYBRIDGE_MICROSOCKS")), "a.test", "socks5");
    leads_to_nginx(&format!("socks5h://alice:s3cret@{}", named("SKYBRIDGE_MICROSOCKS")), "127.0.0.1", "socks5h");
}

#[test]
fn dante_leads_to_nginx_with_the_password() {
    leads_to_nginx(&format!("socks5://alice:s3cret@{}", named("SKYBRIDGE_DANTE")), "a.test", "dante");
    leads_to_nginx(&format!("socks5h://alice:s3cret@{}", named("SKYBRIDGE_DANTE")), "127.0.0.1", "dante-name");
}

#[test]
fn what_a_proxy_refuses_is_exit_97() {
    let (squid, socks) = (named("SKYBRIDGE_SQUID"), named("SKYBRIDGE_MICROSOCKS"));
    let dante = named("SKYBRIDGE_DANTE");
    let target = url("a.test", "SKYBRIDGE_NGINX_TLS", "refused");
    let refused = [
        (format!("http://alice:s3cret@{squid}"), "https://forbidden.test/"),
        (format!("http://alice:wrong@{squid}"), &target),
        (format!("http://{squid}"), &target),
        (format!("socks5://alice:wrong@{socks}"), &target),
        (format!("socks5://alice:wrong@{dante}"), &target),
        (format!("socks5://{dante}"), &target),
        (format!("socks5h://alice:s3cret@{dante}"), "https://forbidden.test/"),
    ];
    for (proxy, target) in refused {
        let ran = skybridge(&["-x", &proxy, target]);
        assert_eq!((ran.exit, &ran.reports[0]["error"]["kind"]), (97, &json!("proxy")), "{proxy}: {}", ran.err);
    }
    assert_eq!(nginx_saw("refused"), (0, 0));
}

#[test]
fn two_names_of_one_certificate_and_address_share_a_connection_unless_told_otherwise() {
    let urls = |mark| ["a.test", "b.test"].map(|name| url(name, "SKYBRIDGE_NGINX_TLS", mark));
    let [first, second] = urls("coalesced");
    let ran = skybridge(&[&first, &second]);
    assert_eq!(ran.exit, 0, "{}", ran.err);
    assert_eq!((&ran.reports[1]["connection"]["coalesced"], nginx_saw("coalesced")), (&json!(true), (1, 2)));
    let [first, second] = urls("apart");
    let ran = skybridge(&["--no-coalesce", &first, &second]);
    assert_eq!((ran.exit, nginx_saw("apart")), (0, (2, 2)), "{}", ran.err);
    let [second, first] = urls("pinned-apart"); // the pinned name is the second
    let ran = skybridge(&["--pin", &pin("stranger"), &first, &second]);
    assert_eq!((ran.exit, nginx_saw("pinned-apart")), (90, (1, 1)), "{}", ran.err);
}
