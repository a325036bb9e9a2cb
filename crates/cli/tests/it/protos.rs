//! Which URLs may be fetched, by their scheme.

use crate::ran::{reports, skybridge};
use http::Response;
use skybridge_testkit::origin::Origin;

async fn leading_to(to: String) -> Origin {
    let answer = move |_| {
        let to = to.clone();
        async move { Response::builder().status(302).header("location", to).body(String::new()).unwrap() }
    };
    Origin::h1().handle(answer).start().await
}

#[tokio::test]
async fn an_http_url_is_refused_where_proto_is_https_alone() {
    let origin = Origin::h1().start().await;
    let url = origin.url("/");
    for (proto, exit) in [("=https", 1), ("-http", 1), ("-all,+https", 1), ("=http,https", 0), ("=http", 0)] {
        let ran = skybridge(["--proto", proto, "--report", "-", &url]).await;
        assert_eq!(ran.exit, exit, "{}", ran.err);
        let error = &reports(&ran)[0]["error"];
        assert_eq!(error["advice"].as_str(), (exit == 1).then_some("cleartext"), "{}", ran.err);
    }
    assert_eq!(origin.connections(), 2);
}

#[tokio::test]
async fn an_https_url_is_refused_where_proto_is_without_it() {
    let origin = Origin::h1().https(["a.test"]).start().await;
    let url = origin.url("/?hunter2");
    for proto in ["=http", "-https", "=ftp"] {
        for verb in [&[][..], &["explain"], &["pins"]] {
            let ran = skybridge([verb, &["-k", "--proto", proto, "--report", "-", &url]].concat()).await;
            let error = &reports(&ran)[0]["error"];
            assert_eq!((ran.exit, &error["processed"]), (1, &"no".into()), "{verb:?} {proto}: {}", ran.err);
            let told = format!("(1) {}: https URLs are not permitted (--proto)", origin.url("/?[hidden]"));
            assert!(ran.err.contains(&told), "{}", ran.err);
        }
    }
    assert_eq!(origin.connections(), 0);
}

#[tokio::test]
async fn a_redirect_to_a_scheme_that_is_not_permitted_is_not_followed() {
    let (http, https) = (Origin::h1().start().await, Origin::h1().https(["a.test"]).start().await);
    let rows: [(&[&str], &Origin, Option<&str>); 8] = [
        (&["--proto-redir", "=https"], &http, Some("--proto-redir")),
        (&["--proto-redir", "-all,https,+ftp"], &http, Some("--proto-redir")),
        (&["--proto-redir", "-https"], &https, Some("--proto-redir")),
        (&["--proto", "=http"], &https, Some("--proto")),
        (&["--proto", "=http", "--proto-redir", "=http,https"], &https, Some("--proto")),
        (&["--proto-redir", "=https"], &https, None),
        (&["--proto-redir", "=http"], &http, None),
        (&["--proto-redir", "imap"], &http, None),
    ];
    for (flags, target, refused_by) in rows {
        let from = leading_to(target.url("/there?hunter2")).await;
        let before = target.connections();
        let ran = skybridge([flags, &["-k", "-L", "--report", "-", &from.url("/")]].concat()).await;
        let Some(flag) = refused_by else {
            assert_eq!((ran.exit, target.connections()), (0, before + 1), "{flags:?}: {}", ran.err);
            continue;
        };
        assert_eq!((ran.exit, target.connections(), from.connections()), (1, before, 1), "{flags:?}: {}", ran.err);
        let told = &reports(&ran)[0];
        assert_eq!((&told["status"], &told["error"]["processed"]), (&302.into(), &"yes".into()));
        let scheme = target.url("").split_once(':').unwrap().0.to_owned();
        let words =
            format!("(1) a redirect to {}: {scheme} URLs are not permitted ({flag})", target.url("/there?[hidden]"));
        assert!(ran.err.contains(&words), "{flags:?}: {}", ran.err);
    }
    // Nothing else is held to it.
    let ran = skybridge(["--proto-redir", "=https", &http.url("/")]).await;
    assert_eq!(ran.exit, 0, "{}", ran.err);
}

#[tokio::test]
async fn what_is_not_spoken_is_exit_1_where_it_leads_there_too() {
    let from = leading_to("ftp://me:hunter2@a.test/".to_owned()).await;
    for url in ["ftp://a.test/?hunter2", "gopher://me:hunter2@a.test", &from.url("/")] {
        let ran = skybridge(["-L", url]).await;
        assert_eq!((ran.exit, ran.out.as_str()), (1, ""), "{url}: {}", ran.err);
        assert!(!ran.err.contains("hunter2"), "{}", ran.err);
    }
}

#[tokio::test]
async fn a_protocol_that_nobody_knows_may_be_a_mistyped_one_and_is_refused() {
    for flag in ["--proto", "--proto-redir"] {
        for (list, why) in [("-htp", "`htp` is no protocol"), ("-all", "it permits nothing"), ("=", "no name")] {
            let ran = skybridge([flag, list, "http://a.test/"]).await;
            assert!(ran.exit == 2 && ran.err.contains(why) && ran.err.contains(flag), "{}", ran.err);
        }
    }
}
