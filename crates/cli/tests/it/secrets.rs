//! What is a secret is printed by no flag but `--show-secrets`.

use crate::ran::{Ran, fed_in, skybridge};
use http::Response;
use skybridge_testkit::origin::Origin;

/// Every flag that tells something.
const TELLING: [&str; 7] = ["-vv", "-i", "-L", "--events", "--timeline", "--report", "-"];

/// Leads around and around, with a secret in each reference to the next.
async fn guide(to: &'static str) -> Origin {
    let answer = move |_| async move {
        Response::builder()
            .status(302)
            .header("location", to)
            .header("set-cookie", "id=hunter2")
            .header("x-auth-token", "hunter2")
            .body(String::new())
            .unwrap()
    };
    Origin::h1().handle(answer).start().await
}

fn assert_silent(ran: &Ran, what: &str) {
    assert!(!ran.out.contains("hunter2") && !ran.err.contains("hunter2"), "{what}:\n{}\n{}", ran.out, ran.err);
}

#[tokio::test]
async fn a_scheme_further_on_in_a_url_ends_nothing() {
    let origin = guide("/cb?code=hunter2&next=https://x.test/").await;
    let at = origin.addr();
    // The URL, and whether it can be fetched.
    let rows = [
        (format!("{at}/?token=hunter2&next=https://x.test/"), true),
        (format!("http://{at}/?token=hunter2&next=https://x.test/"), true),
        (format!("http://{at}/#hunter2://x.test/"), true),
        (format!("alice:hunter2@{at}/?next=https://x.test/"), true),
        (format!("http://alice:hunter2@{at}/"), true),
        (format!("http://alice:hunter2/x@{at}/"), false),
        (format!("http://alice:p@hunter2/x@{at}/"), false),
        (format!("http://alice:x?hunter2@{at}/"), false),
        (format!("alice:x#hunter2@{at}/"), false),
        (format!("http:/alice:hunter2@{at}/"), false),
    ];
    for (url, is_fetched) in rows {
        let before = origin.requests().len();
        let ran = skybridge(TELLING.iter().chain(&["--max-redirs", "2", url.as_str()])).await;
        assert_silent(&ran, &url);
        assert_eq!(ran.exit, if is_fetched { 47 } else { 3 }, "{url}: {}", ran.err);
        assert_eq!(origin.requests().len() - before, if is_fetched { 3 } else { 0 }, "{url}");
    }
    let shown = skybridge(TELLING.iter().chain(&["--show-secrets", &origin.url("/?hunter2")])).await;
    assert!(
        shown.err.contains("GET /?hunter2") && shown.err.contains("location: /cb?code=hunter2&next="),
        "{}",
        shown.err
    );
}

#[tokio::test]
async fn nor_is_what_a_redirect_or_a_proxy_has_of_them() {
    for to in
        ["http://me:hunter2@127.0.0.1:1/", "//me:hunter2@127.0.0.1:1/", "http://me:hunter2/x@127.0.0.1/", "hunter2:x@y"]
    {
        let origin = guide(to).await;
        let ran = skybridge(TELLING.iter().chain(&[origin.url("/").as_str()])).await;
        assert_silent(&ran, to);
        assert_eq!(ran.exit, 3, "{to}: {}", ran.err);
    }
    let rows =
        ["http://me:hunter2/x@p.test/", "me:hunter2@p.test/?x=http://y", "hunter2://me@p.test", "http://me:hunter2"];
    for proxy in rows {
        let ran = fed_in(&[("http_proxy", proxy)], TELLING.iter().chain(&["http://a.test/"]), "").await;
        assert_silent(&ran, proxy);
        assert_eq!(ran.exit, 5, "{proxy}: {}", ran.err);
        let ran = skybridge(TELLING.iter().chain(&["-x", proxy, "http://a.test/"])).await;
        assert_silent(&ran, proxy);
        assert_eq!(ran.exit, 2, "{proxy}: {}", ran.err);
    }
}

/// No host is called `http`.
#[tokio::test]
async fn a_scheme_with_one_slash_is_no_host() {
    let ran = skybridge(["http:/127.0.0.1:1/"]).await;
    assert_eq!(ran.exit, 3, "{}", ran.err);
}

#[tokio::test]
async fn a_password_behind_a_certificates_file_is_not_shown() {
    for flag in ["-E", "--proxy-cert"] {
        let ran = skybridge(["-v", flag, "no-such.pem:hunter2:x", "https://a.test/"]).await;
        assert_silent(&ran, flag);
        assert_eq!(ran.exit, 58, "{}", ran.err);
        let shown = ran.err.contains("no-such.pem:(not shown): ") && ran.err.contains("a password is not read");
        assert!(shown, "{}", ran.err);
    }
}
