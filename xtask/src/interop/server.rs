//! A server that runs while its value lives.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use crate::command::{Failure, Outcome, line};
use crate::interop::ports;

const PAUSE: Duration = Duration::from_millis(20);
/// How many pauses a server may take to start, or to stop.
const PAUSES: u32 = 500;

/// Dropped, it is asked to stop, and killed if it doesn't.
#[derive(Debug)]
pub(crate) struct Server {
    name: &'static str,
    child: Child,
    console: PathBuf,
    log: PathBuf,
}

// === impl Server ===

impl Server {
    /// Starts the command with its output in `folder/console.log`, and waits until it listens on each port.
    ///
    /// The kernel is asked to stop it too should this process be killed: `setpriv` is in Debian's essential util-linux.
    pub(crate) fn start(name: &'static str, command: &Command, folder: &Path, ports: &[u16]) -> Outcome<Self> {
        println!("$ {} &", line(command));
        let console = folder.join("console.log");
        let failed = || format!("cannot start {name}");
        let out = File::create(&console).map_err(Failure::during(failed()))?;
        let err = out.try_clone().map_err(Failure::during(failed()))?;
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "TERM", "--"])
            .arg(command.get_program())
            .args(command.get_args())
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(err)
            .spawn()
            .map_err(Failure::during(failed()))?;
        let mut server = Self { name, child, log: console.clone(), console };
        server.listens(ports)?;
        Ok(server)
    }

    /// Where it tells what it did, if not on its console.
    pub(crate) fn logging_to(mut self, log: PathBuf) -> Self {
        self.log = log;
        self
    }

    pub(crate) fn log(&self) -> &Path {
        &self.log
    }

    /// Its process: `setpriv` becomes the server.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Fails when it has ended by itself.
    pub(crate) fn still_running(mut self) -> Outcome {
        self.alive()
    }

    fn listens(&mut self, ports: &[u16]) -> Outcome {
        for port in ports {
            for _ in 0..PAUSES {
                self.alive()?;
                if ports::listening(self.pid(), *port)? {
                    break;
                }
                pause();
            }
            if !ports::listening(self.pid(), *port)? {
                return Err(Failure::new(format!("{} doesn't listen on {port}:\n{}", self.name, self.said())));
            }
        }
        Ok(())
    }

    fn alive(&mut self) -> Outcome {
        match self.child.try_wait() {
            Ok(None) => Ok(()),
            Ok(Some(status)) => Err(Failure::new(format!("{} ended ({status}):\n{}", self.name, self.said()))),
            Err(cause) => Err(Failure::new(format!("{} cannot be asked: {cause}", self.name))),
        }
    }

    fn said(&self) -> String {
        fs::read_to_string(&self.console).unwrap_or_else(|cause| format!("(no console: {cause})"))
    }

    fn ended(&mut self) -> bool {
        (0..PAUSES).any(|_| {
            let ended = !matches!(self.child.try_wait(), Ok(None));
            if !ended {
                pause();
            }
            ended
        })
    }
}

impl Drop for Server {
    /// A polite signal first: nginx's master takes its workers with it, which a kill would leave behind.
    fn drop(&mut self) {
        if !matches!(self.child.try_wait(), Ok(None)) {
            return;
        }
        let asked = Command::new("sh").args(["-c", &format!("kill {}", self.child.id())]).status();
        if asked.is_ok_and(|status| status.success()) && self.ended() {
            return;
        }
        eprintln!("xtask: {} doesn't stop, it is killed", self.name);
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[expect(clippy::disallowed_methods, reason = "a program's own thread, waiting for another program")]
fn pause() {
    thread::sleep(PAUSE);
}

#[cfg(test)]
mod tests {
    use std::env;

    use super::*;

    fn folder(name: &str) -> PathBuf {
        let folder = env::temp_dir().join(format!("skybridge-xtask-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn a_server_is_stopped_with_its_value() {
        let folder = folder("stop");
        let server = Server::start("sleeper", &shell("exec sleep 1000"), &folder, &[]).unwrap();
        let proc = PathBuf::from(format!("/proc/{}", server.child.id()));
        assert!(proc.exists());
        drop(server);
        assert!(!proc.exists());
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_server_that_ends_is_told_with_its_last_words() {
        let folder = folder("end");
        let [port] = ports::free().unwrap();
        let failure = Server::start("faulty", &shell("echo no such option; exit 3"), &folder, &[port]).unwrap_err();
        let message = failure.to_string();
        assert!(message.contains("faulty ended") && message.contains("no such option"), "{message}");
        fs::remove_dir_all(folder).unwrap();
    }
}
