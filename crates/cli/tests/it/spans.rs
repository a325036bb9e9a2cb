//! `-vv`: spans and lines of `tracing`.

use crate::ran::{fed_in, skybridge};
use skybridge_testkit::origin::Origin;

#[tokio::test]
async fn spans_and_lines_are_printed_with_vv_as_rust_log_wants() {
    let origin = Origin::h1().start().await;
    let url = origin.url("/");
    // What is asked for, and which targets are told.
    let rows: [(&[&str], Option<&str>, &[&str]); 6] = [
        (&["-vv"], None, &["skybridge::call", "skybridge::phase", "skybridge::connection"]),
        (&["-v", "-v"], None, &["skybridge::call", "skybridge::phase", "skybridge::connection"]),
        (&["-vv"], Some("skybridge::connection=debug"), &["skybridge::connection"]),
        (&["-vv"], Some("off"), &[]),
        (&["-v"], Some("trace"), &[]),
        (&[], Some("trace"), &[]),
    ];
    for (flags, filter, expected) in rows {
        let variables = [("RUST_LOG", filter.unwrap_or_default())];
        let ran = fed_in(&variables, flags.iter().chain(&["-s", &url]), "").await;
        assert_eq!((ran.exit, ran.out.as_str()), (0, "hello"));
        for target in ["skybridge::call", "skybridge::phase", "skybridge::connection"] {
            let is_told = ran.err.contains(&format!(" {target}: ")) || ran.err.contains(&format!(": {target}: "));
            assert_eq!(is_told, expected.contains(&target), "{flags:?} {filter:?} {target}: {}", ran.err);
        }
        assert!(!ran.err.replace('\n', "").contains(char::is_control), "{:?}", ran.err);
    }
    let ran = fed_in(&[("RUST_LOG", "skybridge=loud")], ["-vv", &url], "").await;
    assert!(ran.exit == 2 && ran.err.starts_with("skybridge: RUST_LOG skybridge=loud: "), "{} {}", ran.exit, ran.err);
}

/// Those of other libraries have whole heads in them.
#[tokio::test]
async fn no_other_library_tells_secrets_unless_they_are_shown() {
    let origin = Origin::h2c().start().await;
    let url = origin.url("/?token=hunter2");
    let told = async |flags: &[&str]| {
        let request = ["--http2-prior-knowledge", "-H", "authorization: hunter2", &url];
        let ran = fed_in(&[("RUST_LOG", "trace")], flags.iter().chain(&request), "").await;
        assert_eq!(ran.exit, 0, "{}", ran.err);
        ran.err
    };
    let hidden = told(&["-vv"]).await;
    assert!(hidden.contains("skybridge::call") && !hidden.contains("hunter2") && !hidden.contains(" h2::"), "{hidden}");
    assert!(told(&["-vv", "--show-secrets"]).await.contains(" h2::"));
}

#[tokio::test]
async fn explain_says_that_it_has_no_spans() {
    let ran = skybridge(["explain", "-vv", "http://127.0.0.1:1/"]).await;
    assert_eq!(ran.exit, 0, "{}", ran.err);
    assert!(ran.err.starts_with("* no spans: nothing is fetched"), "{}", ran.err);
    let ran = skybridge(["explain", "-v", "http://127.0.0.1:1/"]).await;
    assert!(!ran.err.contains("spans"), "{}", ran.err);
}
