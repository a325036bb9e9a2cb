//! Why a request has this connection and not another, in `-v` and in the report.

use crate::{
    ran::{reports, skybridge},
    tls::{Desk, h2},
};
use skybridge_testkit::origin::Origin;

#[tokio::test]
async fn why_a_connection_of_another_host_is_used_or_not() {
    let desk = Desk::new();
    let rows = [
        (
            &["a.test", "b.test"][..],
            "a connection of another origin is used: its address and certificate are those of b.test",
            serde_json::json!([]),
        ),
        (
            &["a.test"][..],
            "connection 1 to a.test",
            serde_json::json!([["coalesce_not_covered", "its certificate does not cover b.test"]]),
        ),
    ];
    for (names, line, passed_over) in rows {
        let origin = h2(&desk.ca.leaf(names.iter().copied())).start().await;
        let port = origin.addr().port();
        let ran = desk.run(&origin, "b.test", &["-v", &format!("https://a.test:{port}/")]).await;
        assert!(ran.err.lines().any(|told| told.starts_with(&format!("* {line}"))), "{line}: {}", ran.err);
        let told = reports(&ran);
        assert_eq!(told[0]["searches"], serde_json::json!([]), "an empty pool is nothing to tell");
        let search = &told[1]["searches"][0];
        let said: Vec<_> =
            search["passed_over"].as_array().unwrap().iter().map(|passed| [&passed["why"], &passed["text"]]).collect();
        let expected = passed_over.to_string().replace("b.test", &format!("b.test:{port}"));
        assert_eq!(serde_json::json!(said).to_string(), expected, "{search}");
    }
}

#[tokio::test]
async fn whoever_waits_at_a_limit_is_told_which_one() {
    let answer = |_| async {
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        http::Response::new("hello".to_owned())
    };
    let origin = Origin::h1().handle(answer).start().await;
    let url = origin.url("/");
    let run = ["-v", "-Z", "--repeat", "2", "--pool-max-per-host", "1", "--report", "-", &url];
    let ran = skybridge(run).await;
    assert_eq!((ran.exit, origin.connections()), (0, 1), "{}", ran.err);
    let told = reports(&ran);
    let waits = |report: &&serde_json::Value| report["searches"][0]["found"] == "waits_at_origin_limit";
    assert_eq!(told.iter().filter(waits).count(), 1, "{told:#?}");
    let line = format!("* it waits: there may be no more than 1 connection to {}", origin.addr());
    assert!(ran.err.lines().any(|told| told == line), "{line}: {}", ran.err);
}
