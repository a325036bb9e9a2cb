#![doc = include_str!("../docs/defaults.md")]
