//! The machine of the pool decides, and nothing else: with the plain types that it is asked with it compiles in a
//! package that has the standard library and `skybridge-core`, no other crate and no other module of the pool.

use std::{fs, path::Path, process::Command};

/// The plain types it is asked with.
const BESIDE: [&str; 3] = ["config.rs", "stats.rs", "shared/time.rs"];

#[test]
fn the_pools_machine_compiles_by_itself() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let pool = root.join("crates/pool/src");
    let package = Path::new(env!("CARGO_TARGET_TMPDIR")).join("machine");
    let _ = fs::remove_dir_all(&package);
    let sources = package.join("src");
    fs::create_dir_all(sources.join("machine")).unwrap();
    fs::create_dir_all(sources.join("shared")).unwrap();
    for file in BESIDE.into_iter().chain(["machine.rs"]) {
        fs::copy(pool.join(file), sources.join(file)).unwrap();
    }
    let mut rooms = 0;
    for room in fs::read_dir(pool.join("machine")).unwrap() {
        let room = room.unwrap();
        fs::copy(room.path(), sources.join("machine").join(room.file_name())).unwrap();
        rooms += 1;
    }
    assert!(rooms > 5);
    let lib = "#![allow(dead_code, unused_imports)]\nmod config;\nmod machine;\nmod stats;\nmod shared {\n    \
               pub(crate) mod time;\n}\n";
    fs::write(sources.join("lib.rs"), lib).unwrap();
    let manifest = format!(
        "[package]\nname = \"machine\"\nedition = \"2024\"\n\n[workspace]\n\n[dependencies]\n\
         skybridge-core = {{ path = {:?} }}\n",
        root.join("crates/core"),
    );
    fs::write(package.join("Cargo.toml"), manifest).unwrap();
    fs::copy(root.join("Cargo.lock"), package.join("Cargo.lock")).unwrap();
    let check = Command::new(env!("CARGO"))
        .args(["check", "--offline", "--target-dir"])
        .arg(Path::new(env!("CARGO_TARGET_TMPDIR")).join("programs"))
        .current_dir(&package)
        .output()
        .unwrap();
    assert!(check.status.success(), "{}", String::from_utf8_lossy(&check.stderr));
}
