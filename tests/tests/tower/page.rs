//! The page names each of these tests, and none that isn't there.

use std::{collections::BTreeSet, fs, path::Path};

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

#[test]
fn the_page_of_layers_names_each_test_and_no_other() {
    let page = read("../crates/skybridge/docs/layers.md");
    let named: BTreeSet<&str> =
        page.lines().filter(|line| line.starts_with('|')).filter_map(|line| line.rsplit('`').nth(1)).collect();
    let of_this_page = ["time", "load", "redirects", "messages"].map(|file| read(&format!("tests/tower/{file}.rs")));
    let seams = read("tests/seams.rs");
    let tests = |text: &str| {
        let names = text.split("async fn ").skip(1).filter_map(|rest| Some(rest.split_once("() {")?.0.to_owned()));
        names.filter(|name| name.len() > 20).collect::<BTreeSet<_>>()
    };
    let here: BTreeSet<String> = of_this_page.iter().flat_map(|text| tests(text)).collect();
    let known: BTreeSet<String> = here.union(&tests(&seams)).cloned().collect();
    for name in &named {
        assert!(known.contains(*name), "there is no test {name}");
    }
    for name in &here {
        assert!(named.contains(name.as_str()), "the page doesn't name {name}");
    }
    assert!(named.len() > 15, "{named:?}");
}
