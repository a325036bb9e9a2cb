//! A layer whose service is no `Clone`, above retry.

use skybridge::{tower::ServiceBuilder, *};
use std::time::Duration;

fn main() {
    let limit = ServiceBuilder::new().rate_limit(1, Duration::from_secs(1)).into_inner();
    let _client = Client::builder().above_retry(limit).build();
}
