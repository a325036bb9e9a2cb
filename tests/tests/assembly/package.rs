//! Programs compiled by a cargo of their own, offline, in a package below `target/tmp`: it waits for no lock that this
//! test's own cargo may hold.

use serde_json::Value;
use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// What the compiler said.
pub(crate) struct Checked {
    /// The errors of each program that doesn't compile, as they are shown.
    errors: HashMap<String, String>,
}

/// Compiles programs: their names, and where they are.
pub(crate) fn check(package: &str, programs: &[(String, Source)]) -> Checked {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(package);
    write(&folder, package, programs);
    // Apart from the package: whatever it is called, the dependencies are compiled once.
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("programs");
    let output = Command::new(env!("CARGO"))
        .args(["check", "--offline", "--keep-going", "--bins", "--message-format", "json", "--target-dir"])
        .arg(target)
        .current_dir(&folder)
        .output()
        .unwrap();
    let messages = String::from_utf8_lossy(&output.stdout);
    let (mut errors, mut seen) = (HashMap::<String, String>::new(), 0);
    for message in messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()) {
        seen += usize::from(message["reason"] == "compiler-message" || message["reason"] == "compiler-artifact");
        if message["message"]["level"] == "error" {
            let target = message["target"]["name"].as_str().unwrap().to_owned();
            *errors.entry(target).or_default() += message["message"]["rendered"].as_str().unwrap();
        }
    }
    assert!(seen > 0, "{}", String::from_utf8_lossy(&output.stderr));
    for (name, errors) in &errors {
        assert!(programs.iter().any(|(program, _)| program == name), "{name} doesn't compile:\n{errors}");
    }
    Checked { errors }
}

impl Checked {
    /// What is wrong with a program; `None` when it compiles.
    pub(crate) fn errors(&self, program: &str) -> Option<&str> {
        self.errors.get(program).map(String::as_str)
    }
}

pub(crate) enum Source {
    File(PathBuf),
    Text(String),
}

fn write(folder: &Path, package: &str, programs: &[(String, Source)]) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let path = |name: &str| root.join("crates").join(name);
    let _ = fs::remove_dir_all(folder.join("bin"));
    fs::create_dir_all(folder.join("bin")).unwrap();
    let mut manifest = format!(
        "[package]\nname = {package:?}\nedition = \"2024\"\nautobins = false\n\n[workspace]\n\n[profile.dev]\ndebug = false\n\n\
         [dependencies]\nskybridge = {{ path = {:?} }}\nskybridge-hyper = {{ path = {:?} }}\n\
         hyper-util = {{ version = \"0.1\", features = [\"client-legacy\", \"http1\", \"tokio\"] }}\n\
         tower = {{ version = \"0.5\", features = [\"limit\", \"timeout\"] }}\n",
        path("skybridge"),
        path("hyper"),
    );
    for (name, source) in programs {
        let path = match source {
            Source::File(path) => path.clone(),
            Source::Text(text) => {
                let path = folder.join("bin").join(name).with_extension("rs");
                fs::write(&path, text).unwrap();
                path
            }
        };
        manifest += &format!("\n[[bin]]\nname = {name:?}\npath = {path:?}\n");
    }
    fs::write(folder.join("Cargo.toml"), manifest).unwrap();
    fs::copy(root.join("Cargo.lock"), folder.join("Cargo.lock")).unwrap();
}
