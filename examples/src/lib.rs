//! Examples of skybridge: `cargo run --example get`, `service_builder`, `custom_layer`, `axum_handler`.
