#![doc = include_str!("../docs/guide/README.md")]

#[doc = include_str!("../docs/guide/cargo.md")]
pub mod cargo {}
#[doc = include_str!("../docs/guide/compose.md")]
pub mod compose {}
#[doc = include_str!("../docs/guide/own_layer.md")]
pub mod own_layer {}
#[doc = include_str!("../docs/guide/pins.md")]
pub mod pins {}
#[doc = include_str!("../docs/guide/tls.md")]
pub mod tls {}
#[doc = include_str!("../docs/guide/proxies.md")]
pub mod proxies {}
#[doc = include_str!("../docs/guide/limits.md")]
pub mod limits {}
#[doc = include_str!("../docs/guide/retries.md")]
pub mod retries {}
#[doc = include_str!("../docs/guide/streams.md")]
pub mod streams {}
#[doc = include_str!("../docs/guide/grpc.md")]
pub mod grpc {}
#[doc = include_str!("../docs/guide/balance.md")]
pub mod balance {}
#[doc = include_str!("../docs/guide/tuning.md")]
pub mod tuning {}
#[doc = include_str!("../docs/guide/testing.md")]
pub mod testing {}
#[doc = include_str!("../docs/guide/coming_from.md")]
pub mod coming_from {}
