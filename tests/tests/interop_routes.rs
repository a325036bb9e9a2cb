//! The built command line in a network of its own, whose packets are dropped: `cargo xtask interop` makes it. What each
//! variable names is in `xtask/fixtures/README.md`.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test's own steps")]

use serde_json::{Value, json};
use skybridge_tests::{certificate, named};
use std::{
    io::Write,
    process::{Command, Output, Stdio},
    sync::{Mutex, MutexGuard, PoisonError},
};

/// RFC 8305's delay, and what a busy machine may add to it, in microseconds.
const DELAY: std::ops::RangeInclusive<u64> = 250_000..=400_000;

/// One test at a time: they share the network.
struct Network(#[expect(dead_code, reason = "held")] MutexGuard<'static, ()>);

impl Network {
    /// The server's rules from now on: what comes in is dropped or refused by these.
    fn with(rules: &[&str]) -> Self {
        static ALONE: Mutex<()> = Mutex::new(());
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let chain = "add table inet faults\nadd chain inet faults in { type filter hook input priority 0; }\n";
        let rules: String = rules.iter().map(|rule| format!("add rule inet faults in {rule}\n")).collect();
        let mut nft = inside("SKYBRIDGE_NETWORK_SERVER")
            .arg(named("SKYBRIDGE_NFT"))
            .args(["-f", "-"])
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let text = format!("flush ruleset\n{chain}{rules}");
        nft.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        assert!(nft.wait().unwrap().success(), "{text}");
        Self(alone)
    }
}

fn inside(namespace: &str) -> Command {
    let mut command = Command::new(named("SKYBRIDGE_IP"));
    command.args(["netns", "exec", &named(namespace)]);
    command
}

struct Ran {
    exit: i32,
    report: Value,
    /// When each attempt started, in microseconds.
    starts: Vec<u64>,
    text: String,
}

/// The client, in its namespace, where its resolver asks dnsmasq.
fn skybridge(arguments: &[&str]) -> Ran {
    let mut command = inside("SKYBRIDGE_NETWORK_CLIENT");
    // `ip netns exec` gives a mount namespace too.
    command.args(["sh", "-c", "mount --bind \"$0\" /etc/resolv.conf && exec \"$@\""]);
    command.arg(named("SKYBRIDGE_NETWORK_RESOLV")).arg(named("SKYBRIDGE_CLI"));
    command.arg("--cacert").arg(certificate("root.pem"));
    let output = command.args(["--noproxy", "*", "--events", "--report", "-"]).args(arguments).output().unwrap();
    let Output { status, stdout, stderr } = output;
    let text = format!("{}{}", String::from_utf8(stdout.clone()).unwrap(), String::from_utf8(stderr.clone()).unwrap());
    let events = stderr.split(|&byte| byte == b'\n').filter_map(|line| serde_json::from_slice::<Value>(line).ok());
    let starts = events.filter(|event| event["event"] == "connect_start").map(|event| event["t_us"].as_u64().unwrap());
    let starts = starts.collect();
    let report = serde_json::from_slice(&stdout).unwrap_or_else(|error| panic!("{error}: {text}"));
    Ran { exit: status.code().unwrap(), report, starts, text }
}

/// The outcome of each attempt, and its address.
fn attempts(ran: &Ran) -> Vec<(String, String)> {
    let attempts = ran.report["attempts"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let address = |attempt: &Value| text(&attempt["route"]).rsplit(" at ").next().unwrap_or_default().to_owned();
    attempts.map(|attempt| (text(&attempt["outcome"]), address(attempt))).collect()
}

fn expected(attempts: &[(&str, &str)]) -> Vec<(String, String)> {
    attempts.iter().map(|&(outcome, address)| (outcome.to_owned(), address.to_owned())).collect()
}

#[test]
fn where_ipv6_is_a_black_hole_ipv4_starts_a_delay_later_and_wins() {
    let _network = Network::with(&["meta nfproto ipv6 meta l4proto tcp drop"]);
    let mut delays: Vec<u64> = Vec::new();
    for _ in 0..5 {
        let ran = skybridge(&["http://a.test/"]);
        assert_eq!((ran.exit, &ran.report["status"]), (0, &json!(200)), "{}", ran.text);
        assert_eq!(
            attempts(&ran),
            expected(&[("abandoned", "[fd77::2]:80"), ("connected", "10.77.0.2:80")]),
            "{}",
            ran.text
        );
        delays.push(ran.starts[1] - ran.starts[0]);
    }
    assert!(delays.iter().all(|delay| delay >= DELAY.start()), "{delays:?}");
    assert!(delays.iter().any(|delay| DELAY.contains(delay)), "{delays:?}");
}

#[test]
fn where_ipv6_is_refused_ipv4_starts_at_once() {
    let _network = Network::with(&["meta nfproto ipv6 meta l4proto tcp reject with tcp reset"]);
    let gaps: Vec<u64> = (0..5)
        .map(|_| {
            let ran = skybridge(&["http://a.test/"]);
            assert_eq!(ran.exit, 0, "{}", ran.text);
            assert_eq!(attempts(&ran), expected(&[("failed", "[fd77::2]:80"), ("connected", "10.77.0.2:80")]));
            ran.starts[1] - ran.starts[0]
        })
        .collect();
    assert!(gaps.iter().any(|gap| gap < DELAY.start()), "{gaps:?}");
}

#[test]
fn where_both_are_black_holes_it_is_a_timeout_that_names_both() {
    let _network = Network::with(&["meta l4proto tcp drop"]);
    let ran = skybridge(&["--connect-timeout", "1", "http://a.test/"]);
    assert_eq!((ran.exit, &ran.report["error"]["kind"]), (28, &json!("timeout")), "{}", ran.text);
    let addresses: Vec<String> = attempts(&ran).into_iter().map(|(_, address)| address).collect();
    assert_eq!(addresses, ["[fd77::2]:80", "10.77.0.2:80"], "{}", ran.text);
}

/// It takes the connection, and answers nothing.
#[test]
fn an_address_that_stalls_in_tls_is_followed_by_the_next() {
    let _network = Network::with(&["ip daddr 10.77.0.3 tcp dport 443 tcp flags & (syn | psh) == psh drop"]);
    let resolve = ["--resolve", "a.test:443:10.77.0.3,10.77.0.4", "--connect-timeout", "30"];
    let ran = skybridge(&[&resolve[..], &["https://a.test/"]].concat());
    assert_eq!((ran.exit, &ran.report["status"]), (0, &json!(200)), "{}", ran.text);
    // A second connect begins beside the one that stalls, and begins with the other address.
    let told = expected(&[("abandoned", "10.77.0.3:443"), ("connected", "10.77.0.4:443")]);
    assert_eq!(attempts(&ran), told, "{}", ran.text);
    assert_eq!(ran.report["connection"]["remote_addr"], json!("10.77.0.4:443"), "{}", ran.text);
}

#[test]
fn one_lost_packet_of_dns_fails_nothing() {
    let _network = Network::with(&["udp dport 53 numgen inc mod 1000000 == 0 drop"]);
    let ran = skybridge(&["http://a.test/"]);
    assert_eq!((ran.exit, &ran.report["status"]), (0, &json!(200)), "{}", ran.text);
}

/// The type of what is asked stands behind the 12 bytes of the header and the 8 of `a.test` (RFC 1035, section 4.1).
#[test]
fn ipv4_is_used_at_once_where_nobody_answers_for_ipv6() {
    let _network = Network::with(&["udp dport 53 @th,224,16 28 drop"]);
    let ran = skybridge(&["http://a.test/"]);
    assert_eq!((ran.exit, &ran.report["status"]), (0, &json!(200)), "{}", ran.text);
    assert_eq!(attempts(&ran), expected(&[("connected", "10.77.0.2:80")]), "{}", ran.text);
    // The system's resolver asks again after 5 s.
    let resolve = ran.report["timings_us"]["resolve"].as_u64().unwrap();
    assert!(resolve < 5_000_000, "{}", ran.text);
}

/// Those of `resolv.conf` are not asked: nothing over IPv4 reaches them.
#[test]
fn given_dns_servers_are_asked_for_both_families_and_no_others() {
    let _network = Network::with(&["meta nfproto ipv4 meta l4proto { tcp, udp } th dport 53 drop"]);
    for (family, address) in [("-6", "[fd77::2]:80"), ("-4", "10.77.0.2:80")] {
        let ran = skybridge(&["--dns-servers", "[fd77::2]:53", family, "http://a.test/"]);
        assert_eq!((ran.exit, &ran.report["status"]), (0, &json!(200)), "{}", ran.text);
        assert_eq!(attempts(&ran), expected(&[("connected", address)]), "{}", ran.text);
    }
}

/// It is sent again after a third of a second, and not after the 5 s of the system's resolver.
#[test]
fn a_given_dns_server_is_asked_again_soon_when_a_packet_is_lost() {
    let _network = Network::with(&["udp dport 53 numgen inc mod 1000000 == 0 drop"]);
    let ran = skybridge(&["--dns-servers", "10.77.0.2", "-4", "http://a.test/"]);
    assert_eq!((ran.exit, &ran.report["status"]), (0, &json!(200)), "{}", ran.text);
    let resolve = ran.report["timings_us"]["resolve"].as_u64().unwrap();
    assert!(resolve < 5_000_000, "{}", ran.text);
}

#[test]
fn ipv4_is_used_at_once_where_a_given_dns_server_is_silent_about_ipv6() {
    let _network = Network::with(&["udp dport 53 @th,224,16 28 drop"]);
    let ran = skybridge(&["--dns-servers", "10.77.0.2", "http://a.test/"]);
    assert_eq!((ran.exit, &ran.report["status"]), (0, &json!(200)), "{}", ran.text);
    assert_eq!(attempts(&ran), expected(&[("connected", "10.77.0.2:80")]), "{}", ran.text);
    let resolve = ran.report["timings_us"]["resolve"].as_u64().unwrap();
    assert!(resolve < 5_000_000, "{}", ran.text);
}

#[test]
fn a_name_that_a_given_dns_server_does_not_have_is_exit_6() {
    let _network = Network::with(&[]);
    let ran = skybridge(&["--dns-servers", "10.77.0.2", "http://nobody.test/"]);
    assert_eq!(ran.exit, 6, "{}", ran.text);
}
