//! Examples of skybridge, each in one file: `cargo run --example get -- URL`.
