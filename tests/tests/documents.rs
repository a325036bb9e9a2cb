//! The documents: each package has its own, they stay short, and what they link to is there.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

use std::{
    fs,
    path::{Path, PathBuf},
};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn read(path: impl AsRef<Path>) -> String {
    fs::read_to_string(path.as_ref()).unwrap_or_else(|error| panic!("{}: {error}", path.as_ref().display()))
}

/// The folders of the packages that are published.
fn packages() -> Vec<PathBuf> {
    let mut packages: Vec<_> =
        fs::read_dir(root().join("crates")).unwrap().map(|entry| entry.unwrap().path()).collect();
    packages.retain(|path| path.join("Cargo.toml").exists());
    packages.sort();
    assert!(packages.len() > 10, "{packages:?}");
    packages
}

/// The name in a manifest.
fn name(manifest: &str) -> &str {
    manifest.lines().find_map(|line| line.strip_prefix("name = ")).unwrap().trim_matches('"')
}

/// Whether docs.rs is told so: but for the one that it can't build.
fn is_documented_with_all_features(manifest: &str) -> bool {
    let section = |name: &str| {
        let (_, rest) = manifest.split_once(&format!("[{name}]\n")).unwrap();
        rest.split("\n[").next().unwrap()
    };
    let (docs, is_apart) = (section("package.metadata.docs.rs"), |name: &str| ["default", "fips"].contains(&name));
    if !manifest.contains("\nfips = [") {
        return docs.starts_with("all-features = true");
    }
    let features = section("features").lines().filter_map(|line| line.split_once(" = [")).map(|(name, _)| name);
    features.filter(|name| !is_apart(name)).all(|name| docs.contains(&format!("    \"{name}\",\n")))
        && !docs.contains("\"fips\"")
}

#[test]
fn each_package_has_a_readme_licences_and_metadata() {
    for package in packages() {
        let manifest = read(package.join("Cargo.toml"));
        let readme = read(package.join("README.md"));
        let name = name(&manifest);
        assert!(readme.starts_with(&format!("# {name}\n")), "{readme}");
        assert!(manifest.contains("readme = \"README.md\""), "{name}");
        assert!(is_documented_with_all_features(&manifest), "{name}");
        for licence in ["LICENSE-MIT", "LICENSE-APACHE"] {
            assert_eq!(read(package.join(licence)), read(root().join(licence)), "{name}");
        }
        // The example of a library is run by the tests of its documentation.
        let lib = package.join("src/lib.rs");
        if lib.exists() {
            assert!(readme.contains("```rust\n"), "{name}: no example");
            assert!(read(lib).contains("#[cfg(doctest)]\n#[doc = include_str!(\"../README.md\")]"), "{name}");
        }
    }
}

#[test]
fn the_architecture_is_short_and_names_every_package() {
    let text = read(root().join("ARCHITECTURE.md"));
    assert!(text.len() <= 8 * 1024, "{} bytes: what is more belongs to the crate that it is about", text.len());
    for package in packages() {
        let folder = package.file_name().unwrap().to_str().unwrap();
        let row = format!("| [`{}`](crates/{folder}) |", name(&read(package.join("Cargo.toml"))));
        assert!(text.contains(&row), "{row}");
    }
}

#[test]
fn every_link_of_a_document_leads_somewhere() {
    let mut documents = vec![];
    for folder in [root(), root().join("docs"), root().join("docs/adr")].into_iter().chain(packages()) {
        let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        documents.extend(files.filter(|path| path.extension().is_some_and(|extension| extension == "md")));
    }
    let mut links = 0;
    for document in documents {
        let text = read(&document);
        for link in text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(link, _)| link) {
            if link.starts_with("http") || link.starts_with('#') {
                continue;
            }
            let path = link.split('#').next().unwrap();
            assert!(document.parent().unwrap().join(path).exists(), "{}: {link}", document.display());
            links += 1;
        }
    }
    assert!(links > 40, "{links}");
}

#[test]
fn each_decision_record_has_its_three_parts_and_is_listed() {
    let folder = root().join("docs/adr");
    let list = read(folder.join("README.md"));
    for entry in fs::read_dir(&folder).unwrap() {
        let file = entry.unwrap().file_name().into_string().unwrap();
        if file == "README.md" {
            continue;
        }
        let text = read(folder.join(&file));
        let number: u32 = file[..4].parse().unwrap();
        assert!(text.starts_with(&format!("# {number}. ")), "{file}");
        assert!(list.contains(&format!("[{number}]({file})")), "{file} is not in the list");
        for part in ["**Context.**", "**Decision.**", "**Consequences.**"] {
            assert!(text.contains(part), "{file}: no {part}");
        }
    }
}

/// Weaknesses of curl's that are about reuse or credentials, by the numbers of their CVEs.
const OF_CURL: [&str; 17] = [
    "2014-0015",
    "2015-3148",
    "2016-0755",
    "2016-5419",
    "2016-5420",
    "2016-7141",
    "2021-22890",
    "2021-22924",
    "2022-22576",
    "2022-27774",
    "2022-27782",
    "2023-27535",
    "2023-27536",
    "2023-27537",
    "2023-27538",
    "2026-1965",
    "2026-8932",
];

#[test]
fn each_weakness_of_curl_names_a_test_that_is_there() {
    let text = read(root().join("docs/security.md"));
    let rows: Vec<_> = text.lines().filter(|line| line.starts_with("| [20")).collect();
    for number in OF_CURL {
        let start = format!("| [{number}](https://curl.se/docs/CVE-{number}.html) |");
        assert!(rows.iter().any(|row| row.starts_with(&start)), "{number}");
    }
    for row in rows {
        let tests = row.rsplit(" | ").next().unwrap();
        let named: Vec<_> = tests.split("[`").skip(1).filter_map(|rest| rest.split_once("`](..")).collect();
        assert!(!named.is_empty(), "{row}");
        for (test, rest) in named {
            let file = root().join(rest.split(')').next().unwrap().trim_start_matches('/'));
            let source = read(&file);
            let at =
                source.find(&format!("fn {test}()")).unwrap_or_else(|| panic!("{test}: not in {}", file.display()));
            let before = source[..at].trim_end_matches("async ").trim_end();
            assert!(before.ends_with(']') && before.rsplit('#').next().unwrap().contains("test"), "{test}: no test");
        }
    }
}

#[test]
fn no_published_package_has_unsafe_code() {
    assert!(read(root().join("Cargo.toml")).contains("\nunsafe_code = \"forbid\"\n"));
    for package in packages() {
        let manifest = read(package.join("Cargo.toml"));
        assert!(manifest.contains("\n[lints]\nworkspace = true\n"), "{}", package.display());
    }
}

#[test]
fn each_chapter_of_the_guide_is_a_module_and_in_the_list() {
    let facade = root().join("crates/skybridge");
    let (list, modules) = (read(facade.join("docs/guide/README.md")), read(facade.join("src/guide.rs")));
    let mut chapters = 0;
    for entry in fs::read_dir(facade.join("docs/guide")).unwrap() {
        let file = entry.unwrap().file_name().into_string().unwrap();
        let name = file.trim_end_matches(".md");
        if name != "README" {
            assert!(list.contains(&format!("| [`{name}`] | ")), "{name} is not in the list");
            assert!(modules.contains(&format!("/guide/{file}\")]\npub mod {name} {{}}")), "{name} is no module");
            chapters += 1;
        }
    }
    assert!(chapters > 10, "{chapters}");
}

#[test]
fn each_feature_that_the_guide_names_is_there() {
    let facade = root().join("crates/skybridge");
    let (text, manifest) = (read(facade.join("docs/guide/cargo.md")), read(facade.join("Cargo.toml")));
    let mut features = 0;
    for line in text.lines().filter(|line| line.starts_with('|')) {
        let lists = line.split("features = [").skip(1).filter_map(|rest| rest.split_once(']'));
        for feature in lists.flat_map(|(list, _)| list.split(", ")) {
            let name = feature.trim_matches('"');
            assert!(manifest.contains(&format!("\n{name} = [")), "{name}: {line}");
            features += 1;
        }
    }
    assert!(features > 7, "{features}");
}
