//! What was worth keeping, read again: this needs neither libFuzzer nor luck.

use std::{fs, path::Path};

fn replay(folder: &str, target: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds").join(folder);
    let mut seeds = 0;
    for entry in fs::read_dir(&folder).expect("the folder is part of the repository") {
        let path = entry.expect("readable").path();
        println!("{}", path.display());
        target(&fs::read(&path).expect("readable"));
        seeds += 1;
    }
    assert!(seeds > 5, "{seeds} in {}", folder.display());
}

#[test]
fn h1_response() {
    replay("responses", skybridge_fuzz::h1_response);
}

#[test]
fn h1_differential() {
    replay("responses", skybridge_fuzz::h1_differential);
}

#[test]
fn h1_request() {
    replay("requests", skybridge_fuzz::h1_request);
}

#[test]
fn h1_connection() {
    replay("responses", skybridge_fuzz::h1_connection);
}

#[test]
fn h2_connection() {
    replay("h2", skybridge_fuzz::h2_connection);
}

#[test]
fn tunnel_answer() {
    replay("tunnel", skybridge_fuzz::tunnel_answer);
}

#[test]
fn names() {
    replay("names", skybridge_fuzz::names);
}

#[test]
fn no_proxy() {
    replay("no-proxy", skybridge_fuzz::no_proxy);
}

#[test]
fn certificate() {
    replay("certificates", skybridge_fuzz::certificate);
}

#[test]
fn pins() {
    replay("pins", skybridge_fuzz::pins);
}

#[test]
fn retry_after() {
    replay("retry-after", skybridge_fuzz::retry_after);
}

#[test]
fn challenge() {
    replay("challenges", skybridge_fuzz::challenge);
}

#[test]
fn https_record() {
    replay("https-records", skybridge_fuzz::https_record);
}

#[test]
fn dns_answer() {
    replay("dns-answers", skybridge_fuzz::dns_answer);
}

#[test]
fn timeline() {
    replay("timelines", skybridge_fuzz::timeline);
}
