//! `skybridge pins`: whose keys vouch for a server, and it is sent no request.

use crate::{
    ran::{reports, skybridge},
    tls::{Desk, h2},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::json;
use skybridge_testkit::{certs::Ca, origin::Origin, proxy::ProxyServer};
use tokio::net::TcpListener;

#[tokio::test]
async fn the_verified_path_is_printed_and_the_lines_pin_it() {
    let desk = Desk::new();
    let between = desk.ca.intermediate("between");
    let cert = between.leaf(["a.test"]).also(Ca::new("a stranger").der());
    let origin = h2(&cert).start().await;
    let ran = desk.pins(&origin, "a.test", &[]).await;
    assert_eq!((ran.exit, &*ran.err), (0, ""), "{}", ran.out);
    let lines: Vec<_> = ran.out.lines().collect();
    let port = origin.addr().port();
    let [leaf, middle, root] = [cert.pin(), between.pin(), desk.ca.pin()];
    assert_eq!(lines[0], format!("https://a.test:{port}: the verified path:"));
    assert_eq!(
        [lines[1], lines[4], lines[7]],
        [leaf.as_str(), &middle, &root].map(|pin| format!("  {pin}")),
        "{lines:?}"
    );
    assert_eq!([lines[5], lines[8]], ["    CN=between, issued by CN=a root", "    CN=a root, a trusted root"]);
    assert!(lines[3].starts_with("    from 1975-01-01 00:00:00 UTC to 4096-01-01 00:00:00 UTC, expires in "));
    assert!(!ran.out.contains("a stranger"), "{}", ran.out);
    assert_eq!((origin.connections(), origin.requests().len()), (1, 0));

    // What is to be pasted is what the flags take.
    let pasted = |tool: &str| lines.iter().find_map(|line| line.trim().strip_prefix(tool)).unwrap().trim().to_owned();
    assert_eq!(pasted("Rust"), format!(".pin(\"a.test\", \"{leaf}\")"));
    for (flag, value) in ["skybridge", "curl"]
        .map(|tool| pasted(tool).split_once(' ').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap())
    {
        let ran = desk.run(&origin, "a.test", &[&flag, value.trim_matches('\'')]).await;
        assert_eq!(ran.exit, 0, "{flag} {value}: {}", ran.err);
    }
}

#[tokio::test]
async fn its_help_says_what_it_does() {
    for flag in ["--help", "-h"] {
        let help = skybridge(["pins", flag]).await;
        assert!(help.out.starts_with("Prints the pins of https servers: "), "{}", help.out);
        assert!(help.out.contains("\n\nUsage: skybridge pins [OPTIONS] [HOST[:PORT]]...\n"), "{}", help.out);
        // It fetches nothing, and speaks TLS without a scheme as well.
        let (arguments, _) = help.out.split_once("\n\nOptions:").unwrap();
        assert!(
            arguments.contains("\n  [HOST[:PORT]]...") && arguments.contains(" Whose pins to print"),
            "{arguments}"
        );
        assert!(!arguments.contains("http://"), "{arguments}");
    }
}

#[tokio::test]
async fn the_report_has_the_path_as_json() {
    let desk = Desk::new();
    let cert = desk.ca.leaf(["a.test"]);
    let origin = h2(&cert).start().await;
    // Pins among the flags don't count: those of the server are wanted.
    let wrong = format!("a.test={}", Ca::new("other").pin());
    let ran = desk.pins(&origin, "a.test", &["--report", "-", "--pin", &wrong]).await;
    let report = &reports(&ran)[0];
    assert_eq!((ran.exit, &report["verified"], &report["error"]), (0, &json!(true), &json!(null)), "{}", ran.err);
    let path = report["path"].as_array().unwrap();
    assert_eq!((path.len(), &path[0]["pin"], &path[1]["pin"]), (2, &json!(cert.pin()), &json!(desk.ca.pin())));
    assert_eq!((&path[0]["not_after"], &path[1]["subject"]), (&json!("4096-01-01T00:00:00.000Z"), &json!("CN=a root")));
    assert_eq!(report["paste"]["cli"], format!("--pin 'a.test={}'", cert.pin()));
}

#[tokio::test]
async fn a_server_that_is_not_verified_is_told_as_that_and_is_exit_60() {
    let desk = Desk::new();
    let stranger = Ca::new("a stranger");
    let cert = stranger.leaf(["a.test"]).also(stranger.der());
    let origin = h2(&cert).start().await;
    for (flags, exit) in [(&[][..], 60), (&["-k"], 0)] {
        let ran = desk.pins(&origin, "a.test", flags).await;
        assert_eq!(ran.exit, exit, "{}", ran.out);
        assert!(ran.err.contains("certificate issuer `a stranger` is not trusted"), "{}", ran.err);
        assert!(ran.out.lines().next().unwrap().ends_with(": NOT verified; what it presents:"), "{}", ran.out);
        assert!(ran.out.contains(&cert.pin()) && ran.out.contains("which doesn't make it trusted"), "{}", ran.out);
    }
    let ran = desk.pins(&origin, "a.test", &["--report", "-"]).await;
    let report = &reports(&ran)[0];
    assert_eq!(
        (&report["verified"], &report["path"], &report["error"]["kind"]),
        (&json!(false), &json!([]), &json!("certificate"))
    );
    assert_eq!(report["presented"].as_array().unwrap().len(), 2);
    assert_eq!(origin.requests().len(), 0);
}

#[tokio::test]
async fn it_goes_through_proxies_and_a_server_without_tls_has_no_pins() {
    let desk = Desk::new();
    let origin = h2(&desk.ca.leaf(["127.0.0.1"])).start().await;
    let proxy = ProxyServer::http().start().await;
    let named = format!("http://127.0.0.1:{}", proxy.addr().port());
    let ran = desk.pins(&origin, "127.0.0.1", &["-x", &named]).await;
    assert_eq!((ran.exit, proxy.connections(), origin.requests().len()), (0, 1, 0), "{}", ran.err);
    assert!(ran.out.contains(&desk.ca.pin()));

    let plain = Origin::h1().start().await;
    let ran = skybridge(["pins", &plain.url("/")]).await;
    assert_eq!((ran.exit, plain.connections()), (2, 0), "{}", ran.err);
    assert!(ran.err.ends_with("is not encrypted, and has no keys\n"), "{}", ran.err);
    // One that can't be reached hides nothing of the next.
    let port = origin.addr().port();
    let ran = desk.pins(&origin, "127.0.0.1", &["127.0.0.1:1"]).await;
    assert_eq!(ran.exit, 7, "{}", ran.err);
    assert!(ran.out.starts_with(&format!("https://127.0.0.1:{port}: the verified path:")), "{}", ran.out);
}

#[tokio::test]
async fn events_silence_and_the_time_that_it_may_take_are_as_for_a_request() {
    let desk = Desk::new();
    let origin = h2(&desk.ca.leaf(["a.test"])).start().await;
    let ran = desk.pins(&origin, "a.test", &["--events"]).await;
    assert!(ran.exit == 0 && ran.err.contains(r#""event":"tls_end""#), "{}", ran.err);
    let strange = h2(&Ca::new("a stranger").leaf(["a.test"])).start().await;
    for (flag, is_told) in [("-s", false), ("-sS", true)] {
        let ran = desk.pins(&strange, "a.test", &[flag]).await;
        assert_eq!((ran.exit, ran.err.contains("is not trusted")), (60, is_told), "{flag}: {}", ran.err);
    }
    // Somebody who listens, and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", silent.local_addr().unwrap());
    let ran = skybridge(["pins", "-m", "0.3", &url]).await;
    assert!(ran.exit == 28 && ran.err.contains("the call took longer than 300ms"), "{}", ran.err);
}

/// As curl takes it: `openssl pkey -pubout`, with `-outform der` too.
#[tokio::test]
async fn a_key_is_pinned_by_a_file_of_it() {
    let desk = Desk::new();
    let cert = desk.ca.leaf(["a.test"]);
    let origin = h2(&cert).start().await;
    let (right, wrong) = (public_key(&cert.chain()[0]), public_key(&desk.ca.der()));
    let pem = |der: &[u8]| format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", STANDARD.encode(der));
    let files = [
        (right.clone(), 0),
        (pem(&right).into_bytes(), 0),
        (pem(&wrong).into_bytes(), 90),
        (cert.chain_pem().into(), 90),
    ];
    for (at, (key, exit)) in files.into_iter().enumerate() {
        let file = desk.file(&format!("key{at}"), &key);
        let ran = desk.run(&origin, "a.test", &["--pinnedpubkey", &file.display().to_string()]).await;
        assert_eq!(ran.exit, exit, "{at}: {}", ran.err);
    }
    assert_eq!(origin.requests().len(), 2);
    for value in ["no/such.pem", "sha256/AAAA", "sha1//AAAA"] {
        let ran = desk.run(&origin, "a.test", &["--pinnedpubkey", value]).await;
        assert_eq!(
            (ran.exit, ran.err.starts_with(&format!("skybridge: (90) --pinnedpubkey {value}: "))),
            (90, true),
            "{}",
            ran.err
        );
        assert!(ran.err.ends_with("neither a file nor hashes, which begin with sha256//; nearest: sha256//BASE64\n"));
    }
}

#[tokio::test]
async fn what_is_named_in_the_place_of_a_public_key_is_told_what_to_do() {
    let desk = Desk::new();
    let cert = desk.ca.leaf(["a.test"]);
    let origin = h2(&cert).start().await;
    for (file, how) in [
        (cert.chain_pem(), "openssl x509 -pubkey -noout -in "),
        (cert.key_pem(), "openssl pkey -pubout -in "),
        ("nothing".to_owned(), "a file that openssl pkey -pubout has written"),
    ] {
        let file = desk.file("given", &file).display().to_string();
        for flag in ["--pinnedpubkey", "--proxy-pinnedpubkey"] {
            let ran = desk.run(&origin, "a.test", &[flag, &file]).await;
            assert!(ran.exit == 90 && ran.err.contains("nor DER; nearest: "), "{}", ran.err);
            assert!(ran.err.contains(how), "{}", ran.err);
        }
    }
    let pin = cert.pin().replacen('/', "//", 1);
    for (value, wrong) in [
        ("sha256//AAAA".to_owned(), "`sha256//AAAA` is not sha256// and the base64 of 32 bytes"),
        (format!("{pin};"), "`` is not sha256//"),
        (format!("{pin},{pin}"), "is not sha256// and"),
        (format!("{pin};sha256/AAAA"), "`sha256/AAAA` is not sha256//"),
        (String::new(), "nearest: 'sha256//BASE64;sha256//BASE64'"),
    ] {
        let ran = desk.run(&origin, "a.test", &["--pinnedpubkey", &value]).await;
        assert!(ran.exit == 2 && ran.err.starts_with("skybridge: --pinnedpubkey "), "{value}: {}", ran.err);
        assert!(ran.err.contains(wrong), "{value}: {}", ran.err);
    }
    assert_eq!(origin.connections(), 0);
    let ran = desk.run(&origin, "a.test", &["--pinnedpubkey", &format!("{pin}; {pin}")]).await;
    assert_eq!(ran.exit, 0, "{}", ran.err);
}

/// That of a certificate with a key of P-256, by its header.
fn public_key(certificate: &[u8]) -> Vec<u8> {
    let header = STANDARD.decode("MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE").unwrap();
    let at = certificate.windows(header.len()).position(|window| window == header).unwrap();
    certificate[at..at + 91].to_vec()
}

#[tokio::test]
async fn pins_for_report_only_are_told_by_v_and_refuse_nobody() {
    let desk = Desk::new();
    let cert = desk.ca.leaf(["a.test"]);
    let origin = h2(&cert).start().await;
    let pin = format!("a.test={}", Ca::new("other").pin());
    let flags = ["--pin", &pin, "--pin-report-only", "-v", "--events"];
    let ran = desk.run(&origin, "a.test", &flags).await;
    assert_eq!(ran.exit, 0, "{}", ran.err);
    let told =
        format!("* PINS: the peer of a.test has none of its pins, which is only reported: the path has {}", cert.pin());
    assert!(ran.err.contains(&told) && ran.err.contains(r#""event":"pins_not_enforced""#), "{}", ran.err);
    let ran = desk.run(&origin, "a.test", &["--pin", &pin]).await;
    assert_eq!(ran.exit, 90);
}

/// Who asks why nothing is refused is told of pins that were given, and not that there are none.
#[tokio::test]
async fn explain_tells_pins_that_refuse_nobody_from_those_that_hold() {
    let desk = Desk::new();
    let origin = h2(&desk.ca.leaf(["a.test"])).start().await;
    let pin = Ca::new("other").pin();
    let given = format!("a.test={pin}");
    let port = origin.addr().port();
    let (url, resolve) = (format!("https://a.test:{port}/"), format!("--resolve=a.test:{port}:127.0.0.1"));
    for (flags, held_to, others, told) in [
        (&["--pin", &given][..], json!([pin]), json!([]), format!("pinned to {pin}")),
        (
            &["--pin", &given, "--pin-report-only"],
            json!([]),
            json!([pin]),
            format!("pinned to {pin}, which refuses nobody: it has expired or is for report only"),
        ),
    ] {
        let ran = skybridge(["explain", &resolve].iter().chain(flags).chain(&[&*url])).await;
        assert!(ran.out.lines().any(|line| line.trim() == told), "{}", ran.out);
        assert!(!ran.out.contains("no pins,") && ran.out.contains("refuse anybody") == (held_to == json!([])));
        let ran = desk.explain(&origin, "a.test", flags).await;
        let tls = &reports(&ran)[0]["tls"];
        assert_eq!((&tls["pins"], &tls["pins_not_enforced"]), (&held_to, &others));
    }
}
