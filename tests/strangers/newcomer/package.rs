//! Programs of README.md, and the crates that they are.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::{Mutex, PoisonError},
};

/// A program, and the lines that add what it depends on.
#[derive(Clone, Default)]
pub(crate) struct Program {
    pub(crate) code: String,
    adds: Vec<String>,
}

/// What was built of it.
pub(crate) struct Built(PathBuf);

/// Ends with its handle.
pub(crate) struct Running(pub(crate) Child);

/// Cargo locks the target folder anyway, and says so less clearly.
static BUILDING: Mutex<()> = Mutex::new(());

/// All of README.md, in order.
pub(crate) fn programs() -> Vec<Program> {
    let (mut programs, mut adds) = (Vec::new(), Vec::new());
    for block in include_str!("../../../README.md").split("\n```").skip(1).step_by(2) {
        let (language, text) = block.split_once('\n').unwrap();
        match language {
            "sh" => adds = text.lines().filter_map(|line| line.strip_prefix("cargo add ")).map(str::to_owned).collect(),
            "rust" if text.contains("fn main()") => {
                programs.push(Program { code: format!("{text}\n"), adds: std::mem::take(&mut adds) });
            }
            _ => {}
        }
    }
    programs
}

/// The one in which this occurs.
pub(crate) fn program(with: &str) -> Program {
    programs().into_iter().find(|program| program.code.contains(with)).unwrap()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

impl Program {
    pub(crate) fn replace(mut self, there: &str, here: &str) -> Self {
        assert!(self.code.contains(there), "{there}: not in\n{}", self.code);
        self.code = self.code.replace(there, here);
        self
    }

    /// Where a crate of this name is.
    pub(crate) fn folder(&self, name: &str) -> PathBuf {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("newcomer").join(name);
        fs::create_dir_all(folder.join("src")).unwrap();
        folder
    }

    /// Makes a crate of it, as `cargo new` and the lines before the program do, and builds that.
    pub(crate) fn build(&self, name: &str) -> Built {
        let folder = self.folder(name);
        fs::write(folder.join("src/main.rs"), &self.code).unwrap();
        fs::write(folder.join("Cargo.toml"), self.manifest(name)).unwrap();
        fs::copy(root().join("Cargo.lock"), folder.join("Cargo.lock")).unwrap();
        if self.code.contains("include_proto!") {
            // In the place of the build script that needs protoc.
            let generated = root().join("tests/strangers/newcomer/helloworld.rs");
            let script = format!(
                "fn main() {{ let out = std::env::var(\"OUT_DIR\").unwrap();\n\
                 std::fs::copy({generated:?}, out + \"/helloworld.rs\").unwrap(); }}\n"
            );
            fs::write(folder.join("build.rs"), script).unwrap();
        }
        // That of the programs of `tests/tests/assembly`: what they depend on is compiled once.
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("programs");
        let building = BUILDING.lock().unwrap_or_else(PoisonError::into_inner);
        let output = Command::new(env!("CARGO"))
            .args(["build", "--offline", "--target-dir"])
            .arg(&target)
            .current_dir(&folder)
            .output()
            .unwrap();
        drop(building);
        assert!(output.status.success(), "{name}:\n{}", String::from_utf8_lossy(&output.stderr));
        Built(target.join("debug").join(name))
    }

    fn manifest(&self, name: &str) -> String {
        let mut manifest = format!(
            "[package]\nname = {name:?}\nedition = \"2024\"\n\n[workspace]\n\n[profile.dev]\ndebug = false\n\n\
             [dependencies]\n"
        );
        if self.code.contains("include_proto!") {
            manifest += "bytes = \"1\" # where prost would be\n";
        }
        // Those of the build script, and what it would write for.
        let stands_in = |name: &str| matches!(name, "prost" | "tonic-prost");
        for line in self.adds.iter().filter(|line| !line.starts_with("--build ")) {
            let mut words = line.split_whitespace();
            let (mut names, mut settings) = (Vec::new(), String::new());
            while let Some(word) = words.next() {
                match word {
                    "--no-default-features" => settings += ", default-features = false",
                    "-F" => {
                        let features: Vec<_> = words.next().unwrap().split(',').collect();
                        settings += &format!(", features = {features:?}");
                    }
                    name if stands_in(name) => {}
                    name => names.push(name),
                }
            }
            for name in names {
                let source = match name.strip_prefix("skybridge").map(|rest| rest.trim_start_matches('-')) {
                    Some(rest) => {
                        let folder = if rest.is_empty() { "skybridge" } else { rest };
                        format!("path = {:?}", root().join("crates").join(folder))
                    }
                    None => "version = \"*\"".to_owned(),
                };
                manifest += &format!("{name} = {{ {source}{settings} }}\n");
            }
        }
        manifest
    }
}

impl Built {
    /// Runs it to its end.
    pub(crate) async fn run(self, set: impl FnOnce(&mut Command) -> &mut Command) -> Output {
        let mut command = Command::new(self.0);
        set(&mut command);
        tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
    }

    /// Runs it until what this returns is dropped.
    pub(crate) fn start(self) -> Running {
        Running(Command::new(self.0).stdout(Stdio::piped()).spawn().unwrap())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
