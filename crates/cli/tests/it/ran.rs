//! Runs the binary.

use serde_json::Value;
use std::{ffi::OsStr, process::Stdio};
use tokio::{io::AsyncWriteExt, process::Command};

/// What is left of a run.
pub(crate) struct Ran {
    pub(crate) exit: i32,
    pub(crate) out: String,
    pub(crate) bytes: Vec<u8>,
    pub(crate) err: String,
}

pub(crate) async fn skybridge<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Ran {
    fed(arguments, "").await
}

/// With this on stdin. No proxy of the environment is used.
pub(crate) async fn fed<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>, stdin: &str) -> Ran {
    fed_in::<A, &str>(&[], arguments, stdin).await
}

/// With these variables; no other proxy of the environment is used.
pub(crate) async fn fed_in<A: AsRef<OsStr>, V: AsRef<OsStr> + Copy>(
    variables: &[(&str, V)],
    arguments: impl IntoIterator<Item = A>,
    stdin: &str,
) -> Ran {
    let mut command = Command::new(env!("CARGO_BIN_EXE_skybridge"));
    for name in ["http", "https", "all", "no"].map(|what| format!("{what}_proxy")) {
        command.env_remove(name.to_ascii_uppercase());
        command.env_remove(name);
    }
    command.envs(variables.iter().copied());
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().unwrap();
    let mut pipe = child.stdin.take().unwrap();
    pipe.write_all(stdin.as_bytes()).await.unwrap();
    drop(pipe);
    let output = child.wait_with_output().await.unwrap();
    Ran {
        exit: output.status.code().unwrap(),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        bytes: output.stdout,
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// The lines of `--report -`.
pub(crate) fn reports(ran: &Ran) -> Vec<Value> {
    ran.out.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"))).collect()
}
