//! By the page of `skybridge_inspect`, and that of `Source`.

use skybridge_inspect::{Inspector, RecentCalls, Snapshot, Source};
use tower::ServiceExt;

/// A client of somebody else, which is gone.
struct Gone;

impl Source for Gone {
    fn snapshot(&self, _origins: usize) -> Option<Snapshot> {
        None
    }
}

#[tokio::test]
async fn the_page_shows_whatever_is_a_source() {
    let inspector = Inspector::new(Gone, Some(RecentCalls::new()));
    let request = http::Request::get("/json").body(()).unwrap();
    let response = inspector.oneshot(request).await.unwrap();
    assert!(response.status().is_success());
    let said: serde_json::Value = serde_json::from_str(&super::text(response.into_body()).await).unwrap();
    assert!(said.is_object(), "{said}");
}
