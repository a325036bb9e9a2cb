//! Hosts that aren't ASCII: each flag means the host that the URL does, however either is written.

use crate::{
    ran::{fed_in, skybridge},
    tls::{Desk, h2},
};
use skybridge_testkit::{certs::Ca, origin::Origin};

const WAYS: [&str; 3] = ["bücher.test", "BU\u{308}CHER\u{3002}Test", "xn--bcher-kva.TEST"];

#[tokio::test]
async fn a_url_is_asked_for_by_its_name_in_ascii() {
    let origin = Origin::h1().start().await;
    let port = origin.addr().port();
    for (name, url) in WAYS.into_iter().flat_map(|name| WAYS.map(|url| (name, url))) {
        let url = format!("{url}:{port}/x");
        let to = format!("{name}:{port}:127.0.0.1:{port}");
        let resolve = format!("--resolve={name}:{port}:127.0.0.1");
        for flags in [&["--connect-to", &to][..], &[&resolve]] {
            let ran = skybridge(flags.iter().chain([&url.as_str()])).await;
            assert_eq!((ran.exit, &*ran.out), (0, "hello"), "{flags:?} {url}: {}", ran.err);
        }
    }
    let host = format!("xn--bcher-kva.test:{port}");
    assert!(origin.requests().iter().all(|seen| seen.header("host") == Some(&host)), "{:?}", origin.requests());
}

#[tokio::test]
async fn a_pin_holds_for_the_host_in_either_form() {
    let desk = Desk::new();
    let cert = desk.ca.leaf(["xn--bcher-kva.test"]);
    let origin = h2(&cert).start().await;
    let trust = format!("--cacert={}", desk.file("ca.pem", &desk.ca.pem()).display());
    for (name, url) in WAYS.into_iter().flat_map(|name| WAYS.map(|url| (name, url))) {
        let port = origin.addr().port();
        let (resolve, url) = (format!("--resolve={name}:{port}:127.0.0.1"), format!("https://{url}:{port}/"));
        for (pin, exit) in [(desk.ca.pin(), 0), (Ca::new("other").pin(), 90)] {
            let pin = format!("--pin={name}={pin}");
            let ran = skybridge([&*trust, &resolve, &pin, &url]).await;
            assert_eq!(ran.exit, exit, "{pin} {url}: {}", ran.err);
        }
    }
}

#[tokio::test]
async fn an_exception_from_proxies_holds_for_the_host_in_either_form() {
    let origin = Origin::h1().start().await;
    let port = origin.addr().port();
    let url = format!("http://bücher.test:{port}/");
    let resolve = format!("--resolve=bücher.test:{port}:127.0.0.1");
    for name in WAYS {
        let given = [("http_proxy", "http://127.0.0.1:1"), ("no_proxy", name)];
        let ran = fed_in(&given, [&*resolve, &url], "").await;
        assert_eq!(ran.exit, 0, "{name}: {}", ran.err);
        let ran = skybridge(["-x", "http://127.0.0.1:1", "--noproxy", name, &resolve, &url]).await;
        assert_eq!(ran.exit, 0, "{name}: {}", ran.err);
    }
}

#[tokio::test]
async fn what_is_no_name_is_refused_and_nothing_is_sent() {
    for url in ["http://a\u{ff0f}b.test/", "http://a\u{200d}b.test/", "http://\u{ad}/"] {
        let ran = skybridge([url]).await;
        assert_ne!(ran.exit, 0, "{url}");
        assert!(ran.err.contains("is not a host name"), "{url}: {}", ran.err);
    }
    for flags in [["--pin", "a\u{ff0f}b=sha256/x"], ["--resolve", "a\u{ff0f}b:80:::1"]] {
        let ran = skybridge(flags.iter().chain(&["http://a.test/"])).await;
        assert_eq!(ran.exit, 2, "{}", ran.err);
    }
}
